//! A graph as tables: what `tracemesh graph --format parquet` and `csv` write.
//!
//! Place in the flow: [`GraphSnapshot`] -> here -> a file format. One row per fact, so that any engine can filter, join and
//! sum: `nodes` and `edges` hold what there is one of, the other tables hang on them by node id, or by (caller, callee,
//! relation). Every row of the snapshot is in a table, but for what only planning reads (load over time, hazards, clocks),
//! which stays in the JSON.
//!
//! Unlike the tables of the store, these are resolved and merged: ends of edges are nodes, and there is one row per key.

mod columns;
mod fill;

use super::GraphSnapshot;
use crate::tabular::{Rows, Table, TableSpec};
use columns::{
    Diagnostics, Edges, Facets, Graph, Latencies, Nodes, Properties, Routes, Served, Targets, Zones,
};

/// Every table, in the order in which they are documented.
#[must_use]
pub fn specs() -> &'static [&'static TableSpec] {
    &[
        Graph::SPEC,
        Nodes::SPEC,
        Facets::SPEC,
        Served::SPEC,
        Edges::SPEC,
        Targets::SPEC,
        Properties::SPEC,
        Latencies::SPEC,
        Zones::SPEC,
        Routes::SPEC,
        Diagnostics::SPEC,
    ]
}

impl GraphSnapshot {
    /// The graph as the tables of [`specs`], in that order, those without rows included: a query need not ask
    /// whether a table is there. Rows are in the order of the snapshot: by node id, or by caller, callee and relation.
    #[must_use]
    pub fn tables(&self) -> Vec<Table> {
        vec![
            fill::graph(self).into_table(),
            fill::nodes(self).into_table(),
            fill::facets(self).into_table(),
            fill::served(self).into_table(),
            fill::edges(self).into_table(),
            fill::targets(self).into_table(),
            fill::properties(self).into_table(),
            fill::latency(self).into_table(),
            fill::zones(self).into_table(),
            fill::routes(self).into_table(),
            fill::diagnostics(self).into_table(),
        ]
    }
}

#[cfg(test)]
mod tests;
