use crate::attribute::{HeaderSide, Value};
use crate::span::{SpanEvents, SpanId, TraceId};

use super::*;

mod protocol;

const SECOND: u64 = 1_000_000_000;

/// A span before it has ids.
#[derive(Clone)]
struct Given {
    kind: SpanKind,
    took_ns: u64,
    is_error: bool,
    attributes: Vec<(Key, Value<'static>)>,
    headers: Vec<(HeaderSide, &'static str, &'static str)>,
    events: SpanEvents<'static>,
}

fn client() -> Given {
    Given {
        kind: SpanKind::Client,
        took_ns: 5_000_000,
        is_error: false,
        attributes: Vec::new(),
        headers: Vec::new(),
        events: SpanEvents::default(),
    }
}

/// A `GET` to this URL.
fn get(url: &'static str) -> Given {
    client()
        .with(Key::UrlFull, url)
        .with(Key::HttpRequestMethod, "GET")
}

fn grpc(method: &'static str) -> Given {
    client()
        .with(Key::RpcSystem, "grpc")
        .with(Key::RpcService, "shop.Cart")
        .with(Key::RpcMethod, method)
}

impl Given {
    fn with(mut self, key: Key, text: &'static str) -> Self {
        self.attributes.push((key, Value::Text(text)));
        self
    }

    fn int(mut self, key: Key, number: i64) -> Self {
        self.attributes.push((key, Value::Int(number)));
        self
    }

    const fn took(mut self, took_ns: u64) -> Self {
        self.took_ns = took_ns;
        self
    }

    const fn failed(mut self) -> Self {
        self.is_error = true;
        self
    }

    const fn kind(mut self, kind: SpanKind) -> Self {
        self.kind = kind;
        self
    }

    const fn events(mut self, messages: u32, exception: &'static str) -> Self {
        self.events = SpanEvents {
            messages,
            exception,
        };
        self
    }

    fn request(mut self, name: &'static str, value: &'static str) -> Self {
        self.headers.push((HeaderSide::Request, name, value));
        self
    }

    fn response(mut self, name: &'static str, value: &'static str) -> Self {
        self.headers.push((HeaderSide::Response, name, value));
        self
    }

    fn signs(&self) -> Signs {
        let mut attributes = AttributeSet::default();
        for (key, value) in &self.attributes {
            attributes.insert(*key, *value);
        }
        for (side, name, value) in &self.headers {
            attributes.header(*side, name, value);
        }
        let peer = Peer::of_span(self.kind, &attributes, 200);
        let status = attributes.first_int(&[Key::HttpResponseStatusCode, Key::HttpStatusCode]);
        let span = SpanView {
            trace_id: TraceId([1; 16]),
            span_id: SpanId([1; 8]),
            parent_id: None,
            kind: self.kind,
            start_ns: SECOND,
            end_ns: SECOND + self.took_ns,
            is_error: self.is_error,
            flags: 0,
            trace_state: "",
            name: "",
            attributes: &attributes,
            events: self.events,
            links: &[],
        };
        Lasting::of(self.kind, &attributes, &peer, status).with(&span)
    }
}

/// Each case shows the sign, or looks alike and does not.
#[track_caller]
fn check(sign: Sign, shown: &[Given], alike: &[Given]) {
    for (number, given) in shown.iter().enumerate() {
        assert!(
            given.signs().has(sign),
            "{sign:?} is missed in case {number}"
        );
    }
    for (number, given) in alike.iter().enumerate() {
        assert!(
            !given.signs().has(sign),
            "{sign:?} is seen in case {number}"
        );
    }
}

const URL: &str = "http://cart.shop/x";

#[test]
fn an_ordinary_call_shows_nothing() {
    for given in [
        get(URL),
        get(URL).kind(SpanKind::Server),
        get(URL).failed().int(Key::HttpResponseStatusCode, 500),
        client()
            .with(Key::DbSystem, "postgresql")
            .with(Key::NetPeerName, "db"),
        client(),
    ] {
        assert_eq!(given.signs().each().collect::<Vec<_>>(), []);
    }
}

#[test]
fn calls_near_fifteen_seconds_are_long_and_those_that_no_route_carries_are_not() {
    let server = get(URL).kind(SpanKind::Server);
    check(
        Sign::Long,
        &[
            get(URL).took(12 * SECOND),
            server.took(20 * SECOND),
            grpc("Get").took(15 * SECOND),
        ],
        &[
            get(URL).took(11 * SECOND),
            get("https://cart.shop/x").took(20 * SECOND),
            client().with(Key::DbSystem, "mysql").took(20 * SECOND),
            client()
                .with(Key::MessagingSystem, "kafka")
                .took(20 * SECOND),
        ],
    );
}

#[test]
fn streams_show_by_their_messages_or_their_content() {
    let events = ("content-type", "text/event-stream");
    check(
        Sign::Stream,
        &[
            grpc("Watch").events(3, ""),
            get(URL).response(events.0, events.1),
            get(URL).response("content_type", "Text/Event-Stream;charset=utf-8"),
        ],
        &[
            grpc("Get").events(2, ""),
            get(URL).events(9, ""),
            get(URL).request(events.0, events.1),
            get(URL).response("content-type", "text/html"),
        ],
    );
}

#[test]
fn silence_is_long_and_has_few_messages() {
    check(
        Sign::Silent,
        &[
            get(URL).took(240 * SECOND),
            grpc("Watch").took(1000 * SECOND).events(4, ""),
        ],
        &[
            get(URL).took(239 * SECOND),
            grpc("Watch").took(1000 * SECOND).events(5, ""),
            client().with(Key::DbSystem, "mysql").took(900 * SECOND),
        ],
    );
    let upgraded = get(URL).int(Key::HttpStatusCode, 101);
    check(
        Sign::Upgraded,
        &[upgraded],
        &[get(URL).int(Key::HttpStatusCode, 200)],
    );
}

#[test]
fn only_methods_that_are_known_to_read_are_safe_to_send_twice() {
    let with = |method| {
        client()
            .with(Key::HttpUrl, URL)
            .with(Key::HttpMethod, method)
    };
    check(
        Sign::UnsafeMethod,
        &[
            with("POST"),
            with("patch"),
            grpc("AddItem"),
            grpc("Gettysburg"),
            grpc("Listen"),
        ],
        &[
            with("GET"),
            with("PUT"),
            with("DELETE"),
            grpc("GetCart"),
            grpc("list"),
            grpc("shop.Cart/Search_All"),
        ],
    );
}

#[test]
fn a_connection_that_was_closed_fails_at_once() {
    let dead = |kind| get(URL).failed().with(Key::ErrorType, kind);
    let status = |status| get(URL).failed().int(Key::HttpStatusCode, status);
    check(
        Sign::ClosedUnanswered,
        &[
            status(503),
            dead("ECONNRESET"),
            dead("http.client.RemoteDisconnected"),
            dead("io.EOF"),
            get(URL).failed().events(0, "java.io.EOFException"),
        ],
        &[
            status(503).took(20_000_000),
            status(500),
            dead("timeout"),
            dead("typeof"),
            client()
                .failed()
                .with(Key::DbSystem, "redis")
                .with(Key::ErrorType, "ECONNRESET"),
            status(503).kind(SpanKind::Server),
        ],
    );
}

#[test]
fn forms_of_a_name_show_as_they_were_written() {
    let at = |host| get(URL).with(Key::ServerAddress, host);
    check(
        Sign::UpperCase,
        &[at("Cart.shop"), get("http://CART.shop/x")],
        &[
            at("cart.shop"),
            get("http://cart.shop/X"),
            get("https://CART.shop/x"),
        ],
    );
    check(
        Sign::TrailingDot,
        &[
            at("cart.shop."),
            at("cart.shop.:8080"),
            get("http://cart.shop.:80/x"),
        ],
        &[at("cart.shop"), get("http://cart.shop/x.")],
    );
    check(
        Sign::PortInHost,
        &[
            get("http://cart.shop:8080/x"),
            at("cart").int(Key::ServerPort, 9090),
        ],
        &[
            get(URL),
            get("http://cart.shop:80/x"),
            get("http://10.0.0.1:8080/x"),
        ],
    );
}

#[test]
fn members_and_sharded_systems_are_told_from_services_and_regions() {
    let database = |system| {
        client()
            .with(Key::DbSystemName, system)
            .with(Key::ServerAddress, "db")
    };
    check(
        Sign::IpAddress,
        &[get("http://10.0.0.7:8080/x"), get("http://[fd00::7]/x")],
        &[
            get("http://127.0.0.1:8080/x"),
            get("http://10-0-0-7.shop/x"),
        ],
    );
    check(
        Sign::Ordinal,
        &[
            get("http://db-0.db/x"),
            client()
                .with(Key::DbSystem, "redis")
                .with(Key::NetPeerName, "redis-12.redis.data"),
        ],
        &[
            get("http://db-0/x"),
            get("http://cart-v2.shop/x"),
            get("http://us-east-1.example.com/x"),
            get("http://europe-west-3.example.com/x"),
            get("http://ip-10-0-0-12345.shop/x"),
        ],
    );
    check(
        Sign::Sharded,
        &[
            database("mongodb"),
            database("cassandra"),
            client()
                .with(Key::MessagingSystem, "kafka")
                .kind(SpanKind::Producer),
            client().with(Key::MessagingSystem, "kafka"),
        ],
        &[
            database("postgresql"),
            database("redis"),
            client().with(Key::MessagingSystem, "rabbitmq"),
        ],
    );
}

#[test]
fn a_host_other_than_the_dialled_one_is_seen_where_it_was_captured() {
    check(
        Sign::OtherHost,
        &[get(URL).request("host", "other.shop")],
        &[
            get(URL).request("host", "Cart.shop.:80"),
            get(URL).response("host", "other"),
            get("http://10.0.0.7/x").request("host", "cart.shop"),
        ],
    );
}

#[test]
fn headers_show_case_size_signature_and_expectation() {
    let plain = || get(URL).with(Key::NetworkProtocolVersion, "1.1");
    check(
        Sign::MixedCase,
        &[plain().request("X-MiXed", ""), plain().response("X-Id", "")],
        &[
            plain().request("x-mixed", "Value"),
            get(URL)
                .with(Key::NetworkProtocolVersion, "2")
                .request("X-Id", ""),
        ],
    );
    let lines = |count| (0..count).fold(plain(), |given, _| given.request("x", ""));
    let answer = (0..101).fold(plain(), |given, _| given.response("x", ""));
    let big = "b".repeat(49_152).leak();
    check(
        Sign::ManyHeaders,
        &[lines(101), answer, plain().request("cookie", big)],
        &[lines(100), plain().response("set-cookie", big)],
    );
    check(
        Sign::Signed,
        &[
            plain().request("authorization", "AWS4-HMAC-SHA256 Credential=a"),
            plain().request("x_amz_date", "20260101T000000Z"),
            plain().request("Signature-Input", "sig1"),
        ],
        &[
            plain().request("authorization", "Bearer a"),
            plain().response("signature", "x"),
        ],
    );
    check(
        Sign::Expect,
        &[plain().request("expect", "100-continue")],
        &[plain().request("expect", "other")],
    );
}

#[test]
fn large_uploads_are_requests_with_a_body() {
    let put = || {
        client()
            .with(Key::UrlFull, URL)
            .with(Key::HttpRequestMethod, "PUT")
    };
    check(
        Sign::LargeUpload,
        &[
            put().int(Key::HttpRequestBodySize, 1 << 20),
            put().int(Key::HttpRequestContentLength, 1 << 30),
        ],
        &[
            put().int(Key::HttpRequestBodySize, (1 << 20) - 1),
            get(URL).int(Key::HttpRequestBodySize, 1 << 20),
        ],
    );
}
