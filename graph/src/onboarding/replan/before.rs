//! The earlier plan as far as a repair needs it.
//!
//! It comes from a file that people may have edited: services twice, in wave 0, in the last wave that a number can hold, or unknown.
//! Nothing of it is believed but where it puts services, what their numbers were, and which limits it broke and why.

use std::collections::{BTreeMap, BTreeSet};

use super::super::outcome::{ExceptionCause, LimitName, Plan, PlannedService, Wave};
use super::super::problem::{MAX_PINNED_WAVE, Problem};

/// Empty waves that an earlier plan may ask for in all: more would only be slow.
const MAX_HOLES: u32 = 2 * MAX_PINNED_WAVE;

/// The earlier plan.
#[derive(Debug)]
pub(in super::super) struct Before<'p> {
    /// Wave of every service that it moves: the first one that it names.
    pub(in super::super) planned: BTreeMap<&'p str, u32>,
    /// Services that were in the mesh.
    pub(in super::super) done: BTreeSet<&'p str>,
    services: BTreeMap<&'p str, &'p PlannedService>,
    waves: BTreeMap<u32, &'p Wave>,
}

impl<'p> Before<'p> {
    pub(in super::super) fn new(plan: &'p Plan) -> Self {
        let mut before = Self {
            planned: BTreeMap::new(),
            done: plan.done.iter().map(String::as_str).collect(),
            services: BTreeMap::new(),
            waves: BTreeMap::new(),
        };
        for wave in &plan.waves {
            before.waves.entry(wave.wave).or_insert(wave);
            for service in &wave.services {
                let id = service.service.as_str();
                before.planned.entry(id).or_insert(wave.wave);
                before.services.entry(id).or_insert(service);
            }
        }
        before
    }

    /// Wave in which the earlier plan moves a service.
    pub(in super::super) fn wave_of(&self, id: &str) -> Option<u32> {
        self.planned.get(id).copied()
    }

    /// The same, but 0 for a service that was in.
    pub(in super::super) fn standing(&self, id: &str) -> Option<u32> {
        let in_mesh = self.done.contains(id).then_some(0);
        in_mesh.or_else(|| self.wave_of(id))
    }

    /// What it said of a service that it moves.
    pub(super) fn service(&self, id: &str) -> Option<&'p PlannedService> {
        self.services.get(id).copied()
    }

    /// What it said of a wave.
    pub(in super::super) fn wave(&self, number: u32) -> Option<&'p Wave> {
        self.waves.get(&number).copied()
    }

    /// Whether it knew a call between two services, in either direction.
    pub(super) fn knew_call(&self, a: &str, b: &str) -> bool {
        let calls = |caller: &str, callee: &str| {
            let known = self.service(caller);
            let mut callees = known.iter().flat_map(|known| &known.turns_on.client);
            callees.any(|edge| edge.callee == callee)
        };
        calls(a, b) || calls(b, a)
    }

    /// By item: its wave, if that is still to come. An item whose services were apart stands where the last of them was.
    pub(super) fn items(&self, problem: &Problem<'_>) -> Vec<Option<u32>> {
        let still_to_come = |service: &usize| {
            let wave = self.wave_of(&problem.model.ids[*service])?;
            (wave >= problem.first_wave()).then_some(wave)
        };
        let items = problem.items.iter();
        items
            .map(|item| item.members.iter().filter_map(still_to_come).max())
            .collect()
    }

    /// Limits that a wave broke, but not because it was planned even earlier: that is asked anew.
    pub(super) fn broken(&self, number: u32) -> Vec<LimitName> {
        let exceptions = self.wave(number).into_iter().flat_map(|w| &w.exceptions);
        let still = exceptions.filter(|e| e.because != ExceptionCause::PlannedBefore);
        still.map(|exception| exception.limit).collect()
    }
}

/// Numbers for the waves that are close enough to plan with: gaps are kept until they are too many. By the number in the plan.
pub(super) fn squeezed(first: u32, waves: impl Iterator<Item = u32>) -> BTreeMap<u32, u32> {
    let used: BTreeSet<u32> = waves.collect();
    let (mut numbers, mut next, mut holes) = (BTreeMap::new(), first, MAX_HOLES);
    for wave in used {
        let number = wave.min(next.saturating_add(holes));
        holes -= number.saturating_sub(next).min(holes);
        numbers.insert(wave, number);
        next = number.saturating_add(1);
    }
    numbers
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waves_keep_their_numbers_unless_they_are_absurd() {
        let numbers = |waves: &[u32]| -> Vec<u32> {
            squeezed(3, waves.iter().copied()).into_values().collect()
        };
        assert_eq!(numbers(&[3, 4, 9]), [3, 4, 9]);
        assert_eq!(numbers(&[3, u32::MAX - 1, u32::MAX]), [3, 404, 405]);
        assert_eq!(numbers(&[300, 300, 900]), [300, 404]);
    }
}
