//! Export requests as OTLP/JSON, written after the specification and independently of the reader.

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value as OtlpValue;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use opentelemetry_proto::tonic::trace::v1::span::Event;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, Span as OtlpSpan};
use serde_json::{Value, json};

pub(crate) fn to_json(request: &ExportTraceServiceRequest) -> Value {
    let resource_spans: Vec<Value> = request.resource_spans.iter().map(of_resource).collect();
    json!({ "resourceSpans": resource_spans })
}

fn of_resource(resource_spans: &ResourceSpans) -> Value {
    let resource = resource_spans.resource.as_ref();
    let resource = resource.map(|r| json!({"attributes": of_attributes(&r.attributes)}));
    let scopes = resource_spans.scope_spans.iter().map(|scope| {
        let spans: Vec<Value> = scope.spans.iter().map(of_span).collect();
        json!({"scope": {"name": "http"}, "spans": spans})
    });
    json!({
        "resource": resource,
        "schemaUrl": resource_spans.schema_url,
        "scopeSpans": scopes.collect::<Vec<_>>(),
    })
}

fn of_span(span: &OtlpSpan) -> Value {
    let links = span.links.iter().map(|link| {
        json!({"traceId": hex(&link.trace_id), "spanId": hex(&link.span_id), "flags": link.flags})
    });
    let status = span.status.as_ref();
    json!({
        "traceId": hex(&span.trace_id),
        "spanId": hex(&span.span_id),
        "parentSpanId": hex(&span.parent_span_id),
        "traceState": span.trace_state,
        "name": span.name,
        "kind": span.kind,
        "startTimeUnixNano": span.start_time_unix_nano.to_string(),
        "endTimeUnixNano": span.end_time_unix_nano,
        "flags": span.flags,
        "attributes": of_attributes(&span.attributes),
        "events": span.events.iter().map(of_event).collect::<Vec<_>>(),
        "links": links.collect::<Vec<_>>(),
        "status": status.map(|status| json!({"code": status.code, "message": status.message})),
    })
}

fn of_event(event: &Event) -> Value {
    json!({"name": event.name, "timeUnixNano": "7", "attributes": of_attributes(&event.attributes)})
}

fn of_attributes(attributes: &[KeyValue]) -> Vec<Value> {
    let attributes = attributes.iter();
    attributes
        .map(|attribute| json!({"key": attribute.key, "value": of_value(attribute.value.as_ref())}))
        .collect()
}

fn of_value(value: Option<&AnyValue>) -> Value {
    match value.and_then(|value| value.value.as_ref()) {
        Some(OtlpValue::StringValue(text)) => json!({ "stringValue": text }),
        Some(OtlpValue::IntValue(number)) => json!({"intValue": number.to_string()}),
        Some(OtlpValue::DoubleValue(number)) => json!({ "doubleValue": number }),
        Some(OtlpValue::BoolValue(claim)) => json!({ "boolValue": claim }),
        Some(OtlpValue::BytesValue(_)) => json!({"bytesValue": "AAA="}),
        Some(OtlpValue::ArrayValue(list)) => {
            let items = list.values.iter().map(|item| of_value(Some(item)));
            json!({"arrayValue": {"values": items.collect::<Vec<_>>()}})
        }
        Some(_) => json!({"kvlistValue": {"values": []}}),
        None => Value::Null,
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
