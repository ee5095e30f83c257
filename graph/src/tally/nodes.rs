//! Nodes while a shard counts them: every count of a node lies at one place, found by its id without any hash.

use std::collections::BTreeMap;
use std::hash::Hash;

use super::few::Few;
use super::inbound::Inbound;
use crate::hash::IdMap;
use crate::hazards::Signs;
use crate::names::{NodeId, PeerId, ResourceId, Tables};
use crate::record::{Marks, SpanRecord};
use crate::resolve::policy::IP_REACH_NS;
use crate::resource::Facet;
use crate::segment::Segment;
use crate::segment::exemplars::Exemplars;
use crate::segment::planning::TraceStats;
use crate::segment::stats::{NodeStats, ServedStats};
use crate::segment::votes::Spells;
use crate::settings::Settings;
use crate::slice::Event;
use crate::span::SpanKind;

/// Counts of nodes since the last flush.
#[derive(Debug, Default)]
pub(super) struct NodeTally {
    /// Place of each node by its id, plus one.
    places: Vec<u32>,
    nodes: Vec<(NodeId, Node)>,
    /// Place of each resource's spans by its id, plus one.
    resource_places: Vec<u32>,
    /// Spans by resource. A resource has one node, but for what many fold into.
    resources: Vec<(ResourceId, NodeId, SpanTimes)>,
    others: IdMap<(NodeId, ResourceId), SpanTimes>,
    served: IdMap<(NodeId, PeerId), ServedStats>,
    /// Calls from outside the traces, by the Host they dialled and by where the caller sits.
    entries: IdMap<(NodeId, PeerId, ClientPlace), u64>,
    /// Sidecar node, application node.
    folds: IdMap<(NodeId, NodeId), u64>,
}

/// Counts of one node.
#[derive(Debug, Default)]
struct Node {
    kinds: [u64; 6],
    events: [u64; Event::ALL.len()],
    unweighed: u64,
    requests: u64,
    traces: TraceStats,
    /// Spans served, exposed to hazards, by all that each of them shows.
    exposures: Few<Signs, (u64, Exemplars)>,
    /// Example traces of orphans.
    orphans: Exemplars,
    inbound: Option<Box<Inbound>>,
}

/// Spans of one resource, and when they started if it has addresses of its own.
#[derive(Debug, Default)]
struct SpanTimes {
    count: u64,
    spells: Spells,
}

impl NodeTally {
    fn node(&mut self, id: NodeId) -> &mut Node {
        let first = || (id, Node::default());
        let place = place_of(&mut self.places, id.index(), &mut self.nodes, first);
        &mut self.nodes[place].1
    }

    /// Counts a span of a slice.
    pub(super) fn span(&mut self, record: &SpanRecord, names: &Tables) {
        let times = self.times(record.node, record.resource);
        times.count += 1;
        if names.resource_traits(record.resource).has_addresses {
            let at = record.start_ns;
            times.spells.add(at, at, IP_REACH_NS);
        }
        let marks = record.marks;
        let node = self.node(record.node);
        node.kinds[record.kind as usize] += 1;
        node.unweighed += u64::from(!marks.has(Marks::WEIGHED));
        for (mark, event) in [
            (Marks::PROXY, Event::ProxySpan),
            (Marks::SIDECAR, Event::SidecarSpan),
            (Marks::WEIGHT_MALFORMED, Event::WeightMalformed),
        ] {
            node.events[event as usize] += u64::from(marks.has(mark));
        }
        if record.kind != SpanKind::Server {
            return;
        }
        let signs = record.signs.served();
        if !signs.is_empty() {
            let first = (0, Exemplars::default());
            let (spans, traces) = node.exposures.get_or(signs, first);
            *spans += 1;
            traces.insert(record.trace_id.as_u128());
        }
        if record.peer != PeerId::FIRST {
            let served = self.served.entry((record.node, record.peer)).or_default();
            served.merge(ServedStats {
                spans: 1,
                last_ns: record.end_ns(),
            });
        }
    }

    fn times(&mut self, node: NodeId, resource: ResourceId) -> &mut SpanTimes {
        let first = || (resource, node, SpanTimes::default());
        let index = resource.index();
        let place = place_of(&mut self.resource_places, index, &mut self.resources, first);
        let (_, owner, times) = &mut self.resources[place];
        match *owner == node {
            true => times,
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
        for (resource, node, times) in &other.resources {
            self.times(*node, *resource).merge(times);
        }
        add_all(&mut self.others, &other.others, |own, more| own.merge(more));
        add_all(&mut self.served, &other.served, |own, more| {
            own.merge(*more)
        });
        add_all(&mut self.entries, &other.entries, |own, more| *own += more);
        add_all(&mut self.folds, &other.folds, |own, more| *own += more);
    }

    /// Puts names to everything.
    pub(super) fn name_into(self, names: &Tables, settings: &Settings, segment: &mut Segment) {
        let mut resources: BTreeMap<NodeId, Vec<(ResourceId, SpanTimes)>> = BTreeMap::new();
        for (resource, node, times) in self.resources {
            let own = resources.entry(node).or_default();
            own.push((resource, times));
        }
        self.others
            .into_iter()
            .for_each(|((node, resource), times)| {
                resources.entry(node).or_default().push((resource, times));
            });
        let mut nodes: BTreeMap<NodeId, NodeStats> = BTreeMap::new();
        for (id, node) in self.nodes {
            nodes.insert(id, node.named(names));
        }
        for (id, resources) in resources {
            let stats = nodes.entry(id).or_default();
            for (resource, times) in resources {
                times.name_into(resource, names, stats);
            }
        }
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
        self.served.into_iter().for_each(|((node, peer), stats)| {
            let key = (names.node(node).clone(), names.peer(peer).clone());
            segment.served.entry(key).or_default().merge(stats);
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
    if number >= places.len() {
        places.resize(number + 1, 0);
    }
    if places[number] == 0 {
        list.push(first());
        places[number] = u32::try_from(list.len()).unwrap_or(u32::MAX);
    }
    places[number] as usize - 1
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
        let kinds = self.kinds.iter_mut().zip(other.kinds);
        let events = self.events.iter_mut().zip(other.events);
        kinds.chain(events).for_each(|(own, more)| *own += more);
        self.unweighed += other.unweighed;
        self.requests += other.requests;
        self.traces.merge(other.traces);
        self.exposures.merge(&other.exposures, |own, more| {
            own.0 += more.0;
            own.1.merge(&more.1);
        });
        self.orphans.merge(&other.orphans);
        if let Some(inbound) = &other.inbound {
            self.inbound.get_or_insert_default().merge(inbound);
        }
    }

    fn named(self, names: &Tables) -> NodeStats {
        let mut stats = NodeStats {
            requests: self.requests,
            traces: self.traces,
            orphan_exemplars: self.orphans,
            ..NodeStats::default()
        };
        for (kind, count) in SpanKind::ALL.into_iter().zip(self.kinds) {
            if count > 0 {
                stats.kinds.insert(kind_name(kind).to_owned(), count);
            }
        }
        for (event, count) in Event::ALL.into_iter().zip(self.events) {
            if count > 0 {
                stats.events.insert(event.name().to_owned(), count);
            }
        }
        if self.unweighed > 0 {
            let unknown = "weight_unknown".to_owned();
            stats.events.insert(unknown, self.unweighed);
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

impl SpanTimes {
    fn merge(&mut self, other: &Self) {
        self.count += other.count;
        self.spells.merge(&other.spells, IP_REACH_NS);
    }

    fn name_into(&self, resource: ResourceId, names: &Tables, stats: &mut NodeStats) {
        let facts = names.resource(resource);
        stats.spans += self.count;
        if !facts.instance.is_empty() {
            stats.instances.insert(facts.instance.clone());
        }
        for address in &facts.addresses {
            let seen = stats.addresses.entry(address.clone()).or_default();
            seen.merge(&self.spells, IP_REACH_NS);
        }
        for (facet, value) in facts.values() {
            match facet {
                Facet::Counted(name) => stats.facet(name, value, self.count),
                Facet::Attribute(name) => stats.attribute(name, value, self.count),
            }
        }
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

/// The spelling of a kind in diagnostics.
const fn kind_name(kind: SpanKind) -> &'static str {
    match kind {
        SpanKind::Unspecified => "unspecified",
        SpanKind::Internal => "internal",
        SpanKind::Server => "server",
        SpanKind::Client => "client",
        SpanKind::Producer => "producer",
        SpanKind::Consumer => "consumer",
    }
}
