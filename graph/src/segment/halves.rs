//! Halves of calls that no slice could join: the other half came to another instance, hours later, or in another trace.
//!
//! Whoever sees the segments of all instances and times [joins](Segment::join_halves) what belongs together. Until
//! then an open call is counted here and not in the edges, so that it can still go to either. Both tables are bounded:
//! the halves of one trace are kept or given up together, whichever instance they came to, because their place in the
//! tables is a hash of the trace. A call that is given up becomes a call like any other without server half, and is counted
//! as given up.

use std::collections::BTreeMap;

use super::stats::EdgeStats;
use super::{EdgeKey, MessageId, Segment, merge_maps, merge_value};
use crate::identity::NodeKey;

/// Halves of each kind that a merged segment keeps. Calls cost about 7 KB each, with the copies that a reader makes: 140 MB when
/// full. Before any is given up, those that belong together are joined.
pub(crate) const MAX_HALVES: usize = 20_000;

/// Calls whose other half, had it been seen elsewhere, could not be found for want of room.
pub(crate) const CALLS_GIVEN_UP: &str = "open_calls_given_up";

/// Server spans, likewise.
const SERVERS_GIVEN_UP: &str = "open_servers_given_up";

/// A span, ordered by a hash of the trace in which its caller is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct HalfId {
    rank: u64,
    pub(super) trace: u128,
    pub(super) span: u64,
}

impl HalfId {
    pub(crate) const fn of_call(call: MessageId) -> Self {
        Self::new(call.0, call)
    }

    /// Beside its caller, whatever trace it is in itself.
    pub(crate) const fn of_server(caller: MessageId, server: MessageId) -> Self {
        Self::new(caller.0, server)
    }

    #[expect(
        clippy::cast_possible_truncation,
        reason = "the low half decides, as it does for slices"
    )]
    const fn new(beside: u128, (trace, span): MessageId) -> Self {
        Self {
            rank: (beside as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15),
            trace,
            span,
        }
    }
}

/// A call that nobody was seen to answer, and what it counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct OpenCall {
    pub(crate) edge: EdgeKey,
    pub(crate) stats: EdgeStats,
    /// Another open call has the same id: which of them a server span means is not known, so none is joined.
    pub(crate) is_ambiguous: bool,
}

/// A server span whose caller was not seen.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct OpenServer {
    pub(crate) callee: NodeKey,
    /// The span that called it, by its own word.
    pub(crate) caller: MessageId,
    /// It links to that span, in another trace, instead of following from it.
    pub(crate) is_link: bool,
    /// The event that it was counted as: `orphan`, `late_parent` or `entry`.
    pub(crate) event: String,
    pub(crate) has_failed: bool,
    pub(crate) error: String,
    pub(crate) start_ns: u64,
    pub(crate) duration_ns: u64,
}

impl OpenServer {
    /// Of several server spans under one id one is enough: which must not depend on their order.
    pub(crate) fn or(&mut self, other: Self) {
        if *self > other {
            *self = other;
        }
    }
}

/// Both tables of a segment.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Halves {
    pub(crate) calls: BTreeMap<HalfId, OpenCall>,
    pub(crate) servers: BTreeMap<HalfId, OpenServer>,
    /// Events that are no longer true of halves that were joined, by node and name; they were counted in segments that are not
    /// merged yet.
    pub(crate) owed: BTreeMap<(NodeKey, String), u64>,
}

impl Halves {
    pub(crate) fn is_empty(&self) -> bool {
        self.calls.is_empty() && self.servers.is_empty()
    }

    fn are_many(&self) -> bool {
        self.calls.len().max(self.servers.len()) > MAX_HALVES
    }

    /// True while the table has room for another, or would make room for this one.
    pub(crate) fn takes<T>(table: &BTreeMap<HalfId, T>, id: HalfId, max: usize) -> bool {
        table.len() < max || table.last_key_value().is_some_and(|(last, _)| id < *last)
    }
}

/// Halves that a tally had no room for.
#[derive(Debug, Default)]
pub(crate) struct GivenUp {
    pub(crate) calls: u64,
    pub(crate) servers: u64,
}

impl Segment {
    /// Adds an open call; what has no room is counted as the call of an edge.
    pub(crate) fn add_open_call(&mut self, id: HalfId, call: OpenCall) {
        match self.halves.calls.get_mut(&id) {
            // Another instance was sent the same span, or another span has its id.
            Some(known) if known.edge == call.edge => {
                known.is_ambiguous = true;
                known.stats.merge(&call.stats);
            }
            Some(known) => {
                let mut call = call;
                known.is_ambiguous = true;
                call.is_ambiguous = true;
                let other = if known.edge <= call.edge {
                    call
                } else {
                    std::mem::replace(known, call)
                };
                self.add_widened(other.edge, other.stats);
            }
            None => {
                self.halves.calls.insert(id, call);
            }
        }
    }

    /// Adds a server span whose caller was not seen; what has no room stays what it was counted as.
    pub(crate) fn add_open_server(&mut self, id: HalfId, server: OpenServer) {
        merge_value(&mut self.halves.servers, id, server, OpenServer::or);
    }

    /// Counts halves that were given up.
    pub(crate) fn give_up(&mut self, given_up: &GivenUp) {
        for (counter, count) in [
            (CALLS_GIVEN_UP, given_up.calls),
            (SERVERS_GIVEN_UP, given_up.servers),
        ] {
            if count > 0 {
                *self.counters.entry(counter.to_owned()).or_default() += count;
            }
        }
    }

    /// Makes room: joins what belongs together, then gives up the halves of whole traces, the same ones whatever instance has
    /// them.
    pub(crate) fn bound_halves(&mut self) {
        if self.halves.are_many() {
            self.join_halves();
        }
        let mut given_up = GivenUp::default();
        while self.halves.calls.len() > MAX_HALVES
            && let Some((_, last)) = self.halves.calls.pop_last()
        {
            given_up.calls += last.stats.calls;
            self.add_widened(last.edge, last.stats);
        }
        while self.halves.servers.len() > MAX_HALVES && self.halves.servers.pop_last().is_some() {
            given_up.servers += 1;
        }
        self.give_up(&given_up);
    }

    pub(super) fn merge_halves(&mut self, other: Halves) {
        if self.halves.calls.is_empty() {
            self.halves.calls = other.calls;
        } else {
            for (id, call) in other.calls {
                self.add_open_call(id, call);
            }
        }
        merge_maps(&mut self.halves.servers, other.servers, OpenServer::or);
        super::stats::add_counts(&mut self.halves.owed, &other.owed);
        self.settle_owed();
        self.bound_halves();
    }
}
