//! The same traffic once more, later: other trace ids and other times in the same bytes.
//!
//! A collector in steady state knows all names and edges but none of the traces. To see that, a corpus is fed again after its ids
//! and times were written over in place, which costs no second copy of it. Walks requests as [`super::encode`] makes them.

use super::Corpus;

impl Corpus {
    /// Moves all times by the length of the traffic and a minute, and gives every trace another id.
    pub fn move_on(&mut self) {
        let step_ms = self.length_ms() + 60_000;
        for request in &mut self.requests {
            for_each_field(request, &mut |resource_spans, field| {
                if field == 1 {
                    scopes(resource_spans, step_ms * 1_000_000);
                }
            });
        }
        for arrival_ms in &mut self.arrivals_ms {
            *arrival_ms += step_ms;
        }
    }
}

fn scopes(resource_spans: &mut [u8], step_ns: u64) {
    for_each_field(resource_spans, &mut |scope_spans, field| {
        if field == 2 {
            for_each_field(scope_spans, &mut |span, field| {
                if field == 2 {
                    for_each_field(span, &mut |bytes, field| rewrite(bytes, field, step_ns));
                }
            });
        }
    });
}

/// A field of a span.
fn rewrite(bytes: &mut [u8], field: u64, step_ns: u64) {
    match field {
        1 => other_trace(bytes),
        7 | 8 => {
            if let Ok(time) = <[u8; 8]>::try_from(&*bytes) {
                let later = u64::from_le_bytes(time).wrapping_add(step_ns);
                bytes.copy_from_slice(&later.to_le_bytes());
            }
        }
        13 => for_each_field(bytes, &mut |bytes, field| {
            if field == 1 {
                other_trace(bytes);
            }
        }),
        _ => {}
    }
}

/// A step of a permutation of all ids with a period of 2^64, so that none comes back, on each half.
fn other_trace(id: &mut [u8]) {
    for half in id.chunks_exact_mut(8) {
        if let Ok(bytes) = <[u8; 8]>::try_from(&*half) {
            let next = u64::from_le_bytes(bytes).wrapping_add(0x9e37_79b9_7f4a_7c15);
            half.copy_from_slice(&next.to_le_bytes());
        }
    }
}

/// Calls with the content and the number of every field that is not a varint.
fn for_each_field(message: &mut [u8], visit: &mut dyn FnMut(&mut [u8], u64)) {
    let mut at = 0;
    while at < message.len() {
        let key = varint(message, &mut at);
        let length = match key & 7 {
            0 => {
                varint(message, &mut at);
                continue;
            }
            1 => 8,
            2 => usize::try_from(varint(message, &mut at)).unwrap_or(usize::MAX),
            _ => 4,
        };
        let end = at.saturating_add(length);
        let content = message.get_mut(at..end);
        visit(content.expect("the corpus is sound"), key >> 3);
        at = end;
    }
}

fn varint(message: &[u8], at: &mut usize) -> u64 {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let byte = message.get(*at).copied().expect("the corpus is sound");
        *at += 1;
        value |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            break;
        }
    }
    value
}
