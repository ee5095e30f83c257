//! Somebody who holds all the memory that requests may have, until dropped.

use std::io::Write as _;
use std::net::TcpStream;
use std::time::Duration;

use super::company::Counters;
use crate::harness::process::{Collector, try_post};

/// Options of a receiver that a few connections can fill: one request may have 1 MiB, all together what one such needs at
/// most while it is taken in.
pub(super) const SMALL: [&str; 6] = [
    "--max-request-mib",
    "1",
    "--max-in-flight-mib",
    "8",
    "--read-timeout",
    "5m",
];

/// It is filled with requests of this size while they fit, then of half the size, and so on down to the smallest.
const LARGEST_BYTES: usize = 1 << 19;
const SMALLEST_BYTES: usize = 64;

/// No receiver with these options holds more requests.
const MOST_HELD: usize = 200;

/// Less than any request that an SDK sends without compression.
const PROBE_BYTES: usize = 300;

/// How long a refusal may take, after which a request is taken to be held. When that is wrong, there is room left in the
/// end, and filling goes on.
const REFUSAL: Duration = Duration::from_millis(25);

/// Connections with requests that never end.
#[derive(Debug, Default)]
pub(super) struct Hog {
    held: Vec<TcpStream>,
}

impl Hog {
    /// Fills a receiver, until it turns away even the smallest request.
    pub(super) fn fill(collector: &Collector) -> Self {
        let mut hog = Self::default();
        let mut bytes = LARGEST_BYTES;
        while !is_full(&collector.http) {
            assert!(hog.held.len() < MOST_HELD, "the receiver has room left");
            let is_held = hog.hold(collector, bytes);
            bytes = match bytes {
                _ if is_held => bytes,
                // A refusal came too late for one of them, which had been taken to be held.
                SMALLEST_BYTES => LARGEST_BYTES,
                _ => bytes / 2,
            };
        }
        hog
    }

    /// Sends all of a request but its last byte. A receiver that has no room counts it, and gives back what came.
    fn hold(&mut self, collector: &Collector, bytes: usize) -> bool {
        let refused = Counters::of(collector).not_taken("busy");
        let mut stream = TcpStream::connect(&collector.http).expect("the receiver listens");
        let head = format!(
            "POST /v1/traces HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
            bytes + 1
        );
        let whole = [head.as_bytes(), &vec![b' '; bytes]].concat();
        stream.write_all(&whole).expect("the receiver reads");
        std::thread::sleep(REFUSAL);
        let is_held = Counters::of(collector).not_taken("busy") == refused;
        if is_held {
            self.held.push(stream);
        }
        is_held
    }
}

/// Whether even a small request is turned away.
fn is_full(address: &str) -> bool {
    let status = try_post(address, "application/json", &[b'x'; PROBE_BYTES]);
    status.is_some_and(|status| status.contains("503"))
}
