use proptest::prelude::*;
use tracemesh_graph::span::{Link, SpanId, TraceId};

use super::*;
use crate::testing::values::{deep_list, edit, edits, json_value, text};
use crate::testing::{Capture, Kept, KeptSet, KeptSpan, Seen};

const IDS: &str = r#""traceId":"463ac35c9f6413ad48485a3953bb6124","id":"48485a3953bb6124""#;

fn decode(text: impl AsRef<[u8]>) -> Result<Capture, DecodeError> {
    let mut capture = Capture::default();
    decode_zipkin(text.as_ref(), &mut capture).map(|()| capture)
}

/// One span with more fields, between two plain ones: its resource and itself.
fn one(fields: &str) -> Result<(KeptSet, KeptSpan), RejectReason> {
    let capture = decode(format!("[{{{IDS}}},{{{IDS}{fields}}},{{{IDS}}}]")).unwrap();
    assert_eq!(capture.spans().len() + capture.rejected().len(), 3);
    let mut seen = capture.0.into_iter().skip(2);
    match (seen.next(), seen.next()) {
        (Some(Seen::Rejected(reason)), _) => Err(reason),
        (Some(Seen::Resource(resource)), Some(Seen::Span(span))) => Ok((resource, *span)),
        other => panic!("no span: {other:?}"),
    }
}

/// The example of Zipkin's API description, with what its exporters add.
#[test]
fn a_client_span_becomes_resource_span_and_peer() {
    let (resource, span) = one(
        r#","parentId":"6b221d5bc9e6496c","kind":"CLIENT","name":"get",
        "timestamp":1556604172355737,"duration":1431,"debug":true,
        "localEndpoint":{"serviceName":"front","ipv4":"192.168.99.1","port":3306},
        "remoteEndpoint":{"serviceName":"back","ipv4":"172.19.0.2","port":58648},
        "tags":{"http.method":"GET","http.path":"/api","service.namespace":"shop","clnt/x":"1"},
        "annotations":[{"timestamp":1,"value":"retry"}]"#,
    )
    .unwrap();
    let wanted = [
        (Key::ServiceName, text("front")),
        (Key::ServiceNamespace, text("shop")),
        (Key::ServiceInstanceId, text("192.168.99.1:3306")),
        (Key::HostIp, text("192.168.99.1")),
    ];
    assert_eq!(resource, wanted.into());
    let id = 0x463a_c35c_9f64_13ad_4848_5a39_53bb_6124_u128;
    assert_eq!(span.trace_id, TraceId(id.to_be_bytes()));
    assert_eq!(
        span.span_id,
        SpanId(0x4848_5a39_53bb_6124_u64.to_be_bytes())
    );
    let parent = SpanId(0x6b22_1d5b_c9e6_496c_u64.to_be_bytes());
    assert_eq!(span.parent_id, Some(parent));
    assert_eq!((span.kind, span.name.as_str()), (SpanKind::Client, "get"));
    assert_eq!(
        span.times,
        (1_556_604_172_355_737_000, 1_556_604_172_357_168_000)
    );
    let wanted = [
        (Key::PeerService, text("back")),
        (Key::NetworkPeerAddress, text("172.19.0.2")),
        (Key::NetworkPeerPort, Kept::Int(58_648)),
        (Key::HttpMethod, text("GET")),
    ];
    assert_eq!(span.attributes, wanted.into());
}

#[test]
fn kinds_are_zipkins_and_none_is_internal() {
    let kind = |fields: &str| one(fields).unwrap().1.kind;
    let named = ["CLIENT", "SERVER", "PRODUCER", "CONSUMER", "client"];
    let kinds = named.map(|name| kind(&format!(r#","kind":"{name}""#)));
    use SpanKind::{Client, Consumer, Internal, Producer, Server, Unspecified};
    assert_eq!(kinds, [Client, Server, Producer, Consumer, Unspecified]);
    assert_eq!(kind(""), Internal);
    assert_eq!(
        kind(r#","kind":null,"tags":{"span.kind":"internal"}"#),
        Internal
    );
    assert_eq!(kind(r#","tags":{"span.kind":"odd"}"#), Unspecified);
    // Only a server joins the span of its caller.
    assert_eq!(kind(r#","shared":true"#), Server);
    assert_eq!(kind(r#","shared":false"#), Internal);
}

#[test]
fn both_halves_of_a_shared_span_keep_its_id_and_parent() {
    let halves = format!(
        r#"[{{{IDS},"parentId":"1","kind":"CLIENT"}},{{{IDS},"parentId":"1","kind":"SERVER","shared":true}}]"#
    );
    let capture = decode(halves).unwrap();
    let spans = capture.spans();
    assert_eq!(spans[0].span_id, spans[1].span_id);
    assert_eq!(spans[0].parent_id, spans[1].parent_id);
    assert_ne!(spans[0].kind, spans[1].kind);
}

#[test]
fn an_endpoint_that_repeats_a_tag_is_no_name_and_no_socket() {
    let peers = |tags: &str, remote: &str| {
        let fields = format!(r#","kind":"CLIENT","tags":{{{tags}}},"remoteEndpoint":{{{remote}}}"#);
        let attributes = one(&fields).unwrap().1.attributes;
        [Key::PeerService, Key::NetworkPeerAddress].map(|key| attributes.contains_key(&key))
    };
    assert_eq!(
        peers(
            r#""server.address":"Cart.shop""#,
            r#""serviceName":"cart.shop""#
        ),
        [false, false]
    );
    assert_eq!(
        peers(r#""server.address":"cart.shop""#, r#""serviceName":"cart""#),
        [true, false]
    );
    assert_eq!(
        peers(
            r#""net.peer.name":"10.0.0.1""#,
            r#""ipv4":"10.0.0.1","port":80"#
        ),
        [false, false]
    );
    assert_eq!(
        peers(r#""net.peer.ip":"10.0.0.1""#, r#""ipv4":"10.0.0.2""#),
        [false, false]
    );
    assert_eq!(peers("", r#""ipv6":"2001:db8::c001""#), [false, true]);
    assert_eq!(peers("", r#""ipv4":"no address""#), [false, false]);
    let named =
        one(r#","kind":"CLIENT","tags":{"peer.service":"a"},"remoteEndpoint":{"serviceName":"b"}"#);
    assert_eq!(named.unwrap().1.attributes[&Key::PeerService], text("a"));
}

#[test]
fn the_remote_endpoint_of_a_server_is_its_client() {
    let (_, span) = one(
        r#","kind":"SERVER","localEndpoint":{"serviceName":"a","port":8080},
        "remoteEndpoint":{"serviceName":"b","ipv4":"10.0.0.1","port":40000}"#,
    )
    .unwrap();
    let wanted = [
        (Key::PeerService, text("b")),
        (Key::NetHostPort, Kept::Int(8080)),
        (Key::ClientAddress, text("10.0.0.1")),
    ];
    assert_eq!(span.attributes, wanted.into());
}

#[test]
fn instances_are_addresses_without_ports_of_connections() {
    let instance = |local: &str| {
        let (resource, _) = one(&format!(r#","localEndpoint":{{{local}}}"#)).unwrap();
        resource.get(&Key::ServiceInstanceId).cloned()
    };
    assert_eq!(
        instance(r#""ipv4":"10.0.0.1","port":8080"#),
        Some(text("10.0.0.1:8080"))
    );
    assert_eq!(
        instance(r#""ipv4":"10.0.0.1","port":40000"#),
        Some(text("10.0.0.1"))
    );
    assert_eq!(
        instance(r#""ipv6":"2001:db8::1","port":"80""#),
        Some(text("[2001:db8::1]:80"))
    );
    assert_eq!(instance(r#""ipv4":"127.0.0.1","port":80"#), None);
    assert_eq!(instance(r#""serviceName":"a","port":80"#), None);
    let (resource, _) =
        one(r#","localEndpoint":{"ipv4":"10.0.0.1"},"tags":{"k8s.pod.uid":"u"}"#).unwrap();
    assert!(!resource.contains_key(&Key::ServiceInstanceId));
}

#[test]
fn names_are_those_that_somebody_gave() {
    let names = |fields: &str| one(fields).unwrap().0;
    let local = |name: &str| format!(r#","localEndpoint":{{"serviceName":"{name}"}}"#);
    for nobody in ["", "unknown", "OTLPResourceNoServiceName"] {
        assert_eq!(names(&local(nobody)), KeptSet::new(), "{nobody}");
    }
    assert_eq!(names(r#","localEndpoint":null"#), KeptSet::new());
    // The tag has the case that Zipkin takes from endpoints.
    let both = format!(r#"{},"tags":{{"service.name":"Cart"}}"#, local("cart"));
    assert_eq!(names(&both), [(Key::ServiceName, text("Cart"))].into());
    let function = format!(
        r#"{},"tags":{{"otlp.service.name.source":"faas.name"}}"#,
        local("f")
    );
    assert_eq!(names(&function), [(Key::FaasName, text("f"))].into());
}

#[test]
fn errors_are_tags() {
    let is_error = |tags: &str| one(&format!(r#","tags":{{{tags}}}"#)).unwrap().1.is_error;
    for tags in [
        r#""error":"""#,
        r#""error":"true""#,
        r#""error":"timeout""#,
        r#""error":true"#,
    ] {
        assert!(is_error(tags), "{tags}");
    }
    assert!(is_error(r#""otel.status_code":"ERROR""#));
    for tags in [
        "",
        r#""error":"false""#,
        r#""error":null"#,
        r#""otel.status_code":"OK""#,
    ] {
        assert!(!is_error(tags), "{tags}");
    }
}

#[test]
fn tags_carry_what_zipkin_has_no_field_for() {
    let (_, span) = one(r#","tags":{"w3c.tracestate":"ot=th:8","rpc.grpc.status_code":"5","http.status_code":200,
        "messaging.destination.temporary":true,"sampler.param":0.5,"url.full":["no"],"db.name":null,
        "otlp.link.0":"0000000000000000000000000000000a|000000000000000b|s|{}|0","otlp.link.1":"odd",
        "http.request.header.host":"[\"a.b\",\"c\"]","http.request.header.x":"y"}"#)
    .unwrap();
    assert_eq!(span.trace_state, "ot=th:8");
    let wanted = [
        (Key::RpcGrpcStatusCode, Kept::Int(5)),
        (Key::HttpStatusCode, Kept::Int(200)),
        (Key::MessagingDestinationTemporary, Kept::Bool(true)),
        (Key::SamplerParam, Kept::Double(0.5_f64.to_bits())),
    ];
    assert_eq!(span.attributes, wanted.into());
    let link = Link {
        trace_id: TraceId(10_u128.to_be_bytes()),
        span_id: SpanId(11_u64.to_be_bytes()),
    };
    assert_eq!(span.links, [link]);
    assert_eq!(span.details.headers.request_lines, 3);
    assert_eq!(span.details.headers.host.as_deref(), Some("a.b"));
}

#[test]
fn a_span_without_timestamp_starts_with_its_first_annotation() {
    let times = |fields: &str| one(fields).unwrap().1.times;
    let annotations = r#","annotations":[{"timestamp":7,"value":"b"},{"timestamp":5,"value":"a"}]"#;
    assert_eq!(
        times(&format!(r#","timestamp":0,"duration":2{annotations}"#)),
        (5_000, 7_000)
    );
    assert_eq!(times(annotations), (5_000, 5_000));
    assert_eq!(
        times(&format!(r#","timestamp":9{annotations}"#)),
        (9_000, 9_000)
    );
    assert_eq!(times(r#","timestamp":null,"duration":2"#), (0, 2_000));
    assert_eq!(times(r#","annotations":[7]"#), (0, 0));
    assert_eq!(
        times(r#","timestamp":18446744073709551615"#),
        (u64::MAX, u64::MAX)
    );
}

#[test]
fn a_bad_span_is_rejected_with_its_reason_and_its_siblings_live() {
    let cases = [
        ("7", RejectReason::Malformed),
        ("null", RejectReason::Malformed),
        ("[]", RejectReason::Malformed),
        ("{}", RejectReason::SpanId),
        (r#"{"id":"1"}"#, RejectReason::TraceId),
        (r#"{"traceId":"1"}"#, RejectReason::SpanId),
        (r#"{"traceId":"0","id":"1"}"#, RejectReason::TraceId),
        (
            r#"{"traceId":"1","id":"0000000000000000"}"#,
            RejectReason::SpanId,
        ),
        (
            r#"{"traceId":"1","id":"1","parentId":"x"}"#,
            RejectReason::ParentId,
        ),
        (r#"{"traceId":1,"id":"1"}"#, RejectReason::Malformed),
        (
            r#"{"traceId":"1","id":"1","id":"1"}"#,
            RejectReason::Malformed,
        ),
        (
            r#"{"traceId":"1","id":"1","timestamp":-1}"#,
            RejectReason::Malformed,
        ),
        (
            r#"{"traceId":"1","id":"1","duration":1.5}"#,
            RejectReason::Malformed,
        ),
        (
            r#"{"traceId":"1","id":"1","tags":[]}"#,
            RejectReason::Malformed,
        ),
        (
            r#"{"traceId":"1","id":"1","localEndpoint":"a"}"#,
            RejectReason::Malformed,
        ),
        // Version 1.
        (
            r#"{"traceId":"1","id":"1","binaryAnnotations":[]}"#,
            RejectReason::Malformed,
        ),
    ];
    for (span, reason) in cases {
        let capture = decode(format!("[{{{IDS}}},{span},{{{IDS}}}]")).unwrap();
        assert_eq!(
            (capture.rejected(), capture.spans().len()),
            (vec![reason], 2),
            "{span}"
        );
    }
    let many = format!(
        r#","tags":{{{}"z":"1"}}"#,
        r#""a":"b","#.repeat(crate::decode::MAX_ATTRIBUTES)
    );
    assert_eq!(one(&many).unwrap_err(), RejectReason::Limit);
}

#[test]
fn a_root_that_is_its_own_parent_is_a_root() {
    let (_, span) = one(r#","parentId":"48485a3953bb6124""#).unwrap();
    assert_eq!(span.parent_id, None);
}

#[test]
fn text_that_is_not_utf8_costs_only_the_span_that_needs_it() {
    let list = format!(
        r#"[{{{IDS},"name":"BAD"}},{{{IDS},"tags":{{"unread":"BAD"}}}},{{{IDS},"localEndpoint":{{"serviceName":"BAD"}}}}]"#
    );
    let mut bytes = list.into_bytes();
    while let Some(at) = bytes.windows(3).position(|window| window == b"BAD") {
        bytes.splice(at..at + 3, [0xff, 0xc3, 0x28]);
    }
    let capture = decode(bytes).unwrap();
    assert_eq!(
        (capture.rejected(), capture.spans().len()),
        (vec![RejectReason::Utf8; 2], 1)
    );
}

#[test]
fn a_lone_span_is_read_and_other_json_is_an_error() {
    assert_eq!(decode(format!(" {{{IDS}}} ")).unwrap().spans().len(), 1);
    assert!(decode("[]").unwrap().0.is_empty());
    for bad in ["", "7", "null", "\"a\"", "[", "{", "[{}", "[] []", "{} {}"] {
        assert!(decode(bad).is_err(), "{bad}");
    }
    let DecodeError::Json { line, column, .. } = decode("[\n{},\n x]").unwrap_err() else {
        panic!("JSON was asked for");
    };
    assert_eq!((line, column), (3, 2));
}

/// A million levels: in a place that is skipped, in a tag, where a span should be, and as the whole.
#[test]
fn depth_is_harmless() {
    let deep = deep_list();
    assert!(one(&format!(r#","x":{deep}"#)).is_ok());
    assert!(one(&format!(r#","tags":{{"url.full":{deep}}}"#)).is_ok());
    assert_eq!(
        one(&format!(r#","tags":{deep}"#)).unwrap_err(),
        RejectReason::Malformed
    );
    assert_eq!(decode(&deep).unwrap().rejected(), [RejectReason::Malformed]);
    assert!(decode("[".repeat(1_000_000)).is_err());
}

proptest! {
    /// Every element of a list is a span or a rejected one, whatever it is.
    #[test]
    fn any_list_is_accounted_for(elements in prop::collection::vec(json_value(FIELDS), 0..6)) {
        let text = serde_json::Value::from(elements.clone()).to_string();
        let capture = decode(text).unwrap();
        prop_assert_eq!(capture.spans().len() + capture.rejected().len(), elements.len());
    }

    #[test]
    fn mutations_never_panic(edits in edits()) {
        let mut bytes = format!(
            r#"[{{{IDS},"kind":"CLIENT","tags":{{"error":"x"}},"localEndpoint":{{"ipv4":"10.0.0.1","port":1}}}}]"#
        ).into_bytes();
        edit(&mut bytes, edits);
        let _outcome = decode(&bytes);
    }
}

/// Names that a reader of Zipkin may stumble over, and values for them.
const FIELDS: &[&str] = &[
    "traceId",
    "id",
    "parentId",
    "kind",
    "name",
    "timestamp",
    "duration",
    "shared",
    "localEndpoint",
    "remoteEndpoint",
    "tags",
    "annotations",
    "serviceName",
    "ipv4",
    "ipv6",
    "port",
    "error",
    "otlp.link.0",
    "http.request.header.a",
    "463ac35c9f6413ad",
    "0",
    "CLIENT",
    "10.0.0.1",
    "::1",
    "a|b",
    "\u{10FFFF}",
];
