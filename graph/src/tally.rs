//! The running counts of a shard, keyed by interned ids; turned into a [`Segment`] with names at every flush.

mod clocks;
mod inbound;
mod open;
mod planning;
mod sampling;
mod together;
mod trail;
mod votes;

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};

use crate::names::{NodeId, PeerId, ResourceId, Tables};
use crate::peer::Peer;
use crate::record::{Marks, SpanRecord};
use crate::resolve::policy::IP_REACH_NS;
use crate::resource::Facet;
use crate::sampling::Weights;
use crate::segment::exemplars::Exemplars;
use crate::segment::halves::HalfId;
use crate::segment::hazards::Exposures;
use crate::segment::stats::{EdgeStats, NodeStats, ServedStats};
use crate::segment::votes::Spells;
use crate::segment::{Caller, ConsumeHalf, EdgeKey, Segment, SendHalf, Trail};
use crate::settings::Settings;
use crate::slice::{Attempt, Consume, Event, PeerRef, Send, SendRef, SliceSink};
use crate::snapshot::Relation;
use crate::span::SpanKind;
use clocks::ClockTally;
use inbound::InboundTally;
use open::OpenTally;
use planning::PlanningTally;
use sampling::SamplingTally;
use trail::TrailIds;
use votes::VoteTally;

/// Caller, callee if one answered, what was dialled, relation, and what helps to find who would have answered.
type EdgeIds = (NodeId, Option<NodeId>, PeerRef, Relation, TrailIds);

/// Counts since the last flush.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    spans: HashMap<(NodeId, ResourceId), SpanTimes>,
    kinds: HashMap<(NodeId, SpanKind), u64>,
    events: HashMap<(NodeId, Event), u64>,
    /// Spans served, exposed to hazards.
    exposures: HashMap<NodeId, Exposures>,
    /// Example traces of orphans.
    orphans: HashMap<NodeId, Exemplars>,
    /// Calls from outside the traces, by the Host they dialled and by where the caller sits.
    entries: HashMap<(NodeId, PeerId, ClientPlace), u64>,
    /// Sidecar node, application node.
    folds: HashMap<(NodeId, NodeId), u64>,
    edges: HashMap<EdgeIds, EdgeStats>,
    votes: VoteTally,
    named_callers: HashMap<(PeerId, NodeId), EdgeStats>,
    served: HashMap<(NodeId, PeerId), ServedStats>,
    planning: PlanningTally,
    inbound: InboundTally,
    open: OpenTally,
    sampling: SamplingTally,
    clocks: ClockTally,
    sends: VecDeque<Send>,
    consumes: VecDeque<Consume>,
    window: Option<(u64, u64)>,
    folded: u64,
    words_refused: u64,
    trails_folded: u64,
    unweighed: HashMap<NodeId, u64>,
    dropped: BTreeMap<&'static str, u64>,
}

/// A tally together with the names that its ids stand for and the caps it keeps.
pub(crate) struct TallySink<'a> {
    pub(crate) tally: &'a mut Tally,
    pub(crate) names: &'a Tables,
    pub(crate) settings: &'a Settings,
}

impl SliceSink for TallySink<'_> {
    fn span(&mut self, record: &SpanRecord) {
        let tally = &mut *self.tally;
        let place = (record.node, record.resource);
        let times = tally.spans.entry(place).or_default();
        times.count += 1;
        if !self.names.resource(record.resource).addresses.is_empty() {
            let at = record.start_ns;
            times.spells.add(at, at, IP_REACH_NS);
        }
        *tally.kinds.entry((record.node, record.kind)).or_default() += 1;
        for (mark, event) in [
            (Marks::PROXY, Event::ProxySpan),
            (Marks::SIDECAR, Event::SidecarSpan),
        ] {
            if record.marks.has(mark) {
                *tally.events.entry((record.node, event)).or_default() += 1;
            }
        }
        let signs = record.signs.served();
        if record.kind == SpanKind::Server && !signs.is_empty() {
            let exposures = tally.exposures.entry(record.node).or_default();
            exposures.count(signs, record.trace_id.as_u128());
        }
        tally.folded += u64::from(record.marks.has(Marks::FOLDED));
        tally.words_refused += u64::from(record.marks.has(Marks::WORD_REFUSED));
        if !record.marks.has(Marks::WEIGHED) {
            *tally.unweighed.entry(record.node).or_default() += 1;
        }
        if record.marks.has(Marks::WEIGHT_MALFORMED) {
            *tally
                .events
                .entry((record.node, Event::WeightMalformed))
                .or_default() += 1;
        }
        let (start, end) = tally.window.unwrap_or((record.start_ns, record.end_ns()));
        tally.window = Some((start.min(record.start_ns), end.max(record.end_ns())));
        if record.kind == SpanKind::Server && record.peer != PeerId::FIRST {
            let served = tally.served.entry((record.node, record.peer)).or_default();
            served.merge(ServedStats {
                spans: 1,
                last_ns: record.end_ns(),
            });
        }
    }

    fn attempt(&mut self, attempt: &Attempt) {
        let trail = TrailIds::of(attempt, self.names);
        let ids = |trail| {
            let (callee, peer) = (attempt.callee, attempt.peer);
            (attempt.caller, callee, peer, attempt.relation, trail)
        };
        let max_edges = self.settings.max_edges;
        let max_open = self.settings.max_open_halves;
        let tally = &mut *self.tally;
        let mut key = ids(trail);
        // Before edges are given up, those that differ only in their trail are one.
        let is_scarce = tally.edges.len() >= max_edges - max_edges / 4;
        if is_scarce && trail != TrailIds::NONE && !tally.edges.contains_key(&key) {
            tally.trails_folded += 1;
            key = ids(TrailIds::NONE);
        }
        if tally.edges.len() >= max_edges && !tally.edges.contains_key(&key) {
            *tally.dropped.entry("edge_cap").or_default() += 1;
            return;
        }
        // The edge stands for an open call, too: what its trace tells of its sampling is counted there.
        let edge = tally.edges.entry(key).or_default();
        let open = attempt.open.and_then(|span| {
            let id = (attempt.trace_id.as_u128(), span.as_u64());
            tally.open.call(HalfId::of_call(id), key, max_open)
        });
        let stats = open.unwrap_or(edge);
        stats.count(attempt, self.names.label(attempt.error));
        if let Some((key, stats)) = tally.open.excess(max_open) {
            tally.edges.entry(key).or_default().merge(&stats);
        }
        tally.planning.attempt(attempt, key.4, self.names);
        tally.sampling.attempt(key, attempt);
        tally.votes.count(attempt, self.settings.max_edges);
        tally.clocks.attempt(attempt, self.settings.max_edges);
    }

    fn open_server(&mut self, record: &SpanRecord, caller: SendRef, event: Event) {
        let max = self.settings.max_open_halves;
        self.tally.open.server(record, caller, event, max);
    }

    fn entry(&mut self, record: &SpanRecord) {
        let key = (record.node, record.peer, ClientPlace::of(record.marks));
        *self.tally.entries.entry(key).or_default() += 1;
    }

    fn named_caller(&mut self, record: &SpanRecord) {
        let mut attempt = Attempt::alone(record.node, PeerRef::NONE, record);
        attempt.has_failed = record.is_error();
        attempt.server_ns = Some(record.duration_ns);
        attempt.weights = Weights::of_server(record.sampled());
        let key = (record.peer, record.node);
        self.tally.sampling.named_caller(key, record.weight);
        let stats = self.tally.named_callers.entry(key).or_default();
        stats.count(&attempt, self.names.label(record.error));
    }

    fn send(&mut self, send: Send) {
        let tally = &mut *self.tally;
        tally.sends.push_back(send);
        if tally.sends.len() > self.settings.max_open_messages {
            tally.sends.pop_front();
            *tally.dropped.entry("message_cap").or_default() += 1;
        }
    }

    fn consume(&mut self, consume: Consume) {
        let tally = &mut *self.tally;
        tally.consumes.push_back(consume);
        if tally.consumes.len() > self.settings.max_open_messages {
            tally.consumes.pop_front();
            *tally.dropped.entry("message_cap").or_default() += 1;
        }
    }

    fn fold(&mut self, proxy: NodeId, app: NodeId) {
        *self.tally.folds.entry((proxy, app)).or_default() += 1;
    }

    fn event(&mut self, node: NodeId, event: Event) {
        *self.tally.events.entry((node, event)).or_default() += 1;
    }

    fn orphan(&mut self, record: &SpanRecord) {
        self.event(record.node, Event::Orphan);
        let traces = self.tally.orphans.entry(record.node).or_default();
        traces.insert(record.trace_id.as_u128());
    }

    fn request(&mut self, node: NodeId, record: &SpanRecord) {
        self.tally.planning.request(node);
        if record.kind == SpanKind::Server {
            self.tally.inbound.request(node, record);
        }
    }

    fn trace(&mut self, nodes: &BTreeSet<NodeId>, root_weight: Option<f32>) {
        self.tally.planning.trace(nodes, root_weight);
    }

    fn end(&mut self) {
        let tally = &mut *self.tally;
        tally.planning.end(self.names);
        tally
            .sampling
            .end(&mut tally.edges, &mut tally.named_callers);
    }
}

impl Tally {
    /// Everything counted so far, with names.
    pub(crate) fn into_segment(mut self, names: &Tables, settings: &Settings) -> Segment {
        let mut segment = Segment {
            window: self.window,
            ..Segment::default()
        };
        for (reason, count) in &self.dropped {
            segment.dropped.insert((*reason).to_owned(), *count);
        }
        let counters = [
            ("names_folded", self.folded),
            ("path_words_refused", self.words_refused),
            ("trails_folded", self.trails_folded),
            ("votes_dropped", self.votes.dropped),
        ];
        for (name, count) in counters.into_iter().filter(|(_, count)| *count > 0) {
            segment.counters.insert(name.to_owned(), count);
        }
        self.votes.name_into(names, &mut segment);
        self.name_nodes(names, settings, &mut segment);
        self.name_edges(names, &mut segment);
        self.planning.name_into(names, settings, &mut segment);
        self.inbound.name_into(names, &mut segment);
        self.clocks.name_into(names, &mut segment);
        let open = std::mem::take(&mut self.open);
        open.name_into(names, &mut segment);
        self.name_messages(names, &mut segment);
        segment
    }

    fn name_nodes(&self, names: &Tables, settings: &Settings, segment: &mut Segment) {
        let nodes = &mut segment.nodes;
        let mut node = |id: NodeId, change: &mut dyn FnMut(&mut NodeStats)| {
            change(nodes.entry(names.node(id).clone()).or_default());
        };
        let spans: BTreeMap<_, _> = self.spans.iter().collect();
        for ((id, resource), times) in spans {
            let facts = names.resource(*resource);
            let count = times.count;
            node(*id, &mut |stats| {
                stats.spans += count;
                if !facts.instance.is_empty() {
                    stats.instances.insert(facts.instance.clone());
                }
                for address in &facts.addresses {
                    let seen = stats.addresses.entry(address.clone()).or_default();
                    seen.merge(&times.spells, IP_REACH_NS);
                }
                for (facet, value) in facts.values() {
                    match facet {
                        Facet::Counted(name) => stats.facet(name, value, count),
                        Facet::Attribute(name) => stats.attribute(name, value, count),
                    }
                }
            });
        }
        let kinds: BTreeMap<_, _> = self.kinds.iter().collect();
        for ((id, kind), count) in kinds {
            node(*id, &mut |stats| {
                *stats.kinds.entry(kind_name(*kind).to_owned()).or_default() += count;
            });
        }
        let events: BTreeMap<_, _> = self.events.iter().collect();
        for ((id, event), count) in events {
            node(*id, &mut |stats| {
                *stats.events.entry(event.name().to_owned()).or_default() += count;
            });
        }
        self.exposures.iter().for_each(|(id, exposures)| {
            node(*id, &mut |stats| stats.exposures.merge(exposures));
        });
        self.orphans.iter().for_each(|(id, traces)| {
            node(*id, &mut |stats| stats.orphan_exemplars.merge(traces));
        });
        let unweighed: BTreeMap<_, _> = self.unweighed.iter().collect();
        for (id, count) in unweighed {
            node(*id, &mut |stats| {
                *stats.events.entry("weight_unknown".to_owned()).or_default() += count;
            });
        }
        let entries: BTreeMap<_, _> = self.entries.iter().collect();
        for ((id, peer, place), count) in entries {
            let host = names.peer(*peer).address.as_ref();
            let host = host.map_or_else(|| "unknown".to_owned(), ToString::to_string);
            node(*id, &mut |stats| {
                *stats.events.entry("entry".to_owned()).or_default() += count;
                stats.facet("entered_at", &host, *count);
                stats.facet("entered_from", place.name(), *count);
            });
        }
        let folds: BTreeMap<_, _> = self.folds.iter().collect();
        for ((proxy, app), count) in folds {
            let key = (names.node(*proxy).clone(), names.node(*app).clone());
            *segment.folds.entry(key).or_default() += count;
        }
        for stats in segment.nodes.values_mut() {
            stats.cap(settings.max_facet_values);
        }
    }

    fn name_edges(&self, names: &Tables, segment: &mut Segment) {
        let edges = self.edges.iter();
        let edges = edges.map(|(ids, stats)| (edge_key(ids, names), stats));
        let named = self.named_callers.iter().map(|((peer, callee), stats)| {
            let callee = names.node(*callee).clone();
            let (namespace, name) = names.peer(*peer).name.clone().unwrap_or_default();
            let key = EdgeKey {
                caller: Caller::Named {
                    environment: callee.environment.clone(),
                    namespace,
                    name,
                },
                callee: Some(callee),
                peer: Peer::default(),
                relation: Relation::Sync,
                trail: Trail::default(),
            };
            (key, stats)
        });
        edges.chain(named).for_each(|(key, stats)| {
            segment.add_edge(key, stats.clone());
        });
        self.served.iter().for_each(|((node, peer), stats)| {
            let key = (names.node(*node).clone(), names.peer(*peer).clone());
            segment.served.entry(key).or_default().merge(*stats);
        });
    }

    fn name_messages(self, names: &Tables, segment: &mut Segment) {
        let peer = |peer: PeerRef| Peer::joined(names.peer(peer.base), names.peer(peer.address));
        for send in self.sends {
            let half = SendHalf {
                producer: names.node(send.producer).clone(),
                peer: peer(send.peer),
                also: send.also.iter().map(|id| id.as_u64()).collect(),
                messages: u64::from(send.messages),
                weight: send.weight.value,
                is_weighed: send.weight.is_known,
                start_ns: send.start_ns,
                end_ns: send.end_ns,
            };
            let id = (send.trace_id.as_u128(), send.span_id.as_u64());
            segment.sends.insert(id, half);
        }
        for consume in self.consumes {
            let refs = consume.refs.iter().map(|r| {
                let id = (r.trace_id.as_u128(), r.span_id.as_u64());
                (id, r.is_link)
            });
            let half = ConsumeHalf {
                consumer: names.node(consume.consumer).clone(),
                peer: peer(consume.peer),
                refs: refs.collect(),
                is_receive: consume.is_receive,
                messages: u64::from(consume.messages),
                weight: consume.weight.known(),
                has_failed: consume.has_failed,
                start_ns: consume.start_ns,
                end_ns: consume.end_ns,
            };
            let id = (consume.trace_id.as_u128(), consume.span_id.as_u64());
            segment.consumes.insert(id, half);
        }
    }
}

/// Spans of one resource, and when they started if it has addresses of its own.
#[derive(Debug, Default)]
struct SpanTimes {
    count: u64,
    spells: Spells,
}

fn edge_key((caller, callee, dialled, relation, trail): &EdgeIds, names: &Tables) -> EdgeKey {
    EdgeKey {
        caller: Caller::Node(names.node(*caller).clone()),
        callee: callee.map(|callee| names.node(callee).clone()),
        peer: Peer::joined(names.peer(dialled.base), names.peer(dialled.address)),
        relation: *relation,
        trail: trail.named(names),
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
