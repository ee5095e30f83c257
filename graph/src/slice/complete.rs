//! Is anything of a slice still to come? (inference rule 1.3: what waits for late halves)
//!
//! Errs towards waiting: a slice that waits in vain costs memory for a while, one that does not wait may cost a pair.

use crate::names::{NodeId, Tables};
use crate::peer::MessageRole;
use crate::record::{Marks, SpanRecord};
use crate::span::{SpanId, SpanKind};

/// Spans whose ids are looked through one by one: faster than to sort them, up to here.
const FEW: usize = 16;

/// Looks for what is missing; its memory is reused from slice to slice.
#[derive(Debug, Default)]
pub(crate) struct Gaps {
    /// Ids of the spans; ascending where they are many.
    ids: Vec<u64>,
    /// By id: the node that waits for an answer to the call of that id.
    unanswered: Vec<Option<NodeId>>,
}

impl Gaps {
    /// False when a span names a parent that is neither here nor `known` from before, or makes a call that should have
    /// reached another span and has not.
    pub(crate) fn are_none(
        &mut self,
        records: &[SpanRecord],
        names: &Tables,
        known: impl Fn(SpanId) -> bool,
    ) -> bool {
        let Self { ids, unanswered } = self;
        ids.clear();
        ids.extend(records.iter().map(|record| record.span_id.as_u64()));
        let are_few = ids.len() <= FEW;
        if !are_few {
            ids.sort_unstable();
        }
        // The first place of an id, which stands for all spans that bear it.
        let place = |id: SpanId| {
            let id = id.as_u64();
            if are_few {
                return ids.iter().position(|known| *known == id);
            }
            let place = ids.partition_point(|known| *known < id);
            (ids.get(place) == Some(&id)).then_some(place)
        };
        unanswered.clear();
        unanswered.resize(ids.len(), None);
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
            let Some(parent) = record.parent_id else {
                continue;
            };
            let Some(place) = place(parent) else {
                if known(parent) {
                    continue;
                }
                return false;
            };
            // A call inside a call is the one that is answered (rule 1.6).
            let is_call = record.kind == SpanKind::Client;
            if unanswered[place].is_some_and(|caller| caller != record.node || serves || is_call) {
                unanswered[place] = None;
            }
        }
        unanswered.iter().all(Option::is_none)
    }
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
