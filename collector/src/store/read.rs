//! All segments of a store, merged.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use tracemesh_graph::segment::Segment;
use tracemesh_graph::snapshot::Window;

use super::file::{SegmentFile, is_segment};
use super::{StoreError, io_error};
use crate::input::display_name;

/// What a store holds.
#[derive(Debug, Default)]
pub struct StoreContents {
    /// All segments merged.
    pub segment: Segment,
    /// Number of segments merged.
    pub segments: usize,
    /// Wall-clock time from the first to the last of them.
    pub window: Window,
    /// Files that were passed over, by name.
    pub skipped: Vec<SkippedSegment>,
}

/// A file of a store directory that was not merged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SkippedSegment {
    /// Name in the directory.
    pub name: String,
    /// Why.
    pub reason: String,
}

/// Merges all segments of a store. Files that are foreign, torn or copies are passed over and reported.
///
/// # Errors
/// When the directory is missing or cannot be listed.
pub fn read_all(directory: &Path) -> Result<StoreContents, StoreError> {
    read_window(directory, Window::default())
}

/// Merges the segments whose time overlaps `wanted`; an absent bound is open. Of each run of an instance, what waited for late
/// spans counts as its newest segment in that time has it.
///
/// # Errors
/// As [`read_all`].
pub fn read_window(directory: &Path, wanted: Window) -> Result<StoreContents, StoreError> {
    let mut contents = StoreContents::default();
    let mut known = Known::default();
    for path in list(directory)? {
        let merged = merge_file(&path, wanted, &mut known, &mut contents);
        if let Err(reason) = merged {
            let name = path.file_name().map(Path::new).unwrap_or(&path);
            contents.skipped.push(SkippedSegment {
                name: display_name(name),
                reason,
            });
        }
    }
    for (_sequence, waiting) in known.waiting.into_values() {
        contents.segment.merge(waiting);
    }
    Ok(contents)
}

/// What was met so far.
#[derive(Default)]
struct Known {
    /// Instance, epoch and sequence of every segment.
    segments: BTreeSet<(String, u64, u64)>,
    /// By instance and epoch: the newest sequence, and what waited then.
    waiting: BTreeMap<(String, u64), (u64, Segment)>,
}

fn merge_file(
    path: &Path,
    wanted: Window,
    known: &mut Known,
    contents: &mut StoreContents,
) -> Result<(), String> {
    if !is_segment(&path.to_string_lossy()) {
        return Err("no segment file".to_owned());
    }
    let file = SegmentFile::open(path)?;
    let header = file.header.clone();
    if !overlaps(header.window, wanted) {
        return Ok(());
    }
    let run = (header.instance, header.epoch);
    let identity = (run.0.clone(), run.1, header.sequence);
    if known.segments.contains(&identity) {
        return Err("a copy of another segment".to_owned());
    }
    let [settled, waiting] = file.read()?;
    contents.segment.merge(settled);
    known.segments.insert(identity);
    let newest = known.waiting.entry(run).or_default();
    if newest.0 <= header.sequence {
        *newest = (header.sequence, waiting);
    }
    contents.segments += 1;
    contents.window = span_of(contents.window, header.window);
    Ok(())
}

fn overlaps(window: Window, wanted: Window) -> bool {
    let starts_in_time = wanted
        .end
        .is_none_or(|end| window.start.is_none_or(|start| start < end));
    let ends_in_time = wanted
        .start
        .is_none_or(|start| window.end.is_none_or(|end| end > start));
    starts_in_time && ends_in_time
}

fn span_of(a: Window, b: Window) -> Window {
    Window {
        start: a.start.into_iter().chain(b.start).min(),
        end: a.end.into_iter().chain(b.end).max(),
    }
}

/// Entries in order of name; hidden ones are locks and files being written.
fn list(directory: &Path) -> Result<Vec<PathBuf>, StoreError> {
    let entries = match fs::read_dir(directory) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Err(StoreError::Missing(display_name(directory)));
        }
        entries => entries.map_err(io_error("cannot be listed", directory))?,
    };
    let mut paths = Vec::new();
    for entry in entries {
        let entry = entry.map_err(io_error("cannot be listed", directory))?;
        if !entry.file_name().as_encoded_bytes().starts_with(b".") {
            paths.push(entry.path());
        }
    }
    paths.sort_unstable();
    Ok(paths)
}
