use std::collections::BTreeSet;

use super::*;
use crate::snapshot::testing::{edge, service, snapshot};
use crate::snapshot::{LatencySummary, Relation};
use crate::tabular::{Column, Merge};

fn graph() -> GraphSnapshot {
    let mut messages = edge("service/b", "service/c", 3);
    messages.relation = Relation::Async;
    messages.latency.wait = Some(LatencySummary {
        count: 3,
        p50_ms: 0.5,
        p99_ms: 1.0,
        p999_ms: 1.0,
        max_ms: 2.0,
    });
    let mut calls = edge("service/a", "service/b", 7);
    calls.protocols.insert("grpc".to_owned(), 7);
    calls.facts.routes.insert("/x".to_owned(), 6);
    let zones = calls.facts.zone_pairs.entry("z1".to_owned()).or_default();
    zones.insert("z2".to_owned(), 5);
    let mut graph = snapshot(
        vec![service("service/a", &[("client", 9)])],
        vec![calls, messages],
    );
    graph.nodes[0]
        .attributes
        .insert("identity".to_owned(), "x".to_owned());
    graph.nodes[0]
        .facets
        .entry("zone".to_owned())
        .or_default()
        .insert("z1".to_owned(), 4);
    graph
}

fn column(graph: &GraphSnapshot, table: &str, column: &str) -> Column {
    let table = graph
        .tables()
        .into_iter()
        .find(|found| found.spec.name == table)
        .unwrap();
    let place = table
        .spec
        .columns
        .iter()
        .position(|found| found.name == column)
        .unwrap();
    table.columns[place].clone()
}

fn sum(graph: &GraphSnapshot, table: &str, name: &str) -> u64 {
    match column(graph, table, name) {
        Column::U64(cells) => cells.iter().sum(),
        Column::MaybeU64(cells) => cells.iter().flatten().sum(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn tables_are_those_of_the_specification_in_its_order() {
    let tables = graph().tables();
    let made: Vec<&str> = tables.iter().map(|table| table.spec.name).collect();
    let specified: Vec<&str> = specs().iter().map(|spec| spec.name).collect();
    assert_eq!(made, specified);
    assert_eq!(made.iter().collect::<BTreeSet<_>>().len(), made.len());
    for table in tables {
        assert_eq!(table.columns.len(), table.spec.columns.len());
        for (column, spec) in table.columns.iter().zip(table.spec.columns) {
            assert_eq!((column.kind(), column.len()), (spec.kind, table.rows()));
        }
    }
}

#[test]
fn numbers_are_those_of_the_snapshot() {
    let graph = graph();
    assert_eq!(sum(&graph, "edges", "calls"), 10);
    assert_eq!(sum(&graph, "edges", "evidence_paired"), 10);
    assert_eq!(sum(&graph, "targets", "calls"), 2);
    assert_eq!(sum(&graph, "properties", "count"), 7);
    assert_eq!(sum(&graph, "routes", "attempts"), 6);
    assert_eq!(sum(&graph, "zones", "attempts"), 5);
    assert_eq!(sum(&graph, "latency", "count"), 3);
    assert_eq!(sum(&graph, "facets", "spans"), 4);
    let text = |table, name| match column(&graph, table, name) {
        Column::Text(cells) => cells,
        other => panic!("{other:?}"),
    };
    assert_eq!(text("latency", "side"), ["wait"]);
    assert_eq!(text("facets", "facet"), ["identity", "zone"]);
    assert_eq!(text("edges", "relation"), ["sync", "async"]);
    let measures = text("diagnostics", "measure");
    assert!(measures.contains(&"kinds".to_owned()), "{measures:?}");
}

/// Engines join and check by key.
#[test]
fn keys_are_unique_and_sorted() {
    let cell = |column: &Column, row: usize| match column {
        Column::Text(cells) => cells[row].clone(),
        Column::MaybeU32(cells) => format!("{:?}", cells[row]),
        other => panic!("{other:?}"),
    };
    for table in graph().tables() {
        let keys = table.spec.columns.iter().zip(&table.columns);
        let keys: Vec<&Column> = keys
            .filter(|(spec, _)| spec.merge == Merge::Key)
            .map(|(_, column)| column)
            .collect();
        assert!(!keys.is_empty());
        let rows: Vec<Vec<String>> = (0..table.rows())
            .map(|row| keys.iter().map(|column| cell(column, row)).collect())
            .collect();
        assert!(rows.windows(2).all(|pair| pair[0] != pair[1]), "{rows:?}");
        if table.spec.name != "edges" {
            assert!(rows.is_sorted(), "{}: {rows:?}", table.spec.name);
        }
    }
}

#[test]
fn a_narrowed_graph_says_so_and_an_empty_one_has_tables_all_the_same() {
    let narrowed = crate::select::with_calls(graph(), 99, None);
    let Column::MaybeText(selection) = column(&narrowed, "graph", "selection") else {
        panic!("text");
    };
    assert_eq!(selection, [Some("min_calls=99".to_owned())]);
    assert_eq!(sum(&narrowed, "edges", "calls"), 0);
    assert_eq!(
        column(&graph(), "graph", "selection"),
        Column::MaybeText(vec![None])
    );
}
