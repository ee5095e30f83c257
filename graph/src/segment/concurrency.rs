//! How many calls of an edge were under way at once, at most.
//!
//! A sweep over starts and ends needs all calls of all traces at one place. Instead the time that calls take is added up in
//! slots: a slot's sum, divided by its length, is the mean number of calls under way in it (Little's law), and the
//! largest mean is a lower bound of the true peak. Slots are short, a millisecond, as long as there are few; when there
//! are more than [`MAX_SLOTS`], all become twice as long, until there are not. The final length depends on what was
//! counted and not on the order, so that merging is commutative and associative, and bounded.

mod gaps;

use std::collections::BTreeMap;

use crate::snapshot::PeakConcurrency;

/// Slots kept per edge.
const MAX_SLOTS: usize = 128;

/// 2^20 ns, about a millisecond: the shortest slot.
pub(super) const MIN_SHIFT: u32 = 20;

/// Sampling weights in sixteenths: integers, so that sums do not depend on their order.
const WEIGHT_ONE: f32 = 16.0;

/// Time that calls took, by slot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Concurrency {
    /// A slot is 2^shift nanoseconds long.
    pub(super) shift: u32,
    /// Number of the slot since the epoch -> weighted nanoseconds, in sixteenths.
    pub(super) slots: BTreeMap<u64, u128>,
}

impl Default for Concurrency {
    fn default() -> Self {
        Self {
            shift: MIN_SHIFT,
            slots: BTreeMap::new(),
        }
    }
}

impl Concurrency {
    /// Counts a call that stands for `weight` calls.
    pub(crate) fn count(&mut self, start_ns: u64, duration_ns: u64, weight: f32) {
        let end_ns = start_ns.saturating_add(duration_ns);
        let too_many = |shift: u32| (end_ns >> shift) - (start_ns >> shift) >= MAX_SLOTS as u64;
        while too_many(self.shift) {
            self.coarsen();
        }
        let weight = sixteenths(weight);
        let mut from_ns = start_ns;
        while from_ns < end_ns {
            let slot = from_ns >> self.shift;
            let next_ns = slot.saturating_add(1).saturating_mul(1 << self.shift);
            let until_ns = next_ns.min(end_ns);
            let busy = u128::from(until_ns - from_ns) * weight;
            *self.slots.entry(slot).or_default() += busy;
            from_ns = until_ns;
        }
        self.bound();
    }

    /// Adds other calls.
    pub(crate) fn merge(&mut self, other: &Self) {
        while self.shift < other.shift {
            self.coarsen();
        }
        for (slot, busy) in &other.slots {
            *self
                .slots
                .entry(slot >> (self.shift - other.shift))
                .or_default() += busy;
        }
        self.bound();
    }

    /// Adds slots of 2^`shift` nanoseconds by their starts.
    pub(super) fn merge_slots(&mut self, shift: u32, slots: &[(u64, u128)]) {
        while self.shift < shift {
            self.coarsen();
        }
        for (start_ns, busy) in slots {
            let slot = self.slots.entry(start_ns >> self.shift).or_default();
            *slot = slot.saturating_add(*busy);
        }
        self.bound();
    }

    /// The busiest slot; `None` when no call took any time.
    pub(crate) fn peak(&self) -> Option<PeakConcurrency> {
        let busy = *self.slots.values().max()?;
        let slot_ns = approximate(1 << self.shift);
        Some(PeakConcurrency {
            calls: approximate(busy) / f64::from(WEIGHT_ONE) / slot_ns,
            over_ms: slot_ns / 1e6,
        })
    }

    /// Start and end of each slot in nanoseconds, and the calls under way in it on average.
    pub(crate) fn stretches(&self) -> impl Iterator<Item = (u64, u64, f64)> + '_ {
        let slot_ns = approximate(1 << self.shift.min(127));
        self.slots.iter().map(move |(slot, busy)| {
            let start_ns =
                u64::try_from(u128::from(*slot) << self.shift.min(63)).unwrap_or(u64::MAX);
            let end_ns = start_ns.saturating_add(1 << self.shift.min(63));
            let calls = approximate(*busy) / f64::from(WEIGHT_ONE) / slot_ns;
            (start_ns, end_ns, calls)
        })
    }

    fn bound(&mut self) {
        while self.slots.len() > MAX_SLOTS {
            self.coarsen();
        }
    }

    /// Makes slots twice as long.
    fn coarsen(&mut self) {
        self.shift += 1;
        for (slot, busy) in std::mem::take(&mut self.slots) {
            *self.slots.entry(slot >> 1).or_default() += busy;
        }
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "weights lie in 1..1e9"
)]
fn sixteenths(weight: f32) -> u128 {
    (weight * WEIGHT_ONE).round() as u128
}

#[expect(clippy::cast_precision_loss, reason = "a mean for display")]
fn approximate(number: u128) -> f64 {
    number as f64
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SECOND: u64 = 1_000_000_000;

    fn of(calls: &[(u64, u64)]) -> Concurrency {
        let mut all = Concurrency::default();
        for (start_ns, duration_ns) in calls {
            all.count(*start_ns, *duration_ns, 1.0);
        }
        all
    }

    #[test]
    fn calls_under_way_together_add_up_and_calls_after_each_other_do_not() {
        let start = 1_760_000_000 * SECOND;
        let together = of(&[
            (start, SECOND),
            (start, SECOND),
            (start + SECOND / 2, SECOND),
        ]);
        let peak = together.peak().unwrap();
        assert!((2.9..=3.0).contains(&peak.calls), "{peak:?}");
        let in_turn = of(&[(start, SECOND), (start + SECOND, SECOND)]);
        let peak = in_turn.peak().unwrap();
        assert!((0.99..=1.0).contains(&peak.calls), "{peak:?}");
        assert_eq!(of(&[(start, 0)]).peak(), None);
    }

    #[test]
    fn the_longest_call_there_can_be_is_counted() {
        let peak = of(&[(0, u64::MAX)]).peak().unwrap();
        assert!((0.9..=1.0).contains(&peak.calls), "{peak:?}");
    }

    #[test]
    fn a_sampled_call_stands_for_many() {
        let mut all = Concurrency::default();
        all.count(SECOND, SECOND, 100.0);
        assert!((99.0..=100.0).contains(&all.peak().unwrap().calls));
    }

    proptest! {
        #[test]
        fn order_and_split_do_not_matter_and_size_is_bounded(
            calls in prop::collection::vec((0..100 * SECOND, 0..20 * SECOND), 1..200),
            split in 0_usize..200,
        ) {
            let whole = of(&calls);
            let backwards: Vec<_> = calls.iter().rev().copied().collect();
            prop_assert_eq!(&of(&backwards), &whole);
            let (a, b) = calls.split_at(split.min(calls.len()));
            let (mut ab, mut ba) = (of(a), of(b));
            ab.merge(&of(b));
            ba.merge(&of(a));
            prop_assert_eq!(&ab, &whole);
            prop_assert_eq!(&ba, &whole);
            prop_assert!(whole.slots.len() <= MAX_SLOTS);
            let busy: u128 = whole.slots.values().sum();
            let taken: u64 = calls.iter().map(|(_, duration)| duration).sum();
            prop_assert_eq!(busy, u128::from(taken) * 16);
        }
    }
}
