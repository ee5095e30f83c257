//! Segments of other stores become segments of this one: for bringing together what several machines collected.
//!
//! Place in the flow: `tracemesh store merge` -> here. A segment is copied as it is, file by file, except for what waited in it and does not
//! count where it came from: it must not count here either. Flushes that are here already are not copied again, so
//! that doing it twice, or again when the other store has grown, adds each flush once.
//!
//! It refuses what could make calls count twice later: the newest segment of a run that goes on in the other store, segments of
//! which a part is here already, and newer runs of an instance that writes here right now.

use std::collections::BTreeMap;

use serde::Serialize;
use tracemesh_graph::segment::tables::Assembly;
use tracemesh_graph::time::Timestamp;

use super::compact::{Runs, add_whole};
use super::cover::{Cover, CoverSet, Relation};
use super::manifest::{FILE_NAME, FileEntry, Manifest, Part};
use super::place::{Files, Place};
use super::read::{SkippedSegment, Survey, is_newest_of_its_run, read_manifest, survey};
use super::upkeep::Pace;
use super::{Location, StoreError};

/// The name under which copies are written: no instance can have it.
const WRITER: &str = "+merge";

/// Why a segment was not copied.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum LeftBehind {
    /// All of it is in the store.
    Known,
    /// It is the newest of a run that may go on: it can be had once a newer one is there.
    Growing,
    /// Its instance writes to this store right now, and its run is newer.
    Written,
    /// Some of it is in the store, as a part of a segment that holds other things as well.
    Conflict,
}

/// What was copied from one store.
#[derive(Debug, Default, Serialize)]
pub struct Adopted {
    /// Segments that were copied.
    pub copied: Vec<String>,
    /// Their size in bytes.
    pub bytes: u64,
    /// Segments that were not, by name.
    pub left: BTreeMap<String, LeftBehind>,
    /// What cannot be read in the other store.
    pub skipped: Vec<SkippedSegment>,
    /// True when it was told to stop before the end.
    pub is_cut_short: bool,
}

/// Copies the segments of `source` that `store` does not have. The store is made when it is missing.
///
/// # Errors
/// When the other store is missing, when another process copies into this one, or when a place refuses. What was copied until then stays.
pub fn adopt(
    store: &Location,
    source: &Location,
    now: Timestamp,
    pace: &Pace<'_>,
) -> Result<Adopted, StoreError> {
    adopt_place(&*store.place()?, &*source.place()?, now, pace)
}

/// [`adopt`] for places.
pub(super) fn adopt_place(
    place: &dyn Place,
    from: &dyn Place,
    now: Timestamp,
    pace: &Pace<'_>,
) -> Result<Adopted, StoreError> {
    let theirs = survey(from)?;
    let runs = Runs::new(from, &theirs, now)?;
    let (mut guard, _) = place.lock(WRITER)?;
    let mut here = Here::new(place, survey(place)?)?;
    let mut adopted = Adopted {
        skipped: theirs.skipped.clone(),
        ..Adopted::default()
    };
    for (name, manifest) in most_first(&theirs) {
        let waits = manifest.files.iter().any(|file| file.part == Part::Waiting);
        let is_newest = is_newest_of_its_run(manifest, &theirs.known);
        let left = match here.refuses(manifest) {
            None if waits && runs.may_grow(manifest, &theirs.known) => Some(LeftBehind::Growing),
            refused => refused,
        };
        if let Some(left) = left {
            adopted.left.insert(name.clone(), left);
            continue;
        }
        if !pace.goes_on() {
            adopted.is_cut_short = true;
            break;
        }
        guard.hold()?;
        match whole(from, name, manifest, is_newest) {
            Ok((files, bytes)) => {
                place.commit(WRITER, name, &files)?;
                here.add(name, manifest);
                adopted.bytes = adopted.bytes.saturating_add(bytes);
                adopted.copied.push(name.clone());
            }
            Err(reason) => adopted.skipped.push(SkippedSegment {
                name: name.clone(),
                reason,
            }),
        }
    }
    adopted.copied.sort_unstable();
    adopted.skipped.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(adopted)
}

/// What holds others comes before them.
fn most_first(survey: &Survey) -> Vec<(&String, &Manifest)> {
    let mut segments: Vec<_> = survey.segments.iter().collect();
    segments.sort_by_key(|(_, manifest)| std::cmp::Reverse(Cover::count(&manifest.covers)));
    segments
}

/// The store that is copied into.
struct Here {
    segments: BTreeMap<String, Manifest>,
    known: CoverSet,
    /// The newest epoch of each instance that writes here, and of no others.
    writing: BTreeMap<String, u64>,
}

impl Here {
    fn new(place: &dyn Place, survey: Survey) -> Result<Self, StoreError> {
        let mut writing = BTreeMap::new();
        for cover in survey.known.covers() {
            if !writing.contains_key(&cover.instance) && place.is_locked(&cover.instance)? {
                let newest = survey.known.newest_epoch(&cover.instance);
                writing.insert(cover.instance, newest.unwrap_or_default());
            }
        }
        Ok(Self {
            segments: survey.segments,
            known: survey.known,
            writing,
        })
    }

    /// Why a segment cannot be added.
    fn refuses(&self, manifest: &Manifest) -> Option<LeftBehind> {
        let is_written = manifest.covers.iter().any(|cover| {
            let newest = self.writing.get(&cover.instance);
            newest.is_some_and(|newest| cover.epoch > *newest)
        });
        match self.known.relation(&manifest.covers) {
            Relation::Known => Some(LeftBehind::Known),
            _ if is_written => Some(LeftBehind::Written),
            Relation::New => None,
            Relation::Partly => {
                let mut whole = CoverSet::default();
                whole.add(&manifest.covers);
                let is_held = |other: &Manifest| whole.relation(&other.covers) != Relation::Partly;
                match self.segments.values().all(is_held) {
                    // It takes the place of those that it holds.
                    true => None,
                    false => Some(LeftBehind::Conflict),
                }
            }
        }
    }

    fn add(&mut self, name: &str, manifest: &Manifest) {
        self.known.add(&manifest.covers);
        self.segments.insert(name.to_owned(), manifest.clone());
    }
}

/// The files of a segment, the manifest last, and their size; what waited only when it counts.
fn whole(
    from: &dyn Place,
    name: &str,
    manifest: &Manifest,
    with_waiting: bool,
) -> Result<(Files, u64), String> {
    let is_copied = |file: &&FileEntry| file.part == Part::Settled || with_waiting;
    let entries: Vec<&FileEntry> = manifest.files.iter().filter(is_copied).collect();
    // Checksums, tables and rows are looked at: what is damaged is not spread.
    add_whole(
        from,
        (name, manifest),
        with_waiting,
        &mut Assembly::default(),
    )?;
    let mut files = Files::new();
    for entry in &entries {
        let bytes = from.read(name, &entry.path(), entry.bytes);
        let bytes = bytes.map_err(|error| format!("`{}`: {error}", entry.path()))?;
        if crc32fast::hash(&bytes) != entry.crc32 {
            return Err(format!("`{}`: it changed while it was read", entry.path()));
        }
        files.push((entry.path(), bytes));
    }
    let kept = Manifest {
        files: entries.into_iter().cloned().collect(),
        ..manifest.clone()
    };
    if read_manifest(from, name)?.as_ref() != Some(manifest) {
        return Err("it changed while it was read".to_owned());
    }
    let mut text = serde_json::to_vec_pretty(&kept).map_err(|error| error.to_string())?;
    text.push(b'\n');
    files.push((FILE_NAME.to_owned(), text));
    Ok((files, manifest.bytes()))
}

#[cfg(test)]
mod tests;
