//! Stretches of time without any call, as far as the slots show them.

use super::Concurrency;

impl Concurrency {
    /// The longest time between two calls in which none was under way, in nanoseconds: a lower bound, and 0 when it is
    /// shorter than a slot. Calls that took no time are not seen.
    pub(crate) fn longest_gap_ns(&self) -> u64 {
        let mut last = None;
        let mut longest = 0;
        for (slot, _) in &self.slots {
            let empty = last.map_or(0, |last: u64| slot - last - 1);
            longest = longest.max(empty);
            last = Some(*slot);
        }
        longest.saturating_mul(1 << self.shift.min(63))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::segment::demand::Took;

    fn call(start_ns: u64) -> Took {
        Took {
            start_ns,
            took_ns: 1_000_000,
            weight: 1.0,
            is_call: true,
        }
    }

    const MINUTE: u64 = 60_000_000_000;

    #[test]
    fn a_gap_is_never_overstated() {
        let mut calls = Concurrency::default();
        for minute in [0, 1, 2, 92, 93] {
            calls.count(&[call(minute * MINUTE)]);
        }
        let gap = calls.longest_gap_ns();
        assert!(
            (85 * MINUTE..=90 * MINUTE).contains(&gap),
            "{}",
            gap / MINUTE
        );
        assert_eq!(Concurrency::default().longest_gap_ns(), 0);
    }

    #[test]
    fn calls_at_all_times_leave_no_gap() {
        let mut calls = Concurrency::default();
        (0..600).for_each(|minute| calls.count(&[call(minute * MINUTE)]));
        assert_eq!(calls.longest_gap_ns(), 0);
    }
}
