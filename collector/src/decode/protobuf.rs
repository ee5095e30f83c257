//! `ExportTraceServiceRequest` in protobuf, walked in place.
//!
//! Takes fields in any order, split and repeated fields, and unknown fields of any wire type but groups. What exporters
//! really send is quicker: `canonical.rs` speculates on it, and the walk in any order takes over where it stops. The resource
//! may follow its spans, so every `ResourceSpans` is walked twice. Nesting is fixed by the walker: an `AnyValue` is
//! never entered deeper than its scalar. A resource that cannot be decoded rejects its spans, since they would
//! be counted for the wrong service.

use tracemesh_graph::attribute::{AttributeSet, KeyAliases};
use tracemesh_graph::span::{Link, RejectReason, SpanSink};

mod attribute;
mod canonical;
mod events;
mod headers;
mod span;

use attribute::Reading;

use super::wire::{Reader, Value, WireError, WireFault};
use super::{DecodeError, MAX_ATTRIBUTES, MAX_LINKS};

/// Feeds every span of one export request to the sink, in wire order.
///
/// # Errors
/// When the message structure above the spans is broken; spans before that place were already fed.
pub fn decode_protobuf(bytes: &[u8], sink: &mut dyn SpanSink) -> Result<(), DecodeError> {
    let scratch = Scratch {
        aliases: sink.aliases().clone(),
        ..Scratch::default()
    };
    walk_request(bytes, scratch, sink)
}

/// Buffers reused from span to span.
#[derive(Default)]
struct Scratch<'a> {
    attributes: AttributeSet<'a>,
    links: Vec<Link>,
    aliases: KeyAliases,
    /// Never speculates; tests compare both ways.
    is_careful: bool,
}

fn walk_request<'a>(
    bytes: &'a [u8],
    mut scratch: Scratch<'a>,
    sink: &mut dyn SpanSink,
) -> Result<(), DecodeError> {
    let walked = each_message(Reader::new(bytes, 0), 1, |resource_spans| {
        walk_resource_spans(resource_spans, &mut scratch, sink)
    });
    walked.map_err(|error| DecodeError::Protobuf {
        offset: error.offset,
        fault: error.fault,
    })
}

fn walk_resource_spans<'a>(
    message: Reader<'a>,
    scratch: &mut Scratch<'a>,
    sink: &mut dyn SpanSink,
) -> Result<(), WireError> {
    let decoded = begin_resource(message, scratch, sink)?;
    each_message(message, 2, |scope_spans| {
        each_message(scope_spans, 2, |span| {
            let outcome = decoded.and_then(|()| span::walk(span.bytes(), scratch, sink));
            if let Err(reason) = outcome {
                sink.rejected(reason);
            }
            Ok(())
        })
    })
}

/// Tells the sink whose spans follow; gives the reason when that cannot be decoded.
fn begin_resource<'a>(
    message: Reader<'a>,
    scratch: &mut Scratch<'a>,
    sink: &mut dyn SpanSink,
) -> Result<Result<(), RejectReason>, WireError> {
    let (mut encoded, mut parts): (&[u8], u32) = (&[], 0);
    each_message(message, 1, |resource| {
        encoded = resource.bytes();
        parts = parts.saturating_add(1);
        Ok(())
    })?;
    let is_whole = parts <= 1;
    if is_whole && sink.known_resource(encoded) {
        return Ok(Ok(()));
    }
    let reading = Reading::of(&scratch.aliases, scratch.is_careful);
    let attributes = &mut scratch.attributes;
    attributes.clear();
    let mut decoded = Ok(());
    each_message(message, 1, |resource| {
        if decoded.is_ok() {
            decoded = attribute::of_resource(resource, reading, attributes);
        }
        Ok(())
    })?;
    if decoded.is_err() {
        attributes.clear();
    }
    match decoded {
        Ok(()) if is_whole => sink.encoded_resource(encoded, attributes),
        _ => sink.resource(attributes),
    }
    Ok(decoded)
}

/// Calls `visit` for every message field of this number and checks the framing of all others.
fn each_message<'a>(
    mut message: Reader<'a>,
    wanted: u8,
    mut visit: impl FnMut(Reader<'a>) -> Result<(), WireError>,
) -> Result<(), WireError> {
    loop {
        while let Some(block) = message.next_short_block(wanted << 3 | 2) {
            visit(block)?;
        }
        let offset = message.offset();
        let Some((number, value)) = message.next_field()? else {
            return Ok(());
        };
        if number != u32::from(wanted) {
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

fn block(value: Value<'_>) -> Result<Reader<'_>, RejectReason> {
    match value {
        Value::Block(block) => Ok(block),
        _ => Err(RejectReason::Malformed),
    }
}

fn text(bytes: &[u8]) -> Result<&str, RejectReason> {
    std::str::from_utf8(bytes).ok().ok_or(RejectReason::Utf8)
}

/// The position inside a bad span is of no use to anyone: the span is counted by reason.
fn malformed(_: WireError) -> RejectReason {
    RejectReason::Malformed
}

#[cfg(test)]
mod tests;
