//! The last step of a repair: no wave stays empty without need, and none is an exception without need.
//!
//! A wave that became empty goes, and all later ones come forward as they are, if that breaks nothing. Else the most valuable service
//! that may join it does, or, when only the ramp holds everybody back, the least risky one, as in a fresh plan. What pins, freezes
//! and waves in flight keep empty stays empty.

use super::super::board::Board;
use super::super::outcome::{LimitName, MoveReason};
use super::reason;
use super::repair::Repair;

/// What became of a wave.
enum Step {
    /// It may stay as it is.
    Settled,
    /// It is gone, and the next one has its number.
    Closed,
    /// Somebody came forward.
    Moved,
    /// The budget is spent.
    Stuck,
}

impl Repair<'_, '_> {
    /// False when the budget is spent.
    pub(super) fn settle(&mut self) -> bool {
        let first = self.board.problem.first_wave();
        let mut wave = first;
        while wave <= self.board.last_wave() {
            match self.settle_wave(wave) {
                Step::Settled => wave += 1,
                Step::Closed => {}
                // Whoever had to move may have left an earlier wave empty.
                Step::Moved => wave = first,
                Step::Stuck => return false,
            }
        }
        self.excuse();
        true
    }

    fn settle_wave(&mut self, wave: u32) -> Step {
        let is_empty = self.board.load(wave).items.is_empty();
        let idle = self.exceptional(wave);
        if !is_empty && idle.is_empty() {
            return Step::Settled;
        }
        if is_empty && self.close(wave) {
            return Step::Closed;
        }
        let mut forward = self.volunteer(wave, &idle);
        if forward.is_some() {
            self.lifted.remove(&wave);
        } else if is_empty {
            forward = self.exception(wave);
            if forward.is_some() {
                self.make_exception(wave);
            }
        }
        match forward {
            None => Step::Settled,
            Some(item) if self.advance(item, wave, &idle) => Step::Moved,
            Some(_) => Step::Stuck,
        }
    }

    /// The most valuable item of a later wave that could join, if some of its members went.
    fn volunteer(&mut self, wave: u32, without: &[usize]) -> Option<usize> {
        without.iter().for_each(|other| self.board.remove(*other));
        let later = |item: &usize| self.board.wave_of[*item] > wave;
        let items = (0..self.board.problem.items.len()).filter(later);
        let able = items.filter(|item| self.board.obstacle(*item, wave).is_none());
        let best = able.max_by(|a, b| self.gain(*a).total_cmp(&self.gain(*b)).then(b.cmp(a)));
        without
            .iter()
            .for_each(|other| self.board.place(*other, wave));
        best
    }

    /// The least risky item that only the ramp holds back from an empty wave, if nobody keeps to its limits.
    fn exception(&self, wave: u32) -> Option<usize> {
        let items = &self.board.problem.items;
        let later = |item: &usize| self.board.wave_of[*item] > wave;
        let mut able = (0..items.len()).filter(later);
        if able.any(|item| self.board.ineligible(item, wave).is_none()) {
            return None;
        }
        let held = |item: &usize| {
            let obstacle = self.board.ineligible(*item, wave);
            obstacle.is_some_and(reason::is_ramp) && self.board.no_room(*item, wave).is_none()
        };
        let items_by_risk = |a: &usize, b: &usize| {
            let by_risk = items[*a].risk.total_cmp(&items[*b].risk);
            by_risk.then(a.cmp(b))
        };
        (0..items.len())
            .filter(later)
            .filter(held)
            .min_by(items_by_risk)
    }

    /// Brings an item forward; those whose place it takes are inserted again.
    fn advance(&mut self, item: usize, wave: u32, idle: &[usize]) -> bool {
        self.board.remove(item);
        self.reasons.entry(item).or_insert(MoveReason::Advanced);
        if idle.is_empty() {
            self.board.place(item, wave);
        } else if !self.take_place(item, wave, idle, &self.displaced_by(item)) {
            return false;
        }
        self.spend() && self.insert_all()
    }

    /// Makes every later wave one earlier, if each item may stand there.
    fn close(&mut self, wave: u32) -> bool {
        let mut shifted = Board::new(self.board.problem);
        for (item, at) in self.board.wave_of.iter().enumerate() {
            shifted.place(item, if *at > wave { at - 1 } else { *at });
        }
        let lifted = self.lifted.clone();
        let moved = std::mem::take(&mut self.lifted).into_iter();
        self.lifted = moved
            .map(|(at, what)| (if at > wave { at - 1 } else { at }, what))
            .collect();
        let before = std::mem::replace(&mut self.board, shifted);
        let fits = (0..self.board.wave_of.len()).all(|item| {
            let at = self.board.wave_of[item];
            at < wave || self.cannot_stay(item, at).is_none()
        });
        if !fits {
            (self.board, self.lifted) = (before, lifted);
        }
        fits
    }

    /// Marks the waves that are over their limits by no more than the tolerance.
    fn excuse(&mut self) {
        let waves = self.board.problem.first_wave()..=self.board.last_wave();
        let tolerated: Vec<u32> = waves.filter(|wave| self.is_tolerated(*wave)).collect();
        tolerated
            .into_iter()
            .for_each(|wave| self.board.excuse(wave));
    }

    /// Whether what stands in a wave without a pin is over a limit, which only the tolerance allows.
    fn is_tolerated(&self, wave: u32) -> bool {
        if self.is_frozen(wave) || self.is_exception(wave) {
            return false;
        }
        let exceptions = self.board.exceptions(wave);
        let limits = self.board.problem.limits(wave);
        let load = self.board.load(wave).items.iter();
        let free = load.filter(|item| !self.is_due(**item, wave));
        let mut free = free.map(|item| &self.board.problem.items[*item]);
        let is_broken = |limit| exceptions.iter().any(|exception| exception.limit == limit);
        let (traffic, risk) = (is_broken(LimitName::Traffic), is_broken(LimitName::Risk));
        free.any(|item| (traffic && item.touched > 0.0) || (risk && item.risk > limits.risk))
    }
}
