use proptest::prelude::*;
use tracemesh_graph::attribute::Key;
use tracemesh_graph::span::{SpanId, SpanKind, TraceId};

use super::*;
use crate::decode::MAX_LINKS;
use crate::testing::json::to_json;
use crate::testing::requests::request;
use crate::testing::values::{deep_list, edit, edits};
use crate::testing::{Capture, Kept, Seen, expected};

const SPAN: &str = r#""traceId":"5B8EFFF798038103D269B633813FC60C","spanId":"eee19b7ec3c1b174""#;

fn decode(text: impl AsRef<[u8]>) -> Result<(Capture, JsonContents), DecodeError> {
    let mut capture = Capture::default();
    decode_json(text.as_ref(), &mut capture).map(|contents| (capture, contents))
}

fn with_spans(spans: &str) -> String {
    format!(r#"{{"resourceSpans":[{{"resource":{{}},"scopeSpans":[{{"spans":[{spans}]}}]}}]}}"#)
}

/// One span with more fields, between two plain ones.
fn one(fields: &str) -> Result<crate::testing::KeptSpan, RejectReason> {
    let text = with_spans(&format!("{{{SPAN}}},{{{SPAN}{fields}}},{{{SPAN}}}"));
    let (capture, _) = decode(text).unwrap();
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

#[test]
fn a_span_of_the_specification_is_read_in_either_spelling() {
    let camel = r#","parentSpanId":"EEE19B7EC3C1B173","traceState":"a=b","name":"I\u0027m","kind":"SPAN_KIND_SERVER",
        "startTimeUnixNano":"1544712660000000000","endTimeUnixNano":1544712661000000000,"flags":769,"unknown":{"a":[1]},
        "attributes":[{"key":"server.port","value":{"intValue":"80"}},{"key":"db.statement","value":{"intValue":"x"}},
        {"key":"url.full","value":{"stringValue":"http:\/\/a"}},{"key":"server.port","value":{"intValue":81}}],
        "links":[{"traceId":"5b8efff798038103d269b633813fc60c","spanId":"eee19b7ec3c1b175"},{"traceId":""}],
        "status":{"code":"STATUS_CODE_ERROR","message":"m"},"events":[{"name":7}]"#;
    let snake = camel
        .replace("parentSpanId", "parent_span_id")
        .replace("traceState", "trace_state")
        .replace("startTimeUnixNano", "start_time_unix_nano")
        .replace("endTimeUnixNano", "end_time_unix_nano")
        .replace("intValue", "int_value")
        .replace("stringValue", "string_value")
        .replace("\"SPAN_KIND_SERVER\"", "2")
        .replace("\"STATUS_CODE_ERROR\"", "\"2\"");
    let span = one(camel).unwrap();
    assert_eq!(one(&snake).unwrap(), span);
    assert_eq!(
        span.trace_id,
        TraceId(0x5b8e_fff7_9803_8103_d269_b633_813f_c60c_u128.to_be_bytes())
    );
    assert_eq!(
        span.parent_id,
        Some(SpanId(0xeee1_9b7e_c3c1_b173_u64.to_be_bytes()))
    );
    assert_eq!(
        (span.kind, span.is_error, span.flags),
        (SpanKind::Server, true, 769)
    );
    assert_eq!(
        span.times,
        (1_544_712_660_000_000_000, 1_544_712_661_000_000_000)
    );
    assert_eq!(
        (span.name.as_str(), span.trace_state.as_str()),
        ("I'm", "a=b")
    );
    assert_eq!(span.attributes[&Key::ServerPort], Kept::Int(80));
    assert_eq!(
        span.attributes[&Key::UrlFull],
        Kept::Text("http://a".to_owned())
    );
    assert_eq!(span.links.len(), 1);
}

#[test]
fn null_and_missing_fields_are_absent() {
    let span = one(
        r#","parentSpanId":null,"name":null,"kind":null,"startTimeUnixNano":null,"attributes":null,"links":null,
        "status":null,"flags":null,"traceState":null"#,
    )
    .unwrap();
    assert_eq!(span, one("").unwrap());
    assert_eq!((span.kind, span.parent_id), (SpanKind::Unspecified, None));
    assert_eq!(
        one(r#","parentSpanId":"0000000000000000""#)
            .unwrap()
            .parent_id,
        None
    );
}

#[test]
fn scalars_take_all_spellings_of_proto3_json() {
    let value = |value: &str| {
        let fields = format!(r#","attributes":[{{"key":"http.flavor","value":{value}}}]"#);
        one(&fields).map(|span| span.attributes.get(&Key::HttpFlavor).cloned())
    };
    assert_eq!(
        value(r#"{"doubleValue":1.5}"#),
        Ok(Some(Kept::Double(1.5_f64.to_bits())))
    );
    assert_eq!(
        value(r#"{"doubleValue":2}"#),
        Ok(Some(Kept::Double(2_f64.to_bits())))
    );
    assert_eq!(
        value(r#"{"doubleValue":"-Infinity"}"#),
        Ok(Some(Kept::Double(f64::NEG_INFINITY.to_bits())))
    );
    assert_eq!(value(r#"{"boolValue":true}"#), Ok(Some(Kept::Bool(true))));
    assert_eq!(
        value(r#"{"intValue":"-9223372036854775808"}"#),
        Ok(Some(Kept::Int(i64::MIN)))
    );
    assert_eq!(value(r#"{"intValue":1e3}"#), Ok(Some(Kept::Int(1000))));
    assert_eq!(
        value(r#"{"arrayValue":{"values":[{"intValue":"no"}]}}"#),
        Ok(None)
    );
    assert_eq!(value("null"), Ok(None));
    assert_eq!(value("{}"), Ok(None));
    assert_eq!(
        value(r#"{"intValue":"9223372036854775808"}"#),
        Err(RejectReason::Malformed)
    );
    assert_eq!(value(r#"{"intValue":1.5}"#), Err(RejectReason::Malformed));
    assert_eq!(value("7"), Err(RejectReason::Malformed));
}

#[test]
fn a_bad_span_is_rejected_with_its_reason_and_its_siblings_live() {
    let cases = [
        ("7", RejectReason::Malformed),
        ("null", RejectReason::Malformed),
        (
            r#"["5b8efff798038103d269b633813fc60c"]"#,
            RejectReason::Malformed,
        ),
        ("{}", RejectReason::TraceId),
        (r#"{"traceId":"5b8e"}"#, RejectReason::TraceId),
        (
            r#"{"traceId":"00000000000000000000000000000000"}"#,
            RejectReason::TraceId,
        ),
        (
            r#"{"traceId":"5b8efff798038103d269b633813fc60g"}"#,
            RejectReason::TraceId,
        ),
        (
            r#"{"traceId":"5b8efff798038103d269b633813fc60c"}"#,
            RejectReason::SpanId,
        ),
    ];
    for (span, reason) in cases {
        let (capture, _) = decode(with_spans(&format!("{{{SPAN}}},{span},{{{SPAN}}}"))).unwrap();
        assert_eq!(
            (capture.rejected(), capture.spans().len()),
            (vec![reason], 2),
            "{span}"
        );
    }
    let cases = [
        (r#","parentSpanId":"ee""#, RejectReason::ParentId),
        (r#","name":7"#, RejectReason::Malformed),
        (r#","flags":-1"#, RejectReason::Malformed),
        (r#","startTimeUnixNano":"soon""#, RejectReason::Malformed),
        (r#","name":"a","name":"b""#, RejectReason::Malformed),
        (r#","attributes":{}"#, RejectReason::Malformed),
    ];
    for (fields, reason) in cases {
        assert_eq!(one(fields).unwrap_err(), reason, "{fields}");
    }
    let many = format!(r#","links":[{}{{}}]"#, "{},".repeat(MAX_LINKS));
    assert_eq!(one(&many).unwrap_err(), RejectReason::Limit);
}

#[test]
fn text_that_is_not_utf8_costs_only_the_span_that_needs_it() {
    let text = with_spans(&format!(
        r#"{{{SPAN},"name":"BAD"}},{{{SPAN},"unread":"BAD"}},{{{SPAN},"name":"fine"}}"#
    ));
    let mut bytes = text.into_bytes();
    while let Some(at) = bytes.windows(3).position(|window| window == b"BAD") {
        bytes.splice(at..at + 3, [0xff, 0xc3, 0x28]);
    }
    let (capture, _) = decode(bytes).unwrap();
    assert_eq!(
        (capture.rejected(), capture.spans().len()),
        (vec![RejectReason::Utf8], 2)
    );
}

#[test]
fn a_resource_may_follow_its_spans_or_be_missing() {
    let spans = format!(r#""scopeSpans":[{{"spans":[{{{SPAN}}}]}}]"#);
    let resource =
        r#""resource":{"attributes":[{"key":"service.name","value":{"stringValue":"web"}}]}"#;
    let name = Kept::Text("web".to_owned());
    for text in [
        format!(r#"{{"resourceSpans":[{{{resource},{spans}}}]}}"#),
        format!(r#"{{"resource_spans":[{{{spans},{resource}}}]}}"#),
        format!("{{{spans},{resource}}}"),
    ] {
        let (capture, contents) = decode(&text).unwrap();
        assert_eq!(contents, JsonContents::Traces);
        let [Seen::Resource(attributes), Seen::Span(_)] = &capture.0[..] else {
            panic!("{text}: {capture:?}");
        };
        assert_eq!(attributes[&Key::ServiceName], name);
    }
    let (capture, _) = decode(format!(r#"{{"resourceSpans":[{{{spans}}},null]}}"#)).unwrap();
    assert_eq!(capture.0.len(), 2);
}

#[test]
fn a_resource_that_cannot_be_read_rejects_its_spans() {
    let spans = format!(r#""scopeSpans":[{{"spans":[{{{SPAN}}},{{{SPAN}}}]}}]"#);
    let (capture, _) =
        decode(format!(r#"{{"resourceSpans":[{{"resource":7,{spans}}}]}}"#)).unwrap();
    assert_eq!(capture.rejected(), [RejectReason::Malformed; 2]);
}

#[test]
fn objects_that_are_no_requests_are_told_apart() {
    let (_, contents) = decode(r#"{"data":[{"traceID":"1"}],"li\nmit":0}"#).unwrap();
    let keys = ["data", r"li\nmit"].map(str::to_owned).to_vec();
    assert_eq!(contents, JsonContents::Other(keys));
    assert_eq!(
        decode(r#"{"resourceSpans":null}"#).unwrap().1,
        JsonContents::Traces
    );
}

#[test]
fn broken_text_is_an_error_with_its_position() {
    let cases = [
        ("", 0, 1, "EOF while parsing a value"),
        (
            "[]",
            1,
            1,
            "invalid type: sequence, expected an export request object",
        ),
        (
            "{\n\"resourceSpans\":{}}",
            19,
            2,
            "invalid type: map, expected an array of ResourceSpans",
        ),
        ("{} x", 3, 1, "trailing characters"),
        (
            "{\"resourceSpans\":[{\"resource\":{},\"resource\":{}}]}",
            42,
            1,
            "duplicate field `resource`",
        ),
    ];
    for (text, offset, line, cause) in cases {
        let error = decode(text).unwrap_err();
        let DecodeError::Json {
            offset: at,
            line: on,
            cause: why,
            ..
        } = &error
        else {
            panic!("{error}");
        };
        assert_eq!((*at, *on, why.as_str()), (offset, line, cause), "{text}");
    }
    let bomb = format!("{{\"resourceSpans\":\"{}\u{1b}[2J\"}}", "x".repeat(10_000));
    assert!(decode(bomb).unwrap_err().to_string().len() < 400);
}

/// A million levels in a place that is skipped, in a span, and where a span should be.
#[test]
fn depth_is_harmless() {
    let deep = deep_list();
    decode(format!(r#"{{"x":{deep}}}"#)).unwrap();
    assert!(one(&format!(r#","x":{deep}"#)).is_ok());
    let (capture, _) = decode(with_spans(&deep)).unwrap();
    assert_eq!(capture.rejected(), [RejectReason::Malformed]);
    let value = format!(
        "{}1{}",
        r#"{"arrayValue":{"values":["#.repeat(9_999),
        "]}}".repeat(9_999)
    );
    let attribute = format!(r#","attributes":[{{"key":"url.full","value":{value}}}]"#);
    assert!(one(&attribute).is_ok());
    assert!(decode("[".repeat(1_000_000)).is_err());
}

#[test]
fn every_truncation_is_an_error() {
    let text = with_spans(&format!(r#"{{{SPAN},"name":"\u00e9\n"}}"#));
    for length in 0..text.len() {
        assert!(decode(&text.as_bytes()[..length]).is_err(), "{length}");
    }
}

proptest! {
    /// The same request in both encodings gives the same spans, compact or pretty-printed.
    #[test]
    fn random_requests_are_seen_as_in_protobuf(request in request(), is_pretty in any::<bool>()) {
        let json = to_json(&request);
        let text = if is_pretty {
            serde_json::to_string_pretty(&json)
        } else {
            serde_json::to_string(&json)
        };
        prop_assert_eq!(decode(text.unwrap()).unwrap().0, expected(&request));
    }

    #[test]
    fn mutations_never_panic(edits in edits()) {
        let mut bytes = with_spans(&format!(
            r#"{{{SPAN},"kind":2,"attributes":[{{"key":"url.full","value":{{"stringValue":"a"}}}}]}}"#
        )).into_bytes();
        edit(&mut bytes, edits);
        let _outcome = decode(&bytes);
    }

    #[test]
    fn ids_survive_in_either_case(trace in any::<[u8; 16]>(), upper in any::<bool>()) {
        let hex = trace.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        let hex = if upper { hex.to_uppercase() } else { hex };
        let text = with_spans(&format!(r#"{{"traceId":"{hex}","spanId":"eee19b7ec3c1b174"}}"#));
        prop_assert_eq!(decode(text).unwrap().0.spans()[0].trace_id, TraceId(trace));
    }
}
