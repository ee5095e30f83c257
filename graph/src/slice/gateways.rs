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
    let passing = Passing {
        inside: outgoing_by_server(context),
        shares_ids: shares_ids(context),
    };
    for out in 0..context.tree.records().len() {
        let is_first = context.tree.side(out) == Side::Out && !is_relay(context, out);
        if is_first && context.answers.is_answered(out) {
            follow(context, &passing, out, sink);
        }
    }
}

/// How gateways of a slice show.
struct Passing {
    /// Outgoing spans by the server span of a proxy that they belong to.
    inside: BTreeMap<usize, Vec<usize>>,
    /// Servers join the spans of their callers (B3).
    shares_ids: bool,
}

fn shares_ids(context: Context<'_>) -> bool {
    let tree = context.tree;
    (0..tree.records().len()).any(|out| {
        let id = tree.record(out).span_id;
        let mut answers = context.answers.of(out).iter();
        answers.any(|answer| tree.side(*answer) == Side::In && tree.record(*answer).span_id == id)
    })
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
                && is_gateway(tree, *server)
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
        Side::In => !is_other_node && is_gateway(tree, above),
        Side::Any => false,
    }
}

/// A call on its way through gateways.
#[derive(Clone, Copy)]
struct Relay {
    /// The outgoing span that passed it on.
    out: usize,
    /// How sure the way so far is: as its weakest hop.
    found: Found,
}

impl Relay {
    /// The evidence with one more hop, from the span that passed the call on to the one that received it.
    fn reaching(self, tree: &Tree, server: usize) -> Found {
        let hop = Found::of_pair(tree.record(self.out), tree.record(server));
        match (self.found, hop) {
            (Found::Shared, hop) => hop,
            (found, _) => found,
        }
    }
}

/// Follows a call through the gateways that passed it on, to the nodes that served it.
fn follow(context: Context<'_>, passing: &Passing, out: usize, sink: &mut impl SliceSink) {
    let tree = context.tree;
    let first = Relay {
        out,
        found: Found::Shared,
    };
    let mut relays = relays_of(context, passing, first);
    for _ in 0..MAX_HOPS {
        let mut further = Vec::new();
        for relay in relays {
            let next = relays_of(context, passing, relay);
            let servers =
                context.answers.of(relay.out).iter().filter(|answer| {
                    tree.side(**answer) == Side::In && is_destination(tree, **answer)
                });
            for server in servers {
                logical(context, (out, *server), relay, sink);
            }
            further.extend(next);
        }
        if further.is_empty() {
            return;
        }
        relays = further;
    }
}

/// True for a server span that passes on what it serves.
fn is_gateway(tree: &Tree, server: usize) -> bool {
    let marks = tree.record(server).marks;
    marks.has(Marks::PROXY) && !marks.has(Marks::INBOUND)
}

/// True for a server span that is the end of the way: an application's, or its sidecar's. A gateway's is not.
fn is_destination(tree: &Tree, server: usize) -> bool {
    !is_gateway(tree, server) || tree.node(server) != tree.record(server).node
}

/// The outgoing spans with which gateways passed a call on.
fn relays_of(context: Context<'_>, passing: &Passing, relay: Relay) -> Vec<Relay> {
    let mut relays = Vec::new();
    for answer in context.answers.of(relay.out) {
        let record = context.tree.record(*answer);
        if context.tree.side(*answer) == Side::Out {
            // Under shared ids a service whose server span was lost looks like a gateway that has none.
            if passing.shares_ids && !record.marks.has(Marks::PROXY) {
                continue;
            }
            relays.push(Relay {
                out: *answer,
                found: Found::Parent,
            });
        } else {
            let passed_on = passing.inside.get(answer).into_iter().flatten();
            let found = relay.reaching(context.tree, *answer);
            relays.extend(passed_on.map(|out| Relay { out: *out, found }));
        }
    }
    relays
}

/// The logical edge is as sure as the surest evidence that all gateways on the way give: a gateway that shows only what
/// it sent could as well be a service whose server span was lost.
fn logical(
    context: Context<'_>,
    (out, server): (usize, usize),
    relay: Relay,
    sink: &mut impl SliceSink,
) {
    let tree = context.tree;
    if tree.node(out) == tree.node(server) {
        return;
    }
    let (call, served) = (tree.record(out), tree.record(server));
    let mut attempt = Attempt::alone(tree.node(out), PeerRef::NONE, call);
    attempt.callee = Some(tree.node(server));
    attempt.relation = Relation::Proxied;
    attempt.found = relay.reaching(tree, server);
    attempt.request = tree.request(out);
    attempt.has_failed = pair_has_failed(call, served);
    attempt.error = call.error;
    attempt.client_ns = Some(call.duration_ns);
    attempt.server_ns = Some(served.duration_ns);
    sink.attempt(&attempt);
}
