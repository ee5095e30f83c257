//! One `Span`.

use tracemesh_graph::span::{
    Link, RejectReason, SpanEvents, SpanId, SpanKind, SpanSink, SpanView, TraceId,
};

use super::attribute::{self, Reading};
use super::events::read_event;
use super::{MAX_ATTRIBUTES, MAX_LINKS, Reader, Scratch, Value};
use super::{block, canonical, malformed, text};

const STATUS_ERROR: u64 = 2;

/// The fields of a span, as found; strings not yet checked.
#[derive(Debug, Default, PartialEq)]
pub(super) struct RawSpan<'a> {
    pub(super) trace_id: &'a [u8],
    pub(super) span_id: &'a [u8],
    pub(super) parent_id: &'a [u8],
    pub(super) trace_state: &'a [u8],
    pub(super) name: &'a [u8],
    pub(super) kind: u64,
    pub(super) start_ns: u64,
    pub(super) end_ns: u64,
    pub(super) status: u64,
    pub(super) flags: u32,
    pub(super) events: SpanEvents<'a>,
}

/// Feeds one span to the sink, or says why it cannot be used.
pub(super) fn walk<'a>(
    span: &'a [u8],
    scratch: &mut Scratch<'a>,
    sink: &mut dyn SpanSink,
) -> Result<(), RejectReason> {
    scratch.attributes.clear();
    scratch.links.clear();
    let mut raw = RawSpan::default();
    read(span, scratch, &mut raw)?;
    sink.span(&SpanView {
        trace_id: trace_id(raw.trace_id).ok_or(RejectReason::TraceId)?,
        span_id: span_id(raw.span_id).ok_or(RejectReason::SpanId)?,
        parent_id: parent_id(raw.parent_id)?,
        kind: SpanKind::from_otlp(enum_number(raw.kind)),
        start_ns: raw.start_ns,
        end_ns: raw.end_ns,
        is_error: raw.status & 0xffff_ffff == STATUS_ERROR,
        flags: raw.flags,
        trace_state: match raw.trace_state {
            [] => "",
            state => text(state)?,
        },
        name: text(raw.name)?,
        attributes: &scratch.attributes,
        events: raw.events,
        links: &scratch.links,
    });
    Ok(())
}

#[inline]
fn read<'a>(
    span: &'a [u8],
    scratch: &mut Scratch<'a>,
    raw: &mut RawSpan<'a>,
) -> Result<(), RejectReason> {
    let mut rest = span;
    // Every attribute takes two bytes at least, so that a span which is no longer than this cannot have too many.
    if !scratch.is_careful && span.len() <= 2 * MAX_ATTRIBUTES {
        let reading = Reading::of(&scratch.aliases, false);
        rest = canonical::front(rest, raw);
        rest = attribute::of_span(rest, reading, &mut scratch.attributes)?;
        rest = canonical::back(rest, raw);
        if rest.is_empty() {
            return Ok(());
        }
    }
    read_in_any_order(rest, scratch, raw)
}

/// Never part of its caller: it would leave the usual way short of registers.
#[inline(never)]
fn read_in_any_order<'a>(
    fields: &'a [u8],
    scratch: &mut Scratch<'a>,
    raw: &mut RawSpan<'a>,
) -> Result<(), RejectReason> {
    let reading = Reading::of(&scratch.aliases, scratch.is_careful);
    let set = &mut scratch.attributes;
    let (mut attributes, mut links) = (0, 0);
    let mut fields = Reader::new(fields, 0);
    while let Some((number, value)) = fields.next_field().map_err(malformed)? {
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
                attribute::count_one(&mut attributes)?;
                attribute::add(attribute.bytes(), reading, set)?;
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

/// Protobuf enums are 32-bit; the upper half of a longer number is cut off as every protobuf library does.
fn enum_number(number: u64) -> i64 {
    (number & 0xffff_ffff).cast_signed()
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
