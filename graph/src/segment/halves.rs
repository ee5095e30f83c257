//! Halves of calls that no slice could join: the other half came to another instance, hours later, or in another trace.
//!
//! A reader sees the segments of all instances and times at once, and [joins](crate::resolve) what belongs together. Until
//! then an open call is counted here and not in the edges, so that it can still go to either. Both tables are bounded:
//! the halves of one trace are kept or given up together, whichever instance they came to, because their place in the
//! tables is a hash of the trace. A call that is given up becomes a call like any other without server half.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use super::stats::EdgeStats;
use super::{EdgeKey, MessageId, Segment};
use crate::identity::NodeKey;

/// Halves of each kind that a segment keeps, merged or not. Calls cost about 7 KB each, with the copies that a reader makes: 28 MB were
/// measured when full.
const MAX_HALVES: usize = 4_000;

/// A span, ordered by a hash of the trace in which its caller is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
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

/// Both tables of a segment.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Halves {
    pub(crate) calls: BTreeMap<HalfId, OpenCall>,
    pub(crate) servers: BTreeMap<HalfId, OpenServer>,
}

impl Halves {
    pub(crate) fn is_empty(&self) -> bool {
        self.calls.is_empty() && self.servers.is_empty()
    }

    /// True when the table holds more than it may.
    pub(crate) fn is_full<T>(table: &BTreeMap<HalfId, T>) -> bool {
        table.len() > MAX_HALVES
    }

    /// True while the table has room, or would make room for this one.
    pub(crate) fn takes<T>(table: &BTreeMap<HalfId, T>, id: HalfId) -> bool {
        table.len() < MAX_HALVES || table.last_key_value().is_some_and(|(last, _)| id < *last)
    }
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
        while Halves::is_full(&self.halves.calls) {
            if let Some((_, last)) = self.halves.calls.pop_last() {
                self.add_widened(last.edge, last.stats);
            }
        }
    }

    /// Adds a server span whose caller was not seen; what has no room stays what it was counted as.
    pub(crate) fn add_open_server(&mut self, id: HalfId, server: OpenServer) {
        // Of several server spans under one id one is enough: which must not depend on their order.
        match self.halves.servers.entry(id) {
            Entry::Occupied(known) if *known.get() <= server => {}
            Entry::Occupied(mut known) => drop(known.insert(server)),
            Entry::Vacant(place) => drop(place.insert(server)),
        }
        while Halves::is_full(&self.halves.servers) {
            self.halves.servers.pop_last();
        }
    }

    pub(super) fn merge_halves(&mut self, other: Halves) {
        for (id, call) in other.calls {
            self.add_open_call(id, call);
        }
        for (id, server) in other.servers {
            self.add_open_server(id, server);
        }
    }
}
