//! Jaeger JSON: what its query service and its user interface give, and its documents in Elasticsearch.
//!
//! ```text
//! {"data": [TRACE, ..]}                                    /api/traces, files saved from the user interface
//! {"traceID": .., "spans": [SPAN, ..], "processes": {..}}   one trace
//! {"traceID": .., "spanID": .., "process": {..}}            one span, as Elasticsearch keeps it
//! {"_source": SPAN}, {"hits": {"hits": [..]}}               the same in a dump or an answer of Elasticsearch
//! ```
//! Maps as the OpenTelemetry specification does, backwards. Does not read logs, warnings and flags.

mod span;

use std::collections::BTreeMap;

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;
use tracemesh_graph::attribute::{AttributeSet, Key, KeyAliases, Value};
use tracemesh_graph::span::{RejectReason, SpanSink};

use super::DecodeError;
use super::json::scalar::Text;
use super::json::{checked, locate, readable};
use super::tags::{Tags, given_name};

/// Feeds every span of one JSON object to the sink, in document order.
///
/// # Errors
/// When the bytes are not one JSON object, or something above the spans has an impossible type; spans before that
/// place were already fed.
pub fn decode_jaeger(bytes: &[u8], sink: &mut dyn SpanSink) -> Result<(), DecodeError> {
    let (text, sanitised) = readable(bytes);
    let walk = Walk {
        text: &text,
        sanitised,
    };
    let mut deserializer = serde_json::Deserializer::from_str(&text);
    let raw = <&RawValue>::deserialize(&mut deserializer)
        .and_then(|raw| deserializer.end().map(|()| raw))
        .map_err(|error| locate(&text, &error))?;
    walk.object(raw, sink)
}

/// An object that may be any of those that hold spans.
#[derive(Deserialize, Default)]
#[serde(default)]
struct Envelope<'a> {
    #[serde(borrow)]
    data: Option<Vec<&'a RawValue>>,
    #[serde(borrow)]
    hits: Option<Hits<'a>>,
    #[serde(borrow, rename = "_source")]
    source: Option<&'a RawValue>,
    #[serde(borrow)]
    spans: Option<Vec<&'a RawValue>>,
    #[serde(borrow)]
    processes: Option<BTreeMap<String, &'a RawValue>>,
    #[serde(rename = "traceID")]
    trace_id: Option<IgnoredAny>,
}

/// What Elasticsearch found: its own envelope has the same name within.
#[derive(Deserialize, Default)]
#[serde(default)]
struct Hits<'a> {
    #[serde(borrow)]
    hits: Vec<&'a RawValue>,
}

/// One document while it is read.
struct Walk<'t> {
    text: &'t str,
    sanitised: bool,
}

impl<'t> Walk<'t> {
    /// The whole document.
    fn object(&self, raw: &'t RawValue, sink: &mut dyn SpanSink) -> Result<(), DecodeError> {
        let object = self.envelope(raw)?;
        for trace in object.data.iter().flatten() {
            let inner = self.envelope(trace)?;
            self.leaf(trace, inner, sink);
        }
        for hit in object.hits.iter().flat_map(|hits| &hits.hits) {
            let inner = self.envelope(hit)?;
            self.leaf(hit, inner, sink);
        }
        self.leaf(raw, object, sink);
        Ok(())
    }

    /// A trace, a span, or a document around a span. What is none of them holds no span.
    fn leaf(&self, raw: &'t RawValue, object: Envelope<'t>, sink: &mut dyn SpanSink) {
        if let Some(source) = object.source {
            self.lone_span(source, sink);
        } else if let Some(spans) = object.spans {
            let processes = object.processes.unwrap_or_default();
            self.trace(&spans, &processes, sink);
        } else if object.trace_id.is_some() && object.processes.is_none() {
            self.lone_span(raw, sink);
        }
    }

    fn envelope(&self, raw: &'t RawValue) -> Result<Envelope<'t>, DecodeError> {
        // Derived readers also take arrays, by position.
        if !raw.get().starts_with('{') {
            return Err(self.fault(raw, "not an object, where a Jaeger trace or span belongs"));
        }
        serde_json::from_str(raw.get()).map_err(|error| {
            let DecodeError::Json { offset, cause, .. } = locate(raw.get(), &error) else {
                return self.fault(raw, "not JSON");
            };
            self.fault_at(self.offset_of(raw) + offset, cause)
        })
    }

    fn trace(
        &self,
        spans: &[&'t RawValue],
        processes: &BTreeMap<String, &'t RawValue>,
        sink: &mut dyn SpanSink,
    ) {
        let mut current: Option<Resource> = None;
        for raw in spans {
            let outcome = span::read(raw, sink.aliases()).and_then(|span| {
                let id = span.process_id.0.as_ref();
                if current.as_ref().is_none_or(|resource| resource.id != id) {
                    let process = processes.get(id).copied();
                    let fault = self.resource(process, sink).err();
                    let id = id.to_owned();
                    current = Some(Resource { id, fault });
                }
                match current.as_ref().and_then(|resource| resource.fault) {
                    Some(reason) => Err(reason),
                    None => span.feed(self.sanitised, sink),
                }
            });
            if let Err(reason) = outcome {
                sink.rejected(reason);
            }
        }
    }

    /// A span that brings its process.
    fn lone_span(&self, raw: &'t RawValue, sink: &mut dyn SpanSink) {
        let outcome = span::read(raw, sink.aliases()).and_then(|span| {
            self.resource(span.process, sink)?;
            span.feed(self.sanitised, sink)
        });
        if let Err(reason) = outcome {
            sink.rejected(reason);
        }
    }

    /// Feeds the resource that a process is; none is an empty one.
    fn resource(
        &self,
        process: Option<&RawValue>,
        sink: &mut dyn SpanSink,
    ) -> Result<(), RejectReason> {
        let Some(raw) = process else {
            sink.resource(&AttributeSet::default());
            return Ok(());
        };
        let process = ProcessObject::read(raw)?;
        let tags = process.tags(sink.aliases())?;
        let mut set = AttributeSet::default();
        tags.put(&mut set, self.sanitised, |_| true)?;
        if let Some(name) = given_name(checked(&process.service_name, self.sanitised)?) {
            set.insert(Key::ServiceName, name);
        }
        // What Jaeger's own clients say about their machine and themselves.
        let own = [
            (Key::HostName, &tags.hostname),
            (Key::HostIp, &tags.ip),
            (Key::ServiceInstanceId, &tags.client_uuid),
        ];
        for (key, text) in own {
            if let Some(text) = text {
                set.insert(key, Value::Text(checked(text, self.sanitised)?));
            }
        }
        sink.resource(&set);
        Ok(())
    }

    fn fault(&self, raw: &RawValue, cause: &str) -> DecodeError {
        self.fault_at(self.offset_of(raw), cause.to_owned())
    }

    fn fault_at(&self, offset: usize, cause: String) -> DecodeError {
        let before = self.text.get(..offset).unwrap_or(self.text);
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        DecodeError::Json {
            offset,
            line: before.matches('\n').count() + 1,
            column: before.len() - line_start + 1,
            cause,
        }
    }

    /// Where a part of the document begins in it.
    fn offset_of(&self, part: &RawValue) -> usize {
        let (start, document) = (part.get().as_ptr().addr(), self.text.as_ptr().addr());
        start.saturating_sub(document)
    }
}

/// The process whose spans come.
struct Resource {
    id: String,
    /// Why its spans cannot be used.
    fault: Option<RejectReason>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct ProcessObject<'a> {
    #[serde(borrow, rename = "serviceName")]
    service_name: Text<'a>,
    #[serde(borrow)]
    tags: Option<&'a RawValue>,
    /// Tags that Elasticsearch was told to index.
    #[serde(borrow)]
    tag: Option<&'a RawValue>,
}

impl<'a> ProcessObject<'a> {
    fn read(raw: &'a RawValue) -> Result<Self, RejectReason> {
        let process: Option<Self> = serde_json::from_str(raw.get())
            .ok()
            .ok_or(RejectReason::Malformed)?;
        Ok(process.unwrap_or_default())
    }

    fn tags(&self, aliases: &KeyAliases) -> Result<Tags<'a>, RejectReason> {
        span::tags(self.tags, self.tag, aliases)
    }
}

#[cfg(test)]
mod tests;
