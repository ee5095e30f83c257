//! The service graph that an ordinary engineer would write in a day: what the design of tracemesh has to be better than.
//!
//! Decoded messages, maps with owned keys, a histogram per edge. A client or producer span and a server or consumer span that
//! names it as its parent make a call between their services; a client span with a database makes one by itself; a client
//! that nobody answers is a call to the address it dialled. That is about what the service graph connector of the OpenTelemetry
//! Collector does. It knows nothing of late spans, retries, proxies, aliases, sampling, or limits on memory.

use std::collections::{BTreeSet, HashMap};

use hdrhistogram::Histogram;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use opentelemetry_proto::tonic::trace::v1::Span;
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;

use crate::corpus::Expected;

/// Graph and the halves of calls that wait for their other half.
#[derive(Debug, Default)]
pub struct Naive {
    /// By trace and span id of the asking side.
    waiting: HashMap<(Vec<u8>, Vec<u8>), Half>,
    edges: HashMap<(String, String, Connection), Edge>,
    joined: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Connection {
    Direct,
    Messaging,
    Virtual,
}

/// One side of a call.
#[derive(Debug)]
struct Half {
    is_asking: bool,
    service: String,
    connection: Connection,
    latency_us: u64,
    has_failed: bool,
    /// What dimensions of metrics may be made of.
    attributes: HashMap<String, String>,
}

/// Calls between two services.
#[derive(Debug)]
struct Edge {
    calls: u64,
    failed: u64,
    client_us: Histogram<u64>,
    server_us: Histogram<u64>,
}

impl Edge {
    fn new() -> Self {
        let histogram = || Histogram::new(2).expect("2 digits are allowed");
        Self {
            calls: 0,
            failed: 0,
            client_us: histogram(),
            server_us: histogram(),
        }
    }
}

impl Naive {
    /// Takes the spans of a request.
    pub fn take(&mut self, request: ExportTraceServiceRequest) {
        for resource_spans in request.resource_spans {
            let attributes = resource_spans
                .resource
                .map(|resource| resource.attributes)
                .unwrap_or_default();
            let attributes = texts(attributes);
            let service = attributes.get("service.name").cloned().unwrap_or_default();
            for scope_spans in resource_spans.scope_spans {
                for span in scope_spans.spans {
                    self.span(&service, span);
                }
            }
        }
    }

    fn span(&mut self, service: &str, span: Span) {
        let (is_asking, connection) = match span.kind() {
            SpanKind::Client => (true, Connection::Direct),
            SpanKind::Server => (false, Connection::Direct),
            SpanKind::Producer => (true, Connection::Messaging),
            SpanKind::Consumer => (false, Connection::Messaging),
            SpanKind::Internal | SpanKind::Unspecified => return,
        };
        let key = match is_asking {
            true => (span.trace_id, span.span_id),
            false => (span.trace_id, span.parent_span_id),
        };
        let took_ns = span
            .end_time_unix_nano
            .saturating_sub(span.start_time_unix_nano);
        let half = Half {
            is_asking,
            service: service.to_owned(),
            connection,
            latency_us: took_ns / 1_000,
            has_failed: span.status.is_some_and(|status| status.code == 2),
            attributes: texts(span.attributes),
        };
        if let Some(system) = database_of(&half) {
            self.count(&system, &half, None);
            return;
        }
        match self.waiting.remove(&key) {
            Some(other) if other.is_asking != is_asking => {
                let (asking, answering) = match is_asking {
                    true => (half, other),
                    false => (other, half),
                };
                self.joined += 1;
                self.count(&answering.service, &asking, Some(&answering));
            }
            _ => {
                self.waiting.insert(key, half);
            }
        }
    }

    fn count(&mut self, callee: &str, asking: &Half, answering: Option<&Half>) {
        let connection = match answering {
            Some(_) => asking.connection,
            None => Connection::Virtual,
        };
        let key = (asking.service.clone(), callee.to_owned(), connection);
        let edge = self.edges.entry(key).or_insert_with(Edge::new);
        edge.calls += 1;
        edge.failed += u64::from(asking.has_failed);
        edge.client_us.saturating_record(asking.latency_us);
        if let Some(answering) = answering {
            edge.server_us.saturating_record(answering.latency_us);
        }
    }

    /// No more spans will come.
    #[expect(
        clippy::iter_over_hash_type,
        reason = "counts are sums, in whatever order"
    )]
    pub fn finish(&mut self) {
        for (_, half) in std::mem::take(&mut self.waiting) {
            let keys = ["server.address", "net.peer.name"];
            let dialled = keys.iter().find_map(|key| half.attributes.get(*key));
            if let (true, Some(dialled)) = (half.is_asking, dialled) {
                self.count(dialled, &half, None);
            }
        }
    }

    /// What was found, in words.
    ///
    /// # Panics
    /// When the calls between services are not those that happened.
    #[must_use]
    pub fn checked(&self, expected: &Expected) -> String {
        assert_eq!(self.joined, expected.joins);
        let direct = self
            .edges
            .keys()
            .filter(|(.., how)| *how == Connection::Direct);
        let pairs: BTreeSet<(String, String)> = direct
            .map(|(caller, callee, _)| (caller.clone(), callee.clone()))
            .collect();
        assert_eq!(pairs, expected.pairs);
        let calls: u64 = self.edges.values().map(|edge| edge.calls).sum();
        format!(
            "{} edges, {calls} calls, {} pairs",
            self.edges.len(),
            self.joined
        )
    }
}

fn database_of(half: &Half) -> Option<String> {
    let keys = ["db.system.name", "db.system"];
    let system = keys.iter().find_map(|key| half.attributes.get(*key));
    system.filter(|_| half.is_asking).cloned()
}

fn texts(attributes: Vec<KeyValue>) -> HashMap<String, String> {
    let texts = attributes.into_iter().map(|attribute| {
        let value = attribute.value.and_then(|AnyValue { value }| value);
        let text = match value {
            Some(Value::StringValue(text)) => text,
            Some(Value::IntValue(number)) => number.to_string(),
            Some(Value::DoubleValue(number)) => number.to_string(),
            Some(Value::BoolValue(is_true)) => is_true.to_string(),
            _ => String::new(),
        };
        (attribute.key, text)
    });
    texts.collect()
}
