//! The queries of docs/store.md in a real engine, against what our own reader says of the same store.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use serde_json::Value;
use tracemesh_graph::snapshot::{Edge, GraphSnapshot, NodeKind, Relation};

use crate::harness::{python, root, tracemesh_in};

/// Engine, pinned.
const DUCKDB: &str = "duckdb==2.0.0";

fn duckdb() -> Option<&'static PathBuf> {
    static FOUND: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    let found = FOUND.get_or_init(|| {
        python::environment("duckdb", &[DUCKDB], |venv| {
            python::interpreter(venv, "duckdb")
        })
    });
    python::or_skip(found, "DuckDB")
}

type Row = serde_json::Map<String, Value>;

/// The answers to all queries, by name.
fn answers(python: &Path, place: &Path) -> BTreeMap<String, Vec<Row>> {
    let output = Command::new(python)
        .arg(root().join("tests/store_sql/run.py"))
        .arg(root().join("docs/store.md"))
        .current_dir(place)
        .output()
        .expect("Python runs");
    let complaints = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{complaints}");
    serde_json::from_slice(&output.stdout).expect("answers are JSON")
}

fn text<'a>(row: &'a Row, column: &str) -> &'a str {
    let value = row.get(column).and_then(Value::as_str);
    assert!(value.is_some(), "no text `{column}` in {row:?}");
    value.unwrap_or_default()
}

fn number(row: &Row, column: &str) -> u64 {
    let value = row.get(column).and_then(Value::as_u64);
    assert!(value.is_some(), "no number `{column}` in {row:?}");
    value.unwrap_or_default()
}

/// Numbers of a query by two columns of text.
fn pairs(rows: &[Row], keys: [&str; 2], value: &str) -> BTreeMap<(String, String), u64> {
    let entry = |row: &Row| {
        let [a, b] = keys.map(|key| text(row, key).to_owned());
        ((a, b), number(row, value))
    };
    rows.iter().map(entry).collect()
}

/// Node ids as the tables spell them: without their kind.
fn short(id: &str) -> String {
    id.strip_prefix("service/").unwrap_or(id).to_owned()
}

/// Edges between services that were called directly.
fn between_services(graph: &GraphSnapshot) -> impl Iterator<Item = &Edge> {
    let is_service = |id: &str| graph.node(id).is_some_and(|n| n.kind == NodeKind::Service);
    graph.edges.iter().filter(move |edge| {
        edge.relation == Relation::Sync && is_service(&edge.caller) && is_service(&edge.callee)
    })
}

fn ends(edge: &Edge) -> (String, String) {
    (short(&edge.caller), short(&edge.callee))
}

#[test]
fn another_engine_reads_the_same_numbers_out_of_a_store() {
    let Some(python) = duckdb() else { return };
    let place = tempfile::tempdir().expect("a temporary directory");
    let shop = root().join("fixtures/shop");
    let traces = shop.display().to_string();
    tracemesh_in(place.path(), &["import", &traces], b"").expect_code(0);
    let run = tracemesh_in(place.path(), &["graph", "--format", "json"], b"").expect_code(0);
    let graph: GraphSnapshot = serde_json::from_str(&run.stdout).expect("a snapshot");
    let answers = answers(python, place.path());
    paired(&graph, &answers["paired"]);
    dialled(&graph, &answers["dialled"]);
    latency(&graph, &answers["p99"]);
    zones(&graph, &answers["zones"]);
    routes(&graph, &answers["routes"]);
    spans(&graph, &answers["spans"]);
    refused(&graph, &answers["refused"]);
    hours(&graph, &answers["hours"]);
}

fn paired(graph: &GraphSnapshot, rows: &[Row]) {
    let expected: BTreeMap<_, _> = between_services(graph)
        .map(|edge| (ends(edge), edge.evidence.paired))
        .filter(|(_, calls)| *calls > 0)
        .collect();
    assert!(expected.len() > 15, "{expected:?}");
    assert_eq!(
        pairs(rows, ["caller_name", "callee_name"], "calls"),
        expected
    );
}

/// Nodes that only callers know are dialled by their addresses.
fn dialled(graph: &GraphSnapshot, rows: &[Row]) {
    let found = pairs(rows, ["caller_name", "dialled"], "calls");
    let mut compared = 0;
    for edge in graph.edges.iter().filter(|e| e.relation == Relation::Sync) {
        let callee = graph.node(&edge.callee).expect("edges end in nodes");
        if callee.kind != NodeKind::Database && callee.kind != NodeKind::External {
            continue;
        }
        for target in &edge.targets {
            let address = match target.port {
                Some(port) => format!("{}:{port}", target.host),
                None => target.host.clone(),
            };
            let calls = found.get(&(short(&edge.caller), address));
            assert_eq!(calls, Some(&target.calls), "{} {target:?}", edge.caller);
            compared += 1;
        }
    }
    assert!(compared > 5, "{compared}");
}

/// The query knows the calls that were joined at once; the percentile of an edge that has others may differ.
fn latency(graph: &GraphSnapshot, rows: &[Row]) {
    let mut compared = 0;
    for edge in between_services(graph).filter(|edge| edge.evidence.paired == edge.calls) {
        let row = rows.iter().find(|row| {
            (text(row, "caller_name"), text(row, "callee_name"))
                == (&*short(&edge.caller), &*short(&edge.callee))
        });
        let (Some(row), Some(client)) = (row, &edge.latency.client) else {
            continue;
        };
        assert_eq!(number(row, "total"), client.count, "{:?}", ends(edge));
        let p99 = row.get("p99_ms").and_then(Value::as_f64);
        let p99 = p99.expect("a percentile").min(client.max_ms);
        assert!(
            (p99 - client.p99_ms).abs() < 1e-6,
            "{:?}: {p99} where the graph has {}",
            ends(edge),
            client.p99_ms
        );
        compared += 1;
    }
    assert!(compared > 10, "{compared}");
}

fn zones(graph: &GraphSnapshot, rows: &[Row]) {
    let mut found: BTreeMap<_, BTreeMap<(String, String), u64>> = BTreeMap::new();
    for row in rows {
        let [caller, callee, from, to] =
            ["caller_name", "callee_name", "caller_zone", "callee_zone"]
                .map(|column| text(row, column).to_owned());
        let attempts = number(row, "attempts");
        found
            .entry((caller, callee))
            .or_default()
            .insert((from, to), attempts);
    }
    let mut expected = BTreeMap::new();
    for edge in between_services(graph) {
        let zones = edge.facts.zone_pairs.iter();
        let zones: BTreeMap<_, _> = zones
            .flat_map(|(from, callees)| {
                callees
                    .iter()
                    .map(move |(to, attempts)| ((from.clone(), to.clone()), *attempts))
            })
            .collect();
        if !zones.is_empty() {
            expected.insert(ends(edge), zones);
        }
    }
    assert!(expected.len() > 5, "{expected:?}");
    assert_eq!(found, expected);
}

fn routes(graph: &GraphSnapshot, rows: &[Row]) {
    let found = pairs(rows, ["callee_name", "route"], "attempts");
    let mut expected: BTreeMap<(String, String), u64> = BTreeMap::new();
    for edge in &graph.edges {
        for (route, attempts) in &edge.facts.routes {
            let key = (short(&edge.callee), route.clone());
            *expected.entry(key).or_default() += attempts;
        }
    }
    expected.retain(|key, _| found.contains_key(key));
    assert!(expected.len() > 3, "{expected:?}");
    assert_eq!(found, expected);
}

fn spans(graph: &GraphSnapshot, rows: &[Row]) {
    let found: BTreeMap<String, (u64, u64)> = rows
        .iter()
        .map(|row| {
            let name = match text(row, "namespace") {
                "" => text(row, "name").to_owned(),
                namespace => format!("{namespace}/{}", text(row, "name")),
            };
            (name, (number(row, "spans"), number(row, "requests")))
        })
        .collect();
    let services = graph.nodes.iter().filter(|n| n.traces.seen > 0);
    let services: Vec<_> = services.collect();
    assert!(services.len() > 15, "{}", services.len());
    for node in services {
        let (spans, requests) = found[&short(&node.id)];
        assert_eq!(requests, node.requests, "{}", node.id);
        assert!(spans > 0, "{}", node.id);
    }
    let rejected: u64 = graph.diagnostics.rejected.values().sum();
    let total: u64 = found.values().map(|(spans, _)| spans).sum();
    assert!(total <= graph.diagnostics.spans - rejected, "{total}");
}

fn refused(graph: &GraphSnapshot, rows: &[Row]) {
    let rejected: BTreeMap<String, u64> = rows
        .iter()
        .filter(|row| text(row, "kind") == "rejected")
        .map(|row| (text(row, "name").to_owned(), number(row, "count")))
        .collect();
    assert_eq!(rejected, graph.diagnostics.rejected);
}

fn hours(graph: &GraphSnapshot, rows: &[Row]) {
    let calls: u64 = rows.iter().map(|row| number(row, "calls")).sum();
    let sync = graph.edges.iter().filter(|e| e.relation == Relation::Sync);
    assert_eq!(calls, sync.map(|edge| edge.calls).sum::<u64>());
    assert!(!rows.is_empty());
}
