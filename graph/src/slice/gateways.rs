//! Logical edges through gateways (inference rule 1.9).
//!
//! A gateway is a node of its own: the edges to it and from it are physical and stay. Beside them a `proxied` edge says
//! who really wanted whom. Two shapes show a gateway in one trace: server spans that a proxy emitted, and an outgoing span
//! that is itself the answer to another node's outgoing span (Istio gateways emit only CLIENT spans, X9). A sidecar is no
//! gateway: what goes on behind it is its workload's own doing, also when the workload has no spans.

use std::collections::BTreeMap;

use super::calls::Context;
use super::tree::Side;
use super::{Attempt, End, Found, PeerRef, SliceSink};
use crate::record::Marks;
use crate::snapshot::Relation;

/// Gateways behind gateways are followed this far.
const MAX_HOPS: usize = 8;

pub(super) fn emit(context: Context<'_>, sink: &mut impl SliceSink) {
    let inside = outgoing_by_server(context);
    for out in 0..context.tree.records().len() {
        let is_first = context.tree.side(out) == Side::Out && !is_relay(context, out);
        if is_first && context.answers.is_answered(out) {
            follow(context, &inside, out, sink);
        }
    }
}

/// Outgoing spans by the server span of a proxy that they belong to.
fn outgoing_by_server(context: Context<'_>) -> BTreeMap<usize, Vec<usize>> {
    let tree = context.tree;
    let mut inside: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for out in 0..tree.records().len() {
        let server = tree.parent(out).and_then(|parent| tree.boundary(parent));
        let server = server.filter(|server| {
            tree.node(*server) == tree.node(out) && passes_on(context, *server, out)
        });
        if let (Side::Out, Some(server)) = (tree.side(out), server) {
            inside.entry(server).or_default().push(out);
        }
    }
    inside
}

/// True when `out` is the upstream half of a gateway's `server`. A proxy's span with a request of its own is another
/// matter: between the two the request was in the workload.
fn passes_on(context: Context<'_>, server: usize, out: usize) -> bool {
    let is_received = context.tree.record(out).marks.has(Marks::RECEIVED);
    is_gateway(context, server) && !is_received
}

/// True for a server span of a proxy that stands for itself.
fn is_gateway(context: Context<'_>, span: usize) -> bool {
    let marks = context.tree.record(span).marks;
    context.tree.side(span) == Side::In && marks.has(Marks::PROXY) && !marks.has(Marks::SIDECAR)
}

/// True for an outgoing span that passes on what another node sent: it answers that node's outgoing span, or lies inside
/// the server span of a proxy.
fn is_relay(context: Context<'_>, out: usize) -> bool {
    let tree = context.tree;
    let Some(above) = tree.parent(out).and_then(|parent| tree.boundary(parent)) else {
        return false;
    };
    let is_other_node = tree.node(above) != tree.node(out);
    match tree.side(above) {
        Side::Out => is_other_node,
        Side::In => !is_other_node && passes_on(context, above, out),
        Side::Any => false,
    }
}

/// Follows a call through the gateways that passed it on, to the nodes that served it.
fn follow(
    context: Context<'_>,
    inside: &BTreeMap<usize, Vec<usize>>,
    out: usize,
    sink: &mut impl SliceSink,
) {
    let tree = context.tree;
    let mut relays = relays_of(context, inside, out);
    for _ in 0..MAX_HOPS {
        let mut further = Vec::new();
        for relay in relays {
            let next = relays_of(context, inside, relay);
            let servers =
                context.answers.of(relay).iter().filter(|answer| {
                    tree.side(**answer) == Side::In && !is_gateway(context, **answer)
                });
            for server in servers {
                logical(context, out, *server, sink);
            }
            further.extend(next);
        }
        if further.is_empty() {
            return;
        }
        relays = further;
    }
}

/// The outgoing spans with which gateways passed a call on.
fn relays_of(context: Context<'_>, inside: &BTreeMap<usize, Vec<usize>>, out: usize) -> Vec<usize> {
    let answers = context.answers.of(out).iter();
    let relays = answers.flat_map(|answer| match context.tree.side(*answer) {
        Side::Out => vec![*answer],
        _ => inside.get(answer).cloned().unwrap_or_default(),
    });
    relays.collect()
}

fn logical(context: Context<'_>, out: usize, server: usize, sink: &mut impl SliceSink) {
    let tree = context.tree;
    if tree.node(out) == tree.node(server) {
        return;
    }
    let (call, served) = (tree.record(out), tree.record(server));
    let mut attempt = Attempt::alone(tree.node(out), PeerRef::NONE, call);
    attempt.callee = Some(tree.node(server));
    attempt.from = End::of(tree.speaker(out));
    attempt.relation = Relation::Proxied;
    attempt.found = Found::Paired;
    attempt.has_failed = call.is_error() || served.is_error();
    attempt.error = call.error;
    attempt.client_ns = Some(call.duration_ns);
    attempt.server_ns = Some(served.duration_ns);
    sink.attempt(&attempt);
}
