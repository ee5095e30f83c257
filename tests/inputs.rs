//! Zipkin and Jaeger files against the same traffic as OTLP, and against what the services of the shop did.
//!
//! The recorded shop is written as exporters for Zipkin and Jaeger would have written it, and read again: no line of the
//! translators is shared with the readers.

mod plain;
mod translate;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde_json::Value;
use tracemesh_graph::snapshot::{GraphSnapshot, NodeKind};

use crate::harness::recording::requests;
use crate::harness::{root, tracemesh_in};
use crate::shop::compare::{MIXED, edges, faults};
use crate::shop::truth::Truth;
use plain::PlainSpan;

fn shop(recording: &str) -> Vec<PlainSpan> {
    plain::spans(&requests(&root().join(recording)))
}

fn graph_of(place: &Path, traces: &str) -> GraphSnapshot {
    let arguments = ["graph", "--traces", traces, "--format", "json"];
    let run = tracemesh_in(place, &arguments, b"").expect_code(0);
    serde_json::from_str(&run.stdout).expect("the graph is a snapshot")
}

/// The graph of a file with this content.
fn graph_of_text(text: &str) -> GraphSnapshot {
    let place = tempfile::tempdir().expect("a temporary directory");
    let packed = zstd::encode_all(text.as_bytes(), 1).expect("zstd");
    fs::write(place.path().join("traces"), packed).expect("the file is written");
    graph_of(place.path(), "traces")
}

fn lines(values: impl Iterator<Item = Value>) -> String {
    values.map(|value| format!("{value}\n")).collect()
}

/// Entries, instances, zones, environment and kind of each node that emits spans.
fn services(graph: &GraphSnapshot) -> BTreeMap<&str, String> {
    let nodes = graph.nodes.iter();
    let services = nodes.filter(|node| node.kind == NodeKind::Service);
    let facts = services.map(|node| {
        let zones = node.facets.get("zone");
        let facts = (node.entry_calls, node.instances, zones, &node.environment);
        (node.id.as_str(), format!("{facts:?}"))
    });
    facts.collect()
}

/// What of an edge the formats can carry.
fn facts(graph: &GraphSnapshot) -> BTreeMap<String, String> {
    let found = edges(graph);
    let facts = found.iter().map(|(key, edge)| {
        let counts = (edge.calls, edge.attempts, edge.failed, edge.failed_attempts);
        let targets = edge.targets.iter();
        let targets: Vec<_> = targets
            .map(|target| (&target.scheme, &target.host, target.port, target.calls))
            .collect();
        let rest = (&edge.evidence, &edge.protocols, targets);
        (format!("{key:?}"), format!("{counts:?} {rest:?}"))
    });
    facts.collect()
}

#[track_caller]
fn expect_the_same(recording: &str, format: &str, graph: &GraphSnapshot) {
    let exact = faults(&Truth::of(&root().join(recording)), graph, MIXED);
    assert!(exact.is_empty(), "{format}: {}", exact.join("\n"));
    let wanted = graph_of(root(), recording);
    assert_eq!(services(graph), services(&wanted), "{format}");
    let (found, wanted_facts) = (facts(graph), facts(&wanted));
    for (edge, facts) in &wanted_facts {
        assert_eq!(found.get(edge), Some(facts), "{format}: {edge}");
    }
    assert_eq!(found.len(), wanted_facts.len(), "{format}");
    assert_eq!(
        graph.diagnostics.spans, wanted.diagnostics.spans,
        "{format}"
    );
    assert_eq!(graph.diagnostics.used, wanted.diagnostics.used, "{format}");
}

/// The recording with the stable conventions, which exporters make remote endpoints of.
#[test]
fn the_shop_as_zipkin_gives_the_graph_of_the_shop() {
    let recording = "fixtures/shop-stable";
    let spans = shop(recording);
    let all: Value = spans.iter().map(translate::zipkin).collect();
    expect_the_same(recording, "Zipkin", &graph_of_text(&all.to_string()));
}

#[test]
fn the_shop_as_jaeger_gives_the_graph_of_the_shop() {
    let recording = "fixtures/shop-stable";
    let answer = translate::jaeger(&shop(recording)).to_string();
    expect_the_same(recording, "Jaeger", &graph_of_text(&answer));
}

/// One part of the spans in each format: halves of a call find each other across them.
#[test]
fn a_directory_may_mix_the_formats() {
    let recording = "fixtures/shop";
    let spans = shop(recording);
    let place = tempfile::tempdir().expect("a temporary directory");
    let part = |number: usize| {
        spans
            .iter()
            .skip(number)
            .step_by(3)
            .cloned()
            .collect::<Vec<_>>()
    };
    let (zipkin, jaeger, documents) = (part(0), part(1), part(2));
    let files = [
        ("a", lines(zipkin.iter().map(translate::zipkin))),
        ("b", translate::jaeger(&jaeger).to_string()),
        ("c", lines(documents.iter().map(translate::document))),
        ("d", "no traces at all".to_owned()),
    ];
    for (name, text) in files {
        fs::write(place.path().join(name), text).expect("the file is written");
    }
    expect_the_same(recording, "a mixture", &graph_of(place.path(), "."));
}

/// Recorded from real senders; `fixtures/zipkin/README.md` has them.
#[test]
fn what_real_senders_of_zipkin_sent_gives_their_calls() {
    let graph = graph_of(root(), "fixtures/zipkin/senders.jsonl");
    expect_the_senders(&graph, 5);
}

/// `web` called `cart` with the OpenTelemetry SDK, `front` called `back` under shared ids, each so often.
#[track_caller]
fn expect_the_senders(graph: &GraphSnapshot, calls: u64) {
    let edges: Vec<_> = graph
        .edges
        .iter()
        .map(|edge| {
            let ends = (edge.caller.as_str(), edge.callee.as_str());
            (ends, edge.calls, edge.failed, edge.evidence.paired)
        })
        .collect();
    let wanted = [
        (("service/front", "service/back"), calls, 0, calls),
        (
            ("service/shop/web", "service/shop/cart"),
            calls,
            calls / 5,
            calls,
        ),
    ];
    assert_eq!(edges, wanted);
    let entries = |id: &str| graph.node(id).map(|node| node.entry_calls);
    assert_eq!(entries("service/front"), Some(calls));
    assert_eq!(entries("service/shop/web"), Some(calls));
    let dialled = &graph.edges[1].targets[0];
    assert_eq!(
        (dialled.host.as_str(), dialled.port),
        ("cart.shop", Some(8080))
    );
    assert_eq!(graph.diagnostics.spans, 7 * calls);
    assert_eq!(graph.diagnostics.used, 7 * calls);
}
