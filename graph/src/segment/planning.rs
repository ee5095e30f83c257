//! Additive facts for planning: what onboarding and egress settings need to know beside counts and latency.
//!
//! Kept apart from [`EdgeStats`](super::stats::EdgeStats) because the unit differs: statistics are kept per dialled
//! address, but a distinct count only adds up over keys that never share a request. The key here is the destination
//! ([`DestinationKey`]): two calls of one caller that agree in it reach the same node.

mod destination;

use serde::{Deserialize, Serialize};

pub(crate) use destination::DestinationKey;

/// Facts about the calls from one caller to one destination. Merging is commutative and associative.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct EdgeFacts {
    /// Distinct requests of the caller with at least one call.
    pub(crate) caller_requests: u64,
}

impl EdgeFacts {
    /// Adds the facts of other calls.
    pub(crate) fn merge(&mut self, other: &Self) {
        self.caller_requests += other.caller_requests;
    }
}
