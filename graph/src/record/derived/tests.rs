//! A recorder that remembers makes the same records as one that forgets after each span.

use std::sync::Arc;

use proptest::prelude::*;
use proptest::sample::select;

use super::Memory;
use crate::attribute::{AttributeSet, HeaderSide, Key, Value};
use crate::record::{Names, Recorder};
use crate::settings::Settings;
use crate::span::{SpanEvents, SpanId, SpanKind, SpanSink, SpanView, TraceId};

/// A span with what derivations might read.
#[derive(Debug, Clone)]
struct Made {
    kind: SpanKind,
    name: &'static str,
    exception: &'static str,
    messages: u32,
    is_error: bool,
    took_ns: u64,
    trace_state: &'static str,
    attributes: Vec<(Key, Value<'static>)>,
    has_header: bool,
}

impl Made {
    fn plain(kind: SpanKind, attributes: &[(Key, Value<'static>)]) -> Self {
        Self {
            kind,
            name: "GET",
            exception: "",
            messages: 0,
            is_error: false,
            took_ns: 1_000_000,
            trace_state: "",
            attributes: attributes.to_vec(),
            has_header: false,
        }
    }

    fn feed(&self, recorder: &mut Recorder) {
        let mut attributes = AttributeSet::default();
        for (key, value) in &self.attributes {
            attributes.insert(*key, *value);
        }
        if self.has_header {
            attributes.header(HeaderSide::Request, "Host", "other.shop");
        }
        recorder.span(&SpanView {
            trace_id: TraceId([1; 16]),
            span_id: SpanId([2; 8]),
            parent_id: None,
            kind: self.kind,
            start_ns: 1_000_000_000,
            end_ns: 1_000_000_000 + self.took_ns,
            is_error: self.is_error,
            flags: 0x101,
            trace_state: self.trace_state,
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

/// Two recorders over the same names.
struct Pair {
    remembers: Recorder,
    forgets: Recorder,
}

impl Pair {
    fn new(settings: &Settings) -> Self {
        let names = Arc::new(Names::new(settings));
        Self {
            remembers: Recorder::new(Arc::clone(&names), settings),
            forgets: Recorder::new(names, settings),
        }
    }

    /// The records of both, in words.
    fn records(&mut self, span: &Made) -> (String, String) {
        span.feed(&mut self.remembers);
        self.forgets.derivations = Memory::default();
        span.feed(&mut self.forgets);
        let told = |recorder: &mut Recorder| format!("{:?}", recorder.take_records());
        (told(&mut self.remembers), told(&mut self.forgets))
    }
}

/// Values that some derivation tells apart from their neighbours.
fn values() -> Vec<Value<'static>> {
    const TEXTS: [&str; 40] = [
        "",
        " ",
        "GET",
        "post",
        "CONNECT",
        "PURGE",
        "cart",
        "cart:80",
        "Cart.shop.",
        "cart-0.shop",
        "10.0.0.1",
        "8.8.8.8",
        "::1",
        "a.db,b.db:5433",
        "http://cart/orders/7",
        "http://cart/orders/8",
        "http://cart/carts?x=/y",
        "http://cart;v=1/orders",
        "http://u:p@cart:8080#x",
        "HTTP://Cart/orders",
        "https://cart/",
        "ws://cart/a",
        "ws://cart/b",
        "/orders/{id}",
        "/users",
        "http",
        "https",
        "1.0",
        "2",
        "grpc",
        "aws-api",
        "shop.Cart/AddItem",
        "postgresql",
        "kafka",
        "publish",
        "settle",
        "true",
        "proxy",
        "outbound|80||b.shop",
        "sidecar~1.2.3.4~a.ns~ns",
    ];
    let numbers = [0, 1, 80, 443, 8080, 101, 200, 400, 503, 14, 1 << 20].map(Value::Int);
    let others = [
        Value::Bool(true),
        Value::Bool(false),
        Value::Double(80.0),
        Value::Double(0.5),
    ];
    let mut all: Vec<_> = TEXTS.map(Value::Text).to_vec();
    all.extend(numbers);
    all.extend(others);
    all
}

/// What each of the usual instrumentations says, so that every derivation comes to all of its branches.
fn bases() -> Vec<Vec<(Key, Value<'static>)>> {
    let text = |key, text| (key, Value::Text(text));
    vec![
        vec![],
        vec![
            text(Key::HttpRequestMethod, "GET"),
            text(Key::UrlFull, "http://cart/orders/7"),
            (Key::HttpResponseStatusCode, Value::Int(200)),
        ],
        vec![
            text(Key::HttpMethod, "POST"),
            text(Key::NetPeerName, "cart"),
        ],
        vec![
            text(Key::RpcSystem, "grpc"),
            text(Key::RpcService, "shop.Cart"),
        ],
        vec![text(Key::DbSystem, "mongodb"), text(Key::DbName, "orders")],
        vec![
            text(Key::MessagingSystem, "kafka"),
            text(Key::MessagingDestinationName, "orders"),
        ],
        vec![text(Key::GenAiSystem, "openai")],
        vec![text(Key::FaasInvokedName, "resize")],
        vec![
            text(Key::RpcSystem, "aws-api"),
            text(Key::RpcService, "S3"),
            text(Key::ServerAddress, "s3.example"),
        ],
        vec![
            text(Key::Component, "proxy"),
            text(Key::UpstreamCluster, "inbound|80||"),
            text(Key::HttpMethod, "GET"),
        ],
        vec![
            text(Key::NetworkPeerAddress, "10.0.0.7"),
            (Key::NetworkPeerPort, Value::Int(80)),
        ],
    ]
}

/// Each key in turn gets other values, beside what every instrumentation says: no derivation reads what its key leaves out.
#[test]
fn whatever_key_changes_the_record_is_that_of_a_first_sight() {
    let mut pair = Pair::new(&Settings::default());
    for (nth, base) in bases().into_iter().enumerate() {
        for kind in SpanKind::ALL {
            for key in Key::ALL {
                // Every third value, another third for each key and base: all of them take minutes.
                let skipped = (nth + *key as usize) % 3;
                for value in values().into_iter().skip(skipped).step_by(3) {
                    let mut attributes = vec![(*key, value)];
                    attributes.extend(base.iter().copied());
                    let made = Made::plain(kind, &attributes);
                    let (remembered, fresh) = pair.records(&made);
                    assert_eq!(remembered, fresh, "{kind:?} {attributes:?}");
                }
            }
        }
    }
}

/// Names fold when tables are full, words when hosts have their share: counted for each span, remembered or not.
#[test]
fn full_tables_mark_each_span_and_not_only_the_first() {
    let settings = Settings {
        max_peers: 2,
        ..Settings::default()
    };
    let mut pair = Pair::new(&settings);
    let hosts = ["a", "b", "c.x.example", "d.x.example", "a", "c.x.example"];
    for host in hosts.into_iter().cycle().take(24) {
        let attributes = [(Key::ServerAddress, Value::Text(host))];
        let (remembered, fresh) = pair.records(&Made::plain(SpanKind::Client, &attributes));
        assert_eq!(remembered, fresh);
    }
}

fn made() -> impl Strategy<Value = Made> {
    let attribute = (select(Key::ALL), select(values()));
    let attributes = (
        select(bases()),
        prop::collection::vec(attribute, 0..4),
        any::<bool>(),
    );
    let attributes = attributes.prop_map(|(base, mut more, is_first)| {
        // The first value of a key wins.
        let at = if is_first { 0 } else { more.len() };
        more.splice(at..at, base);
        more
    });
    let moment = (
        select(vec![
            "GET",
            "dns.lookup",
            "tls",
            "pg.connect",
            "sql.rows",
            "",
        ]),
        select(vec!["", "ConnectionRefusedError", "EOFError"]),
        select(vec![0_u32, 1, 9]),
        select(vec![1_u64, 13_000_000_000, 999_000_000_000]),
        select(vec!["", "ot=th:8", "ot=th:zz"]),
    );
    let claims = (any::<bool>(), prop::bool::weighted(0.1));
    (select(&SpanKind::ALL[..]), attributes, moment, claims).prop_map(
        |(kind, attributes, moment, (is_error, has_header))| Made {
            kind,
            name: moment.0,
            exception: moment.1,
            messages: moment.2,
            is_error,
            took_ns: moment.3,
            trace_state: moment.4,
            attributes,
            has_header,
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn remembered_spans_have_the_records_of_first_sight(spans in prop::collection::vec(made(), 1..40)) {
        let mut pair = Pair::new(&Settings::default());
        for span in spans.iter().chain(&spans) {
            let (remembered, fresh) = pair.records(span);
            prop_assert_eq!(remembered, fresh);
        }
    }
}
