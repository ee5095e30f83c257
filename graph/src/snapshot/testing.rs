//! Snapshots made by hand, for the tests of what reads them.

use std::collections::BTreeMap;

use super::{
    Diagnostics, Edge, EdgeFacts, EvidenceCounts, GraphSnapshot, Latency, Node, NodeKind, Relation,
    SCHEMA, ServiceDiagnostics, Target, TraceCounts, Window,
};
use crate::time::Timestamp;

/// A node of this id; its kind is the first part of the id, its name the last.
pub(crate) fn node(id: &str) -> Node {
    let kinds = [
        NodeKind::External,
        NodeKind::Database,
        NodeKind::Broker,
        NodeKind::SharedHost,
        NodeKind::Unidentified,
    ];
    let first = id.split('/').next().unwrap_or_default();
    let kind = kinds.into_iter().find(|kind| kind.as_str() == first);
    Node {
        id: id.to_owned(),
        kind: kind.unwrap_or(NodeKind::Service),
        name: id.rsplit('/').next().unwrap_or_default().to_owned(),
        namespace: String::new(),
        environment: String::new(),
        address: None,
        system: None,
        entry_calls: 0,
        requests: 0,
        traces: TraceCounts::default(),
        instances: 1,
        facets: BTreeMap::new(),
        attributes: BTreeMap::new(),
        served: Vec::new(),
        hazards: BTreeMap::new(),
        inbound: None,
        sidecar_spans: 0,
    }
}

/// A dialled http address.
pub(crate) fn target(host: &str) -> Target {
    Target {
        scheme: "http".to_owned(),
        host: host.to_owned(),
        port: Some(80),
        calls: 1,
        attempts: 1,
        last_seen: Timestamp(9),
        sockets: BTreeMap::new(),
    }
}

/// A sync edge of paired calls to `callee`, dialled at `host.shop`.
pub(crate) fn edge(caller: &str, callee: &str, calls: u64) -> Edge {
    Edge {
        caller: caller.to_owned(),
        callee: callee.to_owned(),
        relation: Relation::Sync,
        calls,
        attempts: calls,
        failed: 0,
        failed_attempts: 0,
        retries: 0,
        weighted_calls: 0.0,
        evidence: EvidenceCounts {
            paired: calls,
            ..EvidenceCounts::default()
        },
        confidence: 1.0,
        targets: vec![target("host.shop")],
        protocols: BTreeMap::new(),
        latency: Latency::default(),
        destination: BTreeMap::new(),
        first_seen: Timestamp(1),
        last_seen: Timestamp(9),
        exemplars: Vec::new(),
        exemplars_by_evidence: BTreeMap::new(),
        errors: BTreeMap::new(),
        flags: BTreeMap::new(),
        facts: EdgeFacts::default(),
    }
}

/// Diagnostics of a service with spans of these kinds and no gaps.
pub(crate) fn service(id: &str, kinds: &[(&str, u64)]) -> ServiceDiagnostics {
    ServiceDiagnostics {
        service: id.to_owned(),
        spans: kinds.iter().map(|(_, count)| count).sum(),
        kinds: kinds
            .iter()
            .map(|(kind, count)| ((*kind).to_owned(), *count))
            .collect(),
        ..ServiceDiagnostics::default()
    }
}

/// A snapshot of these services and edges, with the nodes that they name.
pub(crate) fn snapshot(
    per_service: Vec<ServiceDiagnostics>,
    mut edges: Vec<Edge>,
) -> GraphSnapshot {
    edges.sort_by(|a, b| {
        (&a.caller, &a.callee, a.relation).cmp(&(&b.caller, &b.callee, b.relation))
    });
    let ends = edges.iter().flat_map(|edge| [&edge.caller, &edge.callee]);
    let ids = ends.chain(per_service.iter().map(|service| &service.service));
    let nodes: BTreeMap<&String, Node> = ids.map(|id| (id, node(id))).collect();
    let nodes = nodes.into_values().collect();
    let used = per_service
        .iter()
        .fold(0, |sum: u64, service| sum.saturating_add(service.spans));
    GraphSnapshot {
        schema: SCHEMA.to_owned(),
        window: Window::default(),
        selection: None,
        traces: TraceCounts::default(),
        nodes,
        edges,
        diagnostics: Diagnostics {
            spans: used,
            used,
            per_service,
            ..Diagnostics::default()
        },
    }
}
