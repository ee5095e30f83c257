//! What settled between two flushes as a graph of its own, for metrics that only grow.
//!
//! Place in the flow: [`Segment`] -> [`Observed`] -> counters. The graph of a few seconds knows too little to find who
//! answers at an address, so it borrows what all flushes before it learnt. Nothing is moved afterwards: see
//! the snapshot of the store for the graph that also counts what is learnt later.

use crate::segment::Segment;
use crate::settings::Settings;
use crate::sketch::Sketch;
use crate::snapshot::GraphSnapshot;

/// Upper bounds of the buckets of a [`Histogram`], seconds: those of the OpenTelemetry Collector's service graph connector.
pub const BOUNDS_S: [f64; 16] = [
    0.002, 0.004, 0.006, 0.008, 0.01, 0.05, 0.1, 0.2, 0.4, 0.8, 1.0, 1.4, 2.0, 5.0, 10.0, 15.0,
];

/// The graph of a stretch of time, with the durations behind its edges.
#[derive(Debug, Clone)]
pub struct Observed {
    /// Edges count what is new; nodes and their names are those of the whole.
    pub graph: GraphSnapshot,
    /// Of each edge of the graph, in the same order.
    pub durations: Vec<Durations>,
}

/// Times of the calls of an edge.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Durations {
    /// Measured by callers.
    pub client: Histogram,
    /// Measured by callees.
    pub server: Histogram,
    /// From the end of a send to the start of its consumption.
    pub wait: Histogram,
}

impl Durations {
    /// Adds other calls.
    pub fn merge(&mut self, other: &Self) {
        self.client.merge(&other.client);
        self.server.merge(&other.server);
        self.wait.merge(&other.wait);
    }
}

/// Durations counted by upper bounds. Made from buckets of 1/16 octave: a duration within 6 % of a bound may be counted on the wrong
/// side of it, and the sum is within 3 %.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Histogram {
    /// Durations at or below each of [`BOUNDS_S`].
    pub at_most: [u64; BOUNDS_S.len()],
    /// All durations.
    pub count: u64,
    /// Their sum in seconds.
    pub sum_s: f64,
}

impl Histogram {
    pub(crate) fn of(sketch: &Sketch) -> Self {
        let mut histogram = Self::default();
        for bucket in sketch.range() {
            let count = sketch.count(bucket);
            let seconds = Sketch::middle_s(bucket);
            histogram.count += count;
            histogram.sum_s += seconds * to_f64(count);
            for (sum, bound) in histogram.at_most.iter_mut().zip(BOUNDS_S) {
                *sum += if seconds <= bound { count } else { 0 };
            }
        }
        histogram
    }

    fn merge(&mut self, other: &Self) {
        for (sum, count) in self.at_most.iter_mut().zip(other.at_most) {
            *sum += count;
        }
        self.count += other.count;
        self.sum_s += other.sum_s;
    }
}

/// What segments taught about who answers where, without what they counted: that of the last half of what fits, and of
/// the half before.
#[derive(Debug, Default)]
pub struct Knowledge {
    newer: Segment,
    /// Of both halves together.
    all: Segment,
}

impl Knowledge {
    /// Learns from a segment, and places its calls with all that is known then. At most about as many lessons are kept as a
    /// shard may count edges; beyond that, the older half is forgotten.
    pub fn place(&mut self, mut segment: Segment, settings: &Settings) -> Observed {
        if self.newer.lesson_count() > settings.max_edges / 2 {
            self.all = std::mem::take(&mut self.newer);
        }
        let lessons = segment.lessons();
        self.newer.merge(lessons.clone());
        self.all.merge(lessons);
        // What is known is much more than what is new: it is lent and not copied.
        segment.swap_lessons(&mut self.all);
        let (graph, durations) = segment.observe(settings);
        segment.swap_lessons(&mut self.all);
        Observed { graph, durations }
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "counts of calls are far below 2^53"
)]
const fn to_f64(count: u64) -> f64 {
    count as f64
}
