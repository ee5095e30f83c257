//! Logical edges through gateways (inference rule 1.9).
//!
//! A gateway is a node of its own: the edges to it and from it are physical and stay. Beside them a `proxied` edge says
//! who really wanted whom. Three shapes show a gateway in one trace:
//! - an outgoing span that is itself the answer to another node's outgoing span (Istio gateways emit only CLIENT, X9);
//! - a server span that a proxy emitted, with what it passed on;
//! - a server span of a node that is called like a gateway, if exactly one call leaves it (X11), or none and exactly
//!   one other node serves below it (X10). A name alone proves little, so everything beyond one-to-one is left alone.
//!
//! A sidecar is no gateway: what goes on behind it is its workload's own doing, also when the workload has no spans.

use std::collections::BTreeMap;

use super::calls::{Context, pair_has_failed};
use super::tree::{Side, Tree};
use super::{Attempt, End, Found, PeerRef, SliceSink};
use crate::names::NodeId;
use crate::record::Marks;
use crate::snapshot::Relation;

/// Gateways behind gateways are followed this far.
const MAX_HOPS: usize = 8;

pub(super) fn emit(context: Context<'_>, sink: &mut impl SliceSink) {
    let Some(passed) = Passed::find(context) else {
        return;
    };
    for out in 0..context.tree.len() {
        let is_first = context.tree.side(out) == Side::Out && !passed.is_relay(context, out);
        if is_first && context.answers.is_answered(out) {
            follow(context, &passed, out, sink);
        }
    }
}

/// A call on its way through gateways.
#[derive(Debug, Clone, Copy)]
struct Relay {
    /// The outgoing span that passed it on.
    out: usize,
    /// How sure the way so far is: as its weakest hop.
    found: Found,
}

impl Relay {
    /// The evidence with one more hop, from the span that passed the call on to the one that received it.
    fn reaching(self, tree: &Tree<'_>, server: usize) -> Found {
        let hop = Found::of_pair(tree.record(self.out), tree.record(server));
        match (self.found, hop) {
            (Found::Shared, hop) => hop,
            (found, _) => found,
        }
    }
}

/// What gateways of a slice passed on, by their server spans.
#[derive(Debug, Default)]
struct Passed {
    /// Outgoing spans of the gateway.
    calls: BTreeMap<usize, Vec<usize>>,
    /// Server spans of other nodes that follow without an outgoing span between.
    servers: BTreeMap<usize, Vec<usize>>,
    /// Servers join the spans of their callers (B3).
    shares_ids: bool,
}

impl Passed {
    /// `None` when the slice has no gateway of any shape.
    fn find(context: Context<'_>) -> Option<Self> {
        let tree = context.tree;
        let mut passed = Self::default();
        let mut has_gateway = false;
        let is_called = |server: usize| {
            context.names.is_gateway(tree.node(server))
                && !tree.record(server).marks.has(Marks::PROXY)
        };
        for span in 0..tree.len() {
            let Some(above) = tree.above(span) else {
                continue;
            };
            let is_inside = tree.node(above) == tree.node(span);
            match (tree.side(above), tree.side(span)) {
                (Side::Out, Side::Out) => has_gateway |= !is_inside,
                (Side::In, Side::Out)
                    if is_inside && (is_gateway(tree, above) || is_called(above)) =>
                {
                    passed.calls.entry(above).or_default().push(span);
                }
                (Side::In, Side::In) if !is_inside && is_called(above) => {
                    passed.servers.entry(above).or_default().push(span);
                }
                _ => {}
            }
        }
        let calls = &passed.calls;
        passed
            .servers
            .retain(|server, below| below.len() == 1 && !calls.contains_key(server));
        passed.calls.retain(|server, calls| {
            if is_gateway(tree, *server) {
                calls.retain(|out| is_upstream_half(tree, *out));
                return !calls.is_empty();
            }
            calls.len() == 1
        });
        has_gateway |= !passed.calls.is_empty() || !passed.servers.is_empty();
        passed.shares_ids = has_gateway && shares_ids(context);
        has_gateway.then_some(passed)
    }

    /// True for an outgoing span that passes on what another node sent: it answers that node's outgoing span, or lies
    /// inside the server span of a gateway.
    fn is_relay(&self, context: Context<'_>, out: usize) -> bool {
        let tree = context.tree;
        let Some(above) = tree.above(out) else {
            return false;
        };
        match tree.side(above) {
            Side::Out => tree.node(above) != tree.node(out),
            Side::In => self
                .calls
                .get(&above)
                .is_some_and(|calls| calls.contains(&out)),
            Side::Any => false,
        }
    }

    /// The outgoing spans with which gateways passed a call on.
    fn relays(&self, context: Context<'_>, relay: Relay) -> Vec<Relay> {
        let tree = context.tree;
        let answers = context.answers.of(relay.out);
        // With a server span beside it, an outgoing span is that server's own call.
        let serves = |span: usize| {
            let mut same = answers.iter().filter(|a| tree.node(**a) == tree.node(span));
            same.any(|answer| tree.side(*answer) == Side::In)
        };
        // Under shared ids a service whose server span was lost looks like a gateway that has none.
        let may_be_lost =
            |span: usize| self.shares_ids && !tree.record(span).marks.has(Marks::PROXY);
        let mut relays = Vec::new();
        for answer in answers {
            if tree.side(*answer) == Side::Out {
                let found = Found::Parent;
                let is_relay = !serves(*answer) && !may_be_lost(*answer);
                relays.extend(is_relay.then_some(Relay {
                    out: *answer,
                    found,
                }));
            } else {
                let found = relay.reaching(tree, *answer);
                let calls = self.calls.get(answer).into_iter().flatten();
                relays.extend(calls.map(|out| Relay { out: *out, found }));
            }
        }
        relays
    }

    /// The server spans that gateways without outgoing spans led this call to.
    fn led_to(&self, context: Context<'_>, out: usize) -> Vec<usize> {
        let answers = context.answers.of(out).iter();
        let servers = answers.flat_map(|answer| self.servers.get(answer).into_iter().flatten());
        servers.copied().collect()
    }

    /// The servers where the way of a call ends after this relay.
    fn ends(&self, context: Context<'_>, relay: Relay) -> impl Iterator<Item = Reached> {
        let tree = context.tree;
        let is_end =
            |server: &usize| tree.side(*server) == Side::In && !self.passes_on(context, *server);
        let answers = context.answers.of(relay.out).iter().copied();
        let ends: Vec<usize> = answers.filter(is_end).collect();
        let led = self
            .led_to(context, relay.out)
            .into_iter()
            .map(move |server| {
                let found = match relay.found {
                    Found::Shared => Found::Paired,
                    found => found,
                };
                (server, found)
            });
        let ends = ends.into_iter();
        ends.map(move |server| (server, relay.reaching(tree, server)))
            .chain(led)
    }

    fn passes_on(&self, context: Context<'_>, server: usize) -> bool {
        is_gateway(context.tree, server)
            || self.calls.contains_key(&server)
            || self.servers.contains_key(&server)
    }
}

/// True when some server joined the span of its caller.
fn shares_ids(context: Context<'_>) -> bool {
    let tree = context.tree;
    (0..tree.len()).any(|out| {
        let id = tree.record(out).span_id;
        let mut answers = context.answers.of(out).iter();
        answers.any(|answer| tree.side(*answer) == Side::In && tree.record(*answer).span_id == id)
    })
}

/// The server span of a proxy for whose request `out` was sent upstream.
#[inline]
pub(super) fn passed_on_for(tree: &Tree<'_>, out: usize) -> Option<usize> {
    let server = tree.above(out)?;
    let is_one_node = || tree.node(server) == tree.node(out);
    (is_gateway(tree, server) && is_one_node() && is_upstream_half(tree, out)).then_some(server)
}

/// A proxy's span with a request of its own is no upstream half: between the two the request was in the workload.
fn is_upstream_half(tree: &Tree<'_>, out: usize) -> bool {
    tree.side(out) == Side::Out && !tree.record(out).marks.has(Marks::RECEIVED)
}

/// True for a server span of a proxy that stands for itself.
fn is_gateway(tree: &Tree<'_>, span: usize) -> bool {
    if !tree.has_any(Marks::PROXY) || tree.side(span) != Side::In {
        return false;
    }
    let marks = tree.record(span).marks;
    marks.has(Marks::PROXY) && !marks.has(Marks::SIDECAR)
}

/// A server span that a call came to through gateways, and how sure the way is.
type Reached = (usize, Found);

/// Follows a call through the gateways that passed it on, to the nodes that served it.
fn follow(context: Context<'_>, passed: &Passed, out: usize, sink: &mut impl SliceSink) {
    let tree = context.tree;
    let mut reached: BTreeMap<NodeId, Vec<Reached>> = BTreeMap::new();
    let mut reach = |(server, found): Reached| {
        let own = reached.entry(tree.node(server)).or_default();
        own.push((server, found));
    };
    let led = passed.led_to(context, out).into_iter();
    led.map(|server| (server, Found::Paired))
        .for_each(&mut reach);
    let first = Relay {
        out,
        found: Found::Shared,
    };
    let mut relays = passed.relays(context, first);
    for _ in 0..MAX_HOPS {
        let mut further = Vec::new();
        for relay in relays {
            passed.ends(context, relay).for_each(&mut reach);
            if !context.answers.is_answered(relay.out) {
                to_address(context, out, relay.out, sink);
            }
            further.extend(passed.relays(context, relay));
        }
        if further.is_empty() {
            break;
        }
        relays = further;
    }
    reached.remove(&tree.node(out));
    // In the order of their spans: ids of nodes depend on arrival.
    let mut reached: Vec<Vec<Reached>> = reached.into_values().collect();
    reached.sort_by_key(|servers| servers.iter().map(|(server, _)| *server).min());
    for servers in reached {
        to_servers(context, out, servers, sink);
    }
}

/// One call to one node; of several server spans the last is the call's, and those before it are attempts. The logical
/// edge is as sure as the weakest hop: a gateway that shows only what it sent could as well be a service whose server
/// span was lost.
fn to_servers(
    context: Context<'_>,
    out: usize,
    mut servers: Vec<Reached>,
    sink: &mut impl SliceSink,
) {
    let tree = context.tree;
    servers.sort_by_key(|(server, _)| (tree.record(*server).start_ns, *server));
    let last = servers.len().saturating_sub(1);
    for (position, (server, found)) in servers.into_iter().enumerate() {
        let served = tree.record(server);
        let mut attempt = logical(context, out);
        attempt.callee = Some(tree.node(server));
        attempt.found = found;
        attempt.server_ns = Some(served.duration_ns);
        attempt.weights.server = Some(served.sampled());
        attempt.has_failed = pair_has_failed(tree.record(out), served);
        if position < last {
            attempt.is_call = false;
            attempt.has_failed = served.is_error();
            attempt.error = served.error;
            attempt.client_ns = None;
        }
        sink.attempt(&attempt);
    }
}

/// To where a gateway passed the call on, when nobody answered there (X55).
fn to_address(context: Context<'_>, out: usize, relay: usize, sink: &mut impl SliceSink) {
    let peer = PeerRef {
        base: context.tree.record(relay).peer,
        address: context.steps.address(relay),
    };
    if context.names.peer_traits(peer.address).has_address() {
        let mut attempt = logical(context, out);
        attempt.peer = peer;
        sink.attempt(&attempt);
    }
}

fn logical(context: Context<'_>, out: usize) -> Attempt {
    let call = context.tree.record(out);
    let mut attempt = Attempt::alone(context.tree.node(out), PeerRef::NONE, call);
    attempt.from = End::of(context.tree.speaker(out));
    attempt.relation = Relation::Proxied;
    attempt.request = context.tree.request(out);
    attempt.has_failed = call.is_error();
    attempt.error = call.error;
    attempt.client_ns = Some(call.duration_ns);
    attempt
}
