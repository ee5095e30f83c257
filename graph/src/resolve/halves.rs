//! Joins the halves of calls that no slice could join (inference rules 1.3, 1.4.10 and 1.12).
//!
//! A server span whose parent is an open call of another node answers it, however far apart the two came. One without
//! parent that links to exactly one such call was called by it (X47). The first server span of a call in the order of their
//! ids answers; others stay what they were counted as.

use std::borrow::Cow;
use std::collections::BTreeSet;

use crate::identity::NodeKey;
use crate::segment::exemplars::Exemplars;
use crate::segment::halves::{HalfId, OpenCall, OpenServer};
use crate::segment::{Caller, EdgeKey, Segment, Trail};
use crate::slice::{Event, Found};

/// Counts every open call: with its server span where there is one, else as a call that nobody answered.
pub(crate) fn join_halves(segment: &mut Cow<'_, Segment>) {
    if segment.halves.is_empty() {
        return;
    }
    let segment = segment.to_mut();
    let halves = std::mem::take(&mut segment.halves);
    let mut calls = halves.calls;
    let mut left = BTreeSet::new();
    for server in halves.servers.into_values() {
        let id = HalfId::of_call(server.caller);
        let call = calls.get(&id).filter(|call| !call.is_ambiguous);
        let Some(caller) = call.and_then(|call| node(call).cloned()) else {
            continue;
        };
        if caller != server.callee
            && let Some(call) = calls.remove(&id)
        {
            left.insert((
                call.edge.caller.clone(),
                call.edge.peer.address.clone(),
                call.edge.peer.name.clone(),
            ));
            join(segment, &caller, call, server);
        }
    }
    for call in calls.into_values() {
        segment.add_widened(call.edge, call.stats);
    }
    // Facts for planning were summed up before it was known which calls go elsewhere: none are better than too many.
    if !left.is_empty() {
        segment.facts.retain(|key, _| {
            let (address, name) = (key.peer.address.clone(), key.peer.name.clone());
            key.callee.is_some() || !left.contains(&(key.caller.clone(), address, name))
        });
    }
    // Calls leave edges behind that count nothing.
    segment.edges.retain(|_, stats| !stats.is_blank());
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

/// The event was counted before its other half was known.
fn uncount(segment: &mut Segment, node: &NodeKey, event: &str) {
    let stats = segment.nodes.get_mut(node);
    let Some(stats) = stats else {
        return;
    };
    if let Some(count) = stats.events.get_mut(event) {
        *count = count.saturating_sub(1);
        if *count == 0 {
            stats.events.remove(event);
            if event == Event::Orphan.name() {
                stats.orphan_exemplars = Exemplars::default();
            }
        }
    }
}
