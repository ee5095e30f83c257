//! A seeded corpus: the traffic of a made-up company as the OTLP requests of its exporters.
//!
//! Each pod exports at 512 spans or every 5 seconds, so the two sides of a call are in different requests. Beside what the
//! generator tells, spans carry the attributes that SDKs add and that no rule reads, so that a span has as many attributes
//! and bytes as real ones.

use std::collections::BTreeMap;

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, InstrumentationScope, KeyValue};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::span::Link;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span, Status};
use prost::Message;
use tracemesh_generator::export::Exporters;
use tracemesh_generator::span::{Kind, Span as MadeSpan};
use tracemesh_generator::traffic::Traffic;
use tracemesh_generator::world::{Options, World};

/// Spans of a request at most, the default of the SDKs' batch processors.
const BATCH: usize = 512;

/// Requests of exporters, in the order of their arrival.
#[derive(Debug)]
pub struct Corpus {
    /// Encoded `ExportTraceServiceRequest`s.
    pub requests: Vec<Vec<u8>>,
    /// Spans in all of them.
    pub spans: u64,
    /// Attributes of all spans.
    pub attributes: u64,
}

impl Corpus {
    /// The traffic of so many services, of at least so many spans.
    #[must_use]
    pub fn of(seed: u64, services: usize, spans: usize) -> Self {
        let world = World::new(&Options::plain(seed, services));
        let mut made = Vec::new();
        for request in Traffic::new(&world, seed, usize::MAX) {
            made.extend(request.spans);
            if made.len() >= spans {
                break;
            }
        }
        let exporters = Exporters {
            seed,
            late_permille: 0,
            late_ms: 0,
        };
        let mut batches: BTreeMap<(u64, usize), Vec<MadeSpan<'_>>> = BTreeMap::new();
        for (at_ms, span) in exporters.deliver(made) {
            batches
                .entry((at_ms, span.resource))
                .or_default()
                .push(span);
        }
        let mut corpus = Self {
            requests: Vec::new(),
            spans: 0,
            attributes: 0,
        };
        for ((_, resource), batch) in batches {
            for batch in batch.chunks(BATCH) {
                corpus.add(&world, resource, batch);
            }
        }
        corpus
    }

    /// Bytes of all requests.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.requests
            .iter()
            .map(|request| request.len() as u64)
            .sum()
    }

    fn add(&mut self, world: &World, resource: usize, batch: &[MadeSpan<'_>]) {
        let attributes = &world.resources[resource].attributes;
        let attributes = attributes.iter().map(|(key, value)| text(key, value));
        let spans: Vec<Span> = batch.iter().map(encoded).collect();
        self.spans += spans.len() as u64;
        self.attributes += spans
            .iter()
            .map(|span| span.attributes.len() as u64)
            .sum::<u64>();
        let request = ExportTraceServiceRequest {
            resource_spans: vec![ResourceSpans {
                resource: Some(Resource {
                    attributes: attributes.chain(sdk()).collect(),
                    ..Resource::default()
                }),
                scope_spans: vec![ScopeSpans {
                    scope: Some(InstrumentationScope {
                        name: "io.opentelemetry.netty-4.1".to_owned(),
                        version: "2.20.1-alpha".to_owned(),
                        ..InstrumentationScope::default()
                    }),
                    spans,
                    ..ScopeSpans::default()
                }],
                ..ResourceSpans::default()
            }],
        };
        self.requests.push(request.encode_to_vec());
    }
}

fn text(key: &str, value: &str) -> KeyValue {
    key_value(key, Value::StringValue(value.to_owned()))
}

fn key_value(key: &str, value: Value) -> KeyValue {
    KeyValue {
        key: key.to_owned(),
        value: Some(AnyValue { value: Some(value) }),
        ..KeyValue::default()
    }
}

/// What every SDK says of itself.
fn sdk() -> impl Iterator<Item = KeyValue> {
    [
        ("telemetry.sdk.language", "java"),
        ("telemetry.sdk.name", "opentelemetry"),
        ("telemetry.sdk.version", "1.55.0"),
        ("process.runtime.name", "OpenJDK Runtime Environment"),
        ("process.runtime.version", "21.0.5+11-LTS"),
        (
            "process.command_line",
            "/opt/java/openjdk/bin/java -javaagent:/otel/agent.jar -jar /app.jar",
        ),
    ]
    .into_iter()
    .map(|(key, value)| text(key, value))
}

fn encoded(span: &MadeSpan<'_>) -> Span {
    let attributes = span.attributes.iter().map(|(key, value)| typed(key, value));
    let links = span.links.iter().map(|(trace, id)| Link {
        trace_id: trace.to_be_bytes().to_vec(),
        span_id: id.to_be_bytes().to_vec(),
        ..Link::default()
    });
    Span {
        trace_id: span.trace.to_be_bytes().to_vec(),
        span_id: span.id.to_be_bytes().to_vec(),
        parent_span_id: span
            .parent
            .map_or_else(Vec::new, |id| id.to_be_bytes().to_vec()),
        trace_state: span.trace_state.clone(),
        name: span.name.to_owned(),
        kind: kind(span.kind),
        start_time_unix_nano: span.start_us * 1_000,
        end_time_unix_nano: span.end_us * 1_000,
        attributes: attributes.chain(unread(span)).collect(),
        links: links.collect(),
        status: span.is_error.then(|| Status {
            code: 2,
            ..Status::default()
        }),
        flags: 0x101,
        ..Span::default()
    }
}

/// SDKs send ports, statuses and counts as numbers.
fn typed(key: &str, value: &str) -> KeyValue {
    const NUMBERS: [&str; 5] = ["port", "status_code", "count", "number", "size"];
    let is_number = NUMBERS.iter().any(|end| key.ends_with(end));
    match value.parse().ok().filter(|_| is_number) {
        Some(number) => key_value(key, Value::IntValue(number)),
        None => text(key, value),
    }
}

/// Attributes that no rule reads.
fn unread(span: &MadeSpan<'_>) -> impl Iterator<Item = KeyValue> {
    let thread = i64::try_from(span.id % 200).unwrap_or_default();
    let all = [
        key_value("thread.id", Value::IntValue(thread)),
        text("thread.name", &format!("http-nio-8080-exec-{thread}")),
        text("network.protocol.version", "1.1"),
        text("user_agent.original", "okhttp/4.12.0"),
    ];
    let most = match span.kind {
        Kind::Server | Kind::Client => 4,
        _ => 2,
    };
    all.into_iter().take(most)
}

const fn kind(kind: Kind) -> i32 {
    match kind {
        Kind::Unspecified => 0,
        Kind::Internal => 1,
        Kind::Server => 2,
        Kind::Client => 3,
        Kind::Producer => 4,
        Kind::Consumer => 5,
    }
}
