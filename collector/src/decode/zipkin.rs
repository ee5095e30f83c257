//! Zipkin v2 JSON: the spans of a request or file, each on its own.
//!
//! Maps as the OpenTelemetry specification does, backwards: a local endpoint is a resource, a remote endpoint a peer, tags
//! are attributes of either. Both halves of a span with a shared id stay spans of that id, which inference knows how to
//! read. Does not read version 1, whose spans are rejected, and of annotations only times.

mod endpoint;

use std::fmt;

use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, SeqAccess, Visitor};
use serde_json::value::RawValue;
use tracemesh_graph::attribute::{AttributeSet, Key, KeyAliases};
use tracemesh_graph::span::{RejectReason, SpanEvents, SpanKind, SpanSink, SpanView};

use super::json::scalar::{Text, Whole};
use super::json::{checked, locate, readable};
use super::tags::{Scalar, Tags, given_name, is_of_resource};
use super::{DecodeError, ids};
use endpoint::Endpoint;

/// Feeds every span of a list to the sink, in document order. A lone span object is a list of one.
///
/// # Errors
/// When the bytes are not JSON, or neither a list nor an object; spans before that place were already fed.
pub fn decode_zipkin(bytes: &[u8], sink: &mut dyn SpanSink) -> Result<(), DecodeError> {
    let (text, sanitised) = readable(bytes);
    let mut deserializer = serde_json::Deserializer::from_str(&text);
    let outcome = if text.trim_start().starts_with('{') {
        <&RawValue>::deserialize(&mut deserializer).map(|raw| feed(raw, sanitised, sink))
    } else {
        let list = SpansSeed { sink, sanitised };
        list.deserialize(&mut deserializer)
    };
    outcome
        .and_then(|()| deserializer.end())
        .map_err(|error| locate(&text, &error))
}

/// A list of spans.
struct SpansSeed<'s> {
    sink: &'s mut dyn SpanSink,
    sanitised: bool,
}

impl<'de> DeserializeSeed<'de> for SpansSeed<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for SpansSeed<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of Zipkin spans")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        while let Some(raw) = seq.next_element::<&'de RawValue>()? {
            feed(raw, self.sanitised, self.sink);
        }
        Ok(())
    }
}

fn feed(raw: &RawValue, sanitised: bool, sink: &mut dyn SpanSink) {
    if let Err(reason) = span(raw.get(), sanitised, sink) {
        sink.rejected(reason);
    }
}

/// A span of version 2. Unknown fields, and `debug`, are passed over.
#[derive(Deserialize, Default)]
#[serde(default, rename_all = "camelCase")]
struct SpanObject<'a> {
    #[serde(borrow)]
    trace_id: Text<'a>,
    #[serde(borrow)]
    id: Text<'a>,
    #[serde(borrow)]
    parent_id: Text<'a>,
    #[serde(borrow)]
    kind: Text<'a>,
    #[serde(borrow)]
    name: Text<'a>,
    timestamp: Whole,
    duration: Whole,
    shared: Option<bool>,
    #[serde(borrow)]
    local_endpoint: Option<Endpoint<'a>>,
    #[serde(borrow)]
    remote_endpoint: Option<Endpoint<'a>>,
    #[serde(borrow)]
    tags: Option<&'a RawValue>,
    #[serde(borrow)]
    annotations: Option<&'a RawValue>,
    /// Only version 1 has them.
    binary_annotations: Option<IgnoredAny>,
}

/// Feeds one span and its resource to the sink, or says why it cannot be used.
fn span(raw: &str, sanitised: bool, sink: &mut dyn SpanSink) -> Result<(), RejectReason> {
    // Derived readers also take arrays, by position; Zipkin has no such thing.
    if !raw.starts_with('{') {
        return Err(RejectReason::Malformed);
    }
    let object: SpanObject<'_> = serde_json::from_str(raw)
        .ok()
        .ok_or(RejectReason::Malformed)?;
    if object.binary_annotations.is_some() {
        return Err(RejectReason::Malformed);
    }
    let tags = tags_of(&object, sink.aliases())?;
    let kind = kind_of(&object, &tags);
    let local = object.local_endpoint.unwrap_or_default();
    let remote = object.remote_endpoint.unwrap_or_default();
    let instance = local.instance();
    let resource = resource_of(&tags, &local, instance.as_deref(), sanitised)?;

    let mut attributes = AttributeSet::default();
    tags.put(&mut attributes, sanitised, |key| !is_of_resource(key))?;
    tags.note_headers(&mut attributes, sink.aliases(), sanitised);
    local.describe_server(kind, &mut attributes);
    let peer = checked(&remote.service_name, sanitised)?;
    remote.describe_peer(peer, kind, &mut attributes);

    let span_id = ids::span_id(&object.id.0)?;
    let (start_ns, end_ns) = times(object.timestamp, object.duration, object.annotations)?;
    let view = SpanView {
        trace_id: ids::trace_id(&object.trace_id.0)?,
        span_id,
        // Tracers of the first years have roots that are their own parents; Zipkin itself forgets that.
        parent_id: ids::parent_id(&object.parent_id.0)?.filter(|parent| *parent != span_id),
        kind,
        start_ns,
        end_ns,
        is_error: is_error(&tags),
        flags: 0,
        trace_state: tags.trace_state(sanitised)?,
        name: checked(&object.name, sanitised)?,
        attributes: &attributes,
        events: SpanEvents::default(),
        links: &tags.links,
    };
    sink.resource(&resource);
    sink.span(&view);
    Ok(())
}

/// The resource that a local endpoint is, with the tags that describe it.
fn resource_of<'s>(
    tags: &'s Tags<'_>,
    local: &'s Endpoint<'_>,
    instance: Option<&'s str>,
    sanitised: bool,
) -> Result<AttributeSet<'s>, RejectReason> {
    let mut resource = AttributeSet::default();
    tags.put(&mut resource, sanitised, is_of_resource)?;
    if let Some(name) = given_name(checked(&local.service_name, sanitised)?) {
        resource.insert(name_key(tags), name);
    }
    local.describe(&mut resource, instance);
    Ok(resource)
}

fn tags_of<'a>(object: &SpanObject<'a>, aliases: &KeyAliases) -> Result<Tags<'a>, RejectReason> {
    match object.tags {
        Some(raw) => Tags::of_map(raw, aliases),
        None => Ok(Tags::default()),
    }
}

/// No kind stands for work inside a service. Only servers join the span of their caller.
fn kind_of(object: &SpanObject<'_>, tags: &Tags<'_>) -> SpanKind {
    let tag = tags.kind.as_ref().map_or("", |kind| kind.0.as_ref());
    match object.kind.0.as_ref() {
        "CLIENT" => SpanKind::Client,
        "SERVER" => SpanKind::Server,
        "PRODUCER" => SpanKind::Producer,
        "CONSUMER" => SpanKind::Consumer,
        "" if object.shared == Some(true) => SpanKind::Server,
        "" if tag.is_empty() || tag == "internal" => SpanKind::Internal,
        _ => SpanKind::Unspecified,
    }
}

/// Exporters may have made the service name from another attribute of the resource, which they then name.
fn name_key(tags: &Tags<'_>) -> Key {
    let source = tags.name_source.as_ref();
    let key = source.and_then(|source| Key::lookup(&source.0));
    key.filter(|key| is_of_resource(*key))
        .unwrap_or(Key::ServiceName)
}

/// Zipkin takes any span with the tag for failed, whatever it says; `false` is what some wrote all the same.
fn is_error(tags: &Tags<'_>) -> bool {
    let is_tagged = match &tags.error {
        None | Some(Scalar::None | Scalar::Bool(false)) => false,
        Some(Scalar::Text(text)) => text.0 != "false",
        Some(_) => true,
    };
    is_tagged || tags.status() == Some(true)
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Annotation {
    timestamp: Whole,
}

/// Start and end in nanoseconds. Without a timestamp the span starts with its first annotation; without either at 0, as in
/// OTLP.
fn times(
    timestamp: Whole,
    duration: Whole,
    annotations: Option<&RawValue>,
) -> Result<(u64, u64), RejectReason> {
    if timestamp.0 != 0 {
        return ids::times_ns(timestamp, duration);
    }
    let raw = annotations.map_or("null", RawValue::get);
    let annotations: Option<Vec<Annotation>> = serde_json::from_str(raw).unwrap_or_default();
    let times = annotations.iter().flatten().map(|each| each.timestamp.0);
    let first = times.filter(|time| *time > 0).min().unwrap_or(0);
    ids::times_ns(Whole(first), duration)
}

#[cfg(test)]
mod tests;
