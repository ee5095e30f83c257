//! Random other encodings of the same request, and where the two decoders may differ.

use prost::encoding::encode_varint;
use tracemesh_graph::span::RejectReason;

use crate::decode::{Reader, Value};
use crate::testing::{Capture, Seen};

/// What the two decoders may disagree on after a mutation: this one does not look into what it does not need, so it
/// only has to give the same answer for what prost accepted.
pub(super) fn agree(ours: &Capture, theirs: &Capture) -> bool {
    ours.0.len() == theirs.0.len()
        && ours.0.iter().zip(&theirs.0).all(|pair| match pair {
            // A group is skipped by prost and refused here.
            (Seen::Rejected(RejectReason::Malformed), _) => true,
            (Seen::Span(ours), Seen::Span(theirs)) => {
                let mut ours = ours.clone();
                // What no edge needs is given up at the first fault instead of rejecting the span.
                ours.details.clone_from(&theirs.details);
                ours == *theirs
            }
            (ours, theirs) => ours == theirs,
        })
}

/// Messages whose fields may be moved: request, resource spans, resource, scope spans, span, attribute.
#[derive(Clone, Copy)]
enum Shape {
    Request,
    ResourceSpans,
    Attributes(u32),
    ScopeSpans,
    Span,
    Opaque,
}

impl Shape {
    const fn child(self, number: u32) -> Self {
        match (self, number) {
            (Self::Request, 1) => Self::ResourceSpans,
            (Self::ResourceSpans, 1) => Self::Attributes(1),
            (Self::ResourceSpans, 2) => Self::ScopeSpans,
            (Self::ScopeSpans, 2) => Self::Span,
            (Self::Span, 9) => Self::Attributes(0),
            (Self::Attributes(list), number) if list == number && list != 0 => Self::Attributes(0),
            _ => Self::Opaque,
        }
    }
}

impl Shape {
    /// True for a field of which the last value counts. Values of attributes are left alone: of captured headers every
    /// value is a line.
    const fn is_singular(self, number: u32) -> bool {
        match self {
            Self::Span => matches!(number, 1..=8 | 16),
            Self::Attributes(0) => number == 1,
            _ => false,
        }
    }
}

struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % sides
    }
}

/// Encodes the same request in another way.
pub(super) fn scramble(bytes: &[u8], seed: u64) -> Vec<u8> {
    message(bytes, Shape::Request, &mut Dice(seed | 1))
}

fn message(bytes: &[u8], shape: Shape, dice: &mut Dice) -> Vec<u8> {
    if matches!(shape, Shape::Opaque) {
        return bytes.to_vec();
    }
    let mut fields: Vec<(u32, Vec<u8>)> = Vec::new();
    let mut reader = Reader::new(bytes, 0);
    while let Some((number, value)) = reader.next_field().unwrap() {
        fields.push((number, field(number, value, shape, dice)));
    }
    // Swaps of neighbours with different numbers keep the order of repeated fields.
    for _ in 0..fields.len() * 2 {
        let at = usize::try_from(dice.roll(fields.len() as u64)).unwrap();
        if at > 0 && fields[at].0 != fields[at - 1].0 {
            fields.swap(at, at - 1);
        }
    }
    let mut output = Vec::new();
    for (_, field) in fields {
        if dice.roll(4) == 0 {
            unknown(&mut output, dice);
        }
        output.extend(field);
    }
    unknown(&mut output, dice);
    output
}

fn field(number: u32, value: Value<'_>, shape: Shape, dice: &mut Dice) -> Vec<u8> {
    let mut output = Vec::new();
    let number_tag = u64::from(number) << 3;
    if shape.is_singular(number) && dice.roll(8) == 0 {
        decoy(number_tag, value, &mut output, dice);
    }
    match value {
        Value::Block(block) if matches!((shape, number), (Shape::ResourceSpans, 1)) => {
            for part in parts(block.bytes(), dice) {
                let content = message(part, shape.child(number), dice);
                overlong(number_tag | 2, &mut output, dice);
                overlong(content.len() as u64, &mut output, dice);
                output.extend(content);
            }
        }
        Value::Varint(varint) => {
            overlong(number_tag, &mut output, dice);
            overlong(varint, &mut output, dice);
        }
        Value::Fixed64(bits) => {
            overlong(number_tag | 1, &mut output, dice);
            output.extend(bits.to_le_bytes());
        }
        Value::Fixed32(bits) => {
            overlong(number_tag | 5, &mut output, dice);
            output.extend(bits.to_le_bytes());
        }
        Value::Block(block) => {
            let content = message(block.bytes(), shape.child(number), dice);
            overlong(number_tag | 2, &mut output, dice);
            overlong(content.len() as u64, &mut output, dice);
            output.extend(content);
        }
    }
    output
}

/// An earlier value of a field of which the last value counts.
fn decoy(number_tag: u64, value: Value<'_>, output: &mut Vec<u8>, dice: &mut Dice) {
    match value {
        Value::Varint(number) => {
            overlong(number_tag, output, dice);
            overlong(number ^ 1, output, dice);
        }
        Value::Fixed64(bits) => {
            overlong(number_tag | 1, output, dice);
            output.extend((bits ^ 1).to_le_bytes());
        }
        Value::Fixed32(bits) => {
            overlong(number_tag | 5, output, dice);
            output.extend((bits ^ 1).to_le_bytes());
        }
        Value::Block(_) => {
            overlong(number_tag | 2, output, dice);
            overlong(3, output, dice);
            output.extend(b"xyz");
        }
    }
}

/// A message in one or two parts, which whoever reads them puts together.
fn parts<'a>(bytes: &'a [u8], dice: &mut Dice) -> Vec<&'a [u8]> {
    let mut reader = Reader::new(bytes, 0);
    let mut cuts = Vec::new();
    while let Some(_field) = reader.next_field().unwrap() {
        cuts.push(reader.offset());
    }
    if cuts.is_empty() || dice.roll(3) > 0 {
        return vec![bytes];
    }
    let at = cuts[usize::try_from(dice.roll(cuts.len() as u64)).unwrap()];
    let (front, back) = bytes.split_at(at);
    vec![front, back]
}

/// A number with up to two bytes more than it needs.
fn overlong(number: u64, output: &mut Vec<u8>, dice: &mut Dice) {
    encode_varint(number, output);
    if number < 1 << 28 && dice.roll(5) == 0 {
        let last = output.len() - 1;
        output[last] |= 0x80;
        output.extend([0x80, 0x00]);
    }
}

/// A field that no version of OTLP has.
fn unknown(output: &mut Vec<u8>, dice: &mut Dice) {
    let number = 2_000 + dice.roll(1_000_000);
    match dice.roll(5) {
        0 => {
            encode_varint(number << 3, output);
            encode_varint(dice.roll(u64::MAX), output);
        }
        1 => {
            encode_varint(number << 3 | 1, output);
            output.extend([0xff; 8]);
        }
        2 => {
            encode_varint(number << 3 | 2, output);
            output.extend([3, 0x0b, 0xff, 0x0a]);
        }
        3 => {
            encode_varint(number << 3 | 5, output);
            output.extend([0x0b; 4]);
        }
        _ => {}
    }
}
