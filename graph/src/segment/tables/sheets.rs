//! All tables of a segment side by side, as columns.

use std::collections::BTreeSet;

use super::schema::*;
use crate::tabular::{ReadTable, Rows, Table, TableError};

/// Declares the columns of every table.
macro_rules! sheets {
    ($($field:ident: $rows:ty),* $(,)?) => {
        /// The columns of every table; empty where there is no such table.
        #[derive(Debug, Default)]
        pub(super) struct Sheets {
            $(pub(super) $field: $rows),*
        }

        impl Sheets {
            /// The tables that have rows, in the order of the fields.
            pub(super) fn into_tables(self) -> Vec<Table> {
                let tables = [$(self.$field.into_table()),*];
                tables.into_iter().filter(|table| table.rows() > 0).collect()
            }

            fn put(&mut self, table: ReadTable) -> Result<(), TableError> {
                match table.spec.name {
                    $(name if name == <$rows>::SPEC.name => {
                        self.$field = <$rows>::from_table(table)?;
                    })*
                    name => return Err(refused(name, "is no table of segments")),
                }
                Ok(())
            }
        }
    };
}

impl Sheets {
    /// The columns of these tables.
    ///
    /// # Errors
    /// When one is not what its specification says, is none of segments, or comes twice.
    pub(super) fn of(tables: Vec<ReadTable>) -> Result<Self, TableError> {
        let mut sheets = Self::default();
        let mut seen = BTreeSet::new();
        for table in tables {
            if !seen.insert(table.spec.name) {
                return Err(refused(table.spec.name, "is there twice"));
            }
            sheets.put(table)?;
        }
        Ok(sheets)
    }
}

/// The error for rows that cannot be.
pub(super) fn refused(table: &'static str, problem: impl Into<String>) -> TableError {
    TableError::Row {
        table,
        problem: problem.into(),
    }
}

sheets! {
    nodes: Nodes,
    targets: Targets,
    edges: Edges,
    latency: Latency,
    edge_counts: EdgeCounts,
    sampling: Sampling,
    destinations: Destinations,
    zones: Zones,
    methods: Methods,
    routes: Routes,
    diagnostics: Diagnostics,
    totals: Totals,
    node_counts: NodeCounts,
    node_latency: NodeLatency,
    node_instances: NodeInstances,
    node_addresses: NodeAddresses,
    target_addresses: TargetAddresses,
    served: Served,
    votes: Votes,
    exemplars: Exemplars,
    messages: Messages,
    message_refs: MessageRefs,
    open_servers: OpenServers,
    owed: Owed,
    folds: Folds,
    skews: Skews,
    instances: Instances,
    days: Days,
    seconds: Seconds,
    stretches: Stretches,
    lifetimes: Lifetimes,
}
