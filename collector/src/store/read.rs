//! The segments of a store that lie in a window, merged.
//!
//! A reader lists once, decides by names and manifests what counts, and reads only the tables that it needs. Compaction and
//! retention may take segments away meanwhile: then it begins again with a fresh list.

use std::collections::{BTreeMap, BTreeSet};
use std::io;

use serde::Serialize;
use tracemesh_graph::segment::Segment;
use tracemesh_graph::segment::tables::{Detail, specs};
use tracemesh_graph::snapshot::Window;
use tracemesh_graph::tabular::{ReadTable, TableSpec};

use super::cover::{Cover, CoverSet, Relation};
use super::gather::{Job, gather};
pub(super) use super::inspect::span_of;
use super::manifest::{self, FileEntry, Manifest, SCHEMA, SegmentName};
use super::parquet::open;
use super::place::{Listing, Place};
use super::prune::{Selected, overlaps};
use super::{Location, StoreError, is_instance_name};

/// Times that a reader begins again because segments went away under it.
const MAX_ATTEMPTS: usize = 8;

/// Largest file of a segment that is read, in bytes. A day of 20,000 edges has a few MiB.
const MAX_FILE_BYTES: u64 = 256 << 20;

/// Most rows of a file, and most bytes that it may claim to become: a small file can claim anything.
const MAX_ROWS: u64 = 50_000_000;
/// See [`MAX_ROWS`].
const MAX_DECODED_BYTES: u64 = 2 << 30;

/// What is asked of a store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Wanted {
    /// Segments whose time overlaps this; an absent bound is open.
    pub window: Window,
    /// What of them.
    pub detail: Detail,
}

/// What a store holds.
#[derive(Debug, Default)]
pub struct StoreContents {
    /// All segments merged.
    pub segment: Segment,
    /// Number of segments merged.
    pub segments: usize,
    /// Wall-clock time from the first to the last of them.
    pub window: Window,
    /// Wall-clock time of all segments in the store, told when none of them was wanted.
    pub covered: Window,
    /// Entries that were passed over, by name.
    pub skipped: Vec<SkippedSegment>,
}

/// An entry of a store that was not merged.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SkippedSegment {
    /// Its name.
    pub name: String,
    /// Why.
    pub reason: String,
}

/// The segments that count, and what does not.
#[derive(Debug, Default)]
pub(super) struct Survey {
    /// Manifests by name, sorted by name.
    pub(super) segments: BTreeMap<String, Manifest>,
    /// Segments whose flushes others hold as well: left behind by a compaction that was cut short.
    pub(super) superseded: Vec<String>,
    /// What cannot be used.
    pub(super) skipped: Vec<SkippedSegment>,
    /// Every flush that the segments hold.
    pub(super) known: CoverSet,
}

/// Why an attempt to read ended early.
enum Interrupted {
    /// A segment went away; a fresh list will not have it.
    Gone,
}

/// Merges what is wanted of a store. Entries that are foreign, torn or copies are passed over and reported.
///
/// # Errors
/// When the store is missing or cannot be listed.
pub fn read(location: &Location, wanted: &Wanted) -> Result<StoreContents, StoreError> {
    let place = location.place()?;
    let mut contents = read_place(&*place, wanted)?;
    if contents.segments == 0 {
        let all = survey(&*place)?;
        let windows = all.segments.values().map(|manifest| manifest.window);
        contents.covered = windows.fold(Window::default(), span_of);
    }
    Ok(contents)
}

/// [`read`] of a place.
///
/// A segment that turns out to be damaged is as good as none: what it was put together from counts again, if it is still
/// there, and so does what waited in the segment before it.
pub(super) fn read_place(place: &dyn Place, wanted: &Wanted) -> Result<StoreContents, StoreError> {
    let mut damaged = Damaged::new();
    let mut best = None;
    let mut next = survey_without(place, wanted.window, &damaged)?;
    for _ in 1..MAX_ATTEMPTS {
        let plan = next.plan(wanted.window);
        let Ok(contents) = merge(place, wanted, next) else {
            next = survey_without(place, wanted.window, &damaged)?;
            continue;
        };
        let known = damaged.len();
        let faults = contents.skipped.iter();
        let faults = faults.filter(|skipped| plan.contains_key(&skipped.name));
        damaged.extend(faults.map(|fault| (fault.name.clone(), fault.reason.clone())));
        if damaged.len() == known {
            return Ok(contents);
        }
        next = survey_without(place, wanted.window, &damaged)?;
        let mut rest = plan;
        rest.retain(|name, _| !damaged.contains_key(name));
        if next.plan(wanted.window) == rest {
            return Ok(contents);
        }
        best = Some(contents);
    }
    // Damage below damage below damage: what could be read is the answer, and the rest is in its list.
    best.ok_or_else(|| StoreError::Unsteady(place.name()))
}

/// Segments that cannot be used although their manifests can, and why.
type Damaged = BTreeMap<String, String>;

impl Survey {
    /// The segments to merge, and whether what waits in them counts.
    fn plan(&self, wanted: Window) -> BTreeMap<String, bool> {
        let segments = self.segments.iter();
        segments
            .filter(|(_, manifest)| overlaps(manifest.window, wanted))
            .map(|(name, manifest)| (name.clone(), is_newest_of_its_run(manifest, &self.known)))
            .collect()
    }
}

/// Lists a store and reads its manifests.
pub(super) fn survey(place: &dyn Place) -> Result<Survey, StoreError> {
    survey_without(place, Window::default(), &Damaged::new())
}

/// Lists a store and reads the manifests that matter for a window, but for those of damaged segments.
fn survey_without(
    place: &dyn Place,
    wanted: Window,
    damaged: &Damaged,
) -> Result<Survey, StoreError> {
    let mut gone = BTreeSet::new();
    for _ in 1..MAX_ATTEMPTS {
        match survey_of(place, steady_list(place)?, wanted, damaged, &gone) {
            Ok(survey) => return Ok(survey),
            Err(name) => gone.insert(name),
        };
    }
    Err(StoreError::Unsteady(place.name()))
}

/// Two lists in a row that agree. Listing takes time: one alone can miss a segment that was put together behind it, and those that
/// were taken away for it ahead.
fn steady_list(place: &dyn Place) -> Result<Listing, StoreError> {
    let mut before = place.list()?;
    for _ in 1..MAX_ATTEMPTS {
        let listing = place.list()?;
        if listing == before {
            return Ok(listing);
        }
        before = listing;
    }
    Err(StoreError::Unsteady(place.name()))
}

/// The segments of a list, or the name of one that has no manifest and is not among the `gone` of earlier lists.
fn survey_of(
    place: &dyn Place,
    listing: Listing,
    wanted: Window,
    damaged: &Damaged,
    gone: &BTreeSet<String>,
) -> Result<Survey, String> {
    let mut survey = Survey::default();
    for (name, reason) in listing.foreign {
        survey.skipped.push(SkippedSegment { name, reason });
    }
    let mut found = Vec::new();
    let mut take = |survey: &mut Survey, name: String| {
        let manifest = match damaged.get(&name) {
            Some(reason) => Err(reason.clone()),
            None => read_manifest(place, &name),
        };
        let reason = match manifest {
            Ok(Some(manifest)) => {
                found.push((name, manifest));
                return Ok(true);
            }
            // Listed again, so it did not go away.
            Ok(None) if gone.contains(&name) => "it has no manifest".to_owned(),
            // Gone since it was listed: what holds its flushes now is not in this list.
            Ok(None) => return Err(name),
            Err(reason) => reason,
        };
        survey.skipped.push(SkippedSegment { name, reason });
        Ok(false)
    };
    let selected = Selected::from_names(listing.segments, wanted);
    for name in selected.names {
        take(&mut survey, name)?;
    }
    for names in selected.newest {
        for name in names {
            if take(&mut survey, name)? {
                break;
            }
        }
    }
    Ok(settle(survey, found))
}

/// Decides which of the segments that were found count.
fn settle(mut survey: Survey, mut found: Vec<(String, Manifest)>) -> Survey {
    // What holds others comes before them: it has more flushes, or as many at a higher level.
    found.sort_by(|(a, x), (b, y)| {
        let flushes = Cover::count(&y.covers).cmp(&Cover::count(&x.covers));
        let levels = flushes.then_with(|| y.level.cmp(&x.level));
        // A flush that was written again after it seemed to fail has more in it, and ends later.
        levels.then_with(|| b.cmp(a))
    });
    for (name, manifest) in found {
        match survey.known.relation(&manifest.covers) {
            Relation::New => {
                survey.known.add(&manifest.covers);
                survey.segments.insert(name, manifest);
            }
            Relation::Known => survey.superseded.push(name),
            Relation::Partly => survey.skipped.push(SkippedSegment {
                name,
                reason: "part of it is in another segment".to_owned(),
            }),
        }
    }
    survey.skipped.sort_by(|a, b| a.name.cmp(&b.name));
    survey
}

pub(super) fn read_manifest(place: &dyn Place, name: &str) -> Result<Option<Manifest>, String> {
    let bytes = match place.read(name, manifest::FILE_NAME, manifest::MAX_BYTES as u64) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        bytes => bytes.map_err(|error| describe(&error))?,
    };
    let manifest: Manifest = serde_json::from_slice(&bytes)
        .map_err(|error| format!("its manifest is none ({error})"))?;
    if manifest.schema != SCHEMA {
        let schema = crate::decode::quote(&manifest.schema);
        return Err(format!("schema `{schema}` where `{SCHEMA}` is read"));
    }
    if SegmentName::parse(name) != Some(manifest.name()) {
        return Err("its name and its manifest disagree".to_owned());
    }
    let is_sane = |cover: &Cover| is_instance_name(&cover.instance) && cover.first <= cover.last;
    if manifest.covers.is_empty() || !manifest.covers.iter().all(is_sane) {
        return Err("its manifest names flushes that cannot be".to_owned());
    }
    Ok(Some(manifest))
}

fn merge(place: &dyn Place, wanted: &Wanted, survey: Survey) -> Result<StoreContents, Interrupted> {
    let mut contents = StoreContents {
        skipped: survey.skipped,
        ..StoreContents::default()
    };
    let overlapping = survey.segments.iter();
    let overlapping = overlapping.filter(|(_, m)| overlaps(m.window, wanted.window));
    let jobs = overlapping.clone().map(|(name, manifest)| Job {
        name,
        manifest,
        with_waiting: is_newest_of_its_run(manifest, &survey.known),
    });
    let gathered = gather(place, jobs.collect(), wanted.detail).ok_or(Interrupted::Gone)?;
    contents.segment = gathered.segment;
    for (name, manifest) in overlapping {
        match gathered.faults.get(name) {
            None => {
                contents.segments += 1;
                contents.window = span_of(contents.window, manifest.window);
            }
            Some(reason) => contents.skipped.push(SkippedSegment {
                name: name.clone(),
                reason: reason.clone(),
            }),
        }
    }
    contents.skipped.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(contents)
}

/// What waited counts only while no newer segment of the run says what became of it.
pub(super) fn is_newest_of_its_run(manifest: &Manifest, known: &CoverSet) -> bool {
    let mut covers = manifest.covers.iter();
    covers.any(|cover| known.newest(&cover.instance, cover.epoch) == Some(cover.last))
}

/// Why a segment cannot be used.
pub(super) enum Fault {
    /// It went away.
    Gone,
    /// It is damaged; the text says how.
    Bad(String),
}

/// Tables of a segment, each as its checksum and its specification say.
pub(super) fn read_tables(
    place: &dyn Place,
    segment: &str,
    files: &[&FileEntry],
    detail: Detail,
) -> Result<Vec<ReadTable>, Fault> {
    let mut tables = Vec::new();
    for file in files {
        let Some(spec) = spec_of(&file.table) else {
            return Err(Fault::Bad(format!(
                "table `{}` is not known",
                crate::decode::quote(&file.table)
            )));
        };
        if detail.wants(spec) {
            tables.push(read_table(place, segment, file, spec)?);
        }
    }
    Ok(tables)
}

fn spec_of(name: &str) -> Option<&'static TableSpec> {
    specs().iter().copied().find(|spec| spec.name == name)
}

fn read_table(
    place: &dyn Place,
    segment: &str,
    file: &FileEntry,
    spec: &'static TableSpec,
) -> Result<ReadTable, Fault> {
    let path = file.path();
    let bad = |reason: &str| Fault::Bad(format!("`{path}`: {reason}"));
    if file.bytes > MAX_FILE_BYTES || file.rows > MAX_ROWS {
        return Err(bad("larger than any table of a store"));
    }
    let bytes = match place.read(segment, &path, file.bytes) {
        // A manifest that is still there lists what is missing: damage, and no compaction.
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let manifest = place.read(segment, manifest::FILE_NAME, manifest::MAX_BYTES as u64);
            return match manifest {
                Ok(_) => Err(bad("missing")),
                Err(_) => Err(Fault::Gone),
            };
        }
        bytes => bytes.map_err(|error| bad(&describe(&error)))?,
    };
    if bytes.len() as u64 != file.bytes {
        return Err(bad("torn: its size is not that in the manifest"));
    }
    if crc32fast::hash(&bytes) != file.crc32 {
        return Err(bad("damaged: its checksum is not that in the manifest"));
    }
    let opened = open(bytes).map_err(|reason| bad(&reason))?;
    if opened.weight.rows != file.rows {
        return Err(bad("its rows are not as many as the manifest says"));
    }
    if opened.weight.decoded_bytes > MAX_DECODED_BYTES {
        return Err(bad("it claims to hold more than fits into memory"));
    }
    let table = opened.decode(spec).map_err(|reason| bad(&reason))?;
    match table.rows() as u64 == file.rows {
        true => Ok(table),
        false => Err(bad("it has other rows than it claims")),
    }
}

fn describe(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::UnexpectedEof => "truncated".to_owned(),
        io::ErrorKind::FileTooLarge => format!("too long ({error})"),
        _ => format!("unreadable ({error})"),
    }
}

#[cfg(test)]
mod tests;
