//! Logical edges through gateways (inference rule 1.9).
//!
//! A gateway is a node of its own: the edges to it and from it are physical and stay. Beside them a `proxied` edge says
//! who really wanted whom. Two shapes show a gateway in one trace: server spans that a proxy emitted, and an outgoing span
//! that is itself the answer to another node's outgoing span (Istio gateways emit only CLIENT spans, X9).

use std::collections::BTreeMap;

use super::calls::{Context, pair_has_failed};
use super::tree::{Side, Tree};
use super::{Attempt, Found, PeerRef, SliceSink};
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
            tree.side(*server) == Side::In
                && tree.node(*server) == tree.node(out)
                && tree.record(*server).marks.has(Marks::PROXY)
        });
        if let (Side::Out, Some(server)) = (tree.side(out), server) {
            inside.entry(server).or_default().push(out);
        }
    }
    inside
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
        Side::In => !is_other_node && tree.record(above).marks.has(Marks::PROXY),
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
                    tree.side(**answer) == Side::In && is_destination(tree, **answer)
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

/// True for a server span that is the end of the way: an application's, or its sidecar's. A gateway's is not.
fn is_destination(tree: &Tree, server: usize) -> bool {
    let record = tree.record(server);
    !record.marks.has(Marks::PROXY) || tree.node(server) != record.node
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
    attempt.relation = Relation::Proxied;
    attempt.found = Found::Paired;
    attempt.request = tree.request(out);
    attempt.has_failed = pair_has_failed(call, served);
    attempt.error = call.error;
    attempt.client_ns = Some(call.duration_ns);
    attempt.server_ns = Some(served.duration_ns);
    sink.attempt(&attempt);
}
