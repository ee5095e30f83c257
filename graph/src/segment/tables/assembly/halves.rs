//! Halves of calls, which are merged as a segment of their own: they may join each other.

use super::super::checked::Checked;
use super::names::index;
use super::sums::plus;
use crate::segment::halves::{HalfId, OpenCall, OpenServer};
use crate::segment::stats::EdgeStats;
use crate::segment::{EdgeKey, Segment, Trail};

/// Adds the open call in a row of `edges`.
pub(super) fn add_open_call(into: &mut Segment, part: &Checked, row: usize, stats: EdgeStats) {
    let (ends, rows) = (&part.graph.edges[row], &part.sheets.edges);
    let Some(id) = ends.open else {
        return;
    };
    let edge = EdgeKey {
        caller: part.nodes[index(ends.caller)].clone(),
        callee: ends.callee.and_then(|callee| part.node(callee)).cloned(),
        peer: part.targets[index(ends.target)].clone(),
        relation: ends.relation,
        trail: Trail {
            word: rows.word[row].to_owned(),
            since_min: rows.since_min[row],
        },
    };
    let call = OpenCall {
        edge,
        stats,
        is_ambiguous: rows.is_ambiguous[row],
    };
    into.add_open_call(HalfId::of_call(id), call);
}

/// Adds the server spans whose callers were not seen.
pub(super) fn add_open_servers(into: &mut Segment, part: &Checked) {
    let rows = &part.sheets.open_servers;
    for (row, server) in part.details.servers.iter().enumerate() {
        let Some(callee) = part.node(server.callee).cloned() else {
            continue;
        };
        let open = OpenServer {
            callee,
            caller: server.caller,
            is_link: rows.is_link[row],
            event: rows.event[row].to_owned(),
            has_failed: rows.has_failed[row],
            error: rows.error[row].to_owned(),
            start_ns: rows.start_ns[row],
            duration_ns: rows.duration_ns[row],
        };
        into.add_open_server(HalfId::of_server(server.caller, server.id), open);
    }
}

/// Adds the events that are to be taken back.
pub(super) fn add_owed(into: &mut Segment, part: &Checked) {
    let rows = &part.sheets.owed;
    for (row, place) in part.details.owed.iter().enumerate() {
        if let Some(node) = part.node(*place).cloned() {
            let key = (node, rows.event[row].to_owned());
            plus(into.halves.owed.entry(key).or_default(), rows.count[row]);
        }
    }
}
