//! Load over time while it is summed up, of edges and of the server spans of a node. Merging is commutative and
//! associative, and everything is bounded.

use std::collections::BTreeSet;

use super::concurrency::Concurrency;
use super::lifetimes::Lifetimes;
use super::seconds::Seconds;
use crate::sketch::{Sketch, to_ms};
use crate::snapshot::{Demand, Inbound};

/// One attempt in time.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Took {
    pub(crate) start_ns: u64,
    pub(crate) took_ns: u64,
    /// Attempts that it stands for.
    pub(crate) weight: f32,
    /// True for one attempt of each call: resends are time under way, but no demand.
    pub(crate) is_call: bool,
}

impl Took {
    pub(super) const fn end_ns(&self) -> u64 {
        self.start_ns.saturating_add(self.took_ns)
    }
}

/// Days on which something happened, by their numbers since the epoch; the latest are kept.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Days(pub(super) BTreeSet<u32>);

impl Days {
    /// Days told apart; a count at this number means at least as many.
    const MAX: usize = 128;

    fn insert(&mut self, starts_ns: impl Iterator<Item = u64>) {
        const DAY_NS: u64 = 86_400 * 1_000_000_000;
        let mut last = None;
        for start_ns in starts_ns {
            let day = u32::try_from(start_ns / DAY_NS).unwrap_or(u32::MAX);
            if last.replace(day) != Some(day) {
                self.insert_day(day);
            }
        }
    }

    pub(super) fn insert_day(&mut self, day: u32) {
        self.0.insert(day);
        self.cap();
    }

    fn merge(&mut self, other: &Self) {
        self.0.extend(&other.0);
        self.cap();
    }

    fn cap(&mut self) {
        while self.0.len() > Self::MAX {
            self.0.pop_first();
        }
    }

    fn count(&self) -> u64 {
        self.0.len() as u64
    }
}

/// When, and how many at once.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Load {
    pub(super) calls: u64,
    pub(super) days: Days,
    pub(super) seconds: Seconds,
}

/// Rates and concurrency, corrected for sampling.
struct Peaks {
    per_second: f64,
    per_second_of_one: f64,
    concurrency_of_one: f64,
    instances: f64,
}

impl Load {
    /// Counts attempts, in the order of their starts.
    fn count(&mut self, attempts: &[Took]) {
        let calls = attempts.iter().filter(|attempt| attempt.is_call);
        self.calls += calls.clone().count() as u64;
        self.days.insert(calls.map(|call| call.start_ns));
        self.seconds.count(attempts);
    }

    fn merge(&mut self, other: &Self) {
        self.calls += other.calls;
        self.days.merge(&other.days);
        self.seconds.merge(&other.seconds);
    }

    /// The busiest seconds, each divided by the instances that were alive in it. Concurrency may be larger in longer
    /// stretches, where calls count that take longer than the seconds know of.
    fn peaks(&self, instances: &Lifetimes, stretches: Option<&Concurrency>) -> Peaks {
        let mut peaks = Peaks {
            per_second: 0.0,
            per_second_of_one: 0.0,
            concurrency_of_one: 0.0,
            instances: 0.0,
        };
        for moment in self.seconds.moments() {
            let alive = instances.alive_in(&moment);
            let of_one = |number: f64| number / alive.max(1.0);
            if moment.begun > peaks.per_second {
                peaks.instances = alive;
            }
            peaks.per_second = peaks.per_second.max(moment.begun);
            peaks.per_second_of_one = peaks.per_second_of_one.max(of_one(moment.begun));
            peaks.concurrency_of_one = peaks.concurrency_of_one.max(of_one(moment.under_way));
        }
        for (start_ns, end_ns, under_way) in stretches.into_iter().flat_map(Concurrency::stretches)
        {
            let alive = instances.alive_between(start_ns, end_ns);
            let of_one = under_way / alive.max(1.0);
            peaks.concurrency_of_one = peaks.concurrency_of_one.max(of_one);
        }
        peaks
    }
}

/// Load of an edge.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct EdgeDemand {
    pub(super) load: Load,
    pub(crate) callers: Lifetimes,
    pub(crate) callees: Lifetimes,
    pub(super) slowest_ok_ns: Option<u64>,
    pub(super) most_in_trace: u64,
}

impl EdgeDemand {
    /// Counts attempts, in the order of their starts.
    pub(crate) fn count(&mut self, attempts: &[Took]) {
        self.load.count(attempts);
    }

    /// Notes how long an attempt took, as the caller saw it, that did not fail.
    pub(crate) fn succeeded(&mut self, took_ns: u64) {
        self.slowest_ok_ns = self.slowest_ok_ns.max(Some(took_ns));
    }

    /// Notes attempts of one trace that were under way at once.
    pub(crate) fn together(&mut self, attempts: u64) {
        self.most_in_trace = self.most_in_trace.max(attempts);
    }

    /// Adds other calls.
    pub(crate) fn merge(&mut self, other: &Self) {
        self.together(other.most_in_trace);
        self.load.merge(&other.load);
        self.callers.merge(&other.callers);
        self.callees.merge(&other.callees);
        self.slowest_ok_ns = self.slowest_ok_ns.max(other.slowest_ok_ns);
    }

    /// As users see it; `None` when nothing was counted, as in segments of older versions.
    pub(crate) fn shown(&self, concurrency: &Concurrency) -> Option<Demand> {
        if self.load.calls == 0 {
            return None;
        }
        let peaks = self.load.peaks(&self.callers, Some(concurrency));
        Some(Demand {
            calls: self.load.calls,
            active_days: self.load.days.count(),
            calls_per_second: peaks.per_second,
            calls_per_second_of_one: peaks.per_second_of_one,
            concurrency_of_one: peaks.concurrency_of_one,
            caller_instances: peaks.instances,
            callee_instances: self.callees.most_together(),
            callee_was_replaced: self.callees.was_replaced(),
            slowest_ok_ms: self.slowest_ok_ns.map(to_ms),
            most_in_trace: self.most_in_trace,
        })
    }
}

/// Load of the server spans of a node.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct InboundLoad {
    pub(super) load: Load,
    pub(crate) instances: Lifetimes,
    pub(super) latency: Sketch,
}

impl InboundLoad {
    /// Counts requests, in the order of their starts.
    pub(crate) fn count(&mut self, requests: &[Took]) {
        self.load.count(requests);
        for request in requests {
            self.latency.record(request.took_ns);
        }
    }

    /// Adds other requests.
    pub(crate) fn merge(&mut self, other: &Self) {
        self.load.merge(&other.load);
        self.instances.merge(&other.instances);
        self.latency.merge(&other.latency);
    }

    /// As users see it; `None` when there was none.
    pub(crate) fn shown(&self) -> Option<Inbound> {
        let summary = self.latency.summary()?;
        let peaks = self.load.peaks(&self.instances, None);
        Some(Inbound {
            calls: self.load.calls,
            active_days: self.load.days.count(),
            calls_per_second: peaks.per_second,
            calls_per_second_of_one: peaks.per_second_of_one,
            concurrency_of_one: peaks.concurrency_of_one,
            instances: peaks.instances,
            was_replaced: self.instances.was_replaced(),
            p50_ms: summary.p50_ms,
            p90_ms: self.latency.p90_ms(),
            p99_ms: summary.p99_ms,
            max_ms: summary.max_ms,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn took(start_ns: u64, took_ns: u64, is_call: bool) -> Took {
        Took {
            start_ns,
            took_ns,
            weight: 1.0,
            is_call,
        }
    }

    const SECOND: u64 = 1_000_000_000;
    const DAY: u64 = 86_400 * SECOND;

    #[test]
    fn resends_are_time_under_way_but_no_demand() {
        let mut demand = EdgeDemand::default();
        for call in 0..10 {
            let start = DAY + call * 1000;
            demand.count(&[took(start, SECOND / 10, false)]);
            demand.count(&[took(start, SECOND / 10, true)]);
        }
        demand.succeeded(5_000_000);
        demand.succeeded(2_000_000);
        let shown = demand.shown(&Concurrency::default()).unwrap();
        assert_eq!((shown.calls, shown.active_days), (10, 1));
        assert_eq!(shown.calls_per_second, 10.0);
        assert!((shown.concurrency_of_one - 2.0).abs() < 0.01);
        assert_eq!(shown.slowest_ok_ms, Some(5.0));
    }

    #[test]
    fn instances_alive_together_share_the_load() {
        let mut demand = EdgeDemand::default();
        let start = 40 * DAY;
        for call in 0..100 {
            demand.count(&[took(start + call, 0, true)]);
        }
        for pod in ["a", "b", "c", "d"] {
            demand.callers.seen(pod, (start - DAY, start + DAY));
        }
        // Gone long ago.
        demand.callers.seen("e", (0, DAY));
        let shown = demand.shown(&Concurrency::default()).unwrap();
        assert_eq!(shown.calls_per_second, 100.0);
        assert_eq!(shown.calls_per_second_of_one, 25.0);
        assert_eq!(shown.caller_instances, 4.0);
    }

    #[test]
    fn days_are_distinct_and_bounded_in_any_order() {
        let of = |days: &mut dyn Iterator<Item = u64>| {
            let mut all = Days::default();
            all.insert(days.map(|day| day * DAY + 5));
            all
        };
        assert_eq!(of(&mut [3, 1, 3, 1].into_iter()).count(), 2);
        let (mut a, b) = (of(&mut (0..100)), of(&mut (50..300)));
        a.merge(&b);
        assert_eq!(a, of(&mut (0..300).rev()));
        assert_eq!(a.count(), 128);
    }

    #[test]
    fn nothing_counted_is_nothing_known() {
        assert_eq!(EdgeDemand::default().shown(&Concurrency::default()), None);
        assert_eq!(InboundLoad::default().shown(), None);
    }
}
