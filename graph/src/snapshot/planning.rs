//! Facts of the snapshot that planning and egress settings are made from.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Demand, EdgeSampling, Exposed};

/// Facts about an edge; in JSON they stand beside the edge's other fields. Snapshots of older versions have none.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct EdgeFacts {
    /// Distinct requests of the caller with at least one such call: the numerator of the hit ratio, over
    /// [`Node::requests`](super::Node::requests) of the caller. Exact when all calls of a request to this callee were found
    /// the same way (all answered, or all to one address); where one request mixes ways it may be counted once for each,
    /// never above `calls` or the requests of the caller. Absent for messages, for callers without spans, and in snapshots of older versions.
    pub caller_requests: Option<u64>,
    /// Zone of the caller -> zone of the callee -> paired attempts. `unknown` stands for an end that names none; attempts of
    /// which neither end names a zone are left out.
    pub zone_pairs: BTreeMap<String, BTreeMap<String, u64>>,
    /// HTTP method, or `service/method` of a remote procedure call -> attempts seen. The most frequent; the rest is `other`.
    pub methods: BTreeMap<String, u64>,
    /// Route template of the callee's server span (`http.route`, else `url.template`) -> attempts seen. Bounded likewise.
    pub routes: BTreeMap<String, u64>,
    /// Distinct instances of the caller that made such an attempt; 256 means at least 256, 0 that none has a name.
    pub caller_instances: u64,
    /// Distinct instances of the callee that served one, counted likewise.
    pub callee_instances: u64,
    /// Of messages: spans that moved them, which a batch makes fewer than messages. Consuming spans where a service
    /// consumes, sending spans on the way into a broker. Absent for calls.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub operations: Option<u64>,
    /// Most attempts under way at once, from all instances of the caller; absent when none took any time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub peak_concurrency: Option<PeakConcurrency>,
    /// Estimates of the calls and their error; absent in snapshots of older versions.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sampling: Option<EdgeSampling>,
    /// Attempts exposed to hazards of a sidecar.
    #[serde(skip_serializing_if = "Exposed::is_empty")]
    pub hazards: Exposed,
    /// Load over time; absent for messages and in snapshots of older versions.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub demand: Option<Demand>,
}

/// The largest mean number of attempts under way in a stretch of time: a lower bound of the peak, corrected for sampling.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct PeakConcurrency {
    /// Attempts under way.
    pub calls: f64,
    /// Length of the stretch in milliseconds: about 1 for short recordings, longer the more time the calls spread over
    /// (at most 128 stretches are kept).
    pub over_ms: f64,
}

/// Distinct traces, of the whole graph or of those that passed through one node.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct TraceCounts {
    /// Traces of which spans were used. One that arrived in parts too far apart counts once for each part.
    pub seen: u64,
    /// Traces whose beginning was seen: a span without parent, whether called from outside, scheduled, or a consumer.
    pub rooted: u64,
    /// The same, corrected for the sampling of their beginnings. The share of a node in the total is its criticality.
    pub weighted_rooted: f64,
}
