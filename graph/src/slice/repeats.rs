//! Spans that say what another span of the slice says already (inference rule 1.4.1, B58).

use std::cmp::Ordering;
use std::collections::BTreeSet;
use std::ops::Range;

use super::by_id::{ById, Place};
use super::{Event, SliceSink};
use crate::names::{NodeId, Tables};
use crate::record::SpanRecord;
use crate::span::{SpanId, SpanKind};

/// A total order that depends on what spans say, never on arrival or on interned ids.
fn canonical(a: &SpanRecord, b: &SpanRecord, names: &Tables) -> Ordering {
    let by_time = |r: &SpanRecord| (r.start_ns, r.duration_ns);
    a.span_id
        .cmp(&b.span_id)
        .then_with(|| a.kind.cmp(&b.kind))
        .then_with(|| names.node(a.node).cmp(names.node(b.node)))
        .then_with(|| names.instance(a.instance).cmp(names.instance(b.instance)))
        .then_with(|| by_time(a).cmp(&by_time(b)))
        .then_with(|| b.parent_id.cmp(&a.parent_id))
        .then_with(|| names.peer(b.peer).cmp(names.peer(a.peer)))
        .then_with(|| b.is_error().cmp(&a.is_error()))
        .then_with(|| a.weight.total_cmp(&b.weight))
        .then_with(|| a.marks.cmp(&b.marks))
        .then_with(|| a.trace_id.cmp(&b.trace_id))
        .then_with(|| by_facts(a, b, names))
}

/// Reports of one span that differ only in what decides no edge; of equal ones any may stay.
fn by_facts(a: &SpanRecord, b: &SpanRecord, names: &Tables) -> Ordering {
    let operation = |r: &SpanRecord| {
        let operation = names.operation(r.operation);
        (&operation.method, &operation.route)
    };
    names
        .word(b.word)
        .cmp(names.word(a.word))
        .then_with(|| names.resource(a.resource).cmp(names.resource(b.resource)))
        .then_with(|| operation(b).cmp(&operation(a)))
        .then_with(|| b.resend.cmp(&a.resend))
        .then_with(|| b.messages.cmp(&a.messages))
        .then_with(|| names.label(b.error).cmp(names.label(a.error)))
        .then_with(|| b.weight.total_cmp(&a.weight))
        .then_with(|| b.links.cmp(&a.links))
}

/// The spans of a slice in canonical order.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sorted<'a> {
    records: &'a [SpanRecord],
    by_id: &'a ById,
    /// Some spans bear the same id.
    has_homonyms: bool,
}

/// Which record comes when; reused from slice to slice.
#[derive(Debug, Default)]
pub(super) struct Order {
    by_id: ById,
    /// What is kept of spans that were sent twice.
    whole: Vec<Place>,
}

impl<'a> Sorted<'a> {
    pub(super) fn get(self, span: usize) -> &'a SpanRecord {
        self.by_id.places()[span].of(self.records)
    }

    pub(super) fn iter(self) -> impl Iterator<Item = &'a SpanRecord> {
        let places = self.by_id.places().iter();
        places.map(move |place| place.of(self.records))
    }

    /// The first span of a range from which on `is_before` does not hold.
    pub(super) fn partition(
        self,
        range: &Range<usize>,
        is_before: impl Fn(&SpanRecord) -> bool,
    ) -> usize {
        let places = &self.by_id.places()[range.clone()];
        range.start + places.partition_point(|place| is_before(place.of(self.records)))
    }

    /// The spans that bear an id.
    pub(super) fn with_id(self, id: SpanId) -> Range<usize> {
        let id = id.as_u64();
        if self.has_homonyms {
            return self.by_id.with_id(id);
        }
        self.by_id.find(id).map_or(0..0, |span| span..span + 1)
    }

    /// True when several spans may bear the same id.
    pub(super) fn has_homonyms(self) -> bool {
        self.has_homonyms
    }
}

impl Order {
    /// Puts the spans into one canonical order, and drops those sent twice and fragments of whole spans.
    pub(super) fn sort<'a>(
        &'a mut self,
        records: &'a [SpanRecord],
        names: &Tables,
        sink: &mut impl SliceSink,
    ) -> Sorted<'a> {
        let ids = records.iter().map(|record| record.span_id.as_u64());
        let has_homonyms = self.by_id.fill(ids);
        if has_homonyms {
            self.whole.clear();
            for group in self.by_id.places().chunk_by(|a, b| a.id == b.id) {
                match group {
                    [only] => self.whole.push(*only),
                    _ => keep_whole(records, group, names, &mut self.whole, sink),
                }
            }
            self.by_id.replace(&self.whole);
        }
        Sorted {
            records,
            by_id: &self.by_id,
            has_homonyms,
        }
    }
}

/// Keeps each whole span of one id once. What is dropped counts at a node that has a whole one: a fragment makes no node.
fn keep_whole(
    records: &[SpanRecord],
    group: &[Place],
    names: &Tables,
    whole: &mut Vec<Place>,
    sink: &mut impl SliceSink,
) {
    let mut group = group.to_vec();
    group.sort_by(|a, b| canonical(a.of(records), b.of(records), names));
    let mut dropped: Vec<(NodeId, Event)> = Vec::new();
    let mut kept: Vec<Place> = Vec::new();
    for place in group {
        let record = place.of(records);
        let is_known = kept
            .last()
            .is_some_and(|last| is_repeat(last.of(records), record));
        if is_known {
            dropped.push((record.node, Event::Duplicate));
        } else {
            kept.push(place);
        }
    }
    let start = whole.len();
    let is_fragment = fragments(records, &kept, names);
    for (place, is_fragment) in kept.into_iter().zip(is_fragment) {
        if is_fragment {
            dropped.push((place.of(records).node, Event::Fragment));
        } else {
            whole.push(place);
        }
    }
    let nodes: BTreeSet<NodeId> = whole[start..]
        .iter()
        .map(|place| place.of(records).node)
        .collect();
    let first = whole.get(start).map(|place| place.of(records).node);
    for (node, event) in dropped {
        let owner = if nodes.contains(&node) { None } else { first };
        sink.event(owner.unwrap_or(node), event);
    }
}

/// Same id, kind, node, instance and times: the same span. Different times: another attempt.
fn is_repeat(a: &SpanRecord, b: &SpanRecord) -> bool {
    a.span_id == b.span_id
        && a.kind == b.kind
        && a.node == b.node
        && a.instance == b.instance
        && (a.start_ns, a.duration_ns) == (b.start_ns, b.duration_ns)
}

/// Per span of one id: is it a kindless report of a span that is also here with a kind, or a nameless one that is
/// also here with a name?
fn fragments(records: &[SpanRecord], group: &[Place], names: &Tables) -> Vec<bool> {
    if group.len() == 1 {
        return vec![false];
    }
    let has_kind = |r: &SpanRecord| !matches!(r.kind, SpanKind::Internal | SpanKind::Unspecified);
    let group = || group.iter().map(|place| place.of(records));
    let nodes_with_kind: BTreeSet<NodeId> = group()
        .filter(|record| has_kind(record))
        .map(|record| record.node)
        .collect();
    let kinds_with_name: BTreeSet<SpanKind> = group()
        .filter(|record| !names.is_nameless(record.node))
        .map(|record| record.kind)
        .collect();
    let is_fragment = |record: &SpanRecord| {
        let is_nameless = names.is_nameless(record.node);
        let lacks_kind = !has_kind(record)
            && (nodes_with_kind.contains(&record.node)
                || (is_nameless && !nodes_with_kind.is_empty()));
        lacks_kind || (is_nameless && kinds_with_name.contains(&record.kind))
    };
    group().map(is_fragment).collect()
}
