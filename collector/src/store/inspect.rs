//! What a store holds, told from names and manifests: nothing is decoded.
//!
//! Place in the flow: survey -> [`StoreInfo`] -> `tracemesh store info`. It is the public format `tracemesh.store-info/v1`, so fields are
//! added and never change.

use std::collections::BTreeMap;

use serde::Serialize;
use tracemesh_graph::snapshot::Window;
use tracemesh_graph::time::Timestamp;

use super::manifest::{Level, Manifest, Part};
use super::read::{SkippedSegment, Survey, survey};
use super::{Location, StoreError};

/// Value of the `schema` field.
pub const INFO_SCHEMA: &str = "tracemesh.store-info/v1";

/// The table whose rows are edges of a window.
const EDGES: &str = "edges";

/// What a store holds.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct StoreInfo {
    /// Always [`INFO_SCHEMA`].
    pub schema: &'static str,
    /// The store as it was named.
    pub store: String,
    /// Wall-clock time from the first to the last segment.
    pub window: Window,
    /// Segments that count.
    pub segments: u64,
    /// Bytes of their tables.
    pub bytes: u64,
    /// Segments by how they came to be, those that exist.
    pub levels: Vec<LevelInfo>,
    /// Who wrote them, by name.
    pub instances: Vec<InstanceInfo>,
    /// Their tables, by name and part.
    pub tables: Vec<TableInfo>,
    /// Rows of the table `edges`, settled: one for each edge and segment.
    pub edge_windows: u64,
    /// Bytes of all tables by `edge_windows`; `null` without any.
    pub bytes_per_edge_window: Option<f64>,
    /// Segments whose flushes others hold as well; compaction removes them.
    pub superseded: Vec<String>,
    /// Entries that are passed over.
    pub skipped: Vec<SkippedSegment>,
}

/// Segments of one level.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LevelInfo {
    /// `flush`, `hour` or `day`.
    pub level: Level,
    /// How many.
    pub segments: u64,
    /// Bytes of their tables.
    pub bytes: u64,
    /// Time from the first to the last of them.
    pub window: Window,
}

/// What an instance wrote.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct InstanceInfo {
    /// Its name.
    pub instance: String,
    /// False when no process has its lock; object stores have no locks.
    pub may_be_running: bool,
    /// Segments that hold flushes of it.
    pub segments: u64,
    /// Time from the first to the last of them.
    pub window: Window,
    /// Its runs, oldest first.
    pub runs: Vec<RunInfo>,
    /// Times for which it wrote nothing, between its first segment and its last.
    pub gaps: Vec<Window>,
}

/// One run of an instance.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RunInfo {
    /// What tells runs apart; later ones have higher numbers.
    pub epoch: u64,
    /// Flushes in the store.
    pub flushes: u64,
    /// Flushes between the first and the last in the store that are not in it: removed by retention, or lost.
    pub missing: u64,
}

/// A table over all segments.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TableInfo {
    /// Its name.
    pub table: String,
    /// Which counts it holds.
    pub part: Part,
    /// Number of files.
    pub files: u64,
    /// Rows in them.
    pub rows: u64,
    /// Bytes of them.
    pub bytes: u64,
}

/// Tells what a store holds.
///
/// # Errors
/// When the store is missing or cannot be listed.
pub fn info(location: &Location) -> Result<StoreInfo, StoreError> {
    let place = location.place()?;
    let mut info = describe(location.to_string(), survey(&*place)?);
    for instance in &mut info.instances {
        // What cannot be told is no reason not to tell the rest.
        instance.may_be_running = place.is_locked(&instance.instance).unwrap_or(true);
    }
    Ok(info)
}

fn describe(store: String, found: Survey) -> StoreInfo {
    let manifests = || found.segments.values();
    let tables = tables(manifests());
    let bytes = total(tables.iter().map(|table| table.bytes));
    let is_edges = |table: &&TableInfo| table.table == EDGES && table.part == Part::Settled;
    let edge_windows = total(tables.iter().filter(is_edges).map(|table| table.rows));
    StoreInfo {
        schema: INFO_SCHEMA,
        store,
        window: manifests().fold(Window::default(), |all, next| span_of(all, next.window)),
        segments: found.segments.len() as u64,
        bytes,
        levels: levels(manifests()),
        instances: instances(&found),
        tables,
        edge_windows,
        bytes_per_edge_window: (edge_windows > 0).then(|| ratio(bytes, edge_windows)),
        superseded: found.superseded,
        skipped: found.skipped,
    }
}

/// To two decimals; exact division of counts means nothing beyond.
fn ratio(bytes: u64, rows: u64) -> f64 {
    let hundredths = u128::from(bytes) * 100 / u128::from(rows);
    let hundredths = u32::try_from(hundredths).unwrap_or(u32::MAX);
    f64::from(hundredths) / 100.0
}

fn bytes_of(manifest: &Manifest) -> u64 {
    total(manifest.files.iter().map(|file| file.bytes))
}

/// Manifests are hostile: whatever they claim, the sum is a number.
fn total(numbers: impl Iterator<Item = u64>) -> u64 {
    numbers.fold(0, u64::saturating_add)
}

fn levels<'a>(manifests: impl Iterator<Item = &'a Manifest>) -> Vec<LevelInfo> {
    let mut levels: BTreeMap<Level, LevelInfo> = BTreeMap::new();
    for manifest in manifests {
        let info = levels.entry(manifest.level).or_insert(LevelInfo {
            level: manifest.level,
            segments: 0,
            bytes: 0,
            window: Window::default(),
        });
        info.segments += 1;
        info.bytes = info.bytes.saturating_add(bytes_of(manifest));
        info.window = span_of(info.window, manifest.window);
    }
    levels.into_values().collect()
}

fn tables<'a>(manifests: impl Iterator<Item = &'a Manifest>) -> Vec<TableInfo> {
    let mut tables: BTreeMap<(&str, Part), TableInfo> = BTreeMap::new();
    for file in manifests.flat_map(|manifest| &manifest.files) {
        let info = tables
            .entry((&file.table, file.part))
            .or_insert_with(|| TableInfo {
                table: file.table.clone(),
                part: file.part,
                files: 0,
                rows: 0,
                bytes: 0,
            });
        info.files += 1;
        info.rows = info.rows.saturating_add(file.rows);
        info.bytes = info.bytes.saturating_add(file.bytes);
    }
    tables.into_values().collect()
}

fn instances(found: &Survey) -> Vec<InstanceInfo> {
    let mut windows: BTreeMap<&str, Vec<Window>> = BTreeMap::new();
    for manifest in found.segments.values() {
        let mut names: Vec<&str> = manifest.covers.iter().map(|c| &*c.instance).collect();
        names.sort_unstable();
        names.dedup();
        for name in names {
            windows.entry(name).or_default().push(manifest.window);
        }
    }
    let instances = windows.into_iter();
    instances
        .map(|(name, windows)| InstanceInfo {
            instance: name.to_owned(),
            may_be_running: true,
            segments: windows.len() as u64,
            window: windows.iter().copied().fold(Window::default(), span_of),
            runs: runs(found, name),
            gaps: gaps(windows),
        })
        .collect()
}

fn runs(found: &Survey, instance: &str) -> Vec<RunInfo> {
    let mut runs: BTreeMap<u64, (u64, u64, u64)> = BTreeMap::new();
    let covers = found.known.covers().into_iter();
    for cover in covers.filter(|cover| cover.instance == instance) {
        let run = runs.entry(cover.epoch).or_insert((0, cover.first, 0));
        let flushes = (cover.last - cover.first).saturating_add(1);
        *run = (
            run.0.saturating_add(flushes),
            run.1.min(cover.first),
            run.2.max(cover.last),
        );
    }
    let runs = runs.into_iter();
    runs.map(|(epoch, (flushes, first, last))| RunInfo {
        epoch,
        flushes,
        missing: (last - first).saturating_add(1).saturating_sub(flushes),
    })
    .collect()
}

/// The times between windows that none of them covers.
fn gaps(mut windows: Vec<Window>) -> Vec<Window> {
    windows.sort_unstable_by_key(|window| (window.start, window.end));
    let mut covered_to: Option<Timestamp> = None;
    let mut gaps = Vec::new();
    for window in windows {
        if let (Some(end), Some(start)) = (covered_to, window.start)
            && start > end
        {
            gaps.push(Window {
                start: Some(end),
                end: Some(start),
            });
        }
        covered_to = covered_to.max(window.end);
    }
    gaps
}

/// The time that two windows and what lies between them cover.
pub(super) fn span_of(a: Window, b: Window) -> Window {
    Window {
        start: a.start.into_iter().chain(b.start).min(),
        end: a.end.into_iter().chain(b.end).max(),
    }
}

#[cfg(test)]
mod tests;
