//! What a report of findings says: the shape of `tracemesh.findings/v1` but for its words.
//!
//! ```text
//! { "schema": "tracemesh.findings/v1", "window": {"start": RFC3339, "end": RFC3339},
//!   "locality": { "zones": {"total": 900, "known": 800, "crossing": 500}, "clusters": {...} },
//!   "findings": [ { "severity": "high", "part": 90, "whole": 1100, "more": 0,
//!                   "rule": "failing_edge", "cases": [ {...}, ... ] } ] }
//! ```
//! One finding per rule, most important first. `cases` lists at most 100, the worst first; `more` counts the others, and
//! `part` of `whole` sums over all of them, listed or not. Lists inside a case are `{"listed": [...], "more": 0}`. All names
//! are as sent: hostile, escape them for your format. Fields and rules may be added.

use serde::{Deserialize, Serialize};

use crate::egress::KnownName;
use crate::snapshot::Window;

/// Value of the `schema` field.
pub const SCHEMA: &str = "tracemesh.findings/v1";

/// What deserves a look in a graph.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// Always [`SCHEMA`].
    pub schema: String,
    /// Window of the graph.
    pub window: Window,
    /// How much of the traffic between services crosses zones and clusters, and of how much that is known.
    pub locality: Locality,
    /// At most one per rule, most important first.
    pub findings: Vec<Finding>,
}

/// Traffic between services by where its ends run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Locality {
    /// Attempts by zone. Known when both ends were seen and name theirs.
    pub zones: Crossing,
    /// Calls by cluster. Known when both services run in one cluster each.
    pub clusters: Crossing,
}

/// Traffic that crosses some border.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Crossing {
    /// Traffic over synchronous edges between services.
    pub total: u64,
    /// The part of it of which both sides are known.
    pub known: u64,
    /// The part of that whose sides differ.
    pub crossing: u64,
}

/// What one rule found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Finding {
    /// How much it matters.
    pub severity: Severity,
    /// How many of `whole` are concerned, over all cases; the unit is told by the rule.
    pub part: u64,
    /// Out of how many; 0 when that is unknown.
    pub whole: u64,
    /// Cases beyond those listed.
    pub more: u64,
    /// The rule and its cases, worst first.
    #[serde(flatten)]
    pub cases: Cases,
}

/// How much a finding matters; later is more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Good to know for planning.
    Info,
    /// A detour, or something that hides what happens.
    Low,
    /// Does harm when something else fails, or hides a part of the graph.
    Medium,
    /// Calls fail now.
    High,
    /// The graph itself is in doubt.
    Critical,
}

impl Severity {
    /// The spelling used in JSON.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Critical => "critical",
        }
    }
}

/// The rules, each with what its cases are and what `part` and `whole` count. Declared in the order in which equally severe
/// ones are told.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "rule", content = "cases", rename_all = "snake_case")]
pub enum Cases {
    /// Traces closed before their last span, for want of memory; of unknown many. Case: the counter.
    TracesCut(Vec<Counted>),
    /// Hosts of which every attempt failed and that nobody was seen to answer at. Attempts of attempts to them.
    UnreachableHost(Vec<DeadHost>),
    /// Hosts that answer, but with errors only. Attempts of attempts to them.
    FailingHost(Vec<DeadHost>),
    /// Edges with answers whose calls fail. Failed calls of calls over these edges.
    FailingEdge(Vec<FailingEdge>),
    /// Edges whose calls are repeated. Retries of attempts over these edges.
    RetryAmplification(Vec<RetriedEdge>),
    /// Destinations to which repeated calls lead over repeated calls, so that attempts multiply. Such destinations of all.
    RetryPath(Vec<RetryPath>),
    /// Services that wait for each other in a circle. Calls inside the circles of all synchronous calls.
    SyncCycle(Vec<SyncCycle>),
    /// Spans rejected, and calls or messages dropped because of a cap. Of spans received. Case: a reason.
    SpansLost(Vec<Counted>),
    /// Spans whose names were folded into `other` because a table was full. Of spans received. Case: the counter.
    NamesFolded(Vec<Counted>),
    /// Outgoing calls that name no destination. Of outgoing spans of these services.
    UnresolvedCalls(Vec<ServiceGap>),
    /// Spans whose parent was never seen. Of spans of these services.
    OrphanedSpans(Vec<ServiceGap>),
    /// Spans without `service.name`. Of spans used. Case: a node made of them, with its spans.
    NamelessSpans(Vec<Counted>),
    /// Calls that leave the cluster by a public name and come back in. Of all synchronous calls.
    Hairpin(Vec<Hairpin>),
    /// Calls to addresses behind which several services answer, so that the callee is unknown. Of all synchronous calls.
    SharedHost(Vec<SharedHost>),
    /// Calls that dial an IP address. Of all synchronous calls.
    CallsByIp(Vec<IpEdge>),
    /// Calls between clusters. Of calls whose clusters are known.
    CrossCluster(Vec<ClusterEdge>),
    /// Attempts between zones. Of attempts whose zones are known.
    CrossZone(Vec<ZoneEdge>),
    /// Calls of a service to itself. Of all synchronous calls. Case: the service, with its calls.
    SelfCalls(Vec<Counted>),
}

impl Cases {
    /// The name of the rule in JSON.
    #[must_use]
    pub const fn rule(&self) -> &'static str {
        match self {
            Self::TracesCut(_) => "traces_cut",
            Self::UnreachableHost(_) => "unreachable_host",
            Self::FailingHost(_) => "failing_host",
            Self::FailingEdge(_) => "failing_edge",
            Self::RetryAmplification(_) => "retry_amplification",
            Self::RetryPath(_) => "retry_path",
            Self::SyncCycle(_) => "sync_cycle",
            Self::SpansLost(_) => "spans_lost",
            Self::NamesFolded(_) => "names_folded",
            Self::UnresolvedCalls(_) => "unresolved_calls",
            Self::OrphanedSpans(_) => "orphaned_spans",
            Self::NamelessSpans(_) => "nameless_spans",
            Self::Hairpin(_) => "hairpin",
            Self::SharedHost(_) => "shared_host",
            Self::CallsByIp(_) => "calls_by_ip",
            Self::CrossCluster(_) => "cross_cluster",
            Self::CrossZone(_) => "cross_zone",
            Self::SelfCalls(_) => "self_calls",
        }
    }
}

/// The first of a list, and how many there are beyond them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Top<T> {
    /// At most ten, most important first unless said otherwise.
    pub listed: Vec<T>,
    /// The others.
    pub more: u64,
}

/// Something with a count.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Counted {
    /// A node id, a reason, an error: told by where it stands.
    pub name: String,
    /// Its count.
    pub count: u64,
}

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
