//! How many calls of an edge were under way at once, at most.
//!
//! A sweep over starts and ends needs all calls of all traces at one place. Instead the time that calls take is added up in
//! slots: a slot's sum, divided by its length, is the mean number of calls under way in it (Little's law), and the
//! largest mean is a lower bound of the true peak. Slots are short, a millisecond, as long as there are few; when there
//! are more than [`MAX_SLOTS`], all become twice as long, until there are not. The final length depends on what was
//! counted and not on the order, so that merging is commutative and associative, and bounded.

mod gaps;

use super::demand::Took;
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
    /// Number of the slot since the epoch, ascending, and weighted nanoseconds, in sixteenths.
    pub(super) slots: Vec<(u64, u128)>,
}

impl Default for Concurrency {
    fn default() -> Self {
        Self {
            shift: MIN_SHIFT,
            slots: Vec::new(),
        }
    }
}

impl Concurrency {
    /// Counts attempts, in the order of their starts: many at once cost little more than one.
    pub(crate) fn count(&mut self, attempts: &[Took]) {
        let mut shift = self.shift;
        while touch_too_many(attempts, shift) {
            shift += 1;
        }
        self.coarsen_to(shift);
        let first = attempts.first().map_or(0, |first| first.start_ns >> shift);
        let mut place = self.slots.partition_point(|(slot, _)| *slot < first);
        for attempt in attempts {
            place = self.fill(attempt, place);
        }
        self.bound();
    }

    /// Spreads an attempt over its slots. The place of the first of them, or where it would be, is at `near` or later.
    fn fill(&mut self, attempt: &Took, near: usize) -> usize {
        let (mut from_ns, end_ns) = (attempt.start_ns, attempt.end_ns());
        let weight = sixteenths(attempt.weight);
        let first = from_ns >> self.shift;
        let later = self.slots[near..].iter();
        let near = near + later.take_while(|(slot, _)| *slot < first).count();
        let mut place = near;
        while from_ns < end_ns {
            let slot = from_ns >> self.shift;
            let next_ns = slot.saturating_add(1).saturating_mul(1 << self.shift);
            let until_ns = next_ns.min(end_ns);
            let busy = u128::from(until_ns - from_ns) * weight;
            match self.slots.get_mut(place) {
                Some((known, sum)) if *known == slot => *sum = sum.saturating_add(busy),
                _ => self.slots.insert(place, (slot, busy)),
            }
            place += 1;
            from_ns = until_ns;
        }
        near
    }

    /// Adds other calls.
    pub(crate) fn merge(&mut self, other: &Self) {
        self.coarsen_to(other.shift);
        self.merge_sorted(&other.slots, self.shift - other.shift);
    }

    /// Adds slots of 2^`shift` nanoseconds by their starts, in any order.
    pub(super) fn merge_slots(&mut self, shift: u32, slots: &[(u64, u128)]) {
        self.coarsen_to(shift);
        let mut slots = slots.to_vec();
        slots.sort_unstable();
        self.merge_sorted(&slots, self.shift);
    }

    /// Adds slots in ascending order, once their numbers are shifted.
    fn merge_sorted(&mut self, more: &[(u64, u128)], shift: u32) {
        let mut merged: Vec<(u64, u128)> = Vec::with_capacity(self.slots.len() + more.len());
        let mut own = self.slots.iter().copied().peekable();
        let mut more = more
            .iter()
            .map(|(slot, busy)| (slot >> shift, *busy))
            .peekable();
        loop {
            let next = match (own.peek(), more.peek()) {
                (Some(a), Some(b)) if a.0 <= b.0 => own.next(),
                (_, Some(_)) => more.next(),
                (_, None) => own.next(),
            };
            let Some((slot, busy)) = next else {
                break;
            };
            match merged.last_mut() {
                Some((last, sum)) if *last == slot => *sum = sum.saturating_add(busy),
                _ => merged.push((slot, busy)),
            }
        }
        self.slots = merged;
        self.bound();
    }

    /// The busiest slot; `None` when no call took any time.
    pub(crate) fn peak(&self) -> Option<PeakConcurrency> {
        let busy = self.slots.iter().map(|(_, busy)| *busy).max()?;
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
            self.coarsen_to(self.shift + 1);
        }
    }

    /// Makes slots longer, if they are shorter than this.
    fn coarsen_to(&mut self, shift: u32) {
        if shift <= self.shift {
            return;
        }
        let by = shift - self.shift;
        self.shift = shift;
        self.slots.iter_mut().for_each(|(slot, _)| *slot >>= by);
        self.slots.dedup_by(|later, earlier| {
            let is_same = later.0 == earlier.0;
            if is_same {
                earlier.1 = earlier.1.saturating_add(later.1);
            }
            is_same
        });
    }
}

/// True when attempts, which are in the order of their starts, touch more slots than are kept.
fn touch_too_many(attempts: &[Took], shift: u32) -> bool {
    // However it lies, an attempt touches at most two slots more than fit into it.
    let longest = attempts.iter().map(|attempt| attempt.took_ns).max();
    let each = longest.map_or(0, |took_ns| (took_ns >> shift).saturating_add(2));
    // Nearly never, once slots are longer than attempts.
    let at_most = each.saturating_mul(attempts.len() as u64);
    at_most > MAX_SLOTS as u64 && slots_of(attempts, shift) > MAX_SLOTS as u64
}

/// Slots that attempts touch, which are in the order of their starts; too many when a single one would.
fn slots_of(attempts: &[Took], shift: u32) -> u64 {
    let (mut count, mut free) = (0, 0);
    for attempt in attempts {
        let (start_ns, end_ns) = (attempt.start_ns, attempt.end_ns());
        if end_ns == start_ns {
            continue;
        }
        let (first, last) = (start_ns >> shift, (end_ns - 1) >> shift);
        if (end_ns >> shift) - first >= MAX_SLOTS as u64 {
            return u64::MAX;
        }
        count += (last + 1).saturating_sub(first.max(free));
        free = free.max(last + 1);
    }
    count
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "weights lie in 1..1e9"
)]
fn sixteenths(weight: f32) -> u128 {
    // Nearly all of them; rounding is slow.
    if weight == 1.0 {
        return 16;
    }
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
        for (start_ns, took_ns) in calls {
            all.count(&[took(*start_ns, *took_ns, 1.0)]);
        }
        all
    }

    fn took(start_ns: u64, took_ns: u64, weight: f32) -> Took {
        Took {
            start_ns,
            took_ns,
            weight,
            is_call: true,
        }
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
        all.count(&[took(SECOND, SECOND, 100.0)]);
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
            let mut sorted: Vec<Took> = calls.iter().map(|(start, long)| took(*start, *long, 1.0)).collect();
            sorted.sort_by_key(|attempt| attempt.start_ns);
            let mut at_once = Concurrency::default();
            at_once.count(&sorted);
            prop_assert_eq!(&at_once, &whole);
            let (a, b) = calls.split_at(split.min(calls.len()));
            let (mut ab, mut ba) = (of(a), of(b));
            ab.merge(&of(b));
            ba.merge(&of(a));
            prop_assert_eq!(&ab, &whole);
            prop_assert_eq!(&ba, &whole);
            prop_assert!(whole.slots.len() <= MAX_SLOTS);
            let busy: u128 = whole.slots.iter().map(|(_, busy)| busy).sum();
            let taken: u64 = calls.iter().map(|(_, duration)| duration).sum();
            prop_assert_eq!(busy, u128::from(taken) * 16);
        }
    }
}
