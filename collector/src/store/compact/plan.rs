//! Which segments become which hour or day: a pure function of manifests and time.
//!
//! A segment belongs to the hour or day in which its window ends. One whose window is longer than that stays out of it, because a
//! reader who asks for a stretch of time gets whole segments: no compaction may widen what he gets by more than an
//! hour, or a day, at either end.

use std::collections::BTreeMap;

use tracemesh_graph::snapshot::Window;
use tracemesh_graph::time::Timestamp;

use super::runs::Runs;
use crate::store::cover::CoverSet;
use crate::store::manifest::{Level, Manifest};
use crate::store::read::{Survey, span_of};

const SECOND_NS: u64 = 1_000_000_000;
const HOUR_NS: u64 = 3_600 * SECOND_NS;
const DAY_NS: u64 = 24 * HOUR_NS;

/// Time after the end of an hour in which its last flushes are expected: later ones make it be written again.
const HOUR_MARGIN_NS: u64 = 120 * SECOND_NS;

/// As for hours: long enough that the day's last hour was put together before.
const DAY_MARGIN_NS: u64 = 600 * SECOND_NS;

/// Segments that are to become one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::store) struct Group {
    /// What they become.
    pub(in crate::store) level: Level,
    /// Their names. Those of lower levels are first: without one of them there is nothing to do.
    pub(in crate::store) sources: Vec<String>,
}

/// The groups of a level, oldest first. Segments that are alone at that level already are in none.
pub(in crate::store) fn plan(
    survey: &Survey,
    runs: &Runs,
    level: Level,
    now: Timestamp,
) -> Vec<Group> {
    let mut periods: BTreeMap<u64, Vec<(Level, &String)>> = BTreeMap::new();
    for (name, manifest) in &survey.segments {
        let Some(period) = period_of(manifest, level, now) else {
            continue;
        };
        if !runs.may_grow(manifest, &survey.known) && !runs.may_be_copy(manifest) {
            periods
                .entry(period)
                .or_default()
                .push((manifest.level, name));
        }
    }
    let groups = periods.into_values().filter_map(|mut sources| {
        let has_work = sources.len() > 1 || sources.iter().any(|(of, _)| *of < level);
        sources.sort_unstable();
        has_work.then(|| Group {
            level,
            sources: sources.into_iter().map(|(_, name)| name.clone()).collect(),
        })
    });
    groups.collect()
}

/// The hour or day, counted from 1970, that a segment belongs to, if that is over and takes such segments.
fn period_of(manifest: &Manifest, level: Level, now: Timestamp) -> Option<u64> {
    let (start, end) = (manifest.window.start?.0, manifest.window.end?.0);
    let length = end.checked_sub(start)?;
    let (period_ns, margin_ns) = match level {
        Level::Flush => return None,
        Level::Hour => (HOUR_NS, HOUR_MARGIN_NS),
        Level::Day => (DAY_NS, DAY_MARGIN_NS),
    };
    let fits = match (manifest.level, level) {
        (Level::Flush, Level::Hour) => length <= HOUR_NS,
        // What was put together may begin one length before its period.
        (Level::Hour, Level::Hour) => length <= 2 * HOUR_NS,
        (Level::Flush, Level::Day) => length > HOUR_NS && length <= DAY_NS,
        (Level::Hour, Level::Day) => length <= DAY_NS,
        (Level::Day, Level::Day) => length <= 2 * DAY_NS,
        _ => false,
    };
    // A window that ends with the hour is inside of it.
    let period = end.checked_sub(1)? / period_ns;
    let over = (period + 1)
        .checked_mul(period_ns)?
        .checked_add(margin_ns)?;
    (fits && over <= now.0).then_some(period)
}

/// What a store would hold after a group was put together, as far as manifests tell; sizes are those of the sources.
pub(in crate::store) fn after(survey: &mut Survey, group: &Group) -> Option<Manifest> {
    let mut sources = group.sources.iter();
    let sources: Vec<Manifest> = sources
        .by_ref()
        .filter_map(|name| survey.segments.remove(name))
        .collect();
    let made = Manifest {
        schema: sources.first()?.schema.clone(),
        level: group.level,
        window: whole_window(sources.iter()),
        covers: covers_of(sources.iter()).covers(),
        files: sources
            .into_iter()
            .flat_map(|source| source.files)
            .collect(),
    };
    survey
        .segments
        .insert(made.name().to_string(), made.clone());
    Some(made)
}

/// The flushes of several segments.
pub(super) fn covers_of<'a>(manifests: impl Iterator<Item = &'a Manifest>) -> CoverSet {
    let mut covers = CoverSet::default();
    manifests.for_each(|manifest| covers.add(&manifest.covers));
    covers
}

/// The time from the first to the last of several segments.
pub(super) fn whole_window<'a>(manifests: impl Iterator<Item = &'a Manifest>) -> Window {
    let windows = manifests.map(|manifest| manifest.window);
    windows.fold(Window::default(), span_of)
}
