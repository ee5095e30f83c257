//! Who is whose parent: shared ids, missing parents, self-parents and cycles (inference rules 1.4.3, 1.4.7, 1.4.8).

use super::tree::Side;
use super::{Event, SliceSink};
use crate::record::SpanRecord;
use crate::span::{SpanId, SpanKind};

/// The parent of each span, and as what it counts when one was named that no span bears. Spans on a cycle have none.
pub(super) fn resolve(
    records: &[SpanRecord],
    sides: &[Side],
    settled: impl Fn(SpanId) -> bool,
    sink: &mut impl SliceSink,
) -> (Vec<Option<usize>>, Vec<Option<Event>>) {
    let mut orphans = vec![None; records.len()];
    let named = (0..records.len()).map(|span| {
        let record = &records[span];
        if let Some(client) = shared_client(records, sides, span) {
            return Some(client);
        }
        let parent_id = record.parent_id?;
        if parent_id == record.span_id {
            sink.event(record.node, Event::SelfParent);
            return None;
        }
        let parent = best_parent(records, sides, record, parent_id);
        if parent.is_none() {
            if settled(parent_id) {
                orphans[span] = Some(Event::LateParent);
                sink.event(record.node, Event::LateParent);
            } else {
                orphans[span] = Some(Event::Orphan);
                sink.orphan(record);
            }
        }
        parent
    });
    let mut parents: Vec<Option<usize>> = named.collect();
    for span in cut_cycles(records, &mut parents, sink) {
        // It named a parent that is not to be had: neither an entry nor a root.
        orphans[span] = Some(Event::CycleDropped);
    }
    (parents, orphans)
}

/// The client half of a server span that shares its span id (B3). Its parent id then belongs to the client half.
fn shared_client(records: &[SpanRecord], sides: &[Side], span: usize) -> Option<usize> {
    if sides[span] != Side::In {
        return None;
    }
    let same_id = all_with_id(records, records[span].span_id);
    let first = records[same_id.clone()].partition_point(|r| r.kind < SpanKind::Client);
    (same_id.start + first..same_id.end)
        .take(MAX_HOMONYMS)
        .filter(|other| sides[*other] == Side::Out)
        .min_by_key(|other| (records[*other].node == records[span].node, *other))
}

/// Real traces have two or three spans under one id. An attacker's million must not make pairing quadratic.
const MAX_HOMONYMS: usize = 64;

/// Among the spans that bear a parent's id: the one of the child's own node, else the server half (M2).
fn best_parent(
    records: &[SpanRecord],
    sides: &[Side],
    child: &SpanRecord,
    parent_id: SpanId,
) -> Option<usize> {
    with_id(records, parent_id).min_by_key(|candidate| {
        let record = &records[*candidate];
        (
            record.node != child.node,
            !record.instance.is_same(child.instance),
            sides[*candidate] != Side::In,
            // Two attempts under one id, on one instance and one clock: the one that was at work.
            record.node == child.node && !record.contains(child),
            *candidate,
        )
    })
}

/// Spans that bear an id, at most [`MAX_HOMONYMS`] of them.
pub(super) fn with_id(records: &[SpanRecord], id: SpanId) -> impl Iterator<Item = usize> {
    all_with_id(records, id).take(MAX_HOMONYMS)
}

fn all_with_id(records: &[SpanRecord], id: SpanId) -> std::ops::Range<usize> {
    let start = records.partition_point(|record| record.span_id < id);
    let length = records[start..].partition_point(|record| record.span_id == id);
    start..start + length
}

/// Spans on a cycle of parents lose their parents: nothing about them is certain (M5). Returns those spans.
fn cut_cycles(
    records: &[SpanRecord],
    parents: &mut [Option<usize>],
    sink: &mut impl SliceSink,
) -> Vec<usize> {
    let mut cut = Vec::new();
    const UNSEEN: usize = usize::MAX;
    let mut reached_from = vec![UNSEEN; records.len()];
    for start in 0..records.len() {
        let mut span = Some(start);
        while let Some(at) = span.filter(|at| reached_from[*at] == UNSEEN) {
            reached_from[at] = start;
            span = parents[at];
        }
        // Back on this walk's own path: a cycle. Older paths are known to end.
        if let Some(first) = span.filter(|at| reached_from[*at] == start) {
            sink.event(records[first].node, Event::CycleDropped);
            let mut at = first;
            while let Some(next) = parents[at].take() {
                cut.push(at);
                at = next;
            }
        }
    }
    cut
}

/// Parents before children; every span once, because cycles are cut.
pub(super) fn top_down(parents: &[Option<usize>]) -> Vec<usize> {
    let mut children = vec![Vec::new(); parents.len()];
    let mut order = Vec::with_capacity(parents.len());
    for (span, parent) in parents.iter().enumerate() {
        match parent {
            Some(parent) => children[*parent].push(span),
            None => order.push(span),
        }
    }
    let mut next = 0;
    while next < order.len() {
        let span = order[next];
        order.extend_from_slice(&children[span]);
        next += 1;
    }
    order
}
