//! What peers can make the receiver do, at most.

use std::time::Duration;

/// Bounds on what peers can make the receiver do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReceiverLimits {
    /// Longest request as sent, over either protocol, in bytes.
    pub max_body_bytes: usize,
    /// Longest request after decompression, in bytes.
    pub max_decompressed_bytes: usize,
    /// Bytes of requests in memory, as sent, decompressed and as records, over all connections. Not less than
    /// [`least_in_flight_bytes`](Self::least_in_flight_bytes) is enforced. Beside them, each place of `max_concurrent` keeps
    /// up to 4 MiB for the next request.
    pub max_in_flight_bytes: usize,
    /// Large requests decoded at the same time; at least 1.
    pub max_concurrent: usize,
    /// Longest wait for one of those places before the sender is told to come back.
    pub admission_wait: Duration,
    /// Longest time for a request to arrive.
    pub read_timeout: Duration,
    /// Connections over both protocols; at least 1, and no more than leave open files for the store. Further ones are
    /// closed at once.
    pub max_connections: usize,
    /// Longest time until the first byte of a connection, and for its TLS handshake.
    pub handshake_timeout: Duration,
    /// Longest time without progress of a connection: nothing comes, or nothing is read at the other end. Idle
    /// HTTP/2 connections live on as long as they answer pings.
    pub idle_timeout: Duration,
}

impl Default for ReceiverLimits {
    fn default() -> Self {
        Self {
            max_body_bytes: 16 << 20,
            max_decompressed_bytes: 64 << 20,
            max_in_flight_bytes: 256 << 20,
            max_concurrent: 32,
            admission_wait: Duration::from_secs(1),
            read_timeout: Duration::from_secs(30),
            max_connections: 4_096,
            handshake_timeout: Duration::from_secs(10),
            idle_timeout: Duration::from_secs(120),
        }
    }
}

impl ReceiverLimits {
    /// The fewest bytes in flight with which a request of full length finds room: it comes in pieces that are joined, and is
    /// inflated.
    #[must_use]
    pub const fn least_in_flight_bytes(&self) -> usize {
        self.max_body_bytes
            .saturating_mul(3)
            .saturating_add(self.max_decompressed_bytes)
            .saturating_add(64 << 10)
    }

    /// The bytes in flight that are enforced.
    pub(super) fn budget_bytes(&self) -> usize {
        self.max_in_flight_bytes.max(self.least_in_flight_bytes())
    }
}
