//! `ExportTraceServiceRequest` in protobuf, walked in place.
//!
//! Takes fields in any order, split and repeated fields, and unknown fields of any wire type but groups. The resource
//! may follow its spans, so every `ResourceSpans` is walked twice. Nesting is fixed by the walker: an `AnyValue` is
//! never entered deeper than its scalar. A resource that cannot be decoded rejects its spans, since they would
//! be counted for the wrong service.

use tracemesh_graph::attribute::{AttributeSet, Headers, KeyAliases, Value as AttributeValue};
use tracemesh_graph::span::{
    Link, RejectReason, SpanEvents, SpanId, SpanKind, SpanSink, SpanView, TraceId,
};

mod events;
mod headers;

use events::read_event;

use super::wire::{Reader, Value, WireError, WireFault};
use super::{DecodeError, MAX_ATTRIBUTES, MAX_LINKS};

const STATUS_ERROR: u64 = 2;

/// Feeds every span of one export request to the sink, in wire order.
///
/// # Errors
/// When the message structure above the spans is broken; spans before that place were already fed.
pub fn decode_protobuf(bytes: &[u8], sink: &mut dyn SpanSink) -> Result<(), DecodeError> {
    walk_request(bytes, sink).map_err(|error| DecodeError::Protobuf {
        offset: error.offset,
        fault: error.fault,
    })
}

/// Buffers reused from span to span.
#[derive(Default)]
struct Scratch<'a> {
    attributes: AttributeSet<'a>,
    links: Vec<Link>,
    aliases: KeyAliases,
}

fn walk_request(bytes: &[u8], sink: &mut dyn SpanSink) -> Result<(), WireError> {
    let mut scratch = Scratch {
        aliases: sink.aliases().clone(),
        ..Scratch::default()
    };
    each_message(Reader::new(bytes, 0), 1, &mut |resource_spans| {
        walk_resource_spans(resource_spans, &mut scratch, sink)
    })
}

fn walk_resource_spans<'a>(
    message: Reader<'a>,
    scratch: &mut Scratch<'a>,
    sink: &mut dyn SpanSink,
) -> Result<(), WireError> {
    let mut attributes = AttributeSet::default();
    let mut decoded = Ok(());
    each_message(message, 1, &mut |resource| {
        if decoded.is_ok() {
            decoded = resource_attributes(resource, &scratch.aliases, &mut attributes);
        }
        Ok(())
    })?;
    if decoded.is_err() {
        attributes.clear();
    }
    sink.resource(&attributes);
    each_message(message, 2, &mut |scope_spans| {
        each_message(scope_spans, 2, &mut |span| {
            let outcome = decoded.and_then(|()| walk_span(span, scratch, sink));
            if let Err(reason) = outcome {
                sink.rejected(reason);
            }
            Ok(())
        })
    })
}

/// Calls `visit` for every message field of this number and checks the framing of all others.
fn each_message<'a>(
    mut message: Reader<'a>,
    wanted: u32,
    visit: &mut dyn FnMut(Reader<'a>) -> Result<(), WireError>,
) -> Result<(), WireError> {
    loop {
        let offset = message.offset();
        let Some((number, value)) = message.next_field()? else {
            return Ok(());
        };
        if number != wanted {
            continue;
        }
        let Value::Block(block) = value else {
            return Err(WireError {
                offset,
                fault: WireFault::Mismatch,
            });
        };
        visit(block)?;
    }
}

fn resource_attributes<'a>(
    mut resource: Reader<'a>,
    aliases: &KeyAliases,
    attributes: &mut AttributeSet<'a>,
) -> Result<(), RejectReason> {
    let mut count = 0;
    while let Some((number, value)) = resource.next_field().map_err(malformed)? {
        if number == 1 {
            add_attribute(block(value)?, &mut count, aliases, attributes)?;
        }
    }
    Ok(())
}

/// The fields of a span, as found; strings not yet checked.
#[derive(Default)]
struct RawSpan<'a> {
    trace_id: &'a [u8],
    span_id: &'a [u8],
    parent_id: &'a [u8],
    trace_state: &'a [u8],
    name: &'a [u8],
    kind: u64,
    start_ns: u64,
    end_ns: u64,
    status: u64,
    flags: u32,
    events: SpanEvents<'a>,
}

fn walk_span<'a>(
    span: Reader<'a>,
    scratch: &mut Scratch<'a>,
    sink: &mut dyn SpanSink,
) -> Result<(), RejectReason> {
    scratch.attributes.clear();
    scratch.links.clear();
    let raw = read_span(span, scratch)?;
    sink.span(&SpanView {
        trace_id: trace_id(raw.trace_id).ok_or(RejectReason::TraceId)?,
        span_id: span_id(raw.span_id).ok_or(RejectReason::SpanId)?,
        parent_id: parent_id(raw.parent_id)?,
        kind: SpanKind::from_otlp(enum_number(raw.kind)),
        start_ns: raw.start_ns,
        end_ns: raw.end_ns,
        is_error: raw.status & 0xffff_ffff == STATUS_ERROR,
        flags: raw.flags,
        trace_state: text(raw.trace_state)?,
        name: text(raw.name)?,
        attributes: &scratch.attributes,
        events: raw.events,
        links: &scratch.links,
    });
    Ok(())
}

fn read_span<'a>(
    mut span: Reader<'a>,
    scratch: &mut Scratch<'a>,
) -> Result<RawSpan<'a>, RejectReason> {
    let mut raw = RawSpan::default();
    let (mut attributes, mut links) = (0, 0);
    while let Some((number, value)) = span.next_field().map_err(malformed)? {
        match (number, value) {
            (1, Value::Block(id)) => raw.trace_id = id.bytes(),
            (2, Value::Block(id)) => raw.span_id = id.bytes(),
            (3, Value::Block(state)) => raw.trace_state = state.bytes(),
            (4, Value::Block(id)) => raw.parent_id = id.bytes(),
            (5, Value::Block(name)) => raw.name = name.bytes(),
            (6, Value::Varint(kind)) => raw.kind = kind,
            (7, Value::Fixed64(time)) => raw.start_ns = time,
            (8, Value::Fixed64(time)) => raw.end_ns = time,
            (9, Value::Block(attribute)) => {
                let set = &mut scratch.attributes;
                add_attribute(attribute, &mut attributes, &scratch.aliases, set)?;
            }
            (11, Value::Block(event)) => read_event(event, &mut raw.events),
            (13, Value::Block(link)) => add_link(link, &mut links, &mut scratch.links)?,
            (15, Value::Block(status)) => read_status(status, &mut raw.status)?,
            (16, Value::Fixed32(flags)) => raw.flags = flags,
            // Events of another type and the drop counters (10, 11, 12, 14) are not read.
            (1..=9 | 13 | 15 | 16, _) => return Err(RejectReason::Malformed),
            _ => {}
        }
    }
    Ok(raw)
}

/// Adds one `KeyValue` when some rule reads its key; otherwise the value is not looked at.
fn add_attribute<'a>(
    attribute: Reader<'a>,
    count: &mut usize,
    aliases: &KeyAliases,
    attributes: &mut AttributeSet<'a>,
) -> Result<(), RejectReason> {
    *count += 1;
    if *count > MAX_ATTRIBUTES {
        return Err(RejectReason::Limit);
    }
    let mut name: &[u8] = &[];
    let mut fields = attribute;
    while let Some((number, value)) = fields.next_field().map_err(malformed)? {
        if number == 1 {
            name = block(value)?.bytes();
        }
    }
    // A key that is not UTF-8 is no key of ours.
    let name = std::str::from_utf8(name).ok();
    let Some(key) = name.and_then(|name| aliases.lookup(name)) else {
        if let Some((side, name)) = name.and_then(Headers::name_of) {
            headers::add(attribute, (side, name), attributes);
        }
        return Ok(());
    };
    // A second walk, because a split `value` merges and the key may come last.
    let mut scalar = Scalar::Other;
    let mut fields = attribute;
    while let Some((number, value)) = fields.next_field().map_err(malformed)? {
        if number == 2 {
            read_any_value(block(value)?, &mut scalar)?;
        }
    }
    match scalar {
        Scalar::Text(bytes) => attributes.insert(key, AttributeValue::Text(text(bytes)?)),
        Scalar::Plain(value) => attributes.insert(key, value),
        Scalar::Other => {}
    }
    Ok(())
}

/// What an `AnyValue` holds; text is checked only once it is known to win.
enum Scalar<'a> {
    Text(&'a [u8]),
    Plain(AttributeValue<'a>),
    Other,
}

fn read_any_value<'a>(mut value: Reader<'a>, scalar: &mut Scalar<'a>) -> Result<(), RejectReason> {
    while let Some(field) = value.next_field().map_err(malformed)? {
        *scalar = match field {
            (1, Value::Block(text)) => Scalar::Text(text.bytes()),
            (2, Value::Varint(number)) => Scalar::Plain(AttributeValue::Bool(number != 0)),
            (3, Value::Varint(number)) => Scalar::Plain(AttributeValue::Int(number.cast_signed())),
            (4, Value::Fixed64(bits)) => {
                Scalar::Plain(AttributeValue::Double(f64::from_bits(bits)))
            }
            (5..=7, Value::Block(_)) => Scalar::Other,
            (1..=7, _) => return Err(RejectReason::Malformed),
            _ => continue,
        };
    }
    Ok(())
}

fn add_link(
    mut link: Reader<'_>,
    count: &mut usize,
    links: &mut Vec<Link>,
) -> Result<(), RejectReason> {
    *count += 1;
    if *count > MAX_LINKS {
        return Err(RejectReason::Limit);
    }
    let (mut trace, mut span): (&[u8], &[u8]) = (&[], &[]);
    while let Some((number, value)) = link.next_field().map_err(malformed)? {
        match number {
            1 => trace = block(value)?.bytes(),
            2 => span = block(value)?.bytes(),
            _ => {}
        }
    }
    // A link to nowhere says nothing; the span itself is as good as without it.
    if let (Some(trace_id), Some(span_id)) = (trace_id(trace), span_id(span)) {
        links.push(Link { trace_id, span_id });
    }
    Ok(())
}

fn read_status(mut status: Reader<'_>, code: &mut u64) -> Result<(), RejectReason> {
    while let Some(field) = status.next_field().map_err(malformed)? {
        match field {
            (3, Value::Varint(number)) => *code = number,
            (3, _) => return Err(RejectReason::Malformed),
            _ => {}
        }
    }
    Ok(())
}

fn block(value: Value<'_>) -> Result<Reader<'_>, RejectReason> {
    match value {
        Value::Block(block) => Ok(block),
        _ => Err(RejectReason::Malformed),
    }
}

/// Protobuf enums are 32-bit; the upper half of a longer number is cut off as every protobuf library does.
fn enum_number(number: u64) -> i64 {
    (number & 0xffff_ffff).cast_signed()
}

fn text(bytes: &[u8]) -> Result<&str, RejectReason> {
    std::str::from_utf8(bytes).ok().ok_or(RejectReason::Utf8)
}

fn trace_id(bytes: &[u8]) -> Option<TraceId> {
    let id: [u8; 16] = bytes.try_into().ok()?;
    (id != [0; 16]).then_some(TraceId(id))
}

fn span_id(bytes: &[u8]) -> Option<SpanId> {
    let id: [u8; 8] = bytes.try_into().ok()?;
    (id != [0; 8]).then_some(SpanId(id))
}

fn parent_id(bytes: &[u8]) -> Result<Option<SpanId>, RejectReason> {
    match bytes.len() {
        0 => Ok(None),
        8 => Ok(span_id(bytes)),
        _ => Err(RejectReason::ParentId),
    }
}

/// The position inside a bad span is of no use to anyone: the span is counted by reason.
fn malformed(_: WireError) -> RejectReason {
    RejectReason::Malformed
}

#[cfg(test)]
mod tests;
