//! `tracemesh collect` against real senders: from a socket to the graph that the store gives.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::time::Duration;

use opentelemetry_proto::tonic::trace::v1::ResourceSpans;
use tracemesh_graph::snapshot::GraphSnapshot;

use crate::harness::process::Collector;
use crate::harness::{call, python, request, root, tracemesh_in};

const SDK: &str = "1.45.2";

pub(crate) fn sdk_python() -> Option<&'static PathBuf> {
    static FOUND: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    let found = FOUND.get_or_init(|| {
        let packages = [
            &format!("opentelemetry-sdk=={SDK}") as &str,
            &format!("opentelemetry-exporter-otlp-proto-grpc=={SDK}"),
            &format!("opentelemetry-exporter-otlp-proto-http=={SDK}"),
        ];
        let module = "opentelemetry.exporter.otlp.proto.grpc.trace_exporter";
        python::environment("opentelemetry", &packages, |venv| {
            python::interpreter(venv, module)
        })
    });
    python::or_skip(found, "OpenTelemetry SDK for Python")
}

fn graph_of(store: &Path) -> GraphSnapshot {
    let place = store.parent().expect("the store lies in a directory");
    let store = store.display().to_string();
    let arguments = ["graph", "--store", &store, "--format", "json"];
    let run = tracemesh_in(place, &arguments, b"").expect_code(0);
    serde_json::from_str(&run.stdout).expect("the graph is a snapshot")
}

#[test]
fn spans_of_a_real_sdk_arrive_over_both_protocols_and_survive_sigterm() {
    let Some(python) = sdk_python() else { return };
    let place = tempfile::tempdir().expect("a temporary directory");
    let store = place.path().join("data");
    let collector = Collector::start(&store, &[]);
    let sent = Command::new(python)
        .arg(root().join("tests/collect/real_sdk.py"))
        .args([&collector.grpc, &collector.http, "25"])
        .output()
        .expect("Python runs");
    assert!(
        sent.status.success(),
        "{}",
        String::from_utf8_lossy(&sent.stderr)
    );
    let said = collector.terminate();
    assert!(said.contains("received 75 spans"), "{said}");
    let graph = graph_of(&store);
    let [edge] = graph.edges.as_slice() else {
        panic!("not one edge: {:#?}", graph.edges)
    };
    assert_eq!(edge.caller, "service/shop/web");
    assert_eq!(edge.callee, "service/shop/cart");
    assert_eq!((edge.calls, edge.failed, edge.evidence.paired), (25, 5, 25));
    assert_eq!(edge.targets[0].host, "cart.shop");
    let web = graph
        .node("service/shop/web")
        .expect("the caller is a node");
    assert_eq!(web.entry_calls, 25);
    assert_eq!(graph.diagnostics.spans, 75);
}

#[test]
fn a_store_grows_over_restarts_and_gives_one_graph() {
    let Some(python) = sdk_python() else { return };
    let place = tempfile::tempdir().expect("a temporary directory");
    let store = place.path().join("data");
    for _ in 0..2 {
        let collector = Collector::start(&store, &["--flush-interval", "200ms"]);
        let sent = Command::new(python)
            .arg(root().join("tests/collect/real_sdk.py"))
            .args([&collector.grpc, &collector.http, "10"])
            .status()
            .expect("Python runs");
        assert!(sent.success());
        collector.terminate();
    }
    let graph = graph_of(&store);
    let calls: Vec<u64> = graph.edges.iter().map(|edge| edge.calls).collect();
    assert_eq!(calls, [20]);
}

/// Asks the store until the graph is as wanted; the collector decides when it writes.
fn eventually(store: &Path, wanted: impl Fn(&GraphSnapshot) -> bool) -> GraphSnapshot {
    // A store without segments is refused.
    let segments = store.join("segments");
    let mut attempts = (0..ATTEMPTS).map(|_| {
        std::thread::sleep(Duration::from_millis(100));
        let is_written = std::fs::read_dir(&segments).is_ok_and(|mut all| all.next().is_some());
        is_written.then(|| graph_of(store)).filter(&wanted)
    });
    attempts
        .find_map(|graph| graph)
        .expect("the store tells in time")
}

/// Tenths of a second.
const ATTEMPTS: u32 = 600;

/// The server half comes long after its trace was inferred and written: the call moves from the address to the service, and
/// there is one at any time.
#[test]
fn a_late_half_moves_its_call_in_the_store() {
    let place = tempfile::tempdir().expect("a temporary directory");
    let store = place.path().join("data");
    let fast = ["--flush-interval", "200ms", "--trace-idle", "200ms"];
    let collector = Collector::start(&store, &fast);
    let [client, server]: [ResourceSpans; 2] = call(7, "web", "cart", "cart.shop")
        .try_into()
        .expect("a call has two halves");
    collector.post(&request(vec![client]));
    let before = eventually(&store, |graph| !graph.edges.is_empty());
    assert_eq!(before.edges[0].callee, "external/cart.shop");
    assert_eq!(before.edges[0].calls, 1);
    collector.post(&request(vec![server]));
    let after = eventually(&store, |graph| graph.edges[0].callee == "service/cart");
    assert_eq!(after.edges.len(), 1);
    assert_eq!(
        (after.edges[0].calls, after.edges[0].evidence.paired),
        (1, 1)
    );
    assert_eq!(after.diagnostics.spans, 3);
    // Killed, not stopped.
    drop(collector);
    assert_eq!(graph_of(&store).edges, after.edges);
}
