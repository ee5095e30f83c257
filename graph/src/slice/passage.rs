//! Which nodes a trace passed through, and whether its beginning was seen.
//!
//! The measure of criticality: of all traces that began, how many reach a service. It says nothing about why a trace
//! began: a request from outside, a scheduled job, and a consumer that starts a trace of its own all count.

use super::SliceSink;
use super::tree::Tree;
use crate::names::NodeId;

pub(super) fn emit(tree: &Tree<'_>, nodes: &mut Vec<NodeId>, sink: &mut impl SliceSink) {
    let spans = 0..tree.len();
    let real = spans.clone().filter(|span| !tree.is_ghost(*span));
    nodes.clear();
    nodes.extend(real.map(|span| tree.node(span)));
    nodes.sort_unstable();
    nodes.dedup();
    // Beginnings of one trace agree in their weight; where they do not, the rarer sample stands for more.
    let root = spans
        .filter(|span| is_root(tree, *span))
        .map(|span| tree.record(span).weight)
        .reduce(f32::max);
    sink.trace(nodes, root);
}

/// A span that began the trace. One that lost its parent, or sits on a cycle of parents, did not.
fn is_root(tree: &Tree<'_>, span: usize) -> bool {
    let record = tree.record(span);
    let names_no_other = record.parent_id.is_none_or(|id| id == record.span_id);
    tree.parent(span).is_none() && !tree.is_orphan(span) && names_no_other
}
