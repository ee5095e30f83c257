//! Joins the halves of calls that no slice could join (inference rules 1.3, 1.4.10 and 1.12).
//!
//! A server span whose parent is an open call of another node answers it, however far apart the two came. One without
//! parent that links to exactly one such call was called by it (X47). The first server span of a call in the order of their
//! ids answers; others stay what they were counted as.

mod facts;

use std::borrow::Cow;

use crate::identity::NodeKey;
use crate::segment::exemplars::Exemplars;
use crate::segment::halves::{CALLS_GIVEN_UP, HalfId, OpenCall, OpenServer};
use crate::segment::stats::{EdgeStats, NodeStats};
use crate::segment::{Caller, EdgeKey, Segment, Trail};
use crate::slice::{Event, Found};

impl Segment {
    /// Joins the halves that belong together and keeps the others, which may find theirs in segments that are merged later.
    /// Joined early or late, the graph is the same as long as no span was sent to two instances and no two server spans
    /// name one call; else all calls are counted either way, but which of them count as paired may differ.
    pub fn join_halves(&mut self) {
        let halves = std::mem::take(&mut self.halves);
        self.halves.calls = halves.calls;
        self.halves.owed = halves.owed;
        for (id, server) in halves.servers {
            match self.take_caller(&server) {
                Some((caller, call)) => join(self, &caller, call, server),
                None => drop(self.halves.servers.insert(id, server)),
            }
        }
    }

    /// The open call that a server span answers, if it is there and the only one of its id.
    fn take_caller(&mut self, server: &OpenServer) -> Option<(NodeKey, OpenCall)> {
        let id = HalfId::of_call(server.caller);
        let call = self.halves.calls.get(&id)?;
        let caller = node(call).filter(|caller| **caller != server.callee)?;
        if call.is_ambiguous {
            return None;
        }
        let caller = caller.clone();
        Some((caller, self.halves.calls.remove(&id)?))
    }
}

/// Counts every open call: with its server span where there is one, else as a call that nobody answered.
pub(crate) fn join_halves(segment: &mut Cow<'_, Segment>) {
    if !segment.halves.is_empty() {
        let segment = segment.to_mut();
        segment.join_halves();
        for call in std::mem::take(&mut segment.halves).calls.into_values() {
            segment.add_widened(call.edge, call.stats);
        }
    }
    forget(segment);
    facts::follow(segment);
}

/// Calls leave edges behind that count nothing, and orphans that found their parent examples of none. Calls that were given up are
/// news only where a server span still misses its caller: else nobody answered them, wherever.
fn forget(segment: &mut Cow<'_, Segment>) {
    let misses = |node: &NodeStats| {
        let mut events = [Event::Orphan, Event::LateParent].iter();
        events.any(|event| node.events.contains_key(event.name()))
    };
    if segment.counters.contains_key(CALLS_GIVEN_UP) && !segment.nodes.values().any(misses) {
        segment.to_mut().counters.remove(CALLS_GIVEN_UP);
    }
    if segment.edges.values().any(EdgeStats::is_blank) {
        let edges = &mut segment.to_mut().edges;
        edges.retain(|_, stats| !stats.is_blank());
    }
    let orphan = Event::Orphan.name();
    let is_none = |node: &NodeStats| {
        !node.events.contains_key(orphan) && node.orphan_exemplars != Exemplars::default()
    };
    if segment.nodes.values().any(is_none) {
        let nodes = segment.to_mut().nodes.values_mut();
        for node in nodes.filter(|node| is_none(node)) {
            node.orphan_exemplars = Exemplars::default();
        }
    }
}

fn node(call: &OpenCall) -> Option<&NodeKey> {
    match &call.edge.caller {
        Caller::Node(node) => Some(node),
        Caller::Named { .. } => None,
    }
}

fn join(segment: &mut Segment, caller: &NodeKey, call: OpenCall, server: OpenServer) {
    let found = if server.is_link {
        Found::Linked
    } else {
        Found::Paired
    };
    let mut stats = call.stats;
    stats.answered_by(&server, found);
    uncount(segment, caller, "without_server_half");
    uncount(segment, &server.callee, &server.event);
    let key = EdgeKey {
        callee: Some(server.callee),
        trail: Trail::default(),
        ..call.edge
    };
    segment.add_edge(key, stats);
}

/// The event was counted before its other half was known; where that count is not here, it is taken back when it comes.
fn uncount(segment: &mut Segment, node: &NodeKey, event: &str) {
    let stats = segment.nodes.get_mut(node);
    if stats.is_none_or(|stats| stats.uncount(event, 1) == 0) {
        let owed = &mut segment.halves.owed;
        *owed.entry((node.clone(), event.to_owned())).or_default() += 1;
    }
}

impl Segment {
    /// Takes back events of joined halves that were counted in segments merged since.
    pub(crate) fn settle_owed(&mut self) {
        for ((node, event), count) in std::mem::take(&mut self.halves.owed) {
            let stats = self.nodes.get_mut(&node);
            let left = count - stats.map_or(0, |stats| stats.uncount(&event, count));
            if left > 0 {
                self.halves.owed.insert((node, event), left);
            }
        }
    }
}

impl NodeStats {
    /// Takes at most so many events back, and says how many were counted.
    fn uncount(&mut self, event: &str, most: u64) -> u64 {
        let Some(count) = self.events.get_mut(event) else {
            return 0;
        };
        let taken = most.min(*count);
        *count -= taken;
        if *count == 0 {
            self.events.remove(event);
        }
        taken
    }
}
