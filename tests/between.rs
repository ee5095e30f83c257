//! The recorded shop with the real OpenTelemetry Collector between the services and `tracemesh collect`: batched and
//! compressed anew, split over two instances, and sampled by whole traces.
//!
//! The Collector's load-balancing exporter is in no package registry that this project uses. Its routing key, the trace
//! id, is what matters here: two pipelines with the filter processor split the traces by it.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use tempfile::TempDir;
use tracemesh_graph::snapshot::{Edge, GraphSnapshot, Relation};

use crate::harness::otelcol::{Otelcol, otelcol};
use crate::harness::process::{Collector, post};
use crate::harness::recording::{Request, requests};
use crate::harness::{root, tracemesh_in};
use crate::shop::compare::{MIXED, edges, faults};
use crate::shop::truth::Truth;

/// Exporters of this name and address each, and the switches that keep the Collector quiet.
fn exporters(names_and_addresses: &[(&str, &str)]) -> String {
    let one = |(name, address): &(&str, &str)| {
        format!(
            "  otlp_grpc/{name}:\n    endpoint: {address}\n    compression: gzip\n    tls:\n      insecure: true\n"
        )
    };
    let all: String = names_and_addresses.iter().map(one).collect();
    format!(
        "exporters:\n{all}service:\n  telemetry:\n    metrics:\n      level: none\n  pipelines:\n"
    )
}

fn pipeline(name: &str, processors: &str) -> String {
    format!(
        "    traces/{name}:\n      receivers: [otlp]\n      processors: [{processors}]\n      \
         exporters: [otlp_grpc/{name}]\n"
    )
}

/// Sends every request, lets the Collector hand on what it holds, and ends it.
fn send_all(requests: &[Request], otelcol: Otelcol) {
    for request in requests {
        let (media_type, body) = request.body();
        let status = post(&otelcol.http, media_type, &body);
        assert!(status.ends_with("200 OK"), "{status}");
    }
    otelcol.terminate();
}

fn shop() -> Vec<Request> {
    requests(&root().join("fixtures/shop"))
}

fn truth() -> Truth {
    Truth::of(&root().join("fixtures/shop"))
}

fn spans(requests: &[Request]) -> u64 {
    let spans = requests.iter().map(|request| request.outcomes().len());
    u64::try_from(spans.sum::<usize>()).expect("a count of spans")
}

fn store_of(place: &TempDir) -> std::path::PathBuf {
    place.path().join("data")
}

fn graph_of(place: &TempDir, source: &str, path: &Path) -> GraphSnapshot {
    let path = path.display().to_string();
    let arguments = ["graph", source, &path, "--format", "json"];
    let run = tracemesh_in(place.path(), &arguments, b"").expect_code(0);
    serde_json::from_str(&run.stdout).expect("the graph is a snapshot")
}

#[track_caller]
fn expect_the_truth(graph: &GraphSnapshot, requests: &[Request]) {
    let faults = faults(&truth(), graph, MIXED);
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    let diagnostics = &graph.diagnostics;
    assert_eq!(diagnostics.spans, spans(requests), "nothing was lost");
    assert_eq!(diagnostics.used, diagnostics.spans);
}

#[test]
fn batched_and_compressed_by_a_collector_in_between_the_shop_is_still_exact() {
    let Some(binary) = otelcol() else { return };
    let (place, requests) = (tempfile::tempdir().expect("a directory"), shop());
    let collector = Collector::start(&store_of(&place), &[]);
    let processors = "processors:\n  batch:\n    timeout: 200ms\n    send_batch_size: 700\n";
    let config = [
        processors,
        &exporters(&[("one", &collector.grpc)]),
        &pipeline("one", "batch"),
    ];
    send_all(
        &requests,
        Otelcol::start(binary, place.path(), &config.concat()),
    );
    collector.terminate();
    expect_the_truth(&graph_of(&place, "--store", &store_of(&place)), &requests);
}

/// Traces split by id over two instances. What links the traces to one another, such as a consumer that only links to
/// its producer, is then in two stores' worth of segments and joined by the reader.
#[test]
fn split_by_trace_id_over_two_instances_with_one_store_the_shop_is_still_exact() {
    let Some(binary) = otelcol() else { return };
    let (place, requests) = (tempfile::tempdir().expect("a directory"), shop());
    let instances =
        ["one", "two"].map(|name| Collector::start(&store_of(&place), &["--instance", name]));
    let filter = |name: &str, dropped: &str| {
        format!(
            "  filter/{name}:\n    error_mode: propagate\n    traces:\n      span:\n        \
             - IsMatch(trace_id.string, \"^[{dropped}]\")\n"
        )
    };
    let config = [
        "processors:\n  batch:\n    timeout: 200ms\n",
        &filter("one", "89abcdef"),
        &filter("two", "01234567"),
        &exporters(&[("one", &instances[0].grpc), ("two", &instances[1].grpc)]),
        &pipeline("one", "filter/one, batch"),
        &pipeline("two", "filter/two, batch"),
    ];
    send_all(
        &requests,
        Otelcol::start(binary, place.path(), &config.concat()),
    );
    for instance in instances {
        let said = instance.terminate();
        assert!(!said.contains("received 0 spans"), "{said}");
    }
    expect_the_truth(&graph_of(&place, "--store", &store_of(&place)), &requests);
}

/// Calls of an edge as the sampled traces show them.
fn counts(edge: &Edge) -> (u64, u64, u64, u64, u64) {
    let paired = edge.evidence.paired;
    (
        edge.calls,
        edge.attempts,
        edge.failed,
        edge.failed_attempts,
        paired,
    )
}

/// The traces that a tail sampler keeps which keeps every trace with an error.
fn with_errors(requests: &[Request]) -> BTreeSet<String> {
    let spans = requests.iter().flat_map(Request::outcomes);
    let failed = spans.filter(|(_, has_failed)| *has_failed);
    failed.map(|(trace, _)| trace).collect()
}

#[test]
fn sampled_by_error_every_call_left_is_exact_and_none_is_invented() {
    let Some(binary) = otelcol() else { return };
    let (place, requests) = (tempfile::tempdir().expect("a directory"), shop());
    let collector = Collector::start(&store_of(&place), &[]);
    let sampling = "processors:\n  batch:\n    timeout: 200ms\n  tail_sampling:\n    \
                    decision_wait: 30s\n    policies:\n      - name: errors\n        \
                    type: status_code\n        status_code:\n          status_codes: [ERROR]\n";
    let config = [
        sampling,
        &exporters(&[("one", &collector.grpc)]),
        &pipeline("one", "tail_sampling, batch"),
    ];
    send_all(
        &requests,
        Otelcol::start(binary, place.path(), &config.concat()),
    );
    collector.terminate();
    let sampled = graph_of(&place, "--store", &store_of(&place));

    let kept = with_errors(&requests);
    let kept: Vec<Request> = requests.iter().map(|r| r.of_traces(&kept)).collect();
    assert!(0 < spans(&kept) && spans(&kept) < spans(&requests) / 2);
    assert_eq!(sampled.diagnostics.spans, spans(&kept));
    assert_eq!(sampled.diagnostics.used, spans(&kept));

    let offline = place.path().join("kept");
    write(&kept, &offline);
    let wanted = graph_of(&place, "--traces", &offline);
    let (found, wanted) = (edges(&sampled), edges(&wanted));
    let show = |found: &crate::shop::compare::EdgeMap<'_>| -> Vec<String> {
        let edges = found.iter();
        edges
            .map(|(key, edge)| format!("{key:?} {:?}", counts(edge)))
            .collect()
    };
    assert_eq!(show(&found), show(&wanted));
    expect_part_of_the_truth(&sampled);
}

/// The kept requests as files, one per request: JSON and protobuf do not share one.
fn write(requests: &[Request], directory: &Path) {
    fs::create_dir(directory).expect("a writable directory");
    for (number, request) in requests.iter().enumerate() {
        let (_, body) = request.body();
        fs::write(directory.join(format!("{number:04}")), body).expect("a writable file");
    }
}

/// Between services every edge is one that the services made, paired throughout, and with no more calls than were made.
fn expect_part_of_the_truth(graph: &GraphSnapshot) {
    let truth = truth();
    let mut compared = 0;
    for edge in &graph.edges {
        let is_service = |id: &str| id.starts_with("service/");
        if edge.relation != Relation::Sync || !is_service(&edge.callee) {
            continue;
        }
        let made = truth.edges.iter().find(|made| {
            made.relation() == Relation::Sync
                && format!("service/{}", made.caller) == edge.caller
                && made.callee_id() == edge.callee
        });
        let made = made.expect("no edge is invented");
        assert_eq!(edge.evidence.paired, edge.calls, "{}", made.callee);
        assert!(edge.calls <= made.attempts, "{}", made.callee);
        compared += 1;
    }
    assert!(compared > 5, "only {compared} edges were kept");
}
