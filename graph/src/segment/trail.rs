//! What beside the peer helps to find where an unanswered call went, and how its memory stays bounded.
//!
//! Calls to private addresses are kept apart by the minute, and a reader may merge a month of segments. Past a bound the
//! steps of time grow, for all keys at once, to the smallest that keeps it: that depends on the union of what was merged
//! alone, so merging stays commutative and associative.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use super::planning::EdgeFacts;
use super::stats::EdgeStats;
use super::{EdgeKey, Segment, merge_maps};

/// Words and time of calls that nobody answered. Empty for answered calls: their callee is known, and what they teach is in
/// the votes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(crate) struct Trail {
    /// First words of the path.
    pub(crate) word: String,
    /// Start of the step of time in which the calls started, in minutes.
    pub(crate) since_min: Option<u32>,
}

/// Edges with a time that a merged segment keeps before its steps grow. Some hundred MB when full.
pub(super) const MAX_TIMED_EDGES: u64 = 200_000;

/// Steps in minutes, each a multiple of the one before: as recorded, ten minutes, an hour, a day, all time.
pub(super) const STEPS: [u32; 5] = [0, 10, 60, 24 * 60, u32::MAX];

impl Segment {
    /// Adds edges and facts for planning; both have steps of at most the same size afterwards.
    pub(super) fn merge_trails(&mut self, other: &mut Self, cap: u64) {
        let step = self.trail_step_min.max(other.trail_step_min);
        self.widen(step);
        other.widen(step);
        self.add_edges(std::mem::take(&mut other.edges));
        let facts = std::mem::take(&mut other.facts);
        merge_maps(&mut self.facts, facts, |own, more| own.merge(&more));
        while self.timed_edges > cap
            && let Some(next) = next_step(self.trail_step_min)
        {
            self.widen(next);
        }
    }

    /// Adds an edge, and counts it if it is new and has a time.
    pub(crate) fn add_edge(&mut self, key: EdgeKey, stats: EdgeStats) {
        let is_timed = key.trail.since_min.is_some();
        match self.edges.entry(key) {
            Entry::Occupied(mut known) => known.get_mut().merge(&stats),
            Entry::Vacant(place) => {
                place.insert(stats);
                self.timed_edges = self.timed_edges.saturating_add(is_timed.into());
            }
        }
    }

    fn add_edges(&mut self, edges: BTreeMap<EdgeKey, EdgeStats>) {
        if self.edges.is_empty() {
            let timed = edges.keys().filter(|key| key.trail.since_min.is_some());
            self.timed_edges = self.timed_edges.saturating_add(timed.count() as u64);
            self.edges = edges;
            return;
        }
        for (key, stats) in edges {
            self.add_edge(key, stats);
        }
    }

    /// Adds an edge under its step of time in this segment.
    pub(crate) fn add_widened(&mut self, key: EdgeKey, stats: EdgeStats) {
        self.add_edge(widened(key, self.trail_step_min), stats);
    }

    fn widen(&mut self, step: u32) {
        if step <= self.trail_step_min {
            return;
        }
        self.trail_step_min = step;
        self.timed_edges = 0;
        for (key, stats) in std::mem::take(&mut self.edges) {
            self.add_widened(key, stats);
        }
        let mut facts: BTreeMap<EdgeKey, EdgeFacts> = BTreeMap::new();
        for (key, own) in std::mem::take(&mut self.facts) {
            facts.entry(widened(key, step)).or_default().merge(&own);
        }
        self.facts = facts;
    }
}

/// The step after this one, if it is not the last.
pub(super) fn next_step(step: u32) -> Option<u32> {
    STEPS.into_iter().find(|next| *next > step)
}

/// A time cut to steps of so many minutes; as it is when 0.
pub(super) fn cut(since: Option<u32>, step: u32) -> Option<u32> {
    match step {
        0 => since,
        u32::MAX => None,
        step => since.map(|since| since / step * step),
    }
}

/// The key with its time cut to steps of so many minutes; as it is when 0.
fn widened(key: EdgeKey, step: u32) -> EdgeKey {
    EdgeKey {
        trail: Trail {
            since_min: cut(key.trail.since_min, step),
            ..key.trail
        },
        ..key
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::NodeKey;
    use crate::peer::Peer;
    use crate::segment::Caller;
    use crate::snapshot::Relation;

    fn segment(minutes: &[u32]) -> Segment {
        let mut segment = Segment::default();
        for minute in minutes {
            let key = EdgeKey {
                caller: Caller::Node(NodeKey::other()),
                callee: None,
                peer: Peer::default(),
                relation: Relation::Sync,
                trail: Trail {
                    word: String::new(),
                    since_min: Some(*minute),
                },
            };
            let stats = EdgeStats {
                calls: 1,
                ..EdgeStats::default()
            };
            segment.add_edge(key, stats);
        }
        segment
    }

    fn merged(parts: &[&[u32]], cap: u64) -> Segment {
        let mut all = Segment::default();
        for part in parts {
            all.merge_trails(&mut segment(part), cap);
        }
        all
    }

    #[test]
    fn steps_grow_to_the_smallest_that_keeps_the_bound_in_any_order() {
        let parts: [&[u32]; 4] = [
            &[0, 1, 2, 3],
            &[11, 12, 70],
            &[3, 11, 1_500],
            &[4_000, 4_001],
        ];
        for (cap, step, edges) in [
            (10, 0, 10),
            (9, 10, 5),
            (4, 60, 4),
            (3, 1_440, 3),
            (2, u32::MAX, 1),
        ] {
            let forwards = merged(&parts, cap);
            let mut backwards = parts;
            backwards.reverse();
            assert_eq!(forwards, merged(&backwards, cap), "{cap}");
            let mut halves = merged(&parts[2..], cap);
            halves.merge_trails(&mut merged(&parts[..2], cap), cap);
            assert_eq!(forwards, halves, "{cap}");
            let calls: u64 = forwards.edges.values().map(|stats| stats.calls).sum();
            let found = (forwards.trail_step_min, forwards.edges.len(), calls);
            assert_eq!(found, (step, edges, 12), "{cap}");
        }
    }
}
