//! A segment as tables, and back: the public shape of the store.
//!
//! Place in the flow: `Segment` -> [`to_tables`](Segment::to_tables) -> Parquet -> [`Assembly`] -> `Segment`. What is written is what was
//! seen, before destinations are resolved: readers resolve over everything that they merge. Nothing that is read is
//! trusted: tables are checked as a whole before anything of them is added.
//!
//! ```text
//! write: Segment -> Directory (ids) -> Sheets (columns) -> tables
//! read:  tables -> Sheets -> Checked (rows refer to rows) -> Assembly (names to dense numbers) -> Segment
//! ```

mod assembly;
mod checked;
mod ids;
mod schema;
mod sheets;
mod write;

pub use assembly::{Assembly, CheckedSegment};

use super::Segment;
use crate::tabular::{Table, TableSpec};

/// What a reader needs of segments.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Detail {
    /// All of it.
    #[default]
    Everything,
    /// Nodes, edges, counts, latency and what resolving them needs. Facts of edges for planning and settings, load of nodes and
    /// example traces are absent from it: for drawings and tables that show none of them.
    Topology,
}

/// Tables of load over time, of facts for planning by destination, and of example traces.
const BEYOND_TOPOLOGY: [&str; 11] = [
    "days",
    "destinations",
    "exemplars",
    "instances",
    "lifetimes",
    "methods",
    "node_latency",
    "routes",
    "seconds",
    "stretches",
    "zones",
];

impl Detail {
    /// True when tables of this kind are read.
    #[must_use]
    pub fn wants(self, table: &TableSpec) -> bool {
        match self {
            Self::Everything => true,
            Self::Topology => !BEYOND_TOPOLOGY.contains(&table.name),
        }
    }
}

/// Every table that a segment may have, in the order in which they are documented. Empty ones are not written.
#[must_use]
pub fn specs() -> &'static [&'static TableSpec] {
    schema::SPECS
}

impl Segment {
    /// Its tables; those without rows are left out. Equal segments give equal tables.
    #[must_use]
    pub fn to_tables(&self) -> Vec<Table> {
        write::tables(self)
    }
}

#[cfg(test)]
mod tests;
