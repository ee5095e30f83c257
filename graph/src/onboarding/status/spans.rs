//! What spans say: sidecars that emit spans run.
//!
//! A sidecar without spans proves nothing by itself, because tracing may be off in it. It is told only against somebody who says that the
//! service is in the mesh, and only where a sidecar of a caller was seen.

use std::collections::BTreeSet;

use super::opinion::Opinion;
use super::{Status, StatusSource};
use crate::snapshot::{GraphSnapshot, Node, Relation};

/// Requests from which on the absence of a sidecar's spans means something.
const ENOUGH_REQUESTS: u64 = 30;

/// Services that a sidecar in the mesh calls.
pub(super) fn called_from_mesh(snapshot: &GraphSnapshot) -> BTreeSet<&str> {
    let edges = snapshot.edges.iter();
    let called = edges.filter(|edge| {
        let caller = snapshot.node(&edge.caller);
        let has_sidecar = caller.is_some_and(|caller| caller.sidecar_spans > 0);
        edge.relation == Relation::Sync && edge.caller != edge.callee && has_sidecar
    });
    called.map(|edge| edge.callee.as_str()).collect()
}

/// What the spans of a service say; nothing where no sidecar emitted any.
///
/// A sidecar tells of every request, so far fewer spans than requests are those of a canary, or of some hours. Failure mode: a sidecar
/// that samples by itself looks like one; then it is only pending and told, never wrongly done.
pub(super) fn opinion(node: &Node) -> Option<Opinion> {
    let spans = node.sidecar_spans;
    if spans == 0 {
        return None;
    }
    let is_partly = spans.saturating_mul(2) < node.requests;
    let of = format!("{spans} spans of a sidecar for {} requests", node.requests);
    Some(Opinion {
        source: StatusSource::Spans,
        status: if is_partly {
            Status::Pending
        } else {
            Status::Done
        },
        words: match is_partly {
            true => format!("spans: only {of}"),
            false => format!("spans: {of}"),
        },
        is_torn: is_partly,
    })
}

/// What is missing at a service that is said to be in the mesh.
pub(super) fn absence(node: &Node, called_from_mesh: &BTreeSet<&str>) -> Option<Opinion> {
    let is_telling =
        node.requests >= ENOUGH_REQUESTS && called_from_mesh.contains(node.id.as_str());
    (node.sidecar_spans == 0 && is_telling).then(|| Opinion {
        source: StatusSource::Spans,
        status: Status::Pending,
        words: format!(
            "spans: no span of a sidecar for {} requests, while sidecars of its callers emit some",
            node.requests
        ),
        is_torn: false,
    })
}
