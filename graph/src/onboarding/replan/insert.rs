//! Where an item without a wave goes.
//!
//! The earliest wave with room, or with one member worth less than half of it, which is inserted again the same way; gains halve on
//! the way, so that this ends. Frozen waves give nobody away. If no wave takes it, others have to make room: those that have to come
//! after it, then those beside the wave it is pinned to, and at last it goes alone, as an exception, when everybody else is in.

use super::super::board::{NOWHERE, Obstacle};
use super::super::outcome::MoveReason;
use super::reason;
use super::repair::Repair;

impl Repair<'_, '_> {
    /// Gives an item a wave; false when there is none.
    pub(super) fn insert(&mut self, item: usize) -> bool {
        let known = &self.board.problem.items[item];
        let (from, horizon) = (known.window.0, self.horizon(item));
        (from..=horizon).any(|wave| self.join(item, wave))
            || (from..=horizon).any(|wave| self.push_successors(item, wave))
            || self.go_last(item, horizon)
            || self.claim(item)
    }

    /// The last wave worth asking: after it nothing changes any more.
    fn horizon(&self, item: usize) -> u32 {
        let (problem, last) = (self.board.problem, self.board.last_wave());
        let known = &problem.items[item];
        let ramp = &problem.options.ramp;
        let ramp = ramp.traffic_caps.len().max(ramp.risk_ceilings.len());
        let frozen = known.frozen.iter().map(|(_, _, to)| *to);
        let frozen = frozen.filter(|to| *to < u32::MAX).max().unwrap_or(0);
        let last = last.max(known.window.0).max(frozen);
        let last = last.max(u32::try_from(ramp).unwrap_or(u32::MAX));
        let after = problem.options.in_flight;
        let free = last.saturating_add(after.ramp.max(after.after).max(1));
        free.min(known.window.1)
    }

    fn join(&mut self, item: usize, wave: u32) -> bool {
        if self.board.ineligible(item, wave).is_some() {
            return false;
        }
        let idle = self.exceptional(wave);
        if !idle.is_empty() {
            let taken = self.take_place(item, wave, &idle, &self.displaced_by(item));
            if taken {
                self.lifted.remove(&wave);
            }
            return taken;
        }
        match self.board.no_room(item, wave) {
            None => {
                self.board.place(item, wave);
                true
            }
            Some(obstacle) => self.displace(item, wave, obstacle),
        }
    }

    /// Items of a wave that do not keep to its limits and stand there only because nobody else did.
    pub(super) fn exceptional(&self, wave: u32) -> Vec<usize> {
        let limits = if self.is_exception(wave) {
            self.board.problem.limits(wave)
        } else {
            self.tolerant(wave)
        };
        let items = self.board.load(wave).items.iter().copied();
        let breaks = |item: &usize| {
            !self.is_due(*item, wave) && self.board.above_ramp_of(*item, limits).is_some()
        };
        items.filter(breaks).collect()
    }

    /// Takes the place of one member worth less than half. What has no calls can wait: it displaces nobody.
    fn displace(&mut self, item: usize, wave: u32, obstacle: Obstacle) -> bool {
        let problem = self.board.problem;
        if self.is_frozen(wave) || problem.items[item].neighbours.is_empty() {
            return false;
        }
        let worth_less =
            |other: &usize| !self.is_due(*other, wave) && self.gain(*other) < 0.5 * self.gain(item);
        let members = self.board.load(wave).items.iter().copied();
        let mut members: Vec<usize> = members
            .filter(worth_less)
            .filter(|other| self.stands_in_the_way(*other, item, obstacle))
            .collect();
        members.sort_by(|a, b| self.gain(*a).total_cmp(&self.gain(*b)).then(a.cmp(b)));
        let reason = self.displaced_by(item);
        let mut members = members.into_iter();
        members.any(|other| self.take_place(item, wave, &[other], &reason))
    }

    /// Whether taking `other` away could help against what stands against `item`.
    fn stands_in_the_way(&self, other: usize, item: usize, obstacle: Obstacle) -> bool {
        let items = &self.board.problem.items;
        match obstacle {
            Obstacle::Adjacent(one) | Obstacle::Apart(one) | Obstacle::WaveTaken(one) => {
                one == other
            }
            Obstacle::TeamFull(team) => items[other].teams.iter().any(|(own, _)| *own == team),
            Obstacle::TrafficCap(_) => items[other].touched > 0.0,
            Obstacle::WaveFull => items[other].members.len() >= items[item].members.len(),
            Obstacle::NeedsOwnWave => true,
            _ => false,
        }
    }

    /// Puts an item into a wave from which others go, for a reason, if that is enough.
    pub(super) fn take_place(
        &mut self,
        item: usize,
        wave: u32,
        others: &[usize],
        reason: &MoveReason,
    ) -> bool {
        let at: Vec<u32> = others.iter().map(|o| self.board.wave_of[*o]).collect();
        others.iter().for_each(|other| self.board.remove(*other));
        if self.board.obstacle(item, wave).is_some() {
            let back = others.iter().zip(at);
            back.for_each(|(other, wave)| self.board.place(*other, wave));
            return false;
        }
        self.board.place(item, wave);
        for other in others {
            self.evicted(*other, reason.clone());
        }
        true
    }

    /// Why an item goes whose place `item` takes.
    pub(super) fn displaced_by(&self, item: usize) -> MoveReason {
        MoveReason::Displaced {
            by: reason::name(self.board.problem, item),
        }
    }

    /// Items that have to come after `item` and would not, if it joined `wave`.
    fn too_early(&self, item: usize, wave: u32) -> Vec<usize> {
        let problem = self.board.problem;
        let known = &problem.items[item];
        let at = |other: &usize| self.board.wave_of[*other];
        let after = known.after.iter().copied();
        let mut early: Vec<usize> = after
            .filter(|other| at(other) != NOWHERE && at(other) <= wave)
            .collect();
        if problem.has_ranks() {
            let others = (0..problem.items.len()).filter(|o| problem.items[*o].rank > known.rank);
            early.extend(others.filter(|other| at(other) != NOWHERE && at(other) < wave));
        }
        early.sort_unstable();
        early.dedup();
        early
    }

    /// Joins a wave by making those later that have to come after it.
    fn push_successors(&mut self, item: usize, wave: u32) -> bool {
        let obstacle = self.board.ineligible(item, wave);
        if !matches!(obstacle, Some(Obstacle::Before(_))) {
            return false;
        }
        let early = self.too_early(item, wave);
        self.take_place(item, wave, &early, &MoveReason::Pin)
    }

    /// Goes alone after all others, when only ceilings stand against it; those that have to come after it come again.
    fn go_last(&mut self, item: usize, horizon: u32) -> bool {
        if self.board.problem.items[item].window.1 <= self.board.last_wave() {
            return false;
        }
        for other in self.too_early(item, u32::MAX) {
            self.evicted(other, MoveReason::Pin);
        }
        for wave in self.board.last_wave().saturating_add(1)..=horizon {
            let obstacle = self.board.ineligible(item, wave);
            let only_ceilings = obstacle.is_none_or(reason::is_ramp);
            if only_ceilings && self.board.no_room(item, wave).is_none() {
                self.board.place(item, wave);
                if obstacle.is_some() {
                    self.make_exception(wave);
                }
                return true;
            }
        }
        false
    }

    /// Claims a wave of its window whatever its limits, as a pin does; who stands in the way goes, least valuable first.
    fn claim(&mut self, item: usize) -> bool {
        let window = self.board.problem.items[item].window;
        if window.1 == u32::MAX {
            return false;
        }
        let free = |wave: &u32| {
            let obstacle = self.board.ineligible(item, *wave);
            obstacle.is_none_or(reason::is_ramp)
        };
        let Some(wave) = (window.0..=window.1).rev().find(free) else {
            return false;
        };
        while let Some(obstacle) = self.board.no_room(item, wave) {
            let others = self.board.load(wave).items.iter().copied();
            let free = others.filter(|other| !self.is_due(*other, wave));
            let in_the_way = match obstacle {
                Obstacle::Adjacent(other) => Some(other),
                _ => free.min_by(|a, b| self.gain(*a).total_cmp(&self.gain(*b)).then(a.cmp(b))),
            };
            let Some(other) = in_the_way else {
                // Pins only: the wave is an exception.
                break;
            };
            let reason = self.displaced_by(item);
            self.evicted(other, reason);
        }
        self.board.place(item, wave);
        true
    }
}
