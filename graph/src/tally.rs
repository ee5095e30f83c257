//! The running counts of a shard, keyed by interned ids; turned into a [`Segment`] with names at every flush.
//!
//! Every attempt and every span comes by here, so what they touch is found once and by number: nodes by their ids, edges by
//! one look-up, and what an edge has many of (instances, operations, shapes of attempts) beside it in short lists. Nothing
//! here depends on the order in which hash maps are read: everything is summed up or sorted under names.

mod counts;
mod distinct;
mod edges;
mod few;
mod inbound;
mod messages;
mod nodes;
mod open;
mod planning;
mod sampling;
mod sum;
mod together;
mod trail;

use std::collections::BTreeMap;

use crate::hash::IdMap;
use crate::names::{NodeId, PeerId, Tables};
use crate::peer::Peer;
use crate::record::{Marks, SpanRecord};
use crate::sampling::Weights;
use crate::segment::halves::HalfId;
use crate::segment::planning::TraceStats;
use crate::segment::{Caller, EdgeKey, Segment, Trail};
use crate::settings::Settings;
use crate::slice::{Attempt, Consume, Event, PeerRef, Scratch, Send, SendRef, SliceSink};
use crate::snapshot::Relation;
use counts::{Counts, Told};
use edges::{EdgeIds, EdgeTally};
use messages::MessageTally;
use nodes::NodeTally;
use open::OpenTally;
use planning::PlanningTally;
use sampling::SamplingTally;
pub(crate) use sum::Sum;
use trail::TrailIds;

/// Counts since the last flush.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    nodes: NodeTally,
    edges: EdgeTally,
    named_callers: IdMap<(PeerId, NodeId), Counts>,
    planning: PlanningTally,
    open: OpenTally,
    sampling: SamplingTally,
    traces: TraceStats,
    messages: MessageTally,
    window: Option<(u64, u64)>,
    folded: u64,
    words_refused: u64,
    trails_folded: u64,
    dropped: BTreeMap<&'static str, u64>,
    /// Memory for the inference of the slices that are counted here.
    pub(crate) scratch: Option<Box<Scratch>>,
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
        tally.nodes.span(record, self.names);
        tally.folded += u64::from(record.marks.has(Marks::FOLDED));
        tally.words_refused += u64::from(record.marks.has(Marks::WORD_REFUSED));
        let (start, end) = tally.window.unwrap_or((record.start_ns, record.end_ns()));
        tally.window = Some((start.min(record.start_ns), end.max(record.end_ns())));
    }

    fn attempt(&mut self, attempt: &Attempt) {
        let max_edges = self.settings.max_edges;
        let max_open = self.settings.max_open_halves;
        let Some((ids, edge)) = self.edge(attempt) else {
            return self.count_dropped("edge_cap");
        };
        let tally = &mut *self.tally;
        let told = Told::of(attempt);
        // The edge stands for an open call, too: what its trace tells of its sampling is counted there.
        let is_kept_open = attempt.open.is_some_and(|span| {
            let id = (attempt.trace_id.as_u128(), span.as_u64());
            tally.open.call(HalfId::of_call(id), ids, &told, max_open)
        });
        if !is_kept_open {
            tally.edges.counts(edge).count(&told);
        }
        if let Some((ids, told)) = tally.open.excess(max_open) {
            tally.edges.count(ids, &told);
        }
        if attempt.is_attempt || attempt.is_call {
            let planning = &mut tally.planning;
            let facts = tally.edges.facts(edge, || planning.place(ids, self.names));
            planning.attempt(attempt, facts, max_edges, self.names);
        }
        tally.sampling.attempt((ids, edge), attempt);
        tally.edges.vote(edge, attempt, max_edges);
    }

    fn open_server(&mut self, record: &SpanRecord, caller: SendRef, event: Event) {
        let max = self.settings.max_open_halves;
        self.tally.open.server(record, caller, event, max);
    }

    fn entry(&mut self, record: &SpanRecord) {
        self.tally.nodes.entry(record);
    }

    fn named_caller(&mut self, record: &SpanRecord) {
        let mut attempt = Attempt::alone(record.node, PeerRef::NONE, record);
        attempt.has_failed = record.is_error();
        attempt.error = record.error;
        attempt.server_ns = Some(record.duration_ns);
        attempt.weights = Weights::of_server(record.sampled());
        let key = (record.peer, record.node);
        self.tally.sampling.named_caller(key, record.weight);
        let counts = self.tally.named_callers.entry(key).or_default();
        counts.count(&Told::of(&attempt));
    }

    fn send(&mut self, send: Send) {
        let max = self.settings.max_open_messages;
        if !self.tally.messages.send(send, max) {
            self.count_dropped("message_cap");
        }
    }

    fn consume(&mut self, consume: Consume) {
        let max = self.settings.max_open_messages;
        if !self.tally.messages.consume(consume, max) {
            self.count_dropped("message_cap");
        }
    }

    fn fold(&mut self, proxy: NodeId, app: NodeId) {
        self.tally.nodes.fold(proxy, app);
    }

    fn event(&mut self, node: NodeId, event: Event) {
        self.tally.nodes.event(node, event);
    }

    fn orphan(&mut self, record: &SpanRecord) {
        self.event(record.node, Event::Orphan);
        self.tally.nodes.orphan(record);
    }

    fn request(&mut self, node: NodeId, record: &SpanRecord) {
        self.tally.nodes.request(node, record);
    }

    fn trace(&mut self, nodes: &[NodeId], root_weight: Option<f32>) {
        self.tally.traces.count(root_weight);
        for node in nodes {
            self.tally.nodes.trace(*node, root_weight);
        }
    }

    fn end(&mut self) {
        let tally = &mut *self.tally;
        let nodes = &mut tally.nodes;
        tally
            .planning
            .end(self.names, |caller| nodes.outside(caller));
        tally
            .sampling
            .end(&mut tally.edges, &mut tally.named_callers);
    }
}

impl TallySink<'_> {
    fn count_dropped(&mut self, reason: &'static str) {
        *self.tally.dropped.entry(reason).or_default() += 1;
    }

    /// The edge of an attempt, with its place; `None` when there is no room for it.
    fn edge(&mut self, attempt: &Attempt) -> Option<(EdgeIds, u32)> {
        let tally = &mut *self.tally;
        let max = self.settings.max_edges;
        let ids = |trail| {
            let (callee, peer) = (attempt.callee, attempt.peer);
            (attempt.caller, callee, peer, attempt.relation, trail)
        };
        let trail = TrailIds::of(attempt, self.names);
        let mut key = ids(trail);
        if let Some(known) = tally.edges.find(&key) {
            return Some((key, known));
        }
        // Before edges are given up, those that differ only in their trail are one.
        if tally.edges.len() >= max - max / 4 && trail != TrailIds::NONE {
            tally.trails_folded += 1;
            key = ids(TrailIds::NONE);
            if let Some(known) = tally.edges.find(&key) {
                return Some((key, known));
            }
        }
        (tally.edges.len() < max).then(|| (key, tally.edges.add(key)))
    }
}

impl Tally {
    /// Everything counted so far, with names.
    pub(crate) fn into_segment(mut self, names: &Tables, settings: &Settings) -> Segment {
        let mut segment = Segment {
            window: self.window,
            traces: self.traces,
            ..Segment::default()
        };
        for (reason, count) in &self.dropped {
            segment.dropped.insert((*reason).to_owned(), *count);
        }
        let counters = [
            ("names_folded", self.folded),
            ("path_words_refused", self.words_refused),
            ("trails_folded", self.trails_folded),
            ("votes_dropped", self.edges.votes_dropped),
        ];
        for (name, count) in counters.into_iter().filter(|(_, count)| *count > 0) {
            segment.counters.insert(name.to_owned(), count);
        }
        self.messages.name_into(names, &mut segment);
        self.nodes.name_into(names, settings, &mut segment);
        self.edges.name_into(names, &mut segment);
        let named = std::mem::take(&mut self.named_callers).into_iter();
        named.for_each(|((peer, callee), counts)| {
            let key = named_caller(peer, callee, names);
            segment.add_edge(key, counts.into_stats(names));
        });
        self.planning.name_into(names, settings, &mut segment);
        segment.merge(self.open.named(names));
        segment
    }
}

/// The edge from a caller without spans, which the server span names.
fn named_caller(peer: PeerId, callee: NodeId, names: &Tables) -> EdgeKey {
    let callee = names.node(callee).clone();
    let (namespace, name) = names.peer(peer).name.clone().unwrap_or_default();
    EdgeKey {
        caller: Caller::Named {
            environment: callee.environment.clone(),
            namespace,
            name,
        },
        callee: Some(callee),
        peer: Peer::default(),
        relation: Relation::Sync,
        trail: Trail::default(),
    }
}

fn joined(peer: PeerRef, names: &Tables) -> Peer {
    Peer::joined(names.peer(peer.base), names.peer(peer.address))
}
