//! From a merged segment to the graph: where unanswered calls went, which messages belong together, and ids.
//!
//! Place in the flow: [`Segment`] -> [`GraphSnapshot`]. Everything here sees all traces at once and is a pure function of the
//! segment, so the graph does not depend on the order in which traces arrived.

mod book;
mod brokers;
mod destination;
mod edges;
mod flows;
mod ids;
mod kube;
mod ports;
mod services;

use std::borrow::Cow;
use std::cmp::Ordering;
use std::collections::BTreeMap;

use crate::identity::{NodeKey, NodeName};
use crate::peer::Peer;
use crate::segment::stats::{EdgeStats, NodeStats};
use crate::segment::{Caller, EdgeKey, Segment};
use crate::settings::Settings;
use crate::snapshot::{
    Diagnostics, GraphSnapshot, Node, NodeKind, SCHEMA, ServiceDiagnostics, Target, Window,
};
use crate::time::Timestamp;
use destination::{Destination, Resolver};
use edges::EdgeTable;

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

/// Outgoing calls of a service that have no known destination, by protocol.
type Unresolved = BTreeMap<NodeRef, BTreeMap<String, u64>>;

pub(crate) fn snapshot(segment: &Segment, settings: &Settings) -> GraphSnapshot {
    let resolver = Resolver::new(segment);
    let mut table = EdgeTable::new(settings.max_facet_values);
    let mut unresolved = Unresolved::new();
    for (key, stats) in &segment.edges {
        place(&resolver, key, stats, &mut table, &mut unresolved);
    }
    let links = flows::join(segment, &resolver, &mut table);
    let emitters = emitters(segment);
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
        .map(|node| describe(node, &ids[node], emitters.get(node), segment))
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
        nodes,
        edges: table.finish(&ids),
        diagnostics: diagnostics(segment, &emitters, &ids, &unresolved, &links),
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
    let caller = match &key.caller {
        Caller::Node(node) => NodeRef::of_key(node),
        Caller::Named {
            environment,
            namespace,
            name,
        } => resolver.named_caller(environment, namespace, name),
    };
    let peer = match &key.caller {
        Caller::Node(node) => resolver.complete(node, &key.peer),
        Caller::Named { .. } => Cow::Borrowed(&key.peer),
    };
    let destination = match (&key.callee, &key.caller) {
        (Some(callee), Caller::Named { .. }) => Destination::named(NodeRef::of_key(callee)),
        (Some(callee), Caller::Node(_)) => Destination::answered(NodeRef::of_key(callee)),
        (None, Caller::Node(node)) => resolver.resolve(node, &peer),
        (None, Caller::Named { .. }) => return,
    };
    match destination {
        Destination::Unresolved => {
            let by_protocol = unresolved.entry(caller).or_default();
            let protocol = match peer.protocol.as_str() {
                "" => "unknown",
                known => known,
            };
            *by_protocol.entry(protocol.to_owned()).or_default() += stats.calls;
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

/// Nodes that emit spans, with what is known about each.
fn emitters(segment: &Segment) -> BTreeMap<NodeRef, (&NodeKey, &NodeStats)> {
    let nodes = segment.nodes.iter();
    nodes
        .map(|(key, stats)| (NodeRef::of_key(key), (key, stats)))
        .collect()
}

fn describe(
    node: &NodeRef,
    id: &str,
    emitter: Option<&(&NodeKey, &NodeStats)>,
    segment: &Segment,
) -> Node {
    let mut described = Node {
        id: id.to_owned(),
        kind: node.kind,
        name: node.name.clone(),
        namespace: node.namespace.clone(),
        environment: node.environment.clone(),
        address: node.address.clone(),
        system: node.system.clone(),
        entry_calls: 0,
        instances: 0,
        facets: BTreeMap::new(),
        attributes: BTreeMap::new(),
        served: Vec::new(),
    };
    let Some((key, stats)) = emitter else {
        return described;
    };
    described.entry_calls = event(stats, "entry");
    described.instances = stats.instances.len() as u64;
    described.facets = stats.facets.clone();
    described.attributes = single_values(stats);
    described.served = served(segment, key);
    if let NodeName::Workload { source, .. } = &key.name {
        let identity = format!("no service.name; named by {source}");
        described.attributes.insert("identity".to_owned(), identity);
    }
    described
}

fn event(stats: &NodeStats, name: &str) -> u64 {
    stats.events.get(name).copied().unwrap_or_default()
}

/// The most frequent value of each attribute; ties go to the smaller value.
fn single_values(stats: &NodeStats) -> BTreeMap<String, String> {
    let most = |values: &BTreeMap<String, u64>| {
        let best = values
            .iter()
            .max_by(|a, b| a.1.cmp(b.1).then_with(|| b.0.cmp(a.0)));
        best.map(|(value, _)| value.clone())
    };
    let attributes = stats.attributes.iter();
    attributes
        .filter_map(|(name, values)| Some((name.clone(), most(values)?)))
        .collect()
}

fn served(segment: &Segment, key: &NodeKey) -> Vec<Target> {
    let mut targets: BTreeMap<(String, String, Option<u16>), (u64, u64)> = BTreeMap::new();
    let first = (key.clone(), Peer::default());
    let own = segment.served.range(first..);
    for ((_, peer), stats) in own.take_while(|((node, _), _)| node == key) {
        let Some(address) = &peer.address else {
            continue;
        };
        let key = (peer.scheme.clone(), address.host.clone(), address.port);
        let target = targets.entry(key).or_default();
        target.0 += stats.spans;
        target.1 = target.1.max(stats.last_ns);
    }
    let targets = targets.into_iter();
    targets
        .map(|((scheme, host, port), (calls, last_ns))| Target {
            scheme,
            host,
            port,
            calls,
            last_seen: Timestamp(last_ns),
            sockets: BTreeMap::new(),
        })
        .collect()
}

fn diagnostics(
    segment: &Segment,
    emitters: &BTreeMap<NodeRef, (&NodeKey, &NodeStats)>,
    ids: &BTreeMap<NodeRef, String>,
    unresolved: &Unresolved,
    links: &BTreeMap<NodeKey, u64>,
) -> Diagnostics {
    let mut totals = Diagnostics {
        rejected: segment.rejected.clone(),
        dropped: segment.dropped.clone(),
        counters: segment.counters.clone(),
        ..Diagnostics::default()
    };
    for (node, (key, stats)) in emitters {
        let by_protocol = unresolved.get(node).cloned().unwrap_or_default();
        let service = ServiceDiagnostics {
            service: ids[node].clone(),
            spans: stats.spans,
            kinds: stats.kinds.clone(),
            orphans: event(stats, "orphan"),
            unresolved: by_protocol.values().sum(),
            unresolved_by_protocol: by_protocol,
            without_server_half: event(stats, "without_server_half"),
            duplicates: event(stats, "duplicate"),
            unresolved_links: links.get(*key).copied().unwrap_or_default(),
        };
        totals.used += service.spans;
        totals.duplicates += service.duplicates;
        for (name, count) in &stats.events {
            let is_per_service = matches!(
                name.as_str(),
                "orphan" | "without_server_half" | "duplicate" | "entry"
            );
            if !is_per_service {
                *totals.counters.entry(name.clone()).or_default() += count;
            }
        }
        totals.per_service.push(service);
    }
    let fragments = totals.counters.get("fragment").copied().unwrap_or_default();
    let rejected: u64 = totals.rejected.values().sum();
    totals.spans = totals.used + totals.duplicates + fragments + rejected;
    totals.per_service.sort_by(|a, b| a.service.cmp(&b.service));
    totals
}
