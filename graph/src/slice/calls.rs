//! Outgoing spans to attempts and logical calls (inference rules 1.4.11, 1.6 and 1.10).

use std::collections::BTreeMap;

use super::answers::{Answers, is_send};
use super::chains::{self, Chain, Sibling, Try};
use super::steps::Steps;
use super::tree::{Side, Tree};
use super::units::{Unit, Units};
use super::{Attempt, End, Event, Found, PeerRef, SliceSink};
use crate::egress::is_http_system;
use crate::hazards::{Sign, Signs};
use crate::names::{LabelId, NodeId, Tables, WordId};
use crate::peer::MessageRole;
use crate::record::{Marks, SpanRecord};
use crate::segment::skew::SkewBounds;
use crate::snapshot::Relation;
use crate::span::SpanKind;

/// What every step of this module reads.
#[derive(Clone, Copy)]
pub(super) struct Context<'a> {
    pub(super) tree: &'a Tree<'a>,
    pub(super) answers: &'a Answers,
    pub(super) steps: &'a Steps,
    pub(super) names: &'a Tables,
}

pub(super) fn emit(
    context: Context<'_>,
    units: &Units,
    siblings: &mut Vec<Sibling>,
    sink: &mut impl SliceSink,
) {
    for span in 0..context.tree.len() {
        if context.steps.is_upkeep(span) {
            let mut attempt = evidence_only(context, span);
            attempt.has_failed = context.tree.record(span).is_error();
            attempt.error = context.tree.record(span).error;
            attempt.flags.is_upkeep = true;
            attempt.signs = pool(context, span);
            sink.attempt(&attempt);
        }
    }
    for step in context.steps.left_over() {
        let mut attempt = evidence_only(context, *step);
        attempt.flags.is_socket = true;
        sink.attempt(&attempt);
    }
    let dialling = units.iter().filter(|unit| dials(context, *unit));
    chains::find(context, dialling, siblings, |chain| {
        chain_attempts(context, chain, sink);
    });
}

/// False for units that hand over a message without saying to which broker: the flow shows them, no dial does.
fn dials(context: Context<'_>, unit: Unit<'_>) -> bool {
    let (answers, names) = (context.answers, context.names);
    let address = |span: &usize| names.peer_traits(context.steps.address(*span));
    if unit.members.iter().any(|span| address(span).has_address())
        || unit.leaves.iter().any(|leaf| answers.is_answered(*leaf))
    {
        return true;
    }
    let is_create = context.tree.record(unit.top).role == MessageRole::Create;
    let is_sent = || unit.members.iter().any(|span| answers.is_sent(*span));
    let is_known = unit.members.iter().any(|span| {
        let peer = names.peer_traits(context.tree.record(*span).peer);
        peer.has_name() || peer.has_system()
    });
    !is_create && (is_known || !is_sent())
}

/// Shows that the edge exists; sends no request.
fn evidence_only(context: Context<'_>, span: usize) -> Attempt {
    let record = context.tree.record(span);
    let peer = PeerRef {
        base: record.peer,
        address: context.steps.address(span),
    };
    let mut attempt = Attempt::alone(context.tree.node(span), peer, record);
    attempt.is_call = false;
    attempt.is_attempt = false;
    attempt
}

fn chain_attempts(context: Context<'_>, chain: Chain<'_>, sink: &mut impl SliceSink) {
    let last = chain.tries.len() - 1;
    for (position, attempt) in chain.tries.iter().enumerate() {
        let is_last = position == last;
        let place = Place {
            is_call: is_last,
            is_only: last == 0,
            is_first: position == 0,
            lost_attempts: if is_last { chain.lost_attempts } else { 0 },
            is_redirect: chain.is_redirect,
        };
        if context.answers.is_answered(attempt.leaf) {
            answered(context, attempt, place, sink);
        } else {
            alone(context, attempt, place, sink);
        }
    }
}

/// Where an attempt stands in its chain.
#[derive(Clone, Copy)]
struct Place {
    is_call: bool,
    /// The call took one attempt.
    is_only: bool,
    is_first: bool,
    lost_attempts: u32,
    is_redirect: bool,
}

/// The attempt as its outgoing span tells it; the caller fills in what the other half adds.
fn outgoing(context: Context<'_>, attempt: &Try, place: Place) -> Attempt {
    let leaf = context.tree.record(attempt.leaf);
    let judge = judge(context, attempt, place);
    let caller = context.tree.node(attempt.leaf);
    let mut sent = Attempt::alone(caller, attempt.peer, leaf);
    sent.from = End::of(context.tree.speaker(attempt.leaf));
    sent.request = context.tree.request(attempt.leaf);
    sent.is_call = place.is_call;
    if sent.word == WordId::FIRST {
        let wrapper = attempt.wrapper.map(|wrapper| context.tree.record(wrapper));
        sent.word = wrapper.map_or(WordId::FIRST, |wrapper| wrapper.word);
    }
    sent.has_failed = judge.is_error();
    sent.error = judge.error;
    sent.lost_attempts = place.lost_attempts;
    // With several attempts the outermost span's time is that of all of them.
    let timed = if place.is_only {
        judge
    } else {
        context.tree.record(attempt.outer)
    };
    sent.client_ns = Some(timed.duration_ns);
    sent.flags.is_redirect = place.is_redirect;
    sent.signs = signs(context, attempt, place);
    sent
}

/// What its spans show. An attempt that follows another is a resend, unless it went elsewhere because it was told to.
fn signs(context: Context<'_>, attempt: &Try, place: Place) -> Signs {
    let leaf = context.tree.record(attempt.leaf);
    let mut signs = leaf.signs.and(context.tree.record(attempt.outer).signs);
    if place.is_only {
        signs = signs.and(judge(context, attempt, place).signs);
    }
    if !place.is_redirect {
        signs.add_if(Sign::Resent, leaf.resend > 0 || place.lost_attempts > 0);
        signs.add_if(Sign::Repeated, !place.is_first || attempt.follows_failure);
    }
    signs
}

/// A step of a pool shows that there is one; what is over HTTP has its own pools, which Envoy does not see idle.
fn pool(context: Context<'_>, span: usize) -> Signs {
    let peer = context.names.peer(context.tree.record(span).peer);
    let mut signs = context.tree.record(span).signs;
    signs.add_if(Sign::Pool, !is_http_system(&peer.scheme));
    signs
}

/// The outermost span knows how the whole call ended.
fn judge<'a>(context: Context<'a>, attempt: &Try, place: Place) -> &'a SpanRecord {
    let span = match attempt.wrapper {
        Some(wrapper) if place.is_call => wrapper,
        _ => attempt.outer,
    };
    context.tree.record(span)
}

fn alone(context: Context<'_>, attempt: &Try, place: Place, sink: &mut impl SliceSink) {
    let mut sent = outgoing(context, attempt, place);
    let peer = context.names.peer_traits(attempt.peer.base);
    if (peer.is_plain() || peer.is_rpc()) && !is_send(context.tree, attempt.leaf) {
        sink.event(context.tree.node(attempt.leaf), Event::WithoutServerHalf);
        sent.open = Some(context.tree.record(attempt.leaf).span_id);
    }
    sink.attempt(&sent);
}

/// Splits the answers by node: the first real one gets the call, others are mirrors or further targets (rule 1.4.11).
fn answered(context: Context<'_>, attempt: &Try, place: Place, sink: &mut impl SliceSink) {
    let tree = context.tree;
    let answers = context.answers.of(attempt.leaf);
    if let [only] = answers {
        let rank = rank(context, tree.node(*only), tree.record(*only).start_ns);
        to_rank(context, attempt, place, (&rank, answers, true), sink);
        return;
    }
    let mut first_start: BTreeMap<NodeId, u64> = BTreeMap::new();
    for answer in answers {
        let start = first_start.entry(tree.node(*answer)).or_insert(u64::MAX);
        *start = (*start).min(tree.record(*answer).start_ns);
    }
    let mut by_node: BTreeMap<NodeRank<'_>, Vec<usize>> = BTreeMap::new();
    for answer in answers {
        let node = tree.node(*answer);
        let rank = rank(context, node, first_start[&node]);
        by_node.entry(rank).or_default().push(*answer);
    }
    for (position, (rank, group)) in by_node.iter().enumerate() {
        let answers = (rank, group.as_slice(), position == 0);
        to_rank(context, attempt, place, answers, sink);
    }
}

fn rank(context: Context<'_>, node: NodeId, first_start_ns: u64) -> NodeRank<'_> {
    NodeRank {
        is_shadow: context.names.node_traits(node).is_shadow(),
        first_start_ns,
        name: context.names.node(node).display_name(),
        node,
    }
}

/// The answers of one node, which may be the first of those that answered.
fn to_rank(
    context: Context<'_>,
    attempt: &Try,
    place: Place,
    (rank, group, is_first): (&NodeRank<'_>, &[usize], bool),
    sink: &mut impl SliceSink,
) {
    let mut sent = outgoing(context, attempt, place);
    sent.callee = Some(rank.node);
    sent.signs = sent.signs.answered();
    let out_end = context.tree.record(attempt.leaf).end_ns();
    sent.flags.is_mirror = rank.is_shadow || (!is_first && rank.first_start_ns >= out_end);
    sent.flags.is_multi = !is_first && !sent.flags.is_mirror;
    if !is_first {
        sent.is_call = true;
        sent.lost_attempts = 0;
    }
    to_node(context, attempt, place, (group, sent), sink);
}

/// Order of the nodes that answered one outgoing span.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct NodeRank<'a> {
    is_shadow: bool,
    first_start_ns: u64,
    name: &'a str,
    node: NodeId,
}

/// All answers of one node to one outgoing span: several server spans are attempts that the client did not see.
fn to_node(
    context: Context<'_>,
    attempt: &Try,
    place: Place,
    (group, mut sent): (&[usize], Attempt),
    sink: &mut impl SliceSink,
) {
    let tree = context.tree;
    let is_server = |answer: &usize| tree.side(*answer) == Side::In;
    let mut several = Vec::new();
    let servers = match group {
        [only] if is_server(only) => group,
        [_] => &[],
        _ => {
            several.extend(group.iter().copied().filter(is_server));
            // The attempt that ended like the call was the last: servers need not agree about the time.
            several.sort_by_key(|server| {
                let record = tree.record(*server);
                let decides = record.is_error() == sent.has_failed;
                (decides, record.start_ns, *server)
            });
            &several
        }
    };
    let Some((last, earlier)) = servers.split_last() else {
        let is_producer = tree.record(attempt.leaf).kind == SpanKind::Producer;
        sent.found = Found::Parent;
        sent.relation = if is_producer {
            Relation::Async
        } else {
            Relation::Sync
        };
        let answer = group.first().map(|answer| tree.record(*answer));
        sent.weights.server = answer.map(SpanRecord::sampled);
        sink.attempt(&sent);
        return;
    };
    sent.found = Found::of_pair(tree.record(attempt.leaf), tree.record(*last));
    for server in earlier {
        let record = tree.record(*server);
        let mut weights = sent.weights;
        weights.server = Some(record.sampled());
        let mut signs = sent.signs;
        signs.add(Sign::AnsweredTwice);
        sink.attempt(&Attempt {
            weights,
            signs,
            skew: None,
            is_call: false,
            has_failed: record.is_error(),
            lost_attempts: 0,
            client_ns: None,
            server_ns: Some(record.duration_ns),
            error: record.error,
            to: Some(End::of(tree.speaker(*server))),
            ..sent.clone()
        });
    }
    let server = tree.record(*last);
    sent.server_ns = Some(server.duration_ns);
    sent.weights.server = Some(server.sampled());
    sent.to = Some(End::of(tree.speaker(*last)));
    sent.skew = Some(skew(tree.record(attempt.leaf), server, earlier.is_empty()));
    if earlier.is_empty() {
        judge_pair(judge(context, attempt, place), server, &mut sent);
    }
    sink.attempt(&sent);
}

/// What a pair says of the clocks. A client that failed may have given up before the server did.
fn skew(client: &SpanRecord, server: &SpanRecord, is_only: bool) -> SkewBounds {
    SkewBounds::of_pair(
        (client.start_ns, client.duration_ns),
        (server.start_ns, server.duration_ns),
        is_only && !client.is_error(),
    )
}

/// One attempt fails when either half is in error, except for a 4xx that only the client calls an error (B42).
fn judge_pair(client: &SpanRecord, server: &SpanRecord, sent: &mut Attempt) {
    sent.has_failed = pair_has_failed(client, server);
    if sent.error == LabelId::FIRST {
        sent.error = server.error;
    }
}

pub(super) fn pair_has_failed(client: &SpanRecord, server: &SpanRecord) -> bool {
    let is_client_fault = client.marks.has(Marks::CLIENT_FAULT);
    (client.is_error() && !is_client_fault) || server.is_error()
}

/// The peer of one leaf: category from the outermost span that has one, address from the innermost (rule 1.6).
pub(super) fn peer_of(context: Context<'_>, unit: Unit<'_>, leaf: usize, is_only: bool) -> PeerRef {
    let says_more = |span: &usize| {
        let peer = context.tree.record(*span).peer;
        let peer = context.names.peer_traits(peer);
        !peer.is_plain() || peer.has_name()
    };
    let base = if is_only {
        unit.members.iter().copied().find(says_more).unwrap_or(leaf)
    } else {
        leaf
    };
    let has_address = |span: &usize| {
        let peer = context.steps.address(*span);
        context.names.peer_traits(peer).has_address()
    };
    let mut innermost_first = std::iter::once(leaf).chain(unit.members.iter().rev().copied());
    let address = if is_only {
        innermost_first.find(has_address).unwrap_or(leaf)
    } else {
        leaf
    };
    PeerRef {
        base: context.tree.record(base).peer,
        address: context.steps.address(address),
    }
}
