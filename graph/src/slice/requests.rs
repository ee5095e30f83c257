//! Requests of a service: which serving span each span works for.
//!
//! The unit of the hit ratio (share of a service's requests that make a call). A request is a server or consumer span that
//! something reached from outside its process; a serving span nested in another one of the same process is part of that
//! one's request. Work outside any serving span (a scheduled job, or a parent that was lost) belongs to no span: the
//! trace stands for it.

use super::answers::{crosses_broker, is_consume};
use super::tree::{Side, Tree};
use crate::names::Tables;

/// Per span: the serving span of the same node whose request it is part of; itself for that span.
pub(super) fn find(tree: &Tree<'_>, names: &Tables, requests: &mut Vec<Option<usize>>) {
    requests.clear();
    requests.resize(tree.len(), None);
    for &span in tree.top_down() {
        let around = tree
            .parent(span)
            .filter(|parent| tree.node(*parent) == tree.node(span))
            .and_then(|parent| requests[parent]);
        let is_own =
            tree.side(span) == Side::In && (around.is_none() || arrives(tree, names, span));
        requests[span] = if is_own { Some(span) } else { around };
    }
}

/// A serving span below its own node that a call or a message of that node reached from outside the process.
fn arrives(tree: &Tree<'_>, names: &Tables, span: usize) -> bool {
    let out = tree
        .parent(span)
        .and_then(|parent| tree.boundary(parent))
        .filter(|boundary| tree.side(*boundary) == Side::Out);
    out.is_some_and(|out| {
        if is_consume(tree, span) {
            crosses_broker(tree, names, out, span)
        } else {
            !tree
                .record(out)
                .instance
                .is_same(tree.record(span).instance)
        }
    })
}
