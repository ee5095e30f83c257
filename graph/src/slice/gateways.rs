//! Logical edges through gateways (inference rule 1.9).
//!
//! A gateway is a node of its own: the edges to it and from it are physical and stay. Beside them a `proxied` edge says
//! who really wanted whom. Two shapes show a gateway in one trace: server spans that a proxy emitted, and an outgoing span
//! that is itself the answer to another node's outgoing span (Istio gateways emit only CLIENT spans, X9). A sidecar is no
//! gateway: what goes on behind it is its workload's own doing, also when the workload has no spans.

use std::collections::BTreeMap;

use super::calls::Context;
use super::tree::{Side, Tree};
use super::{Attempt, End, Found, PeerRef, SliceSink};
use crate::names::NodeId;
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

/// Outgoing spans by the server span of a gateway that they belong to.
fn outgoing_by_server(context: Context<'_>) -> BTreeMap<usize, Vec<usize>> {
    let mut inside: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for out in 0..context.tree.records().len() {
        if let Some(server) = passed_on_for(context.tree, out) {
            inside.entry(server).or_default().push(out);
        }
    }
    inside
}

/// The server span of a gateway of which `out` is the upstream half. A proxy's span with a request of its own is another
/// matter: between the two the request was in the workload.
pub(super) fn passed_on_for(tree: &Tree, out: usize) -> Option<usize> {
    let server = tree.boundary(tree.parent(out)?)?;
    let is_half = tree.side(out) == Side::Out && !tree.record(out).marks.has(Marks::RECEIVED);
    let is_one_node = tree.node(server) == tree.node(out);
    (is_half && is_one_node && is_gateway(tree, server)).then_some(server)
}

/// True for a server span of a proxy that stands for itself.
fn is_gateway(tree: &Tree, span: usize) -> bool {
    let marks = tree.record(span).marks;
    tree.side(span) == Side::In && marks.has(Marks::PROXY) && !marks.has(Marks::SIDECAR)
}

/// True for an outgoing span that passes on what another node sent: it answers that node's outgoing span, or lies inside
/// the server span of a proxy.
fn is_relay(context: Context<'_>, out: usize) -> bool {
    let tree = context.tree;
    let above = tree.parent(out).and_then(|parent| tree.boundary(parent));
    let answers_another = above
        .is_some_and(|above| tree.side(above) == Side::Out && tree.node(above) != tree.node(out));
    answers_another || passed_on_for(tree, out).is_some()
}

/// Follows a call through the gateways that passed it on, to the nodes that served it.
fn follow(
    context: Context<'_>,
    inside: &BTreeMap<usize, Vec<usize>>,
    out: usize,
    sink: &mut impl SliceSink,
) {
    let tree = context.tree;
    let mut reached: BTreeMap<NodeId, Vec<usize>> = BTreeMap::new();
    let mut relays = relays_of(context, inside, out);
    for _ in 0..MAX_HOPS {
        let mut further = Vec::new();
        for relay in relays {
            let next = relays_of(context, inside, relay);
            let servers =
                context.answers.of(relay).iter().filter(|answer| {
                    tree.side(**answer) == Side::In && !is_gateway(tree, **answer)
                });
            for server in servers {
                let node = tree.node(*server);
                reached.entry(node).or_default().push(*server);
            }
            further.extend(next);
        }
        if further.is_empty() {
            break;
        }
        relays = further;
    }
    // Nodes in the order of their spans: ids depend on arrival.
    let mut reached: Vec<Vec<usize>> = reached.into_values().collect();
    reached.sort();
    for servers in reached {
        logical(context, out, servers, sink);
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

/// One call to one node; of several server spans the last is the call's, and those before it are attempts.
fn logical(context: Context<'_>, out: usize, mut servers: Vec<usize>, sink: &mut impl SliceSink) {
    let tree = context.tree;
    servers.sort_by_key(|server| (tree.record(*server).start_ns, *server));
    let call = tree.record(out);
    let last = servers.len().saturating_sub(1);
    for (position, server) in servers.into_iter().enumerate() {
        if tree.node(out) == tree.node(server) {
            continue;
        }
        let served = tree.record(server);
        let is_call = position == last;
        let mut attempt = Attempt::alone(tree.node(out), PeerRef::NONE, call);
        attempt.callee = Some(tree.node(server));
        attempt.from = End::of(tree.speaker(out));
        attempt.relation = Relation::Proxied;
        attempt.found = Found::Paired;
        attempt.is_call = is_call;
        attempt.has_failed = served.is_error() || (is_call && call.is_error());
        attempt.error = if is_call { call.error } else { served.error };
        attempt.client_ns = is_call.then_some(call.duration_ns);
        attempt.server_ns = Some(served.duration_ns);
        sink.attempt(&attempt);
    }
}
