//! A span record in cells of 64 bytes: one as a rule, more where it says something rare.
//!
//! ```text
//! word 0 span id | 1 parent id | 2 start
//! word 3  link 32, duration 32                      word 4  node 20, peer 20, resource 24
//! word 5  instance 24, operation 20, path word 15, kind 3, has a parent 1, is wide 1
//! word 6  signs 40, marks 21, role 3                word 7  weight 32, error 13, messages 10, resend 9
//! ```
//! A value that is too large for its place makes the record wide: its low bits stay, and a second cell has the high bits of all
//! values, the high half of the trace id, the arrival, and the number of links, which follow two by two. The low half of the
//! trace id is the key of the slice; the high half is that of the slice, unless it is in the second cell.
//!
//! Exact but for one thing: the arrival is kept only where the record is marked as off in time, because it means nothing
//! elsewhere.

use super::pool::Linked;
use crate::hazards::Signs;
use crate::peer::MessageRole;
use crate::record::{Marks, SpanRecord};
use crate::span::{Link, SpanId, SpanKind, TraceId};

/// A part of a record. Word 3 has the link to the next cell, whatever the cell holds. Never in two lines of a cache.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[repr(align(64))]
pub(super) struct Cell([u64; 8]);

impl Linked for Cell {
    fn link(&self) -> u32 {
        low_half(LINK.get(&self.0))
    }

    fn set_link(&mut self, slot: u32) {
        LINK.put(&mut self.0, u64::from(slot));
    }
}

/// Some bits of a cell.
#[derive(Clone, Copy)]
struct Place {
    word: usize,
    shift: u32,
    bits: u32,
}

const fn place(word: usize, shift: u32, bits: u32) -> Place {
    Place { word, shift, bits }
}

impl Place {
    const fn mask(self) -> u64 {
        u64::MAX >> (64 - self.bits)
    }

    const fn get(self, cell: &[u64; 8]) -> u64 {
        (cell[self.word] >> self.shift) & self.mask()
    }

    /// Puts the low bits of a value, and returns what is left of it.
    const fn put(self, cell: &mut [u64; 8], value: u64) -> u64 {
        let rest = cell[self.word] & !(self.mask() << self.shift);
        cell[self.word] = rest | (value & self.mask()) << self.shift;
        self.rest(value)
    }

    /// The bits of a value that have no room here.
    const fn rest(self, value: u64) -> u64 {
        if self.bits == 64 {
            0
        } else {
            value >> self.bits
        }
    }
}

const LINK: Place = place(3, 0, 32);
const KIND: Place = place(5, 59, 3);
const HAS_PARENT: Place = place(5, 62, 1);
const IS_WIDE: Place = place(5, 63, 1);
const ROLE: Place = place(6, 61, 3);
const WEIGHT: Place = place(7, 0, 32);

/// Of the second cell.
const TRACE_HIGH: Place = place(0, 0, 64);
const ARRIVED: Place = place(1, 0, 64);
const LINKS: Place = place(5, 32, 32);

/// A value with a place in the first cell, and one for its high bits in the second.
#[derive(Clone, Copy)]
struct Sized {
    low: Place,
    high: Place,
}

const fn sized(low: Place, high: Place) -> Sized {
    Sized { low, high }
}

const DURATION: Sized = sized(place(3, 32, 32), place(3, 32, 32));
const NODE: Sized = sized(place(4, 0, 20), place(2, 0, 12));
const PEER: Sized = sized(place(4, 20, 20), place(2, 12, 12));
const RESOURCE: Sized = sized(place(4, 40, 24), place(2, 24, 8));
const INSTANCE: Sized = sized(place(5, 0, 24), place(2, 32, 8));
const OPERATION: Sized = sized(place(5, 24, 20), place(2, 40, 12));
const WORD: Sized = sized(place(5, 44, 15), place(4, 0, 17));
const SIGNS: Sized = sized(place(6, 0, 40), place(6, 0, 24));
const MARKS: Sized = sized(place(6, 40, 21), place(4, 17, 11));
const ERROR: Sized = sized(place(7, 32, 13), place(4, 28, 19));
const MESSAGES: Sized = sized(place(7, 45, 10), place(5, 0, 22));
const RESEND: Sized = sized(place(7, 55, 9), place(5, 22, 7));

/// Tells each sized value with its places. One call each instead of a loop over a table: every span is packed once and unpacked
/// twice, and with places that are known when this is compiled a value costs three instructions instead of fifty.
#[inline]
fn each_sized(record: &SpanRecord, mut tell: impl FnMut(Sized, u64)) {
    tell(DURATION, record.duration_ns);
    tell(NODE, u32::from(record.node).into());
    tell(PEER, u32::from(record.peer).into());
    tell(RESOURCE, u32::from(record.resource).into());
    tell(INSTANCE, u32::from(record.instance).into());
    tell(OPERATION, u32::from(record.operation).into());
    tell(WORD, u32::from(record.word).into());
    tell(SIGNS, record.signs.bits());
    tell(MARKS, record.marks.bits().into());
    tell(ERROR, u32::from(record.error).into());
    tell(MESSAGES, record.messages.into());
    tell(RESEND, record.resend.into());
}

/// Packs a record of a slice whose trace ids have this high half. `put` gets the cells from the last to the first, so that
/// each can be linked to the one that was put before it.
#[inline]
pub(super) fn pack(record: &SpanRecord, trace_high: u64, mut put: impl FnMut(Cell)) {
    let mut first = [0; 8];
    first[0] = record.span_id.as_u64();
    first[1] = record.parent_id.map_or(0, SpanId::as_u64);
    first[2] = record.start_ns;
    HAS_PARENT.put(&mut first, record.parent_id.is_some().into());
    KIND.put(&mut first, record.kind as u64);
    ROLE.put(&mut first, record.role as u64);
    WEIGHT.put(&mut first, record.weight.to_bits().into());
    let mut rest = 0;
    each_sized(record, |value, bits| {
        rest |= value.low.put(&mut first, bits)
    });
    let is_off = record.marks.has(Marks::TIME_OFF);
    let is_apart = record.trace_id.high() != trace_high;
    if rest != 0 || is_off || is_apart || record.links.is_some() {
        IS_WIDE.put(&mut first, 1);
        pack_rest(record, &mut put);
    }
    put(Cell(first));
}

/// What a wide record has beside its first cell.
#[cold]
fn pack_rest(record: &SpanRecord, put: &mut impl FnMut(Cell)) {
    let mut second = [0; 8];
    each_sized(record, |value, bits| {
        value.high.put(&mut second, value.low.rest(bits));
    });
    let is_off = record.marks.has(Marks::TIME_OFF);
    TRACE_HIGH.put(&mut second, record.trace_id.high());
    ARRIVED.put(&mut second, if is_off { record.arrived_ns } else { 0 });
    pack_links(record.links.as_deref(), &mut second, put);
    put(Cell(second));
}

/// More links than fit the count cannot come: a request is smaller.
fn pack_links(links: Option<&[Link]>, second: &mut [u64; 8], put: &mut impl FnMut(Cell)) {
    let Some(links) = links else {
        return;
    };
    let links = &links[..links.len().min(u32::MAX as usize - 1)];
    // One more than there are, because no links and none that are kept are not the same.
    LINKS.put(second, links.len() as u64 + 1);
    for pair in links.chunks(2).rev() {
        let mut cell = [0; 8];
        for (at, link) in pair.iter().enumerate() {
            cell[4 * at] = link.trace_id.high();
            cell[4 * at + 1] = link.trace_id.low();
            cell[4 * at + 2] = link.span_id.as_u64();
        }
        put(Cell(cell));
    }
}

/// Unpacks the record that begins with `first`; `next` gives the cells after it.
#[inline]
pub(super) fn unpack(
    Cell(first): Cell,
    slice: (u64, u64),
    next: impl FnMut() -> Cell,
) -> SpanRecord {
    let (key, trace_high) = slice;
    if IS_WIDE.get(&first) == 1 {
        return unpack_wide(&first, key, next);
    }
    let low = |value: Sized| value.low.get(&first);
    record(&first, trace_id(trace_high, key), low)
}

/// A record with more than one cell.
#[cold]
fn unpack_wide(first: &[u64; 8], key: u64, mut next: impl FnMut() -> Cell) -> SpanRecord {
    let Cell(second) = next();
    let both = |value: Sized| value.low.get(first) | value.high.get(&second) << value.low.bits;
    let id = trace_id(TRACE_HIGH.get(&second), key);
    SpanRecord {
        arrived_ns: ARRIVED.get(&second),
        links: unpack_links(LINKS.get(&second), &mut next),
        ..record(first, id, both)
    }
}

/// The record of a first cell, without what only a second one has.
#[inline]
fn record(first: &[u64; 8], trace_id: TraceId, sized: impl Fn(Sized) -> u64) -> SpanRecord {
    let id = |value| low_half(sized(value));
    let has_parent = HAS_PARENT.get(first) == 1;
    SpanRecord {
        trace_id,
        span_id: span_id(first[0]),
        parent_id: has_parent.then(|| span_id(first[1])),
        kind: SpanKind::ALL[low_byte(KIND.get(first)) % SpanKind::ALL.len()],
        role: ROLES[low_byte(ROLE.get(first)) % ROLES.len()],
        marks: Marks::from_bits(id(MARKS)),
        signs: Signs::from_bits(sized(SIGNS)),
        resend: u16::try_from(sized(RESEND)).unwrap_or(u16::MAX),
        messages: id(MESSAGES),
        start_ns: first[2],
        arrived_ns: 0,
        duration_ns: sized(DURATION),
        node: id(NODE).into(),
        instance: id(INSTANCE).into(),
        resource: id(RESOURCE).into(),
        peer: id(PEER).into(),
        error: id(ERROR).into(),
        operation: id(OPERATION).into(),
        word: id(WORD).into(),
        weight: f32::from_bits(low_half(WEIGHT.get(first))),
        links: None,
    }
}

fn unpack_links(count: u64, next: &mut impl FnMut() -> Cell) -> Option<Box<[Link]>> {
    let count = usize::try_from(count.checked_sub(1)?).ok()?;
    let mut links = Vec::with_capacity(count);
    while links.len() < count {
        let Cell(cell) = next();
        for at in (0..8).step_by(4).take(count - links.len()) {
            links.push(Link {
                trace_id: trace_id(cell[at], cell[at + 1]),
                span_id: span_id(cell[at + 2]),
            });
        }
    }
    Some(links.into_boxed_slice())
}

const ROLES: [MessageRole; 6] = [
    MessageRole::None,
    MessageRole::Create,
    MessageRole::Send,
    MessageRole::Receive,
    MessageRole::Process,
    MessageRole::Settle,
];

const fn trace_id(high: u64, low: u64) -> TraceId {
    TraceId(((high as u128) << 64 | low as u128).to_be_bytes())
}

const fn span_id(id: u64) -> SpanId {
    SpanId(id.to_be_bytes())
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "the low half is what is wanted"
)]
const fn low_half(word: u64) -> u32 {
    word as u32
}

const fn low_byte(word: u64) -> usize {
    (word & 0xff) as usize
}

#[cfg(test)]
mod tests;
