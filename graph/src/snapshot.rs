//! `GraphSnapshot`: the sorted, versioned graph that every reading command works on.
//!
//! Place in the flow: [`Segment`](crate::segment::Segment) -> `GraphSnapshot` -> exports, egress, onboarding. Its JSON is a public format
//! (`tracemesh.graph/v1`): fields keep their names and meanings; new fields may appear. Nodes are sorted by id, edges by
//! (caller, callee, relation). It holds no wall-clock time: the same spans give the same bytes.

mod demand;
mod hazards;
mod planning;
mod sampling;
mod selection;
pub mod tables;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::time::Timestamp;
pub use demand::{Demand, Inbound};
pub use hazards::{Exposed, Exposure};
pub use planning::{EdgeFacts, PeakConcurrency, TraceCounts};
pub use sampling::{EdgeSampling, SampledOut};
pub use selection::{GroupBy, Selection};

#[cfg(test)]
pub(crate) mod testing;

/// Value of the `schema` field.
pub const SCHEMA: &str = "tracemesh.graph/v1";

/// The service dependency graph of one window of time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct GraphSnapshot {
    /// Always [`SCHEMA`].
    pub schema: String,
    /// First start and last end among the spans used; both absent when there were none.
    pub window: Window,
    /// The part of a graph that this is; absent for whole graphs. A part says nothing about what it leaves out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub selection: Option<Selection>,
    /// Distinct traces; all 0 in snapshots of older versions.
    #[serde(default)]
    pub traces: TraceCounts,
    /// Nodes by id.
    pub nodes: Vec<Node>,
    /// Edges by (caller, callee, relation).
    pub edges: Vec<Edge>,
    /// What was seen, and what made no edge.
    pub diagnostics: Diagnostics,
}

/// A span of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Window {
    /// Earliest span start.
    pub start: Option<Timestamp>,
    /// Latest span end.
    pub end: Option<Timestamp>,
}

/// What a node is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NodeKind {
    /// A service that emits spans, or a workload found by the fallback of rule 1.1.2.
    Service,
    /// A destination known by its dialled host or by a name that callers give it.
    External,
    /// A database, identified by system and host:port.
    Database,
    /// A message broker.
    Broker,
    /// A function invoked by name.
    Function,
    /// A generative AI provider.
    Genai,
    /// An object store.
    #[serde(rename = "objectstore")]
    ObjectStore,
    /// One host:port behind which several services answered: deciding between them would be guessing.
    SharedHost,
    /// A cloud metadata endpoint.
    Metadata,
    /// Spans without any usable identity.
    Unidentified,
    /// Nodes put together: a namespace, a cluster or a team. Only in narrowed graphs.
    Group,
}

impl NodeKind {
    /// The spelling used in JSON and in node ids.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Service => "service",
            Self::External => "external",
            Self::Database => "database",
            Self::Broker => "broker",
            Self::Function => "function",
            Self::Genai => "genai",
            Self::ObjectStore => "objectstore",
            Self::SharedHost => "shared_host",
            Self::Metadata => "metadata",
            Self::Unidentified => "unidentified",
            Self::Group => "group",
        }
    }
}

/// A node of the graph.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Node {
    /// Stable, readable, escaped: `service/<namespace>/<name>`, `service/<name>`, `external/<host:port>`, ...
    pub id: String,
    /// Class of the node.
    pub kind: NodeKind,
    /// Short name, as sent (hostile: escape it for your format).
    pub name: String,
    /// `service.namespace`, empty when none was given.
    pub namespace: String,
    /// `deployment.environment.name`, empty when none was given.
    pub environment: String,
    /// `host:port` of a virtual node.
    pub address: Option<String>,
    /// Database or messaging system, provider or protocol of a virtual node.
    pub system: Option<String>,
    /// Calls that reached this node from outside the traces.
    pub entry_calls: u64,
    /// Requests of the node: its server and consumer spans, without those nested in another one of the same process, and one
    /// per trace in which it called from outside of any. Counted as observed, not corrected for sampling; 0 when unknown.
    #[serde(default)]
    pub requests: u64,
    /// Distinct traces that passed through the node; only nodes that emit spans have any.
    #[serde(default)]
    pub traces: TraceCounts,
    /// Distinct instances seen (bounded; see `facets`).
    pub instances: u64,
    /// Facet name -> value -> spans: `zone`, `cluster`, `kube_namespace`, `language`, `version`, ... A node that stands for
    /// many hosts (`*.example.com`) tells how many: `hosts` -> `distinct` -> hosts.
    pub facets: BTreeMap<String, BTreeMap<String, u64>>,
    /// Single-valued attributes: `k8s.deployment.name`, `service.criticality`, `identity`, ... An ambiguous name or a shared
    /// host lists the ids of the nodes that it could be, after commas: `candidates`.
    pub attributes: BTreeMap<String, String>,
    /// Addresses that the node's own server spans report as the Host and port they were called by.
    #[serde(default)]
    pub served: Vec<Target>,
    /// Server spans of the node that are exposed to hazards of a sidecar.
    #[serde(default, skip_serializing_if = "Exposed::is_empty")]
    pub hazards: Exposed,
    /// Load of its server spans; absent for nodes without any, and in snapshots of older versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub inbound: Option<Inbound>,
    /// Spans of the node that its sidecar emitted: evidence that it has one. Absent when there were none; gateways have none.
    #[serde(default, skip_serializing_if = "is_none_seen")]
    pub sidecar_spans: u64,
}

const fn is_none_seen(count: &u64) -> bool {
    *count == 0
}

/// How a call travels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Relation {
    /// The caller waits for the callee, or dials it (brokers included).
    Sync,
    /// Data flow over messaging: producer to consumer, or to and from a broker.
    Async,
    /// A logical edge through a gateway; the physical edges exist as well.
    Proxied,
}

impl Relation {
    /// The spelling used in JSON.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Sync => "sync",
            Self::Async => "async",
            Self::Proxied => "proxied",
        }
    }
}

/// Calls by the strongest evidence for each of them (inference.md 1.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct EvidenceCounts {
    /// Both halves seen and joined by ids.
    pub paired: u64,
    /// A child span in another service, without the proper kinds.
    pub parent: u64,
    /// Destination known by the dialled address.
    pub address: u64,
    /// Destination known by a learnt alias: a peer name that paired calls lead to another service than it spells.
    pub alias: u64,
    /// Destination known by a name that the spans give (`service.peer.name`, `peer.service`).
    pub named: u64,
    /// Joined by a span link.
    pub link: u64,
}

impl EvidenceCounts {
    /// Calls that were not joined with a span of the callee.
    #[must_use]
    pub const fn unjoined(self) -> u64 {
        self.address
            .saturating_add(self.alias)
            .saturating_add(self.named)
    }
}

/// A dialled address.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Target {
    /// `http`, `https`, `grpc`, a database or messaging system, or `tcp`; empty when unknown.
    pub scheme: String,
    /// Host as dialled, normalised: lower case, no brackets, no trailing dot.
    pub host: String,
    /// Port, the default of the scheme when none was given.
    pub port: Option<u16>,
    /// Logical calls that ended there.
    pub calls: u64,
    /// Attempts that dialled it.
    #[serde(default)]
    pub attempts: u64,
    /// Latest end of a span that dialled it.
    pub last_seen: Timestamp,
    /// Socket peers (`ip` or `ip:port`) seen behind the name, with counts; bounded.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub sockets: BTreeMap<String, u64>,
}

/// Latency of one side of an edge, from a log-linear sketch with 3.1 % relative error.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct LatencySummary {
    /// Spans measured.
    #[serde(default)]
    pub count: u64,
    /// Median, milliseconds.
    pub p50_ms: f64,
    /// 99th percentile, milliseconds.
    pub p99_ms: f64,
    /// 99.9th percentile, milliseconds.
    pub p999_ms: f64,
    /// Exact maximum, milliseconds.
    pub max_ms: f64,
}

/// Latency per side; a side that was not seen is absent, never zero.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Latency {
    /// As the caller measured it.
    pub client: Option<LatencySummary>,
    /// As the callee measured it.
    pub server: Option<LatencySummary>,
    /// How long messages waited between producer and consumer, whose clocks may differ: what they turn round counts as 0 and
    /// in the flag `wait_clamped`. Absent for calls, and in snapshots of earlier versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wait: Option<LatencySummary>,
}

/// Aggregated calls from one node to another.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Edge {
    /// Node id of the caller (producer).
    pub caller: String,
    /// Node id of the callee (consumer, broker, database, ...).
    pub callee: String,
    /// How the calls travel.
    pub relation: Relation,
    /// Logical calls observed.
    pub calls: u64,
    /// Attempts on the wire, at least one per call.
    pub attempts: u64,
    /// Logical calls whose last attempt failed.
    pub failed: u64,
    /// Attempts that failed.
    pub failed_attempts: u64,
    /// Attempts beyond the first of their call.
    #[serde(default)]
    pub retries: u64,
    /// Calls corrected for sampling.
    pub weighted_calls: f64,
    /// Calls by evidence; the classes sum to `calls`.
    pub evidence: EvidenceCounts,
    /// Weight-averaged confidence in 0..=1.
    pub confidence: f64,
    /// Dialled addresses, sorted.
    pub targets: Vec<Target>,
    /// Protocol -> attempts: `http/1.1`, `http/2`, `grpc`, `postgresql`, `kafka`, ...
    pub protocols: BTreeMap<String, u64>,
    /// Latency per side.
    pub latency: Latency,
    /// Topic, queue or database namespace -> calls, where they exist.
    pub destination: BTreeMap<String, u64>,
    /// Earliest span start.
    pub first_seen: Timestamp,
    /// Latest span end.
    pub last_seen: Timestamp,
    /// Example trace ids: at most three per evidence class, smallest first.
    pub exemplars: Vec<String>,
    /// The same by evidence class, spelled like the fields of [`EvidenceCounts`]; also attempts that are no call of their
    /// own. Empty in snapshots of earlier versions.
    #[serde(default)]
    pub exemplars_by_evidence: BTreeMap<String, Vec<String>>,
    /// Error types and status codes -> attempts.
    #[serde(default)]
    pub errors: BTreeMap<String, u64>,
    /// Marks such as `self`, `mirror`, `redirect`, `hairpin`, `ambiguous_name` -> calls.
    #[serde(default)]
    pub flags: BTreeMap<String, u64>,
    /// Facts for planning, beside the other fields in JSON.
    #[serde(flatten)]
    pub facts: EdgeFacts,
}

/// What was seen and what became of it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Diagnostics {
    /// Spans received: used + duplicates + fragments (in `counters`) + rejected.
    pub spans: u64,
    /// Spans that took part in inference.
    #[serde(default)]
    pub used: u64,
    /// Spans seen before.
    pub duplicates: u64,
    /// Spans that could not be used, by reason.
    pub rejected: BTreeMap<String, u64>,
    /// Calls and message halves given up because of a cap, by reason.
    #[serde(default)]
    pub dropped: BTreeMap<String, u64>,
    /// Other counted events: `cycle_dropped`, `self_parent`, `trace_id_64_bit`, ... Of the address book: `path_words_refused`
    /// (spans whose host has its share of path words), `trails_folded` (unanswered attempts whose time and path were given
    /// up because edges are scarce), `votes_dropped`, and `trail_step_minutes` (no count: the steps in which calls to
    /// addresses that change hands are told apart, where there were too many for single minutes; the largest number
    /// means not at all).
    #[serde(default)]
    pub counters: BTreeMap<String, u64>,
    /// Halves whose other half was never seen, by kind: `client` (calls without server half), `server` (spans whose parent is
    /// missing), `producer` (messages that nobody was seen to consume), `consumer` (of which no sender was seen).
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub unpaired: BTreeMap<String, u64>,
    /// Brokers between which messages must have been mirrored or forwarded: a hint, there are no spans of it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub bridges: Vec<Bridge>,
    /// Per service, by node id.
    pub per_service: Vec<ServiceDiagnostics>,
}

/// Messages that were sent to one broker and taken from another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bridge {
    /// Node id of the broker that they were sent to.
    pub from: String,
    /// Node id of the broker that they were taken from.
    pub to: String,
    /// Messages correlated over both.
    pub messages: u64,
}

/// Diagnostics of one service.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ServiceDiagnostics {
    /// Node id.
    pub service: String,
    /// Spans of the service that took part in inference.
    #[serde(default)]
    pub spans: u64,
    /// Spans by kind.
    #[serde(default)]
    pub kinds: BTreeMap<String, u64>,
    /// Spans whose parent id was given but never seen.
    pub orphans: u64,
    /// How many of the orphans are server halves whose caller was sampled out. Only the others are gaps.
    #[serde(default)]
    pub orphans_sampled_out: SampledOut,
    /// Example trace ids of orphans: at most three, smallest first.
    #[serde(default)]
    pub orphan_exemplars: Vec<String>,
    /// Outgoing calls with no destination known.
    pub unresolved: u64,
    /// The same, by protocol.
    #[serde(default)]
    pub unresolved_by_protocol: BTreeMap<String, u64>,
    /// The same, by what little the spans say: a private socket address, an RPC service, or nothing.
    #[serde(default)]
    pub unresolved_by_evidence: BTreeMap<String, u64>,
    /// Example trace ids of outgoing calls with no destination known: at most three, smallest first.
    #[serde(default)]
    pub unresolved_exemplars: Vec<String>,
    /// Outgoing calls whose server half was not seen, whatever else names the destination.
    #[serde(default)]
    pub without_server_half: u64,
    /// How many of them lack it because the callee samples less than this service.
    #[serde(default)]
    pub without_server_half_sampled_out: SampledOut,
    /// Spans counted as duplicates.
    #[serde(default)]
    pub duplicates: u64,
    /// Spans of traces that had to settle before all of their spans can have come, because the store of open and
    /// waiting spans was full.
    #[serde(default)]
    pub store_full: u64,
    /// Links that point to a span never seen.
    #[serde(default)]
    pub unresolved_links: u64,
    /// Spans that do not say how many spans they stand for: no sampling threshold, ratio or rate. `None` in snapshots of
    /// earlier versions.
    #[serde(default)]
    pub weight_unknown: Option<u64>,
    /// The clock that disagrees most with this service's; absent when none certainly does.
    #[serde(default)]
    pub clock_skew: Option<ClockSkew>,
}

impl ServiceDiagnostics {
    /// Orphans beyond those that sampling explains.
    #[must_use]
    pub const fn unexplained_orphans(&self) -> u64 {
        self.orphans_sampled_out.unexplained(self.orphans)
    }
}

/// Clocks of two instances that cannot both be right: a server half does not lie inside its client half.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ClockSkew {
    /// Node id of the service at the other end of the calls.
    pub other: String,
    /// Instance of this service; empty when its spans do not name it.
    pub instance: String,
    /// Instance of the other service.
    pub other_instance: String,
    /// Milliseconds that this service's clock is ahead of the other's, at least; negative when it is behind. Rounded towards
    /// 0. Which of the two is wrong is not known from this.
    pub ahead_ms: i64,
    /// Pairs of instances of this service and others whose clocks disagree; of two services, the eight worst of each flush.
    pub instance_pairs: u64,
}

impl Edge {
    /// True when every attempt failed and nothing shows that anybody listens: a wrong address, a removed service, a firewall.
    #[must_use]
    pub fn is_never_answered(&self) -> bool {
        self.attempts > 0
            && self.failed_attempts == self.attempts
            && self.evidence.paired == 0
            && self.latency.server.is_none()
    }
}

impl GraphSnapshot {
    /// The node with this id.
    #[must_use]
    pub fn node(&self, id: &str) -> Option<&Node> {
        self.nodes
            .binary_search_by(|node| node.id.as_str().cmp(id))
            .ok()
            .map(|index| &self.nodes[index])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Others write and read this format: only what its description names may be required.
    #[test]
    fn a_snapshot_with_nothing_but_the_described_fields_is_read() {
        let text = r#"{"schema": "tracemesh.graph/v1",
            "window": {"start": "2026-11-21T00:00:00Z", "end": "2026-11-21T01:00:00Z"},
            "nodes": [{"id": "service/shop/cart", "kind": "service", "name": "cart", "namespace": "shop",
                "environment": "prod", "address": null, "system": null, "entry_calls": 12, "instances": 3,
                "facets": {}, "attributes": {}}],
            "edges": [{"caller": "service/shop/cart", "callee": "service/shop/cart", "relation": "sync",
                "calls": 10, "attempts": 12, "failed": 1, "failed_attempts": 2, "weighted_calls": 1000.0,
                "evidence": {"paired": 8, "parent": 0, "address": 2, "alias": 0, "named": 0, "link": 0},
                "confidence": 0.97,
                "targets": [{"scheme": "http", "host": "cart", "port": 8080, "calls": 10,
                    "last_seen": "2026-11-21T01:00:00Z"}],
                "protocols": {"http/1.1": 10},
                "latency": {"client": {"count": 1, "p50_ms": 1, "p99_ms": 1, "p999_ms": 1, "max_ms": 1}, "server": null},
                "destination": {}, "first_seen": "2026-11-21T00:00:00Z", "last_seen": "2026-11-21T01:00:00Z",
                "exemplars": ["00000000000000000000000000000001"]}],
            "diagnostics": {"spans": 0, "duplicates": 0, "rejected": {"utf8": 1},
                "per_service": [{"service": "service/shop/cart", "orphans": 0, "unresolved": 0}]}}"#;
        let snapshot: GraphSnapshot = serde_json::from_str(text).expect("a described snapshot");
        assert_eq!(snapshot.edges[0].targets[0].calls, 10);
        let again = serde_json::to_string(&snapshot).expect("a snapshot is JSON");
        assert_eq!(
            serde_json::from_str::<GraphSnapshot>(&again).ok(),
            Some(snapshot)
        );
    }
}
