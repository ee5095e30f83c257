use proptest::prelude::*;
use serde_json::json;
use tracemesh_graph::span::{Link, SpanId, SpanKind, TraceId};

use super::*;
use crate::testing::values::{deep_list, edit, edits, json_value, text};
use crate::testing::{Capture, Kept, KeptSet, KeptSpan, Seen};

const IDS: &str = r#""traceID":"a1","spanID":"b2","processID":"p1""#;

fn decode(text: impl AsRef<[u8]>) -> Result<Capture, DecodeError> {
    let mut capture = Capture::default();
    decode_jaeger(text.as_ref(), &mut capture).map(|()| capture)
}

fn trace(spans: &str) -> String {
    format!(
        r#"{{"traceID":"a1","spans":[{spans}],"processes":{{"p1":{{"serviceName":"web"}},"p2":{{"serviceName":"cart"}}}}}}"#
    )
}

/// One span with more fields, between two plain ones.
fn one(fields: &str) -> Result<KeptSpan, RejectReason> {
    let capture = decode(trace(&format!("{{{IDS}}},{{{IDS}{fields}}},{{{IDS}}}"))).unwrap();
    assert_eq!(
        capture.0.len(),
        4,
        "a resource and three spans, dead or alive"
    );
    match capture.0.into_iter().nth(2) {
        Some(Seen::Span(span)) => Ok(*span),
        Some(Seen::Rejected(reason)) => Err(reason),
        other => panic!("no span: {other:?}"),
    }
}

fn tagged(tags: &str) -> KeptSpan {
    one(&format!(r#","tags":[{tags}]"#)).unwrap()
}

#[test]
fn an_answer_of_the_query_service_is_read() {
    let answer = json!({"data": [{
        "traceID": "463ac35c9f6413ad48485a3953bb6124",
        "spans": [{
            "traceID": "463ac35c9f6413ad48485a3953bb6124", "spanID": "2", "flags": 1, "operationName": "GET",
            "references": [{"refType": "CHILD_OF", "traceID": "463ac35c9f6413ad48485a3953bb6124", "spanID": "1"}],
            "startTime": 1_700_000_000_000_001_u64, "duration": 5,
            "tags": [
                {"key": "span.kind", "type": "string", "value": "client"},
                {"key": "server.port", "type": "int64", "value": 8080},
                {"key": "messaging.destination.temporary", "type": "bool", "value": true},
                {"key": "sampler.param", "type": "float64", "value": 1},
                {"key": "url.full", "type": "binary", "value": "AAEC"},
                {"key": "w3c.tracestate", "type": "string", "value": "a=b"}],
            "logs": [{"timestamp": 1, "fields": []}], "processID": "p1", "warnings": null}],
        "processes": {"p1": {"serviceName": "web", "tags": [
            {"key": "service.namespace", "type": "string", "value": "shop"},
            {"key": "hostname", "type": "string", "value": "h"},
            {"key": "ip", "type": "string", "value": "10.0.0.1"},
            {"key": "client-uuid", "type": "string", "value": "u"}]}},
        "warnings": null}],
        "total": 0, "limit": 0, "offset": 0, "errors": null});
    let capture = decode(answer.to_string()).unwrap();
    let [Seen::Resource(resource), Seen::Span(span)] = &capture.0[..] else {
        panic!("{capture:?}");
    };
    let wanted = [
        (Key::ServiceName, text("web")),
        (Key::ServiceNamespace, text("shop")),
        (Key::ServiceInstanceId, text("u")),
        (Key::HostName, text("h")),
        (Key::HostIp, text("10.0.0.1")),
    ];
    assert_eq!(*resource, KeptSet::from(wanted));
    let id = 0x463a_c35c_9f64_13ad_4848_5a39_53bb_6124_u128;
    assert_eq!(span.trace_id, TraceId(id.to_be_bytes()));
    assert_eq!(span.parent_id, Some(SpanId(1_u64.to_be_bytes())));
    assert_eq!((span.kind, span.name.as_str()), (SpanKind::Client, "GET"));
    assert_eq!(
        span.times,
        (1_700_000_000_000_001_000, 1_700_000_000_000_006_000)
    );
    assert_eq!(span.trace_state, "a=b");
    assert!(span.links.is_empty());
    let wanted = [
        (Key::ServerPort, Kept::Int(8080)),
        (Key::MessagingDestinationTemporary, Kept::Bool(true)),
        (Key::SamplerParam, Kept::Double(1_f64.to_bits())),
    ];
    assert_eq!(span.attributes, KeptSet::from(wanted));
}

#[test]
fn documents_of_elasticsearch_bring_their_process_and_have_text_alone() {
    let span = r#"{"traceID":"a1","spanID":"b2","startTime":7,"startTimeMillis":0,"duration":1,
        "tags":[{"key":"server.port","type":"int64","value":"8080"},{"key":"error","type":"bool","value":"true"}],
        "tag":{"span@kind":"server","http@method":"GET"},
        "process":{"serviceName":"web","tags":[],"tag":{"service@namespace":"shop"}}}"#;
    let expected = decode(span).unwrap();
    let [Seen::Resource(resource), Seen::Span(found)] = &expected.0[..] else {
        panic!("{expected:?}");
    };
    assert_eq!(resource[&Key::ServiceNamespace], text("shop"));
    assert_eq!((found.kind, found.is_error), (SpanKind::Server, true));
    assert_eq!(found.attributes[&Key::ServerPort], Kept::Int(8080));
    assert_eq!(found.attributes[&Key::HttpMethod], text("GET"));
    let dump = format!(r#"{{"_index":"jaeger-span-2026-11-22","_source":{span}}}"#);
    assert_eq!(decode(&dump).unwrap(), expected);
    let search = format!(r#"{{"took":1,"hits":{{"total":1,"hits":[{dump}]}}}}"#);
    assert_eq!(decode(search).unwrap(), expected);
}

#[test]
fn each_span_belongs_to_its_process() {
    let spans = ["p1", "p2", "p2", "p1", "p9"]
        .map(|process| format!(r#"{{"traceID":"a1","spanID":"b2","processID":"{process}"}}"#));
    let capture = decode(trace(&spans.join(","))).unwrap();
    let names = capture.0.iter().map(|seen| match seen {
        Seen::Resource(resource) => match resource.get(&Key::ServiceName) {
            Some(Kept::Text(name)) => name,
            _ => "nobody",
        },
        _ => "span",
    });
    let wanted = [
        "web", "span", "cart", "span", "span", "web", "span", "nobody", "span",
    ];
    assert_eq!(names.collect::<Vec<_>>(), wanted);
}

#[test]
fn a_process_that_cannot_be_read_rejects_its_spans() {
    let broken = trace(&format!("{{{IDS}}},{{{IDS}}}"));
    for process in ["7", r#"{"serviceName":7}"#, r#"{"tags":{}}"#] {
        let text = broken.replace(r#"{"serviceName":"web"}"#, process);
        assert_eq!(
            decode(text).unwrap().rejected(),
            [RejectReason::Malformed; 2],
            "{process}"
        );
    }
    let null = broken.replace(r#"{"serviceName":"web"}"#, "null");
    assert_eq!(decode(null).unwrap().spans().len(), 2);
}

fn link(trace: u128, span: u64) -> Link {
    Link {
        trace_id: TraceId(trace.to_be_bytes()),
        span_id: SpanId(span.to_be_bytes()),
    }
}

#[test]
fn references_are_a_parent_and_links() {
    let related = |references: &[(&str, &str, &str)], further: &str| {
        let references = references.iter().map(|(kind, trace, span)| {
            json!({"refType": kind, "traceID": trace, "spanID": span}).to_string()
        });
        let references = references.collect::<Vec<_>>().join(",");
        let span = one(&format!(r#","references":[{references}]{further}"#))?;
        Ok((span.parent_id.map_or(0, SpanId::as_u64), span.links))
    };
    let (child, follows) = ("CHILD_OF", "FOLLOWS_FROM");
    assert_eq!(related(&[(child, "a1", "1")], ""), Ok((1, vec![])));
    // The parent need not come first, and is a child's before it is a follower's.
    let both = [
        (follows, "a1", "2"),
        (child, "00a1", "1"),
        (child, "a1", "3"),
    ];
    assert_eq!(
        related(&both, ""),
        Ok((1, vec![link(0xa1, 2), link(0xa1, 3)]))
    );
    assert_eq!(related(&[(follows, "a1", "2")], ""), Ok((2, vec![])));
    assert_eq!(
        related(&[(child, "a2", "1")], ""),
        Ok((0, vec![link(0xa2, 1)]))
    );
    assert_eq!(
        related(&[(follows, "x", "1"), (follows, "a2", "")], ""),
        Ok((0, vec![]))
    );
    assert_eq!(related(&[(child, "", "1")], ""), Ok((1, vec![])));
    assert_eq!(related(&[(child, "a1", "0")], ""), Ok((0, vec![])));
    // How it was written before there were references.
    let old = r#","parentSpanID":"9""#;
    assert_eq!(related(&[], old), Ok((9, vec![])));
    assert_eq!(
        related(&[(follows, "a1", "2")], old),
        Ok((9, vec![link(0xa1, 2)]))
    );
    assert_eq!(related(&[(child, "a1", "1")], old), Ok((1, vec![])));
    assert_eq!(
        related(&[(child, "a1", "x")], ""),
        Err(RejectReason::ParentId)
    );
}

#[test]
fn kinds_are_tags_and_none_is_internal() {
    let kind = |tags: &str| tagged(tags).kind;
    let named = [
        "client", "server", "producer", "consumer", "internal", "odd",
    ];
    let kinds = named.map(|name| kind(&format!(r#"{{"key":"span.kind","value":"{name}"}}"#)));
    use SpanKind::{Client, Consumer, Internal, Producer, Server, Unspecified};
    assert_eq!(
        kinds,
        [Client, Server, Producer, Consumer, Internal, Unspecified]
    );
    assert_eq!(kind(""), Internal);
}

#[test]
fn errors_are_tags_then_status_then_http() {
    let tag = |key: &str, value: &str| format!(r#"{{"key":"{key}","value":{value}}}"#);
    let client = tag("span.kind", r#""client""#);
    let is_error = |tags: &[String]| tagged(&tags.join(",")).is_error;
    assert!(is_error(&[tag("error", "true")]));
    assert!(is_error(&[
        tag("error", r#""true""#),
        tag("otel.status_code", r#""OK""#)
    ]));
    assert!(is_error(&[tag("otel.status_code", r#""ERROR""#)]));
    assert!(is_error(&[tag("http.status_code", "503")]));
    assert!(is_error(&[
        tag("http.status_code", "\"404\""),
        client.clone()
    ]));
    assert!(!is_error(&[]));
    assert!(!is_error(&[tag("error", "false")]));
    assert!(!is_error(&[tag("http.status_code", "404")]));
    assert!(!is_error(&[
        tag("http.status_code", "503"),
        tag("otel.status_code", r#""OK""#)
    ]));
    // An OpenTelemetry SDK has judged, and found it unset.
    assert!(!is_error(&[
        tag("http.status_code", "404"),
        client,
        tag("otel.scope.name", r#""x""#)
    ]));
}

#[test]
fn a_bad_span_is_rejected_with_its_reason_and_its_siblings_live() {
    let cases = [
        ("7", RejectReason::Malformed),
        ("null", RejectReason::Malformed),
        ("[]", RejectReason::Malformed),
        ("{}", RejectReason::TraceId),
        (r#"{"traceID":"a1"}"#, RejectReason::SpanId),
        (r#"{"traceID":"0","spanID":"1"}"#, RejectReason::TraceId),
        (
            r#"{"traceID":"a1","spanID":"1","startTime":"soon"}"#,
            RejectReason::Malformed,
        ),
        (
            r#"{"traceID":"a1","spanID":"1","duration":-1}"#,
            RejectReason::Malformed,
        ),
        (
            r#"{"traceID":"a1","spanID":"1","tags":{}}"#,
            RejectReason::Malformed,
        ),
        (
            r#"{"traceID":"a1","spanID":"1","tags":[7]}"#,
            RejectReason::Malformed,
        ),
        (
            r#"{"traceID":"a1","spanID":"1","references":[7]}"#,
            RejectReason::Malformed,
        ),
        (
            r#"{"traceID":"a1","spanID":"1","parentSpanID":"x"}"#,
            RejectReason::ParentId,
        ),
    ];
    for (span, reason) in cases {
        let capture = decode(trace(&format!("{{{IDS}}},{span},{{{IDS}}}"))).unwrap();
        assert_eq!(
            (capture.rejected(), capture.spans().len()),
            (vec![reason], 2),
            "{span}"
        );
    }
    let many = format!(
        r#","references":[{}{{}}]"#,
        "{},".repeat(crate::decode::MAX_LINKS)
    );
    assert_eq!(one(&many).unwrap_err(), RejectReason::Limit);
    // A document that should be a span and is none.
    assert_eq!(
        decode(r#"{"traceID":"a1"}"#).unwrap().rejected(),
        [RejectReason::SpanId]
    );
    assert_eq!(
        decode(r#"{"_source":7}"#).unwrap().rejected(),
        [RejectReason::Malformed]
    );
}

#[test]
fn text_that_is_not_utf8_costs_only_the_span_that_needs_it() {
    let mut bytes = trace(&format!(
        r#"{{{IDS},"operationName":"BAD"}},{{{IDS},"unread":"BAD"}}"#
    ))
    .into_bytes();
    while let Some(at) = bytes.windows(3).position(|window| window == b"BAD") {
        bytes.splice(at..at + 3, [0xff, 0xc3, 0x28]);
    }
    let capture = decode(bytes).unwrap();
    assert_eq!(
        (capture.rejected(), capture.spans().len()),
        (vec![RejectReason::Utf8], 1)
    );
}

#[test]
fn what_is_no_jaeger_json_is_an_error_with_its_position() {
    let cases = [
        ("", 0, 1, 0),
        ("[]", 0, 1, 1),
        ("{} x", 3, 1, 4),
        ("{\"data\":\n[{\"spans\":[]},\n 7]}", 25, 3, 2),
        ("{\"data\":[\n{\"traceID\":\"1\",\"spans\":7}]}", 33, 2, 24),
    ];
    for (text, offset, line, column) in cases {
        let DecodeError::Json {
            offset: at,
            line: on,
            column: in_line,
            cause,
        } = decode(text).unwrap_err()
        else {
            panic!("JSON was asked for");
        };
        assert_eq!((at, on, in_line), (offset, line, column), "{text}: {cause}");
    }
    for empty in [
        "{}",
        r#"{"data":null}"#,
        r#"{"data":[]}"#,
        r#"{"traceID":"1","spans":[],"processes":{}}"#,
    ] {
        assert!(decode(empty).unwrap().0.is_empty(), "{empty}");
    }
}

#[test]
fn depth_is_harmless() {
    let deep = deep_list();
    assert!(one(&format!(r#","logs":{deep}"#)).is_ok());
    assert_eq!(
        one(&format!(r#","tags":{deep}"#)).unwrap_err(),
        RejectReason::Malformed
    );
    assert_eq!(
        decode(trace(&deep)).unwrap().rejected(),
        [RejectReason::Malformed]
    );
    assert!(decode(format!(r#"{{"data":{deep}}}"#)).is_err());
    assert!(decode(&deep).is_err());
}

proptest! {
    /// Every element of a list of spans is a span or a rejected one, whatever it is.
    #[test]
    fn any_list_of_spans_is_accounted_for(
        elements in prop::collection::vec(json_value(FIELDS), 0..6),
        process in json_value(FIELDS),
        further in json_value(FIELDS),
    ) {
        let count = elements.len();
        let trace = json!({"spans": elements, "processes": {"p1": process, "p2": further}});
        for text in [trace.to_string(), json!({"data": [trace]}).to_string()] {
            let capture = decode(text).unwrap();
            prop_assert_eq!(capture.spans().len() + capture.rejected().len(), count);
        }
    }

    #[test]
    fn any_value_is_harmless(value in json_value(FIELDS)) {
        let _outcome = decode(value.to_string());
    }

    #[test]
    fn mutations_never_panic(edits in edits()) {
        let tags = r#","tags":[{"key":"error","type":"bool","value":true}],"references":[{"refType":"CHILD_OF"}]"#;
        let mut bytes = trace(&format!("{{{IDS}{tags}}}")).into_bytes();
        edit(&mut bytes, edits);
        let _outcome = decode(&bytes);
    }
}

/// Names that a reader of Jaeger may stumble over, and values for them.
const FIELDS: &[&str] = &[
    "data",
    "hits",
    "_source",
    "spans",
    "processes",
    "traceID",
    "spanID",
    "parentSpanID",
    "operationName",
    "references",
    "refType",
    "CHILD_OF",
    "FOLLOWS_FROM",
    "startTime",
    "duration",
    "tags",
    "tag",
    "key",
    "type",
    "value",
    "int64",
    "bool",
    "binary",
    "processID",
    "process",
    "serviceName",
    "p1",
    "p2",
    "a1",
    "1",
    "error",
    "span.kind",
    "client",
    "\u{10FFFF}",
];
