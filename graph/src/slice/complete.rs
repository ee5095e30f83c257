//! Is anything of a slice still to come? (inference rule 1.3: what waits for late halves)
//!
//! Errs towards waiting: a slice that waits in vain costs memory for a while, one that does not wait may cost a pair.

use crate::names::{NodeId, Tables};
use crate::peer::MessageRole;
use crate::record::{Marks, SpanRecord};
use crate::span::{SpanId, SpanKind};

/// False when a span names a parent that is neither here nor `known` from before, or makes a call that should have
/// reached another span and has not.
pub(crate) fn is_complete(
    records: &[SpanRecord],
    names: &Tables,
    known: impl Fn(SpanId) -> bool,
) -> bool {
    let mut ids: Vec<SpanId> = records.iter().map(|record| record.span_id).collect();
    ids.sort_unstable();
    ids.dedup();
    let place = |id: SpanId| ids.binary_search(&id).ok();
    let lacks = |parent: SpanId| place(parent).is_none() && !known(parent);
    if records
        .iter()
        .any(|record| record.parent_id.is_some_and(lacks))
    {
        return false;
    }
    // By id: the node that waits for an answer to the call of that id.
    let mut unanswered: Vec<Option<NodeId>> = vec![None; ids.len()];
    for record in records {
        if let (true, Some(own)) = (expects_answer(record, names), place(record.span_id)) {
            unanswered[own] = Some(record.node);
        }
    }
    for record in records {
        let serves = matches!(record.kind, SpanKind::Server | SpanKind::Consumer);
        if let (true, Some(own)) = (serves, place(record.span_id)) {
            // The server half under the id of its client (B3).
            unanswered[own] = None;
        }
        let Some(parent) = record.parent_id.and_then(place) else {
            continue;
        };
        // A call inside a call is the one that is answered (rule 1.6).
        let is_call = record.kind == SpanKind::Client;
        if unanswered[parent].is_some_and(|caller| caller != record.node || serves || is_call) {
            unanswered[parent] = None;
        }
    }
    unanswered.iter().all(Option::is_none)
}

/// Calls to services. Databases, brokers and providers rarely emit spans, and messages are joined over all slices.
fn expects_answer(record: &SpanRecord, names: &Tables) -> bool {
    let peer = names.peer_traits(record.peer);
    let is_step = [Marks::PLUMBING, Marks::UPKEEP, Marks::SOCKET_ONLY];
    let calls = match record.kind {
        SpanKind::Client => record.role == MessageRole::None,
        SpanKind::Internal | SpanKind::Unspecified => peer.has_name(),
        SpanKind::Server | SpanKind::Producer | SpanKind::Consumer => false,
    };
    calls
        && !is_step.iter().any(|mark| record.marks.has(*mark))
        && (peer.is_plain() || peer.is_rpc() || peer.is_cloud())
}
