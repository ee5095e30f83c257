//! From segments to the files of a stored one.

use tracemesh_graph::segment::Segment;
use tracemesh_graph::segment::tables::specs;
use tracemesh_graph::snapshot::Window;
use tracemesh_graph::tabular::Table;

use super::StoreError;
use super::cover::Cover;
use super::manifest::{self, FileEntry, Level, Manifest, Part, SCHEMA, file_path};
use super::parquet::{Constant, encode};
use super::place::{Files, Place};

/// Columns that every table has beside its own, so that engines without us can tell times and instances apart.
pub(super) const WINDOW_START: &str = "window_start_ns";
/// See [`WINDOW_START`].
pub(super) const WINDOW_END: &str = "window_end_ns";
/// See [`WINDOW_START`]; empty where a segment was put together from several instances.
pub(super) const INSTANCE: &str = "collector";

/// Tables that every segment has, also without rows: a query over them must not fail for want of files.
const ALWAYS: [&str; 8] = [
    "nodes",
    "edges",
    "targets",
    "latency",
    "destinations",
    "zones",
    "routes",
    "diagnostics",
];

/// The tables of a part as they are written.
fn with_named(mut tables: Vec<Table>, part: Part) -> Vec<Table> {
    let has = |tables: &[Table], name: &str| tables.iter().any(|table| table.spec.name == name);
    let named = specs().iter().filter(|spec| ALWAYS.contains(&spec.name));
    for spec in named.filter(|_| part == Part::Settled) {
        if !has(&tables, spec.name) {
            let columns = spec.columns.iter().map(|column| column.kind.empty());
            tables.push(Table {
                spec,
                columns: columns.collect(),
            });
        }
    }
    tables
}

/// A segment about to be stored.
#[derive(Debug)]
pub(super) struct Draft {
    /// How it came to be.
    pub(super) level: Level,
    /// The time it covers.
    pub(super) window: Window,
    /// The flushes it holds, sorted.
    pub(super) covers: Vec<Cover>,
}

impl Draft {
    /// Writes the segment durably under the lock of `writer` and returns its name.
    pub(super) fn commit(
        self,
        place: &dyn Place,
        writer: &str,
        settled: &Segment,
        waiting: &Segment,
    ) -> Result<String, StoreError> {
        let mut files = Files::new();
        let mut entries = Vec::new();
        for (part, segment) in [(Part::Settled, settled), (Part::Waiting, waiting)] {
            for table in with_named(segment.to_tables(), part) {
                let (name, rows) = (table.spec.name, table.rows() as u64);
                let bytes =
                    encode(table, &self.constants()).map_err(|reason| StoreError::Encode {
                        table: name,
                        reason,
                    })?;
                entries.push(FileEntry {
                    table: name.to_owned(),
                    part,
                    rows,
                    bytes: bytes.len() as u64,
                    crc32: crc32fast::hash(&bytes),
                });
                files.push((file_path(name, part), bytes));
            }
        }
        let manifest = Manifest {
            schema: SCHEMA.to_owned(),
            level: self.level,
            window: self.window,
            covers: self.covers,
            files: entries,
        };
        let name = manifest.name().to_string();
        let mut text =
            serde_json::to_vec_pretty(&manifest).map_err(|error| StoreError::Encode {
                table: "manifest",
                reason: error.to_string(),
            })?;
        text.push(b'\n');
        files.push((manifest::FILE_NAME.to_owned(), text));
        place.commit(writer, &name, &files)?;
        Ok(name)
    }

    fn constants(&self) -> [(&'static str, Constant); 3] {
        let mut instances = self.covers.iter().map(|cover| &cover.instance);
        let first = instances.next().cloned().unwrap_or_default();
        let is_one = instances.all(|other| *other == first);
        let instance = if is_one { first } else { String::new() };
        let ns = |time: Option<tracemesh_graph::time::Timestamp>| time.unwrap_or_default().0;
        [
            (WINDOW_START, Constant::U64(ns(self.window.start))),
            (WINDOW_END, Constant::U64(ns(self.window.end))),
            (INSTANCE, Constant::Text(instance)),
        ]
    }
}
