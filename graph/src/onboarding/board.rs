//! Items on waves: what a search changes, and the one place that knows whether an item may stand in a wave.
//!
//! Every limit is asked here, by the greedy pass, the local search, the repair of an earlier plan, and by who explains why a
//! service is in no earlier wave. Sums of a wave are taken over its items in their order, so that they do not depend on the way there.

use super::options::Limits;
use super::outcome::{Exception, ExceptionCause, LimitName};
use super::problem::{Problem, Rank};

/// Slack of the comparisons with limits, against rounding in sums.
pub(super) const ROUNDING: f64 = 1e-12;

/// Not placed yet.
pub(super) const NOWHERE: u32 = 0;

/// Why an item may not stand in a wave.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Obstacle {
    /// The wave is before the first one allowed.
    TooEarly(u32),
    /// The wave is after the last one allowed.
    TooLate(u32),
    /// A freeze holds for it.
    Frozen(usize),
    /// Another item has to come first and has not, or is pinned closer to the beginning or the end.
    After(usize),
    /// Another item has to come later and has not.
    Before(usize),
    /// Its risk is above the ceiling.
    RiskCeiling(f64),
    /// It alone touches more traffic than the ramp allows.
    TrafficRamp(f64),
    /// It alone has more services, or more effort of one team, than the ramp allows.
    SizeRamp(usize),
    /// It is above the traffic cap, or a limit on size, and needs a wave of its own.
    NeedsOwnWave,
    /// The wave belongs to one item that needs it alone.
    WaveTaken(usize),
    /// As many services as allowed.
    WaveFull,
    /// It calls, or is called by, an item of this wave or of one that changes at the same time.
    Adjacent(usize),
    /// It is pinned apart from an item of the wave.
    Apart(usize),
    /// A team has enough to do.
    TeamFull(usize),
    /// Too much traffic would be touched.
    TrafficCap(f64),
}

/// What a place is judged by.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Rules {
    pub(super) limits: Limits,
    /// What is not placed yet counts as coming later; else it does not count.
    pub(super) absent_come_later: bool,
}

/// What a wave holds.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Load {
    /// Items, sorted.
    pub(super) items: Vec<usize>,
    /// Services.
    pub(super) size: usize,
    /// Effort by team.
    teams: std::collections::BTreeMap<usize, u32>,
}

/// Items on waves.
#[derive(Debug, Clone)]
pub(super) struct Board<'a> {
    pub(super) problem: &'a Problem<'a>,
    /// Wave of each item, or [`NOWHERE`].
    pub(super) wave_of: Vec<u32>,
    /// From the first wave of the plan on.
    loads: Vec<Load>,
    /// Waves whose exceptions were no more than the limits of the plan before allowed, within its tolerance.
    planned_before: std::collections::BTreeSet<u32>,
}

impl<'a> Board<'a> {
    /// Nothing placed.
    pub(super) fn new(problem: &'a Problem<'a>) -> Self {
        Self {
            problem,
            wave_of: vec![NOWHERE; problem.items.len()],
            loads: Vec::new(),
            planned_before: std::collections::BTreeSet::new(),
        }
    }

    /// Says that a wave is over its limits only because it was planned before the numbers moved.
    pub(super) fn excuse(&mut self, wave: u32) {
        self.planned_before.insert(wave);
    }

    /// What a wave holds.
    pub(super) fn load(&self, wave: u32) -> &Load {
        const EMPTY: &Load = &Load {
            items: Vec::new(),
            size: 0,
            teams: std::collections::BTreeMap::new(),
        };
        let index = self.index(wave);
        index
            .and_then(|index| self.loads.get(index))
            .unwrap_or(EMPTY)
    }

    fn index(&self, wave: u32) -> Option<usize> {
        usize::try_from(wave.checked_sub(self.problem.first_wave())?).ok()
    }

    /// The last wave that holds something, or the one before the first.
    pub(super) fn last_wave(&self) -> u32 {
        let used = self.loads.iter().rposition(|load| load.size > 0);
        let count = used.map_or(0, |last| u32::try_from(last + 1).unwrap_or(u32::MAX));
        self.problem.options.waves_done.saturating_add(count)
    }

    /// Puts an item into a wave, whatever stands against it.
    pub(super) fn place(&mut self, item: usize, wave: u32) {
        self.remove(item);
        let Some(index) = self.index(wave) else {
            return;
        };
        if self.loads.len() <= index {
            self.loads.resize_with(index + 1, Load::default);
        }
        self.wave_of[item] = wave;
        let (load, known) = (&mut self.loads[index], &self.problem.items[item]);
        let at = load.items.partition_point(|other| *other < item);
        load.items.insert(at, item);
        load.size += known.members.len();
        for (team, effort) in &known.teams {
            *load.teams.entry(*team).or_default() += effort;
        }
    }

    /// Takes an item out of its wave, if it is in one.
    pub(super) fn remove(&mut self, item: usize) {
        let Some(index) = self.index(self.wave_of[item]) else {
            return;
        };
        self.wave_of[item] = NOWHERE;
        let (load, known) = (&mut self.loads[index], &self.problem.items[item]);
        load.items.retain(|other| *other != item);
        load.size -= known.members.len();
        for (team, effort) in &known.teams {
            if let Some(sum) = load.teams.get_mut(team) {
                *sum -= effort;
            }
        }
    }

    /// Share of all traffic that a wave touches.
    pub(super) fn touched(&self, wave: u32) -> f64 {
        let items = self.load(wave).items.iter();
        items.map(|item| self.problem.items[*item].touched).sum()
    }

    /// Why an item cannot join a wave, whoever else is in it. Others count as they stand: what is not placed comes later.
    pub(super) fn ineligible(&self, item: usize, wave: u32) -> Option<Obstacle> {
        self.ineligible_under(item, wave, self.rules(wave))
    }

    /// The rules of a wave.
    pub(super) fn rules(&self, wave: u32) -> Rules {
        Rules {
            limits: self.problem.limits(wave),
            absent_come_later: true,
        }
    }

    /// The same under other rules.
    pub(super) fn ineligible_under(
        &self,
        item: usize,
        wave: u32,
        rules: Rules,
    ) -> Option<Obstacle> {
        let known = &self.problem.items[item];
        if wave < known.window.0 {
            return Some(Obstacle::TooEarly(known.window.0));
        }
        if wave > known.window.1 {
            return Some(Obstacle::TooLate(known.window.1));
        }
        let mut frozen = known.frozen.iter();
        if let Some((freeze, ..)) = frozen.find(|(_, from, to)| (*from..=*to).contains(&wave)) {
            return Some(Obstacle::Frozen(*freeze));
        }
        if let Some(obstacle) = self.out_of_order(item, wave, rules.absent_come_later) {
            return Some(obstacle);
        }
        let limits = rules.limits;
        if known.risk > limits.risk + ROUNDING {
            return Some(Obstacle::RiskCeiling(limits.risk));
        }
        if limits.ramp && known.touched > limits.traffic + ROUNDING {
            return Some(Obstacle::TrafficRamp(limits.traffic));
        }
        if limits.ramp && self.is_bulky(item, limits) {
            return Some(Obstacle::SizeRamp(limits.size));
        }
        None
    }

    fn out_of_order(&self, item: usize, wave: u32, absent_come_later: bool) -> Option<Obstacle> {
        let known = &self.problem.items[item];
        let wave_of = |other: &usize| self.wave_of[*other];
        let late = |other: &&usize| match wave_of(other) {
            NOWHERE => absent_come_later,
            at => at >= wave,
        };
        if let Some(first) = known.before.iter().find(late) {
            return Some(Obstacle::After(*first));
        }
        let early = |other: &&usize| wave_of(other) != NOWHERE && wave_of(other) <= wave;
        if let Some(later) = known.after.iter().find(early) {
            return Some(Obstacle::Before(*later));
        }
        if self.problem.has_ranks() {
            return self.out_of_rank(item, wave, absent_come_later);
        }
        None
    }

    fn out_of_rank(&self, item: usize, wave: u32, absent_come_later: bool) -> Option<Obstacle> {
        let rank: Rank = self.problem.items[item].rank;
        let others = self.problem.items.iter().enumerate();
        for (other, known) in others.filter(|(other, _)| *other != item) {
            let at = self.wave_of[other];
            let is_later = (at == NOWHERE && absent_come_later) || at > wave;
            if known.rank < rank && is_later {
                return Some(Obstacle::After(other));
            }
            if known.rank > rank && at != NOWHERE && at < wave {
                return Some(Obstacle::Before(other));
            }
        }
        None
    }

    /// Whether an item alone is above the limit on services or on the effort of a team: only what moves in one piece can be.
    fn is_bulky(&self, item: usize, limits: Limits) -> bool {
        let known = &self.problem.items[item];
        known.members.len() > 1
            && (known.members.len() > limits.size
                || known
                    .teams
                    .iter()
                    .any(|(_, effort)| over(*effort, limits.team)))
    }

    /// Whether an item is so large that it needs a wave of its own.
    pub(super) fn needs_own_wave(&self, item: usize, limits: Limits) -> bool {
        self.problem.items[item].touched > limits.traffic + ROUNDING || self.is_bulky(item, limits)
    }

    /// Why an item cannot join what a wave holds now; the item itself does not count.
    pub(super) fn no_room(&self, item: usize, wave: u32) -> Option<Obstacle> {
        self.no_room_under(item, wave, self.problem.limits(wave))
    }

    /// The same under other limits.
    pub(super) fn no_room_under(&self, item: usize, wave: u32, limits: Limits) -> Option<Obstacle> {
        let known = &self.problem.items[item];
        let load = self.load(wave);
        let others = || load.items.iter().copied().filter(|other| *other != item);
        if let Some(other) = self.neighbour_in_flight(item, wave) {
            return Some(Obstacle::Adjacent(other));
        }
        let first = others().next()?;
        if let Some(apart) = others().find(|other| known.apart.binary_search(other).is_ok()) {
            return Some(Obstacle::Apart(apart));
        }
        if self.needs_own_wave(first, limits) {
            return Some(Obstacle::WaveTaken(first));
        }
        if self.needs_own_wave(item, limits) {
            return Some(Obstacle::NeedsOwnWave);
        }
        let own = if self.wave_of[item] == wave {
            known.members.len()
        } else {
            0
        };
        if load.size - own + known.members.len() > limits.size {
            return Some(Obstacle::WaveFull);
        }
        for (team, effort) in &known.teams {
            let own = if self.wave_of[item] == wave {
                *effort
            } else {
                0
            };
            let busy = load.teams.get(team).copied().unwrap_or(0) - own;
            if busy > 0 && over(busy.saturating_add(*effort), limits.team) {
                return Some(Obstacle::TeamFull(*team));
            }
        }
        let touched: f64 = others()
            .map(|other| self.problem.items[other].touched)
            .sum();
        if touched + known.touched > limits.traffic + ROUNDING {
            return Some(Obstacle::TrafficCap(limits.traffic));
        }
        None
    }

    fn neighbour_in_flight(&self, item: usize, wave: u32) -> Option<usize> {
        let neighbours = &self.problem.items[item].neighbours;
        let near = |other: &usize| {
            let at = self.wave_of[*other];
            at != NOWHERE && self.problem.overlap(at, wave)
        };
        neighbours.iter().copied().find(near)
    }

    /// Why an item may not stand in a wave.
    pub(super) fn obstacle(&self, item: usize, wave: u32) -> Option<Obstacle> {
        self.ineligible(item, wave)
            .or_else(|| self.no_room(item, wave))
    }

    /// The same under other rules.
    pub(super) fn obstacle_under(&self, item: usize, wave: u32, rules: Rules) -> Option<Obstacle> {
        self.ineligible_under(item, wave, rules)
            .or_else(|| self.no_room_under(item, wave, rules.limits))
    }

    /// Worth of each protection times the wave in which it arrives, counted from the first wave of the plan. What is not placed
    /// does not count.
    pub(super) fn area(&self) -> f64 {
        let offset = self.problem.options.waves_done;
        let at = |item: usize| f64::from(self.wave_of[item].saturating_sub(offset));
        let mut area = 0.0;
        for (number, item) in self.problem.items.iter().enumerate() {
            area += item.worth * at(number);
            let later = item.bonds.iter().filter(|(other, _)| *other > number);
            area += later
                .map(|(other, worth)| worth * at(number).max(at(*other)))
                .sum::<f64>();
        }
        area
    }

    /// What the search makes small: the area and the cost of the waves.
    pub(super) fn objective(&self) -> f64 {
        let waves = self.last_wave() - self.problem.options.waves_done;
        self.area() + self.problem.options.weights.wave * f64::from(waves)
    }

    /// Change of the area when one item moves.
    pub(super) fn change(&self, item: usize, wave: u32) -> f64 {
        let (known, from, to) = (&self.problem.items[item], self.wave_of[item], wave);
        let mut change = known.worth * (f64::from(to) - f64::from(from));
        for (other, worth) in &known.bonds {
            let at = self.wave_of[*other];
            change += worth * (f64::from(to.max(at)) - f64::from(from.max(at)));
        }
        change
    }

    /// Limits that a wave is above, with the reason that the plan gives for it.
    pub(super) fn exceptions(&self, wave: u32) -> Vec<Exception> {
        let (limits, load) = (self.problem.limits(wave), self.load(wave));
        let items = || load.items.iter().map(|item| &self.problem.items[*item]);
        let mut broken = Vec::new();
        if load.size > limits.size {
            broken.push(LimitName::Size);
        }
        if load.teams.values().any(|effort| over(*effort, limits.team))
            && !items().all(|item| item.members.len() == 1 && load.items.len() == 1)
        {
            broken.push(LimitName::Team);
        }
        let alone = !limits.ramp && load.items.len() == 1;
        if self.touched(wave) > limits.traffic + ROUNDING && !alone {
            broken.push(LimitName::Traffic);
        }
        if items().any(|item| item.risk > limits.risk + ROUNDING) {
            broken.push(LimitName::Risk);
        }
        let because = self.cause(wave);
        let exception = |limit| Exception {
            limit,
            because: because.clone(),
        };
        broken.into_iter().map(exception).collect()
    }

    /// Whether a wave breaks a limit by more than an earlier plan excuses.
    pub(super) fn is_exception(&self, wave: u32) -> bool {
        !self.is_excused(wave) && !self.exceptions(wave).is_empty()
    }

    /// Whether a wave breaks a limit only because it was planned before the numbers moved.
    pub(super) fn is_excused(&self, wave: u32) -> bool {
        self.planned_before.contains(&wave)
    }

    fn cause(&self, wave: u32) -> ExceptionCause {
        if self.is_excused(wave) {
            return ExceptionCause::PlannedBefore;
        }
        let items = &self.load(wave).items;
        let pinned = items
            .iter()
            .find(|item| self.problem.items[**item].window.1 == wave);
        let names = |item: usize| {
            let members = self.problem.items[item].members.iter();
            members
                .map(|service| self.problem.model.ids[*service].clone())
                .collect()
        };
        match items.as_slice() {
            [only] if self.problem.items[*only].members.len() > 1 => ExceptionCause::InOnePiece {
                services: names(*only),
            },
            _ => pinned.map_or(ExceptionCause::NothingEligible, |item| {
                ExceptionCause::Pinned {
                    services: names(*item),
                }
            }),
        }
    }
}

fn over(effort: u32, cap: usize) -> bool {
    usize::try_from(effort).unwrap_or(usize::MAX) > cap
}
