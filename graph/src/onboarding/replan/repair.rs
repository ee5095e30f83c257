//! The repair itself: who stays, who has to go, and where those go who have no wave.
//!
//! ```text
//! keep (every item in its wave, most valuable first) -> insert (those without a wave) -> settle (no idle wave, no idle exception)
//! ```
//! Everything is asked of the [`Board`]. The work is bounded: a repair that would take more insertions than its budget gives up, and
//! a fresh plan is taken. Failure mode: gains are those of the start, so a repair is a little blind to bonds.

use std::collections::BTreeMap;

use super::super::board::{Board, NOWHERE, Obstacle, Rules};
use super::super::options::Limits;
use super::super::outcome::{LimitName, MoveReason};
use super::super::problem::Problem;
use super::before::{Before, squeezed};
use super::reason;

/// A repair at work.
#[derive(Debug)]
pub(super) struct Repair<'a, 'p> {
    pub(super) board: Board<'a>,
    pub(super) before: &'p Before<'p>,
    /// Why items left their waves: the first reason of each.
    pub(super) reasons: BTreeMap<usize, MoveReason>,
    /// Items without a wave, most valuable last.
    pub(super) queue: Vec<usize>,
    /// By item, what moving it first would be worth.
    gains: Vec<f64>,
    /// Limits that waves broke in the earlier plan, and may break again.
    pub(super) lifted: BTreeMap<u32, Lifted>,
    /// Insertions left.
    budget: usize,
}

/// Limits that do not hold in a wave, because the earlier plan could not keep them.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Lifted {
    /// For whatever reason but a pin: the wave is an exception, if nobody else is eligible.
    limits: Vec<LimitName>,
    /// Because of a pin: others stay beside it as long as the wave does not grow.
    beside_pin: Option<(usize, f64, u32)>,
}

impl<'a, 'p> Repair<'a, 'p> {
    /// Every item without a wave.
    pub(super) fn new(problem: &'a Problem<'a>, before: &'p Before<'p>) -> Self {
        let gain = |item: &super::super::problem::Item| {
            item.worth + 0.5 * item.bonds.iter().map(|(_, worth)| worth).sum::<f64>()
        };
        Self {
            board: Board::new(problem),
            before,
            reasons: BTreeMap::new(),
            queue: Vec::new(),
            gains: problem.items.iter().map(gain).collect(),
            lifted: BTreeMap::new(),
            budget: 16 * problem.items.len() + 256,
        }
    }

    /// Repairs the plan; false when it cannot be done, and the board is to be thrown away.
    pub(super) fn run(&mut self) -> bool {
        self.keep();
        self.insert_all() && self.settle()
    }

    /// Puts every item into its wave, most valuable first, and queues what no longer fits.
    fn keep(&mut self) {
        let problem = self.board.problem;
        let waves = self.before.items(problem);
        let numbers = squeezed(problem.first_wave(), waves.iter().flatten().copied());
        for (old, number) in &numbers {
            let mut members = (0..waves.len()).filter(|item| waves[*item] == Some(*old));
            let alone = members.clone().count() == 1;
            let pinned = members.any(|item| problem.items[item].window.1 == *number);
            self.lifted.insert(*number, self.lift(*old, alone, pinned));
        }
        let mut order: Vec<usize> = (0..waves.len()).collect();
        let due = |item: usize| problem.items[item].window.1 == waves[item].unwrap_or(NOWHERE);
        order.sort_by(|a, b| {
            let by_gain = self.gains[*b].total_cmp(&self.gains[*a]);
            due(*b).cmp(&due(*a)).then(by_gain).then(a.cmp(b))
        });
        for item in order {
            let number = waves[item].and_then(|old| numbers.get(&old).copied());
            let Some(wave) = number else {
                self.enqueue(item);
                continue;
            };
            match self.cannot_stay(item, wave) {
                None => self.board.place(item, wave),
                Some(obstacle) => {
                    let reason = reason::left(self, item, obstacle);
                    self.evicted(item, reason);
                }
            }
        }
    }

    /// An exception holds for an item alone, or beside one that is pinned to the wave today.
    fn lift(&self, old: u32, alone: bool, pinned: bool) -> Lifted {
        let mut lifted = Lifted::default();
        for (limit, by_pin) in self.before.broken(old) {
            if !by_pin && alone {
                lifted.limits.push(limit);
            }
            if !by_pin || !pinned {
                continue;
            }
            if let Some(wave) = self.before.wave(old) {
                let team = wave.team_load.values().copied().max().unwrap_or(0);
                lifted.beside_pin = Some((wave.services.len(), wave.touched, team));
            }
        }
        lifted
    }

    /// What stands against an item in the wave where it was planned.
    pub(super) fn cannot_stay(&self, item: usize, wave: u32) -> Option<Obstacle> {
        let rules = Rules {
            limits: self.limits_to_stay(item, wave),
            absent_come_later: false,
        };
        let window = self.board.problem.items[item].window;
        if window.0 == window.1 {
            return self.board.ineligible_under(item, wave, rules);
        }
        self.board.obstacle_under(item, wave, rules)
    }

    /// Limits for what was planned for a wave.
    pub(super) fn limits_to_stay(&self, item: usize, wave: u32) -> Limits {
        let problem = self.board.problem;
        let mut limits = self.tolerant(wave);
        let slack = problem.options.replanning.slack();
        let pinned = problem.items[item].window.1 == wave;
        let lifted = self.lifted.get(&wave);
        let is_lifted =
            |name: LimitName| pinned || lifted.is_some_and(|lifted| lifted.limits.contains(&name));
        if let Some((size, touched, team)) = lifted.and_then(|lifted| lifted.beside_pin) {
            limits.size = limits.size.max(size);
            limits.traffic = limits.traffic.max(touched * slack);
            limits.team = limits.team.max(usize::try_from(team).unwrap_or(usize::MAX));
        }
        if is_lifted(LimitName::Size) {
            limits.size = usize::MAX;
        }
        if is_lifted(LimitName::Team) {
            limits.team = usize::MAX;
        }
        if is_lifted(LimitName::Traffic) {
            limits.traffic = f64::INFINITY;
        }
        if is_lifted(LimitName::Risk) {
            limits.risk = f64::INFINITY;
        }
        limits
    }

    /// Limits of a wave, with the tolerance where it holds.
    pub(super) fn tolerant(&self, wave: u32) -> Limits {
        let mut limits = self.board.problem.limits(wave);
        if !self.is_frozen(wave) {
            let slack = self.board.problem.options.replanning.slack();
            limits.traffic *= slack;
            limits.risk *= slack;
            limits.size = scaled(limits.size, slack);
        }
        limits
    }

    /// Whether a wave is one of the next, whose owners know their dates.
    pub(super) fn is_frozen(&self, wave: u32) -> bool {
        let options = self.board.problem.options;
        let until = options
            .waves_done
            .saturating_add(options.replanning.frozen_waves);
        wave <= until
    }

    /// What moving an item first would be worth.
    pub(super) fn gain(&self, item: usize) -> f64 {
        self.gains[item]
    }

    /// Takes an item from its wave, with the reason.
    pub(super) fn evicted(&mut self, item: usize, reason: MoveReason) {
        self.board.remove(item);
        self.reasons.entry(item).or_insert(reason);
        self.enqueue(item);
    }

    fn enqueue(&mut self, item: usize) {
        let gain = self.gains[item];
        let at = self.queue.partition_point(|other| {
            let by_gain = self.gains[*other].total_cmp(&gain);
            by_gain.then(item.cmp(other)).is_lt()
        });
        self.queue.insert(at, item);
    }

    /// Says that the only item of a wave breaks its limits, because nobody kept to them.
    pub(super) fn make_exception(&mut self, wave: u32) {
        let limits = vec![
            LimitName::Size,
            LimitName::Team,
            LimitName::Traffic,
            LimitName::Risk,
        ];
        self.lifted.entry(wave).or_default().limits = limits;
    }

    /// Whether a wave may break limits because nobody kept to them.
    pub(super) fn is_exception(&self, wave: u32) -> bool {
        self.lifted
            .get(&wave)
            .is_some_and(|lifted| !lifted.limits.is_empty())
    }

    /// Takes one from the budget; false when it is spent.
    pub(super) fn spend(&mut self) -> bool {
        let left = self.budget.checked_sub(1);
        self.budget = left.unwrap_or(0);
        left.is_some()
    }

    /// Finds a wave for every item that has none; false when there is none for some, or the budget is spent.
    pub(super) fn insert_all(&mut self) -> bool {
        while let Some(item) = self.next() {
            if !self.spend() || !self.insert(item) {
                return false;
            }
        }
        self.queue.is_empty()
    }

    /// The most valuable item that waits for no other one without a wave.
    fn next(&mut self) -> Option<usize> {
        let problem = self.board.problem;
        let ready = |item: &usize| {
            let mut first = problem.items[*item].before.iter();
            first.all(|first| self.board.wave_of[*first] != NOWHERE)
        };
        let ranks = self.queue.iter().map(|item| problem.items[*item].rank);
        let rank = ranks.min()?;
        let mut queue = self.queue.iter();
        let at = queue.rposition(|item| problem.items[*item].rank == rank && ready(item));
        // Before what is not ranked may come something that is.
        let at = at.or_else(|| self.queue.iter().rposition(ready))?;
        Some(self.queue.remove(at))
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "a size of a wave times at most 1.5; rounding down is wanted"
)]
fn scaled(size: usize, slack: f64) -> usize {
    (size as f64 * slack) as usize
}
