//! Conformance scenarios through the binary: every row of `fixtures/scenarios` as real OTLP, in a file and over a
//! socket, read by `tracemesh graph`. The same rows go straight through the graph crate in its own tests, in every order of arrival;
//! here it is the way from bytes to the printed snapshot that counts.
//!
//! A process is started for each row and way of sending, so rows cannot touch each other. Group X, the largest, is sent
//! in one way only.

#[path = "../graph/tests/scenarios/compare.rs"]
mod compare;
#[path = "../graph/tests/scenarios/expected.rs"]
mod expected;
#[path = "../graph/tests/scenarios/found.rs"]
mod found;
#[path = "../graph/tests/scenarios/layout.rs"]
mod layout;
#[path = "../graph/tests/scenarios/notation.rs"]
mod notation;
#[path = "../graph/tests/scenarios/orders.rs"]
mod orders;

use std::io::Write as _;
use std::path::Path;
use std::process::Command;

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value as OtlpValue;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::span::{Link as OtlpLink, SpanKind as OtlpKind};
use opentelemetry_proto::tonic::trace::v1::status::StatusCode;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span as OtlpSpan, Status};
use prost::Message as _;
use tracemesh_graph::snapshot::GraphSnapshot;
use tracemesh_graph::span::SpanKind;

use crate::harness::BINARY;
use crate::harness::process::Collector;
use notation::{Row, Scalar, Span};

/// How the spans of a row are laid out in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sending {
    /// One request with all spans.
    InOneRequest,
    /// A request for each span, length-delimited.
    OneRequestPerSpan,
    /// A request for each span, and then all of them again.
    EverythingTwice,
    /// A request for each span, in a file that is imported; the graph then comes from the store.
    Imported,
    /// A request for each span over OTLP/HTTP to a live collector; the graph then comes from its store.
    ToLiveCollector,
}

const ALL_WAYS: &[Sending] = &[
    Sending::InOneRequest,
    Sending::OneRequestPerSpan,
    Sending::EverythingTwice,
    Sending::Imported,
    Sending::ToLiveCollector,
];

#[test]
fn tree_logic_with_shared_ids_and_missing_halves() {
    run_group(
        "z.txt",
        include_str!("../fixtures/scenarios/z.txt"),
        ALL_WAYS,
    );
}

#[test]
fn hygiene_of_ids_and_trees() {
    run_group(
        "m.txt",
        include_str!("../fixtures/scenarios/m.txt"),
        ALL_WAYS,
    );
}

#[test]
fn pairs_virtual_peers_and_failures() {
    run_group(
        "o.txt",
        include_str!("../fixtures/scenarios/o.txt"),
        ALL_WAYS,
    );
}

#[test]
fn attributes_of_both_halves_databases_and_virtual_nodes() {
    run_group(
        "t.txt",
        include_str!("../fixtures/scenarios/t.txt"),
        ALL_WAYS,
    );
}

#[test]
fn kinds_unset_and_references() {
    run_group(
        "j.txt",
        include_str!("../fixtures/scenarios/j.txt"),
        ALL_WAYS,
    );
}

#[test]
fn field_cases() {
    let text = include_str!("../fixtures/scenarios/x.txt");
    run_group("x.txt", text, &[Sending::EverythingTwice]);
}

#[test]
fn proxies() {
    run_group(
        "p.txt",
        include_str!("../fixtures/scenarios/p.txt"),
        ALL_WAYS,
    );
}

#[test]
fn cited_rows_and_behaviour() {
    let ways = &[Sending::EverythingTwice];
    for (file, text) in [
        ("zx.txt", include_str!("../fixtures/scenarios/zx.txt")),
        ("tx.txt", include_str!("../fixtures/scenarios/tx.txt")),
        ("xx.txt", include_str!("../fixtures/scenarios/xx.txt")),
        ("b.txt", include_str!("../fixtures/scenarios/b.txt")),
    ] {
        run_group(file, text, ways);
    }
}

fn run_group(file: &str, text: &str, ways: &[Sending]) {
    let report = group_report(file, text, ways).unwrap_or_else(|fault| fault);
    assert!(report.is_empty(), "\n{report}");
}

/// All rows of a file that fail; empty when none does.
fn group_report(file: &str, text: &str, ways: &[Sending]) -> Result<String, String> {
    let rows = notation::parse_rows(file, text)?;
    let mut failures = Vec::new();
    for row in &rows {
        if let Err(report) = run_row(row, ways) {
            failures.push(format!("{}{report}", row.headline()));
        }
    }
    if !failures.is_empty() {
        let count = failures.len();
        failures.push(format!("{file}: {count} of {} rows failed", rows.len()));
    }
    Ok(failures.join("\n"))
}

/// The first way of sending the row that goes wrong.
fn run_row(row: &Row, ways: &[Sending]) -> Result<(), String> {
    let mut first_output: Option<String> = None;
    for sending in ways {
        let sent = |report: String| format!("    sent      {sending:?}\n{report}");
        let output = match sending {
            Sending::ToLiveCollector => live_graph_of(&row.spans),
            Sending::Imported => imported_graph_of(&file_bytes(&row.spans, *sending)),
            _ => graph_of(&file_bytes(&row.spans, *sending)),
        };
        let output = output.map_err(sent)?;
        let snapshot: GraphSnapshot = serde_json::from_str(&output)
            .map_err(|error| sent(format!("    DIFFERS   no snapshot: {error}\n")))?;
        compare::compare(row, &snapshot).map_err(sent)?;
        let duplicates = match sending {
            Sending::EverythingTwice => row.spans.len() as u64,
            _ => {
                let given = first_output.get_or_insert_with(|| output.clone());
                if *given != output {
                    return Err(sent(
                        "    DIFFERS   in bytes from another batching\n".to_owned(),
                    ));
                }
                0
            }
        };
        if *sending == Sending::OneRequestPerSpan {
            in_every_order(&row.spans, &output).map_err(sent)?;
        }
        let found = snapshot.diagnostics.duplicates;
        if found != duplicates {
            return Err(sent(format!(
                "    DIFFERS   {found} duplicates, not {duplicates}\n"
            )));
        }
    }
    Ok(())
}

/// Every order of arrival, or a hundred of them for larger rows, must print the same bytes.
fn in_every_order(spans: &[Span], expected: &str) -> Result<(), String> {
    for order in orders::orders(spans.len()) {
        let shuffled: Vec<Span> = order.iter().map(|index| spans[*index].clone()).collect();
        let output = graph_of(&file_bytes(&shuffled, Sending::OneRequestPerSpan))?;
        if output != expected {
            return Err(format!("    DIFFERS   in bytes in the order {order:?}\n"));
        }
    }
    Ok(())
}

/// What `tracemesh graph` prints for a trace file with these bytes.
fn graph_of(bytes: &[u8]) -> Result<String, String> {
    let fault = |what: String| format!("    DIFFERS   {what}\n");
    let mut file = tempfile::NamedTempFile::new().map_err(|error| fault(error.to_string()))?;
    file.write_all(bytes)
        .map_err(|error| fault(error.to_string()))?;
    printed_graph("--traces", file.path())
}

/// What it prints for a store into which these bytes were imported as a file.
fn imported_graph_of(bytes: &[u8]) -> Result<String, String> {
    let fault = |what: std::io::Error| format!("    DIFFERS   {what}\n");
    let place = tempfile::tempdir().map_err(fault)?;
    let (file, store) = (place.path().join("traces"), place.path().join("data"));
    std::fs::write(&file, bytes).map_err(fault)?;
    let mut import = Command::new(BINARY);
    import.arg("import").arg(&file).arg("--store").arg(&store);
    let output = import.output().map_err(fault)?;
    if !output.status.success() {
        let talk = String::from_utf8_lossy(&output.stderr);
        return Err(format!("    DIFFERS   import: {talk}\n"));
    }
    printed_graph("--store", &store)
}

/// What it prints for the store of a collector that received these spans one by one.
fn live_graph_of(spans: &[Span]) -> Result<String, String> {
    let fault = |what: std::io::Error| format!("    DIFFERS   {what}\n");
    let place = tempfile::tempdir().map_err(fault)?;
    let store = place.path().join("data");
    let collector = Collector::start(&store, &[]);
    for span in spans {
        let request = ExportTraceServiceRequest {
            resource_spans: vec![resource_spans(span)],
        };
        let status = collector.post(&request.encode_to_vec());
        if status != "HTTP/1.1 200 OK" {
            return Err(format!("    DIFFERS   {status}\n"));
        }
    }
    collector.terminate();
    printed_graph("--store", &store)
}

fn printed_graph(source: &str, path: &Path) -> Result<String, String> {
    let fault = |what: String| format!("    DIFFERS   {what}\n");
    let output = Command::new(BINARY)
        .args(["graph", "--format", "json", source])
        .arg(path)
        .output()
        .map_err(|error| fault(error.to_string()))?;
    if !output.status.success() {
        let talk = String::from_utf8_lossy(&output.stderr);
        return Err(fault(format!("{}: {}", output.status, talk.trim())));
    }
    String::from_utf8(output.stdout).map_err(|error| fault(error.to_string()))
}

fn file_bytes(spans: &[Span], sending: Sending) -> Vec<u8> {
    let mut resource_spans: Vec<ResourceSpans> = spans.iter().map(resource_spans).collect();
    if sending == Sending::InOneRequest {
        return ExportTraceServiceRequest { resource_spans }.encode_to_vec();
    }
    if sending == Sending::EverythingTwice {
        resource_spans.extend_from_within(..);
    }
    let requests = resource_spans.into_iter().flat_map(|resource_spans| {
        let resource_spans = vec![resource_spans];
        ExportTraceServiceRequest { resource_spans }.encode_length_delimited_to_vec()
    });
    requests.collect()
}

fn resource_spans(span: &Span) -> ResourceSpans {
    let parent_span_id = span.parent_id.map(|id| id.0.to_vec());
    let code = if span.is_error {
        StatusCode::Error
    } else {
        StatusCode::Unset
    };
    let links = span.links.iter().map(|link| OtlpLink {
        trace_id: link.trace_id.0.to_vec(),
        span_id: link.span_id.0.to_vec(),
        ..OtlpLink::default()
    });
    let otlp_span = OtlpSpan {
        trace_id: span.trace_id.0.to_vec(),
        span_id: span.span_id.0.to_vec(),
        parent_span_id: parent_span_id.unwrap_or_default(),
        name: span.name.clone(),
        trace_state: span.trace_state.clone(),
        kind: otlp_kind(span.kind).into(),
        start_time_unix_nano: span.start_ns,
        end_time_unix_nano: span.end_ns,
        attributes: key_values(&span.attributes),
        links: links.collect(),
        status: Some(Status {
            message: String::new(),
            code: code.into(),
        }),
        ..OtlpSpan::default()
    };
    ResourceSpans {
        resource: Some(Resource {
            attributes: key_values(&span.resource),
            ..Resource::default()
        }),
        scope_spans: vec![ScopeSpans {
            spans: vec![otlp_span],
            ..ScopeSpans::default()
        }],
        ..ResourceSpans::default()
    }
}

fn otlp_kind(kind: SpanKind) -> OtlpKind {
    match kind {
        SpanKind::Unspecified => OtlpKind::Unspecified,
        SpanKind::Internal => OtlpKind::Internal,
        SpanKind::Server => OtlpKind::Server,
        SpanKind::Client => OtlpKind::Client,
        SpanKind::Producer => OtlpKind::Producer,
        SpanKind::Consumer => OtlpKind::Consumer,
    }
}

fn key_values(attributes: &[(String, Scalar)]) -> Vec<KeyValue> {
    let pairs = attributes.iter().map(|(key, value)| {
        let value = match value {
            Scalar::Int(number) => OtlpValue::IntValue(*number),
            Scalar::Text(text) => OtlpValue::StringValue(text.clone()),
        };
        KeyValue {
            key: key.clone(),
            value: Some(AnyValue { value: Some(value) }),
            ..KeyValue::default()
        }
    });
    pairs.collect()
}
