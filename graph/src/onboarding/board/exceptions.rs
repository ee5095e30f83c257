//! Limits that a wave breaks, why the plan says that it does, and whether it may.

use super::super::outcome::{Exception, ExceptionCause, LimitName};
use super::super::problem::Rank;
use super::{Board, ROUNDING, over};

impl Board<'_> {
    /// Limits that a wave is above, with the reason that the plan gives for it.
    pub(in super::super) fn exceptions(&self, wave: u32) -> Vec<Exception> {
        let broken = self.broken(wave);
        if broken.is_empty() {
            return Vec::new();
        }
        let because = self.cause(wave);
        let exception = |limit| Exception {
            limit,
            because: because.clone(),
        };
        broken.into_iter().map(exception).collect()
    }

    /// Says that a wave is above its limits only because it was planned before the numbers moved.
    pub(in super::super) fn excuse(&mut self, wave: u32) {
        self.planned_before.insert(wave);
    }

    /// Waves with an exception that no earlier plan excuses.
    pub(in super::super) fn exceptional(&self) -> Vec<u32> {
        let waves = self.problem.first_wave()..=self.last_wave();
        waves.filter(|wave| self.is_exception(*wave)).collect()
    }

    fn broken(&self, wave: u32) -> Vec<LimitName> {
        let (limits, load) = (self.problem.limits(wave), self.load(wave));
        let items = || load.items.iter().map(|item| &self.problem.items[*item]);
        let mut broken = Vec::new();
        if load.size > limits.size {
            broken.push(LimitName::Size);
        }
        // A service whose own effort is above the cap may stand there as the only one of its team.
        let crowded = |team: usize| {
            let of_team = items().filter(|item| item.teams.iter().any(|(other, _)| *other == team));
            of_team.map(|item| item.members.len()).sum::<usize>() > 1
        };
        let mut teams = load.teams.iter();
        if teams.any(|(team, effort)| over(*effort, limits.team) && crowded(*team)) {
            broken.push(LimitName::Team);
        }
        let alone = !limits.ramp && load.items.len() == 1;
        if load.touched > limits.traffic + ROUNDING && !alone {
            broken.push(LimitName::Traffic);
        }
        if items().any(|item| item.risk > limits.risk + ROUNDING) {
            broken.push(LimitName::Risk);
        }
        let adjacent = |item: &usize| {
            let neighbours = self.problem.items[*item].neighbours.iter();
            let mut at = neighbours.map(|other| self.wave_of[*other]);
            at.any(|at| at != super::NOWHERE && at <= wave && self.problem.overlap(at, wave))
        };
        if load.items.iter().any(adjacent) {
            broken.push(LimitName::Adjacent);
        }
        broken
    }

    /// Whether a wave breaks a limit by more than an earlier plan excuses.
    pub(in super::super) fn is_exception(&self, wave: u32) -> bool {
        !self.is_excused(wave) && !self.broken(wave).is_empty()
    }

    /// Whether a wave breaks a limit only because it was planned before the numbers moved.
    pub(in super::super) fn is_excused(&self, wave: u32) -> bool {
        self.planned_before.contains(&wave)
    }

    fn cause(&self, wave: u32) -> ExceptionCause {
        if self.is_excused(wave) {
            return ExceptionCause::PlannedBefore;
        }
        let items = &self.load(wave).items;
        let names = |item: usize| {
            let members = self.problem.items[item].members.iter();
            members.map(|service| self.problem.model.ids[*service].clone())
        };
        let known = |item: &&usize| &self.problem.items[**item];
        let pinned = items.iter().filter(|item| known(item).window.1 == wave);
        let services: Vec<String> = pinned.flat_map(|item| names(*item)).collect();
        if !services.is_empty() {
            return ExceptionCause::Pinned { services };
        }
        let limits = self.problem.limits(wave);
        if let [only] = items.as_slice()
            && self.problem.is_bulky(*only, limits)
        {
            let services = names(*only).collect();
            return ExceptionCause::InOnePiece { services };
        }
        let first = items.iter().filter(|item| known(item).rank == Rank::First);
        let services: Vec<String> = first.flat_map(|item| names(*item)).collect();
        if services.is_empty() {
            ExceptionCause::NothingEligible
        } else {
            ExceptionCause::Pinned { services }
        }
    }

    /// Whether every exception and every empty wave has its reason: a pin with no later wave, or that nothing was eligible.
    pub(in super::super) fn is_justified(&self) -> bool {
        let waves = self.problem.first_wave()..=self.last_wave();
        waves.into_iter().all(|wave| {
            let load = self.load(wave);
            if load.items.is_empty() {
                return self.may_be_empty(wave);
            }
            let is_due = |item: &usize| self.problem.items[*item].window.1 == wave;
            let is_first = || self.problem.items[load.items[0]].rank == Rank::First;
            let broken = self.broken(wave);
            broken.is_empty()
                || self.is_excused(wave)
                || load.items.iter().any(is_due)
                || (load.items.len() == 1 && (is_first() || self.nothing_eligible(wave)))
        })
    }

    /// Whether every empty wave has its reason.
    pub(in super::super) fn gaps_are_justified(&self) -> bool {
        let mut waves = self.problem.first_wave()..=self.last_wave();
        waves.all(|wave| !self.load(wave).items.is_empty() || self.may_be_empty(wave))
    }

    /// Whether no item of this wave or a later one could be in this wave within the limits. An item adjacent to what changes at
    /// the same time could not.
    fn nothing_eligible(&self, wave: u32) -> bool {
        let mut waiting = (0..self.wave_of.len()).filter(|item| self.wave_of[*item] >= wave);
        waiting.all(|item| {
            self.ineligible(item, wave).is_some() || self.neighbour_of_earlier(item, wave)
        })
    }

    /// Whether everything that could be in an empty wave is held back by a pin, a freeze, an order, or what changes at the same time.
    fn may_be_empty(&self, wave: u32) -> bool {
        let mut waiting = (0..self.wave_of.len()).filter(|item| self.wave_of[*item] > wave);
        waiting.all(|item| self.held(item, wave).is_some() || self.neighbour_of_earlier(item, wave))
    }

    fn neighbour_of_earlier(&self, item: usize, wave: u32) -> bool {
        let neighbours = self.problem.items[item].neighbours.iter();
        let mut at = neighbours.map(|other| self.wave_of[*other]);
        at.any(|at| at != super::NOWHERE && at < wave && self.problem.overlap(at, wave))
    }
}
