//! The span tree of a slice: duplicates and fragments dropped, parents resolved through shared ids, cycles cut
//! (inference rules 1.4.1 to 1.4.3, 1.4.6 to 1.4.8).

mod sidecars;

use std::collections::BTreeMap;

use super::{Event, SliceSink, parents, repeats, requests};
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
pub(crate) struct Tree {
    records: Vec<SpanRecord>,
    sides: Vec<Side>,
    /// Node of each span, after nameless client spans took their parent's.
    nodes: Vec<NodeId>,
    nameless: Vec<bool>,
    /// Parent after looking through one nameless span.
    parents: Vec<Option<usize>>,
    orphans: Vec<Option<Event>>,
    /// Parents before children.
    order: Vec<usize>,
    /// Nearest span at or above that is not transparent, inside the same node.
    boundaries: Vec<Option<usize>>,
    /// Serving span of the same node whose request each span is part of.
    requests: Vec<Option<usize>>,
    /// Spans of sidecars, with the span of the application that tells about the same request.
    speakers: BTreeMap<usize, usize>,
}

impl Tree {
    pub(crate) fn build(
        records: Vec<SpanRecord>,
        names: &Tables,
        settled: impl Fn(SpanId) -> bool,
        sink: &mut impl SliceSink,
    ) -> Self {
        let records = repeats::drop_repeats(records, names, sink);
        let sides: Vec<Side> = records.iter().map(|r| side(r, names)).collect();
        let (parents, orphans) = parents::resolve(&records, &sides, settled, sink);
        let order = parents::top_down(&parents);
        let mut tree = Self {
            nameless: records.iter().map(|r| names.is_nameless(r.node)).collect(),
            nodes: records.iter().map(|r| r.node).collect(),
            boundaries: vec![None; records.len()],
            requests: Vec::new(),
            speakers: BTreeMap::new(),
            sides,
            parents,
            orphans,
            order,
            records,
        };
        tree.look_through_nameless();
        tree.fold_sidecars(names, sink);
        tree.find_boundaries();
        tree.requests = requests::find(&tree, names);
        tree
    }

    pub(crate) fn records(&self) -> &[SpanRecord] {
        &self.records
    }

    /// Spans that bear this id; of an attacker's million, the first few.
    pub(crate) fn with_id(&self, id: SpanId) -> impl Iterator<Item = &SpanRecord> {
        parents::with_id(&self.records, id).map(|span| &self.records[span])
    }

    pub(crate) fn record(&self, span: usize) -> &SpanRecord {
        &self.records[span]
    }

    /// What the workload itself says about the request of a span: for a sidecar's span its application's, else the span.
    pub(crate) fn speaker(&self, span: usize) -> &SpanRecord {
        self.record(self.speakers.get(&span).copied().unwrap_or(span))
    }

    pub(crate) fn side(&self, span: usize) -> Side {
        self.sides[span]
    }

    pub(crate) fn node(&self, span: usize) -> NodeId {
        self.nodes[span]
    }

    pub(crate) fn parent(&self, span: usize) -> Option<usize> {
        self.parents[span]
    }

    /// True when a parent id was given, but no span of the slice bears it, or only one on a cycle with this one.
    pub(crate) fn is_orphan(&self, span: usize) -> bool {
        self.orphans[span].is_some()
    }

    /// As what a span was counted whose parent is not to be had.
    pub(crate) fn orphan_event(&self, span: usize) -> Option<Event> {
        self.orphans[span]
    }

    /// Spans, parents before children.
    pub(crate) fn top_down(&self) -> &[usize] {
        &self.order
    }

    /// The nearest span at or above this one that makes, serves or consumes, inside the same node.
    pub(crate) fn boundary(&self, span: usize) -> Option<usize> {
        self.boundaries[span]
    }

    /// The serving span of the same node whose request this span is part of; `None` outside of any.
    pub(crate) fn request(&self, span: usize) -> Option<usize> {
        self.requests[span]
    }

    /// The outgoing span of the same node that this span is part of.
    pub(crate) fn owner(&self, span: usize) -> Option<usize> {
        let parent = self.parent(span)?;
        let owner = self.boundary(parent)?;
        (self.node(owner) == self.node(span) && self.side(owner) == Side::Out).then_some(owner)
    }

    /// Transparent and without a name: neither caller nor callee.
    pub(crate) fn is_ghost(&self, span: usize) -> bool {
        self.nameless[span] && self.sides[span] == Side::Any
    }

    /// Nameless client spans belong to their parent's node (Z15); children of other nameless spans look through
    /// them once (Z20).
    fn look_through_nameless(&mut self) {
        for index in 0..self.order.len() {
            let span = self.order[index];
            let Some(parent) = self.parents[span] else {
                continue;
            };
            if self.is_ghost(parent) {
                self.parents[span] = self.parents[parent].or(Some(parent));
            }
            let Some(parent) = self.parents[span] else {
                continue;
            };
            if self.nameless[span] && self.sides[span] == Side::Out && !self.nameless[parent] {
                self.nodes[span] = self.nodes[parent];
                self.nameless[span] = false;
            }
        }
    }

    fn find_boundaries(&mut self) {
        for index in 0..self.order.len() {
            let span = self.order[index];
            self.boundaries[span] = match (self.sides[span], self.parents[span]) {
                (Side::Out | Side::In, _) => Some(span),
                (Side::Any, Some(parent)) if self.nodes[parent] == self.nodes[span] => {
                    self.boundaries[parent]
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
            if is_named && names.peer(record.peer).name.is_some() {
                Side::Out
            } else if is_named && is_entry {
                Side::In
            } else {
                Side::Any
            }
        }
    }
}
