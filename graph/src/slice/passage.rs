//! Which nodes a trace passed through, and whether its beginning was seen.
//!
//! The measure of criticality: of all traces that began, how many reach a service. It says nothing about why a trace
//! began: a request from outside, a scheduled job, and a consumer that starts a trace of its own all count.

use super::SliceSink;
use super::tree::Tree;
use crate::names::NodeId;

/// Nodes of a trace, each once; reused from slice to slice.
#[derive(Debug, Default)]
pub(super) struct Passage {
    nodes: Vec<NodeId>,
    /// By node: the trace that passed through it last.
    last_trace: Vec<u32>,
    trace: u32,
}

impl Passage {
    /// Tells the nodes of a trace.
    pub(super) fn emit(&mut self, tree: &Tree<'_>, sink: &mut impl SliceSink) {
        self.next_trace();
        // Beginnings of one trace agree in their weight; where they do not, the rarer sample stands for more.
        let mut root: Option<f32> = None;
        for span in 0..tree.len() {
            if !tree.is_ghost(span) {
                self.pass(tree.node(span));
            }
            if is_root(tree, span) {
                let weight = tree.record(span).weight;
                root = Some(root.map_or(weight, |known| known.max(weight)));
            }
        }
        sink.trace(&self.nodes, root);
    }

    fn next_trace(&mut self) {
        self.nodes.clear();
        self.trace = self.trace.wrapping_add(1);
        if self.trace == 0 {
            self.last_trace.clear();
            self.trace = 1;
        }
    }

    fn pass(&mut self, node: NodeId) {
        let index = node.index();
        if index >= self.last_trace.len() {
            self.last_trace.resize(index + 1, 0);
        }
        let last = std::mem::replace(&mut self.last_trace[index], self.trace);
        if last != self.trace {
            self.nodes.push(node);
        }
    }
}

/// A span that began the trace. One that lost its parent, or sits on a cycle of parents, did not.
fn is_root(tree: &Tree<'_>, span: usize) -> bool {
    if tree.parent(span).is_some() || tree.is_orphan(span) {
        return false;
    }
    let record = tree.record(span);
    record.parent_id.is_none_or(|id| id == record.span_id)
}
