//! The shape of a comparison; its JSON is a public format, `tracemesh.diff/v1`.

use serde::Serialize;

use crate::snapshot::{NodeKind, Relation, Window};

/// Value of the `schema` field.
pub const SCHEMA: &str = "tracemesh.diff/v1";

/// What counts as a change.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Options {
    /// Share of the reported changes that may be noise, in 0..1.
    pub fdr: f64,
    /// Calls that an edge must have before its numbers are compared.
    pub min_calls: u64,
    /// Smallest ratio of a number before and after that is reported, at least 1.
    pub min_change: f64,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            fdr: 0.01,
            min_calls: 30,
            min_change: 1.5,
        }
    }
}

/// Everything that differs.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Difference {
    /// Always [`SCHEMA`].
    pub schema: &'static str,
    /// Whether anything certainly differs.
    pub differ: bool,
    /// What counted as a change.
    pub options: Options,
    /// The first side.
    pub before: SideFacts,
    /// The second side.
    pub after: SideFacts,
    /// All calls together.
    pub traffic: Traffic,
    /// How the tests went.
    pub noise: Noise,
    /// Nodes of one side only: certain ones first, added before gone, then by calls.
    pub nodes: Vec<NodeChange>,
    /// Edges of one side only or changed: certain ones first, then added, gone, changed, then by importance and calls.
    pub edges: Vec<EdgeChange>,
}

/// One side in numbers.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct SideFacts {
    /// Window of the snapshot.
    pub window: Window,
    /// Seconds that were observed; absent when that is not known.
    pub seconds: Option<f64>,
    /// Number of nodes.
    pub nodes: u64,
    /// Number of edges.
    pub edges: u64,
    /// Calls of all edges, as observed.
    pub calls: u64,
    /// The same, corrected for sampling.
    pub weighted_calls: f64,
}

/// What the volume of an edge is measured against.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum RatesPer {
    /// Calls per second.
    Second,
    /// Shares of all calls, because it is not known how long a side was observed.
    Call,
}

/// All calls together, corrected for sampling.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Traffic {
    /// Rate of all calls after, over before; absent when either is not known.
    pub ratio: Option<f64>,
    /// Median of that ratio over the edges with enough calls on both sides; absent without any.
    pub typical_ratio: Option<f64>,
    /// Whether the typical edge changed by more than the smallest change: then most edges did, and those that did as most
    /// are not listed. Never for fewer than ten edges.
    pub changed: bool,
}

/// How the tests went.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Noise {
    /// What volumes were measured against.
    pub rates_per: RatesPer,
    /// Tests that were made.
    pub tests: u64,
    /// Largest p-value that counted; absent when none did.
    pub largest_p: Option<f64>,
    /// Standard deviation of the logarithm of volumes beyond counting noise, common to all edges.
    pub volume_spread: f64,
    /// The same of latencies.
    pub latency_spread: f64,
    /// Edges of both sides with too few calls for their numbers to be compared.
    pub few_calls: u64,
    /// Numbers that changed beyond noise, but by less than the smallest change.
    pub small_changes: u64,
}

/// On which side something is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Presence {
    /// Only after.
    Added,
    /// Only before.
    Gone,
}

/// A node of one side only.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct NodeChange {
    /// Node id.
    pub id: String,
    /// Class of the node.
    pub kind: NodeKind,
    /// On which side it is.
    pub presence: Presence,
    /// False when it is so rare that it may have been missed on the other side.
    pub certain: bool,
    /// Requests or calls that it was seen by, whichever are more.
    pub calls: u64,
    /// Probability to miss it on the other side if nothing changed, doubled.
    pub p_value: f64,
}

/// What happened to an edge.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Change {
    /// Only after.
    Added,
    /// Only before.
    Gone,
    /// On both sides, with other properties.
    Changed,
}

/// An edge that differs.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct EdgeChange {
    /// Node id of the caller.
    pub caller: String,
    /// Node id of the callee.
    pub callee: String,
    /// How the calls travel.
    pub relation: Relation,
    /// What happened.
    pub change: Change,
    /// False when it may be noise: a rare edge, or one with uncertain details only.
    pub certain: bool,
    /// Calls before, as observed; 0 when it was not there.
    pub calls_before: u64,
    /// Calls after, likewise.
    pub calls_after: u64,
    /// For added and gone edges: probability to miss it on the other side if nothing changed, doubled.
    pub p_value: Option<f64>,
    /// The callee under which the caller dialled the same address on the other side: it was probably the same destination.
    pub same_address_as: Option<String>,
    /// What changed, certain and important things first; empty for added and gone edges.
    pub details: Vec<Detail>,
    /// What it means for the egress of the caller; empty when nothing.
    pub egress: Vec<EgressEffect>,
}

/// What about an edge changed, in order of importance.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum What {
    /// A dialled address, `scheme://host:port`; numbers are attempts.
    Target,
    /// A protocol; numbers are attempts.
    Protocol,
    /// A class of evidence; numbers are calls.
    Evidence,
    /// A topic, queue or database namespace; numbers are calls.
    Destination,
    /// Share of calls that failed.
    ErrorRate,
    /// Median time as the caller measured it, milliseconds.
    ClientP50,
    /// 99th percentile, likewise.
    ClientP99,
    /// Median time as the callee measured it, milliseconds.
    ServerP50,
    /// 99th percentile, likewise.
    ServerP99,
    /// Median time that messages waited, milliseconds.
    WaitP50,
    /// 99th percentile, likewise.
    WaitP99,
    /// Calls per second, or the share of all calls, corrected for sampling.
    Volume,
}

/// One property of an edge that changed.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Detail {
    /// Which property.
    pub what: What,
    /// For parts such as addresses: the part, as sent (hostile).
    pub value: Option<String>,
    /// For parts: on which side it is.
    pub presence: Option<Presence>,
    /// The number before.
    pub before: f64,
    /// The number after.
    pub after: f64,
    /// `after` over `before`; absent for parts and where one of them is 0.
    pub ratio: Option<f64>,
    /// Probability of a difference at least this large by chance alone.
    pub p_value: f64,
    /// False for parts that are so rare that they may have been missed on the other side. Numbers are always certain.
    pub certain: bool,
}

/// What a change means for the egress of the caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum EgressEffect {
    /// There is no cluster for the destination until the egress is generated again.
    NewDestination,
    /// The destination has another name now, and the same address.
    RenamedDestination,
    /// Nothing calls the destination any more; its cluster stays until the removal is accepted.
    UnusedDestination,
    /// No address of the new destination is known from the caller's spans.
    UnaddressedDestination,
    /// Calls to the new address miss the cluster of the destination until the egress is generated again.
    NewAddress,
    /// An address of the cluster is not dialled any more.
    UnusedAddress,
    /// The cluster or listener may be made for another protocol.
    OtherProtocol,
    /// Settings of the tuned phase were derived from other numbers.
    TunedSettings,
}
