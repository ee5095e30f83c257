//! Speculation finds what the walk in any order finds: the same spans, the same rejects, the same errors.

use proptest::sample::{Index, select};

use super::*;

#[path = "../../../../../fuzz/check.rs"]
mod check;

/// The check of the fuzz target.
fn check(bytes: &[u8]) {
    check::any_bytes(bytes, &|bytes, sink| {
        decode_protobuf(bytes, sink).map_err(|error| {
            matches!(error, DecodeError::Protobuf { fault, .. } if fault == WireFault::Group)
        })
    });
}

/// What both ways see of any bytes.
fn both(bytes: &[u8]) -> [Result<Capture, DecodeError>; 2] {
    [false, true].map(|is_careful| {
        let scratch = Scratch {
            is_careful,
            ..Scratch::default()
        };
        let mut capture = Capture::default();
        walk_request(bytes, scratch, &mut capture).map(|()| capture)
    })
}

fn assert_same(bytes: &[u8]) {
    let [quick, careful] = both(bytes);
    assert_eq!(quick, careful, "{bytes:02x?}");
}

/// The value of an attribute in every encoding that a scalar has, and some that it cannot have.
#[test]
fn every_form_of_a_value_is_read_in_the_same_way() {
    let mut values: Vec<Vec<u8>> = vec![
        vec![],
        vec![0x0a],
        vec![0x0a, 0],
        vec![0x0a, 1, b'x'],
        vec![0x0a, 2, b'x'],
        vec![0x0a, 1, 0xff],
        vec![0x0a, 0x81, 0x00, b'x'],
        vec![0x0a, 0x81, 0x80, 0x00, b'x'],
        vec![0x0a, 1, b'x', 0x0a, 1, b'y'],
        vec![0x0a, 1, b'x', 0x10, 1],
        vec![0x10],
        vec![0x10, 0],
        vec![0x10, 2],
        vec![0x10, 0x80, 0x01],
        vec![0x12, 1, 0],
        vec![0x21, 0, 0, 0, 0, 0, 0, 0xf0],
        vec![0x21, 0, 0, 0, 0, 0, 0, 0xf0, 0x3f],
        vec![0x21, 0, 0, 0, 0, 0, 0, 0xf0, 0x3f, 0x18, 1],
        vec![0x2a, 0],
        vec![0x32, 0],
        vec![0x3a, 0],
        vec![0x40, 1],
        vec![0x18, 1, 1],
        vec![0x18, 1, 0x81, 1],
    ];
    for length in 0..12 {
        let mut number = vec![0x18];
        number.extend(std::iter::repeat_n(0xff, length));
        for last in [0x00, 0x01, 0x02, 0x7f, 0x80] {
            values.push([&number[..], &[last]].concat());
        }
    }
    for value in values {
        for (key, tail) in [
            ("server.port", &[][..]),
            ("db.statement", &[]),
            ("server.port", &[0x18, 1]),
        ] {
            let attribute = [&put(0x0a, key.as_bytes()), &put(0x12, &value), tail].concat();
            let attribute = put(0x4a, &attribute);
            let behind = [sample_span(1, 1).encode_to_vec(), attribute.clone()].concat();
            let ids = [put(0x0a, &[1; 16]), put(0x12, &[2; 8])].concat();
            let in_place = [ids, attribute].concat();
            assert_same(&request_of(&[behind, in_place]));
        }
    }
}

/// Every byte of a span in turn is cut, doubled, left out, and set to what means something to the format.
#[test]
fn a_spoilt_span_is_spoilt_in_the_same_way() {
    let span = sample_span(1, 1).encode_to_vec();
    for at in 0..span.len() {
        let (front, back) = span.split_at(at);
        assert_same(&request_of(&[front.to_vec()]));
        assert_same(&request_of(&[[front, &back[1..]].concat()]));
        assert_same(&request_of(&[[front, &back[..1], back].concat()]));
        for byte in [0x00, 0x08, 0x0a, 0x12, 0x30, 0x4a, 0x7a, 0x7f, 0x80, 0xff] {
            let mut spoilt = span.clone();
            spoilt[at] = byte;
            assert_same(&request_of(&[spoilt]));
            assert_same(&request_of(&[[front, &[byte], back].concat()]));
        }
    }
}

/// Lengths at the limits of one and two bytes.
#[test]
fn long_names_and_values_are_read_in_the_same_way() {
    for length in [0, 1, 127, 128, 129, 16_383, 16_384, 20_000] {
        let long = "x".repeat(length);
        let mut span = sample_span(1, 1);
        span.name.clone_from(&long);
        span.trace_state.clone_from(&long);
        span.attributes.push(text_attribute("url.full", &long));
        span.attributes.push(text_attribute(&long, "x"));
        let bytes = request_of(&[span.encode_to_vec()]);
        assert_same(&bytes);
        let [quick, _] = both(&bytes);
        assert_eq!(quick.unwrap().spans()[0].name, long);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn mutations_are_seen_in_the_same_way(
        request in request(),
        edits in prop::collection::vec((any::<Index>(), any::<u8>(), 0..4_u8), 0..6),
        seed in prop::option::of(any::<u64>()),
    ) {
        let mut bytes = request.encode_to_vec();
        if let Some(seed) = seed {
            bytes = oracle::scramble(&bytes, seed);
        }
        bytes.push(0x0a);
        for (index, byte, edit) in edits {
            let at = index.index(bytes.len());
            match edit {
                0 => bytes.insert(at, byte),
                1 if bytes.len() > 1 => drop(bytes.remove(at)),
                2 => bytes[at] ^= 1 << (byte % 8),
                _ => bytes[at] = byte,
            }
        }
        let [quick, careful] = both(&bytes);
        prop_assert_eq!(quick, careful);
        check(&bytes);
    }

    /// A span of any bytes behind a start that is as it should be.
    #[test]
    fn any_bytes_in_a_span_are_seen_in_the_same_way(
        cut in any::<Index>(),
        bytes in prop::collection::vec(select(vec![0x0a, 0x12, 0x18, 0x4a, 1, 2, 3, 4, 0x80, 0xff, b'a']), 0..60),
    ) {
        let span = sample_span(1, 1).encode_to_vec();
        let bytes = [&span[..cut.index(span.len())], &bytes].concat();
        check(&bytes);
        let [quick, careful] = both(&request_of(&[bytes]));
        prop_assert_eq!(quick, careful);
    }
}
