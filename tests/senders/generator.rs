//! The real `telemetrygen`: over both protocols, and as the load of `bench/soak`.

use std::process::Command;

use super::company::{eventually, expect_diagnostics, expect_received, graph_of};
use super::tools::telemetrygen;
use crate::harness::process::Collector;
use crate::harness::{BINARY, root};

/// Its traces are a client and a server span of one service.
#[test]
fn telemetrygen_gives_its_calls_over_grpc_and_http() {
    let Some(binary) = telemetrygen() else { return };
    let place = tempfile::tempdir().expect("a temporary directory");
    let store = place.path().join("data");
    let collector = Collector::start(&store, &[]);
    for (service, address, over_http) in [
        ("over-grpc", &collector.grpc, "--otlp-http=false"),
        ("over-http", &collector.http, "--otlp-http"),
    ] {
        let ended = Command::new(binary)
            .args(["traces", "--otlp-insecure", "--otlp-endpoint", address])
            .args(["--workers", "2", "--traces", "70", "--rate", "0", over_http])
            .args(["--service", service])
            .output()
            .expect("the binary was run before");
        let said = String::from_utf8_lossy(&ended.stderr);
        assert!(ended.status.success(), "{said}");
    }
    let counters = eventually(&collector, |counters| counters.accepted_spans() >= 560);
    expect_received(&counters, 560);
    let said = collector.terminate();
    assert!(said.contains("0 requests refused, 0 turned away"), "{said}");
    let graph = graph_of(&store);
    expect_diagnostics(&graph, 560);
    let edges = graph.edges.iter();
    let edges: Vec<_> = edges
        .map(|edge| {
            let ends = (edge.caller.as_str(), edge.callee.as_str());
            (ends, edge.calls, edge.attempts, edge.evidence.paired)
        })
        .collect();
    let (grpc, http) = ("service/over-grpc", "service/over-http");
    assert_eq!(
        edges,
        [((grpc, grpc), 140, 140, 140), ((http, http), 140, 140, 140)]
    );
}

/// The script that loads a collector for ten minutes, for five seconds.
#[test]
fn the_soak_accounts_for_every_span() {
    let Some(generator) = telemetrygen() else {
        return;
    };
    let run = Command::new("python3")
        .arg(root().join("bench/soak"))
        .args(["--seconds", "5", "--sample", "1", "--rate", "400"])
        .args(["--tracemesh", BINARY, "--telemetrygen"])
        .arg(generator)
        .output()
        .expect("Python runs");
    let said = String::from_utf8_lossy(&run.stdout);
    let complaints = String::from_utf8_lossy(&run.stderr);
    assert!(run.status.success(), "{said}\n{complaints}");
    let checks = said.lines().filter(|line| line.starts_with("ok "));
    assert_eq!(checks.count(), 9, "{said}");
    assert!(said.contains("unknown  memory is flat"), "{said}");
}
