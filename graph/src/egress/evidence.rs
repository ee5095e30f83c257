//! The numbers behind the egress model; their JSON is `tracemesh.egress-evidence/v1`.
//!
//! Kept apart because they change with every window, while the model changes only with the egress.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::hazards::{HazardEvidence, HazardKind};
use crate::inventory::InventoryCounts;
use crate::snapshot::{Edge, EvidenceCounts, Window};
use crate::time::Timestamp;

/// Value of the `schema` field.
pub const EVIDENCE_SCHEMA: &str = "tracemesh.egress-evidence/v1";

/// Evidence for every edge of every service.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EgressEvidence {
    /// Always [`EVIDENCE_SCHEMA`].
    pub schema: String,
    /// Window of the snapshot.
    pub window: Window,
    /// Service node id -> its evidence.
    pub services: BTreeMap<String, ServiceEvidence>,
    /// How much the inventory was made from, when there was one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub inventory: Option<InventoryCounts>,
}

impl Default for EgressEvidence {
    fn default() -> Self {
        Self {
            schema: EVIDENCE_SCHEMA.to_owned(),
            window: Window::default(),
            services: BTreeMap::new(),
            inventory: None,
        }
    }
}

/// Evidence of one service.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct ServiceEvidence {
    /// Window of these numbers where it differs from that of the whole: files of several runs were put together.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub window: Option<Window>,
    /// Spans of the service: with the window, what tells whether its spans became fewer.
    #[serde(default)]
    pub spans: u64,
    /// Time in which the service was not seen although others were, over all runs.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub unseen_ms: u64,
    /// Outgoing calls whose destination stayed unknown: they are not in any edge.
    pub unresolved_calls: u64,
    /// The numbers behind the hazards of the service.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub hazards: BTreeMap<HazardKind, HazardEvidence>,
    /// The facts behind the settings of its inbound traffic.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub inbound_facts: BTreeMap<String, f64>,
    /// Callee node id -> the synchronous edge to it.
    pub destinations: BTreeMap<String, EdgeEvidence>,
}

/// Numbers of one edge.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EdgeEvidence {
    /// Logical calls.
    pub calls: u64,
    /// Attempts on the wire.
    pub attempts: u64,
    /// Attempts that failed.
    pub failed_attempts: u64,
    /// Calls by evidence.
    pub evidence: EvidenceCounts,
    /// Confidence in 0..=1.
    pub confidence: f64,
    /// First sight.
    pub first_seen: Timestamp,
    /// Last sight.
    pub last_seen: Timestamp,
    /// Time since then in which the caller was observed and this was not seen, over all runs.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub unseen_ms: u64,
    /// Longest time between two sights, over all runs.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub longest_gap_ms: u64,
    /// Protocol -> attempts.
    pub protocols: BTreeMap<String, u64>,
    /// Dialled addresses with their counts.
    pub targets: Vec<EvidenceTarget>,
    /// Example trace ids.
    pub exemplars: Vec<String>,
    /// The facts behind the settings: name -> number.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub facts: BTreeMap<String, f64>,
}

/// Numbers of one dialled address.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EvidenceTarget {
    /// Scheme, empty when unknown.
    pub scheme: String,
    /// Host exactly as in the snapshot.
    pub host: String,
    /// Port, when one is known.
    pub port: Option<u16>,
    /// Attempts that dialled it.
    pub calls: u64,
    /// Latest end of a span that dialled it.
    pub last_seen: Timestamp,
    /// Time since then in which the caller was observed and this was not seen, over all runs.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub unseen_ms: u64,
    /// Socket peers seen behind the name -> spans.
    pub sockets: BTreeMap<String, u64>,
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde asks with a reference"
)]
const fn is_zero(number: &u64) -> bool {
    *number == 0
}

impl From<&Edge> for EdgeEvidence {
    fn from(edge: &Edge) -> Self {
        Self {
            calls: edge.calls,
            attempts: edge.attempts,
            failed_attempts: edge.failed_attempts,
            evidence: edge.evidence,
            confidence: edge.confidence,
            first_seen: edge.first_seen,
            last_seen: edge.last_seen,
            unseen_ms: 0,
            longest_gap_ms: 0,
            protocols: edge.protocols.clone(),
            targets: edge
                .targets
                .iter()
                .map(|target| EvidenceTarget {
                    scheme: target.scheme.clone(),
                    host: target.host.clone(),
                    port: target.port,
                    calls: target.calls,
                    last_seen: target.last_seen,
                    unseen_ms: 0,
                    sockets: target.sockets.clone(),
                })
                .collect(),
            exemplars: edge.exemplars.clone(),
            facts: BTreeMap::new(),
        }
    }
}
