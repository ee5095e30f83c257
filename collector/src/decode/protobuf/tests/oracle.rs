//! Random requests, and random other encodings of the same request.

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value as OtlpValue;
use opentelemetry_proto::tonic::common::v1::{
    AnyValue, ArrayValue, InstrumentationScope, KeyValue, KeyValueList,
};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::span::{Event, Link as OtlpLink};
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span as OtlpSpan, Status};
use proptest::collection::vec;
use proptest::prelude::*;
use prost::encoding::encode_varint;
use tracemesh_graph::attribute::Key;
use tracemesh_graph::span::RejectReason;

use crate::decode::{Reader, Value};
use crate::testing::{Capture, Seen};

pub(super) fn request() -> impl Strategy<Value = ExportTraceServiceRequest> {
    vec(resource_spans(), 0..3)
        .prop_map(|resource_spans| ExportTraceServiceRequest { resource_spans })
}

fn resource_spans() -> impl Strategy<Value = ResourceSpans> {
    let resource = vec(attribute(), 0..4).prop_map(|attributes| Resource {
        attributes,
        dropped_attributes_count: 1,
        ..Resource::default()
    });
    (prop::option::of(resource), vec(scope_spans(), 0..3)).prop_map(|(resource, scope_spans)| {
        ResourceSpans {
            resource,
            scope_spans,
            schema_url: "https://opentelemetry.io".to_owned(),
        }
    })
}

fn scope_spans() -> impl Strategy<Value = ScopeSpans> {
    vec(span(), 0..4).prop_map(|spans| ScopeSpans {
        scope: Some(InstrumentationScope {
            name: "http".to_owned(),
            ..InstrumentationScope::default()
        }),
        spans,
        schema_url: String::new(),
    })
}

/// Mostly of the right length, sometimes not, sometimes zero.
fn id(length: usize) -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        8 => vec(any::<u8>(), length),
        1 => vec(any::<u8>(), 0..20),
        1 => Just(vec![0; length]),
    ]
}

fn span() -> impl Strategy<Value = OtlpSpan> {
    let ids = (id(16), id(8), id(8));
    let texts = (".{0,6}", ".{0,6}");
    let numbers = (-1..9, any::<u64>(), any::<u64>(), any::<u32>());
    let link = (id(16), id(8)).prop_map(|(trace_id, span_id)| OtlpLink {
        trace_id,
        span_id,
        flags: 7,
        ..OtlpLink::default()
    });
    let status =
        prop::option::of((-1..4, ".{0,4}").prop_map(|(code, message)| Status { code, message }));
    let lists = (vec(attribute(), 0..6), vec(link, 0..3), status);
    (ids, texts, numbers, lists).prop_map(|(ids, texts, numbers, lists)| OtlpSpan {
        trace_id: ids.0,
        span_id: ids.1,
        parent_span_id: ids.2,
        trace_state: texts.0,
        name: texts.1,
        kind: numbers.0,
        start_time_unix_nano: numbers.1,
        end_time_unix_nano: numbers.2,
        flags: numbers.3,
        attributes: lists.0,
        links: lists.1,
        status: lists.2,
        events: vec![Event::default()],
        dropped_events_count: 3,
        ..OtlpSpan::default()
    })
}

fn attribute() -> impl Strategy<Value = KeyValue> {
    let key = prop_oneof![
        3 => prop::sample::select(Key::ALL).prop_map(|key| key.name().to_owned()),
        1 => ".{0,5}",
    ];
    (key, prop::option::of(any_value())).prop_map(|(key, value)| KeyValue {
        key,
        value: value.map(|value| AnyValue { value }),
        ..KeyValue::default()
    })
}

fn any_value() -> impl Strategy<Value = Option<OtlpValue>> {
    prop_oneof![
        Just(None),
        ".{0,8}".prop_map(|text| Some(OtlpValue::StringValue(text))),
        any::<i64>().prop_map(|number| Some(OtlpValue::IntValue(number))),
        (-9.0..9.0).prop_map(|number| Some(OtlpValue::DoubleValue(number))),
        any::<bool>().prop_map(|claim| Some(OtlpValue::BoolValue(claim))),
        vec(any::<u8>(), 0..4).prop_map(|bytes| Some(OtlpValue::BytesValue(bytes))),
        Just(Some(OtlpValue::ArrayValue(ArrayValue {
            values: vec![AnyValue {
                value: Some(OtlpValue::IntValue(1))
            }],
        }))),
        Just(Some(OtlpValue::KvlistValue(KeyValueList::default()))),
    ]
}

/// What the two decoders may disagree on after a mutation: this one does not look into what it does not need, so it
/// only has to give the same answer for what prost accepted.
pub(super) fn agree(ours: &Capture, theirs: &Capture) -> bool {
    ours.0.len() == theirs.0.len()
        && ours.0.iter().zip(&theirs.0).all(|pair| match pair {
            // A group is skipped by prost and refused here.
            (Seen::Rejected(RejectReason::Malformed), _) => true,
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
    match value {
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
