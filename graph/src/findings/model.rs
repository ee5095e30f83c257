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

use crate::snapshot::Window;

mod cases;

pub use cases::{
    ClusterEdge, DeadHost, Dialled, EdgeCalls, FailingEdge, Hairpin, IpEdge, RetriedEdge,
    RetryPath, RetryStep, ServiceGap, SharedHost, SyncCycle, ZoneEdge, ZonePair,
};

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
