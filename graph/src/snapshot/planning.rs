//! Facts of the snapshot that planning and egress settings are made from.

use serde::{Deserialize, Serialize};

/// Facts about an edge; in JSON they stand beside the edge's other fields. Snapshots of older versions have none.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct EdgeFacts {
    /// Distinct requests of the caller with at least one such call: the numerator of the hit ratio, over
    /// [`Node::requests`](super::Node::requests) of the caller. Exact when all calls of a request to this callee were found
    /// the same way (all answered, or all to one address); where one request mixes ways it may be counted once for each,
    /// never above `calls`. Absent for messages, for callers without spans, and in snapshots of older versions.
    pub caller_requests: Option<u64>,
}
