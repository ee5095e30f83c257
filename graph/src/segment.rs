//! A segment: what one instance inferred in one stretch of time, with names instead of ids, ready to merge.
//!
//! Place in the flow: [`Shard`](crate::shard::Shard) -> `Segment` -> merge -> [`GraphSnapshot`]. A segment decides nothing
//! that needs other traces. Calls whose server half was not seen keep the peer they dialled; messages keep their
//! pointers. [`snapshot`](Segment::snapshot) resolves both over everything merged, so that neither the order of traces nor
//! the split into segments changes the graph.

pub(crate) mod concurrency;
pub(crate) mod demand;
pub(crate) mod exemplars;
pub(crate) mod halves;
pub(crate) mod hazards;
mod lessons;
mod lifetimes;
pub(crate) mod planning;
pub(crate) mod sampling;
mod seconds;
pub(crate) mod skew;
pub(crate) mod stats;
pub mod tables;
mod trail;
pub(crate) mod votes;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use crate::identity::NodeKey;
use crate::observed::Durations;
use crate::peer::Peer;
use crate::sampling::Weight;
use crate::settings::Settings;
use crate::snapshot::{GraphSnapshot, Relation};
use crate::span::RejectReason;
use halves::Halves;
use planning::{EdgeFacts, TraceStats};
use skew::{Skew, SkewKey};
use stats::{EdgeStats, NodeStats, ServedStats};
use trail::MAX_TIMED_EDGES;
pub(crate) use trail::Trail;
use votes::{VoteKey, Votes};

/// Nodes, calls, messages and diagnostics. Merging is commutative and associative; idempotence comes from the store,
/// which knows instance, epoch and sequence of every segment.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Segment {
    /// Earliest span start and latest span end.
    pub(crate) window: Option<(u64, u64)>,
    /// Traces of which spans were used.
    pub(crate) traces: TraceStats,
    pub(crate) nodes: BTreeMap<NodeKey, NodeStats>,
    pub(crate) edges: BTreeMap<EdgeKey, EdgeStats>,
    /// Facts for planning, by caller, destination and relation; the peers are cut to what decides the destination.
    pub(crate) facts: BTreeMap<EdgeKey, EdgeFacts>,
    /// Edges whose trail has a time.
    pub(crate) timed_edges: u64,
    /// The steps of time in trails, in minutes; 0 as long as they are those that were recorded.
    pub(crate) trail_step_min: u32,
    /// Votes of the address book.
    pub(crate) votes: BTreeMap<VoteKey, Votes>,
    /// Hosts and RPC services by which nodes were called.
    pub(crate) served: BTreeMap<(NodeKey, Peer), ServedStats>,
    /// Messages sent, by (trace id, span id).
    pub(crate) sends: BTreeMap<MessageId, SendHalf>,
    /// Messages consumed, by (trace id, span id).
    pub(crate) consumes: BTreeMap<MessageId, ConsumeHalf>,
    /// Sidecar node and the application it stands beside, with the spans that showed it.
    pub(crate) folds: BTreeMap<(NodeKey, NodeKey), u64>,
    /// Instances whose clocks cannot both be right.
    pub(crate) skews: BTreeMap<SkewKey, Skew>,
    /// Halves of calls that may still find their other half.
    pub(crate) halves: Halves,
    pub(crate) rejected: BTreeMap<String, u64>,
    pub(crate) dropped: BTreeMap<String, u64>,
    pub(crate) counters: BTreeMap<String, u64>,
}

/// (trace id, span id) of a span that moves a message.
pub(crate) type MessageId = (u128, u64);

/// Who calls what, before destinations are resolved.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct EdgeKey {
    pub(crate) caller: Caller,
    /// The node that answered, if one did.
    pub(crate) callee: Option<NodeKey>,
    /// What was dialled.
    pub(crate) peer: Peer,
    pub(crate) relation: Relation,
    /// Last, so that keys that differ in nothing else follow each other.
    pub(crate) trail: Trail,
}

/// The calling end of an edge.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Caller {
    /// A node that emits spans.
    Node(NodeKey),
    /// A caller without spans, named by the server span of this environment.
    Named {
        environment: String,
        namespace: String,
        name: String,
    },
}

/// A message handed to a broker.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct SendHalf {
    pub(crate) producer: NodeKey,
    pub(crate) peer: Peer,
    /// Inner spans of the same send.
    pub(crate) also: Vec<u64>,
    pub(crate) messages: u64,
    pub(crate) weight: f32,
    /// False when the sampler does not tell the weight; it is 1 then.
    pub(crate) is_weighed: bool,
    pub(crate) start_ns: u64,
    pub(crate) end_ns: u64,
}

/// Weights are finite by construction, so equality is total.
impl Eq for SendHalf {}

impl SendHalf {
    /// How many sends it stands for.
    pub(crate) const fn sampled(&self) -> Weight {
        Weight {
            value: self.weight,
            is_known: self.is_weighed,
        }
    }

    /// Of several messages under one id one is kept, whatever their order.
    pub(crate) fn or(&mut self, other: Self) {
        if self.rank() < other.rank() {
            *self = other;
        }
    }

    /// A total order of all that it says.
    fn rank(&self) -> impl Ord + '_ {
        let weight = (self.is_weighed, self.weight.to_bits());
        let times = (self.start_ns, self.end_ns);
        let ends = (&self.producer, &self.peer, &self.also);
        (times, self.messages, weight, ends)
    }
}

/// A message taken from a broker.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ConsumeHalf {
    pub(crate) consumer: NodeKey,
    pub(crate) peer: Peer,
    /// The sends it names; true for links.
    pub(crate) refs: Vec<(MessageId, bool)>,
    pub(crate) is_receive: bool,
    pub(crate) messages: u64,
    /// Absent when the sampler does not tell it.
    pub(crate) weight: Option<f32>,
    pub(crate) has_failed: bool,
    pub(crate) start_ns: u64,
    pub(crate) end_ns: u64,
}

/// As for [`SendHalf`].
impl Eq for ConsumeHalf {}

impl ConsumeHalf {
    /// How many it stands for.
    pub(crate) fn sampled(&self) -> Weight {
        self.weight.map_or(Weight::UNKNOWN, |value| Weight {
            value,
            is_known: true,
        })
    }

    /// As for sends.
    pub(crate) fn or(&mut self, other: Self) {
        if self.rank() < other.rank() {
            *self = other;
        }
    }

    /// A total order of all that it says.
    fn rank(&self) -> impl Ord + '_ {
        let weight = self.weight.map(f32::to_bits);
        let marks = (self.is_receive, self.has_failed);
        let times = (self.start_ns, self.end_ns);
        let ends = (&self.consumer, &self.peer, &self.refs);
        (times, self.messages, weight, marks, ends)
    }
}

impl Segment {
    /// Adds everything of another segment. What one of them knows nothing of moves as a whole.
    pub fn merge(&mut self, mut other: Self) {
        self.merge_trails(&mut other, MAX_TIMED_EDGES);
        self.window = match (self.window, other.window) {
            (Some(a), Some(b)) => Some((a.0.min(b.0), a.1.max(b.1))),
            (a, b) => a.or(b),
        };
        self.traces.merge(other.traces);
        merge_maps(&mut self.nodes, other.nodes, NodeStats::merge);
        for (key, votes) in other.votes {
            self.add_votes(key, &votes);
        }
        merge_maps(&mut self.served, other.served, ServedStats::merge);
        stats::add_counts(&mut self.folds, &other.folds);
        merge_maps(&mut self.skews, other.skews, Skew::merge);
        self.merge_halves(other.halves);
        merge_maps(&mut self.sends, other.sends, SendHalf::or);
        merge_maps(&mut self.consumes, other.consumes, ConsumeHalf::or);
        stats::add_counts(&mut self.rejected, &other.rejected);
        stats::add_counts(&mut self.dropped, &other.dropped);
        stats::add_counts(&mut self.counters, &other.counters);
    }

    /// Adds votes of the address book.
    pub(crate) fn add_votes(&mut self, key: VoteKey, votes: &Votes) {
        if let Some(known) = self.votes.get_mut(&key) {
            known.merge(votes, &key);
        } else {
            let mut first = Votes::default();
            first.merge(votes, &key);
            self.votes.insert(key, first);
        }
    }

    /// Adds a message.
    pub(crate) fn add_send(&mut self, id: MessageId, send: SendHalf) {
        merge_value(&mut self.sends, id, send, SendHalf::or);
    }

    /// As for sends.
    pub(crate) fn add_consume(&mut self, id: MessageId, consume: ConsumeHalf) {
        merge_value(&mut self.consumes, id, consume, ConsumeHalf::or);
    }

    /// Counts spans that a decoder rejected.
    pub fn count_rejected(&mut self, rejected: &BTreeMap<RejectReason, u64>) {
        for (reason, count) in rejected {
            *self.rejected.entry(reason.as_str().to_owned()).or_default() += count;
        }
    }

    /// True when there is nothing worth storing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Resolves destinations and messages over everything merged so far, and freezes the graph.
    #[must_use]
    pub fn snapshot(&self, settings: &Settings) -> GraphSnapshot {
        crate::resolve::snapshot(&self.joined(), settings)
    }

    /// The same, with the durations behind each edge.
    pub(crate) fn observe(&self, settings: &Settings) -> (GraphSnapshot, Vec<Durations>) {
        crate::resolve::observe(&self.joined(), settings)
    }

    /// Halves joined, sidecars and applications one, false joins undone.
    fn joined(&self) -> Cow<'_, Self> {
        let mut segment = Cow::Borrowed(self);
        crate::resolve::join_halves(&mut segment);
        if let Some(folded) = crate::resolve::fold_sidecars(&segment) {
            segment = Cow::Owned(folded);
        }
        crate::resolve::doubt_joins(&mut segment);
        segment
    }
}

/// Adds the values of a map: `add` to those of keys that are here too.
fn merge_maps<K: Ord, V>(
    into: &mut BTreeMap<K, V>,
    from: BTreeMap<K, V>,
    mut add: impl FnMut(&mut V, V),
) {
    if into.is_empty() {
        *into = from;
        return;
    }
    for (key, value) in from {
        merge_value(into, key, value, &mut add);
    }
}

/// Adds a value of a map: `add` when its key is there.
fn merge_value<K: Ord, V>(
    into: &mut BTreeMap<K, V>,
    key: K,
    value: V,
    add: impl FnOnce(&mut V, V),
) {
    match into.entry(key) {
        Entry::Vacant(place) => drop(place.insert(value)),
        Entry::Occupied(mut known) => add(known.get_mut(), value),
    }
}
