//! What must come of the companies that senders make: every span counted once, and the graph to the last call.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use tracemesh_graph::snapshot::{Edge, GraphSnapshot};

use crate::harness::process::{Collector, get};
use crate::harness::tracemesh_in;

/// A server and a client span of each of three services.
pub(super) const SPANS_PER_CALL: u64 = 6;

/// One answer of `stock` of so many is an error.
const FAILURE_EVERY: u64 = 5;

/// The arguments of a sender: so many calls with so long in between, one company for each name, protocol and compression.
pub(super) fn arguments(
    calls: u64,
    pause: Duration,
    companies: &[(String, &str, &str)],
    endpoint: impl Fn(&str) -> String,
) -> Vec<String> {
    let companies = companies.iter().map(|(name, protocol, compression)| {
        format!(
            "{name},{protocol},{compression},http://{}",
            endpoint(protocol)
        )
    });
    let first = [calls.to_string(), pause.as_millis().to_string()];
    first.into_iter().chain(companies).collect()
}

/// What a live collector counts, by family and labels as they are written.
#[derive(Debug)]
pub(super) struct Counters(BTreeMap<String, f64>);

impl Counters {
    pub(super) fn of(collector: &Collector) -> Self {
        let (status, _, body) = get(&collector.admin, "/metrics", &[]);
        assert_eq!(status, "HTTP/1.1 200 OK");
        let lines = body.lines().filter(|line| !line.starts_with('#'));
        let values = lines.filter_map(|line| {
            let (name, value) = line.rsplit_once(' ')?;
            Some((name.to_owned(), value.parse().ok()?))
        });
        Self(values.collect())
    }

    /// The value of a line; zero while it is not there, as counters by reason are.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "the counts of a test are small"
    )]
    pub(super) fn value(&self, name: &str) -> u64 {
        self.0.get(name).map_or(0, |value| *value as u64)
    }

    /// Requests that were refused or turned away, for this reason.
    pub(super) fn not_taken(&self, reason: &str) -> u64 {
        self.value(&format!(
            "tracemesh_requests_not_taken_total{{reason=\"{reason}\"}}"
        ))
    }

    pub(super) fn accepted_spans(&self) -> u64 {
        self.value("tracemesh_received_spans_total{outcome=\"accepted\"}")
    }
}

/// Waits until the counters are as wanted; they are when the condition comes true, or the test fails.
#[track_caller]
pub(super) fn eventually(collector: &Collector, wanted: impl Fn(&Counters) -> bool) -> Counters {
    let mut counters = Counters::of(collector);
    let mut tries = 0;
    while !wanted(&counters) {
        tries += 1;
        assert!(tries < 1_200, "it never came true of {counters:#?}");
        std::thread::sleep(Duration::from_millis(50));
        counters = Counters::of(collector);
    }
    counters
}

/// Asserts that exactly these spans were received, that none was rejected, and that no connection was faulty. A process that
/// ends without reading all that it was sent is counted as `cut`, which Go's gRPC does now and then.
#[track_caller]
pub(super) fn expect_received(counters: &Counters, spans: u64) {
    assert_eq!(counters.accepted_spans(), spans, "received as many as sent");
    for name in [
        "tracemesh_received_spans_total{outcome=\"rejected\"}",
        "tracemesh_spans_inferred_total{outcome=\"duplicate\"}",
        "tracemesh_connections_failed_total{cause=\"over_limit\"}",
        "tracemesh_connections_failed_total{cause=\"stalled\"}",
        "tracemesh_connections_failed_total{cause=\"malformed\"}",
    ] {
        assert_eq!(counters.0.get(name), Some(&0.0), "{name}");
    }
}

/// The graph of a store.
pub(super) fn graph_of(store: &Path) -> GraphSnapshot {
    let place = store.parent().expect("the store lies in a directory");
    let store = store.display().to_string();
    let arguments = ["graph", "--store", &store, "--format", "json"];
    let run = tracemesh_in(place, &arguments, b"").expect_code(0);
    serde_json::from_str(&run.stdout).expect("the graph is a snapshot")
}

/// Everything of an edge that must be exact; equal edges have equal lines.
fn line(edge: &Edge) -> String {
    let evidence = &edge.evidence;
    let others = evidence.parent + evidence.alias + evidence.named + evidence.link;
    let targets = edge.targets.iter();
    let targets: Vec<String> = targets
        .map(|target| format!("{}:{:?} {}", target.host, target.port, target.calls))
        .collect();
    format!(
        "{} {} {}: {} calls, {} attempts, {} failed, {} paired, {} by address, {others} else, {targets:?}",
        edge.caller,
        edge.relation.as_str(),
        edge.callee,
        edge.calls,
        edge.attempts,
        edge.failed,
        evidence.paired,
        evidence.address,
    )
}

fn wanted_lines(company: &str, calls: u64) -> [String; 3] {
    let line = |ends: [&str; 2], failed: u64, evidence: [u64; 2], target: &str| {
        let [caller, callee] = ends;
        let [paired, address] = evidence;
        format!(
            "service/{company}/{caller} sync {callee}: {calls} calls, {calls} attempts, {failed} failed, \
             {paired} paired, {address} by address, 0 else, [\"{target} {calls}\"]"
        )
    };
    let service = |name: &str| format!("service/{company}/{name}");
    let host = |name: &str, port: u16| format!("{name}.{company}:Some({port})");
    let database = format!("database/postgresql@db.{company}:5432");
    let (cart, stock) = (service("cart"), service("stock"));
    let failed = calls.div_ceil(FAILURE_EVERY);
    [
        line(["cart", &stock], failed, [calls, 0], &host("stock", 8080)),
        line(["stock", &database], 0, [0, calls], &host("db", 5432)),
        line(["web", &cart], 0, [calls, 0], &host("cart", 8080)),
    ]
}

/// Asserts that the graph is that of these companies with so many calls each, and nothing else.
#[track_caller]
pub(super) fn expect_graph(graph: &GraphSnapshot, companies: &[String], calls: u64) {
    let mut edges: Vec<String> = graph.edges.iter().map(line).collect();
    let companies_edges = companies.iter().map(|company| wanted_lines(company, calls));
    let mut wanted: Vec<String> = companies_edges.flatten().collect();
    edges.sort();
    wanted.sort();
    assert_eq!(edges, wanted);
    let found = graph.nodes.iter();
    let found: BTreeMap<_, _> = found
        .map(|node| (node.id.clone(), node.entry_calls))
        .collect();
    let wanted = companies.iter().flat_map(|company| {
        let service = |name: &str| format!("service/{company}/{name}");
        [
            (service("web"), calls),
            (service("cart"), 0),
            (service("stock"), 0),
            (format!("database/postgresql@db.{company}:5432"), 0),
        ]
    });
    assert_eq!(found, wanted.collect());
    expect_diagnostics(graph, companies.len() as u64 * calls * SPANS_PER_CALL);
}

/// Asserts that every span was received once, used, and found its place.
#[track_caller]
pub(super) fn expect_diagnostics(graph: &GraphSnapshot, spans: u64) {
    let diagnostics = &graph.diagnostics;
    let counts = (diagnostics.spans, diagnostics.used, diagnostics.duplicates);
    assert_eq!(counts, (spans, spans, 0), "spans, used, duplicates");
    assert_eq!(diagnostics.rejected, BTreeMap::new());
    assert_eq!(diagnostics.dropped, BTreeMap::new());
    let faults = diagnostics
        .per_service
        .iter()
        .filter(|service| service.orphans + service.unresolved + service.without_server_half != 0);
    assert_eq!(faults.collect::<Vec<_>>().len(), 0, "{diagnostics:#?}");
}
