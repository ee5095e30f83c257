//! Sane times for the spans of a row: children lie inside their parents, siblings follow each other in the order of the
//! row, traces are a second apart.
//!
//! Times are assigned once, before any runner changes the order of arrival.

use std::collections::BTreeMap;

use tracemesh_graph::span::{SpanKind, TraceId};

use super::notation::Span;

/// 2026-01-01T00:00:00Z.
const BASE_NS: u64 = 1_767_225_600_000_000_000;
const TRACE_NS: u64 = 1_000_000_000;
const STEP_NS: u64 = 1_000_000;

/// Gives every span its start and end.
pub(crate) fn assign_times(spans: &mut [Span]) -> Result<(), String> {
    let mut parents = Vec::with_capacity(spans.len());
    for index in 0..spans.len() {
        parents.push(container(spans, index)?);
    }
    let mut clocks = Clocks::default();
    for (index, parent) in parents.iter().enumerate() {
        if parent.is_none() {
            place(spans, &parents, index, &mut clocks);
        }
    }
    // What is left belongs to cycles of parents: the first span of each in the row plays the root.
    for index in 0..spans.len() {
        place(spans, &parents, index, &mut clocks);
    }
    Ok(())
}

/// The next free instant of each trace.
#[derive(Default)]
struct Clocks(BTreeMap<TraceId, u64>);

impl Clocks {
    fn take(&mut self, trace_id: TraceId) -> u64 {
        let start = self
            .0
            .values()
            .map(|next| next - next % TRACE_NS + TRACE_NS)
            .max()
            .unwrap_or(BASE_NS);
        let next = self.0.entry(trace_id).or_insert(start);
        let now = *next;
        *next += STEP_NS;
        now
    }
}

/// Places a span and, inside it, its children. A span that has its times already is left alone.
fn place(spans: &mut [Span], parents: &[Option<usize>], index: usize, clocks: &mut Clocks) {
    if spans[index].start_ns != 0 {
        return;
    }
    spans[index].start_ns = clocks.take(spans[index].trace_id);
    for child in 0..spans.len() {
        if parents[child] == Some(index) {
            place(spans, parents, child, clocks);
        }
    }
    spans[index].end_ns = clocks.take(spans[index].trace_id);
}

/// The span that contains this one in time: the one after `%`, else the other half of a shared id, else the parent,
/// and among several of its id the one of the same service, else the server half.
fn container(spans: &[Span], index: usize) -> Result<Option<usize>, String> {
    let span = &spans[index];
    let bearers = |id| {
        let trace_id = span.trace_id;
        (0..spans.len()).filter(move |other| {
            *other != index && spans[*other].trace_id == trace_id && spans[*other].span_id == id
        })
    };
    if let Some(id) = span.within {
        let found = bearers(id).next();
        return found
            .map(Some)
            .ok_or_else(|| format!("span `{}` lies within a span that is not there", span.text));
    }
    if is_incoming(span.kind) {
        let other_half = bearers(span.span_id).find(|other| !is_incoming(spans[*other].kind));
        if other_half.is_some() {
            return Ok(other_half);
        }
    }
    let Some(id) = span.parent_id else {
        return Ok(None);
    };
    Ok(bearers(id).min_by_key(|other| {
        let parent = &spans[*other];
        (parent.service != span.service, !is_incoming(parent.kind))
    }))
}

fn is_incoming(kind: SpanKind) -> bool {
    matches!(kind, SpanKind::Server | SpanKind::Consumer)
}
