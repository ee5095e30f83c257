//! Nodes while a shard counts them, found by their ids without any hash. Spans are counted by resource, where all that every span
//! adds to lies at one place, and summed up by node in the end.

mod spans;

use std::collections::BTreeMap;
use std::hash::Hash;

use super::few::Few;
use super::inbound::Inbound;
use crate::hash::IdMap;
use crate::hazards::Signs;
use crate::names::{NodeId, PeerId, ResourceId, Tables};
use crate::record::{Marks, SpanRecord};
use crate::segment::Segment;
use crate::segment::exemplars::Exemplars;
use crate::segment::planning::TraceStats;
use crate::segment::stats::{NodeStats, ServedStats};
use crate::settings::Settings;
use crate::slice::Event;
use crate::span::SpanKind;
use spans::Spans;

/// Counts of nodes since the last flush.
#[derive(Debug, Default)]
pub(super) struct NodeTally {
    /// Place of each node by its id, plus one.
    places: Vec<u32>,
    nodes: Vec<(NodeId, Node)>,
    /// Place of each resource's spans by its id, plus one.
    resource_places: Vec<u32>,
    /// Spans by resource. A resource has one node, but for what many fold into.
    resources: Vec<(ResourceId, NodeId, Spans)>,
    others: IdMap<(NodeId, ResourceId), Spans>,
    /// Calls from outside the traces, by the Host they dialled and by where the caller sits.
    entries: IdMap<(NodeId, PeerId, ClientPlace), u64>,
    /// Sidecar node, application node.
    folds: IdMap<(NodeId, NodeId), u64>,
}

/// Counts of one node.
#[derive(Debug, Default)]
struct Node {
    events: [u64; Event::ALL.len()],
    requests: u64,
    traces: TraceStats,
    /// Spans served, exposed to hazards, by all that each of them shows.
    exposures: Few<Signs, (u64, Exemplars)>,
    /// Hosts and RPC services by which it was called.
    served: Few<PeerId, ServedStats>,
    /// Example traces of orphans.
    orphans: Exemplars,
    inbound: Option<Box<Inbound>>,
}

impl NodeTally {
    fn node(&mut self, id: NodeId) -> &mut Node {
        let first = || (id, Node::default());
        let place = place_of(&mut self.places, id.index(), &mut self.nodes, first);
        &mut self.nodes[place].1
    }

    /// Counts a span of a slice.
    pub(super) fn span(&mut self, record: &SpanRecord, names: &Tables) {
        let spans = self.spans(record.node, record.resource);
        spans.count(record, names);
        if record.kind == SpanKind::Server {
            self.served(record);
        }
    }

    fn served(&mut self, record: &SpanRecord) {
        let signs = record.signs.served();
        if !signs.is_empty() {
            let exposures = &mut self.node(record.node).exposures;
            let (spans, traces) = exposures.get_or(signs, (0, Exemplars::default()));
            *spans += 1;
            traces.insert(record.trace_id.as_u128());
        }
        if record.peer != PeerId::FIRST {
            let served = &mut self.node(record.node).served;
            served
                .get_or(record.peer, ServedStats::default())
                .merge(ServedStats {
                    spans: 1,
                    last_ns: record.end_ns(),
                });
        }
    }

    fn spans(&mut self, node: NodeId, resource: ResourceId) -> &mut Spans {
        let first = || (resource, node, Spans::default());
        let index = resource.index();
        let place = place_of(&mut self.resource_places, index, &mut self.resources, first);
        let (_, owner, spans) = &mut self.resources[place];
        match *owner == node {
            true => spans,
            false => self.others.entry((node, resource)).or_default(),
        }
    }

    /// Counts something that made no edge.
    pub(super) fn event(&mut self, node: NodeId, event: Event) {
        self.node(node).events[event as usize] += 1;
    }

    /// Notes an example of a trace in which a parent is missing.
    pub(super) fn orphan(&mut self, record: &SpanRecord) {
        let trace = record.trace_id.as_u128();
        self.node(record.node).orphans.insert(trace);
    }

    /// Counts a call from outside the traces.
    pub(super) fn entry(&mut self, record: &SpanRecord) {
        let key = (record.node, record.peer, ClientPlace::of(record.marks));
        *self.entries.entry(key).or_default() += 1;
    }

    /// Counts a span that shows a sidecar beside its application.
    pub(super) fn fold(&mut self, proxy: NodeId, app: NodeId) {
        *self.folds.entry((proxy, app)).or_default() += 1;
    }

    /// Counts a request that a node served.
    pub(super) fn request(&mut self, node: NodeId, record: &SpanRecord) {
        let node = self.node(node);
        node.requests += 1;
        if record.kind == SpanKind::Server {
            node.inbound.get_or_insert_default().request(record);
        }
    }

    /// Counts a trace that called from outside of any request.
    pub(super) fn outside(&mut self, node: NodeId) {
        self.node(node).requests += 1;
    }

    /// Counts a trace that passed through a node.
    pub(super) fn trace(&mut self, node: NodeId, root_weight: Option<f32>) {
        self.node(node).traces.count(root_weight);
    }

    /// Adds the counts of another tally.
    pub(super) fn merge(&mut self, other: &Self) {
        for (id, node) in &other.nodes {
            self.node(*id).merge(node);
        }
        for (resource, node, spans) in &other.resources {
            self.spans(*node, *resource).merge(spans);
        }
        add_all(&mut self.others, &other.others, |own, more| own.merge(more));
        add_all(&mut self.entries, &other.entries, |own, more| *own += more);
        add_all(&mut self.folds, &other.folds, |own, more| *own += more);
    }

    /// Puts names to everything.
    pub(super) fn name_into(self, names: &Tables, settings: &Settings, segment: &mut Segment) {
        let mut nodes: BTreeMap<NodeId, NodeStats> = BTreeMap::new();
        for (id, node) in self.nodes {
            node.name_served(id, names, segment);
            nodes.insert(id, node.named(names));
        }
        let resources = self.resources.into_iter();
        let resources = resources.map(|(resource, node, spans)| ((node, resource), spans));
        resources
            .chain(self.others)
            .for_each(|((node, resource), spans)| {
                spans.name_into(resource, names, nodes.entry(node).or_default());
            });
        let entries: BTreeMap<_, _> = self.entries.into_iter().collect();
        for ((id, peer, place), count) in entries {
            let host = names.peer(peer).address.as_ref();
            let host = host.map_or_else(|| "unknown".to_owned(), ToString::to_string);
            let stats = nodes.entry(id).or_default();
            *stats.events.entry("entry".to_owned()).or_default() += count;
            stats.facet("entered_at", &host, count);
            stats.facet("entered_from", place.name(), count);
        }
        for (id, mut stats) in nodes {
            stats.cap(settings.max_facet_values);
            segment.nodes.insert(names.node(id).clone(), stats);
        }
        self.folds.into_iter().for_each(|((proxy, app), count)| {
            let key = (names.node(proxy).clone(), names.node(app).clone());
            *segment.folds.entry(key).or_default() += count;
        });
    }
}

/// The place of what has this number in a list without gaps; `first` is put there when nothing was.
#[inline]
fn place_of<T>(
    places: &mut Vec<u32>,
    number: usize,
    list: &mut Vec<T>,
    first: impl FnOnce() -> T,
) -> usize {
    match places.get(number) {
        Some(place) if *place > 0 => *place as usize - 1,
        _ => new_place(places, number, list, first()),
    }
}

#[cold]
fn new_place<T>(places: &mut Vec<u32>, number: usize, list: &mut Vec<T>, first: T) -> usize {
    if number >= places.len() {
        places.resize(number + 1, 0);
    }
    list.push(first);
    places[number] = u32::try_from(list.len()).unwrap_or(u32::MAX);
    list.len() - 1
}

/// Adds one map to another, key by key: the order does not matter.
fn add_all<K: Copy + Eq + Hash, V: Default>(
    into: &mut IdMap<K, V>,
    from: &IdMap<K, V>,
    mut add: impl FnMut(&mut V, &V),
) {
    from.iter().for_each(|(key, more)| {
        add(into.entry(*key).or_default(), more);
    });
}

impl Node {
    fn merge(&mut self, other: &Self) {
        let events = self.events.iter_mut().zip(other.events);
        events.for_each(|(own, more)| *own += more);
        self.requests += other.requests;
        self.traces.merge(other.traces);
        self.exposures.merge(&other.exposures, |own, more| {
            own.0 += more.0;
            own.1.merge(&more.1);
        });
        self.served
            .merge(&other.served, |own, more| own.merge(*more));
        self.orphans.merge(&other.orphans);
        if let Some(inbound) = &other.inbound {
            self.inbound.get_or_insert_default().merge(inbound);
        }
    }

    fn name_served(&self, id: NodeId, names: &Tables, segment: &mut Segment) {
        for (peer, stats) in self.served.iter() {
            let key = (names.node(id).clone(), names.peer(peer).clone());
            segment.served.entry(key).or_default().merge(*stats);
        }
    }

    fn named(self, names: &Tables) -> NodeStats {
        let mut stats = NodeStats {
            requests: self.requests,
            traces: self.traces,
            orphan_exemplars: self.orphans,
            ..NodeStats::default()
        };
        for (event, count) in Event::ALL.into_iter().zip(self.events) {
            if count > 0 {
                stats.events.insert(event.name().to_owned(), count);
            }
        }
        for (signs, (spans, traces)) in self.exposures.iter() {
            for sign in signs.each() {
                stats.exposures.add(sign, *spans, traces.ids());
            }
        }
        if let Some(inbound) = self.inbound {
            stats.inbound = inbound.named(names);
        }
        stats
    }
}

/// Where the caller of an entry sits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum ClientPlace {
    Private,
    Public,
    Unknown,
}

impl ClientPlace {
    const fn of(marks: Marks) -> Self {
        if marks.has(Marks::CLIENT_PRIVATE) {
            Self::Private
        } else if marks.has(Marks::CLIENT_PUBLIC) {
            Self::Public
        } else {
            Self::Unknown
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Private => "private",
            Self::Public => "public",
            Self::Unknown => "unknown",
        }
    }
}
