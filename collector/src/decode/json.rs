//! OTLP/JSON, streamed through visitors: nothing above a single span is materialised.
//!
//! Follows the specification (hex ids of either case, 64-bit integers as text or numbers, enums as numbers or names,
//! unknown fields ignored) and also takes `snake_case` names, `null` for absent, and a lone `ResourceSpans` object. Its
//! own types nest to a fixed depth and everything else is skipped without recursion, so deep input is harmless.
//! Text that is not UTF-8 costs only the spans that need it.

pub(super) mod scalar;
mod span;

use std::borrow::Cow;
use std::fmt;

use serde::de::{
    DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor,
};
use serde_json::value::RawValue;
use tracemesh_graph::attribute::AttributeSet;
use tracemesh_graph::span::{RejectReason, SpanSink};

use super::DecodeError;
pub(super) use span::checked;

/// Stands for bytes that were not UTF-8: a noncharacter, which no real text holds.
const BAD_UTF8: char = '\u{10FFFF}';

/// Longest piece of foreign text in an error message, in characters.
const MAX_QUOTE_CHARS: usize = 120;

/// What a JSON object turned out to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum JsonContents {
    /// A trace export request, or a lone `ResourceSpans`.
    Traces,
    /// Something else; its first keys, cut and escaped, for messages.
    Other(Vec<String>),
}

/// Feeds every span of one export request to the sink, in document order.
///
/// Keys outside OTLP are ignored, so an object without any of ours is fine and reported as
/// [`JsonContents::Other`]. A byte order mark is not accepted here.
///
/// # Errors
/// When the bytes are not one JSON object, or a field above the spans has an impossible type; spans before that
/// place were already fed.
pub fn decode_json(bytes: &[u8], sink: &mut dyn SpanSink) -> Result<JsonContents, DecodeError> {
    let (text, sanitised) = readable(bytes);
    let mut walk = Walk {
        sink,
        sanitised,
        recognised: false,
        resource_fault: None,
        keys: Vec::new(),
    };
    let mut deserializer = serde_json::Deserializer::from_str(&text);
    ObjectSeed {
        walk: &mut walk,
        place: Place::Request,
    }
    .deserialize(&mut deserializer)
    .and_then(|()| deserializer.end())
    .map_err(|error| locate(&text, &error))?;
    Ok(if walk.recognised {
        JsonContents::Traces
    } else {
        JsonContents::Other(walk.keys)
    })
}

/// The bytes as text, and true when something was not UTF-8. That is replaced by [`BAD_UTF8`], so that the document can
/// still be followed.
pub(super) fn readable(bytes: &[u8]) -> (Cow<'_, str>, bool) {
    if let Ok(text) = std::str::from_utf8(bytes) {
        return (Cow::Borrowed(text), false);
    }
    let mut text = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        text.push_str(chunk.valid());
        if !chunk.invalid().is_empty() {
            text.push(BAD_UTF8);
        }
    }
    (Cow::Owned(text), true)
}

/// The error with its place in the text.
pub(super) fn locate(text: &str, error: &serde_json::Error) -> DecodeError {
    let before: usize = text
        .split_inclusive('\n')
        .take(error.line().saturating_sub(1))
        .map(str::len)
        .sum();
    let full = error.to_string();
    let suffix = format!(" at line {} column {}", error.line(), error.column());
    DecodeError::Json {
        offset: (before + error.column().saturating_sub(1)).min(text.len()),
        line: error.line(),
        column: error.column(),
        cause: quote(full.strip_suffix(&suffix).unwrap_or(&full)),
    }
}

/// Foreign text made safe for one line of a message.
pub(crate) fn quote(text: &str) -> String {
    let mut quoted = String::new();
    for character in text.chars().take(MAX_QUOTE_CHARS) {
        match character {
            '"' | '\'' => quoted.push(character),
            _ => quoted.extend(character.escape_debug()),
        }
    }
    if text.chars().nth(MAX_QUOTE_CHARS).is_some() {
        quoted.push_str("...");
    }
    quoted
}

struct Walk<'s> {
    sink: &'s mut dyn SpanSink,
    sanitised: bool,
    recognised: bool,
    /// Why the spans of the current resource cannot be used.
    resource_fault: Option<RejectReason>,
    keys: Vec<String>,
}

impl Walk<'_> {
    fn begin_resource(&mut self, resource: Option<&RawValue>) {
        self.resource_fault = None;
        if let Some(raw) = resource {
            match span::resource(raw.get(), self.sanitised, self.sink) {
                Ok(()) => return,
                Err(reason) => self.resource_fault = Some(reason),
            }
        }
        self.sink.resource(&AttributeSet::default());
    }

    fn span(&mut self, raw: &RawValue) {
        let outcome = match self.resource_fault {
            Some(reason) => Err(reason),
            None => span::span(raw.get(), self.sanitised, self.sink),
        };
        if let Err(reason) = outcome {
            self.sink.rejected(reason);
        }
    }
}

/// Where in the request an object or array stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Request,
    ResourceSpans,
    ScopeSpans,
    Span,
}

/// An object at a place; `null` counts as empty.
struct ObjectSeed<'w, 's> {
    walk: &'w mut Walk<'s>,
    place: Place,
}

impl<'de> DeserializeSeed<'de> for ObjectSeed<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for ObjectSeed<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.place {
            Place::Request => "an export request object",
            Place::ResourceSpans => "a ResourceSpans object",
            Place::ScopeSpans => "a ScopeSpans object",
            Place::Span => "a span object",
        })
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<(), A::Error> {
        match self.place {
            Place::ScopeSpans => scope_spans(self.walk, map),
            _ => resource_spans(self.walk, self.place, map),
        }
    }
}

/// The fields of a `ResourceSpans`, or of a request, which may be either.
fn resource_spans<'de, A: MapAccess<'de>>(
    walk: &mut Walk<'_>,
    place: Place,
    mut map: A,
) -> Result<(), A::Error> {
    let mut begun = false;
    // Spans that came before their resource wait as text.
    let mut deferred: Vec<&'de RawValue> = Vec::new();
    while let Some(name) = map.next_key::<Name>()? {
        match name {
            Name::ResourceSpans if place == Place::Request => {
                walk.recognised = true;
                map.next_value_seed(array(walk, Place::ResourceSpans))?;
            }
            Name::Resource if begun => return Err(A::Error::custom("duplicate field `resource`")),
            Name::Resource => {
                walk.begin_resource(Some(map.next_value::<&'de RawValue>()?));
                begun = true;
            }
            Name::ScopeSpans => {
                walk.recognised = true;
                if begun {
                    map.next_value_seed(array(walk, Place::ScopeSpans))?;
                } else {
                    deferred.push(map.next_value::<&'de RawValue>()?);
                }
            }
            other => {
                if place == Place::Request && walk.keys.len() < 4 {
                    walk.keys.push(other.into_text());
                }
                map.next_value::<IgnoredAny>()?;
            }
        }
    }
    if !begun && !deferred.is_empty() {
        walk.begin_resource(None);
    }
    for raw in deferred {
        array(walk, Place::ScopeSpans)
            .deserialize(&mut serde_json::Deserializer::from_str(raw.get()))
            .map_err(A::Error::custom)?;
    }
    Ok(())
}

fn scope_spans<'de, A: MapAccess<'de>>(walk: &mut Walk<'_>, mut map: A) -> Result<(), A::Error> {
    while let Some(name) = map.next_key::<Name>()? {
        if matches!(name, Name::Spans) {
            map.next_value_seed(array(walk, Place::Span))?;
        } else {
            map.next_value::<IgnoredAny>()?;
        }
    }
    Ok(())
}

/// An array whose elements stand at `place`; `null` counts as empty.
struct ArraySeed<'w, 's> {
    walk: &'w mut Walk<'s>,
    place: Place,
}

fn array<'w, 's>(walk: &'w mut Walk<'s>, place: Place) -> ArraySeed<'w, 's> {
    ArraySeed { walk, place }
}

impl<'de> DeserializeSeed<'de> for ArraySeed<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for ArraySeed<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.place {
            Place::Request => "an array of export requests",
            Place::ResourceSpans => "an array of ResourceSpans",
            Place::ScopeSpans => "an array of ScopeSpans",
            Place::Span => "an array of spans",
        })
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        let Self { walk, place } = self;
        if place == Place::Span {
            while let Some(raw) = seq.next_element::<&'de RawValue>()? {
                walk.span(raw);
            }
            return Ok(());
        }
        while seq.next_element_seed(ObjectSeed { walk, place })?.is_some() {}
        Ok(())
    }
}

/// The keys that lead to spans, in either spelling.
enum Name {
    ResourceSpans,
    Resource,
    ScopeSpans,
    Spans,
    Other(String),
}

impl Name {
    fn into_text(self) -> String {
        match self {
            Self::ResourceSpans => "resourceSpans".to_owned(),
            Self::Resource => "resource".to_owned(),
            Self::ScopeSpans => "scopeSpans".to_owned(),
            Self::Spans => "spans".to_owned(),
            Self::Other(text) => text,
        }
    }
}

impl<'de> serde::Deserialize<'de> for Name {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct NameVisitor;
        impl Visitor<'_> for NameVisitor {
            type Value = Name;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a field name")
            }

            fn visit_str<E>(self, name: &str) -> Result<Name, E> {
                Ok(match name {
                    "resourceSpans" | "resource_spans" => Name::ResourceSpans,
                    "resource" => Name::Resource,
                    // The name before OTLP 0.15, still in old files.
                    "scopeSpans" | "scope_spans" | "instrumentationLibrarySpans" => {
                        Name::ScopeSpans
                    }
                    "spans" => Name::Spans,
                    other => Name::Other(quote(other)),
                })
            }
        }
        deserializer.deserialize_identifier(NameVisitor)
    }
}

#[cfg(test)]
mod tests;
