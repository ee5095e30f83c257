//! When to flush: at whole multiples of the interval in wall-clock time.
//!
//! All instances with one interval cut time at the same moments, so that their segments, and those of their next runs, have the
//! same windows.

use std::time::Duration;

use tracemesh_graph::time::Timestamp;

/// A flush interval.
#[derive(Debug, Clone, Copy)]
pub(super) struct Schedule {
    interval_ns: u64,
}

impl Schedule {
    /// An interval of at least a millisecond.
    pub(super) fn new(interval: Duration) -> Self {
        let interval_ns = u64::try_from(interval.as_nanos()).unwrap_or(u64::MAX);
        Self {
            interval_ns: interval_ns.max(1_000_000),
        }
    }

    /// The interval in milliseconds.
    pub(super) const fn interval_ms(self) -> u64 {
        self.interval_ns / 1_000_000
    }

    /// The moment that a flush which happens now is meant for: the last multiple of the interval. A timer and the wall
    /// clock are not the same clock, so a tenth too early is as good as on time.
    pub(super) const fn boundary(self, now: Timestamp) -> Timestamp {
        let now = now.0.saturating_add(self.interval_ns / 10);
        Timestamp(now / self.interval_ns * self.interval_ns)
    }

    /// The same moment of the window before.
    pub(super) const fn before(self, end: Timestamp) -> Timestamp {
        Timestamp(end.0.saturating_sub(self.interval_ns))
    }

    /// How long to wait for the next flush.
    pub(super) const fn wait(self, now: Timestamp) -> Duration {
        let next = self.boundary(now).0.saturating_add(self.interval_ns);
        Duration::from_nanos(next.saturating_sub(now.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: u64 = 60_000_000_000;

    #[test]
    fn flushes_are_due_at_whole_minutes() {
        let schedule = Schedule::new(Duration::from_secs(60));
        let start = Timestamp(10 * MINUTE + 20_000_000_000);
        assert_eq!(schedule.wait(start), Duration::from_secs(40));
        assert_eq!(schedule.boundary(start), Timestamp(10 * MINUTE));
        let due = Timestamp(11 * MINUTE);
        assert_eq!(schedule.boundary(due), due);
        assert_eq!(schedule.wait(due), Duration::from_secs(60));
    }

    #[test]
    fn a_timer_that_is_early_or_late_keeps_to_the_minute() {
        let schedule = Schedule::new(Duration::from_secs(60));
        let early = Timestamp(11 * MINUTE - 1_000_000);
        assert_eq!(schedule.boundary(early), Timestamp(11 * MINUTE));
        assert_eq!(schedule.wait(early), Duration::from_millis(60_001));
        let late = Timestamp(13 * MINUTE + 30_000_000_000);
        assert_eq!(schedule.boundary(late), Timestamp(13 * MINUTE));
        assert_eq!(schedule.wait(late), Duration::from_secs(30));
    }

    #[test]
    fn no_interval_and_no_time_break_it() {
        for interval in [Duration::ZERO, Duration::MAX] {
            let schedule = Schedule::new(interval);
            for now in [0, 1, u64::MAX] {
                let now = Timestamp(now);
                assert!(schedule.before(schedule.boundary(now)) <= schedule.boundary(now));
                let waited = schedule.wait(now);
                assert!(
                    now.0 == u64::MAX || waited > Duration::ZERO,
                    "{interval:?} {now}"
                );
            }
        }
    }
}
