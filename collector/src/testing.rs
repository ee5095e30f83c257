//! Shared by the unit tests: a sink that remembers, sample requests, and prost as the oracle.

pub(crate) mod details;
pub(crate) mod json;
pub(crate) mod requests;
pub(crate) mod values;

use std::collections::BTreeMap;

use details::Details;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value as OtlpValue;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::{
    ResourceSpans, ScopeSpans, Span as OtlpSpan, Status, span,
};
use tracemesh_graph::attribute::{AttributeSet, Key, Value};
use tracemesh_graph::span::{Link, RejectReason, SpanId, SpanKind, SpanSink, SpanView, TraceId};

/// An attribute value that outlives its request; doubles by their bits.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Kept {
    Text(String),
    Int(i64),
    Double(u64),
    Bool(bool),
}

pub(crate) type KeptSet = BTreeMap<Key, Kept>;

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct KeptSpan {
    pub(crate) trace_id: TraceId,
    pub(crate) span_id: SpanId,
    pub(crate) parent_id: Option<SpanId>,
    pub(crate) kind: SpanKind,
    pub(crate) times: (u64, u64),
    pub(crate) is_error: bool,
    pub(crate) flags: u32,
    pub(crate) trace_state: String,
    pub(crate) name: String,
    pub(crate) attributes: KeptSet,
    pub(crate) details: Details,
    pub(crate) links: Vec<Link>,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Seen {
    Resource(KeptSet),
    Span(Box<KeptSpan>),
    Rejected(RejectReason),
}

/// Remembers every call.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Capture(pub(crate) Vec<Seen>);

impl Capture {
    pub(crate) fn spans(&self) -> Vec<&KeptSpan> {
        let spans = self.0.iter().filter_map(|seen| match seen {
            Seen::Span(span) => Some(span.as_ref()),
            _ => None,
        });
        spans.collect()
    }

    pub(crate) fn rejected(&self) -> Vec<RejectReason> {
        let reasons = self.0.iter().filter_map(|seen| match seen {
            Seen::Rejected(reason) => Some(*reason),
            _ => None,
        });
        reasons.collect()
    }
}

fn keep(attributes: &AttributeSet<'_>) -> KeptSet {
    let values = Key::ALL.iter().filter_map(|key| {
        let value = match attributes.get(*key)? {
            Value::Text(text) => Kept::Text(text.to_owned()),
            Value::Int(number) => Kept::Int(number),
            Value::Double(number) => Kept::Double(number.to_bits()),
            Value::Bool(claim) => Kept::Bool(claim),
        };
        Some((*key, value))
    });
    values.collect()
}

impl SpanSink for Capture {
    fn resource(&mut self, attributes: &AttributeSet<'_>) {
        self.0.push(Seen::Resource(keep(attributes)));
    }

    fn span(&mut self, span: &SpanView<'_>) {
        self.0.push(Seen::Span(Box::new(KeptSpan {
            trace_id: span.trace_id,
            span_id: span.span_id,
            parent_id: span.parent_id,
            kind: span.kind,
            times: (span.start_ns, span.end_ns),
            is_error: span.is_error,
            flags: span.flags,
            trace_state: span.trace_state.to_owned(),
            name: span.name.to_owned(),
            attributes: keep(span.attributes),
            details: Details::of_view(span),
            links: span.links.to_vec(),
        })));
    }

    fn rejected(&mut self, reason: RejectReason) {
        self.0.push(Seen::Rejected(reason));
    }
}

/// What a sink must see of a request, computed from prost's view of it.
pub(crate) fn expected(request: &ExportTraceServiceRequest) -> Capture {
    let mut capture = Capture::default();
    for resource_spans in &request.resource_spans {
        let attributes = resource_spans.resource.as_ref().map(|r| &r.attributes[..]);
        capture
            .0
            .push(Seen::Resource(expected_set(attributes.unwrap_or_default())));
        for scope_spans in &resource_spans.scope_spans {
            capture
                .0
                .extend(scope_spans.spans.iter().map(expected_span));
        }
    }
    capture
}

fn expected_set(attributes: &[KeyValue]) -> KeptSet {
    let mut set = KeptSet::new();
    for attribute in attributes {
        let value = attribute.value.as_ref().and_then(|v| v.value.as_ref());
        let (Some(key), Some(value)) = (Key::lookup(&attribute.key), value) else {
            continue;
        };
        let kept = match value {
            OtlpValue::StringValue(text) => Kept::Text(text.clone()),
            OtlpValue::IntValue(number) => Kept::Int(*number),
            OtlpValue::DoubleValue(number) => Kept::Double(number.to_bits()),
            OtlpValue::BoolValue(claim) => Kept::Bool(*claim),
            _ => continue,
        };
        set.entry(key).or_insert(kept);
    }
    set
}

fn expected_span(span: &OtlpSpan) -> Seen {
    let Some(trace_id) = trace_id(&span.trace_id) else {
        return Seen::Rejected(RejectReason::TraceId);
    };
    let Some(span_id) = span_id(&span.span_id) else {
        return Seen::Rejected(RejectReason::SpanId);
    };
    if !matches!(span.parent_span_id.len(), 0 | 8) {
        return Seen::Rejected(RejectReason::ParentId);
    }
    let links = span.links.iter().filter_map(|link| {
        let (trace_id, span_id) = (trace_id_of(link)?, span_id_of(link)?);
        Some(Link { trace_id, span_id })
    });
    Seen::Span(Box::new(KeptSpan {
        trace_id,
        span_id,
        parent_id: self::span_id(&span.parent_span_id),
        kind: SpanKind::from_otlp(span.kind.into()),
        times: (span.start_time_unix_nano, span.end_time_unix_nano),
        is_error: span.status.as_ref().is_some_and(|status| status.code == 2),
        flags: span.flags,
        trace_state: span.trace_state.clone(),
        name: span.name.clone(),
        attributes: expected_set(&span.attributes),
        details: Details::expected(span),
        links: links.collect(),
    }))
}

fn trace_id_of(link: &span::Link) -> Option<TraceId> {
    trace_id(&link.trace_id)
}

fn span_id_of(link: &span::Link) -> Option<SpanId> {
    span_id(&link.span_id)
}

fn trace_id(bytes: &[u8]) -> Option<TraceId> {
    let id = <[u8; 16]>::try_from(bytes).ok()?;
    (id != [0; 16]).then_some(TraceId(id))
}

fn span_id(bytes: &[u8]) -> Option<SpanId> {
    let id = <[u8; 8]>::try_from(bytes).ok()?;
    (id != [0; 8]).then_some(SpanId(id))
}

pub(crate) fn text_attribute(key: &str, text: &str) -> KeyValue {
    KeyValue {
        key: key.to_owned(),
        value: Some(AnyValue {
            value: Some(OtlpValue::StringValue(text.to_owned())),
        }),
        ..KeyValue::default()
    }
}

/// A client span of trace `trace`, with an attribute that is read and one that is not.
pub(crate) fn sample_span(trace: u8, span: u8) -> OtlpSpan {
    OtlpSpan {
        trace_id: vec![trace; 16],
        span_id: vec![span; 8],
        name: "GET /cart".to_owned(),
        kind: 3,
        start_time_unix_nano: 1_700_000_000_000_000_000,
        end_time_unix_nano: 1_700_000_000_005_000_000,
        attributes: vec![
            text_attribute("server.address", "cart.shop.svc"),
            text_attribute("db.statement", "SELECT 1"),
        ],
        status: Some(Status {
            code: 2,
            ..Status::default()
        }),
        flags: 0x301,
        ..OtlpSpan::default()
    }
}

/// A request of one resource with the given spans.
pub(crate) fn sample_request(spans: Vec<OtlpSpan>) -> ExportTraceServiceRequest {
    ExportTraceServiceRequest {
        resource_spans: vec![ResourceSpans {
            resource: Some(Resource {
                attributes: vec![text_attribute("service.name", "web")],
                ..Resource::default()
            }),
            scope_spans: vec![ScopeSpans {
                spans,
                ..ScopeSpans::default()
            }],
            ..ResourceSpans::default()
        }],
    }
}
