//! A segment as tables, and back: the public shape of the store.
//!
//! Place in the flow: `Segment` -> [`to_tables`](Segment::to_tables) -> Parquet -> [`Assembly`] -> `Segment`. What is written is what was
//! seen, before destinations are resolved: readers resolve over everything that they merge.

mod whole;

use super::Segment;
use crate::tabular::{Rows, Table, TableError, TableSpec};
use whole::{WholeRow, WholeRows};

/// What a reader needs of segments.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Detail {
    /// All of it.
    #[default]
    Everything,
    /// Nodes, edges, counts and latency, without the samples of load over time that settings are made from.
    Topology,
}

impl Detail {
    /// True when tables of this kind are read.
    #[must_use]
    pub fn wants(self, _table: &TableSpec) -> bool {
        true
    }
}

/// Every table that a segment may have, in the order in which they are documented. Empty ones are not written.
#[must_use]
pub fn specs() -> &'static [&'static TableSpec] {
    &[WholeRows::SPEC]
}

impl Segment {
    /// Its tables; those without rows are left out.
    #[must_use]
    pub fn to_tables(&self) -> Vec<Table> {
        let mut rows = WholeRows::default();
        if !self.is_empty() {
            rows.push(WholeRow {
                json: serde_json::to_string(self).unwrap_or_default(),
            });
        }
        let tables = [rows.into_table()];
        tables.into_iter().filter(|t| t.rows() > 0).collect()
    }
}

/// Puts the tables of many segments together. Adding is commutative and associative: it is merging.
#[derive(Debug, Default)]
pub struct Assembly {
    segment: Segment,
}

impl Assembly {
    /// Adds the tables of one segment. A missing table has no rows. Nothing is added when there is an error.
    ///
    /// # Errors
    /// When a table is not what its specification says.
    pub fn add(&mut self, tables: Vec<Table>) -> Result<(), TableError> {
        for table in tables {
            for row in WholeRows::from_table(table)?.into_rows() {
                let segment = serde_json::from_str(&row.json).map_err(|error| TableError::Row {
                    table: "whole",
                    problem: error.to_string(),
                })?;
                self.segment.merge(segment);
            }
        }
        Ok(())
    }

    /// Everything merged.
    #[must_use]
    pub fn finish(self) -> Segment {
        self.segment
    }
}
