//! The repair itself: who stays, who has to go, and where those go who have no wave.
//!
//! ```text
//! keep (every item in its wave, most valuable first) -> insert (those without a wave) -> settle (no idle wave, no idle exception)
//! ```
//! Everything is asked of the [`Board`]. The work is bounded: a repair that would take more insertions than its budget gives up, and
//! a fresh plan is taken. Failure mode: gains are those of the start, so a repair is a little blind to bonds.

use std::collections::BTreeMap;

use super::super::board::{Board, NOWHERE, Obstacle};
use super::super::options::Limits;
use super::super::outcome::{LimitName, MoveReason};
use super::super::problem::{Problem, Rank};
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
    /// The wave holds one item, and is an exception if nobody else is eligible.
    limits: Vec<LimitName>,
    /// Something pinned to the wave calls somebody who changes at the same time.
    adjacent: bool,
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
            let members = waves.iter().filter(|wave| **wave == Some(*old));
            let broken = self.before.broken(*old);
            let adjacent = broken.contains(&LimitName::Adjacent);
            let limits = if members.count() == 1 {
                broken
            } else {
                Vec::new()
            };
            self.lifted.insert(*number, Lifted { limits, adjacent });
        }
        let mut order: Vec<usize> = (0..waves.len()).collect();
        let due = |item: usize| problem.items[item].window.1 <= waves[item].unwrap_or(NOWHERE);
        let is_first = |item: usize| problem.items[item].rank == Rank::First;
        order.sort_by(|a, b| {
            let by_gain = self.gains[*b].total_cmp(&self.gains[*a]);
            let by_pin = (due(*b), is_first(*b)).cmp(&(due(*a), is_first(*a)));
            by_pin.then(by_gain).then(a.cmp(b))
        });
        let mut alone = BTreeMap::new();
        for item in order {
            let number = waves[item].and_then(|old| numbers.get(&old).copied());
            let Some(wave) = number else {
                self.enqueue(item);
                continue;
            };
            if let Some(first) = alone.get(&wave).filter(|first| **first != item) {
                let reason = self.displaced_by(*first);
                self.evicted(item, reason);
                continue;
            }
            match self.cannot_stay(item, wave) {
                None => self.board.place(item, wave),
                Some(obstacle) if is_first(item) && reason::is_ramp(obstacle) => {
                    // If it left, all others would have to come later: it stays, alone, as an exception.
                    self.board.place(item, wave);
                    self.make_exception(wave);
                    alone.insert(wave, item);
                }
                Some(obstacle) => {
                    let reason = reason::left(self, item, obstacle);
                    self.evicted(item, reason);
                }
            }
        }
    }

    /// Whether pins leave an item no later wave: it stands there, whatever the limits.
    pub(super) fn is_due(&self, item: usize, wave: u32) -> bool {
        self.board.problem.items[item].window.1 <= wave
    }

    /// What stands against an item in the wave where it was planned.
    pub(super) fn cannot_stay(&self, item: usize, wave: u32) -> Option<Obstacle> {
        let board = &self.board;
        if self.is_due(item, wave) {
            let apart = board.no_room(item, wave);
            let apart = apart.filter(|obstacle| matches!(obstacle, Obstacle::Apart(_)));
            return board.held_by_placed(item, wave).or(apart);
        }
        let limits = self.limits_to_stay(wave);
        let obstacle = board.obstacle_under(item, wave, limits);
        match obstacle {
            Some(Obstacle::Adjacent(other)) if self.was_adjacent(item, wave, other) => {
                board.above_ramp_of(item, limits)
            }
            None => self.in_company(item, wave),
            found => found,
        }
    }

    /// What is above a cap by itself has its wave for itself: no tolerance changes that.
    fn in_company(&self, item: usize, wave: u32) -> Option<Obstacle> {
        let problem = self.board.problem;
        let limits = problem.limits(wave);
        let load = self.board.load(wave).items.iter().copied();
        let mut others = load.filter(|other| *other != item);
        others.clone().next()?;
        if problem.needs_own_wave(item, limits) {
            return Some(Obstacle::NeedsOwnWave);
        }
        let large = others.find(|other| problem.needs_own_wave(*other, limits));
        large.map(Obstacle::WaveTaken)
    }

    /// Whether an item stood beside one that a pin holds there, as the earlier plan said.
    fn was_adjacent(&self, item: usize, wave: u32, other: usize) -> bool {
        let at = self.board.wave_of[other];
        let said = |wave: &u32| self.lifted.get(wave).is_some_and(|lifted| lifted.adjacent);
        let names = |item: usize| reason::name(self.board.problem, item);
        self.is_due(other, at)
            && [wave, at].iter().any(said)
            && self.before.knew_call(&names(item), &names(other))
    }

    /// Limits for what was planned for a wave.
    fn limits_to_stay(&self, wave: u32) -> Limits {
        let mut limits = self.tolerant(wave);
        for limit in self.lifted.get(&wave).iter().flat_map(|l| &l.limits) {
            match limit {
                LimitName::Size => limits.size = usize::MAX,
                LimitName::Team => limits.team = usize::MAX,
                LimitName::Traffic => limits.traffic = f64::INFINITY,
                LimitName::Risk => limits.risk = f64::INFINITY,
                LimitName::Adjacent => {}
            }
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
