use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use proptest::prelude::*;
use prost::Message;

use tracemesh_graph::attribute::Key;
use tracemesh_graph::span::SpanView;

use super::*;
use crate::testing::requests::request;
use crate::testing::{Capture, Kept, expected, sample_request, sample_span, text_attribute};

mod oracle;
mod speculation;

fn decode(bytes: &[u8]) -> Result<Capture, DecodeError> {
    let mut capture = Capture::default();
    decode_protobuf(bytes, &mut capture).map(|()| capture)
}

fn put(tag: u8, content: &[u8]) -> Vec<u8> {
    let mut bytes = vec![tag];
    prost::encoding::encode_varint(content.len() as u64, &mut bytes);
    bytes.extend(content);
    bytes
}

/// A request whose spans are the given raw messages.
fn request_of(spans: &[Vec<u8>]) -> Vec<u8> {
    let spans: Vec<u8> = spans.iter().flat_map(|span| put(0x12, span)).collect();
    put(0x0a, &put(0x12, &spans))
}

fn rejection(span: Vec<u8>) -> Vec<RejectReason> {
    let good = sample_span(1, 1).encode_to_vec();
    let seen = decode(&request_of(&[good.clone(), span, good])).unwrap();
    assert_eq!(seen.0.len(), 4, "a resource and three spans, dead or alive");
    seen.rejected()
}

#[test]
fn a_request_is_seen_as_prost_sees_it() {
    let request = sample_request(vec![sample_span(1, 1), sample_span(2, 2)]);
    assert_eq!(decode(&request.encode_to_vec()), Ok(expected(&request)));
    assert_eq!(decode(&[]), Ok(Capture::default()));
}

#[test]
fn a_bad_span_is_rejected_with_its_reason_and_its_siblings_live() {
    type Spoil = fn(&mut opentelemetry_proto::tonic::trace::v1::Span);
    let cases: [(Spoil, RejectReason); 6] = [
        (|span| span.trace_id.clear(), RejectReason::TraceId),
        (|span| span.trace_id.fill(0), RejectReason::TraceId),
        (|span| span.trace_id.push(1), RejectReason::TraceId),
        (|span| span.span_id.fill(0), RejectReason::SpanId),
        (|span| span.span_id.truncate(7), RejectReason::SpanId),
        (
            |span| span.parent_span_id = vec![1; 7],
            RejectReason::ParentId,
        ),
    ];
    for (spoil, reason) in cases {
        let mut span = sample_span(3, 3);
        spoil(&mut span);
        assert_eq!(rejection(span.encode_to_vec()), [reason]);
    }
    let good = sample_span(3, 3).encode_to_vec();
    let with = |tail: &[u8]| [&good[..], tail].concat();
    let broken_value = put(
        0x4a,
        &[put(0x0a, b"http.url"), put(0x12, &[0x0a, 9])].concat(),
    );
    let cases = [
        (good[..good.len() - 1].to_vec(), RejectReason::Malformed),
        (with(&[0x08, 1]), RejectReason::Malformed),
        (with(&[0x3a, 0]), RejectReason::Malformed),
        (with(&[0x9b, 0x06, 0x9c, 0x06]), RejectReason::Malformed),
        (with(&broken_value), RejectReason::Malformed),
        (with(&put(0x2a, b"\xff")), RejectReason::Utf8),
        (with(&put(0x1a, b"\xc3(")), RejectReason::Utf8),
        (
            with(&put(0x6a, &[]).repeat(MAX_LINKS + 1)),
            RejectReason::Limit,
        ),
        (
            with(&put(0x4a, &[]).repeat(MAX_ATTRIBUTES + 1)),
            RejectReason::Limit,
        ),
    ];
    for (span, reason) in cases {
        assert_eq!(rejection(span), [reason]);
    }
}

#[test]
fn bad_text_matters_only_where_a_rule_reads_it() {
    let bad_value = put(0x12, &put(0x0a, b"\xff"));
    let unread = put(
        0x4a,
        &[put(0x0a, b"db.statement"), bad_value.clone()].concat(),
    );
    let bad_key = put(0x4a, &[put(0x0a, b"\xff"), bad_value.clone()].concat());
    let read = put(0x4a, &[put(0x0a, b"http.url"), bad_value].concat());
    let good = sample_span(3, 3).encode_to_vec();
    assert_eq!(rejection([good.clone(), unread, bad_key].concat()), []);
    assert_eq!(rejection([good, read].concat()), [RejectReason::Utf8]);
}

#[test]
fn a_resource_after_its_spans_or_in_two_parts_is_whole() {
    let name = text_attribute("service.name", "web").encode_to_vec();
    let zone = text_attribute("cloud.region", "eu").encode_to_vec();
    let spans = put(0x12, &put(0x12, &sample_span(1, 1).encode_to_vec()));
    let parts = [
        put(0x0a, &put(0x0a, &name)),
        spans,
        put(0x0a, &put(0x0a, &zone)),
    ]
    .concat();
    let seen = decode(&put(0x0a, &parts)).unwrap();
    let crate::testing::Seen::Resource(attributes) = &seen.0[0] else {
        panic!("the resource comes first");
    };
    assert_eq!(attributes[&Key::ServiceName], Kept::Text("web".to_owned()));
    assert_eq!(attributes[&Key::CloudRegion], Kept::Text("eu".to_owned()));
    assert_eq!(seen.spans().len(), 1);
}

/// Remembers resources that it was told with their bytes, and how it was told each.
#[derive(Default)]
struct Remembering {
    known: std::collections::BTreeSet<Vec<u8>>,
    told: Vec<&'static str>,
}

impl SpanSink for Remembering {
    fn resource(&mut self, _attributes: &AttributeSet<'_>) {
        self.told.push("resource");
    }

    fn known_resource(&mut self, encoded: &[u8]) -> bool {
        let is_known = self.known.contains(encoded);
        if is_known {
            self.told.push("known");
        }
        is_known
    }

    fn encoded_resource(&mut self, encoded: &[u8], attributes: &AttributeSet<'_>) {
        self.known.insert(encoded.to_vec());
        self.told
            .push(attributes.text(Key::ServiceName).map_or("none", |_| "new"));
    }

    fn span(&mut self, _span: &SpanView<'_>) {
        self.told.push("span");
    }

    fn rejected(&mut self, _reason: RejectReason) {
        self.told.push("rejected");
    }
}

#[test]
fn a_resource_is_decoded_once_and_only_a_whole_one_is_remembered() {
    let resource = |name: &[u8]| {
        let attribute = [put(0x0a, b"service.name"), put(0x12, &put(0x0a, name))].concat();
        put(0x0a, &put(0x0a, &attribute))
    };
    let (web, bad) = (resource(b"web"), resource(b"\xff"));
    let spans = put(0x12, &put(0x12, &sample_span(1, 1).encode_to_vec()));
    let mut sink = Remembering::default();
    let parts: [(&[u8], &[&str]); 7] = [
        (&[&web[..], &spans].concat(), &["new", "span"]),
        (&[&spans[..], &web].concat(), &["known", "span"]),
        (&[&web[..], &web, &spans].concat(), &["resource", "span"]),
        (&spans, &["none", "span"]),
        (&spans, &["known", "span"]),
        (&[&bad[..], &spans].concat(), &["resource", "rejected"]),
        (&[&bad[..], &spans].concat(), &["resource", "rejected"]),
    ];
    for (resource_spans, told) in parts {
        decode_protobuf(&put(0x0a, resource_spans), &mut sink).unwrap();
        assert_eq!(std::mem::take(&mut sink.told), told);
    }
}

#[test]
fn a_resource_that_cannot_be_read_rejects_its_spans_and_no_others() {
    let attribute = put(
        0x0a,
        &[put(0x0a, b"service.name"), put(0x12, &put(0x0a, b"\xff"))].concat(),
    );
    let spans = put(0x12, &put(0x12, &sample_span(1, 1).encode_to_vec()));
    let bad = put(0x0a, &[put(0x0a, &attribute), spans].concat());
    let good = sample_request(vec![sample_span(2, 2)]).encode_to_vec();
    let seen = decode(&[bad, good].concat()).unwrap();
    assert_eq!(seen.rejected(), [RejectReason::Utf8]);
    assert_eq!(seen.spans().len(), 1);
}

#[test]
fn broken_framing_is_an_error_with_its_offset() {
    let good = sample_request(vec![sample_span(2, 2)]).encode_to_vec();
    let after = |tail: &[u8]| [&good[..], tail].concat();
    let cases: [(&[u8], usize, WireFault); 5] = [
        (&[0x0a, 5, 0x12, 9, 0, 0, 0], 3, WireFault::Overrun),
        (&[0x0a, 9, 0], 1, WireFault::Overrun),
        (&[0x08, 1], 0, WireFault::Mismatch),
        (&[0x0b, 0x0c], 0, WireFault::Group),
        (&[0x0a, 2, 0x12, 0x80], 3, WireFault::Truncated),
    ];
    for (tail, offset, fault) in cases {
        let error = decode(&after(tail)).unwrap_err();
        let offset = good.len() + offset;
        assert_eq!(
            error,
            DecodeError::Protobuf { offset, fault },
            "{tail:02x?}"
        );
    }
}

#[test]
fn every_truncation_is_handled() {
    let bytes = sample_request(vec![sample_span(1, 1), sample_span(2, 2)]).encode_to_vec();
    for length in 1..bytes.len() {
        assert!(decode(&bytes[..length]).is_err(), "{length}");
    }
}

/// Nested `AnyValue`s in an attribute that is read: entered nowhere, so depth costs nothing.
#[test]
fn a_deeply_nested_value_is_passed_over() {
    let mut value = put(0x0a, b"bottom");
    for _ in 0..20_000 {
        value = put(0x2a, &put(0x0a, &value));
    }
    let attribute = put(0x4a, &[put(0x0a, b"http.url"), put(0x12, &value)].concat());
    let span = [sample_span(3, 3).encode_to_vec(), attribute].concat();
    assert_eq!(rejection(span), []);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn valid_requests_are_seen_as_prost_sees_them(request in request()) {
        prop_assert_eq!(decode(&request.encode_to_vec()), Ok(expected(&request)));
    }

    /// Fields in another order, messages split, unknown fields and overlong numbers in between: the same spans.
    #[test]
    fn scrambled_encodings_are_seen_as_prost_sees_them(
        request in request(),
        seed in any::<u64>(),
    ) {
        let bytes = oracle::scramble(&request.encode_to_vec(), seed);
        let by_prost = ExportTraceServiceRequest::decode(&bytes[..]).unwrap();
        prop_assert_eq!(&by_prost, &request);
        prop_assert_eq!(decode(&bytes), Ok(expected(&request)));
    }

    #[test]
    fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let _outcome = decode(&bytes);
    }

    /// Whatever prost accepts after a mutation is accepted here, unless it holds a group.
    #[test]
    fn mutations_never_panic_and_never_refuse_what_prost_takes(
        request in request(),
        edits in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
    ) {
        let mut bytes = request.encode_to_vec();
        // Nothing to mutate in an empty request.
        bytes.push(0x0a);
        for (index, byte) in edits {
            let index = index.index(bytes.len());
            bytes[index] = byte;
        }
        let ours = decode(&bytes);
        if let Ok(theirs) = ExportTraceServiceRequest::decode(&bytes[..]) {
            match ours {
                Ok(ours) => prop_assert!(oracle::agree(&ours, &expected(&theirs)), "{:?}\n{:?}", ours, theirs),
                Err(DecodeError::Protobuf { fault, .. }) => prop_assert_eq!(fault, WireFault::Group),
                Err(other) => prop_assert!(false, "{}", other),
            }
        }
    }
}
