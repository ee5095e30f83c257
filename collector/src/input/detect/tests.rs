use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use proptest::prelude::*;
use prost::Message;

use super::*;
use crate::testing::requests::request;
use crate::testing::{sample_request, sample_span};

fn encode(format: Format, requests: &[ExportTraceServiceRequest]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for request in requests {
        match format {
            Format::FixedDelimited => {
                let length = u32::try_from(request.encoded_len()).unwrap();
                bytes.extend(length.to_be_bytes());
                bytes.extend(request.encode_to_vec());
            }
            Format::VarintDelimited => bytes.extend(request.encode_length_delimited_to_vec()),
            _ => bytes.extend(request.encode_to_vec()),
        }
    }
    bytes
}

const LAYOUTS: [Format; 3] = [
    Format::Protobuf,
    Format::VarintDelimited,
    Format::FixedDelimited,
];

fn has_spans(request: &ExportTraceServiceRequest) -> bool {
    let scopes = request.resource_spans.iter().flat_map(|r| &r.scope_spans);
    let mut spans = scopes.flat_map(|s| &s.spans);
    spans.any(|span| span.trace_id.len() == 16 && span.span_id.len() == 8)
}

/// Frames whose length byte is itself a likely tag: 10 is the tag of field 1, 18 of field 2.
#[test]
fn lengths_that_look_like_tags_do_not_confuse() {
    for padding in 0..300 {
        let mut span = sample_span(1, 1);
        span.name = "x".repeat(padding);
        let request = sample_request(vec![span]);
        for count in 1..4 {
            for format in LAYOUTS {
                let bytes = encode(format, &vec![request.clone(); count]);
                assert_eq!(detect(&bytes, true), Ok(format), "{padding} {count}");
            }
        }
    }
}

/// `00 00 00 54` before 84 bytes is also three empty messages and one of 84 bytes, with the same spans.
#[test]
fn a_short_fixed_length_is_not_three_empty_messages() {
    let mut span = sample_span(1, 1);
    span.attributes.clear();
    span.name.clear();
    let request = sample_request(vec![span]);
    assert!(request.encoded_len() < 128);
    let bytes = encode(Format::FixedDelimited, &[request.clone(), request]);
    assert_eq!(detect(&bytes, true), Ok(Format::FixedDelimited));
}

#[test]
fn a_prefix_of_a_large_file_is_enough() {
    let request = sample_request((1..200).map(|n| sample_span(n, n)).collect());
    for format in LAYOUTS {
        let bytes = encode(format, &[request.clone(), request.clone()]);
        for length in (100..bytes.len()).step_by(97) {
            assert_eq!(detect(&bytes[..length], false), Ok(format), "{length}");
            assert_eq!(detect(&bytes[..length], true), Ok(format), "{length}");
        }
    }
}

#[test]
fn a_damaged_structure_is_still_known_for_what_it_was() {
    let request = sample_request((1..9).map(|n| sample_span(n, n)).collect());
    let mut bytes = encode(Format::VarintDelimited, &[request.clone(), request]);
    let end = bytes.len() - 1;
    let half = bytes.len() / 2;
    bytes[half..end].fill(0xff);
    assert_eq!(detect(&bytes, true), Ok(Format::VarintDelimited));
}

#[test]
fn text_is_never_taken_for_protobuf() {
    for text in [
        "\n\n# Title\n\nSome words here.\n",
        "\n\u{c}\u{c}\u{c}\n",
        "R\u{5}hello",
        "key: value\nother: 7\n",
        "<html>\n</html>\n",
    ] {
        assert!(
            detect(text.as_bytes(), true).is_err() || text == "\n\0\n\0",
            "{text:?}"
        );
    }
}

proptest! {
    #[test]
    fn every_layout_of_random_requests_is_recognised(
        requests in prop::collection::vec(request(), 1..4),
        layout in 0_usize..3,
    ) {
        // A span with good ids is what tells the layouts apart.
        let mut requests = requests;
        if !requests.iter().any(has_spans) {
            requests.push(sample_request(vec![sample_span(1, 1)]));
        }
        let bytes = encode(LAYOUTS[layout], &requests);
        prop_assert_eq!(detect(&bytes, true), Ok(LAYOUTS[layout]));
    }

    #[test]
    fn arbitrary_bytes_never_panic_and_are_never_taken_for_spans(
        bytes in prop::collection::vec(any::<u8>(), 0..200),
        at_end in any::<bool>(),
    ) {
        for format in LAYOUTS {
            prop_assert_eq!(probe(format, &bytes, at_end).spans, 0);
        }
        let _found = detect(&bytes, at_end);
    }
}
