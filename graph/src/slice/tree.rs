//! The span tree of a slice: duplicates and fragments dropped, parents resolved through shared ids, cycles cut
//! (inference rules 1.4.1 to 1.4.3, 1.4.6 to 1.4.8).

mod sidecars;

use std::collections::BTreeMap;

use super::repeats::Sorted;
use super::{Event, SliceSink, parents, requests};
use crate::names::{NodeId, Tables};
use crate::peer::MessageRole;
use crate::record::{Marks, SpanRecord};
use crate::span::{SpanId, SpanKind};

/// Which end of a call a span is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    /// Makes calls or sends.
    Out,
    /// Serves or consumes.
    In,
    /// Kind missing or internal.
    Any,
}

/// The spans of one trace, as indexes into one canonical order.
#[derive(Debug)]
pub(crate) struct Tree<'a> {
    spans: Sorted<'a>,
    parts: &'a mut Parts,
}

/// What is known of each span; reused from slice to slice.
#[derive(Debug, Default)]
pub(super) struct Parts {
    sides: Vec<Side>,
    /// Node of each span, after nameless client spans took their parent's.
    nodes: Vec<NodeId>,
    nameless: Vec<bool>,
    /// Parent after looking through one nameless span.
    parents: parents::Parents,
    /// Nearest span at or above that is not transparent, inside the same node.
    boundaries: Vec<Option<usize>>,
    /// Serving span of the same node whose request each span is part of.
    requests: Vec<Option<usize>>,
    /// Spans of sidecars, with the span of the application that tells about the same request.
    speakers: BTreeMap<usize, usize>,
}

impl<'a> Tree<'a> {
    pub(super) fn build(
        spans: Sorted<'a>,
        parts: &'a mut Parts,
        names: &Tables,
        settled: impl Fn(SpanId) -> bool,
        sink: &mut impl SliceSink,
    ) -> Self {
        parts.sides.clear();
        parts.sides.extend(spans.iter().map(|r| side(r, names)));
        parts.parents.resolve(spans, &parts.sides, settled, sink);
        let nodes = || spans.iter().map(|record| record.node);
        parts.nodes.clear();
        parts.nodes.extend(nodes());
        parts.nameless.clear();
        let nameless = nodes().map(|node| names.is_nameless(node));
        parts.nameless.extend(nameless);
        parts.speakers.clear();
        let mut tree = Self { spans, parts };
        tree.look_through_nameless();
        tree.fold_sidecars(names, sink);
        tree.find_boundaries();
        let mut found = std::mem::take(&mut tree.parts.requests);
        requests::find(&tree, names, &mut found);
        tree.parts.requests = found;
        tree
    }

    /// Number of spans.
    pub(crate) fn len(&self) -> usize {
        self.parts.sides.len()
    }

    /// All spans, in canonical order.
    pub(crate) fn records(&self) -> impl Iterator<Item = &SpanRecord> {
        self.spans.iter()
    }

    /// Spans that bear this id; of an attacker's million, the first few.
    pub(crate) fn with_id(&self, id: SpanId) -> impl Iterator<Item = &SpanRecord> {
        parents::with_id(self.spans, id).map(|span| self.record(span))
    }

    pub(crate) fn record(&self, span: usize) -> &'a SpanRecord {
        self.spans.get(span)
    }

    /// What the workload itself says about the request of a span: for a sidecar's span its application's, else the span.
    pub(crate) fn speaker(&self, span: usize) -> &SpanRecord {
        if self.parts.speakers.is_empty() {
            return self.record(span);
        }
        let speaker = self.parts.speakers.get(&span);
        self.record(speaker.copied().unwrap_or(span))
    }

    pub(crate) fn side(&self, span: usize) -> Side {
        self.parts.sides[span]
    }

    pub(crate) fn node(&self, span: usize) -> NodeId {
        self.parts.nodes[span]
    }

    pub(crate) fn parent(&self, span: usize) -> Option<usize> {
        self.parts.parents.of[span]
    }

    /// True when a parent id was given, but no span of the slice bears it, or only one on a cycle with this one.
    pub(crate) fn is_orphan(&self, span: usize) -> bool {
        self.orphan_event(span).is_some()
    }

    /// As what a span was counted whose parent is not to be had.
    pub(crate) fn orphan_event(&self, span: usize) -> Option<Event> {
        self.parts.parents.orphans[span]
    }

    /// Spans, parents before children.
    pub(crate) fn top_down(&self) -> &[usize] {
        &self.parts.parents.order
    }

    /// The nearest span at or above this one that makes, serves or consumes, inside the same node.
    pub(crate) fn boundary(&self, span: usize) -> Option<usize> {
        self.parts.boundaries[span]
    }

    /// The serving span of the same node whose request this span is part of; `None` outside of any.
    pub(crate) fn request(&self, span: usize) -> Option<usize> {
        self.parts.requests[span]
    }

    /// The outgoing span of the same node that this span is part of.
    pub(crate) fn owner(&self, span: usize) -> Option<usize> {
        let parent = self.parent(span)?;
        let owner = self.boundary(parent)?;
        (self.node(owner) == self.node(span) && self.side(owner) == Side::Out).then_some(owner)
    }

    /// Transparent and without a name: neither caller nor callee.
    pub(crate) fn is_ghost(&self, span: usize) -> bool {
        self.parts.nameless[span] && self.parts.sides[span] == Side::Any
    }

    /// Nameless client spans belong to their parent's node (Z15); children of other nameless spans look through
    /// them once (Z20).
    fn look_through_nameless(&mut self) {
        if !self.parts.nameless.contains(&true) {
            return;
        }
        for index in 0..self.len() {
            let span = self.top_down()[index];
            let Some(parent) = self.parent(span) else {
                continue;
            };
            if self.is_ghost(parent) {
                self.parts.parents.of[span] = self.parent(parent).or(Some(parent));
            }
            let Some(parent) = self.parent(span) else {
                continue;
            };
            let parts = &mut *self.parts;
            if parts.nameless[span] && parts.sides[span] == Side::Out && !parts.nameless[parent] {
                parts.nodes[span] = parts.nodes[parent];
                parts.nameless[span] = false;
            }
        }
    }

    fn find_boundaries(&mut self) {
        let parts = &mut *self.parts;
        parts.boundaries.clear();
        parts.boundaries.resize(parts.sides.len(), None);
        for &span in &parts.parents.order {
            parts.boundaries[span] = match (parts.sides[span], parts.parents.of[span]) {
                (Side::Out | Side::In, _) => Some(span),
                (Side::Any, Some(parent)) if parts.nodes[parent] == parts.nodes[span] => {
                    parts.boundaries[parent]
                }
                (Side::Any, _) => None,
            };
        }
    }
}

/// An INTERNAL or UNSPECIFIED span that names its peer acts as a client (Z24), unless it has no name itself (Z35). One that
/// says that its parent is in another process is where the call came in. That it is not says nothing: SDKs have set the bit
/// from the span's own context. What a sidecar says about its own workload is transparent, whatever its kind.
fn side(record: &SpanRecord, names: &Tables) -> Side {
    match record.kind {
        // Around the attempts of a sidecar, the workload's call on its way out.
        SpanKind::Server if record.marks.has(Marks::FACES_WORKLOAD) => Side::Out,
        _ if record.marks.has(Marks::FACES_WORKLOAD) => Side::Any,
        SpanKind::Client if record.role == MessageRole::Process => Side::In,
        SpanKind::Client | SpanKind::Producer => Side::Out,
        SpanKind::Server | SpanKind::Consumer => Side::In,
        SpanKind::Internal | SpanKind::Unspecified => {
            let is_named = !names.is_nameless(record.node);
            let is_entry = record.marks.has(Marks::REMOTE_PARENT) && record.parent_id.is_some();
            if is_named && names.peer_traits(record.peer).has_name() {
                Side::Out
            } else if is_named && is_entry {
                Side::In
            } else {
                Side::Any
            }
        }
    }
}
