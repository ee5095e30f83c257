//! A recorded shop as the export requests it was received in, to be sent again.

use std::collections::BTreeSet;
use std::fs;
use std::io::Read as _;
use std::path::Path;

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use prost::Message as _;
use serde_json::Value;

/// One export request, in the encoding of its sender.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Request {
    Protobuf(ExportTraceServiceRequest),
    Json(Value),
}

impl Request {
    /// Media type and body, as they go over HTTP.
    pub(crate) fn body(&self) -> (&'static str, Vec<u8>) {
        match self {
            Self::Protobuf(request) => ("application/x-protobuf", request.encode_to_vec()),
            Self::Json(request) => ("application/json", request.to_string().into_bytes()),
        }
    }

    /// Trace id in hexadecimal, and whether the status is an error, of each span.
    pub(crate) fn outcomes(&self) -> Vec<(String, bool)> {
        match self {
            Self::Protobuf(request) => protobuf_spans(request).map(outcome).collect(),
            Self::Json(request) => json_spans(request).map(json_outcome).collect(),
        }
    }

    /// The request with the spans of these traces only.
    pub(crate) fn of_traces(&self, traces: &BTreeSet<String>) -> Self {
        let mut kept = self.clone();
        match &mut kept {
            Self::Protobuf(request) => {
                for resource in &mut request.resource_spans {
                    for scope in &mut resource.scope_spans {
                        scope.spans.retain(|span| traces.contains(&outcome(span).0));
                    }
                }
            }
            Self::Json(request) => {
                for resource in items_mut(request, "resourceSpans") {
                    for scope in items_mut(resource, "scopeSpans") {
                        items_mut(scope, "spans")
                            .retain(|span| traces.contains(&json_outcome(span).0));
                    }
                }
            }
        }
        kept
    }

    /// The request in two, span by span in turn; `turn` goes on from request to request.
    pub(crate) fn in_turn(&self, turn: &mut usize) -> [Self; 2] {
        let first = *turn;
        [0, 1].map(|part| {
            let mut number = first;
            let mut kept = self.clone();
            let mut is_mine = || {
                number += 1;
                *turn = number;
                number % 2 == part
            };
            match &mut kept {
                Self::Protobuf(request) => {
                    for resource in &mut request.resource_spans {
                        for scope in &mut resource.scope_spans {
                            scope.spans.retain(|_| is_mine());
                        }
                    }
                }
                Self::Json(request) => {
                    for resource in items_mut(request, "resourceSpans") {
                        for scope in items_mut(resource, "scopeSpans") {
                            items_mut(scope, "spans").retain(|_| is_mine());
                        }
                    }
                }
            }
            kept
        })
    }
}

type OtlpSpan = opentelemetry_proto::tonic::trace::v1::Span;

const ERROR: i32 = 2;

fn protobuf_spans(request: &ExportTraceServiceRequest) -> impl Iterator<Item = &OtlpSpan> {
    let resources = request.resource_spans.iter();
    let scopes = resources.flat_map(|resource| &resource.scope_spans);
    scopes.flat_map(|scope| &scope.spans)
}

fn outcome(span: &OtlpSpan) -> (String, bool) {
    let hex = span.trace_id.iter().map(|byte| format!("{byte:02x}"));
    let code = span.status.as_ref().map(|status| status.code);
    (hex.collect(), code == Some(ERROR))
}

fn items<'a>(object: &'a Value, key: &str) -> impl Iterator<Item = &'a Value> {
    object[key].as_array().into_iter().flatten()
}

fn items_mut<'a>(object: &'a mut Value, key: &str) -> &'a mut Vec<Value> {
    object[key]
        .as_array_mut()
        .expect("the recording has no empty resource or scope")
}

fn json_spans(request: &Value) -> impl Iterator<Item = &Value> {
    let resources = items(request, "resourceSpans");
    let scopes = resources.flat_map(|resource| items(resource, "scopeSpans"));
    scopes.flat_map(|scope| items(scope, "spans"))
}

fn json_outcome(span: &Value) -> (String, bool) {
    let trace = span["traceId"].as_str().expect("a span has a trace id");
    let code = span["status"]["code"].as_i64();
    (trace.to_ascii_lowercase(), code == Some(i64::from(ERROR)))
}

/// All requests of a recording, in the order in which its files hold them, and the files taking turns: halves of a call
/// are about as far apart as they were when they were recorded.
pub(crate) fn requests(recording: &Path) -> Vec<Request> {
    let file = |name: &str| fs::read(recording.join(name)).expect("a file of the recording");
    let files = [
        varint_delimited(&zstd::decode_all(&*file("python.pb.zst")).expect("zstd")),
        length_delimited(&gunzip(&file("go.pb4.gz"))),
        json_lines(&zstd::decode_all(&*file("java.jsonl.zst")).expect("zstd")),
        json_lines(&gunzip(&file("node.jsonl.gz"))),
        vec![protobuf(&file("reconciler.pb"))],
    ];
    let longest = files.iter().map(Vec::len).max().unwrap_or_default();
    let mut placed: Vec<(usize, usize, Request)> = Vec::new();
    for (number, file) in files.into_iter().enumerate() {
        let count = file.len();
        let place = |position: usize| (2 * position + 1) * longest / (2 * count);
        let requests = file.into_iter().enumerate();
        placed.extend(requests.map(|(position, request)| (place(position), number, request)));
    }
    placed.sort_by_key(|(place, number, _)| (*place, *number));
    placed.into_iter().map(|(_, _, request)| request).collect()
}

fn protobuf(bytes: &[u8]) -> Request {
    Request::Protobuf(ExportTraceServiceRequest::decode(bytes).expect("an export request"))
}

fn gunzip(bytes: &[u8]) -> Vec<u8> {
    let mut plain = Vec::new();
    let read = flate2::read::GzDecoder::new(bytes).read_to_end(&mut plain);
    read.expect("gzip");
    plain
}

fn varint_delimited(mut bytes: &[u8]) -> Vec<Request> {
    let mut requests = Vec::new();
    while !bytes.is_empty() {
        let request = ExportTraceServiceRequest::decode_length_delimited(&mut bytes);
        requests.push(Request::Protobuf(request.expect("an export request")));
    }
    requests
}

fn length_delimited(mut bytes: &[u8]) -> Vec<Request> {
    let mut requests = Vec::new();
    while let Some((length, rest)) = bytes.split_first_chunk::<4>() {
        let length = usize::try_from(u32::from_be_bytes(*length)).expect("a length");
        let (request, rest) = rest.split_at(length);
        requests.push(protobuf(request));
        bytes = rest;
    }
    requests
}

fn json_lines(bytes: &[u8]) -> Vec<Request> {
    let text = std::str::from_utf8(bytes).expect("JSON is UTF-8");
    let parsed = text.lines().map(serde_json::from_str);
    parsed
        .map(|line| Request::Json(line.expect("a line of JSON")))
        .collect()
}
