//! Which runs are over, and which segment of each is the newest.
//!
//! What waits for late spans counts in the newest segment of its run. That segment is touched only when no other can follow: when the
//! instance began a newer run, for which it had to have its lock, or when it wrote nothing for more than a day and nobody has its lock.

use std::collections::BTreeMap;

use tracemesh_graph::snapshot::Window;
use tracemesh_graph::time::Timestamp;

use crate::store::StoreError;
use crate::store::cover::CoverSet;
use crate::store::manifest::{Level, Manifest, Part, SegmentName};
use crate::store::place::Place;
use crate::store::prune::{flush_of, overlaps};
use crate::store::read::Survey;

/// Silence after which a run without a lock is over. No trace waits longer than a day, so a run that is silent for longer has
/// nothing that waits, or is no more.
const SILENCE_NS: u64 = 25 * 3_600 * 1_000_000_000;

/// Instance and epoch.
type Run = (String, u64);

/// What is known of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct State {
    /// Its newest flush, readable or not.
    newest: u64,
    is_over: bool,
}

/// The runs of a store.
#[derive(Debug, Default)]
pub(in crate::store) struct Runs {
    states: BTreeMap<Run, State>,
    /// The times of segments that cannot be read and whose names do not say what is in them: any of them may hold the newest
    /// flush of any run, and what lies in its time may be a copy of a part of it.
    unreadable: Vec<Window>,
}

impl Runs {
    /// Looks at all runs that segments or the names of unreadable ones tell of.
    ///
    /// # Errors
    /// When the place cannot tell whether a lock is held.
    pub(in crate::store) fn new(
        place: &dyn Place,
        survey: &Survey,
        now: Timestamp,
    ) -> Result<Self, StoreError> {
        let mut runs: BTreeMap<Run, (u64, Option<Timestamp>)> = BTreeMap::new();
        for manifest in survey.segments.values() {
            for cover in &manifest.covers {
                let run = (cover.instance.clone(), cover.epoch);
                let newest = (cover.last, manifest.window.end);
                let known = runs.entry(run).or_insert(newest);
                *known = (*known).max(newest);
            }
        }
        let mut unreadable = Vec::new();
        let skipped = survey.skipped.iter();
        for name in skipped.filter_map(|skipped| SegmentName::parse(&skipped.name)) {
            let Some(flush) = flush_of(&name) else {
                unreadable.push(name.window());
                continue;
            };
            let known = runs.entry((flush.instance, flush.epoch)).or_default();
            *known = (*known).max((flush.last, None));
        }
        let mut states = BTreeMap::new();
        let mut newer: Option<Run> = None;
        for ((instance, epoch), (newest, end)) in runs.into_iter().rev() {
            let has_newer = newer.as_ref().is_some_and(|(other, _)| *other == instance);
            let is_silent = end.is_some_and(|end| end.0.saturating_add(SILENCE_NS) <= now.0);
            let is_over = has_newer || is_silent && !place.is_locked(&instance)?;
            states.insert((instance.clone(), epoch), State { newest, is_over });
            newer = Some((instance, epoch));
        }
        Ok(Self { states, unreadable })
    }

    /// True when a segment has what a later segment of a run may replace. `known` is what readers can use: where the newest
    /// segment of a run is unreadable they take the one before, so that one must stay, too.
    pub(in crate::store) fn may_grow(&self, manifest: &Manifest, known: &CoverSet) -> bool {
        // Of what was put together nothing waits any more: its runs were over, or went on in later segments.
        if manifest.level > Level::Flush {
            return false;
        }
        let waits = manifest.files.iter().any(|file| file.part == Part::Waiting);
        manifest.covers.iter().any(|cover| {
            let run = (cover.instance.clone(), cover.epoch);
            let is_newest = known.newest(&cover.instance, cover.epoch) == Some(cover.last);
            let state = self.states.get(&run).copied().unwrap_or_default();
            let is_hidden = state.newest > cover.last || waits && !self.unreadable.is_empty();
            is_newest && (!state.is_over || is_hidden)
        })
    }

    /// True when a segment may be a copy of a part of one that cannot be read: put together with others it would be
    /// a part of two.
    pub(super) fn may_be_copy(&self, manifest: &Manifest) -> bool {
        let meets = |window: &Window| overlaps(manifest.window, *window);
        self.unreadable.iter().any(meets)
    }
}
