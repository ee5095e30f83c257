//! The encoding that exporters really emit: fields in the order of their numbers, none twice, lengths of one or two bytes.
//!
//! Speculation only, and judges nothing. Whatever is not exactly as expected is left where it is for the walk in any
//! order, which gives every fault its reason; what is taken here, that walk would take in the same way.

use tracemesh_graph::attribute::Value as Known;

use super::attribute::Scalar;
use super::span::RawSpan;

/// Takes the fields in front of a span's attributes, and gives the rest.
#[inline]
pub(super) fn front<'a>(bytes: &'a [u8], raw: &mut RawSpan<'a>) -> &'a [u8] {
    let mut rest = bytes;
    if let Some(([0x0a, 16, id @ ..], behind)) = rest.split_first_chunk::<18>() {
        (raw.trace_id, rest) = (id, behind);
    }
    if let Some(([0x12, 8, id @ ..], behind)) = rest.split_first_chunk::<10>() {
        (raw.span_id, rest) = (id, behind);
    }
    if let Some((state, behind)) = block(rest, 0x1a) {
        (raw.trace_state, rest) = (state, behind);
    }
    if let Some(([0x22, 8, id @ ..], behind)) = rest.split_first_chunk::<10>() {
        (raw.parent_id, rest) = (id, behind);
    }
    if let Some((name, behind)) = block(rest, 0x2a) {
        (raw.name, rest) = (name, behind);
    }
    if let Some(([0x30, kind @ 0..0x80], behind)) = rest.split_first_chunk() {
        (raw.kind, rest) = (u64::from(*kind), behind);
    }
    if let Some((time, behind)) = fixed64(rest, 0x39) {
        (raw.start_ns, rest) = (time, behind);
    }
    if let Some((time, behind)) = fixed64(rest, 0x41) {
        (raw.end_ns, rest) = (time, behind);
    }
    rest
}

/// The next attribute of a span, and what is behind it.
#[inline]
pub(super) fn attribute(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    block(bytes, 0x4a)
}

/// Key and `AnyValue` of a `KeyValue` that has both once, in this order, and nothing else.
#[inline]
pub(super) fn key_value(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (key, rest) = block(bytes, 0x0a)?;
    let (value, rest) = block(rest, 0x12)?;
    rest.is_empty().then_some((key, value))
}

/// What an `AnyValue` holds that has one scalar and nothing else.
#[inline]
pub(super) fn scalar(bytes: &[u8]) -> Option<Scalar<'_>> {
    match bytes.first()? {
        0x0a => {
            let (text, rest) = block(bytes, 0x0a)?;
            rest.is_empty().then_some(Scalar::Text(text))
        }
        0x10 => match bytes {
            [_, claim @ 0..0x80] => Some(Scalar::Plain(Known::Bool(*claim != 0))),
            _ => None,
        },
        0x18 => match bytes {
            [_, low @ 0..0x80] => Some(int(u64::from(*low))),
            [_, low @ 0x80..=0xff, high @ 0..0x80] => Some(int(two(*low, *high))),
            [_, low @ 0x80..=0xff, middle @ 0x80..=0xff, high @ 0..0x80] => {
                Some(int(two(*low, *middle) | u64::from(*high) << 14))
            }
            _ => None,
        },
        0x21 => {
            let (bits, rest) = fixed64(bytes, 0x21)?;
            let number = Known::Double(f64::from_bits(bits));
            rest.is_empty().then_some(Scalar::Plain(number))
        }
        _ => None,
    }
}

const fn int(number: u64) -> Scalar<'static> {
    Scalar::Plain(Known::Int(number.cast_signed()))
}

/// Two bytes of a number, low first.
const fn two(low: u8, high: u8) -> u64 {
    (low & 0x7f) as u64 | ((high & 0x7f) as u64) << 7
}

/// The content of the length-delimited field that has this tag, and what is behind it.
#[inline]
fn block(bytes: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    match bytes {
        [first, length @ 0..0x80, rest @ ..] if *first == tag => {
            rest.split_at_checked(usize::from(*length))
        }
        [first, low, high @ 0..0x80, rest @ ..] if *first == tag => {
            let length = usize::from(low & 0x7f) | usize::from(*high) << 7;
            rest.split_at_checked(length)
        }
        _ => None,
    }
}

#[inline]
fn fixed64(bytes: &[u8], tag: u8) -> Option<(u64, &[u8])> {
    let ([first, number @ ..], rest) = bytes.split_first_chunk::<9>()?;
    (*first == tag).then_some((u64::from_le_bytes(*number), rest))
}
