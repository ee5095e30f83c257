//! Any bytes as an export request, and as a span of one.
//!
//! ```text
//! cargo +nightly fuzz run decode
//! ```
//! The check itself is `fuzz/check.rs`; the unit tests of the decoder run it too, over bytes that proptest makes.
#![no_main]

#[path = "../check.rs"]
mod check;

use tracemesh_collector::decode::{DecodeError, WireFault, decode_protobuf};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    check::any_bytes(bytes, &|bytes, sink| {
        decode_protobuf(bytes, sink).map_err(|error| {
            matches!(error, DecodeError::Protobuf { fault, .. } if fault == WireFault::Group)
        })
    });
});
