//! Ruin and recreate for small plans: some items are taken out, or two waves change places, and everything is put back into the first
//! wave that has room, the items taken out last and in another order than before.
//!
//! A slightly worse plan is accepted on the way, ever less so. Every worth is positive, so the first wave with room is the cheapest;
//! only the order matters. Waves are numbered anew each time: what is empty falls away.

use std::cmp::Reverse;

use super::super::board::{Board, NOWHERE};
use super::random::Random;
use super::{LEAST, Search};

/// Rounds per item without a better plan after which the search ends, and how many that is at most.
const PATIENCE: usize = 50;
/// See [`PATIENCE`].
const MOST_PATIENCE: usize = 1_500;
/// Rounds per item, and how many that is at most.
const ROUNDS: usize = 150;
/// See [`ROUNDS`].
const MOST_ROUNDS: usize = 8_000;
/// Tries that a round costs, per item.
const COST_OF_ROUND: u64 = 10;
/// How much worse than the best a plan may be at the beginning, as a share of it.
const TOLERANCE: f64 = 0.02;
/// A wave with room is passed over once in so many times.
const BLINK: usize = 24;

impl Search<'_> {
    /// Searches around the best plan found so far.
    pub(super) fn ruin_and_recreate(&mut self) {
        let count = self.board.problem.items.len();
        if count < 2 || self.tries == 0 {
            return;
        }
        let mut random = Random::new(0x7452_4143_454d_4553);
        let mut best = self.board.clone();
        let mut best_cost = self.aim.cost(&best);
        let (mut now, mut stale) = (self.board.clone(), 0);
        let rounds = MOST_ROUNDS.min(ROUNDS * count);
        let patience = MOST_PATIENCE.min(PATIENCE * count);
        for round in 0..rounds {
            if stale > patience || !self.may_try() {
                break;
            }
            stale += 1;
            let Some(mut next) = self.recreated(&now, &mut random) else {
                continue;
            };
            let left = (rounds - round) as f64 / rounds as f64;
            let limit = best_cost * (1.0 + TOLERANCE * left);
            if self.aim.cost(&next) > limit * (1.0 + 0.5 * TOLERANCE) {
                continue;
            }
            if !tighten(&mut next) {
                continue;
            }
            let cost = self.aim.cost(&next);
            if cost < best_cost - LEAST {
                std::mem::swap(&mut self.board, &mut next);
                self.descend();
                (best, stale) = (self.board.clone(), 0);
                best_cost = self.aim.cost(&best);
                now = best.clone();
            } else if cost < limit {
                now = next;
            }
        }
        self.board = best;
    }

    /// The board with a part of it put back in another order; none where something found no place or an exception no reason.
    fn recreated<'b>(&mut self, board: &Board<'b>, random: &mut Random) -> Option<Board<'b>> {
        let first = board.problem.first_wave();
        let mut waves: Vec<Vec<usize>> = (first..=board.last_wave())
            .map(|wave| board.load(wave).items.clone())
            .collect();
        let mut taken = vec![false; board.wave_of.len()];
        match random.below(8) {
            0 => swap_waves(&mut waves, random),
            1 | 2 => take_waves(&waves, &mut taken, random),
            3 | 4 => take_related(board, &mut taken, random),
            _ => take_any(&mut taken, random),
        }
        let count = u64::try_from(taken.len()).unwrap_or(u64::MAX);
        let cost = COST_OF_ROUND.saturating_mul(count);
        self.tries = self.tries.saturating_sub(cost);
        let mut next = Board::new(board.problem);
        let mut wave = first;
        for items in waves {
            let mut is_used = false;
            for item in items.into_iter().filter(|item| !taken[*item]) {
                if next.fits(item, wave) {
                    next.place(item, wave);
                    is_used = true;
                }
            }
            wave += u32::from(is_used);
        }
        let mut left: Vec<usize> = (0..next.wave_of.len())
            .filter(|item| next.wave_of[*item] == NOWHERE)
            .collect();
        order(&next, &mut left, random);
        for item in left {
            let end = next.last_wave() + 1;
            let until = end.max(board.problem.items[item].window.0);
            let mut open = first..=until;
            let found = open.find(|wave| next.fits(item, *wave) && !random.once_in(BLINK));
            let found = found.or_else(|| (first..=until).find(|wave| next.fits(item, *wave)));
            next.place(item, found?);
        }
        // What fits breaks no limit, so that only an empty wave could be without a reason.
        next.gaps_are_justified().then_some(next)
    }
}

/// Moves every item to the first earlier wave with room, as long as that leaves no wave empty. Whether it is still justified.
fn tighten(board: &mut Board<'_>) -> bool {
    let first = board.problem.first_wave();
    for item in 0..board.wave_of.len() {
        let at = board.wave_of[item];
        if board.load(at).items.len() < 2 && at < board.last_wave() {
            continue;
        }
        board.remove(item);
        let wave = (first..at).find(|wave| board.fits(item, *wave));
        board.place(item, wave.unwrap_or(at));
    }
    board.gaps_are_justified()
}

fn swap_waves(waves: &mut [Vec<usize>], random: &mut Random) {
    let (a, b) = (random.below(waves.len()), random.below(waves.len()));
    if random.once_in(2) {
        waves.swap(a, b);
    } else {
        waves[a.min(b)..=a.max(b)].rotate_left(1);
    }
}

fn take_waves(waves: &[Vec<usize>], taken: &mut [bool], random: &mut Random) {
    for _ in 0..2 + random.below(2) {
        let wave = random.below(waves.len());
        waves[wave].iter().for_each(|item| taken[*item] = true);
    }
}

/// An item, and what it calls or is called by.
fn take_related(board: &Board<'_>, taken: &mut [bool], random: &mut Random) {
    let item = random.below(taken.len());
    taken[item] = true;
    for (other, _) in &board.problem.items[item].bonds {
        taken[*other] = !random.once_in(3);
    }
}

fn take_any(taken: &mut [bool], random: &mut Random) {
    let most = (taken.len() / 4).clamp(2, 12);
    for _ in 0..2 + random.below(most) {
        let item = random.below(taken.len());
        taken[item] = true;
    }
}

/// One of several orders to put items back in.
fn order(board: &Board<'_>, items: &mut [usize], random: &mut Random) {
    let known = |item: usize| &board.problem.items[item];
    random.shuffle(items);
    match random.below(5) {
        0 => items.sort_by(|a, b| known(*b).worth.total_cmp(&known(*a).worth)),
        1 => items.sort_by(|a, b| known(*b).touched.total_cmp(&known(*a).touched)),
        2 => items.sort_by_key(|item| Reverse(known(*item).neighbours.len())),
        3 => {
            let dense = |item: usize| known(item).worth / (known(item).touched + 1e-3);
            items.sort_by(|a, b| dense(*b).total_cmp(&dense(*a)));
        }
        _ => {}
    }
}
