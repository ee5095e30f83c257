//! Tallies added up.
//!
//! Slices settle in cohorts, each with a tally of its own, and a flush tells them together. They are added up by ids: putting names to
//! each of them, and comparing those names, took more time than all the counting where edges are many. Open halves are
//! the exception: which of two halves with one id stays open depends on names, so they are named tally by tally.

use super::Tally;
use crate::names::Tables;
use crate::segment::Segment;
use crate::settings::Settings;

/// What several tallies counted. It is named in the end, and nothing is counted on it: caps are for counting.
#[derive(Debug, Default)]
pub(crate) struct Sum {
    /// Without open halves.
    tally: Option<Tally>,
    halves: Segment,
}

impl Sum {
    /// Adds a tally that nobody else needs.
    pub(crate) fn add(&mut self, mut tally: Tally, names: &Tables) {
        let open = std::mem::take(&mut tally.open);
        self.halves.merge(open.named(names));
        match &mut self.tally {
            Some(sum) => sum.merge(&tally, names),
            none => *none = Some(tally),
        }
    }

    /// Adds what a tally holds now.
    pub(crate) fn add_copy(&mut self, tally: &Tally, names: &Tables) {
        self.halves.merge(tally.open.named(names));
        let sum = self.tally.get_or_insert_default();
        sum.merge(tally, names);
    }

    /// Everything added so far, with names.
    pub(crate) fn into_segment(self, names: &Tables, settings: &Settings) -> Segment {
        let mut segment = self.halves;
        if let Some(tally) = self.tally {
            segment.merge(tally.into_segment(names, settings));
        }
        segment
    }
}

impl Tally {
    /// Adds what another tally counted, but for its open halves.
    fn merge(&mut self, other: &Self, names: &Tables) {
        self.nodes.merge(&other.nodes);
        self.edges.merge(&other.edges);
        other.named_callers.iter().for_each(|(key, counts)| {
            self.named_callers.entry(*key).or_default().merge(counts);
        });
        self.planning.merge(&other.planning, names);
        self.traces.merge(other.traces);
        self.messages.merge(&other.messages);
        self.window = match (self.window, other.window) {
            (Some(a), Some(b)) => Some((a.0.min(b.0), a.1.max(b.1))),
            (a, b) => a.or(b),
        };
        self.folded += other.folded;
        self.words_refused += other.words_refused;
        self.trails_folded += other.trails_folded;
        for (reason, count) in &other.dropped {
            *self.dropped.entry(reason).or_default() += count;
        }
    }
}
