use std::io::Cursor;

use proptest::prelude::*;
use prost::Message;

use super::*;
use crate::testing::{Capture, sample_request, sample_span};

fn read_all(bytes: &[u8]) -> Result<Portion, Fault> {
    let mut total = Portion::default();
    let mut sink = Capture::default();
    let mut reader = TraceReader::open(Box::new(Cursor::new(bytes)), ReadLimits::default())?;
    while let Some(portion) = reader.next(&mut sink)? {
        total.requests += portion.requests;
        total.spans += portion.spans;
    }
    Ok(total)
}

/// Files of every layout with the lengths at which a shorter file is whole as well.
fn files() -> Vec<(Vec<u8>, Vec<usize>)> {
    let request = sample_request(vec![sample_span(1, 1), sample_span(1, 2)]);
    let single = request.encode_to_vec();
    let varint = request.encode_length_delimited_to_vec();
    let fixed = [
        &u32::try_from(single.len()).unwrap().to_be_bytes()[..],
        &single,
    ]
    .concat();
    let line = br#"{"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":"5b8efff798038103d269b633813fc60c","spanId":"eee19b7ec3c1b174","startTimeUnixNano":1}]}]}]}"#;
    let lines = [&line[..], b"\n"].concat();
    let array = [b"[", &line[..], b",", line, b"]"].concat();
    vec![
        (single.repeat(3), vec![single.len(), single.len() * 2]),
        (varint.repeat(3), vec![varint.len(), varint.len() * 2]),
        (fixed.repeat(3), vec![fixed.len(), fixed.len() * 2]),
        (
            lines.repeat(2),
            vec![line.len(), lines.len(), lines.len() + line.len()],
        ),
        (array, vec![]),
    ]
}

#[test]
fn a_file_cut_at_any_byte_is_an_error_unless_it_is_a_shorter_file() {
    for (whole, ends) in files() {
        let all = read_all(&whole).unwrap().spans;
        for length in 0..whole.len() {
            let outcome = read_all(&whole[..length]);
            assert_eq!(
                outcome.is_ok(),
                ends.contains(&length),
                "{length}: {outcome:?}"
            );
            if let Ok(portion) = outcome {
                assert!(portion.spans <= all);
            }
        }
    }
}

/// Found by the conformance rows: a newline is the first tag of a request, and `{` a possible length after it.
#[test]
fn a_request_whose_length_is_a_brace_is_not_taken_for_json() {
    for spare in 0..200 {
        let mut span = sample_span(1, 1);
        span.name = "x".repeat(spare);
        let request = sample_request(vec![span]).encode_length_delimited_to_vec();
        let portion = read_all(&request.repeat(3)).unwrap();
        assert_eq!((portion.requests, portion.spans), (3, 3), "{spare}");
    }
}

#[test]
fn a_compressed_file_cut_at_any_byte_is_an_error() {
    let (whole, _) = files().remove(1);
    let packed = zstd::encode_all(&whole[..], 3).unwrap();
    for length in 0..packed.len() {
        assert!(read_all(&packed[..length]).is_err(), "{length}");
    }
}

/// Endless lines; memory must depend on the longest one only.
struct Endless {
    line: Vec<u8>,
    position: usize,
    left: usize,
}

impl Read for Endless {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let rest = &self.line[self.position..];
        let count = rest.len().min(buffer.len()).min(self.left);
        buffer[..count].copy_from_slice(&rest[..count]);
        self.position = (self.position + count) % self.line.len();
        self.left -= count;
        Ok(count)
    }
}

#[test]
fn a_long_file_is_read_in_memory_of_a_few_requests() {
    let spans: Vec<_> = (1..50).map(|n| sample_span(n, n)).collect();
    let line = sample_request(spans).encode_length_delimited_to_vec();
    let left = line.len() * 2_000;
    let source = Endless {
        line,
        position: 0,
        left,
    };
    let mut reader = TraceReader::open(Box::new(source), ReadLimits::default()).unwrap();
    let (mut spans, mut most) = (0, 0);
    loop {
        let mut sink = Capture::default();
        let Some(portion) = reader.next(&mut sink).unwrap() else {
            break;
        };
        spans += portion.spans;
        most = most.max(reader.feed.buffered().len());
    }
    assert_eq!(spans, 49 * 2_000);
    assert!(
        left > 10 << 20 && most <= 2 * PREFIX_BYTES,
        "{most} of {left}"
    );
}

/// A length field that promises 60 MB costs nothing until the bytes are there.
#[test]
fn a_promised_length_reserves_nothing() {
    let mut bytes = sample_request(vec![sample_span(1, 1)]).encode_length_delimited_to_vec();
    bytes.extend([0x80, 0x8e, 0xce, 0x1c, 0x0a]);
    let mut reader =
        TraceReader::open(Box::new(Cursor::new(bytes)), ReadLimits::default()).unwrap();
    let mut sink = Capture::default();
    assert!(reader.next(&mut sink).is_ok());
    let fault = reader.next(&mut sink).unwrap_err();
    assert!(matches!(fault, Fault::Broken { .. }), "{fault:?}");
    assert!(reader.feed.buffered().len() < 10);
}

proptest! {
    #[test]
    fn mutations_never_panic(
        file in 0_usize..5,
        edits in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..5),
        packed in any::<bool>(),
    ) {
        let mut bytes = files().swap_remove(file).0;
        if packed {
            bytes = zstd::encode_all(&bytes[..], 1).unwrap();
        }
        for (index, byte) in edits {
            let index = index.index(bytes.len());
            bytes[index] = byte;
        }
        let _outcome = read_all(&bytes);
    }
}
