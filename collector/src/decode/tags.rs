//! Tags of Zipkin and Jaeger spans: attributes by another name, beside which some stand for fields of a span.
//!
//! As in OTLP, only what some rule reads is kept, and the first value of a key wins. Values that are no scalars are
//! dropped. Zipkin knows text alone; the readers of an attribute set take numbers and claims as text as well.

mod scalar;

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, de};
use serde_json::value::RawValue;
use tracemesh_graph::attribute::{AttributeSet, Key, KeyAliases, Value};
use tracemesh_graph::span::{Link, RejectReason};

use super::json::checked;
use super::json::scalar::Text;
use super::{MAX_ATTRIBUTES, MAX_LINKS, ids};
pub(super) use scalar::Scalar;

/// What stands where nobody gave a name: Brave's default, and a word of the OpenTelemetry Collector.
const NO_NAMES: [&str; 3] = ["", "unknown", "OTLPResourceNoServiceName"];

/// The tags of one span, process or resource.
#[derive(Debug, Default)]
pub(super) struct Tags<'a> {
    known: Vec<(Key, Scalar<'a>)>,
    /// Captured headers: the name of the tag and its value.
    headers: Vec<(Text<'a>, Text<'a>)>,
    /// `span.kind`.
    pub(super) kind: Option<Text<'a>>,
    /// `error`.
    pub(super) error: Option<Scalar<'a>>,
    /// `otel.status_code`.
    status_code: Option<Text<'a>>,
    /// `w3c.tracestate`.
    trace_state: Option<Text<'a>>,
    /// `otlp.service.name.source`: the attribute that was made the service name of a Zipkin span.
    pub(super) name_source: Option<Text<'a>>,
    /// An OpenTelemetry SDK made the span: it names its instrumentation scope.
    pub(super) is_otel: bool,
    /// `hostname` of a Jaeger process.
    pub(super) hostname: Option<Text<'a>>,
    /// `ip` of a Jaeger process.
    pub(super) ip: Option<Text<'a>>,
    /// `client-uuid` of a Jaeger process: one per tracer.
    pub(super) client_uuid: Option<Text<'a>>,
    /// Links that the OpenTelemetry Collector hides in tags of Zipkin spans.
    pub(super) links: Vec<Link>,
    link_count: usize,
    count: usize,
}

impl<'a> Tags<'a> {
    /// Reads an object of names and values.
    pub(super) fn of_map(raw: &'a RawValue, aliases: &KeyAliases) -> Result<Self, RejectReason> {
        let mut tags = Self::default();
        tags.read(raw, aliases, Form::Map)?;
        Ok(tags)
    }

    /// Reads Jaeger's list of typed tags.
    pub(super) fn of_list(raw: &'a RawValue, aliases: &KeyAliases) -> Result<Self, RejectReason> {
        let mut tags = Self::default();
        tags.read(raw, aliases, Form::List)?;
        Ok(tags)
    }

    /// Adds an object of names and values in which `@` may stand for `.`, as Jaeger writes it for Elasticsearch.
    pub(super) fn add_fields(
        &mut self,
        raw: &'a RawValue,
        aliases: &KeyAliases,
    ) -> Result<(), RejectReason> {
        self.read(raw, aliases, Form::Fields)
    }

    fn read(
        &mut self,
        raw: &'a RawValue,
        aliases: &KeyAliases,
        form: Form,
    ) -> Result<(), RejectReason> {
        let seed = TagsSeed {
            tags: self,
            aliases,
            form,
        };
        seed.deserialize(&mut serde_json::Deserializer::from_str(raw.get()))
            .ok()
            .ok_or(RejectReason::Malformed)?;
        if self.count > MAX_ATTRIBUTES || self.link_count > MAX_LINKS {
            return Err(RejectReason::Limit);
        }
        Ok(())
    }

    fn add(&mut self, name: Text<'a>, value: Scalar<'a>, aliases: &KeyAliases) {
        self.count += 1;
        if self.count > MAX_ATTRIBUTES {
            return;
        }
        if let Some(key) = aliases.lookup(&name.0) {
            self.known.push((key, value));
        } else if aliases.header(&name.0).is_some() {
            if let Scalar::Text(text) = value {
                self.headers.push((name, text));
            }
        } else {
            self.add_special(&name.0, value);
        }
    }

    fn add_special(&mut self, name: &str, value: Scalar<'a>) {
        let field = match name {
            "error" => {
                self.error.get_or_insert(value);
                return;
            }
            "otel.scope.name" | "otel.library.name" => {
                self.is_otel = true;
                return;
            }
            "span.kind" => &mut self.kind,
            "otel.status_code" => &mut self.status_code,
            "w3c.tracestate" => &mut self.trace_state,
            "otlp.service.name.source" => &mut self.name_source,
            "hostname" => &mut self.hostname,
            "ip" => &mut self.ip,
            "client-uuid" => &mut self.client_uuid,
            _ => {
                if let (Some(_), Scalar::Text(text)) = (name.strip_prefix("otlp.link."), &value) {
                    self.add_link(&text.0);
                }
                return;
            }
        };
        if let (None, Scalar::Text(text)) = (&field, value) {
            *field = Some(text);
        }
    }

    /// `trace id|span id|tracestate|attributes|dropped attributes`; an invalid one is counted only, as in OTLP.
    fn add_link(&mut self, text: &str) {
        self.link_count += 1;
        let mut parts = text.split('|');
        let (Some(trace), Some(span)) = (parts.next(), parts.next()) else {
            return;
        };
        if let (Ok(trace_id), Ok(span_id), true) = (
            ids::trace_id(trace),
            ids::span_id(span),
            self.link_count <= MAX_LINKS,
        ) {
            self.links.push(Link { trace_id, span_id });
        }
    }

    /// Puts the values of the wanted keys into a set.
    pub(super) fn put<'s>(
        &'s self,
        set: &mut AttributeSet<'s>,
        sanitised: bool,
        wanted: impl Fn(Key) -> bool,
    ) -> Result<(), RejectReason> {
        for (key, value) in &self.known {
            if !wanted(*key) {
                continue;
            }
            if let Some(value) = value.checked(*key, sanitised)? {
                set.insert(*key, value);
            }
        }
        Ok(())
    }

    /// Notes the lines of captured headers. A list of lines is one text in these formats: JSON inside JSON.
    pub(super) fn note_headers(
        &self,
        set: &mut AttributeSet<'_>,
        aliases: &KeyAliases,
        sanitised: bool,
    ) {
        for (name, text) in &self.headers {
            let Some((side, header)) = aliases.header(&name.0) else {
                continue;
            };
            let Ok(text) = checked(text, sanitised) else {
                continue;
            };
            match serde_json::from_str::<Vec<Text<'_>>>(text) {
                Ok(lines) => {
                    for line in lines {
                        set.header(side, header, &line.0);
                    }
                }
                Err(_) => set.header(side, header, text),
            }
        }
    }

    /// W3C `tracestate`; empty when there is none.
    pub(super) fn trace_state(&self, sanitised: bool) -> Result<&str, RejectReason> {
        match &self.trace_state {
            Some(state) => checked(state, sanitised),
            None => Ok(""),
        }
    }

    /// What `otel.status_code` says, if it says something: true for an error.
    pub(super) fn status(&self) -> Option<bool> {
        let code = self.status_code.as_ref()?.0.as_ref();
        let code = code.strip_prefix("STATUS_CODE_").unwrap_or(code);
        if code.eq_ignore_ascii_case("error") {
            Some(true)
        } else {
            code.eq_ignore_ascii_case("ok").then_some(false)
        }
    }
}

/// A service name that somebody gave.
pub(super) fn given_name(name: &str) -> Option<Value<'_>> {
    (!NO_NAMES.contains(&name)).then_some(Value::Text(name))
}

/// True for attributes of resources, which Zipkin's exporters mix with those of spans.
pub(super) const fn is_of_resource(key: Key) -> bool {
    matches!(
        key,
        Key::ServiceName
            | Key::ServiceNamespace
            | Key::ServiceInstanceId
            | Key::ServiceVersion
            | Key::ServiceCriticality
            | Key::DeploymentEnvironmentName
            | Key::DeploymentEnvironment
            | Key::K8sClusterName
            | Key::K8sNamespaceName
            | Key::K8sDeploymentName
            | Key::K8sStatefulsetName
            | Key::K8sDaemonsetName
            | Key::K8sCronjobName
            | Key::K8sJobName
            | Key::K8sContainerName
            | Key::K8sPodName
            | Key::K8sPodUid
            | Key::K8sPodIp
            | Key::FaasName
            | Key::ContainerName
            | Key::ContainerId
            | Key::ProcessExecutableName
            | Key::ProcessPid
            | Key::HostName
            | Key::HostIp
            | Key::CloudRegion
            | Key::CloudAvailabilityZone
            | Key::TelemetrySdkLanguage
    )
}

/// How tags are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Map,
    Fields,
    List,
}

/// Reads tags into a list that may have some already; `null` is none.
struct TagsSeed<'t, 'a, 'k> {
    tags: &'t mut Tags<'a>,
    aliases: &'k KeyAliases,
    form: Form,
}

impl<'a> DeserializeSeed<'a> for TagsSeed<'_, 'a, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'a>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'a> Visitor<'a> for TagsSeed<'_, 'a, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("tags")
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_map<A: MapAccess<'a>>(self, mut map: A) -> Result<(), A::Error> {
        if self.form == Form::List {
            return Err(de::Error::custom("an object where a list of tags belongs"));
        }
        while let Some(mut name) = map.next_key::<Text<'a>>()? {
            if self.form == Form::Fields && name.0.contains('@') {
                name = Text(name.0.replace('@', ".").into());
            }
            let raw = map.next_value::<&'a RawValue>()?;
            self.tags.add(name, Scalar::of(raw), self.aliases);
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'a>>(self, mut seq: A) -> Result<(), A::Error> {
        if self.form != Form::List {
            return Err(de::Error::custom("a list where an object of tags belongs"));
        }
        while let Some(tag) = seq.next_element::<TagObject<'a>>()? {
            let value = tag.value.map_or(Scalar::None, Scalar::of);
            let value = value.typed(&tag.kind.0);
            self.tags.add(tag.key, value, self.aliases);
        }
        Ok(())
    }
}

/// A tag in a list of Jaeger's.
#[derive(Deserialize, Default)]
#[serde(default)]
struct TagObject<'a> {
    #[serde(borrow)]
    key: Text<'a>,
    #[serde(borrow, rename = "type")]
    kind: Text<'a>,
    #[serde(borrow)]
    value: Option<&'a RawValue>,
}

#[cfg(test)]
mod tests;
