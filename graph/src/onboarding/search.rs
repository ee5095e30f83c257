//! Improves a finished board: earlier waves, swaps, and for small plans taking a part of it out and putting it back in another order.
//!
//! Place in the flow: the best pass of the portfolio -> `improve` -> the plan. Every step keeps all limits, by asking the board; waves
//! with an exception stay as they are, and whether they are still justified is asked again after every step. The search has a fixed
//! seed and a fixed number of tries, so that the same problem has the same plan.

use super::board::Board;
use super::problem::Problem;

mod descent;
mod random;
mod ruin;
#[cfg(test)]
mod tests;

/// Plans up to this size are taken apart and put together again.
const SMALL: usize = 100;

/// Improvements below this are rounding.
const LEAST: f64 = 1e-9;

/// Most tries for larger plans: they gain little more from the search.
const MOST_TRIES: u64 = 4_000_000;

/// Tries that a move costs once it is carried out, beside those that are refused at a glance.
const COST_OF_ATTEMPT: u64 = 20;

/// What a search makes small: the objective, and with the goal of strict mTLS the mean wave from which on a service can be strict.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Aim {
    /// What a wave of delay of all strictness costs.
    pub(super) strict: f64,
}

impl Aim {
    /// What a board costs.
    pub(super) fn cost(self, board: &Board<'_>) -> f64 {
        let strict = if self.strict > 0.0 {
            self.strict * board.strict_mean()
        } else {
            0.0
        };
        board.objective() + strict
    }
}

/// A board with the same exceptions that costs no more.
pub(super) fn improve<'a>(board: &Board<'a>, aim: Aim) -> Board<'a> {
    let mut search = Search::new(board.clone(), aim);
    search.descend();
    let is_small = board.problem.items.len() <= SMALL;
    if is_small && search.is_free() {
        search.ruin_and_recreate();
    }
    if aim.cost(&search.board) < aim.cost(board) && search.board.is_justified() {
        search.board
    } else {
        board.clone()
    }
}

struct Search<'a> {
    board: Board<'a>,
    aim: Aim,
    /// Moves that may still be tried.
    tries: u64,
    /// Items that the search leaves where they are: those of waves with an exception.
    fixed: Vec<bool>,
    /// Waves with an exception, which nobody joins.
    closed: Vec<u32>,
    /// Whether a move could take the reason away from an exception or an empty wave.
    is_delicate: bool,
}

impl<'a> Search<'a> {
    fn new(board: Board<'a>, aim: Aim) -> Self {
        let problem: &Problem<'_> = board.problem;
        let exceptional = board.exceptional();
        let of_exception = |wave: &u32| exceptional.binary_search(wave).is_ok();
        let fixed = board.wave_of.iter().map(of_exception).collect();
        let mut waves = problem.first_wave()..=board.last_wave();
        let has_gap = waves.any(|wave| board.load(wave).items.is_empty());
        let tries = problem.options.search.tries;
        let is_small = problem.items.len() <= SMALL;
        // Strictness has to be asked of every move, and is dear.
        let most = if aim.strict > 0.0 {
            MOST_TRIES / 8
        } else {
            MOST_TRIES
        };
        Self {
            tries: if is_small { tries } else { tries.min(most) },
            is_delicate: has_gap || !exceptional.is_empty(),
            board,
            aim,
            fixed,
            closed: exceptional,
        }
    }

    /// Whether no wave is an exception.
    const fn is_free(&self) -> bool {
        self.closed.is_empty()
    }

    /// Whether an item fits into a wave that is no exception.
    fn fits(&self, item: usize, wave: u32) -> bool {
        self.closed.binary_search(&wave).is_err() && self.board.fits(item, wave)
    }

    /// Uses up a try; false when none is left.
    fn may_try(&mut self) -> bool {
        let is_left = self.tries > 0;
        self.tries = self.tries.saturating_sub(1);
        is_left
    }

    /// Moves items if each one fits, no wave before the last is left empty, and the cost falls.
    fn attempt(&mut self, moves: &[(usize, u32)]) -> bool {
        self.tries = self.tries.saturating_sub(COST_OF_ATTEMPT);
        let weight = self.board.problem.options.weights.wave;
        let old: Vec<(usize, u32)> = moves
            .iter()
            .map(|(i, _)| (*i, self.board.wave_of[*i]))
            .collect();
        let (waves, strict) = (self.board.waves(), self.strict_around(moves));
        let mut change = 0.0;
        for (item, wave) in &old {
            change -= self.board.cost(*item, *wave);
            self.board.remove(*item);
        }
        for (item, wave) in moves {
            if !self.fits(*item, *wave) {
                self.put_back(&old);
                return false;
            }
            change += self.board.cost(*item, *wave);
            self.board.place(*item, *wave);
        }
        change += weight * (f64::from(self.board.waves()) - f64::from(waves));
        change += self.strict_around(moves) - strict;
        let last = self.board.last_wave();
        let is_empty = |wave: u32| wave < last && self.board.load(wave).items.is_empty();
        let is_worse = change > -LEAST || old.iter().any(|(_, wave)| is_empty(*wave));
        if is_worse || (self.is_delicate && !self.board.is_justified()) {
            self.put_back(&old);
            return false;
        }
        true
    }

    fn put_back(&mut self, old: &[(usize, u32)]) {
        for (item, _) in old {
            self.board.remove(*item);
        }
        for (item, wave) in old {
            self.board.place(*item, *wave);
        }
    }

    fn strict_around(&self, moves: &[(usize, u32)]) -> f64 {
        if self.aim.strict <= 0.0 {
            return 0.0;
        }
        let items: Vec<usize> = moves.iter().map(|(item, _)| *item).collect();
        self.aim.strict * self.board.strict_mean_of(&items)
    }
}
