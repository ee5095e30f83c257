//! The real OpenTelemetry Collector between an SDK and the receiver: its two exporters, with each compression that they
//! have.

use std::path::Path;
use std::time::Duration;

use super::company::{
    Counters, SPANS_PER_CALL, arguments, eventually, expect_graph, expect_received, graph_of,
};
use super::tools::{Sdk, expect_success};
use crate::harness::otelcol::{Otelcol, otelcol};
use crate::harness::process::Collector;

const CALLS: u64 = 50;

/// An exporter of the Collector: its type, compression and encoding.
type Exporter = (&'static str, &'static str, &'static str);

const GRPC: &str = "otlp_grpc";
const HTTP: &str = "otlp_http";

const TAKEN: [Exporter; 10] = [
    (GRPC, "none", "proto"),
    (GRPC, "gzip", "proto"),
    (GRPC, "zstd", "proto"),
    (HTTP, "none", "proto"),
    (HTTP, "gzip", "proto"),
    (HTTP, "zstd", "proto"),
    (HTTP, "deflate", "proto"),
    (HTTP, "zlib", "proto"),
    (HTTP, "gzip", "json"),
    (HTTP, "zstd", "json"),
];

const REFUSED: [Exporter; 4] = [
    (GRPC, "snappy", "proto"),
    (HTTP, "snappy", "proto"),
    (HTTP, "x-snappy-framed", "proto"),
    (HTTP, "lz4", "proto"),
];

/// Without its sampling of logs every request that it gives up is a line.
const SERVICE: &str = "service:\n  telemetry:\n    metrics:\n      level: none\n    logs:\n      sampling:\n        enabled: false\n  pipelines:\n";

fn name((kind, compression, encoding): Exporter) -> String {
    format!("{kind}-{compression}-{encoding}").replace('_', "-")
}

/// One pipeline for each exporter, which hands on the company of its name.
fn config(exporters: &[Exporter], collector: &Collector) -> String {
    let mut sections = [
        "processors:\n".to_owned(),
        "exporters:\n".to_owned(),
        SERVICE.to_owned(),
    ];
    for &exporter in exporters {
        let (kind, compression, encoding) = exporter;
        let name = name(exporter);
        let way = if kind == GRPC {
            format!(
                "endpoint: {}\n    tls:\n      insecure: true",
                collector.grpc
            )
        } else {
            format!(
                "endpoint: http://{}\n    encoding: {encoding}",
                collector.http
            )
        };
        let is_other = format!("resource.attributes[\"service.namespace\"] != \"{name}\"");
        sections[0] += &format!(
            "  filter/{name}:\n    error_mode: propagate\n    traces:\n      span:\n        - {is_other}\n"
        );
        sections[1] += &format!("  {kind}/{name}:\n    compression: {compression}\n    {way}\n");
        sections[2] += &format!(
            "    traces/{name}:\n      receivers: [otlp]\n      processors: [filter/{name}]\n      \
             exporters: [{kind}/{name}]\n"
        );
    }
    sections.concat()
}

/// Sends one company for each exporter through a Collector, until that has nothing left; the errors that it logged.
fn send(
    binary: &Path,
    place: &Path,
    exporters: &[Exporter],
    collector: &Collector,
) -> Option<Vec<String>> {
    let otelcol = Otelcol::start(binary, place, &config(exporters, collector));
    let companies = exporters.iter();
    let companies: Vec<_> = companies
        .map(|exporter| (name(*exporter), "http/protobuf", "gzip"))
        .collect();
    let endpoint = |_: &str| otelcol.http.clone();
    let sender = Sdk::Go.start(&arguments(CALLS, Duration::ZERO, &companies, endpoint))?;
    expect_success(sender);
    Some(otelcol.terminate_with_errors())
}

#[test]
fn every_compression_of_the_collectors_exporters_gives_the_exact_graph() {
    let Some(binary) = otelcol() else { return };
    let place = tempfile::tempdir().expect("a temporary directory");
    let store = place.path().join("data");
    let collector = Collector::start(&store, &[]);
    let Some(errors) = send(binary, place.path(), &TAKEN, &collector) else {
        return;
    };
    assert_eq!(errors, Vec::<String>::new());
    let names = TAKEN.map(name);
    let spans = names.len() as u64 * CALLS * SPANS_PER_CALL;
    let counters = eventually(&collector, |counters| counters.accepted_spans() >= spans);
    expect_received(&counters, spans);
    let said = collector.terminate();
    assert!(said.contains("0 requests refused, 0 turned away"), "{said}");
    expect_graph(&graph_of(&store), &names, CALLS);
}

/// They are told for good and by name what to send instead, and do not come back.
#[test]
fn compressions_that_are_not_spoken_are_refused_in_words_that_reach_the_collectors_log() {
    let Some(binary) = otelcol() else { return };
    let place = tempfile::tempdir().expect("a temporary directory");
    let collector = Collector::start(&place.path().join("data"), &[]);
    let Some(errors) = send(binary, place.path(), &REFUSED, &collector) else {
        return;
    };
    let dropped = errors.iter().filter_map(|line| {
        let (_, dropped) = line.split_once("\"dropped_items\": ")?;
        dropped.trim_end_matches('}').parse::<u64>().ok()
    });
    let dropped: Vec<u64> = dropped.collect();
    let counters = Counters::of(&collector);
    assert_eq!(counters.accepted_spans(), 0);
    let refused = counters.not_taken("unsupported");
    assert_eq!(dropped.len() as u64, refused, "{errors:#?}");
    let spans = REFUSED.len() as u64 * CALLS * SPANS_PER_CALL;
    assert_eq!(dropped.iter().sum::<u64>(), spans);
    for exporter in REFUSED {
        let (what, named) = match exporter {
            (GRPC, ..) => ("grpc-encoding", name(exporter)),
            _ => ("content encoding", name(exporter)),
        };
        let words = format!("unsupported {what}; send `gzip`, `deflate`, `zstd` or none");
        let is_told = |line: &&String| line.contains(&words) && line.contains(&named);
        assert!(errors.iter().any(|line| is_told(&line)), "{errors:#?}");
    }
    collector.terminate();
}
