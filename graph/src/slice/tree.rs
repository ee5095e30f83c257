//! The span tree of a slice: duplicates and fragments dropped, parents resolved through shared ids, cycles cut
//! (inference rules 1.4.1 to 1.4.3, 1.4.6 to 1.4.8).

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};

use super::{Event, SliceSink, requests};
use crate::identity::NodeKey;
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
    orphans: Vec<bool>,
    /// Parents before children.
    order: Vec<usize>,
    /// Nearest span at or above that is not transparent, inside the same node.
    boundaries: Vec<Option<usize>>,
    /// Serving span of the same node whose request each span is part of.
    requests: Vec<Option<usize>>,
}

impl Tree {
    pub(crate) fn build(
        mut records: Vec<SpanRecord>,
        names: &Tables,
        sink: &mut impl SliceSink,
    ) -> Self {
        records.sort_by(|a, b| canonical(a, b, names));
        let records = drop_repeats(records, names, sink);
        let sides: Vec<Side> = records.iter().map(|r| side(r, names)).collect();
        let (mut parents, orphans) = resolve_parents(&records, &sides, sink);
        cut_cycles(&records, &mut parents, sink);
        let order = top_down(&parents);
        let mut tree = Self {
            nameless: records.iter().map(|r| names.is_nameless(r.node)).collect(),
            nodes: records.iter().map(|r| r.node).collect(),
            boundaries: vec![None; records.len()],
            requests: Vec::new(),
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

    pub(crate) fn record(&self, span: usize) -> &SpanRecord {
        &self.records[span]
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

    /// True when a parent id was given, but no span of the slice bears it.
    pub(crate) fn is_orphan(&self, span: usize) -> bool {
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

    /// The span of a sidecar belongs to the workload next to it in the tree: app, sidecar, sidecar, app is one hop (X8).
    fn fold_sidecars(&mut self, names: &Tables, sink: &mut impl SliceSink) {
        if !self.records.iter().any(|r| r.marks.has(Marks::PROXY)) {
            return;
        }
        let next_to: Vec<(usize, usize)> = (0..self.records.len())
            .filter_map(|span| Some((span, self.parents[span]?)))
            .collect();
        let both_ways = next_to.iter().flat_map(|(a, b)| [(*a, *b), (*b, *a)]);
        let mut folds: BTreeMap<usize, NodeId> = BTreeMap::new();
        for (proxy, app) in both_ways {
            let marks = |span: usize| self.records[span].marks;
            let (inner, outer) = (self.nodes[proxy], self.nodes[app]);
            if marks(proxy).has(Marks::PROXY)
                && !marks(app).has(Marks::PROXY)
                && inner != outer
                && is_sidecar_of(names.node(inner), names.node(outer))
            {
                folds.insert(proxy, outer);
            }
        }
        for (proxy, app) in folds {
            sink.fold(self.nodes[proxy], app);
            self.nodes[proxy] = app;
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

/// An INTERNAL or UNSPECIFIED span that names its peer acts as a client (Z24), unless it has no name itself (Z35).
fn side(record: &SpanRecord, names: &Tables) -> Side {
    match record.kind {
        SpanKind::Client if record.role == MessageRole::Process => Side::In,
        SpanKind::Client | SpanKind::Producer => Side::Out,
        SpanKind::Server | SpanKind::Consumer => Side::In,
        SpanKind::Internal | SpanKind::Unspecified => {
            let names_peer = names.peer(record.peer).name.is_some();
            if names_peer && !names.is_nameless(record.node) {
                Side::Out
            } else {
                Side::Any
            }
        }
    }
}

/// Istio names the service of a sidecar `app.namespace`; other proxies repeat the application's name without its
/// namespace.
fn is_sidecar_of(proxy: &NodeKey, app: &NodeKey) -> bool {
    let (proxy_name, app_name) = (proxy.display_name(), app.display_name());
    let Some(rest) = proxy_name.strip_prefix(app_name) else {
        return false;
    };
    let is_bare = rest.is_empty() && proxy.namespace.is_empty();
    let is_qualified = rest.strip_prefix('.').is_some_and(|namespace| {
        !namespace.is_empty() && (app.namespace.is_empty() || app.namespace == namespace)
    });
    is_bare || is_qualified
}

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
        .then_with(|| a.trace_id.cmp(&b.trace_id))
}

/// Drops spans sent twice and fragments of whole spans (rule 1.4.1, B58).
fn drop_repeats(
    records: Vec<SpanRecord>,
    names: &Tables,
    sink: &mut impl SliceSink,
) -> Vec<SpanRecord> {
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

fn resolve_parents(
    records: &[SpanRecord],
    sides: &[Side],
    sink: &mut impl SliceSink,
) -> (Vec<Option<usize>>, Vec<bool>) {
    let mut orphans = vec![false; records.len()];
    let parents = (0..records.len()).map(|span| {
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
            orphans[span] = true;
            sink.event(record.node, Event::Orphan);
        }
        parent
    });
    (parents.collect(), orphans)
}

/// The client half of a server span that shares its span id (B3). Its parent id then belongs to the client half.
fn shared_client(records: &[SpanRecord], sides: &[Side], span: usize) -> Option<usize> {
    if sides[span] != Side::In {
        return None;
    }
    let same_id = with_id(records, records[span].span_id);
    let first = records[same_id.clone()].partition_point(|r| r.kind < SpanKind::Client);
    (same_id.start + first..same_id.end)
        .take(MAX_HOMONYMS)
        .filter(|other| sides[*other] == Side::Out)
        .min_by_key(|other| (records[*other].node == records[span].node, *other))
}

/// Real traces have two or three spans under one id. An attacker's million must not make pairing quadratic.
pub(super) const MAX_HOMONYMS: usize = 64;

/// Among the spans that bear a parent's id: the one of the child's own node, else the server half (M2).
fn best_parent(
    records: &[SpanRecord],
    sides: &[Side],
    child: &SpanRecord,
    parent_id: SpanId,
) -> Option<usize> {
    with_id(records, parent_id)
        .take(MAX_HOMONYMS)
        .min_by_key(|candidate| {
            let record = &records[*candidate];
            (
                record.node != child.node,
                !record.instance.is_same(child.instance),
                sides[*candidate] != Side::In,
                *candidate,
            )
        })
}

fn with_id(records: &[SpanRecord], id: SpanId) -> std::ops::Range<usize> {
    let start = records.partition_point(|record| record.span_id < id);
    let length = records[start..].partition_point(|record| record.span_id == id);
    start..start + length
}

/// Spans on a cycle of parents lose their parents: nothing about them is certain (M5).
fn cut_cycles(records: &[SpanRecord], parents: &mut [Option<usize>], sink: &mut impl SliceSink) {
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
                at = next;
            }
        }
    }
}

/// Parents before children; every span once, because cycles are cut.
fn top_down(parents: &[Option<usize>]) -> Vec<usize> {
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
