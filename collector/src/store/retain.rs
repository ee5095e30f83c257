//! Retention: the oldest segments go when they are too old, or when the store is too large.
//!
//! Place in the flow: the store's upkeep -> here. The newest segment of a run that may go on stays whatever its age, and no segment
//! goes before those whose waiting counts it replaced: a reader would count them again.

use std::collections::BTreeSet;
use std::time::Duration;

use serde::Serialize;
use tracemesh_graph::snapshot::Window;
use tracemesh_graph::time::Timestamp;

use super::compact::{Runs, WRITER};
use super::manifest::{Manifest, Part, SegmentName};
use super::place::Place;
use super::read::{Survey, is_newest_of_its_run};
use super::{CoverSet, StoreError};

/// What a store may keep.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Retention {
    /// Age of the end of a segment's window above which it goes.
    pub max_age: Option<Duration>,
    /// Size of all tables in bytes above which the oldest go.
    pub max_bytes: Option<u64>,
}

/// Why a segment goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum RemovalReason {
    /// It is older than [`Retention::max_age`].
    Age,
    /// The store is larger than [`Retention::max_bytes`].
    Size,
}

impl RemovalReason {
    /// The spelling used in logs and JSON.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Age => "age",
            Self::Size => "size",
        }
    }
}

/// A segment that goes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Removal {
    /// Its name.
    pub name: String,
    /// The time it covers.
    pub window: Window,
    /// Its size in bytes; 0 when it could not be read anyway.
    pub bytes: u64,
    /// Why.
    pub reason: RemovalReason,
}

/// What goes, in the order in which it goes.
pub(super) fn plan(
    survey: &Survey,
    runs: &Runs,
    retention: Retention,
    now: Timestamp,
) -> Vec<Removal> {
    let mut oldest: Vec<(&String, &Manifest)> = survey.segments.iter().collect();
    oldest.sort_by_key(|(name, manifest)| (end_of(manifest), *name));
    oldest.retain(|(_, manifest)| !runs.may_grow(manifest, &survey.known));
    let mut kept_bytes: u64 = survey.segments.values().map(Manifest::bytes).sum();
    let mut going: Vec<(&Manifest, Removal)> = Vec::new();
    for (name, manifest) in oldest {
        let reason = match retention.max_bytes {
            _ if is_too_old(end_of(manifest), retention, now) => RemovalReason::Age,
            Some(max) if kept_bytes > max => RemovalReason::Size,
            _ => break,
        };
        kept_bytes = kept_bytes.saturating_sub(manifest.bytes());
        let removal = Removal {
            name: name.clone(),
            window: manifest.window,
            bytes: manifest.bytes(),
            reason,
        };
        going.push((manifest, removal));
    }
    keep_what_replaced(survey, &mut going);
    going.sort_by_key(|(manifest, _)| is_newest_of_its_run(manifest, &survey.known));
    let mut removals = unreadable(survey, retention, now);
    removals.extend(going.into_iter().map(|(_, removal)| removal));
    removals
}

/// Removes what was planned and tells each. The caller holds the lock of [`WRITER`].
///
/// # Errors
/// When the place refuses; what went until then is gone.
pub(super) fn apply(place: &dyn Place, removals: &[Removal]) -> Result<(), StoreError> {
    removals
        .iter()
        .try_for_each(|removal| place.remove(WRITER, &removal.name))
}

/// A window without an end is never too old.
fn end_of(manifest: &Manifest) -> Timestamp {
    manifest.window.end.unwrap_or(Timestamp(u64::MAX))
}

fn is_too_old(end: Timestamp, retention: Retention, now: Timestamp) -> bool {
    retention.max_age.is_some_and(|age| {
        let age_ns = u64::try_from(age.as_nanos()).unwrap_or(u64::MAX);
        end.0.saturating_add(age_ns) < now.0
    })
}

/// Takes back the newest of a run as long as a segment stays in which calls of that run wait.
fn keep_what_replaced(survey: &Survey, going: &mut Vec<(&Manifest, Removal)>) {
    loop {
        let names: BTreeSet<&String> = going.iter().map(|(_, removal)| &removal.name).collect();
        let mut waiting = CoverSet::default();
        for (name, manifest) in &survey.segments {
            if !names.contains(name) && manifest.files.iter().any(|f| f.part == Part::Waiting) {
                waiting.add(&manifest.covers);
            }
        }
        let replaces = |manifest: &Manifest| {
            is_newest_of_its_run(manifest, &survey.known)
                && manifest.covers.iter().any(|cover| {
                    let newest = waiting.newest(&cover.instance, cover.epoch);
                    newest.is_some_and(|newest| newest < cover.last)
                })
        };
        let before = going.len();
        let stays: Vec<bool> = going
            .iter()
            .map(|(manifest, _)| replaces(manifest))
            .collect();
        let mut stays = stays.into_iter();
        going.retain(|_| !stays.next().unwrap_or_default());
        if going.len() == before {
            return;
        }
    }
}

/// Copies and unreadable segments that are too old. They go first: nothing may come back because what replaced it is gone.
fn unreadable(survey: &Survey, retention: Retention, now: Timestamp) -> Vec<Removal> {
    let skipped = survey.skipped.iter().map(|skipped| &skipped.name);
    let names = survey.superseded.iter().chain(skipped);
    let old = names.filter_map(|name| {
        let parsed = SegmentName::parse(name)?;
        is_too_old(parsed.end, retention, now).then(|| Removal {
            name: name.clone(),
            window: Window {
                start: Some(parsed.start),
                end: Some(parsed.end),
            },
            bytes: 0,
            reason: RemovalReason::Age,
        })
    });
    old.collect()
}

#[cfg(test)]
mod tests;
