//! First improvement in a fixed order: earlier waves, swaps with a service that is worth less, and the last waves emptied.

use super::{LEAST, Search};

/// Rounds over all items before the search is content.
const ROUNDS: usize = 12;

impl Search<'_> {
    /// Improves until nothing does, or no try is left.
    pub(super) fn descend(&mut self) {
        for _ in 0..ROUNDS {
            let moved = self.move_earlier() | self.empty_last_wave() | self.swap();
            if !moved || self.tries == 0 {
                return;
            }
        }
    }

    /// Moves items to the first earlier wave that improves the plan.
    fn move_earlier(&mut self) -> bool {
        let first = self.board.problem.first_wave();
        let mut moved = false;
        for item in self.by_worth() {
            for wave in first..self.board.wave_of[item] {
                if !self.may_try() {
                    return moved;
                }
                if self.fits(item, wave) && self.attempt(&[(item, wave)]) {
                    moved = true;
                    break;
                }
            }
        }
        moved
    }

    /// Swaps items of two waves where the heavier one comes earlier by that.
    fn swap(&mut self) -> bool {
        let items = self.by_worth();
        let mut moved = false;
        for (index, item) in items.iter().enumerate() {
            for other in items.iter().skip(index + 1) {
                let (at, to) = (self.board.wave_of[*item], self.board.wave_of[*other]);
                if at <= to {
                    continue;
                }
                if !self.may_try() {
                    return moved;
                }
                if self.could_swap(*item, *other) {
                    moved |= self.attempt(&[(*item, to), (*other, at)]);
                }
            }
        }
        moved
    }

    /// Cheap reasons against a swap, before it is tried.
    fn could_swap(&self, item: usize, other: usize) -> bool {
        let (board, problem) = (&self.board, self.board.problem);
        let (at, to) = (board.wave_of[item], board.wave_of[other]);
        let (one, two) = (&problem.items[item], &problem.items[other]);
        let room = |wave: u32, leaves: f64, joins: f64| {
            let limit = problem.limits(wave).traffic;
            board.load(wave).items.len() == 1
                || board.touched(wave) - leaves + joins <= limit + LEAST
        };
        room(to, two.touched, one.touched)
            && room(at, one.touched, two.touched)
            && board.above_ramp(item, to).is_none()
            && (self.aim.strict > 0.0 || self.gain(item, other) < -LEAST)
            && board.held_by_placed(item, to).is_none()
            && board.held_by_placed(other, at).is_none()
    }

    /// Change of the area when two items swap their waves.
    fn gain(&self, item: usize, other: usize) -> f64 {
        let board = &self.board;
        let (at, to) = (board.wave_of[item], board.wave_of[other]);
        let bonds = &board.problem.items[item].bonds;
        let bond = bonds.binary_search_by_key(&other, |(other, _)| *other);
        let between = bond.map_or(0.0, |found| bonds[found].1 * f64::from(at - to));
        board.change(item, to) + board.change(other, at) + between
    }

    /// Spreads the items of the last wave over earlier ones, where that saves the wave and no more is lost.
    fn empty_last_wave(&mut self) -> bool {
        let (first, last) = (self.board.problem.first_wave(), self.board.last_wave());
        let items = self.board.load(last).items.clone();
        let (before, cost) = (self.board.clone(), self.aim.cost(&self.board));
        for item in &items {
            let mut waves = first..last;
            let found = waves.find(|wave| !self.fixed[*item] && self.fits(*item, *wave));
            match found {
                Some(wave) if self.may_try() => self.board.place(*item, wave),
                _ => {
                    self.board = before;
                    return false;
                }
            }
        }
        let is_kept = self.board.is_justified() && self.aim.cost(&self.board) < cost - LEAST;
        if !is_kept {
            self.board = before;
        }
        is_kept
    }

    /// Items that may move, those that are worth most first.
    fn by_worth(&self) -> Vec<usize> {
        let items = &self.board.problem.items;
        let worth: Vec<f64> = items
            .iter()
            .map(|item| item.worth + item.bonds.iter().map(|(_, worth)| 0.5 * worth).sum::<f64>())
            .collect();
        let mut order: Vec<usize> = (0..items.len()).filter(|item| !self.fixed[*item]).collect();
        order.sort_by(|a, b| worth[*b].total_cmp(&worth[*a]).then(a.cmp(b)));
        order
    }
}
