//! The span tree of a slice: duplicates and fragments dropped, parents resolved through shared ids, cycles cut
//! (inference rules 1.4.1 to 1.4.3, 1.4.6 to 1.4.8).

mod sidecars;

use std::collections::BTreeMap;

use super::at::SpanAt;
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
    records: Sorted<'a>,
    parts: &'a mut Parts,
    /// The marks of all spans together.
    marks: Marks,
}

/// What is known of the spans; reused from slice to slice.
#[derive(Debug, Default)]
pub(super) struct Parts {
    spans: Vec<Span>,
    parents: parents::Parents,
    /// Spans of sidecars, with the span of the application that tells about the same request.
    speakers: BTreeMap<usize, usize>,
}

/// What inference asks of a span again and again.
#[derive(Debug)]
pub(super) struct Span {
    pub(super) side: Side,
    /// Of its resource; those without a name are [looked through](Tree::is_ghost), or belong to their parent's.
    node: NodeId,
    is_nameless: bool,
    /// Parent after looking through one nameless span.
    pub(super) parent: SpanAt,
    /// As what it counts when it names a parent that is not to be had.
    pub(super) orphan: Option<Event>,
    /// Nearest span at or above it that is not transparent, inside the same node.
    boundary: SpanAt,
    /// The boundary of its parent.
    above: SpanAt,
    /// Serving span of the same node whose request it is part of.
    request: SpanAt,
}

impl Span {
    fn of(record: &SpanRecord, names: &Tables) -> Self {
        Self {
            side: side(record, names),
            node: record.node,
            is_nameless: names.is_nameless(record.node),
            parent: SpanAt::NONE,
            orphan: None,
            boundary: SpanAt::NONE,
            above: SpanAt::NONE,
            request: SpanAt::NONE,
        }
    }
}

impl<'a> Tree<'a> {
    pub(super) fn build(
        records: Sorted<'a>,
        parts: &'a mut Parts,
        names: &Tables,
        settled: impl Fn(SpanId) -> bool,
        sink: &mut impl SliceSink,
    ) -> Self {
        let (mut marks, mut has_nameless) = (0, false);
        let spans = records.iter().map(|record| {
            let span = Span::of(record, names);
            marks |= record.marks.bits();
            has_nameless |= span.is_nameless;
            span
        });
        parts.spans.clear();
        parts.spans.extend(spans);
        let Parts { spans, parents, .. } = parts;
        parents.resolve(records, spans, settled, sink);
        parts.speakers.clear();
        let mut tree = Self {
            records,
            parts,
            marks: Marks::from_bits(marks),
        };
        if has_nameless {
            tree.look_through_nameless();
        }
        tree.fold_sidecars(names, sink);
        tree.find_surroundings(names);
        tree
    }

    /// Number of spans.
    pub(crate) fn len(&self) -> usize {
        self.parts.spans.len()
    }

    /// All spans, in canonical order.
    pub(crate) fn records(&self) -> impl Iterator<Item = &SpanRecord> {
        self.records.iter()
    }

    /// True when some span has this mark.
    pub(super) fn has_any(&self, mark: Marks) -> bool {
        self.marks.has(mark)
    }

    /// Spans that bear this id; of an attacker's million, the first few.
    pub(crate) fn with_id(&self, id: SpanId) -> impl Iterator<Item = &SpanRecord> {
        parents::with_id(self.records, id).map(|span| self.record(span))
    }

    pub(crate) fn record(&self, span: usize) -> &'a SpanRecord {
        self.records.get(span)
    }

    /// What the workload itself says about the request of a span: for a sidecar's span its application's, else the span.
    #[inline]
    pub(crate) fn speaker(&self, span: usize) -> &SpanRecord {
        if self.parts.speakers.is_empty() {
            return self.record(span);
        }
        let speaker = self.parts.speakers.get(&span);
        self.record(speaker.copied().unwrap_or(span))
    }

    pub(crate) fn side(&self, span: usize) -> Side {
        self.parts.spans[span].side
    }

    pub(crate) fn node(&self, span: usize) -> NodeId {
        self.parts.spans[span].node
    }

    pub(crate) fn parent(&self, span: usize) -> Option<usize> {
        self.parts.spans[span].parent.get()
    }

    /// True when a parent id was given, but no span of the slice bears it, or only one on a cycle with this one.
    pub(crate) fn is_orphan(&self, span: usize) -> bool {
        self.orphan_event(span).is_some()
    }

    /// As what a span was counted whose parent is not to be had.
    pub(crate) fn orphan_event(&self, span: usize) -> Option<Event> {
        self.parts.spans[span].orphan
    }

    /// Spans, parents before children.
    pub(crate) fn top_down(&self) -> &[usize] {
        &self.parts.parents.order
    }

    /// The nearest span above this one that makes, serves or consumes, looking through transparent spans of one node: what
    /// this span is part of, or what it answers.
    pub(crate) fn above(&self, span: usize) -> Option<usize> {
        self.parts.spans[span].above.get()
    }

    /// The serving span of the same node whose request this span is part of; `None` outside of any.
    pub(crate) fn request(&self, span: usize) -> Option<usize> {
        self.parts.spans[span].request.get()
    }

    /// The outgoing span of the same node that this span is part of.
    pub(crate) fn owner(&self, span: usize) -> Option<usize> {
        let known = &self.parts.spans[span];
        let above = known.above.get()?;
        let owner = &self.parts.spans[above];
        (owner.node == known.node && owner.side == Side::Out).then_some(above)
    }

    /// Transparent and without a name: neither caller nor callee.
    pub(crate) fn is_ghost(&self, span: usize) -> bool {
        let known = &self.parts.spans[span];
        known.is_nameless && known.side == Side::Any
    }

    /// Nameless client spans belong to their parent's node (Z15); children of other nameless spans look through
    /// them once (Z20).
    fn look_through_nameless(&mut self) {
        for index in 0..self.len() {
            let span = self.top_down()[index];
            let Some(parent) = self.parent(span) else {
                continue;
            };
            if self.is_ghost(parent) {
                let outer = self.parent(parent).unwrap_or(parent);
                self.parts.spans[span].parent = SpanAt::to(outer);
            }
            let Some(parent) = self.parent(span) else {
                continue;
            };
            let (node, is_nameless) = (self.node(parent), self.parts.spans[parent].is_nameless);
            let known = &mut self.parts.spans[span];
            if known.is_nameless && known.side == Side::Out && !is_nameless {
                known.node = node;
                known.is_nameless = false;
            }
        }
    }

    /// Boundaries and requests, which need those of the parent.
    fn find_surroundings(&mut self, names: &Tables) {
        for index in 0..self.len() {
            let span = self.top_down()[index];
            let spans = &self.parts.spans;
            let (side, parent) = (spans[span].side, spans[span].parent.get());
            let parent = parent.map(|parent| &spans[parent]);
            let above = parent.map_or(SpanAt::NONE, |parent| parent.boundary);
            let inside = parent.filter(|parent| parent.node == spans[span].node);
            let around = inside.map_or(SpanAt::NONE, |parent| parent.request);
            let boundary = match side {
                Side::Out | Side::In => SpanAt::to(span),
                Side::Any if inside.is_some() => above,
                Side::Any => SpanAt::NONE,
            };
            let known = &mut self.parts.spans[span];
            known.above = above;
            known.boundary = boundary;
            known.request = around;
            if side == Side::In && (around.is_none() || requests::arrives(self, names, span)) {
                self.parts.spans[span].request = SpanAt::to(span);
            }
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
