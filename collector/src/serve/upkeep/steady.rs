//! Whether the time of day can tell ages.
//!
//! Retention removes what is old for good, and a clock that is set years ahead makes everything old. Between two rounds of upkeep the
//! time of day is compared with a clock that nobody sets; where they come apart, no age is believed for a day, in which somebody can set
//! the clock right. A clock that is wrong from the start cannot be told from a right one.

use tracemesh_graph::time::Timestamp;

/// How far the two clocks may come apart from round to round: more than daylight saving done wrong, or a machine that slept for a moment.
const TOLERANCE_NS: u64 = 2 * 3_600 * 1_000_000_000;

/// For how long no age is believed after a jump.
const DISTRUST_MS: u64 = 24 * 3_600 * 1_000;

/// The clocks as they stood in the last round.
#[derive(Debug)]
pub(super) struct Watch {
    wall: Timestamp,
    monotonic_ms: u64,
    distrusted_until_ms: u64,
}

impl Watch {
    /// Believes the time of day, until it jumps.
    pub(super) const fn new(wall: Timestamp, monotonic_ms: u64) -> Self {
        Self {
            wall,
            monotonic_ms,
            distrusted_until_ms: 0,
        }
    }

    /// True when ages can be told by the time of day, now and a day back.
    pub(super) fn is_steady(&mut self, wall: Timestamp, monotonic_ms: u64) -> bool {
        let passed_ms = monotonic_ms.saturating_sub(self.monotonic_ms);
        let expected = self
            .wall
            .0
            .saturating_add(passed_ms.saturating_mul(1_000_000));
        let before = std::mem::replace(&mut self.wall, wall);
        self.monotonic_ms = monotonic_ms;
        if expected.abs_diff(wall.0) > TOLERANCE_NS {
            self.distrusted_until_ms = monotonic_ms.saturating_add(DISTRUST_MS);
            tracing::warn!(
                %before, now = %wall, passed_ms,
                "the time of day jumped: no segment is removed for its age for 24 hours, set the clock right if it is wrong"
            );
        }
        monotonic_ms >= self.distrusted_until_ms
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR_MS: u64 = 3_600_000;

    const fn at(hours: u64) -> Timestamp {
        Timestamp((500_000 + hours) * HOUR_MS * 1_000_000)
    }

    #[test]
    fn time_that_passes_is_believed() {
        let mut watch = Watch::new(at(0), 0);
        for hour in 1..1_000 {
            assert!(watch.is_steady(at(hour), hour * HOUR_MS));
        }
    }

    #[test]
    fn after_a_jump_no_age_is_believed_for_a_day() {
        let years = 20 * 365 * 24;
        let mut watch = Watch::new(at(0), 0);
        assert!(!watch.is_steady(at(years), HOUR_MS));
        assert!(!watch.is_steady(at(years + 23), 24 * HOUR_MS));
        assert!(watch.is_steady(at(years + 24), 25 * HOUR_MS));
    }

    #[test]
    fn setting_the_clock_right_is_a_jump_too() {
        let mut watch = Watch::new(at(0), 0);
        assert!(!watch.is_steady(at(1_000), HOUR_MS));
        assert!(!watch.is_steady(at(2), 2 * HOUR_MS));
        assert!(!watch.is_steady(at(25), 25 * HOUR_MS));
        assert!(watch.is_steady(at(26), 26 * HOUR_MS));
    }

    #[test]
    fn the_ends_of_time_are_jumps_like_others() {
        let mut watch = Watch::new(Timestamp(0), 0);
        assert!(!watch.is_steady(Timestamp(u64::MAX), 1));
        assert!(!watch.is_steady(Timestamp(0), 2));
        assert!(watch.is_steady(Timestamp(u64::MAX), u64::MAX));
    }
}
