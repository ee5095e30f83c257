//! The encoding that exporters really emit: fields in the order of their numbers, none twice, lengths of one or two bytes.
//!
//! Speculation only, and judges nothing. Whatever is not exactly as expected is left where it is for the walk in any
//! order, which gives every fault its reason; what is taken here, that walk would take in the same way.

use tracemesh_graph::attribute::Value as Known;

use super::attribute::Scalar;
use super::span::RawSpan;
pub(super) use crate::decode::wire::short_block as block;

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

/// Key and `AnyValue` of a `KeyValue` that has both once, in this order, and nothing else.
#[derive(Clone, Copy)]
pub(super) struct Attribute<'a> {
    pub(super) name: &'a [u8],
    pub(super) value: &'a [u8],
}

/// The next attribute of a span and what is behind it, when all lengths in it are below 128, as in nearly all attributes.
#[inline(always)]
pub(super) fn short_attribute(bytes: &[u8]) -> Option<(Attribute<'_>, &[u8])> {
    // Tag and length of the attribute, then of its key, looked at together: only the lower seven bits of lengths may differ.
    let (head, rest) = bytes.split_first_chunk()?;
    let head = u32::from_le_bytes(*head);
    if head & 0x80ff_80ff != 0x000a_004a {
        return None;
    }
    let [_, length, _, key_length] = head.to_le_bytes().map(usize::from);
    let (name, rest) = rest.split_at_checked(key_length)?;
    let ([tag, value_length], rest) = rest.split_first_chunk()?;
    let value_length = usize::from(*value_length);
    if *tag != 0x12 || length != 4 + key_length + value_length {
        return None;
    }
    let (value, rest) = rest.split_at_checked(value_length)?;
    Some((Attribute { name, value }, rest))
}

/// The parts of a `KeyValue` with lengths of one or two bytes.
pub(super) fn key_value(whole: &[u8]) -> Option<Attribute<'_>> {
    let (name, rest) = block(whole, 0x0a)?;
    let (value, rest) = block(rest, 0x12)?;
    rest.is_empty().then_some(Attribute { name, value })
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
pub(super) const fn two(low: u8, high: u8) -> u64 {
    (low & 0x7f) as u64 | ((high & 0x7f) as u64) << 7
}

#[inline]
fn fixed64(bytes: &[u8], tag: u8) -> Option<(u64, &[u8])> {
    let ([first, number @ ..], rest) = bytes.split_first_chunk::<9>()?;
    (*first == tag).then_some((u64::from_le_bytes(*number), rest))
}
