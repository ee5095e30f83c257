//! The spans of recorded export requests, whatever their encoding, for translators into other formats.

use std::fmt::Write as _;

use opentelemetry_proto::tonic::common::v1::any_value::Value as OtlpValue;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span as OtlpSpan};
use serde_json::Value;

use crate::harness::recording::Request;

/// Names and values.
pub(super) type Attributes = Vec<(String, Value)>;

/// One span with all that belongs to it; ids in hexadecimal, empty when there are none.
#[derive(Debug, Clone)]
pub(super) struct PlainSpan {
    pub(super) resource: Attributes,
    pub(super) scope: String,
    pub(super) trace_id: String,
    pub(super) span_id: String,
    pub(super) parent_id: String,
    pub(super) name: String,
    /// The number in OTLP.
    pub(super) kind: i64,
    pub(super) start_ns: u64,
    pub(super) end_ns: u64,
    pub(super) attributes: Attributes,
    /// Trace and span ids.
    pub(super) links: Vec<(String, String)>,
    /// The number in OTLP.
    pub(super) status: i64,
    pub(super) trace_state: String,
}

/// All spans, in the order of the requests.
pub(super) fn spans(requests: &[Request]) -> Vec<PlainSpan> {
    let mut spans = Vec::new();
    for request in requests {
        match request {
            Request::Protobuf(request) => {
                for resource in &request.resource_spans {
                    of_resource(resource, &mut spans);
                }
            }
            Request::Json(request) => of_json(request, &mut spans),
        }
    }
    spans
}

fn of_resource(resource: &ResourceSpans, spans: &mut Vec<PlainSpan>) {
    let own = resource.resource.as_ref();
    let own = own.map(|resource| attributes(&resource.attributes));
    let own = own.unwrap_or_default();
    for scope in &resource.scope_spans {
        let scoped = scope.spans.iter().map(|span| of_span(&own, scope, span));
        spans.extend(scoped);
    }
}

fn of_span(resource: &Attributes, scope: &ScopeSpans, span: &OtlpSpan) -> PlainSpan {
    let links = span.links.iter();
    PlainSpan {
        resource: resource.clone(),
        scope: scope
            .scope
            .as_ref()
            .map(|scope| scope.name.clone())
            .unwrap_or_default(),
        trace_id: hex(&span.trace_id),
        span_id: hex(&span.span_id),
        parent_id: hex(&span.parent_span_id),
        name: span.name.clone(),
        kind: span.kind.into(),
        start_ns: span.start_time_unix_nano,
        end_ns: span.end_time_unix_nano,
        attributes: attributes(&span.attributes),
        links: links
            .map(|link| (hex(&link.trace_id), hex(&link.span_id)))
            .collect(),
        status: span.status.as_ref().map_or(0, |status| status.code.into()),
        trace_state: span.trace_state.clone(),
    }
}

fn hex(bytes: &[u8]) -> String {
    let mut text = String::new();
    for byte in bytes {
        write!(text, "{byte:02x}").expect("text takes text");
    }
    text
}

fn attributes(attributes: &[KeyValue]) -> Attributes {
    let value = |attribute: &KeyValue| attribute.value.as_ref().map_or(Value::Null, of_value);
    let pair = |attribute: &KeyValue| (attribute.key.clone(), value(attribute));
    attributes.iter().map(pair).collect()
}

fn of_value(value: &AnyValue) -> Value {
    match &value.value {
        Some(OtlpValue::StringValue(text)) => text.as_str().into(),
        Some(OtlpValue::BoolValue(claim)) => (*claim).into(),
        Some(OtlpValue::IntValue(number)) => (*number).into(),
        Some(OtlpValue::DoubleValue(number)) => (*number).into(),
        Some(OtlpValue::ArrayValue(list)) => list.values.iter().map(of_value).collect(),
        _ => Value::Null,
    }
}

fn of_json(request: &Value, spans: &mut Vec<PlainSpan>) {
    for resource in items(request, "resourceSpans") {
        let own = json_attributes(&resource["resource"]);
        for scope in items(resource, "scopeSpans") {
            for span in items(scope, "spans") {
                spans.push(of_json_span(&own, &scope["scope"], span));
            }
        }
    }
}

fn of_json_span(resource: &Attributes, scope: &Value, span: &Value) -> PlainSpan {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let id = |value: &Value| text(value).to_ascii_lowercase();
    let links = items(span, "links");
    PlainSpan {
        resource: resource.clone(),
        scope: text(&scope["name"]),
        trace_id: id(&span["traceId"]),
        span_id: id(&span["spanId"]),
        parent_id: id(&span["parentSpanId"]),
        name: text(&span["name"]),
        kind: span["kind"].as_i64().unwrap_or_default(),
        start_ns: nanoseconds(&span["startTimeUnixNano"]),
        end_ns: nanoseconds(&span["endTimeUnixNano"]),
        attributes: json_attributes(span),
        links: links
            .map(|link| (id(&link["traceId"]), id(&link["spanId"])))
            .collect(),
        status: span["status"]["code"].as_i64().unwrap_or_default(),
        trace_state: text(&span["traceState"]),
    }
}

fn items<'a>(object: &'a Value, key: &str) -> impl Iterator<Item = &'a Value> {
    object[key].as_array().into_iter().flatten()
}

fn nanoseconds(value: &Value) -> u64 {
    let text = value.as_str().and_then(|text| text.parse().ok());
    text.or(value.as_u64()).expect("a time is a number")
}

fn json_attributes(object: &Value) -> Attributes {
    let pair = |attribute: &Value| {
        let key = attribute["key"].as_str().expect("an attribute has a key");
        (key.to_owned(), of_json_value(&attribute["value"]))
    };
    items(object, "attributes").map(pair).collect()
}

fn of_json_value(value: &Value) -> Value {
    let Some((kind, inner)) = value.as_object().and_then(|object| object.iter().next()) else {
        return Value::Null;
    };
    match (kind.as_str(), inner) {
        ("intValue", Value::String(text)) => text.parse::<i64>().map_or(Value::Null, Value::from),
        ("arrayValue", list) => items(list, "values").map(of_json_value).collect(),
        ("stringValue" | "boolValue" | "doubleValue" | "intValue", scalar) => scalar.clone(),
        _ => Value::Null,
    }
}
