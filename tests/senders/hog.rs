//! Somebody who holds all the memory that requests may have, until dropped.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use crate::harness::process::try_post;

/// Options of a receiver that a few connections can fill: one request may have 1 MiB, all together 5 MiB.
pub(super) const SMALL: [&str; 6] = [
    "--max-request-mib",
    "1",
    "--max-in-flight-mib",
    "5",
    "--read-timeout",
    "5m",
];

/// How much the largest requests hold, and how many of them fit.
const LARGEST_BYTES: usize = 1_000_000;
const LARGEST: usize = 5;

/// What is left is filled with requests of half this, then of half of that, and so on down to the smallest.
const REST_BYTES: usize = 256 << 10;
const SMALLEST_BYTES: usize = 64;

/// Less than any request that an SDK sends without compression.
const PROBE_BYTES: usize = 300;

/// How long an answer may take, after which a request is taken to be held. When that is wrong, the next round fills what
/// is left.
const ANSWER: Duration = Duration::from_millis(25);

/// Connections with requests that never end.
#[derive(Debug, Default)]
pub(super) struct Hog {
    held: Vec<TcpStream>,
}

impl Hog {
    /// Fills a receiver, until it turns away even the smallest request.
    pub(super) fn fill(address: &str) -> Self {
        let mut hog = Self::default();
        for _ in 0..LARGEST {
            hog.hold(address, LARGEST_BYTES);
        }
        let mut rounds = 0;
        while !is_full(address) {
            rounds += 1;
            assert!(rounds < 20, "the receiver has room left");
            let mut bytes = REST_BYTES;
            while bytes > SMALLEST_BYTES {
                bytes /= 2;
                hog.hold(address, bytes);
            }
        }
        hog
    }

    /// Sends all of a request but its last byte. A receiver that has no room answers, and gives back what came.
    fn hold(&mut self, address: &str, bytes: usize) {
        let mut stream = TcpStream::connect(address).expect("the receiver listens");
        let head = format!(
            "POST /v1/traces HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
            bytes + 1
        );
        let whole = [head.as_bytes(), &vec![b' '; bytes]].concat();
        stream.set_read_timeout(Some(ANSWER)).expect("a time limit");
        // Whoever was turned away on the way may not be able to send the rest.
        let is_sent = stream.write_all(&whole).is_ok();
        let is_waiting = stream.read(&mut [0; 1]).is_err();
        if is_sent && is_waiting {
            self.held.push(stream);
        }
    }
}

/// Whether even a small request is turned away.
fn is_full(address: &str) -> bool {
    let status = try_post(address, "application/json", &[b'x'; PROBE_BYTES]);
    status.is_some_and(|status| status.contains("503"))
}
