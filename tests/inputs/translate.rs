//! Spans as exporters for Zipkin and Jaeger write them, by the tables of the OpenTelemetry specification.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::plain::{Attributes, PlainSpan};

const ERROR: i64 = 2;

fn kind(span: &PlainSpan) -> Option<&'static str> {
    match span.kind {
        2 => Some("SERVER"),
        3 => Some("CLIENT"),
        4 => Some("PRODUCER"),
        5 => Some("CONSUMER"),
        _ => None,
    }
}

fn status(span: &PlainSpan) -> Option<&'static str> {
    match span.status {
        1 => Some("OK"),
        ERROR => Some("ERROR"),
        _ => None,
    }
}

fn value_of<'a>(attributes: &'a Attributes, key: &str) -> Option<&'a Value> {
    let mut pairs = attributes.iter();
    pairs.find(|(name, _)| name == key).map(|(_, value)| value)
}

/// Text as it is, everything else as JSON.
fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

fn service(span: &PlainSpan) -> String {
    value_of(&span.resource, "service.name")
        .map(text)
        .unwrap_or_default()
}

/// Attributes that may name the other end, in the order of the specification.
const REMOTE: [&str; 9] = [
    "peer.service",
    "server.address",
    "net.peer.name",
    "network.peer.address",
    "server.socket.domain",
    "net.sock.peer.addr",
    "peer.hostname",
    "peer.address",
    "db.name",
];

/// A span of Zipkin's version 2. Links and trace state go where the Collector's exporter puts them.
pub(super) fn zipkin(span: &PlainSpan) -> Value {
    let mut tags = Map::new();
    for (key, value) in span.resource.iter().chain(&span.attributes) {
        if !value.is_null() {
            tags.insert(key.clone(), text(value).into());
        }
    }
    tags.insert("otel.scope.name".to_owned(), span.scope.as_str().into());
    for (number, (trace, id)) in span.links.iter().enumerate() {
        let link = format!("{trace}|{id}||{{}}|0");
        tags.insert(format!("otlp.link.{number}"), link.into());
    }
    if !span.trace_state.is_empty() {
        tags.insert(
            "w3c.tracestate".to_owned(),
            span.trace_state.as_str().into(),
        );
    }
    if let Some(code) = status(span) {
        tags.insert("otel.status_code".to_owned(), code.into());
    }
    if span.status == ERROR {
        tags.insert("error".to_owned(), "".into());
    }
    let mut zipkin = json!({
        "traceId": span.trace_id, "id": span.span_id, "name": span.name,
        "timestamp": span.start_ns / 1000, "duration": span.end_ns.saturating_sub(span.start_ns) / 1000,
        "localEndpoint": {"serviceName": service(span)}, "tags": tags});
    if !span.parent_id.is_empty() {
        zipkin["parentId"] = span.parent_id.as_str().into();
    }
    if let Some(kind) = kind(span) {
        zipkin["kind"] = kind.into();
    }
    if matches!(span.kind, 3 | 4)
        && let Some(remote) = remote(&span.attributes)
    {
        zipkin["remoteEndpoint"] = remote;
    }
    zipkin
}

fn remote(attributes: &Attributes) -> Option<Value> {
    let mut keys = REMOTE.iter();
    let (key, value) = keys.find_map(|key| Some((*key, text(value_of(attributes, key)?))))?;
    if !matches!(key, "network.peer.address" | "net.sock.peer.addr") {
        return Some(json!({"serviceName": value}));
    }
    let field = if value.contains(':') { "ipv6" } else { "ipv4" };
    let port = value_of(
        attributes,
        &key.replace("address", "port").replace("addr", "port"),
    );
    Some(json!({field: value, "port": port.cloned().unwrap_or(0.into())}))
}

/// Traces as Jaeger's query service answers, in the order of their ids.
pub(super) fn jaeger(spans: &[PlainSpan]) -> Value {
    let mut traces: BTreeMap<&str, Vec<&PlainSpan>> = BTreeMap::new();
    for span in spans {
        traces.entry(&span.trace_id).or_default().push(span);
    }
    let traces = traces.into_iter().map(|(id, spans)| {
        let mut processes: Vec<Value> = Vec::new();
        let spans: Vec<Value> = spans
            .into_iter()
            .map(|span| {
                let process = process(span);
                let known = processes.iter().position(|known| *known == process);
                let number = known.unwrap_or_else(|| {
                    processes.push(process);
                    processes.len() - 1
                });
                jaeger_span(span, &format!("p{}", number + 1))
            })
            .collect();
        let named = processes.into_iter().enumerate();
        let processes: Map<String, Value> = named
            .map(|(number, process)| (format!("p{}", number + 1), process))
            .collect();
        json!({"traceID": id, "spans": spans, "processes": processes, "warnings": null})
    });
    json!({"data": traces.collect::<Vec<_>>(), "total": 0, "limit": 0, "offset": 0, "errors": null})
}

fn process(span: &PlainSpan) -> Value {
    let tags = span
        .resource
        .iter()
        .filter(|(key, _)| key != "service.name");
    json!({"serviceName": service(span), "tags": tags.map(tag).collect::<Vec<_>>()})
}

fn tag((key, value): &(String, Value)) -> Value {
    let kind = match value {
        Value::Bool(_) => "bool",
        Value::Number(number) if number.is_f64() => "float64",
        Value::Number(_) => "int64",
        _ => "string",
    };
    let value = match value {
        Value::Array(_) => text(value).into(),
        other => other.clone(),
    };
    json!({"key": key, "type": kind, "value": value})
}

/// A document as Jaeger writes it into Elasticsearch: with its process, and with text alone.
pub(super) fn document(span: &PlainSpan) -> Value {
    let mut document = jaeger_span(span, "");
    let fields = document.as_object_mut().expect("a span is an object");
    fields.remove("processID");
    fields.insert("process".to_owned(), process(span));
    for tag in document["tags"].as_array_mut().into_iter().flatten() {
        tag["value"] = text(&tag["value"]).into();
    }
    document
}

fn jaeger_span(span: &PlainSpan, process: &str) -> Value {
    let mut tags: Vec<Value> = span.attributes.iter().map(tag).collect();
    let mut add = |key: &str, value: Value| tags.push(tag(&(key.to_owned(), value)));
    add("otel.scope.name", span.scope.as_str().into());
    if let Some(kind) = kind(span) {
        add("span.kind", kind.to_ascii_lowercase().into());
    }
    if let Some(code) = status(span) {
        add("otel.status_code", code.into());
    }
    if span.status == ERROR {
        add("error", true.into());
    }
    if !span.trace_state.is_empty() {
        add("w3c.tracestate", span.trace_state.as_str().into());
    }
    let reference = |kind: &str, trace: &str, id: &str| json!({"refType": kind, "traceID": trace, "spanID": id});
    let parent = (!span.parent_id.is_empty())
        .then(|| reference("CHILD_OF", &span.trace_id, &span.parent_id));
    let links = span.links.iter();
    let links = links.map(|(trace, id)| reference("FOLLOWS_FROM", trace, id));
    json!({
        "traceID": span.trace_id, "spanID": span.span_id, "operationName": span.name,
        "references": parent.into_iter().chain(links).collect::<Vec<_>>(),
        "startTime": span.start_ns / 1000, "duration": span.end_ns.saturating_sub(span.start_ns) / 1000,
        "tags": tags, "logs": [], "processID": process, "warnings": null})
}
