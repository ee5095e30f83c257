//! The encoding that exporters really emit: fields in the order of their numbers, none twice, lengths of one or two bytes.
//!
//! Speculation only, and judges nothing. Whatever is not exactly as expected is left where it is for the walk in any
//! order, which gives every fault its reason; what is taken here, that walk would take in the same way.

use tracemesh_graph::attribute::Value as Known;

use super::attribute::Scalar;
use super::span::RawSpan;
use crate::decode::wire::short_block as block;

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

/// Takes status and flags of a span that has no events and links, and gives the rest.
#[inline]
pub(super) fn back<'a>(bytes: &'a [u8], raw: &mut RawSpan<'a>) -> &'a [u8] {
    let mut rest = bytes;
    match rest {
        [0x7a, 0, behind @ ..] => rest = behind,
        [0x7a, 2, 0x18, code @ 0..0x80, behind @ ..] => {
            (raw.status, rest) = (u64::from(*code), behind);
        }
        _ => {}
    }
    if let Some(([0x85, 0x01, flags @ ..], behind)) = rest.split_first_chunk::<6>() {
        (raw.flags, rest) = (u32::from_le_bytes(*flags), behind);
    }
    rest
}

/// The next attribute of a span, and what is behind it.
#[inline]
pub(super) fn attribute(bytes: &[u8]) -> Option<(Attribute<'_>, &[u8])> {
    if let Some(found) = short_attribute(bytes) {
        return Some(found);
    }
    let (whole, rest) = block(bytes, 0x4a)?;
    let parts = key_value(whole);
    Some((Attribute { whole, parts }, rest))
}

/// A `KeyValue`, and its key and `AnyValue` when it has both once, in this order, and nothing else.
#[derive(Clone, Copy)]
pub(super) struct Attribute<'a> {
    pub(super) whole: &'a [u8],
    pub(super) parts: Option<(&'a [u8], &'a [u8])>,
}

/// The same where all lengths are below 128, as of nearly all attributes: with half of the comparisons.
#[inline]
fn short_attribute(bytes: &[u8]) -> Option<(Attribute<'_>, &[u8])> {
    let [0x4a, length @ 0..0x80, fields @ ..] = bytes else {
        return None;
    };
    let (whole, rest) = fields.split_at_checked(usize::from(*length))?;
    let [0x0a, length @ 0..0x80, fields @ ..] = whole else {
        return None;
    };
    let (key, value) = fields.split_at_checked(usize::from(*length))?;
    let [0x12, length, value @ ..] = value else {
        return None;
    };
    // Shorter than 128, as it is part of something that is.
    let parts = (value.len() == usize::from(*length)).then_some((key, value));
    parts
        .is_some()
        .then_some((Attribute { whole, parts }, rest))
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
    match bytes {
        [0x0a, length @ 0..0x80, text @ ..] => {
            (text.len() == usize::from(*length)).then_some(Scalar::Text(text))
        }
        [0x0a, ..] => {
            let (text, rest) = block(bytes, 0x0a)?;
            rest.is_empty().then_some(Scalar::Text(text))
        }
        [0x10, claim @ 0..0x80] => Some(Scalar::Plain(Known::Bool(*claim != 0))),
        [0x18, low @ 0..0x80] => Some(int(u64::from(*low))),
        [0x18, low @ 0x80..=0xff, high @ 0..0x80] => Some(int(two(*low, *high))),
        [
            0x18,
            low @ 0x80..=0xff,
            middle @ 0x80..=0xff,
            high @ 0..0x80,
        ] => Some(int(two(*low, *middle) | u64::from(*high) << 14)),
        [0x21, ..] => {
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

#[inline]
fn fixed64(bytes: &[u8], tag: u8) -> Option<(u64, &[u8])> {
    let ([first, number @ ..], rest) = bytes.split_first_chunk::<9>()?;
    (*first == tag).then_some((u64::from_le_bytes(*number), rest))
}
