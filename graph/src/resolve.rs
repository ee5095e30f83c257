//! From a merged segment to the graph: where unanswered calls went, which messages belong together, and ids.
//!
//! Place in the flow: [`Segment`] -> [`GraphSnapshot`]. Everything here sees all traces at once and is a pure function of the
//! segment, so the graph does not depend on the order in which traces arrived.

mod book;
mod brokers;
mod classes;
mod destination;
mod diagnostics;
mod edges;
mod flows;
mod ids;
mod joins;
mod kube;
mod nodes;
mod ports;
mod services;
mod sidecars;

use std::borrow::Cow;
use std::cmp::Ordering;
use std::collections::BTreeMap;

use crate::identity::{NodeKey, NodeName};
use crate::peer::Peer;
use crate::segment::stats::{EdgeStats, NodeStats};
use crate::segment::{Caller, EdgeKey, Segment};
use crate::settings::Settings;
use crate::snapshot::{GraphSnapshot, Node, NodeKind, SCHEMA, Window};
use crate::time::Timestamp;
pub(crate) use destination::is_public_name;
use destination::{Destination, Resolver};
use diagnostics::{Diagnosed, Unresolved};
use edges::EdgeTable;
pub(crate) use joins::doubt_joins;
pub(crate) use sidecars::fold_sidecars;

/// A node before it has an id. Address and system describe it; the other fields are its identity.
#[derive(Debug, Clone)]
pub(crate) struct NodeRef {
    pub(crate) kind: NodeKind,
    pub(crate) environment: String,
    pub(crate) namespace: String,
    pub(crate) name: String,
    /// The attribute that named a workload without `service.name`, or the owner of a database without address; empty
    /// otherwise.
    pub(crate) source: String,
    pub(crate) address: Option<String>,
    pub(crate) system: Option<String>,
}

impl NodeRef {
    fn of_key(key: &NodeKey) -> Self {
        let (kind, source) = match &key.name {
            NodeName::Service(_) => (NodeKind::Service, ""),
            NodeName::Workload { source, .. } => (NodeKind::Service, source.as_str()),
            NodeName::Unidentified(_) | NodeName::Other => (NodeKind::Unidentified, ""),
        };
        Self {
            kind,
            environment: key.environment.clone(),
            namespace: key.namespace.clone(),
            name: key.display_name().to_owned(),
            source: source.to_owned(),
            address: None,
            system: None,
        }
    }

    fn identity(&self) -> (NodeKind, [&str; 4]) {
        let names = [&self.environment, &self.namespace, &self.name, &self.source];
        (self.kind, names.map(String::as_str))
    }
}

impl PartialEq for NodeRef {
    fn eq(&self, other: &Self) -> bool {
        self.identity() == other.identity()
    }
}

impl Eq for NodeRef {}

impl PartialOrd for NodeRef {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for NodeRef {
    fn cmp(&self, other: &Self) -> Ordering {
        self.identity().cmp(&other.identity())
    }
}

pub(crate) fn snapshot(segment: &Segment, settings: &Settings) -> GraphSnapshot {
    let resolver = Resolver::new(segment);
    let mut table = EdgeTable::new(settings);
    let mut unresolved = Unresolved::new();
    for (key, stats) in &segment.edges {
        place(&resolver, key, stats, &mut table, &mut unresolved);
    }
    for (key, facts) in &segment.facts {
        let peer = dialled(&resolver, key);
        if let (caller, Destination::Known(known)) = ends(&resolver, key, &peer) {
            table.add_facts(&caller, &known, key.relation, facts);
        }
    }
    let links = flows::join(segment, &resolver, &mut table);
    let emitters = emitters(segment);
    table.bound_requests(|node| emitters.get(node).map_or(0, |(_, stats)| stats.requests));
    let mut refs: Vec<NodeRef> = emitters.keys().chain(table.nodes()).cloned().collect();
    // Of equal nodes the best described one stays.
    refs.sort_by(|a, b| {
        let description = |node: &NodeRef| (node.system.clone(), node.address.clone());
        a.cmp(b).then_with(|| description(b).cmp(&description(a)))
    });
    refs.dedup();
    let ids = ids::assign(&refs);
    let mut nodes: Vec<Node> = refs
        .iter()
        .map(|node| nodes::describe(node, &ids[node], emitters.get(node), segment))
        .collect();
    nodes.sort_by(|a, b| a.id.cmp(&b.id));
    GraphSnapshot {
        schema: SCHEMA.to_owned(),
        window: segment
            .window
            .map_or_else(Window::default, |(start, end)| Window {
                start: Some(Timestamp(start)),
                end: Some(Timestamp(end)),
            }),
        selection: None,
        traces: segment.traces.counts(),
        nodes,
        edges: table.finish(&ids),
        diagnostics: diagnostics::of(&Diagnosed {
            segment,
            emitters: &emitters,
            ids: &ids,
            unresolved: &unresolved,
            links: &links,
            max_values: settings.max_facet_values,
        }),
    }
}

/// Puts one edge of the segment where it belongs.
fn place(
    resolver: &Resolver<'_>,
    key: &EdgeKey,
    stats: &EdgeStats,
    table: &mut EdgeTable,
    unresolved: &mut Unresolved,
) {
    let peer = dialled(resolver, key);
    let (caller, destination) = ends(resolver, key, &peer);
    match destination {
        Destination::Unresolved => {
            let calls = unresolved.entry(caller).or_default();
            calls.count(&peer, stats);
        }
        Destination::Known(known) => {
            table.add(&caller, &known, key.relation, &peer, stats);
            if let (Caller::Node(from), Some(to)) = (&key.caller, &key.callee)
                && resolver.is_hairpin(from, to, &peer)
            {
                table.mark_hairpin(&caller, &known, key.relation, stats.calls);
            }
        }
    }
}

/// What an edge dialled, with what other callers of the same host add to it.
fn dialled<'a>(resolver: &Resolver<'_>, key: &'a EdgeKey) -> Cow<'a, Peer> {
    match &key.caller {
        Caller::Node(node) => resolver.complete(node, &key.peer),
        Caller::Named { .. } => Cow::Borrowed(&key.peer),
    }
}

/// The nodes that an edge of the segment joins. A named caller comes from the server span that names it, so it is answered.
fn ends(resolver: &Resolver<'_>, key: &EdgeKey, peer: &Peer) -> (NodeRef, Destination) {
    let caller = match &key.caller {
        Caller::Node(node) => NodeRef::of_key(node),
        Caller::Named {
            environment,
            namespace,
            name,
        } => resolver.named_caller(environment, namespace, name),
    };
    let destination = match (&key.callee, &key.caller) {
        (Some(callee), Caller::Named { .. }) => Destination::named(NodeRef::of_key(callee)),
        (Some(callee), Caller::Node(_)) => Destination::answered(NodeRef::of_key(callee)),
        (None, Caller::Node(node)) => resolver.resolve(node, peer),
        (None, Caller::Named { .. }) => Destination::Unresolved,
    };
    (caller, destination)
}

/// Nodes that emit spans, with what is known about each.
type Emitters<'a> = BTreeMap<NodeRef, (&'a NodeKey, &'a NodeStats)>;

fn emitters(segment: &Segment) -> Emitters<'_> {
    let nodes = segment.nodes.iter();
    nodes
        .map(|(key, stats)| (NodeRef::of_key(key), (key, stats)))
        .collect()
}
