//! Outgoing spans to attempts and logical calls (inference rules 1.4.11, 1.6 and 1.10).

use std::collections::BTreeMap;

use super::answers::{Answers, is_send};
use super::chains::{self, Chain, Try};
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
    siblings: &mut Vec<Try>,
    sink: &mut impl SliceSink,
) {
    for span in context.steps.upkeep() {
        let record = context.tree.record(*span);
        let mut attempt = evidence_only(context, *span);
        attempt.has_failed = record.is_error();
        attempt.error = record.error;
        attempt.flags.is_upkeep = true;
        attempt.signs = pool(context, *span);
        sink.attempt(&attempt);
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
        let mut sent = outgoing(context, attempt, place);
        if context.answers.is_answered(attempt.leaf) {
            answered(context, attempt, place, &mut sent, sink);
        } else {
            alone(context, attempt, &mut sent, sink);
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
    let tree = context.tree;
    let leaf = tree.record(attempt.leaf);
    let judge = judge(context, attempt, place);
    let mut sent = Attempt::alone(tree.node(attempt.leaf), attempt.peer, leaf);
    sent.from = End::of(tree.speaker(attempt.leaf));
    sent.request = tree.request(attempt.leaf);
    sent.is_call = place.is_call;
    if let (WordId::FIRST, Some(wrapper)) = (leaf.word, attempt.wrapper) {
        sent.word = tree.record(wrapper).word;
    }
    sent.has_failed = judge.is_error();
    sent.error = judge.error;
    sent.lost_attempts = place.lost_attempts;
    sent.flags.is_redirect = place.is_redirect;
    sent.signs = leaf.signs.and(tree.record(attempt.outer).signs);
    // With several attempts the outermost span's time is that of all of them.
    let timed = if place.is_only {
        sent.signs = sent.signs.and(judge.signs);
        judge
    } else {
        tree.record(attempt.outer)
    };
    sent.client_ns = Some(timed.duration_ns);
    // An attempt that follows another is a resend, unless it went elsewhere because it was told to.
    if !place.is_redirect {
        let is_resent = leaf.resend > 0 || place.lost_attempts > 0;
        sent.signs.add_if(Sign::Resent, is_resent);
        let is_repeated = !place.is_first || attempt.follows_failure;
        sent.signs.add_if(Sign::Repeated, is_repeated);
    }
    sent
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

fn alone(context: Context<'_>, attempt: &Try, sent: &mut Attempt, sink: &mut impl SliceSink) {
    let peer = context.names.peer_traits(attempt.peer.base);
    if (peer.is_plain() || peer.is_rpc()) && !is_send(context.tree, attempt.leaf) {
        sink.event(sent.caller, Event::WithoutServerHalf);
        sent.open = Some(context.tree.record(attempt.leaf).span_id);
    }
    sink.attempt(sent);
}

/// The answers of one node to one outgoing span.
#[derive(Clone, Copy)]
struct Group<'a> {
    node: NodeId,
    answers: &'a [usize],
    /// It is the first of the nodes that answered.
    is_first: bool,
    is_mirror: bool,
}

/// Splits the answers by node: the first real one gets the call, others are mirrors or further targets (rule 1.4.11).
fn answered(
    context: Context<'_>,
    attempt: &Try,
    place: Place,
    sent: &mut Attempt,
    sink: &mut impl SliceSink,
) {
    let (tree, names) = (context.tree, context.names);
    let answers = context.answers.of(attempt.leaf);
    if let [only] = answers {
        let node = tree.node(*only);
        let group = Group {
            node,
            answers,
            is_first: true,
            is_mirror: names.node_traits(node).is_shadow(),
        };
        to_node(context, attempt, place, group, sent, sink);
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
        let rank = NodeRank {
            is_shadow: names.node_traits(node).is_shadow(),
            first_start_ns: first_start[&node],
            name: names.node(node).display_name(),
            node,
        };
        by_node.entry(rank).or_default().push(*answer);
    }
    let out_end = tree.record(attempt.leaf).end_ns();
    for (position, (rank, answers)) in by_node.iter().enumerate() {
        let is_first = position == 0;
        let group = Group {
            node: rank.node,
            answers,
            is_first,
            is_mirror: rank.is_shadow || (!is_first && rank.first_start_ns >= out_end),
        };
        to_node(context, attempt, place, group, &mut sent.clone(), sink);
    }
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
    group: Group<'_>,
    sent: &mut Attempt,
    sink: &mut impl SliceSink,
) {
    let tree = context.tree;
    sent.callee = Some(group.node);
    sent.signs = sent.signs.answered();
    sent.flags.is_mirror = group.is_mirror;
    if !group.is_first {
        sent.flags.is_multi = !group.is_mirror;
        sent.is_call = true;
        sent.lost_attempts = 0;
    }
    let mut several = Vec::new();
    let servers = servers(tree, group, sent.has_failed, &mut several);
    let leaf = tree.record(attempt.leaf);
    let Some((last, earlier)) = servers.split_last() else {
        sent.found = Found::Parent;
        if leaf.kind == SpanKind::Producer {
            sent.relation = Relation::Async;
        }
        let answer = group.answers.first().map(|answer| tree.record(*answer));
        sent.weights.server = answer.map(SpanRecord::sampled);
        sink.attempt(sent);
        return;
    };
    let server = tree.record(*last);
    sent.found = Found::of_pair(leaf, server);
    for server in earlier {
        sink.attempt(&unseen(tree, sent, *server));
    }
    sent.server_ns = Some(server.duration_ns);
    sent.weights.server = Some(server.sampled());
    sent.to = Some(End::of(tree.speaker(*last)));
    sent.skew = Some(skew(leaf, server, earlier.is_empty()));
    if earlier.is_empty() {
        judge_pair(judge(context, attempt, place), server, sent);
    }
    sink.attempt(sent);
}

/// The server spans among the answers of a node. The attempt that ended like the call was the last: servers need not agree
/// about the time.
fn servers<'a>(
    tree: &Tree<'_>,
    group: Group<'a>,
    has_failed: bool,
    several: &'a mut Vec<usize>,
) -> &'a [usize] {
    let is_server = |answer: &usize| tree.side(*answer) == Side::In;
    match group.answers {
        [only] if is_server(only) => group.answers,
        [_] => &[],
        answers => {
            several.extend(answers.iter().copied().filter(is_server));
            several.sort_by_key(|server| {
                let record = tree.record(*server);
                (record.is_error() == has_failed, record.start_ns, *server)
            });
            several
        }
    }
}

/// An attempt before the last one of a call, which only its server saw.
fn unseen(tree: &Tree<'_>, sent: &Attempt, server: usize) -> Attempt {
    let record = tree.record(server);
    let mut attempt = sent.clone();
    attempt.weights.server = Some(record.sampled());
    attempt.signs.add(Sign::AnsweredTwice);
    attempt.is_call = false;
    attempt.has_failed = record.is_error();
    attempt.lost_attempts = 0;
    attempt.client_ns = None;
    attempt.server_ns = Some(record.duration_ns);
    attempt.error = record.error;
    attempt.to = Some(End::of(tree.speaker(server)));
    attempt
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
    if !is_only || unit.members.len() == 1 {
        return PeerRef {
            base: context.tree.record(leaf).peer,
            address: context.steps.address(leaf),
        };
    }
    let says_more = |span: &usize| {
        let peer = context.tree.record(*span).peer;
        let peer = context.names.peer_traits(peer);
        !peer.is_plain() || peer.has_name()
    };
    let base = unit.members.iter().copied().find(says_more);
    let has_address = |span: &usize| {
        let peer = context.steps.address(*span);
        context.names.peer_traits(peer).has_address()
    };
    let mut innermost_first = std::iter::once(leaf).chain(unit.members.iter().rev().copied());
    let address = innermost_first.find(has_address);
    PeerRef {
        base: context.tree.record(base.unwrap_or(leaf)).peer,
        address: context.steps.address(address.unwrap_or(leaf)),
    }
}
