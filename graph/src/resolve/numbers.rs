//! Nodes by number: what is kept per pair of nodes is found by two small numbers instead of by eight strings.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use super::NodeRef;

/// Numbers nodes from 0, in the order in which they come.
#[derive(Debug, Default)]
pub(super) struct Numbers {
    known: HashMap<NodeRef, usize>,
    nodes: Vec<NodeRef>,
}

impl Numbers {
    /// The number of a node that was seen before.
    pub(super) fn find(&self, node: &NodeRef) -> Option<usize> {
        self.known.get(node).copied()
    }

    /// The number of a node. Of all descriptions of a node the best stays.
    pub(super) fn number(&mut self, node: &NodeRef) -> usize {
        let next = self.nodes.len();
        match self.known.entry(node.clone()) {
            Entry::Occupied(known) => {
                let number = *known.get();
                if node.description() > self.nodes[number].description() {
                    self.nodes[number] = node.clone();
                }
                number
            }
            Entry::Vacant(place) => {
                place.insert(next);
                self.nodes.push(node.clone());
                next
            }
        }
    }

    /// All nodes, by number.
    pub(super) fn nodes(&self) -> &[NodeRef] {
        &self.nodes
    }
}
