//! Message flow drawn once: from producer to consumer where both are known, through the broker where they are not.
//!
//! A snapshot also holds the legs of every message into and out of its broker. Where the flow between the services
//! accounts for all messages of a leg, drawing the leg too would show each message twice.

use std::collections::{BTreeMap, BTreeSet};

use tracemesh_graph::snapshot::{GraphSnapshot, NodeKind, Relation};

/// Positions of the edges that other edges already show.
pub(in crate::render) fn shown_by_flows(snapshot: &GraphSnapshot) -> BTreeSet<usize> {
    let is_broker = |id: &str| {
        let node = snapshot.node(id);
        node.is_some_and(|node| node.kind == NodeKind::Broker)
    };
    let flows = snapshot.edges.iter().enumerate();
    let flows = flows.filter(|(_, edge)| edge.relation == Relation::Async);
    let (mut sent, mut taken) = (BTreeMap::new(), BTreeMap::new());
    for (_, edge) in flows.clone() {
        if !is_broker(&edge.caller) && !is_broker(&edge.callee) {
            *sent.entry(edge.caller.as_str()).or_insert(0) += edge.calls;
            *taken.entry(edge.callee.as_str()).or_insert(0) += edge.calls;
        }
    }
    let is_shown = |between: &BTreeMap<&str, u64>, service: &str, messages: u64| {
        between.get(service).is_some_and(|calls| *calls >= messages)
    };
    let shown =
        flows.filter(
            |(_, edge)| match (is_broker(&edge.caller), is_broker(&edge.callee)) {
                (false, true) => is_shown(&sent, &edge.caller, edge.calls),
                (true, false) => is_shown(&taken, &edge.callee, edge.calls),
                _ => false,
            },
        );
    shown.map(|(position, _)| position).collect()
}
