//! What changed between two snapshots, beyond noise.
//!
//! ```text
//! GraphSnapshot, GraphSnapshot -> edges side by side (pairs) -> a test per number (measure, parts) -> judged together -> Difference
//! ```
//! Place in the flow: two snapshots -> [`compare`] -> tables and JSON in `tracemesh`. Each number of an edge gets one test
//! (`diff/statistics.rs`); all tests are judged together, so that of what is reported at most a given share is expected to be noise.
//! What was seen on one side only, but so rarely that it may have been missed on the other, is kept apart as uncertain and makes no
//! difference. Refused here: to say why something changed, and to compare what one side does not know.
//! `docs/diff.md` has the assumptions.

mod judge;
mod measure;
mod model;
mod pairs;
mod parts;
mod statistics;

#[cfg(test)]
mod tests;

use crate::snapshot::GraphSnapshot;
use crate::time::Timestamp;

pub use model::{
    Change, Detail, Difference, EdgeChange, EgressEffect, NodeChange, Noise, Options, Presence,
    RatesPer, SCHEMA, SideFacts, Traffic, What,
};

/// A snapshot and the time in which it was observed.
#[derive(Debug, Clone, Copy)]
pub struct Side<'a> {
    /// The whole graph.
    pub snapshot: &'a GraphSnapshot,
    /// Seconds that were observed; `None` when that is not known. Then volumes are shares of all calls.
    pub seconds: Option<f64>,
}

impl<'a> Side<'a> {
    /// A snapshot that was observed from its first span to its last.
    #[must_use]
    pub fn of(snapshot: &'a GraphSnapshot) -> Self {
        let window = snapshot.window;
        let seconds = window.start.zip(window.end).map(|(s, e)| seconds(s, e));
        Self { snapshot, seconds }
    }
}

/// Seconds from one time to another; 0 when they are the wrong way round.
#[must_use]
pub fn seconds(start: Timestamp, end: Timestamp) -> f64 {
    statistics::float(end.0.saturating_sub(start.0)) / 1e9
}

/// Compares two snapshots. Swapping them swaps `before` and `after`, added and gone, and turns ratios round.
#[must_use]
pub fn compare(before: Side<'_>, after: Side<'_>, options: Options) -> Difference {
    let sides = pairs::Sides::new(before, after);
    let pairs = sides.pairs();
    let drafts = pairs
        .iter()
        .map(|pair| measure::draft(&sides, pair, options));
    let drafts: Vec<_> = drafts.collect();
    judge::judge(&sides, &drafts, options)
}
