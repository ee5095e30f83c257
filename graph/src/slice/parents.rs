//! Who is whose parent: shared ids, missing parents, self-parents and cycles (inference rules 1.4.3, 1.4.7, 1.4.8).

use super::at::SpanAt;
use super::repeats::Sorted;
use super::tree::{Side, Span};
use super::{Event, SliceSink};
use crate::record::SpanRecord;
use crate::span::{SpanId, SpanKind};

/// An order of the spans in which parents come before children; reused from slice to slice.
#[derive(Debug, Default)]
pub(super) struct Parents {
    /// Every span once, because cycles are cut.
    pub(super) order: Vec<usize>,
    kin: Vec<Kin>,
}

/// Where the children of a span are found, and the next of its own siblings.
#[derive(Debug, Clone, Copy)]
struct Kin {
    first_child: SpanAt,
    next_sibling: SpanAt,
}

impl Kin {
    const NONE: Self = Self {
        first_child: SpanAt::NONE,
        next_sibling: SpanAt::NONE,
    };
}

impl Parents {
    /// Finds the parent of each span. Spans on a cycle have none.
    pub(super) fn resolve(
        &mut self,
        records: Sorted<'_>,
        spans: &mut [Span],
        settled: impl Fn(SpanId) -> bool,
        sink: &mut impl SliceSink,
    ) {
        for (span, record) in records.iter().enumerate() {
            if records.has_homonyms()
                && let Some(client) = shared_client(records, spans, span)
            {
                spans[span].parent = SpanAt::to(client);
                continue;
            }
            let Some(id) = record.parent_id else {
                continue;
            };
            if id == record.span_id {
                sink.event(record.node, Event::SelfParent);
            } else if let Some(parent) = best_parent(records, spans, record, id) {
                spans[span].parent = SpanAt::to(parent);
            } else if settled(id) {
                spans[span].orphan = Some(Event::LateParent);
                sink.event(record.node, Event::LateParent);
            } else {
                spans[span].orphan = Some(Event::Orphan);
                sink.orphan(record);
            }
        }
        self.find_order(spans);
        // Whoever is below no root is on a cycle, or below one.
        if self.order.len() < spans.len() {
            cut_cycles(records, spans, sink);
            self.find_order(spans);
        }
    }

    fn find_order(&mut self, spans: &[Span]) {
        self.kin.clear();
        self.kin.resize(spans.len(), Kin::NONE);
        self.order.clear();
        for (span, known) in spans.iter().enumerate() {
            if known.parent.is_none() {
                self.order.push(span);
            }
        }
        for (span, known) in spans.iter().enumerate().rev() {
            if let Some(parent) = known.parent.get() {
                let first = &mut self.kin[parent].first_child;
                let next = std::mem::replace(first, SpanAt::to(span));
                self.kin[span].next_sibling = next;
            }
        }
        let mut next = 0;
        while let Some(above) = self.order.get(next) {
            let mut child = self.kin[*above].first_child;
            while let Some(span) = child.get() {
                self.order.push(span);
                child = self.kin[span].next_sibling;
            }
            next += 1;
        }
    }
}

/// Spans on a cycle of parents lose their parents: nothing about them is certain (M5).
fn cut_cycles(records: Sorted<'_>, spans: &mut [Span], sink: &mut impl SliceSink) {
    // The walk that reached each span first.
    let mut reached = vec![SpanAt::NONE; spans.len()];
    for start in 0..spans.len() {
        let mut span = Some(start);
        while let Some(at) = span.filter(|at| reached[*at].is_none()) {
            reached[at] = SpanAt::to(start);
            span = spans[at].parent.get();
        }
        // Back on this walk's own path: a cycle. Older paths are known to end.
        if let Some(first) = span.filter(|at| reached[*at] == SpanAt::to(start)) {
            sink.event(records.get(first).node, Event::CycleDropped);
            let mut at = first;
            while let Some(next) = spans[at].parent.get() {
                spans[at].parent = SpanAt::NONE;
                // It named a parent that is not to be had: neither an entry nor a root.
                spans[at].orphan = Some(Event::CycleDropped);
                at = next;
            }
        }
    }
}

/// The client half of a server span that shares its span id (B3). Its parent id then belongs to the client half.
fn shared_client(records: Sorted<'_>, spans: &[Span], span: usize) -> Option<usize> {
    if spans[span].side != Side::In {
        return None;
    }
    let record = records.get(span);
    let same_id = records.with_id(record.span_id);
    let first = records.partition(&same_id, |other| other.kind < SpanKind::Client);
    (first..same_id.end)
        .take(MAX_HOMONYMS)
        .filter(|other| spans[*other].side == Side::Out)
        .min_by_key(|other| (records.get(*other).node == record.node, *other))
}

/// Real traces have two or three spans under one id. An attacker's million must not make pairing quadratic.
const MAX_HOMONYMS: usize = 64;

/// Among the spans that bear a parent's id: the one of the child's own node, else the server half (M2).
fn best_parent(
    records: Sorted<'_>,
    spans: &[Span],
    child: &SpanRecord,
    parent_id: SpanId,
) -> Option<usize> {
    let mut candidates = with_id(records, parent_id);
    let first = candidates.next()?;
    let Some(second) = candidates.next() else {
        return Some(first);
    };
    let all = [first, second].into_iter().chain(candidates);
    all.min_by_key(|candidate| {
        let record = records.get(*candidate);
        (
            record.node != child.node,
            !record.instance.is_same(child.instance),
            spans[*candidate].side != Side::In,
            // Two attempts under one id, on one instance and one clock: the one that was at work.
            record.node == child.node && !record.contains(child),
            *candidate,
        )
    })
}

/// Spans that bear an id, at most [`MAX_HOMONYMS`] of them.
pub(super) fn with_id(records: Sorted<'_>, id: SpanId) -> impl Iterator<Item = usize> {
    records.with_id(id).take(MAX_HOMONYMS)
}
