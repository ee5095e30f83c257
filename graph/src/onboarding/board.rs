//! Items on waves: what a search changes, and the one place that knows whether an item may stand in a wave.
//!
//! Every limit is asked here, by the greedy pass, the local search, the repair of an earlier plan, and by who explains why a
//! service is in no earlier wave. Sums of a wave are taken over its items in their order, so that they do not depend on the way there.
//! `board/worth.rs` says what a board is worth, `board/exceptions.rs` which limits it breaks and whether that is allowed.

use std::collections::BTreeSet;

use super::model::total;
use super::options::Limits;
use super::problem::{Problem, Rank};

mod exceptions;
mod worth;

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

/// What a wave holds.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Load {
    /// Items, sorted.
    pub(super) items: Vec<usize>,
    /// Services.
    pub(super) size: usize,
    /// Share of all traffic that the items touch, summed in their order.
    touched: f64,
    /// Effort by team, sorted; a team that left may stay with 0.
    teams: Vec<(usize, u32)>,
    /// Items by rank.
    ranks: [usize; 3],
    /// The first item that needs the wave for itself.
    taken: Option<usize>,
}

impl Load {
    fn effort(&self, team: usize) -> u32 {
        let found = self.teams.binary_search_by_key(&team, |(team, _)| *team);
        found.map_or(0, |at| self.teams[at].1)
    }

    fn effort_mut(&mut self, team: usize) -> &mut u32 {
        let found = self.teams.binary_search_by_key(&team, |(team, _)| *team);
        let at = found.unwrap_or_else(|at| {
            self.teams.insert(at, (team, 0));
            at
        });
        &mut self.teams[at].1
    }

    fn sum_up(&mut self, problem: &Problem<'_>, limits: Limits) {
        let items = || self.items.iter().copied();
        self.touched = total(items().map(|item| problem.items[item].touched));
        self.taken = items().find(|item| problem.needs_own_wave(*item, limits));
    }
}

/// Items on waves.
#[derive(Debug, Clone)]
pub(super) struct Board<'a> {
    pub(super) problem: &'a Problem<'a>,
    /// Wave of each item, or [`NOWHERE`].
    pub(super) wave_of: Vec<u32>,
    /// From the first wave of the plan on.
    loads: Vec<Load>,
    /// Items by rank that are placed.
    placed: [usize; 3],
    /// Waves above a limit only because they were planned before the numbers moved, within the tolerance.
    planned_before: BTreeSet<u32>,
}

impl<'a> Board<'a> {
    /// Nothing placed.
    pub(super) fn new(problem: &'a Problem<'a>) -> Self {
        Self {
            problem,
            wave_of: vec![NOWHERE; problem.items.len()],
            loads: Vec::new(),
            placed: [0; 3],
            planned_before: BTreeSet::new(),
        }
    }

    /// What a wave holds.
    pub(super) fn load(&self, wave: u32) -> &Load {
        const EMPTY: &Load = &Load {
            items: Vec::new(),
            size: 0,
            touched: 0.0,
            teams: Vec::new(),
            ranks: [0; 3],
            taken: None,
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
        let limits = self.problem.limits(wave);
        let (load, known) = (&mut self.loads[index], &self.problem.items[item]);
        let at = load.items.partition_point(|other| *other < item);
        load.items.insert(at, item);
        load.size += known.members.len();
        load.ranks[known.rank as usize] += 1;
        self.placed[known.rank as usize] += 1;
        for (team, effort) in &known.teams {
            let sum = load.effort_mut(*team);
            *sum = sum.saturating_add(*effort);
        }
        load.sum_up(self.problem, limits);
    }

    /// Takes an item out of its wave, if it is in one.
    pub(super) fn remove(&mut self, item: usize) {
        let Some(index) = self.index(self.wave_of[item]) else {
            return;
        };
        let limits = self.problem.limits(self.wave_of[item]);
        self.wave_of[item] = NOWHERE;
        let (load, known) = (&mut self.loads[index], &self.problem.items[item]);
        load.items.retain(|other| *other != item);
        load.size -= known.members.len();
        load.ranks[known.rank as usize] -= 1;
        self.placed[known.rank as usize] -= 1;
        for (team, _) in &known.teams {
            let left = load.items.iter().map(|other| {
                let efforts = self.problem.items[*other].teams.iter();
                let own = efforts.filter(|(other, _)| other == team);
                own.fold(0, |sum, (_, effort)| u32::saturating_add(sum, *effort))
            });
            *load.effort_mut(*team) = left.fold(0, u32::saturating_add);
        }
        load.sum_up(self.problem, limits);
    }

    /// Share of all traffic that a wave touches.
    pub(super) fn touched(&self, wave: u32) -> f64 {
        self.load(wave).touched
    }

    /// Why an item cannot join a wave, whoever else is in it. Others count as they stand: what is not placed comes later.
    pub(super) fn ineligible(&self, item: usize, wave: u32) -> Option<Obstacle> {
        let held = self.held(item, wave);
        held.or_else(|| self.above_ramp(item, wave))
    }

    /// What no exception can overcome: pins, freezes, and what has to come first.
    pub(super) fn held(&self, item: usize, wave: u32) -> Option<Obstacle> {
        let late = |other: usize| self.wave_of[other] == NOWHERE || self.wave_of[other] >= wave;
        let kept = self.kept_out(item, wave);
        kept.or_else(|| self.out_of_order(item, wave, late))
            .or_else(|| self.out_of_rank(item, wave, true))
    }

    /// As [`Self::held`], but what is not placed yet holds nobody back: for a search that places in any order.
    pub(super) fn held_by_placed(&self, item: usize, wave: u32) -> Option<Obstacle> {
        let late = |other: usize| self.wave_of[other] != NOWHERE && self.wave_of[other] >= wave;
        let kept = self.kept_out(item, wave);
        kept.or_else(|| self.out_of_order(item, wave, late))
            .or_else(|| self.out_of_rank(item, wave, false))
    }

    /// Why a pin or a freeze keeps an item out of a wave.
    fn kept_out(&self, item: usize, wave: u32) -> Option<Obstacle> {
        let known = &self.problem.items[item];
        if wave < known.window.0 {
            return Some(Obstacle::TooEarly(known.window.0));
        }
        if wave > known.window.1 {
            return Some(Obstacle::TooLate(known.window.1));
        }
        let mut frozen = known.frozen.iter();
        let freeze = frozen.find(|(_, from, to)| (*from..=*to).contains(&wave));
        freeze.map(|(freeze, ..)| Obstacle::Frozen(*freeze))
    }

    fn out_of_order(
        &self,
        item: usize,
        wave: u32,
        late: impl Fn(usize) -> bool,
    ) -> Option<Obstacle> {
        let known = &self.problem.items[item];
        if let Some(first) = known.before.iter().find(|other| late(**other)) {
            return Some(Obstacle::After(*first));
        }
        let early =
            |other: &&usize| self.wave_of[**other] != NOWHERE && self.wave_of[**other] <= wave;
        let later = known.after.iter().find(early);
        later.map(|later| Obstacle::Before(*later))
    }

    /// `all` asks for items of a smaller rank to be placed already.
    fn out_of_rank(&self, item: usize, wave: u32, all: bool) -> Option<Obstacle> {
        if !self.problem.has_ranks() {
            return None;
        }
        let rank = self.problem.items[item].rank;
        for smaller in [Rank::First, Rank::Middle] {
            let waiting = self.problem.ranked(smaller).len() > self.placed[smaller as usize];
            let later = || {
                self.loads
                    .iter()
                    .skip(self.after(wave))
                    .any(|load| load.ranks[smaller as usize] > 0)
            };
            if smaller < rank && ((all && waiting) || later()) {
                let late = |at: u32| if at == NOWHERE { all } else { at > wave };
                let others = self.problem.ranked(smaller).iter();
                let other = others
                    .copied()
                    .find(|o| *o != item && late(self.wave_of[*o]));
                return Some(Obstacle::After(other.unwrap_or(item)));
            }
        }
        for larger in [Rank::Middle, Rank::Last] {
            let until = self.after(wave).saturating_sub(1);
            let earlier = || {
                self.loads
                    .iter()
                    .take(until)
                    .any(|load| load.ranks[larger as usize] > 0)
            };
            if larger > rank && earlier() {
                let early = |at: u32| at != NOWHERE && at < wave;
                let others = self.problem.ranked(larger).iter();
                let other = others
                    .copied()
                    .find(|o| *o != item && early(self.wave_of[*o]));
                return Some(Obstacle::Before(other.unwrap_or(item)));
            }
        }
        None
    }

    /// Index of the load after that of `wave`.
    fn after(&self, wave: u32) -> usize {
        self.index(wave).map_or(0, |index| index.saturating_add(1))
    }

    /// What the ramp holds against an item, whoever else moves.
    pub(super) fn above_ramp(&self, item: usize, wave: u32) -> Option<Obstacle> {
        self.above_ramp_of(item, self.problem.limits(wave))
    }

    /// The same under other limits.
    pub(super) fn above_ramp_of(&self, item: usize, limits: Limits) -> Option<Obstacle> {
        let known = &self.problem.items[item];
        if known.risk > limits.risk + ROUNDING {
            return Some(Obstacle::RiskCeiling(limits.risk));
        }
        if limits.ramp && known.touched > limits.traffic + ROUNDING {
            return Some(Obstacle::TrafficRamp(limits.traffic));
        }
        if limits.ramp && self.problem.is_bulky(item, limits) {
            return Some(Obstacle::SizeRamp(limits.size));
        }
        None
    }

    /// Why an item cannot join what a wave holds now; the item itself does not count.
    pub(super) fn no_room(&self, item: usize, wave: u32) -> Option<Obstacle> {
        self.no_room_under(item, wave, None)
    }

    /// The same under other limits than those of the wave.
    pub(super) fn no_room_under(
        &self,
        item: usize,
        wave: u32,
        own_limits: Option<Limits>,
    ) -> Option<Obstacle> {
        if let Some(other) = self.neighbour_in_flight(item, wave) {
            return Some(Obstacle::Adjacent(other));
        }
        let problem = self.problem;
        let limits = own_limits.unwrap_or_else(|| problem.limits(wave));
        let (known, load) = (&problem.items[item], self.load(wave));
        let is_in = self.wave_of[item] == wave;
        let mut others = load.items.iter().copied().filter(|other| *other != item);
        others.clone().next()?;
        if let Some(apart) = self.apart_in(item, load) {
            return Some(Obstacle::Apart(apart));
        }
        let large = if is_in || own_limits.is_some() {
            others
                .clone()
                .find(|other| problem.needs_own_wave(*other, limits))
        } else {
            load.taken
        };
        if let Some(large) = large {
            return Some(Obstacle::WaveTaken(large));
        }
        if problem.needs_own_wave(item, limits) {
            return Some(Obstacle::NeedsOwnWave);
        }
        let before = if is_in { known.members.len() } else { 0 };
        if load.size - before + known.members.len() > limits.size {
            return Some(Obstacle::WaveFull);
        }
        for (team, effort) in &known.teams {
            let busy = load.effort(*team) - if is_in { *effort } else { 0 };
            if busy > 0 && over(busy.saturating_add(*effort), limits.team) {
                return Some(Obstacle::TeamFull(*team));
            }
        }
        let touched = if is_in {
            total(others.by_ref().map(|other| problem.items[other].touched))
        } else {
            load.touched
        };
        if touched + known.touched > limits.traffic + ROUNDING {
            return Some(Obstacle::TrafficCap(limits.traffic));
        }
        None
    }

    fn apart_in(&self, item: usize, load: &Load) -> Option<usize> {
        let apart = &self.problem.items[item].apart;
        let mut others = load.items.iter().copied();
        if apart.is_empty() {
            return None;
        }
        others.find(|other| apart.binary_search(other).is_ok())
    }

    /// An item that calls, or is called by, this one, and stands in the wave or in one that changes at the same time.
    pub(super) fn neighbour_in_flight(&self, item: usize, wave: u32) -> Option<usize> {
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

    /// Why an item may not stand in a wave under other limits, where what is not placed yet holds nobody back.
    pub(super) fn obstacle_under(
        &self,
        item: usize,
        wave: u32,
        limits: Limits,
    ) -> Option<Obstacle> {
        let held = self.held_by_placed(item, wave);
        held.or_else(|| self.above_ramp_of(item, limits))
            .or_else(|| self.no_room_under(item, wave, Some(limits)))
    }

    /// Whether an item fits into a wave beside what is placed: once all are placed so, no limit is broken.
    pub(super) fn fits(&self, item: usize, wave: u32) -> bool {
        self.above_ramp(item, wave).is_none()
            && self.no_room(item, wave).is_none()
            && self.held_by_placed(item, wave).is_none()
    }
}

/// Whether effort is above a cap.
pub(super) fn over(effort: u32, cap: usize) -> bool {
    usize::try_from(effort).unwrap_or(usize::MAX) > cap
}
