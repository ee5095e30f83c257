//! How many calls began, and were under way, in single seconds: a sample of them.
//!
//! The busiest second of days cannot be told without all of them, and there are too many. Kept are the seconds whose
//! numbers have the smallest hashes: a second among them at the end was among them in every part, so its sums are complete,
//! whatever the order of merging. As long as there are no more than [`MAX`], that is every second; afterwards the busiest
//! of them is a quantile of about 1 - 1/[`MAX`], which day and night share fairly. A burst of seconds may be missed.

use super::demand::Took;

/// Seconds kept.
const MAX: usize = 128;

const SECOND_NS: u64 = 1_000_000_000;

/// Calls that last longer count where they begin, and as concurrency in longer stretches only
/// ([`Concurrency`](super::concurrency::Concurrency)): they change slowly.
const LONGEST_NS: u64 = 8 * SECOND_NS;

/// Sampling weights in sixteenths: integers, so that sums do not depend on their order.
const WEIGHT_ONE: f32 = 16.0;

/// What happened in the seconds of the sample.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Seconds(
    /// Ascending by hash.
    Vec<(u64, Second)>,
);

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Second {
    /// Seconds since the epoch.
    pub(super) number: u64,
    /// Calls that began, weighted, in sixteenths.
    pub(super) begun: u64,
    /// Microseconds that calls were under way, weighted, in sixteenths.
    pub(super) busy: u64,
}

/// One second of the sample.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Moment {
    pub(crate) start_ns: u64,
    pub(crate) end_ns: u64,
    /// Calls that began, corrected for sampling.
    pub(crate) begun: f64,
    /// Calls under way on average, likewise.
    pub(crate) under_way: f64,
}

impl Seconds {
    /// Counts attempts; those that follow each other in one second cost little more than one.
    pub(crate) fn count(&mut self, attempts: &[Took]) {
        let mut run = Second::default();
        for attempt in attempts {
            self.one(attempt, &mut run);
        }
        self.put(run);
    }

    /// Counts an attempt. `run` holds what is not added yet: counts of one second.
    fn one(&mut self, attempt: &Took, run: &mut Second) {
        let weight = sixteenths(attempt.weight);
        let mut begun = if attempt.is_call { weight } else { 0 };
        let end_ns = match attempt.took_ns > LONGEST_NS {
            true => attempt.start_ns,
            false => attempt.end_ns(),
        };
        let mut from_ns = attempt.start_ns;
        loop {
            let number = from_ns / SECOND_NS;
            let next_ns = number.saturating_add(1).saturating_mul(SECOND_NS);
            let until_ns = next_ns.min(end_ns);
            let busy = ((until_ns - from_ns) / 1000).saturating_mul(weight);
            if number != run.number {
                self.put(std::mem::take(run));
                run.number = number;
            }
            run.begun = run.begun.saturating_add(begun);
            run.busy = run.busy.saturating_add(busy);
            if until_ns >= end_ns {
                return;
            }
            begun = 0;
            from_ns = until_ns;
        }
    }

    fn put(&mut self, run: Second) {
        if run.begun > 0 || run.busy > 0 {
            self.add(run.number, run.begun, run.busy);
        }
    }

    /// Adds other calls.
    pub(crate) fn merge(&mut self, other: &Self) {
        for (_, second) in &other.0 {
            self.add(second.number, second.begun, second.busy);
        }
    }

    pub(super) fn add(&mut self, number: u64, begun: u64, busy: u64) {
        let key = mixed(number);
        // Nearly every second, once there were many.
        if self.0.len() >= MAX && self.0.last().is_some_and(|(last, _)| *last < key) {
            return;
        }
        let place = self.0.partition_point(|(known, _)| *known < key);
        match self.0.get_mut(place) {
            Some((known, second)) if *known == key => {
                second.begun = second.begun.saturating_add(begun);
                second.busy = second.busy.saturating_add(busy);
            }
            _ if place < MAX => {
                self.0.truncate(MAX - 1);
                let second = Second {
                    number,
                    begun,
                    busy,
                };
                self.0.insert(place, (key, second));
            }
            _ => {}
        }
    }

    /// The sample, in the order of its hashes.
    pub(super) fn values(&self) -> impl Iterator<Item = &Second> {
        self.0.iter().map(|(_, second)| second)
    }

    /// The seconds, in no order that means anything.
    pub(crate) fn moments(&self) -> impl Iterator<Item = Moment> + '_ {
        let whole = f64::from(WEIGHT_ONE);
        self.values().map(move |second| Moment {
            start_ns: second.number.saturating_mul(SECOND_NS),
            end_ns: second.number.saturating_add(1).saturating_mul(SECOND_NS),
            begun: approximate(second.begun) / whole,
            under_way: approximate(second.busy) / whole / 1e6,
        })
    }
}

/// The finaliser of splitmix64: a bijection, so no two seconds share a key.
const fn mixed(number: u64) -> u64 {
    let number = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ (number >> 31)
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "weights lie in 1..1e9"
)]
fn sixteenths(weight: f32) -> u64 {
    // Nearly all of them; rounding is slow.
    if weight == 1.0 {
        return 16;
    }
    (weight * WEIGHT_ONE).round() as u64
}

#[expect(clippy::cast_precision_loss, reason = "a mean for display")]
const fn approximate(number: u64) -> f64 {
    number as f64
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn of(calls: &[(u64, u64)]) -> Seconds {
        let mut all = Seconds::default();
        for (start_ns, took_ns) in calls {
            all.count(&[took(*start_ns, *took_ns, 1.0, true)]);
        }
        all
    }

    fn took(start_ns: u64, took_ns: u64, weight: f32, is_call: bool) -> Took {
        Took {
            start_ns,
            took_ns,
            weight,
            is_call,
        }
    }

    #[test]
    fn calls_count_where_they_begin_and_as_long_as_they_run() {
        let start = 1_760_000_000 * SECOND_NS;
        let mut all = of(&[(start, SECOND_NS / 2), (start + SECOND_NS / 2, SECOND_NS)]);
        all.count(&[
            took(start, 0, 100.0, true),
            took(start, 0, 100.0, false),
            took(start, u64::MAX, 1.0, true),
        ]);
        let mut moments: Vec<Moment> = all.moments().collect();
        moments.sort_by_key(|moment| moment.start_ns);
        let seen: Vec<(f64, f64)> = moments.iter().map(|m| (m.begun, m.under_way)).collect();
        assert_eq!(seen, [(103.0, 1.0), (0.0, 0.5)]);
    }

    #[test]
    fn absurd_numbers_saturate() {
        let mut all = Seconds::default();
        for _ in 0..3 {
            all.count(&[took(u64::MAX, u64::MAX, 1e9, true)]);
            all.count(&[took(u64::MAX - 5, LONGEST_NS, 1e9, true)]);
        }
        let mut again = Seconds::default();
        again.add(18_446_744_073, u64::MAX, u64::MAX);
        all.merge(&again);
        all.merge(&again);
        assert!(all.moments().all(|moment| moment.begun.is_finite()));
    }

    proptest! {
        #[test]
        fn order_and_split_do_not_matter_and_size_is_bounded(
            calls in prop::collection::vec((0..1_000 * SECOND_NS, 0..20 * SECOND_NS), 1..400),
            split in 0_usize..400,
        ) {
            let whole = of(&calls);
            let backwards: Vec<_> = calls.iter().rev().copied().collect();
            prop_assert_eq!(&of(&backwards), &whole);
            let at_once: Vec<Took> = calls.iter().map(|(start, long)| took(*start, *long, 1.0, true)).collect();
            let mut together = Seconds::default();
            together.count(&at_once);
            prop_assert_eq!(&together, &whole);
            let (a, b) = calls.split_at(split.min(calls.len()));
            let (mut ab, mut ba) = (of(a), of(b));
            ab.merge(&of(b));
            ba.merge(&of(a));
            prop_assert_eq!(&ab, &whole);
            prop_assert_eq!(&ba, &whole);
            prop_assert!(whole.0.len() <= MAX);
        }
    }
}
