//! The right graph of a row, built from what the row demands: the self-checks spoil it in every way they know.

use std::collections::BTreeMap;

use tracemesh_graph::snapshot::{
    Diagnostics, Edge, EdgeFacts, EvidenceCounts, GraphSnapshot, Latency, Node, NodeKind, SCHEMA,
    ServiceDiagnostics, Target, TraceCounts, Window,
};
use tracemesh_graph::time::Timestamp;

use super::expected::{Count, Evidence, ExpectedEdge};
use super::notation::Row;

/// The snapshot that a perfect graph crate would give for a row.
pub(crate) fn perfect(row: &Row) -> GraphSnapshot {
    let mut nodes = BTreeMap::new();
    let mut per_service = Vec::new();
    let services = row.spans.iter().filter_map(|span| span.service.as_deref());
    let ends = row.expected.edges.iter();
    let ends = ends.flat_map(|edge| [edge.key.caller.as_str(), edge.key.callee.as_str()]);
    for label in services.chain(ends) {
        nodes.insert(label.to_owned(), node(label));
    }
    for ((count, name), number) in &row.expected.counts {
        let mut diagnostics = ServiceDiagnostics {
            service: name.clone(),
            ..ServiceDiagnostics::default()
        };
        match count {
            Count::Entry => nodes.get_mut(name).unwrap().entry_calls = *number,
            Count::Unresolved => diagnostics.unresolved = *number,
            Count::Orphan => diagnostics.orphans = *number,
        }
        per_service.push(diagnostics);
    }
    let mut edges: Vec<Edge> = row.expected.edges.iter().map(edge).collect();
    edges.sort_by_key(|edge| (edge.caller.clone(), edge.callee.clone(), edge.relation));
    GraphSnapshot {
        schema: SCHEMA.to_owned(),
        traces: TraceCounts::default(),
        window: Window::default(),
        selection: None,
        nodes: nodes.into_values().collect(),
        edges,
        diagnostics: Diagnostics {
            counters: row.expected.counters.clone(),
            per_service,
            ..Diagnostics::default()
        },
    }
}

/// A node of this label, without anything that a label does not say.
pub(crate) fn node(label: &str) -> Node {
    let kinds = [
        NodeKind::External,
        NodeKind::Database,
        NodeKind::Broker,
        NodeKind::SharedHost,
        NodeKind::Genai,
        NodeKind::Unidentified,
    ];
    let word = label.split('(').next().unwrap();
    let kind = kinds.into_iter().find(|kind| kind.as_str() == word);
    let inner = label
        .split_once('(')
        .map_or(label, |(_, rest)| rest.trim_end_matches(')'));
    let (system, address) = match inner.split_once('@') {
        Some((system, address)) => (Some(system.to_owned()), Some(address.to_owned())),
        None => (None, inner.contains(':').then(|| inner.to_owned())),
    };
    Node {
        id: label.to_owned(),
        kind: kind.unwrap_or(NodeKind::Service),
        name: inner.to_owned(),
        namespace: String::new(),
        environment: String::new(),
        address,
        system,
        entry_calls: 0,
        requests: 0,
        traces: TraceCounts::default(),
        instances: 0,
        facets: BTreeMap::new(),
        attributes: BTreeMap::new(),
        served: Vec::new(),
        hazards: BTreeMap::new(),
        inbound: None,
        sidecar_spans: 0,
    }
}

/// An edge that is all that a row demands.
pub(crate) fn edge(expected: &ExpectedEdge) -> Edge {
    let (calls, failed) = expected.calls.unwrap_or((1, 0));
    let number = |name: &str, usual| expected.numbers.get(name).copied().unwrap_or(usual);
    let ones = |names: &[String]| names.iter().map(|name| (name.clone(), 1)).collect();
    let targets = expected.targets.iter().map(|target| {
        let (host, port) = target.split_once(':').unwrap();
        Target {
            scheme: String::new(),
            host: host.to_owned(),
            port: port.parse().ok(),
            calls,
            attempts: calls,
            last_seen: Timestamp(0),
            sockets: BTreeMap::new(),
        }
    });
    Edge {
        caller: expected.key.caller.clone(),
        callee: expected.key.callee.clone(),
        relation: expected.key.relation,
        calls,
        attempts: number("attempts", calls),
        failed,
        failed_attempts: number("failed_attempts", failed),
        retries: number("retries", 0),
        weighted_calls: 0.0,
        evidence: match expected.evidence {
            Evidence::Exactly(evidence) => evidence,
            Evidence::Any => EvidenceCounts {
                paired: calls,
                ..EvidenceCounts::default()
            },
        },
        confidence: 1.0,
        targets: targets.collect(),
        protocols: BTreeMap::new(),
        latency: Latency::default(),
        destination: ones(&expected.destinations),
        first_seen: Timestamp(0),
        last_seen: Timestamp(0),
        exemplars: Vec::new(),
        exemplars_by_evidence: BTreeMap::new(),
        errors: BTreeMap::new(),
        flags: ones(&expected.flags),
        facts: EdgeFacts {
            operations: expected.numbers.get("operations").copied(),
            ..EdgeFacts::default()
        },
    }
}
