//! A live collector under faults that need a process of their own to be measured: its memory, its log, its pages.

mod cardinality;
mod log;
mod overload;
mod pages;
mod sender;

use std::path::Path;

use tracemesh_graph::snapshot::GraphSnapshot;

use crate::harness::tracemesh_in;

/// The graph of a store whose collector has ended.
fn graph_of(store: &Path) -> GraphSnapshot {
    let place = store.parent().expect("the store lies in a directory");
    let store = store.display().to_string();
    let arguments = ["graph", "--store", &store, "--format", "json"];
    let run = tracemesh_in(place, &arguments, b"").expect_code(0);
    serde_json::from_str(&run.stdout).expect("the graph is a snapshot")
}

/// The value of a line of the metrics, which is a whole number; `None` when there is no such line.
fn metric(text: &str, name: &str) -> Option<u64> {
    let mut values = text.lines().filter_map(|line| line.strip_prefix(name));
    let value = values.find_map(|rest| rest.strip_prefix(' '))?;
    Some(value.parse().expect("a whole number"))
}
