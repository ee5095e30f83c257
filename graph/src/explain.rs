//! Why an edge is in the graph, and what was seen that made none.
//!
//! Place in the flow: [`GraphSnapshot`] -> [`Explanation`] -> `tracemesh explain`. The edges are those of the snapshot,
//! verbatim, with what would raise their confidence. It refuses to guess: what may belong to a service without being joined to it
//! is listed as a possibility, never added to a count.

use serde::{Deserialize, Serialize};

use crate::doctor::About;
use crate::snapshot::{
    Edge, GraphSnapshot, Node, NodeKind, Relation, ServiceDiagnostics, Target, Window,
};

/// Value of the `schema` field.
pub const SCHEMA: &str = "tracemesh.explain/v1";

/// What is known between a caller and its callees.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Explanation {
    /// Always [`SCHEMA`].
    pub schema: String,
    /// Window of the graph.
    pub window: Window,
    /// Node id of the caller.
    pub caller: String,
    /// Node id of the callee, when one was asked for.
    pub callee: Option<String>,
    /// The edges from the caller, or those between the two, in the order of the snapshot.
    pub edges: Vec<ExplainedEdge>,
    /// What made no edge, per service asked about.
    pub missing: Vec<Missing>,
}

/// An edge and what would make it surer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ExplainedEdge {
    /// The edge of the snapshot.
    pub edge: Edge,
    /// What would raise its confidence, most calls concerned first; empty when nothing would.
    pub raise: Vec<Raise>,
}

/// What would raise the confidence in an edge.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Raise {
    /// Both ends send spans, but these calls were not joined: propagate trace context.
    PropagateContext,
    /// The callee sends no server spans: instrument it.
    InstrumentCallee,
    /// Parent and child were seen without proper kinds: set client and server kinds.
    SetKinds,
    /// The destination is known by a name only: set `server.address`.
    SetAddress,
}

/// What was seen from or to a service and made no edge.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Missing {
    /// Node id.
    pub service: String,
    /// What the snapshot counts: calls without destination, orphans, unresolved links and more. `None` for a node that sends
    /// no spans, of whose side nothing can be known.
    pub diagnostics: Option<ServiceDiagnostics>,
    /// Root server spans: calls that came from outside the traces, or lost their context on the way.
    pub entry_calls: u64,
    /// Hosts that those calls dialled, as the service saw them.
    pub entered_at: Vec<About>,
    /// Destinations that never answered with a span, with the calls to them.
    pub unanswered: Vec<About>,
    /// Calls to an address that this service says it is called by, but that several or none could be held to answer.
    pub perhaps: Vec<Perhaps>,
}

/// Calls that may have gone to a service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Perhaps {
    /// Node id of the caller.
    pub caller: String,
    /// Node id of the destination that the calls were held to have.
    pub callee: String,
    /// Calls of that edge.
    pub calls: u64,
}

/// The edges from `caller`, or those to `callee` only. Ids need not exist; the answer is empty then.
#[must_use]
pub fn explain(snapshot: &GraphSnapshot, caller: &str, callee: Option<&str>) -> Explanation {
    let is_asked =
        |edge: &&Edge| edge.caller == caller && callee.is_none_or(|callee| edge.callee == callee);
    let edges = snapshot.edges.iter().filter(is_asked);
    Explanation {
        schema: SCHEMA.to_owned(),
        window: snapshot.window,
        caller: caller.to_owned(),
        callee: callee.map(str::to_owned),
        edges: edges
            .map(|edge| ExplainedEdge {
                edge: edge.clone(),
                raise: raise(snapshot, edge),
            })
            .collect(),
        missing: Vec::new(),
    }
}

/// What would raise the confidence; databases, brokers and the like send no spans, so nothing is asked of them.
fn raise(snapshot: &GraphSnapshot, edge: &Edge) -> Vec<Raise> {
    let evidence = edge.evidence;
    let unjoined = evidence
        .address
        .saturating_add(evidence.alias)
        .saturating_add(evidence.named);
    let kind = snapshot.node(&edge.callee).map(|node| node.kind);
    let can_send = matches!(
        kind,
        Some(
            NodeKind::Service | NodeKind::External | NodeKind::SharedHost | NodeKind::Unidentified
        )
    );
    let serves = serves(snapshot, &edge.callee);
    let asked = edge.relation == Relation::Sync;
    let mut ways = vec![(evidence.parent, Raise::SetKinds)];
    if asked && can_send && serves {
        ways.push((unjoined, Raise::PropagateContext));
    } else if asked && can_send {
        ways.push((unjoined, Raise::InstrumentCallee));
    }
    if asked && edge.targets.is_empty() {
        ways.push((evidence.named, Raise::SetAddress));
    }
    ways.retain(|(calls, _)| *calls > 0);
    ways.sort_by(|a, b| b.0.cmp(&a.0).then(a.1.cmp(&b.1)));
    ways.into_iter().map(|(_, way)| way).collect()
}

fn serves(snapshot: &GraphSnapshot, id: &str) -> bool {
    diagnostics(snapshot, id).is_some_and(|service| {
        let server = service.kinds.get("server").copied();
        server.unwrap_or_default() > 0
    })
}

fn diagnostics<'a>(snapshot: &'a GraphSnapshot, id: &str) -> Option<&'a ServiceDiagnostics> {
    let mut services = snapshot.diagnostics.per_service.iter();
    services.find(|service| service.service == id)
}

/// What was seen from or to a node and made no edge.
#[must_use]
pub fn missing(snapshot: &GraphSnapshot, id: &str) -> Missing {
    let node = snapshot.node(id);
    let hosts = node.and_then(|node| node.facets.get("entered_at"));
    let hosts = hosts.into_iter().flatten().map(|(host, count)| About {
        name: host.clone(),
        count: *count,
    });
    let out = snapshot.edges.iter().filter(|edge| edge.caller == id);
    let unanswered = out
        .filter(|edge| is_unanswered(snapshot, edge))
        .map(|edge| About {
            name: edge.callee.clone(),
            count: edge.calls,
        });
    Missing {
        service: id.to_owned(),
        diagnostics: diagnostics(snapshot, id).cloned(),
        entry_calls: node.map_or(0, |node| node.entry_calls),
        entered_at: most_first(hosts.collect()),
        unanswered: most_first(unanswered.collect()),
        perhaps: node.map_or_else(Vec::new, |node| perhaps(snapshot, node)),
    }
}

/// No call was joined with a span of the callee, although such a callee could send some.
fn is_unanswered(snapshot: &GraphSnapshot, edge: &Edge) -> bool {
    let kind = snapshot.node(&edge.callee).map(|node| node.kind);
    edge.relation == Relation::Sync
        && edge.evidence.paired == 0
        && edge.evidence.parent == 0
        && edge.evidence.link == 0
        && matches!(
            kind,
            Some(NodeKind::Service | NodeKind::External | NodeKind::SharedHost)
        )
}

fn most_first(mut names: Vec<About>) -> Vec<About> {
    names.sort_by(|a, b| b.count.cmp(&a.count).then_with(|| a.name.cmp(&b.name)));
    names
}

/// Edges to something else at an address under which the node was called.
fn perhaps(snapshot: &GraphSnapshot, node: &Node) -> Vec<Perhaps> {
    let is_same = |a: &Target, b: &Target| {
        a.host == b.host && (a.port == b.port || a.port.is_none() || b.port.is_none())
    };
    let is_own = |target: &Target| node.served.iter().any(|own| is_same(own, target));
    let edges = snapshot.edges.iter().filter(|edge| {
        edge.caller != node.id
            && edge.callee != node.id
            && edge.relation == Relation::Sync
            && snapshot
                .node(&edge.callee)
                .is_some_and(|callee| callee.kind != NodeKind::Service)
            && edge.targets.iter().any(is_own)
    });
    edges
        .map(|edge| Perhaps {
            caller: edge.caller.clone(),
            callee: edge.callee.clone(),
            calls: edge.calls,
        })
        .collect()
}

#[cfg(test)]
mod tests;
