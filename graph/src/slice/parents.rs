//! Who is whose parent: shared ids, missing parents, self-parents and cycles (inference rules 1.4.3, 1.4.7, 1.4.8).

use super::repeats::Sorted;
use super::tree::Side;
use super::{Event, SliceSink};
use crate::record::SpanRecord;
use crate::span::{SpanId, SpanKind};

/// Who is whose parent; reused from slice to slice.
#[derive(Debug, Default)]
pub(super) struct Parents {
    /// Of each span. Spans on a cycle have none.
    pub(super) of: Vec<Option<usize>>,
    /// As what a span counts that names a parent which no span bears.
    pub(super) orphans: Vec<Option<Event>>,
    /// Parents before children; every span once, because cycles are cut.
    pub(super) order: Vec<usize>,
    /// The walk that reached each span first.
    reached: Vec<usize>,
    first_child: Vec<usize>,
    next_sibling: Vec<usize>,
}

/// No span, no walk.
const NONE: usize = usize::MAX;

impl Parents {
    /// Finds the parent of each span.
    pub(super) fn resolve(
        &mut self,
        spans: Sorted<'_>,
        sides: &[Side],
        settled: impl Fn(SpanId) -> bool,
        sink: &mut impl SliceSink,
    ) {
        self.of.clear();
        self.orphans.clear();
        self.orphans.resize(spans.len(), None);
        for (span, record) in spans.iter().enumerate() {
            if let Some(client) = shared_client(spans, sides, span) {
                self.of.push(Some(client));
                continue;
            }
            let parent = match record.parent_id {
                Some(id) if id == record.span_id => {
                    sink.event(record.node, Event::SelfParent);
                    None
                }
                Some(id) => {
                    let parent = best_parent(spans, sides, record, id);
                    if parent.is_none() && settled(id) {
                        self.orphans[span] = Some(Event::LateParent);
                        sink.event(record.node, Event::LateParent);
                    } else if parent.is_none() {
                        self.orphans[span] = Some(Event::Orphan);
                        sink.orphan(record);
                    }
                    parent
                }
                None => None,
            };
            self.of.push(parent);
        }
        self.cut_cycles(spans, sink);
        self.find_order();
    }

    /// Spans on a cycle of parents lose their parents: nothing about them is certain (M5).
    fn cut_cycles(&mut self, spans: Sorted<'_>, sink: &mut impl SliceSink) {
        self.reached.clear();
        self.reached.resize(self.of.len(), NONE);
        for start in 0..self.of.len() {
            let mut span = Some(start);
            while let Some(at) = span.filter(|at| self.reached[*at] == NONE) {
                self.reached[at] = start;
                span = self.of[at];
            }
            // Back on this walk's own path: a cycle. Older paths are known to end.
            if let Some(first) = span.filter(|at| self.reached[*at] == start) {
                sink.event(spans.get(first).node, Event::CycleDropped);
                let mut at = first;
                while let Some(next) = self.of[at].take() {
                    // It named a parent that is not to be had: neither an entry nor a root.
                    self.orphans[at] = Some(Event::CycleDropped);
                    at = next;
                }
            }
        }
    }

    fn find_order(&mut self) {
        let count = self.of.len();
        for list in [&mut self.first_child, &mut self.next_sibling] {
            list.clear();
            list.resize(count, NONE);
        }
        self.order.clear();
        for (span, parent) in self.of.iter().enumerate().rev() {
            if let Some(parent) = *parent {
                self.next_sibling[span] = std::mem::replace(&mut self.first_child[parent], span);
            }
        }
        let roots = self
            .of
            .iter()
            .enumerate()
            .filter(|(_, parent)| parent.is_none());
        self.order.extend(roots.map(|(span, _)| span));
        let mut next = 0;
        while next < self.order.len() {
            let mut child = self.first_child[self.order[next]];
            while child != NONE {
                self.order.push(child);
                child = self.next_sibling[child];
            }
            next += 1;
        }
    }
}

/// The client half of a server span that shares its span id (B3). Its parent id then belongs to the client half.
fn shared_client(spans: Sorted<'_>, sides: &[Side], span: usize) -> Option<usize> {
    if sides[span] != Side::In {
        return None;
    }
    let ids = spans.ids();
    let has_id = |at: usize| ids.get(at) == Some(&ids[span]);
    // Sorted by id: who shares it stands beside.
    if !has_id(span + 1) && !has_id(span.wrapping_sub(1)) {
        return None;
    }
    let same_id = all_with_id(spans, ids[span]);
    let first = spans.partition(&same_id, |other| other.kind < SpanKind::Client);
    let node = spans.get(span).node;
    (first..same_id.end)
        .take(MAX_HOMONYMS)
        .filter(|other| sides[*other] == Side::Out)
        .min_by_key(|other| (spans.get(*other).node == node, *other))
}

/// Real traces have two or three spans under one id. An attacker's million must not make pairing quadratic.
const MAX_HOMONYMS: usize = 64;

/// Among the spans that bear a parent's id: the one of the child's own node, else the server half (M2).
fn best_parent(
    spans: Sorted<'_>,
    sides: &[Side],
    child: &SpanRecord,
    parent_id: SpanId,
) -> Option<usize> {
    let mut candidates = with_id(spans, parent_id);
    let first = candidates.next()?;
    let Some(second) = candidates.next() else {
        return Some(first);
    };
    let all = [first, second].into_iter().chain(candidates);
    all.min_by_key(|candidate| {
        let record = spans.get(*candidate);
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
pub(super) fn with_id(spans: Sorted<'_>, id: SpanId) -> impl Iterator<Item = usize> {
    all_with_id(spans, id.as_u64()).take(MAX_HOMONYMS)
}

fn all_with_id(spans: Sorted<'_>, id: u64) -> std::ops::Range<usize> {
    let ids = spans.ids();
    let start = ids.partition_point(|known| *known < id);
    let rest = &ids[start..];
    let length = match rest {
        [first, second, ..] if *first == id && *second == id => {
            rest.partition_point(|known| *known == id)
        }
        [first, ..] if *first == id => 1,
        _ => 0,
    };
    start..start + length
}
