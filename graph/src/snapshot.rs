//! `GraphSnapshot`: the sorted, versioned graph that every reading command works on.
//!
//! Place in the flow: [`Segment`](crate::segment::Segment) -> `GraphSnapshot` -> exports, egress, onboarding. Its JSON is a public format
//! (`tracemesh.graph/v1`): fields keep their names and meanings; new fields may appear. Nodes are sorted by id, edges by
//! (caller, callee, relation). It holds no wall-clock time: the same spans give the same bytes.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::time::Timestamp;

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
    /// Distinct instances seen (bounded; see `facets`).
    pub instances: u64,
    /// Facet name -> value -> spans: `zone`, `cluster`, `kube_namespace`, `language`, `version`, ...
    pub facets: BTreeMap<String, BTreeMap<String, u64>>,
    /// Single-valued attributes: `k8s.deployment.name`, `service.criticality`, `identity`, ...
    pub attributes: BTreeMap<String, String>,
    /// Addresses that the node's own server spans report as the Host and port they were called by.
    pub served: Vec<Target>,
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
    /// Destination known by a learnt alias.
    pub alias: u64,
    /// Destination known by a name that the spans give (`service.peer.name`, `peer.service`).
    pub named: u64,
    /// Joined by a span link.
    pub link: u64,
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
    /// Attempts that dialled it.
    pub calls: u64,
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
    pub errors: BTreeMap<String, u64>,
    /// Marks such as `self`, `mirror`, `redirect`, `hairpin`, `candidates: ...` -> calls.
    pub flags: BTreeMap<String, u64>,
}

/// What was seen and what became of it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Diagnostics {
    /// Spans received: used + duplicates + fragments (in `counters`) + rejected.
    pub spans: u64,
    /// Spans that took part in inference.
    pub used: u64,
    /// Spans seen before.
    pub duplicates: u64,
    /// Spans that could not be used, by reason.
    pub rejected: BTreeMap<String, u64>,
    /// Calls and message halves given up because of a cap, by reason.
    pub dropped: BTreeMap<String, u64>,
    /// Other counted events: `cycle_dropped`, `self_parent`, `trace_id_64_bit`, ...
    pub counters: BTreeMap<String, u64>,
    /// Per service, by node id.
    pub per_service: Vec<ServiceDiagnostics>,
}

/// Diagnostics of one service.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ServiceDiagnostics {
    /// Node id.
    pub service: String,
    /// Spans of the service that took part in inference.
    pub spans: u64,
    /// Spans by kind.
    pub kinds: BTreeMap<String, u64>,
    /// Spans whose parent id was given but never seen.
    pub orphans: u64,
    /// Outgoing calls with no destination known.
    pub unresolved: u64,
    /// The same, by protocol.
    pub unresolved_by_protocol: BTreeMap<String, u64>,
    /// The same, by what little the spans say: a private socket address, an RPC service, or nothing.
    #[serde(default)]
    pub unresolved_by_evidence: BTreeMap<String, u64>,
    /// Example trace ids of outgoing calls with no destination known: at most three, smallest first.
    #[serde(default)]
    pub unresolved_exemplars: Vec<String>,
    /// Outgoing calls whose server half was not seen, whatever else names the destination.
    pub without_server_half: u64,
    /// Spans counted as duplicates.
    pub duplicates: u64,
    /// Links that point to a span never seen.
    pub unresolved_links: u64,
    /// Spans that do not say how many spans they stand for: no sampling threshold, ratio or rate. `None` in snapshots of
    /// earlier versions.
    #[serde(default)]
    pub weight_unknown: Option<u64>,
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
