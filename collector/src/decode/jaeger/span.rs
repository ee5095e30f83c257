//! One Jaeger span, parsed on its own so that its faults stay its own.

use serde::Deserialize;
use serde_json::value::RawValue;
use tracemesh_graph::attribute::{AttributeSet, Key, KeyAliases};
use tracemesh_graph::span::{
    Link, RejectReason, SpanEvents, SpanId, SpanKind, SpanSink, SpanView, TraceId,
};

use crate::decode::json::checked;
use crate::decode::json::scalar::{Text, Whole};
use crate::decode::tags::{Scalar, Tags};
use crate::decode::{MAX_LINKS, ids};

#[derive(Deserialize, Default)]
#[serde(default, rename_all = "camelCase")]
struct SpanObject<'a> {
    #[serde(borrow, rename = "traceID")]
    trace_id: Text<'a>,
    #[serde(borrow, rename = "spanID")]
    span_id: Text<'a>,
    /// How references were written before there were references.
    #[serde(borrow, rename = "parentSpanID")]
    parent_span_id: Text<'a>,
    #[serde(borrow)]
    operation_name: Text<'a>,
    #[serde(borrow)]
    references: Option<Vec<Reference<'a>>>,
    start_time: Whole,
    duration: Whole,
    #[serde(borrow)]
    tags: Option<&'a RawValue>,
    #[serde(borrow)]
    tag: Option<&'a RawValue>,
    #[serde(borrow, rename = "processID")]
    process_id: Text<'a>,
    #[serde(borrow)]
    process: Option<&'a RawValue>,
}

#[derive(Deserialize, Default)]
#[serde(default, rename_all = "camelCase")]
struct Reference<'a> {
    #[serde(borrow)]
    ref_type: Text<'a>,
    #[serde(borrow, rename = "traceID")]
    trace_id: Text<'a>,
    #[serde(borrow, rename = "spanID")]
    span_id: Text<'a>,
}

/// A span that was read and may still be found unusable.
pub(super) struct Span<'a> {
    trace_id: TraceId,
    span_id: SpanId,
    parent_id: Option<SpanId>,
    links: Vec<Link>,
    times_ns: (u64, u64),
    name: Text<'a>,
    tags: Tags<'a>,
    /// The name of its process in the trace.
    pub(super) process_id: Text<'a>,
    /// Its own process, where it brings one.
    pub(super) process: Option<&'a RawValue>,
}

/// Reads a span.
pub(super) fn read<'a>(raw: &'a RawValue, aliases: &KeyAliases) -> Result<Span<'a>, RejectReason> {
    // Derived readers also take arrays, by position.
    if !raw.get().starts_with('{') {
        return Err(RejectReason::Malformed);
    }
    let object: SpanObject<'a> = serde_json::from_str(raw.get())
        .ok()
        .ok_or(RejectReason::Malformed)?;
    let trace_id = ids::trace_id(&object.trace_id.0)?;
    let references = object.references.unwrap_or_default();
    let (parent_id, links) = relations(trace_id, &object.parent_span_id.0, &references)?;
    Ok(Span {
        trace_id,
        span_id: ids::span_id(&object.span_id.0)?,
        parent_id,
        links,
        times_ns: ids::times_ns(object.start_time, object.duration)?,
        name: object.operation_name,
        tags: tags(object.tags, object.tag, aliases)?,
        process_id: object.process_id,
        process: object.process,
    })
}

/// Tags as a list, as an object of indexed fields, or both.
pub(super) fn tags<'a>(
    list: Option<&'a RawValue>,
    fields: Option<&'a RawValue>,
    aliases: &KeyAliases,
) -> Result<Tags<'a>, RejectReason> {
    let mut tags = match list {
        Some(list) => Tags::of_list(list, aliases)?,
        None => Tags::default(),
    };
    if let Some(fields) = fields {
        tags.add_fields(fields, aliases)?;
    }
    Ok(tags)
}

/// The parent is the first span of the same trace that this one is a child of, else the first that it follows from. All
/// others are links; those whose ids are none are passed over, as in OTLP.
fn relations(
    trace_id: TraceId,
    parent_span_id: &str,
    references: &[Reference<'_>],
) -> Result<(Option<SpanId>, Vec<Link>), RejectReason> {
    if references.len() > MAX_LINKS {
        return Err(RejectReason::Limit);
    }
    let of_trace = |reference: &Reference<'_>| {
        reference.trace_id.0.is_empty() || ids::trace_id(&reference.trace_id.0) == Ok(trace_id)
    };
    let first = |kind: &str| {
        let mut all = references.iter();
        all.position(|reference| reference.ref_type.0 == kind && of_trace(reference))
    };
    let named = ids::parent_id(parent_span_id)?;
    let chosen = first("CHILD_OF").or_else(|| match named {
        Some(_) => None,
        None => first("FOLLOWS_FROM"),
    });
    let parent = match chosen.and_then(|index| references.get(index)) {
        Some(reference) => ids::parent_id(&reference.span_id.0)?,
        None => named,
    };
    let others = references.iter().enumerate();
    let links = others.filter(|(index, _)| Some(*index) != chosen);
    let links = links.filter_map(|(_, reference)| {
        let other_id = match reference.trace_id.0.as_ref() {
            "" => trace_id,
            hex => ids::trace_id(hex).ok()?,
        };
        Some(Link {
            trace_id: other_id,
            span_id: ids::span_id(&reference.span_id.0).ok()?,
        })
    });
    Ok((parent, links.collect()))
}

impl Span<'_> {
    /// Feeds the span to the sink.
    pub(super) fn feed(
        &self,
        sanitised: bool,
        sink: &mut dyn SpanSink,
    ) -> Result<(), RejectReason> {
        let mut attributes = AttributeSet::default();
        self.tags.put(&mut attributes, sanitised, |_| true)?;
        self.tags
            .note_headers(&mut attributes, sink.aliases(), sanitised);
        let kind = self.kind();
        sink.span(&SpanView {
            trace_id: self.trace_id,
            span_id: self.span_id,
            parent_id: self.parent_id,
            kind,
            start_ns: self.times_ns.0,
            end_ns: self.times_ns.1,
            is_error: self.is_error(kind, &attributes),
            flags: 0,
            trace_state: self.tags.trace_state(sanitised)?,
            name: checked(&self.name, sanitised)?,
            attributes: &attributes,
            events: SpanEvents::default(),
            links: &self.links,
        });
        Ok(())
    }

    /// No kind stands for work inside a service.
    fn kind(&self) -> SpanKind {
        match self.tags.kind.as_ref().map(|kind| kind.0.as_ref()) {
            None | Some("" | "internal") => SpanKind::Internal,
            Some("server") => SpanKind::Server,
            Some("client") => SpanKind::Client,
            Some("producer") => SpanKind::Producer,
            Some("consumer") => SpanKind::Consumer,
            Some(_) => SpanKind::Unspecified,
        }
    }

    /// The tag `error`, else the status, else, where no OpenTelemetry SDK has judged, the HTTP status.
    fn is_error(&self, kind: SpanKind, attributes: &AttributeSet<'_>) -> bool {
        let is_tagged = match &self.tags.error {
            Some(Scalar::Bool(claim)) => *claim,
            Some(Scalar::Text(text)) => text.0.eq_ignore_ascii_case("true"),
            _ => false,
        };
        if is_tagged {
            return true;
        }
        if let Some(status) = self.tags.status() {
            return status;
        }
        let first_error = if kind == SpanKind::Client { 400 } else { 500 };
        let status = attributes.first_int(&[Key::HttpResponseStatusCode, Key::HttpStatusCode]);
        !self.tags.is_otel && status.is_some_and(|status| status >= first_error)
    }
}
