//! Is anything of a slice still to come? (inference rule 1.3: what waits for late halves)
//!
//! Errs towards waiting: a slice that waits in vain costs memory for a while, one that does not wait may cost a pair.

use std::collections::{HashMap, HashSet};

use crate::names::{NodeId, Tables};
use crate::peer::{Category, MessageRole};
use crate::record::{Marks, SpanRecord};
use crate::span::{SpanId, SpanKind};

/// False when a span names a parent that is neither here nor `known` from before, or makes a call that should have
/// reached another span and has not.
pub(crate) fn is_complete(
    records: &[SpanRecord],
    names: &Tables,
    known: impl Fn(SpanId) -> bool,
) -> bool {
    let ids: HashSet<SpanId> = records.iter().map(|record| record.span_id).collect();
    let lacks = |parent: SpanId| !ids.contains(&parent) && !known(parent);
    if records
        .iter()
        .any(|record| record.parent_id.is_some_and(lacks))
    {
        return false;
    }
    let calls = records
        .iter()
        .filter(|record| expects_answer(record, names));
    let mut unanswered: HashMap<SpanId, NodeId> = calls.map(|r| (r.span_id, r.node)).collect();
    for record in records {
        let serves = matches!(record.kind, SpanKind::Server | SpanKind::Consumer);
        if serves {
            // The server half under the id of its client (B3).
            unanswered.remove(&record.span_id);
        }
        let Some(parent) = record.parent_id else {
            continue;
        };
        let caller = unanswered.get(&parent);
        // A call inside a call is the one that is answered (rule 1.6).
        let is_call = record.kind == SpanKind::Client;
        if caller.is_some_and(|caller| *caller != record.node || serves || is_call) {
            unanswered.remove(&parent);
        }
    }
    unanswered.is_empty()
}

/// Calls to services. Databases, brokers and providers rarely emit spans, and messages are joined over all slices.
fn expects_answer(record: &SpanRecord, names: &Tables) -> bool {
    let peer = names.peer(record.peer);
    let is_step = [Marks::PLUMBING, Marks::UPKEEP, Marks::SOCKET_ONLY];
    let calls = match record.kind {
        SpanKind::Client => record.role == MessageRole::None,
        SpanKind::Internal | SpanKind::Unspecified => peer.name.is_some(),
        SpanKind::Server | SpanKind::Producer | SpanKind::Consumer => false,
    };
    calls
        && !is_step.iter().any(|mark| record.marks.has(*mark))
        && matches!(
            peer.category,
            Category::None | Category::Rpc { .. } | Category::Aws { .. }
        )
}
