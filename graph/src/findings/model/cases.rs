//! What the cases of each rule hold: the nodes and edges that they are about, with their numbers.

use serde::{Deserialize, Serialize};

use super::{Counted, Top};
use crate::egress::KnownName;

/// Something missing in the spans of one service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceGap {
    /// Node id.
    pub service: String,
    /// Spans or calls with the gap.
    pub count: u64,
    /// Out of how many.
    pub of: u64,
}

/// A destination that gives nothing but errors to some of its callers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeadHost {
    /// Node id of the destination.
    pub callee: String,
    /// Attempts, all failed.
    pub attempts: u64,
    /// Callers whose every attempt failed, with their attempts.
    pub callers: Top<Counted>,
    /// Other callers that were answered: then not the destination is at fault, but the way to it.
    pub reached_by: u64,
    /// Error types and status codes, with attempts.
    pub errors: Top<Counted>,
}

/// An edge whose calls fail.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FailingEdge {
    /// Node id.
    pub caller: String,
    /// Node id.
    pub callee: String,
    /// Calls whose last attempt failed.
    pub failed: u64,
    /// Calls.
    pub calls: u64,
    /// Error types and status codes, with attempts.
    pub errors: Top<Counted>,
}

/// An edge whose calls are repeated.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RetriedEdge {
    /// Node id.
    pub caller: String,
    /// Node id.
    pub callee: String,
    /// Calls.
    pub calls: u64,
    /// Attempts.
    pub attempts: u64,
    /// Attempts beyond the first of their call.
    pub retries: u64,
    /// Attempts per call, over all calls.
    pub attempts_per_call: f64,
    /// Attempts that one call makes while the callee fails: failed attempts per failed call, an upper bound where other calls
    /// recovered. Absent below ten failed calls.
    pub attempts_while_failing: Option<f64>,
}

/// Retries that multiply on the way to one destination.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RetryPath {
    /// Node id of the destination.
    pub destination: String,
    /// Attempts at the destination per call at the start of the path, when the destination fails: the product over the steps.
    pub attempts: f64,
    /// Whether it may be more, because a circle of calls above the destination was left out.
    pub may_be_more: bool,
    /// The path in its order, from the first call that is repeated; of a long one the last steps.
    pub steps: Top<RetryStep>,
}

/// One call of a path.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RetryStep {
    /// Node id.
    pub caller: String,
    /// Node id.
    pub callee: String,
    /// The larger of attempts per call and, where known, attempts while failing. 1 where no retry was seen.
    pub attempts: f64,
}

/// Services that wait for each other in a circle.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SyncCycle {
    /// Node ids, sorted. Each reaches each other.
    pub services: Top<String>,
    /// Edges among them.
    pub edges: u64,
    /// Calls over these edges.
    pub calls: u64,
    /// Edges without which no circle is left, the lightest that do (found heavy-first, not proven least). Rarest first.
    pub weakest: Top<EdgeCalls>,
}

/// An edge and its calls.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct EdgeCalls {
    /// Calls.
    pub calls: u64,
    /// Node id.
    pub caller: String,
    /// Node id.
    pub callee: String,
}

/// Calls that leave the cluster and come back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hairpin {
    /// Node id.
    pub caller: String,
    /// Node id.
    pub callee: String,
    /// Calls that leave.
    pub calls: u64,
    /// Calls over the edge.
    pub of: u64,
    /// Public names that the caller dials.
    pub public: Top<Dialled>,
    /// Names that stay inside and were seen to lead to the callee, to use instead; empty when none is known. Never invented.
    pub inside: Top<KnownName>,
}

/// A dialled address.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Dialled {
    /// Host.
    pub host: String,
    /// Port, when one is known.
    pub port: Option<u16>,
    /// Calls.
    pub calls: u64,
}

/// An address behind which several services answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SharedHost {
    /// Node id of the address.
    pub host: String,
    /// Calls whose callee is unknown.
    pub calls: u64,
    /// Calls to the same address whose callee is known, because its spans were seen.
    pub answered: u64,
    /// Who calls, with calls.
    pub callers: Top<Counted>,
    /// Services that answered there, with the calls that they answered.
    pub behind: Top<Counted>,
}

/// Calls of an edge to literal addresses.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct IpEdge {
    /// Node id.
    pub caller: String,
    /// Node id.
    pub callee: String,
    /// Calls by IP address.
    pub calls: u64,
    /// Calls over the edge.
    pub of: u64,
    /// The addresses.
    pub addresses: Top<Dialled>,
    /// Names that were seen to lead to the callee; empty when none is known.
    pub names: Top<KnownName>,
}

/// Calls from one cluster to another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClusterEdge {
    /// Node id.
    pub caller: String,
    /// Node id.
    pub callee: String,
    /// Cluster of the caller.
    pub from: String,
    /// Cluster of the callee.
    pub to: String,
    /// Calls.
    pub calls: u64,
}

/// Attempts of an edge between zones.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ZoneEdge {
    /// Node id.
    pub caller: String,
    /// Node id.
    pub callee: String,
    /// Attempts between different zones.
    pub crossing: u64,
    /// Attempts of which both zones are known.
    pub known: u64,
    /// Attempts over the edge.
    pub attempts: u64,
    /// Pairs of different zones.
    pub pairs: Top<ZonePair>,
}

/// Attempts from one zone to another.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ZonePair {
    /// Zone of the caller.
    pub from: String,
    /// Zone of the callee.
    pub to: String,
    /// Attempts.
    pub attempts: u64,
}
