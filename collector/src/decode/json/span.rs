//! One JSON span or resource, parsed on its own so that its faults stay its own.

mod details;

use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, SeqAccess, Visitor};
use serde_json::value::RawValue;
use tracemesh_graph::attribute::{AttributeSet, Headers, Key, KeyAliases, Value};
use tracemesh_graph::span::{
    Link, RejectReason, SpanEvents, SpanId, SpanKind, SpanSink, SpanView, TraceId,
};

use super::BAD_UTF8;
use super::scalar::{Double, Enum, Text, Whole};
use crate::decode::{MAX_ATTRIBUTES, MAX_LINKS};

const KINDS: [&str; 6] = [
    "UNSPECIFIED",
    "INTERNAL",
    "SERVER",
    "CLIENT",
    "PRODUCER",
    "CONSUMER",
];
const STATUS_CODES: [&str; 3] = ["UNSET", "OK", "ERROR"];
const STATUS_ERROR: i64 = 2;

/// Feeds the resource to the sink, or says why its spans cannot be used.
pub(super) fn resource(
    raw: &str,
    sanitised: bool,
    sink: &mut dyn SpanSink,
) -> Result<(), RejectReason> {
    let resource: Option<ResourceObject<'_>> = parse(raw)?;
    let mut attributes = resource.and_then(|resource| resource.attributes);
    add_aliases(raw, sink.aliases(), &mut attributes)?;
    let set = attribute_set(attributes.as_ref(), sanitised)?;
    sink.resource(&set);
    Ok(())
}

/// Feeds the span to the sink, or says why it cannot be used.
pub(super) fn span(
    raw: &str,
    sanitised: bool,
    sink: &mut dyn SpanSink,
) -> Result<(), RejectReason> {
    // Derived readers also take arrays, by position; OTLP has no such thing.
    if !raw.starts_with('{') {
        return Err(RejectReason::Malformed);
    }
    let mut span: SpanObject<'_> = parse(raw)?;
    add_aliases(raw, sink.aliases(), &mut span.attributes)?;
    let headers = span
        .attributes
        .as_mut()
        .map(|a| std::mem::take(&mut a.headers));
    let mut attributes = attribute_set(span.attributes.as_ref(), sanitised)?;
    let headers = headers.unwrap_or_default();
    details::note_headers(&headers, sink.aliases(), &mut attributes);
    let events = details::events(span.events);
    let links = span.links.unwrap_or_default();
    if links.count > MAX_LINKS {
        return Err(RejectReason::Limit);
    }
    let code = span.status.unwrap_or_default().code;
    sink.span(&SpanView {
        trace_id: trace_id(&span.trace_id.0).ok_or(RejectReason::TraceId)?,
        span_id: span_id(&span.span_id.0).ok_or(RejectReason::SpanId)?,
        parent_id: parent_id(&span.parent_span_id.0)?,
        kind: SpanKind::from_otlp(span.kind.number("SPAN_KIND_", &KINDS)),
        start_ns: fits(span.start_time_unix_nano)?,
        end_ns: fits(span.end_time_unix_nano)?,
        is_error: code.number("STATUS_CODE_", &STATUS_CODES) == STATUS_ERROR,
        flags: fits(span.flags)?,
        trace_state: checked(&span.trace_state, sanitised)?,
        name: checked(&span.name, sanitised)?,
        attributes: &attributes,
        events: SpanEvents {
            messages: events.messages,
            exception: &events.exception,
        },
        links: &links.found,
    });
    Ok(())
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct ResourceObject<'a> {
    #[serde(borrow)]
    attributes: Option<Attributes<'a>>,
}

#[derive(Deserialize, Default)]
#[serde(default, rename_all = "camelCase")]
struct SpanObject<'a> {
    #[serde(borrow, alias = "trace_id")]
    trace_id: Text<'a>,
    #[serde(borrow, alias = "span_id")]
    span_id: Text<'a>,
    #[serde(borrow, alias = "parent_span_id")]
    parent_span_id: Text<'a>,
    #[serde(borrow, alias = "trace_state")]
    trace_state: Text<'a>,
    #[serde(borrow)]
    name: Text<'a>,
    #[serde(borrow)]
    kind: Enum<'a>,
    #[serde(alias = "start_time_unix_nano")]
    start_time_unix_nano: Whole,
    #[serde(alias = "end_time_unix_nano")]
    end_time_unix_nano: Whole,
    flags: Whole,
    #[serde(borrow)]
    attributes: Option<Attributes<'a>>,
    #[serde(borrow)]
    events: Option<&'a RawValue>,
    links: Option<Links>,
    #[serde(borrow)]
    status: Option<StatusObject<'a>>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct StatusObject<'a> {
    #[serde(borrow)]
    code: Enum<'a>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct AttributeObject<'a> {
    #[serde(borrow)]
    key: Text<'a>,
    #[serde(borrow)]
    value: Option<&'a RawValue>,
}

#[derive(Deserialize, Default)]
#[serde(default, rename_all = "camelCase")]
struct ValueObject<'a> {
    #[serde(borrow, alias = "string_value")]
    string_value: Option<Text<'a>>,
    #[serde(alias = "int_value")]
    int_value: Option<Whole>,
    #[serde(alias = "double_value")]
    double_value: Option<Double>,
    #[serde(alias = "bool_value")]
    bool_value: Option<bool>,
}

#[derive(Deserialize, Default)]
#[serde(default, rename_all = "camelCase")]
struct LinkObject<'a> {
    #[serde(borrow, alias = "trace_id")]
    trace_id: Text<'a>,
    #[serde(borrow, alias = "span_id")]
    span_id: Text<'a>,
}

/// The values of the keys that some rule reads; the others are counted and forgotten while reading.
#[derive(Default)]
struct Attributes<'a> {
    known: Vec<(Key, ValueObject<'a>)>,
    /// Captured headers with their values, unread.
    headers: Vec<(Text<'a>, &'a RawValue)>,
    count: usize,
}

impl<'de: 'a, 'a> Deserialize<'de> for Attributes<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct AttributesVisitor;
        impl<'de> Visitor<'de> for AttributesVisitor {
            type Value = Attributes<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an array of attributes")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
                let mut attributes = Attributes::default();
                while let Some(attribute) = seq.next_element::<AttributeObject<'de>>()? {
                    attributes.count += 1;
                    let Some(raw) = attribute.value else {
                        continue;
                    };
                    let Some(key) = Key::lookup(&attribute.key.0) else {
                        if Headers::name_of(&attribute.key.0).is_some()
                            && attributes.count <= MAX_ATTRIBUTES
                        {
                            attributes.headers.push((attribute.key, raw));
                        }
                        continue;
                    };
                    if attributes.count <= MAX_ATTRIBUTES {
                        let value = serde_json::from_str(raw.get())
                            .map_err(<A::Error as serde::de::Error>::custom)?;
                        attributes.known.push((key, value));
                    }
                }
                Ok(attributes)
            }
        }
        deserializer.deserialize_seq(AttributesVisitor)
    }
}

/// An object of which only the attributes matter, whatever their keys.
#[derive(Deserialize, Default)]
#[serde(default)]
struct Attributed<'a> {
    #[serde(borrow)]
    attributes: Option<Vec<AttributeObject<'a>>>,
}

/// Reads the attributes again with configured keys, where there are any: what reads a span knows the closed list only.
fn add_aliases<'a>(
    raw: &'a str,
    aliases: &KeyAliases,
    attributes: &mut Option<Attributes<'a>>,
) -> Result<(), RejectReason> {
    let Some(known) = attributes.as_mut().filter(|_| !aliases.is_empty()) else {
        return Ok(());
    };
    known.known.clear();
    let all: Attributed<'a> = parse(raw)?;
    for attribute in all.attributes.into_iter().flatten().take(MAX_ATTRIBUTES) {
        if let (Some(key), Some(raw)) = (aliases.lookup(&attribute.key.0), attribute.value) {
            known.known.push((key, parse(raw.get())?));
        }
    }
    Ok(())
}

/// The valid links; invalid ones are counted only.
#[derive(Default)]
struct Links {
    found: Vec<Link>,
    count: usize,
}

impl<'de> Deserialize<'de> for Links {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct LinksVisitor;
        impl<'de> Visitor<'de> for LinksVisitor {
            type Value = Links;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an array of links")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Links, A::Error> {
                let mut links = Links::default();
                while let Some(link) = seq.next_element::<LinkObject<'de>>()? {
                    links.count += 1;
                    if links.count > MAX_LINKS {
                        continue;
                    }
                    if let (Some(trace_id), Some(span_id)) =
                        (trace_id(&link.trace_id.0), span_id(&link.span_id.0))
                    {
                        links.found.push(Link { trace_id, span_id });
                    }
                }
                Ok(links)
            }
        }
        deserializer.deserialize_seq(LinksVisitor)
    }
}

fn parse<'a, T: Deserialize<'a>>(raw: &'a str) -> Result<T, RejectReason> {
    serde_json::from_str(raw)
        .ok()
        .ok_or(RejectReason::Malformed)
}

fn attribute_set<'a>(
    attributes: Option<&'a Attributes<'_>>,
    sanitised: bool,
) -> Result<AttributeSet<'a>, RejectReason> {
    let mut set = AttributeSet::default();
    let Some(attributes) = attributes else {
        return Ok(set);
    };
    if attributes.count > MAX_ATTRIBUTES {
        return Err(RejectReason::Limit);
    }
    for (key, value) in &attributes.known {
        if let Some(text) = &value.string_value {
            set.insert(*key, Value::Text(checked(text, sanitised)?));
        } else if let Some(number) = value.int_value {
            set.insert(*key, Value::Int(fits(number)?));
        } else if let Some(number) = value.double_value {
            set.insert(*key, Value::Double(number.0));
        } else if let Some(claim) = value.bool_value {
            set.insert(*key, Value::Bool(claim));
        }
    }
    Ok(set)
}

fn fits<T: TryFrom<i128>>(number: Whole) -> Result<T, RejectReason> {
    number.get().ok_or(RejectReason::Malformed)
}

/// Text that every reader may use; fails for what was not UTF-8.
pub(in crate::decode) fn checked<'t>(
    text: &'t Text<'_>,
    sanitised: bool,
) -> Result<&'t str, RejectReason> {
    if sanitised && text.0.contains(BAD_UTF8) {
        return Err(RejectReason::Utf8);
    }
    Ok(&text.0)
}

fn trace_id(hex: &str) -> Option<TraceId> {
    let id: [u8; 16] = from_hex(hex)?;
    (id != [0; 16]).then_some(TraceId(id))
}

fn span_id(hex: &str) -> Option<SpanId> {
    let id: [u8; 8] = from_hex(hex)?;
    (id != [0; 8]).then_some(SpanId(id))
}

fn parent_id(hex: &str) -> Result<Option<SpanId>, RejectReason> {
    if hex.is_empty() {
        return Ok(None);
    }
    let id: [u8; 8] = from_hex(hex).ok_or(RejectReason::ParentId)?;
    Ok((id != [0; 8]).then_some(SpanId(id)))
}

fn from_hex<const N: usize>(hex: &str) -> Option<[u8; N]> {
    let (digits, []) = hex.as_bytes().as_chunks::<2>() else {
        return None;
    };
    let digits: &[[u8; 2]; N] = digits.try_into().ok()?;
    let mut id = [0; N];
    for (byte, [high, low]) in id.iter_mut().zip(digits) {
        *byte = nibble(*high)? << 4 | nibble(*low)?;
    }
    Some(id)
}

fn nibble(digit: u8) -> Option<u8> {
    u8::try_from(char::from(digit).to_digit(16)?).ok()
}
