//! The plan as a problem of placing items in waves: everything that limits who can join when, indexed once.
//!
//! Place in the flow: Model + Value + risks + PlanOptions -> Problem -> [`Board`](super::board::Board), on which every search, repair and
//! explanation works. An item is what moves in one piece: a service, services pinned together, or, in a mesh without a permissive
//! mode, services that call each other in a circle. It finds pins that contradict each other and refuses to plan with them.

use std::collections::BTreeMap;

use super::board::{ROUNDING, over};
use super::dag::Dag;
use super::dates::Timetable;
use super::model::Model;
use super::options::{Limits, MeshMode, PlanOptions};
use super::value::{Place, Value};

mod claims;
mod conflicts;
mod items;
mod order;
#[cfg(test)]
mod tests;

pub use conflicts::PlanError;
pub(super) use conflicts::stuck;

/// Latest wave that a pin can ask for: it bounds the number of empty waves.
pub(super) const MAX_PINNED_WAVE: u32 = 200;

/// Waves that a plan waits for the end of a freeze.
pub(super) const MAX_IDLE_WAVES: u32 = 1000;

/// What moves in one piece.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Item {
    /// Its services, sorted.
    pub(super) members: Vec<usize>,
    /// Share of all traffic that enters or leaves it.
    pub(super) touched: f64,
    /// The highest risk of a member.
    pub(super) risk: f64,
    /// Effort by team.
    pub(super) teams: Vec<(usize, u32)>,
    /// Other items with a call to or from it, sorted.
    pub(super) neighbours: Vec<usize>,
    /// Items that must not be in its wave, sorted.
    pub(super) apart: Vec<usize>,
    /// Items that have to be in earlier waves, sorted.
    pub(super) before: Vec<usize>,
    /// Items that have to be in later waves, sorted.
    pub(super) after: Vec<usize>,
    /// First and last wave allowed.
    pub(super) window: (u32, u32),
    /// Waves that freezes take from it: freeze, first and last wave.
    pub(super) frozen: Vec<(usize, u32, u32)>,
    /// Whether it is pinned to the beginning, to the end, or neither.
    pub(super) rank: Rank,
    /// Worth of the members alone, and of calls to what is in already or inside of the item.
    pub(super) worth: f64,
    /// Worth of calls to other items: it arrives when both are in. By item, sorted.
    pub(super) bonds: Vec<(usize, f64)>,
    /// Distinct callers of its members.
    pub(super) callers: usize,
    /// Longest path of calls below and above it, on the graph without cycles.
    pub(super) levels: (u32, u32),
    /// Items on the longest chain that has to come before it, and on the longest that begins with it.
    pub(super) lead: u32,
    /// See `lead`.
    pub(super) chain: u32,
}

/// A service that can refuse plaintext once it and all its callers are in.
#[derive(Debug)]
pub(super) struct StrictSet {
    /// What has to move for it, sorted.
    pub(super) items: Vec<usize>,
    /// Calls into the service, as a share of all calls into services that can be strict some day.
    pub(super) share: f64,
}

/// Pinned to the beginning or the end: no item is in an earlier wave than one of a smaller rank.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(super) enum Rank {
    /// Pinned first.
    First,
    /// Not pinned.
    #[default]
    Middle,
    /// Pinned last.
    Last,
}

/// Everything that limits who can join when.
#[derive(Debug)]
pub(super) struct Problem<'a> {
    pub(super) model: &'a Model,
    pub(super) value: &'a Value,
    /// By service.
    pub(super) risks: &'a [f64],
    pub(super) options: &'a PlanOptions,
    /// Sorted by first member.
    pub(super) items: Vec<Item>,
    /// Item of each service; none where it does not move.
    pub(super) item_of: Vec<Option<usize>>,
    /// Where each service stands before the first wave.
    pub(super) places: Vec<Place>,
    /// Names of the teams.
    pub(super) teams: Vec<&'a str>,
    /// Arcs that a hard order does not respect, because they close a cycle: by number.
    pub(super) broken: Vec<usize>,
    /// Services in scope: what the size cap of waves is a share of.
    in_scope: usize,
    /// Items so that what has to come first stands first.
    pub(super) order: Vec<usize>,
    /// What can refuse plaintext, and what that needs.
    pub(super) strict_sets: Vec<StrictSet>,
    /// By item: the strict sets that it is in.
    pub(super) sets_of: Vec<Vec<usize>>,
    /// Items by rank.
    ranked: [Vec<usize>; 3],
    /// Limits of the first waves of the plan, and whether they are still what the ramp says.
    limits: Vec<Limits>,
}

/// Waves whose limits are looked up rather than computed.
const KNOWN_WAVES: usize = 256;

impl<'a> Problem<'a> {
    /// # Errors
    /// Two pins contradict each other.
    pub(super) fn new(
        model: &'a Model,
        dag: &Dag,
        (value, risks): (&'a Value, &'a [f64]),
        places: Vec<Place>,
        options: &'a PlanOptions,
    ) -> Result<Self, PlanError> {
        let teams = teams(model);
        let mut problem = Self {
            model,
            value,
            risks,
            options,
            items: Vec::new(),
            item_of: vec![None; places.len()],
            in_scope: places.iter().filter(|p| **p != Place::Never).count(),
            places,
            teams,
            broken: Vec::new(),
            order: Vec::new(),
            strict_sets: Vec::new(),
            sets_of: Vec::new(),
            ranked: Default::default(),
            limits: Vec::new(),
        };
        problem.limits = (problem.first_wave()..)
            .take(KNOWN_WAVES)
            .map(|wave| options.ramp.limits(wave, problem.in_scope))
            .collect();
        conflicts::find(&problem)?;
        problem.group(dag);
        conflicts::of_groups(&problem)?;
        problem.connect();
        problem.precede(dag)?;
        problem.survey(dag);
        let dates = Timetable::new(options);
        if let Some(dates) = &dates {
            problem.freeze(dates);
        }
        problem.weigh();
        conflicts::propagate(&mut problem, dates.as_ref())?;
        for (number, item) in problem.items.iter().enumerate() {
            problem.ranked[item.rank as usize].push(number);
        }
        Ok(problem)
    }

    /// Id of the first service of an item, which stands for it.
    pub(super) fn name(&self, item: usize) -> &str {
        &self.model.ids[self.items[item].members[0]]
    }

    /// Number of the first wave.
    pub(super) const fn first_wave(&self) -> u32 {
        self.options.waves_done.saturating_add(1)
    }

    /// Limits of a wave.
    pub(super) fn limits(&self, wave: u32) -> Limits {
        let index = wave.checked_sub(self.first_wave());
        let known = index.and_then(|index| self.limits.get(usize::try_from(index).ok()?));
        let computed = || self.options.ramp.limits(wave, self.in_scope);
        known.copied().unwrap_or_else(computed)
    }

    /// How many waves change at once while this one starts.
    pub(super) fn in_flight(&self, wave: u32) -> u32 {
        let in_flight = self.options.in_flight;
        let now = if self.limits(wave).ramp {
            in_flight.ramp
        } else {
            in_flight.after
        };
        now.max(1)
    }

    /// Whether two waves change at the same time for some days.
    pub(super) fn overlap(&self, a: u32, b: u32) -> bool {
        a.abs_diff(b) < self.in_flight(a.max(b))
    }

    /// Whether some items are pinned to the beginning or the end.
    pub(super) fn has_ranks(&self) -> bool {
        self.ranked(Rank::Middle).len() < self.items.len()
    }

    /// A wave that no plan reaches unless it waits in vain.
    pub(super) fn horizon(&self) -> u32 {
        let most = self
            .options
            .in_flight
            .ramp
            .max(self.options.in_flight.after)
            .max(1);
        let items = u32::try_from(self.items.len()).unwrap_or(u32::MAX);
        let until = |item: &Item| {
            let frozen = item.frozen.iter().map(|(.., to)| *to);
            frozen.fold(item.window.0, u32::max)
        };
        let last = self.items.iter().map(until).max().unwrap_or(0);
        let last = last.min(self.first_wave().saturating_add(MAX_IDLE_WAVES));
        let needed = items.saturating_mul(most);
        last.max(self.first_wave())
            .saturating_add(needed)
            .saturating_add(1)
    }

    /// Items of a rank.
    pub(super) fn ranked(&self, rank: Rank) -> &[usize] {
        &self.ranked[rank as usize]
    }

    /// Whether an item alone is above the limit on services or on the effort of a team: only what moves in one piece can be.
    pub(super) fn is_bulky(&self, item: usize, limits: Limits) -> bool {
        let known = &self.items[item];
        let mut efforts = known.teams.iter();
        known.members.len() > 1
            && (known.members.len() > limits.size
                || efforts.any(|(_, effort)| over(*effort, limits.team)))
    }

    /// Whether an item is so large that it needs a wave of its own.
    pub(super) fn needs_own_wave(&self, item: usize, limits: Limits) -> bool {
        self.items[item].touched > limits.traffic + ROUNDING || self.is_bulky(item, limits)
    }

    /// Whether circles of services join in one wave.
    pub(super) fn has_atomic_circles(&self) -> bool {
        self.options.mesh_mode == MeshMode::StrictOnly
    }
}

fn teams(model: &Model) -> Vec<&str> {
    let names = model.services.iter().filter_map(|s| s.team.as_deref());
    let unique: std::collections::BTreeSet<&str> = names.collect();
    unique.into_iter().collect()
}

/// Sums by key, sorted.
fn summed<K: Ord + Copy>(parts: impl Iterator<Item = (K, f64)>) -> Vec<(K, f64)> {
    let mut sums: BTreeMap<K, f64> = BTreeMap::new();
    for (key, part) in parts {
        *sums.entry(key).or_default() += part;
    }
    sums.into_iter().collect()
}
