//! What instrumentations say beside what the generator tells: attributes and events that decide no edge.
//!
//! Their number and length is what makes a span as large as real ones are.

use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::trace::v1::span::Event;
use tracemesh_generator::random::is_chosen;
use tracemesh_generator::span::{Kind, Span};

use super::encode::{key_value, text};

/// What a span is about; each is instrumented by a library of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Subject {
    Http,
    Rpc,
    Query,
    Message,
    Inside,
}

impl Subject {
    pub(super) fn of(span: &Span<'_>) -> Self {
        let has = |prefix: &str| {
            span.attributes
                .iter()
                .any(|(key, _)| key.starts_with(prefix))
        };
        match span.kind {
            Kind::Internal | Kind::Unspecified => Self::Inside,
            Kind::Producer | Kind::Consumer => Self::Message,
            Kind::Server | Kind::Client if has("rpc.") => Self::Rpc,
            Kind::Server | Kind::Client if has("db.") => Self::Query,
            Kind::Server | Kind::Client => Self::Http,
        }
    }

    pub(super) const fn scope(self) -> &'static str {
        match self {
            Self::Http => "io.opentelemetry.netty-4.1",
            Self::Rpc => "io.opentelemetry.grpc-1.6",
            Self::Query => "io.opentelemetry.jdbc",
            Self::Message => "io.opentelemetry.kafka-clients-2.6",
            Self::Inside => "com.company.platform.workflow",
        }
    }
}

/// What every SDK says of itself.
pub(super) fn of_process() -> impl Iterator<Item = KeyValue> {
    [
        ("telemetry.sdk.language", "java"),
        ("telemetry.sdk.name", "opentelemetry"),
        ("telemetry.sdk.version", "1.55.0"),
        ("process.runtime.version", "21.0.5+11-LTS"),
    ]
    .into_iter()
    .map(|(key, value)| text(key, value))
}

/// Attributes of a span. Values differ from span to span where they do in life.
pub(super) fn of_span(span: &Span<'_>, subject: Subject) -> Vec<KeyValue> {
    let number = i64::try_from(span.id % 10_000).unwrap_or_default();
    let integer = |key, value| key_value(key, Value::IntValue(value));
    let mut told = vec![
        integer("thread.id", number % 200),
        text("thread.name", &format!("nio-8080-exec-{}", number % 200)),
    ];
    if matches!(subject, Subject::Http | Subject::Rpc) {
        let session = format!("{:016x}-{:016x}", span.trace >> 64, span.id);
        told.push(text("session.id", &session));
    }
    match subject {
        Subject::Http => {
            told.push(text("network.protocol.version", "1.1"));
            if span.kind == Kind::Server {
                told.push(text("url.path", &format!("/items/{number}")));
                told.push(text("url.scheme", "http"));
                told.push(text(
                    "user_agent.original",
                    "Apache-HttpClient/5.3.1 (Java/21.0.5)",
                ));
            }
        }
        Subject::Rpc => {
            told.push(text("network.type", "ipv4"));
            told.push(text("network.transport", "tcp"));
            told.push(text("network.protocol.name", "http"));
        }
        // Taking a connection out of a pool is no query.
        Subject::Query if span.name == "pool.connect" => {
            told.push(text("db.client.connection.pool.name", "HikariPool-1"));
            told.push(text("db.client.connection.state", "used"));
        }
        Subject::Query => {
            told.push(key_value(
                "db.response.returned_rows",
                Value::IntValue(number % 50),
            ));
            told.push(text("db.operation.name", "SELECT"));
            told.push(text("db.collection.name", "order_items"));
            told.push(text("db.query.summary", "SELECT order_items"));
            told.push(text(
                "db.query.text",
                "SELECT id, name, price, amount FROM order_items WHERE order_id = ? AND deleted_at IS NULL ORDER BY id",
            ));
        }
        Subject::Message => {
            told.push(text("messaging.client.id", "producer-1"));
            told.push(text("messaging.message.id", &format!("{:016x}", span.id)));
            told.push(text("messaging.destination.partition.id", "17"));
            told.push(integer("messaging.kafka.offset", number * 7_919));
        }
        Subject::Inside => {
            told.push(text(
                "code.function.name",
                "com.company.platform.workflow.Step.run",
            ));
            told.push(text("code.file.path", "Step.java"));
            told.push(integer("code.line.number", 42 + number % 400));
            told.push(text("app.tenant.id", &format!("tenant-{}", number % 997)));
            told.push(text("app.feature.variant", "control"));
        }
    }
    told
}

/// Events of a span: an exception with its stack trace in every sixth error, messages of every fourth remote procedure call.
pub(super) fn events(span: &Span<'_>, subject: Subject) -> Vec<Event> {
    let mut events = Vec::new();
    if span.is_error && is_chosen(&[span.id, 1], 167) {
        events.push(event(
            span,
            "exception",
            vec![
                text("exception.type", "java.net.SocketTimeoutException"),
                text("exception.message", "Read timed out"),
                text("exception.stacktrace", &stack_trace()),
            ],
        ));
    }
    if subject == Subject::Rpc && is_chosen(&[span.id, 2], 250) {
        for (id, kind) in [(1, "SENT"), (2, "RECEIVED")] {
            let attributes = vec![
                text("rpc.message.type", kind),
                key_value("rpc.message.id", Value::IntValue(id)),
            ];
            events.push(event(span, "rpc.message", attributes));
        }
    }
    events
}

fn event(span: &Span<'_>, name: &str, attributes: Vec<KeyValue>) -> Event {
    Event {
        time_unix_nano: span.end_us * 1_000,
        name: name.to_owned(),
        attributes,
        ..Event::default()
    }
}

fn stack_trace() -> String {
    let mut trace = "java.net.SocketTimeoutException: Read timed out\n".to_owned();
    for frame in 0..24 {
        trace.push_str("\tat com.company.platform.http.Channel.read(Channel.java:");
        trace.push_str(&(100 + frame * 7).to_string());
        trace.push_str(")\n");
    }
    trace
}
