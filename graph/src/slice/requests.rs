//! Requests of a service: which serving span each span works for.
//!
//! The unit of the hit ratio (share of a service's requests that make a call). A request is a server or consumer span that
//! something reached from outside its process; a serving span nested in another one of the same process is part of that
//! one's request. Work outside any serving span (a scheduled job, or a parent that was lost) belongs to no span: the
//! trace stands for it.

use super::answers::{crosses_broker, is_consume};
use super::tree::{Side, Tree};
use crate::names::Tables;

/// A serving span below its own node that a call or a message of that node reached from outside the process.
pub(super) fn arrives(tree: &Tree<'_>, names: &Tables, span: usize) -> bool {
    let out = tree
        .above(span)
        .filter(|above| tree.side(*above) == Side::Out);
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
