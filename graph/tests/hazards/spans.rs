//! Spans in a line each, and the snapshot that they give.

use std::sync::Arc;

use tracemesh_graph::attribute::{AttributeSet, HeaderSide, Key, Value};
use tracemesh_graph::record::{Names, Recorder};
use tracemesh_graph::settings::Settings;
use tracemesh_graph::shard::Shard;
use tracemesh_graph::snapshot::GraphSnapshot;
use tracemesh_graph::span::{SpanEvents, SpanId, SpanKind, SpanSink, SpanView, TraceId};

pub(crate) const SECOND: u64 = 1_000_000_000;
const MILLI: u64 = 1_000_000;
const START: u64 = 1_760_000_000 * SECOND;

/// A span of one service, 5 ms long.
#[derive(Debug, Clone)]
pub(crate) struct Given {
    service: &'static str,
    instance: String,
    pod_ip: Option<String>,
    kind: SpanKind,
    name: &'static str,
    trace: u64,
    id: Option<u64>,
    parent: Option<u64>,
    after_ns: u64,
    took_ns: u64,
    is_error: bool,
    attributes: Vec<(&'static str, String)>,
    headers: Vec<(String, String)>,
    messages: u32,
    exception: &'static str,
}

impl Given {
    fn new(service: &'static str, kind: SpanKind) -> Self {
        Self {
            service,
            instance: "one".to_owned(),
            pod_ip: None,
            kind,
            name: "call",
            trace: 1,
            id: None,
            parent: None,
            after_ns: 0,
            took_ns: 5 * MILLI,
            is_error: false,
            attributes: Vec::new(),
            headers: Vec::new(),
            messages: 0,
            exception: "",
        }
    }

    pub(crate) fn client(service: &'static str) -> Self {
        Self::new(service, SpanKind::Client)
    }

    pub(crate) fn server(service: &'static str) -> Self {
        Self::new(service, SpanKind::Server)
    }

    pub(crate) fn with(mut self, key: &'static str, text: &str) -> Self {
        self.attributes.retain(|(known, _)| *known != key);
        self.attributes.push((key, text.to_owned()));
        self
    }

    /// A `GET` to it.
    pub(crate) fn url(self, url: &str) -> Self {
        self.with("url.full", url).method("GET")
    }

    pub(crate) fn method(self, method: &str) -> Self {
        self.with("http.request.method", method)
    }

    pub(crate) fn grpc(self, method: &str) -> Self {
        self.with("rpc.system", "grpc")
            .with("rpc.service", "shop.B")
            .with("rpc.method", method)
    }

    pub(crate) const fn trace(mut self, trace: u64) -> Self {
        self.trace = trace;
        self
    }

    pub(crate) const fn id(mut self, id: u64) -> Self {
        self.id = Some(id);
        self
    }

    pub(crate) const fn parent(mut self, parent: u64) -> Self {
        self.parent = Some(parent);
        self
    }

    /// Nanoseconds after the first start of all.
    pub(crate) const fn after(mut self, after_ns: u64) -> Self {
        self.after_ns = after_ns;
        self
    }

    pub(crate) const fn took(mut self, took_ns: u64) -> Self {
        self.took_ns = took_ns;
        self
    }

    pub(crate) const fn named(mut self, name: &'static str) -> Self {
        self.name = name;
        self
    }

    pub(crate) fn on(mut self, instance: &str, pod_ip: Option<&str>) -> Self {
        instance.clone_into(&mut self.instance);
        self.pod_ip = pod_ip.map(str::to_owned);
        self
    }

    pub(crate) fn failed(mut self, kind: &str) -> Self {
        self.is_error = true;
        if kind.is_empty() {
            return self;
        }
        self.with("error.type", kind)
    }

    pub(crate) const fn exception(mut self, kind: &'static str) -> Self {
        self.is_error = true;
        self.exception = kind;
        self
    }

    pub(crate) const fn messages(mut self, messages: u32) -> Self {
        self.messages = messages;
        self
    }

    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    fn record(&self, number: u64, recorder: &mut Recorder) {
        let mut resource = AttributeSet::default();
        resource.insert(Key::ServiceName, Value::Text(self.service));
        resource.insert(Key::ServiceInstanceId, Value::Text(&self.instance));
        if let Some(ip) = &self.pod_ip {
            resource.insert(Key::K8sPodIp, Value::Text(ip));
        }
        recorder.resource(&resource);
        let mut attributes = AttributeSet::default();
        for (key, text) in &self.attributes {
            attributes.insert(
                Key::lookup(key).expect("a key of the list"),
                Value::Text(text),
            );
        }
        for (name, value) in &self.headers {
            attributes.header(HeaderSide::Request, name, value);
        }
        let id = |number: u64| SpanId(number.to_be_bytes());
        recorder.span(&SpanView {
            trace_id: TraceId(u128::from(self.trace).to_be_bytes()),
            span_id: id(self.id.unwrap_or(1_000_000 + number)),
            parent_id: self.parent.map(id),
            kind: self.kind,
            start_ns: START + self.after_ns,
            end_ns: START + self.after_ns + self.took_ns,
            is_error: self.is_error,
            flags: 0,
            trace_state: "",
            name: self.name,
            attributes: &attributes,
            events: SpanEvents {
                messages: self.messages,
                exception: self.exception,
            },
            links: &[],
        });
    }
}

/// The snapshot of these spans.
pub(crate) fn graph(spans: &[Given]) -> GraphSnapshot {
    let settings = Settings::default();
    let names = Arc::new(Names::new(&settings));
    let mut recorder = Recorder::new(Arc::clone(&names), &settings);
    let mut shard = Shard::new(names, settings.clone());
    for (number, span) in (0..).zip(spans) {
        span.record(number, &mut recorder);
    }
    for record in recorder.take_records() {
        shard.push(record, 0);
    }
    shard.close_all();
    shard.take_segment().snapshot(&settings)
}
