//! Zipkin and Jaeger files against the same traffic as OTLP, and against what the services of the shop did.
//!
//! The recorded shop is written as exporters for Zipkin and Jaeger would have written it, and read again: no line of the
//! translators is shared with the readers.

mod plain;
mod translate;

use std::collections::BTreeMap;
use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::time::Duration;

use serde_json::Value;
use tracemesh_graph::snapshot::{GraphSnapshot, NodeKind};

use crate::harness::process::{Collector, get};
use crate::harness::recording::requests;
use crate::harness::{python, root, tracemesh_in};
use crate::shop::compare::{MIXED, edges, faults};
use crate::shop::truth::Truth;
use plain::PlainSpan;

fn shop(recording: &str) -> Vec<PlainSpan> {
    plain::spans(&requests(&root().join(recording)))
}

fn graph_of(place: &Path, option: &str, source: &str) -> GraphSnapshot {
    let arguments = ["graph", option, source, "--format", "json"];
    let run = tracemesh_in(place, &arguments, b"").expect_code(0);
    serde_json::from_str(&run.stdout).expect("the graph is a snapshot")
}

/// The graph of a file with this content.
fn graph_of_text(text: &str) -> GraphSnapshot {
    let place = tempfile::tempdir().expect("a temporary directory");
    let packed = zstd::encode_all(text.as_bytes(), 1).expect("zstd");
    fs::write(place.path().join("traces"), packed).expect("the file is written");
    graph_of(place.path(), "--traces", "traces")
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
    let wanted = graph_of(root(), "--traces", recording);
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
    expect_the_same(
        recording,
        "a mixture",
        &graph_of(place.path(), "--traces", "."),
    );
}

/// Recorded from real senders; `fixtures/zipkin/README.md` has them.
#[test]
fn what_real_senders_of_zipkin_sent_gives_their_calls() {
    let graph = graph_of(root(), "--traces", "fixtures/zipkin/senders.jsonl");
    expect_the_senders(&graph, 5);
}

const SDK: &str = "1.45.1";

fn senders() -> Option<&'static PathBuf> {
    static FOUND: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    let found = FOUND.get_or_init(|| {
        let packages = [
            &format!("opentelemetry-sdk=={SDK}") as &str,
            &format!("opentelemetry-exporter-zipkin-json=={SDK}"),
            "py-zipkin==1.2.8",
        ];
        python::environment("zipkin", &packages, |venv| {
            python::interpreter(venv, "py_zipkin.zipkin, opentelemetry.exporter.zipkin.json")
        })
    });
    python::or_skip(found, "senders of Zipkin spans for Python")
}

#[test]
fn real_senders_of_zipkin_reach_a_live_receiver() {
    let Some(python) = senders() else { return };
    let place = tempfile::tempdir().expect("a temporary directory");
    let collector = Collector::start(&place.path().join("data"), &["--zipkin", "127.0.0.1:0"]);
    let (_, address) = collector
        .said_at_start
        .split_once(" Zipkin on ")
        .expect("the address is told");
    let address = address.split(',').next().unwrap_or_default();
    let sent = Command::new(python)
        .arg(root().join("tests/inputs/zipkin_senders.py"))
        .args([&format!("http://{address}/api/v2/spans") as &str, "10"])
        .output()
        .expect("Python runs");
    assert!(
        sent.status.success(),
        "{}",
        String::from_utf8_lossy(&sent.stderr)
    );
    let said = collector.terminate();
    assert!(said.contains("received 70 spans"), "{said}");
    expect_the_senders(&graph_of(place.path(), "--store", "data"), 10);
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

/// Posts Zipkin spans and expects them to be taken.
#[track_caller]
fn post_zipkin(address: &str, spans: &str) {
    let mut stream = TcpStream::connect(address).expect("the receiver listens");
    let request = format!(
        "POST /api/v2/spans HTTP/1.1\r\nHost: {address}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\
         Connection: close\r\n\r\n{spans}",
        spans.len()
    );
    stream
        .write_all(request.as_bytes())
        .expect("the receiver reads");
    let mut answer = String::new();
    stream
        .read_to_string(&mut answer)
        .expect("the answer is text");
    assert!(answer.starts_with("HTTP/1.1 202"), "{answer}");
}

/// The two halves of a call under one id, as B3 tracers send them: each from its own process, in either order, in requests of their
/// own, also long after the other was inferred and written. They are one call, and no span is taken for a copy of the other.
#[test]
fn halves_of_a_shared_span_that_come_apart_are_one_call() {
    let place = tempfile::tempdir().expect("a temporary directory");
    let options = [
        "--zipkin",
        "127.0.0.1:0",
        "--trace-idle",
        "200ms",
        "--flush-interval",
        "200ms",
    ];
    let collector = Collector::start(&place.path().join("data"), &options);
    let (_, address) = collector
        .said_at_start
        .split_once(" Zipkin on ")
        .expect("the address is told");
    let address = address.split(',').next().unwrap_or_default();
    let half = |trace: u8, service: &str, rest: &str| {
        format!(
            r#"[{{"traceId":"{trace:016x}","id":"b","parentId":"a","timestamp":1760000000000000,"duration":5000,"localEndpoint":{{"serviceName":"{service}"}},{rest}}}]"#
        )
    };
    let root = |trace: u8| {
        format!(
            r#"[{{"traceId":"{trace:016x}","id":"a","kind":"SERVER","timestamp":1759999999999000,"duration":9000,"localEndpoint":{{"serviceName":"front"}}}}]"#
        )
    };
    let client = |trace| half(trace, "front", r#""kind":"CLIENT""#);
    let server = |trace| half(trace, "back", r#""kind":"SERVER","shared":true"#);
    // Old tracers of servers say no kind.
    let kindless = |trace| half(trace, "back", r#""shared":true"#);
    for spans in [
        client(1),
        server(1),
        root(1),
        root(2),
        kindless(2),
        client(2),
    ] {
        post_zipkin(address, &spans);
    }
    let closed = |spans: u64| {
        let number = |text: &str, name: &str| {
            let mut lines = text.lines();
            let value = lines
                .find_map(|line| line.strip_prefix(name))
                .unwrap_or("0");
            value.trim().parse::<u64>().expect("a whole number")
        };
        let is_there = (0..600).any(|_| {
            std::thread::sleep(Duration::from_millis(100));
            let (_, _, text) = get(&collector.admin, "/metrics", &[]);
            let waiting = number(&text, "tracemesh_buffered_spans{state=\"waiting\"}");
            let used = number(&text, "tracemesh_spans_inferred_total{outcome=\"used\"}");
            waiting + used == spans
        });
        assert!(is_there, "{spans} spans never closed");
    };
    post_zipkin(address, &server(3));
    closed(7);
    post_zipkin(address, &client(3));
    post_zipkin(address, &root(3));
    closed(9);
    let said = collector.terminate();
    assert!(said.contains("received 9 spans"), "{said}");
    let graph = graph_of(place.path(), "--store", "data");
    let [edge] = graph.edges.as_slice() else {
        panic!("not one edge: {:#?}", graph.edges)
    };
    assert_eq!(
        (edge.caller.as_str(), edge.callee.as_str()),
        ("service/front", "service/back")
    );
    assert_eq!((edge.calls, edge.evidence.paired), (3, 3), "{edge:?}");
    let told = &graph.diagnostics;
    assert_eq!((told.spans, told.used, told.duplicates), (9, 9, 0));
}
