use std::io::Write;
use std::sync::Arc;

use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};
use flate2::{Compression, GzBuilder};

use super::*;
use crate::receiver::budget::Budget;

/// Small, because the compressors of a debug build are slow.
const MAX: usize = 1 << 17;

fn inflate(coding: Coding, body: &[u8]) -> Result<Vec<u8>, Refusal> {
    let budget = Budget::new(4 * MAX);
    inflate_within(coding, body, &budget)
}

fn inflate_within(coding: Coding, body: &[u8], budget: &Arc<Budget>) -> Result<Vec<u8>, Refusal> {
    let mut inflater = Inflater::new();
    // The output of the request before must not show.
    inflater.output = vec![0xee; 100];
    let mut share = budget.share();
    inflater
        .inflate(coding, body, MAX, &mut share)
        .map(<[u8]>::to_vec)
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn zlib(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn deflate(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn zstd(bytes: &[u8]) -> Vec<u8> {
    zstd::encode_all(bytes, 1).unwrap()
}

fn text(length: usize) -> Vec<u8> {
    let words = b"GET /cart HTTP/1.1 checkout ".iter().copied();
    words
        .cycle()
        .zip(0_u64..)
        .take(length)
        .map(|(byte, n)| byte ^ u8::from(n % 97 == 0))
        .collect()
}

type Compress = fn(&[u8]) -> Vec<u8>;

const ALL: [(Coding, Compress); 4] = [
    (Coding::Gzip, gzip),
    (Coding::Deflate, zlib),
    (Coding::Deflate, deflate),
    (Coding::Zstd, zstd),
];

#[test]
fn zlib_is_another_name_of_deflate() {
    assert_eq!(Coding::named("zlib"), Coding::named("deflate"));
    assert_eq!(Coding::named("snappy"), None);
}

#[test]
fn every_coding_gives_back_what_was_compressed_up_to_the_bound() {
    for (coding, compress) in ALL {
        for length in [0, 1, 100, 5_000, MAX - 1, MAX] {
            let body = text(length);
            let inflated = inflate(coding, &compress(&body));
            assert!(inflated.unwrap() == body, "{coding:?} {length}");
        }
    }
}

#[test]
fn one_byte_over_the_bound_is_a_bomb_under_every_coding() {
    for (coding, compress) in ALL {
        for length in [MAX + 1, 9 * MAX] {
            let refusal = inflate(coding, &compress(&vec![0; length])).unwrap_err();
            assert!(
                matches!(refusal, Refusal::Bomb(MAX)),
                "{coding:?} {refusal}"
            );
        }
    }
}

#[test]
fn damaged_and_truncated_bodies_are_corrupt() {
    let body = text(10_000);
    for (coding, compress) in ALL {
        let good = compress(&body);
        assert!(
            inflate(coding, b"").is_err() || coding == Coding::Zstd,
            "{coding:?}"
        );
        for cut in [1, 5, good.len() / 2, good.len() - 1] {
            let outcome = inflate(coding, &good[..cut]);
            // Half a trailer may promise more than the bound.
            let refused = matches!(outcome, Err(Refusal::Corrupt | Refusal::Bomb(_)));
            assert!(refused, "{coding:?} {cut} {outcome:?}");
        }
    }
    let mut damaged = gzip(&body);
    let checksum = damaged.len() - 8;
    damaged[checksum] ^= 1;
    assert!(matches!(
        inflate(Coding::Gzip, &damaged),
        Err(Refusal::Corrupt)
    ));
    assert!(matches!(
        inflate(Coding::Gzip, b"not gzip"),
        Err(Refusal::Corrupt)
    ));
}

/// RFC 1952 lets files be joined, and senders that compress in pieces do.
#[test]
fn all_members_of_a_gzip_body_are_read() {
    let (one, other) = (text(50_000), text(777));
    for parts in [
        [&one, &other],
        [&other, &one],
        [&one, &one],
        [&other, &Vec::new()],
    ] {
        let body = [gzip(parts[0]), gzip(parts[1])].concat();
        assert!(inflate(Coding::Gzip, &body).unwrap() == [&parts[0][..], parts[1]].concat());
    }
    // The magic of a member within one, in its name: the slow way, with the same answer.
    let mut named = GzBuilder::new()
        .filename(vec![0x1f, 0x8b, 8, b'x'])
        .write(Vec::new(), Compression::fast());
    named.write_all(&one).unwrap();
    assert!(inflate(Coding::Gzip, &named.finish().unwrap()).unwrap() == one);
    // And garbage behind one is an error, not a silent end.
    let mut followed = gzip(&one);
    followed.extend(b"garbage");
    assert!(inflate(Coding::Gzip, &followed).is_err());
}

/// The length in the trailer is whatever the sender writes there.
#[test]
fn a_lie_about_the_length_costs_no_more_memory_than_the_input_can_fill() {
    let budget = Budget::new(4 * MAX);
    for said in [0_u32, 1, 49_999, 1 << 16, u32::MAX] {
        let mut body = gzip(&text(50_000));
        let trailer = body.len() - 4;
        body[trailer..].copy_from_slice(&said.to_le_bytes());
        assert!(
            inflate_within(Coding::Gzip, &body, &budget).is_err(),
            "{said}"
        );
    }
    assert_eq!(budget.free(), 4 * MAX);
    // 30 bytes that promise much can fill 31 KiB.
    let mut small = gzip(b"x");
    let trailer = small.len() - 4;
    small[trailer..].copy_from_slice(&(1_u32 << 17).to_le_bytes());
    let tight = Budget::new(64 << 10);
    assert!(matches!(
        inflate_within(Coding::Gzip, &small, &tight),
        Err(Refusal::Corrupt)
    ));
}

#[test]
fn output_beyond_the_bytes_in_flight_is_refused_for_now() {
    let budget = Budget::new(50_000);
    for (coding, compress) in ALL {
        let refusal = inflate_within(coding, &compress(&text(100_000)), &budget).unwrap_err();
        assert!(matches!(refusal, Refusal::Busy), "{coding:?} {refusal}");
        assert_eq!(budget.free(), 50_000);
    }
}

#[test]
fn a_large_body_leaves_no_large_buffer_behind() {
    let mut inflater = Inflater::new();
    let budget = Budget::new(64 << 20);
    let large = gzip(&vec![7; KEPT_BYTES + 1]);
    let mut share = budget.share();
    let inflated = inflater.inflate(Coding::Gzip, &large, 32 << 20, &mut share);
    assert_eq!(inflated.unwrap().len(), KEPT_BYTES + 1);
    inflater.rest();
    assert!(inflater.output.is_empty());
}
