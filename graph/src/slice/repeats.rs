//! Spans that say what another span of the slice says already (inference rule 1.4.1, B58).

use std::cmp::Ordering;
use std::collections::BTreeSet;

use super::{Event, SliceSink};
use crate::names::{NodeId, Tables};
use crate::record::SpanRecord;
use crate::span::SpanKind;

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

/// Puts the spans into one canonical order, and drops those sent twice and fragments of whole spans.
pub(super) fn drop_repeats(
    mut records: Vec<SpanRecord>,
    names: &Tables,
    sink: &mut impl SliceSink,
) -> Vec<SpanRecord> {
    records.sort_by(|a, b| canonical(a, b, names));
    let mut whole = Vec::with_capacity(records.len());
    let mut rest = records.into_iter();
    while let Some(first) = rest.as_slice().first() {
        let id = first.span_id;
        let length = rest.as_slice().partition_point(|r| r.span_id == id);
        if length == 1 {
            whole.extend(rest.next());
        } else {
            keep_whole(rest.by_ref().take(length), names, &mut whole, sink);
        }
    }
    whole
}

/// Keeps each whole span of one id once. What is dropped counts at a node that has a whole one: a fragment makes no node.
fn keep_whole(
    group: impl Iterator<Item = SpanRecord>,
    names: &Tables,
    whole: &mut Vec<SpanRecord>,
    sink: &mut impl SliceSink,
) {
    let mut dropped: Vec<(NodeId, Event)> = Vec::new();
    let mut kept: Vec<SpanRecord> = Vec::new();
    for record in group {
        if kept.last().is_some_and(|last| is_repeat(last, &record)) {
            dropped.push((record.node, Event::Duplicate));
        } else {
            kept.push(record);
        }
    }
    let fragments = fragments(&kept, names);
    let start = whole.len();
    for (record, is_fragment) in kept.into_iter().zip(fragments) {
        if is_fragment {
            dropped.push((record.node, Event::Fragment));
        } else {
            whole.push(record);
        }
    }
    let nodes: BTreeSet<NodeId> = whole[start..].iter().map(|record| record.node).collect();
    let first = whole.get(start).map(|record| record.node);
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
fn fragments(group: &[SpanRecord], names: &Tables) -> Vec<bool> {
    if group.len() == 1 {
        return vec![false];
    }
    let has_kind = |r: &SpanRecord| !matches!(r.kind, SpanKind::Internal | SpanKind::Unspecified);
    let nodes_with_kind: BTreeSet<NodeId> = group
        .iter()
        .filter(|record| has_kind(record))
        .map(|record| record.node)
        .collect();
    let kinds_with_name: BTreeSet<SpanKind> = group
        .iter()
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
    group.iter().map(is_fragment).collect()
}
