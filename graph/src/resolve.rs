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
mod halves;
mod hazards;
pub(crate) mod ids;
mod joins;
mod kube;
mod nodes;
mod numbers;
mod place;
mod placed;
pub(crate) mod policy;
mod ports;
mod services;
mod shares;
mod sidecars;
mod wildcards;

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};
use std::hash::{Hash, Hasher};

use crate::identity::{NodeKey, NodeName};
use crate::observed::{Durations, Histogram};
use crate::segment::stats::NodeStats;
use crate::segment::{Caller, Segment};
use crate::settings::Settings;
use crate::snapshot::{Diagnostics, GraphSnapshot, Node, NodeKind, SCHEMA, Window};
use crate::time::Timestamp;
use destination::{Destination, Evidence, Resolver};
use diagnostics::{Diagnosed, Unresolved};
use edges::{EdgeTable, Tell};
use flows::Leftovers;
pub(crate) use halves::join_halves;
use hazards::Dialled;
pub(crate) use joins::doubt_joins;
pub(crate) use place::is_public_name;
use placed::{Placed, Placer};
pub(crate) use sidecars::fold_sidecars;
use wildcards::Wildcards;

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

    /// What is known of the node beside its identity.
    fn description(&self) -> (Option<&str>, Option<&str>) {
        (self.system.as_deref(), self.address.as_deref())
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

impl Hash for NodeRef {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.identity().hash(state);
    }
}

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
    snapshot_telling(segment, settings, &mut |_, _| {})
}

/// The snapshot, and the durations behind its edges in their order.
pub(crate) fn observe(segment: &Segment, settings: &Settings) -> (GraphSnapshot, Vec<Durations>) {
    let mut found = BTreeMap::new();
    let graph = snapshot_telling(
        segment,
        settings,
        &mut |(caller, callee, relation), stats| {
            let durations = Durations {
                client: Histogram::of(&stats.client),
                server: Histogram::of(&stats.server),
                wait: Histogram::of(&stats.wait),
            };
            found.insert((caller.to_owned(), callee.to_owned(), relation), durations);
        },
    );
    let edges = graph.edges.iter();
    let durations = edges.map(|edge| {
        let ends = (edge.caller.clone(), edge.callee.clone(), edge.relation);
        found.get(&ends).copied().unwrap_or_default()
    });
    let durations = durations.collect();
    (graph, durations)
}

fn snapshot_telling(segment: &Segment, settings: &Settings, tell: Tell<'_>) -> GraphSnapshot {
    let mut table = EdgeTable::new(settings);
    let Resolved {
        wildcards,
        unresolved,
        candidates,
        leftovers,
    } = resolve(segment, &mut table);
    let emitters = emitters(segment);
    table.bound_requests(|node| emitters.get(node).map_or(0, |(_, stats)| stats.requests));
    let mut refs: Vec<NodeRef> = emitters.keys().chain(table.nodes()).cloned().collect();
    // Of equal nodes the best described one stays.
    refs.sort_by(|a, b| a.cmp(b).then_with(|| b.description().cmp(&a.description())));
    refs.dedup();
    let ids = ids::assign(&refs);
    let mut nodes: Vec<Node> = refs
        .iter()
        .map(|node| {
            let mut described = nodes::describe(node, &ids[node], emitters.get(node), segment);
            nodes::stand_for(&mut described, wildcards.hosts(node));
            nodes::list_candidates(&mut described, candidates.get(node), &ids);
            described
        })
        .collect();
    nodes.sort_by(|a, b| a.id.cmp(&b.id));
    let diagnostics = diagnostics::of(&Diagnosed {
        segment,
        emitters: &emitters,
        ids: &ids,
        unresolved: &unresolved,
        leftovers: &leftovers,
        max_values: settings.max_facet_values,
    });
    GraphSnapshot {
        schema: SCHEMA.to_owned(),
        window: window(segment),
        selection: None,
        traces: segment.traces.counts(),
        nodes,
        edges: table.finish(&ids, tell),
        diagnostics: with_step(segment, diagnostics),
    }
}

/// What resolving leaves beside edges.
struct Resolved {
    wildcards: Wildcards,
    unresolved: Unresolved,
    candidates: Candidates,
    leftovers: Leftovers,
}

/// Fills the table of edges. What it learns on the way, which is more than what it finds, goes before edges are finished.
fn resolve<'a>(segment: &'a Segment, table: &mut EdgeTable<'a>) -> Resolved {
    let resolver = Resolver::new(segment);
    let placer = Placer::new(segment, &resolver);
    let mut edges = placer.edges(segment);
    let wildcards = Wildcards::learn(edges.iter().filter_map(outside));
    let mut unresolved = Unresolved::new();
    let mut candidates = Candidates::new();
    for edge in &mut edges {
        fold(&wildcards, &mut edge.destination);
        place((&resolver, segment), edge, table, &mut unresolved);
        if let Destination::Known(known) = &edge.destination {
            note_candidates(&known.node, &known.candidates, &mut candidates);
        }
        note_candidates(&edge.caller, &edge.caller_candidates, &mut candidates);
    }
    drop(edges);
    for mut host in placer.facts(segment) {
        for placed in &mut host {
            fold(&wildcards, &mut placed.destination);
        }
        for (placed, requests) in host.iter().zip(placed::requests(&host)) {
            if let Destination::Known(known) = &placed.destination {
                let edge = (&placed.caller, &known.node, placed.relation);
                table.add_facts(edge, placed.facts, requests);
            }
        }
    }
    Resolved {
        leftovers: flows::join(segment, &resolver, table),
        wildcards,
        unresolved,
        candidates,
    }
}

/// Tells that calls to addresses that change hands are told apart less well than usual.
fn with_step(segment: &Segment, mut diagnostics: Diagnostics) -> Diagnostics {
    if segment.trail_step_min > 0 {
        let step = u64::from(segment.trail_step_min);
        let counter = "trail_step_minutes".to_owned();
        diagnostics.counters.insert(counter, step);
    }
    diagnostics
}

fn window(segment: &Segment) -> Window {
    segment
        .window
        .map_or_else(Window::default, |(start, end)| Window {
            start: Some(Timestamp(start)),
            end: Some(Timestamp(end)),
        })
}

/// Caller and destination of an edge that is known by its dialled host alone.
fn outside<'a>(edge: &'a Placed<'_>) -> Option<(&'a NodeRef, &'a NodeRef)> {
    match &edge.destination {
        Destination::Known(known) if known.evidence == Evidence::Dialled => {
            Some((&edge.caller, &known.node))
        }
        _ => None,
    }
}

fn fold(wildcards: &Wildcards, destination: &mut Destination) {
    if let Destination::Known(known) = destination
        && known.evidence == Evidence::Dialled
        && let Some(wildcard) = wildcards.fold(&known.node)
    {
        known.node = wildcard;
    }
}

/// Nodes that a virtual node could stand for.
type Candidates = BTreeMap<NodeRef, BTreeSet<NodeRef>>;

fn note_candidates(node: &NodeRef, found: &[NodeRef], candidates: &mut Candidates) {
    if !found.is_empty() {
        let all = candidates.entry(node.clone()).or_default();
        all.extend(found.iter().cloned());
    }
}

/// Puts one edge of the segment where it belongs.
fn place<'a>(
    (resolver, segment): (&Resolver<'_>, &'a Segment),
    edge: &Placed<'a>,
    table: &mut EdgeTable<'a>,
    unresolved: &mut Unresolved,
) {
    let (key, stats) = (edge.key, edge.stats);
    match &edge.destination {
        Destination::Unresolved => {
            let calls = unresolved.entry(edge.caller.clone()).or_default();
            calls.count(&edge.peer, stats);
        }
        Destination::Known(known) => {
            table.add(&edge.caller, known, key.relation, &edge.peer, stats);
            let ends = (&edge.caller, &known.node, key.relation);
            let dialled = Dialled::new(segment, key, &edge.peer);
            table.note_dialled(ends, &dialled, stats);
            if let (Caller::Node(from), Some(to)) = (&key.caller, &key.callee)
                && resolver.is_hairpin(from, to, &edge.peer)
            {
                table.mark_hairpin(&edge.caller, known, key.relation, stats.calls);
            }
        }
    }
}

/// Nodes that emit spans, with what is known about each.
type Emitters<'a> = BTreeMap<NodeRef, (&'a NodeKey, &'a NodeStats)>;

fn emitters(segment: &Segment) -> Emitters<'_> {
    let nodes = segment.nodes.iter();
    nodes
        .map(|(key, stats)| (NodeRef::of_key(key), (key, stats)))
        .collect()
}
