//! Spans of one pod to the bytes of one export request.

use std::collections::BTreeMap;

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, InstrumentationScope, KeyValue};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::span::Link;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span, Status};
use prost::Message;
use tracemesh_generator::span::{Kind, Span as MadeSpan};
use tracemesh_generator::world::World;

use super::sdk::{self, Subject};

/// A request of this resource, and the number of attributes of its spans.
pub(crate) fn request(world: &World, resource: usize, batch: &[MadeSpan<'_>]) -> (Vec<u8>, u64) {
    let mut scopes: BTreeMap<Subject, Vec<Span>> = BTreeMap::new();
    let mut attributes = 0;
    for made in batch {
        let subject = Subject::of(made);
        let span = span(made, subject);
        attributes += span.attributes.len() as u64;
        scopes.entry(subject).or_default().push(span);
    }
    let own = &world.resources[resource].attributes;
    let own = own.iter().map(|(key, value)| text(key, value));
    let request = ExportTraceServiceRequest {
        resource_spans: vec![ResourceSpans {
            resource: Some(Resource {
                attributes: own.chain(sdk::of_process()).collect(),
                ..Resource::default()
            }),
            scope_spans: scopes.into_iter().map(scope_spans).collect(),
            schema_url: "https://opentelemetry.io/schemas/1.37.0".to_owned(),
        }],
    };
    (request.encode_to_vec(), attributes)
}

fn scope_spans((subject, spans): (Subject, Vec<Span>)) -> ScopeSpans {
    ScopeSpans {
        scope: Some(InstrumentationScope {
            name: subject.scope().to_owned(),
            version: "2.20.1-alpha".to_owned(),
            ..InstrumentationScope::default()
        }),
        spans,
        ..ScopeSpans::default()
    }
}

fn span(made: &MadeSpan<'_>, subject: Subject) -> Span {
    let attributes = made.attributes.iter().map(|(key, value)| typed(key, value));
    let links = made.links.iter().map(|(trace, id)| Link {
        trace_id: trace.to_be_bytes().to_vec(),
        span_id: id.to_be_bytes().to_vec(),
        ..Link::default()
    });
    let id_bytes = |id: u64| id.to_be_bytes().to_vec();
    Span {
        trace_id: made.trace.to_be_bytes().to_vec(),
        span_id: id_bytes(made.id),
        parent_span_id: made.parent.map_or_else(Vec::new, id_bytes),
        trace_state: made.trace_state.clone(),
        name: made.name.to_owned(),
        kind: kind(made.kind),
        start_time_unix_nano: made.start_us * 1_000,
        end_time_unix_nano: made.end_us * 1_000,
        attributes: attributes.chain(sdk::of_span(made, subject)).collect(),
        events: sdk::events(made, subject),
        links: links.collect(),
        status: made.is_error.then(|| Status {
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

pub(super) fn text(key: &str, value: &str) -> KeyValue {
    key_value(key, Value::StringValue(value.to_owned()))
}

pub(super) fn key_value(key: &str, value: Value) -> KeyValue {
    KeyValue {
        key: key.to_owned(),
        value: Some(AnyValue { value: Some(value) }),
        ..KeyValue::default()
    }
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
