//! Additive facts for planning: what onboarding and egress settings need to know beside counts and latency.
//!
//! Kept apart from [`EdgeStats`](super::stats::EdgeStats) because the unit differs: statistics are kept per dialled
//! address, but a distinct count only adds up over keys that never share a request. The key here is the destination
//! ([`DestinationKey`]): two calls of one caller that agree in it reach the same node.

mod destination;

use super::stats::{fixed, unfixed};
use crate::snapshot::TraceCounts;
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

/// Distinct traces. A trace whose spans arrive too far apart is inferred in parts, of which only the first has its root.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct TraceStats {
    seen: u64,
    rooted: u64,
    /// Sampling weights of the roots, in fixed point.
    weight: u64,
}

impl TraceStats {
    /// Counts a trace, with the sampling weight of its root if that was seen.
    pub(crate) fn count(&mut self, root_weight: Option<f32>) {
        self.seen += 1;
        if let Some(weight) = root_weight {
            self.rooted += 1;
            self.weight += fixed(weight);
        }
    }

    /// Adds other traces.
    pub(crate) fn merge(&mut self, other: Self) {
        self.seen += other.seen;
        self.rooted += other.rooted;
        self.weight += other.weight;
    }

    /// The counts as users see them.
    pub(crate) fn counts(self) -> TraceCounts {
        TraceCounts {
            seen: self.seen,
            rooted: self.rooted,
            weighted_rooted: unfixed(self.weight),
        }
    }
}
