//! Attempts that belong to one logical call (inference rule 1.10).
//!
//! Only three things say that an attempt repeats an earlier one: `http.request.resend_count` above zero, a failed sibling
//! inside one wrapper, and a failed sibling below the one span of a gateway's request. Calls that merely follow each other are calls of their own (X78).

use std::cmp::Ordering;
use std::collections::BTreeMap;

use super::PeerRef;
use super::calls::{Context, peer_of};
use super::gateways::passed_on_for;
use super::units::Unit;
use crate::names::NodeId;
use crate::peer::Address;
use crate::record::Marks;

/// One outgoing span that went to the wire.
#[derive(Debug, Clone, Copy)]
pub(super) struct Try {
    pub(super) leaf: usize,
    /// The outermost span of this attempt alone: what the application told around its sidecar's span.
    pub(super) outer: usize,
    /// The outermost span around it, when it stands for the whole call.
    pub(super) wrapper: Option<usize>,
    pub(super) peer: PeerRef,
    /// It follows a failed sibling that called the same thing: perhaps a resend, and a call of its own all the same.
    pub(super) follows_failure: bool,
}

/// Attempts of one logical call, in order; never empty.
#[derive(Debug, Clone, Copy)]
pub(super) struct Chain<'a> {
    pub(super) tries: &'a [Try],
    /// Attempts that resend counts prove, but no span shows.
    pub(super) lost_attempts: u32,
    /// A resend to another host than the attempt before.
    pub(super) is_redirect: bool,
}

impl<'a> Chain<'a> {
    /// Of attempts of which every one is seen.
    const fn whole(tries: &'a [Try]) -> Self {
        Self {
            tries,
            lost_attempts: 0,
            is_redirect: false,
        }
    }
}

/// Destination of an attempt as far as one slice knows it: dialled name, else answering node, else address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Place<'a> {
    Address(Dialled<'a>),
    Node(NodeId),
    Unknown,
}

/// An address, in the order of what is written for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Dialled<'a>(&'a Address);

impl Ord for Dialled<'_> {
    fn cmp(&self, other: &Self) -> Ordering {
        if self.0 == other.0 {
            return Ordering::Equal;
        }
        self.0.to_string().cmp(&other.0.to_string())
    }
}

impl PartialOrd for Dialled<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// Tells all chains of a slice. `siblings` is reused from slice to slice.
pub(super) fn find<'u>(
    context: Context<'_>,
    units: impl Iterator<Item = Unit<'u>>,
    siblings: &mut Vec<Try>,
    mut tell: impl FnMut(Chain<'_>),
) {
    siblings.clear();
    let mut passed_on: BTreeMap<(usize, Place<'_>), Vec<Try>> = BTreeMap::new();
    for unit in units {
        let server = passed_on_for(context.tree, unit.top);
        if let ([leaf], None) = (unit.leaves, server) {
            siblings.push(alone(context, unit, *leaf));
            continue;
        }
        let by_place = by_place(context, unit);
        let is_only = by_place.len() == 1;
        for (place, leaves) in by_place {
            let is_alone = is_only && leaves.len() == 1;
            let mut tries: Vec<Try> = leaves
                .iter()
                .map(|leaf| Try {
                    leaf: *leaf,
                    outer: if is_alone { unit.top } else { *leaf },
                    wrapper: unit.wrapper().filter(|_| is_only),
                    peer: peer_of(context, unit, *leaf, is_only),
                    follows_failure: false,
                })
                .collect();
            match server.filter(|_| is_only) {
                Some(server) => passed_on.entry((server, place)).or_default().extend(tries),
                None => inside_wrapper(context, &mut tries, &mut tell),
            }
        }
    }
    for mut tries in passed_on.into_values() {
        inside_wrapper(context, &mut tries, &mut tell);
    }
    among_all_siblings(context, siblings, &mut tell);
}

/// The attempt of a unit with one leaf.
fn alone(context: Context<'_>, unit: Unit<'_>, leaf: usize) -> Try {
    Try {
        leaf,
        outer: unit.top,
        wrapper: unit.wrapper(),
        peer: peer_of(context, unit, leaf, true),
        follows_failure: false,
    }
}

fn by_place<'a>(context: Context<'a>, unit: Unit<'_>) -> BTreeMap<Place<'a>, Vec<usize>> {
    let mut by_place: BTreeMap<Place<'_>, Vec<usize>> = BTreeMap::new();
    for leaf in unit.leaves {
        by_place
            .entry(place(context, *leaf))
            .or_default()
            .push(*leaf);
    }
    by_place
}

fn place(context: Context<'_>, leaf: usize) -> Place<'_> {
    let peer = context.names.peer(context.steps.address(leaf));
    let address = peer.best_address();
    let first_answer = context.answers.of(leaf).first();
    match (address, first_answer) {
        // The next attempt goes to another pod of the same service.
        (Some(address), Some(answer)) if address.ip().is_some() => {
            Place::Node(context.tree.node(*answer))
        }
        (Some(address), _) => Place::Address(Dialled(address)),
        (None, Some(answer)) => Place::Node(context.tree.node(*answer)),
        (None, None) => Place::Unknown,
    }
}

/// Inside a wrapper, an attempt repeats the one before if that failed, or if it says so itself (X74).
fn inside_wrapper(context: Context<'_>, tries: &mut [Try], tell: &mut impl FnMut(Chain<'_>)) {
    tries
        .sort_unstable_by_key(|attempt| (context.tree.record(attempt.leaf).start_ns, attempt.leaf));
    let repeats = |before: &Try, attempt: &Try| {
        let resends = context.tree.record(attempt.leaf).resend > 0;
        resends || context.tree.record(before.leaf).is_error()
    };
    for tries in tries.chunk_by(repeats) {
        tell(Chain::whole(tries));
    }
}

/// Units under one parent. Where nothing failed and nothing says that it was sent again, each is a call, and who else is
/// there does not matter: nearly always.
fn among_all_siblings(
    context: Context<'_>,
    siblings: &mut [Try],
    tell: &mut impl FnMut(Chain<'_>),
) {
    let is_plain = |attempt: &Try| {
        !context.tree.record(attempt.outer).is_error() && resend(context, attempt) == 0
    };
    if siblings.iter().all(is_plain) {
        for attempt in siblings {
            tell(Chain::whole(std::slice::from_ref(attempt)));
        }
        return;
    }
    let under = |attempt: &Try| {
        let record = context.tree.record(attempt.outer);
        (record.parent_id, context.tree.node(attempt.outer))
    };
    siblings.sort_by_cached_key(|attempt| (under(attempt), attempt.outer));
    for group in siblings.chunk_by_mut(|a, b| under(a) == under(b)) {
        among_siblings(context, group, tell);
    }
}

/// Siblings under one parent: grouped by method and target, resends joined to what they repeat.
fn among_siblings(context: Context<'_>, siblings: &mut [Try], tell: &mut impl FnMut(Chain<'_>)) {
    if siblings.iter().all(|attempt| resend(context, attempt) == 0) {
        let may_follow = |attempt: &Try| has_failed(context, attempt);
        if siblings.len() > 1 && siblings.iter().any(may_follow) {
            mark_followers(context, siblings);
        }
        for attempt in siblings {
            tell(Chain::whole(std::slice::from_ref(attempt)));
        }
        return;
    }
    let group = siblings
        .iter()
        .map(|attempt| (place(context, attempt.leaf), *attempt));
    let group: Vec<(Place<'_>, Try)> = group.collect();
    let first_elsewhere = first_by_place(context, &group);
    let mut by_target: BTreeMap<(&str, Place<'_>), Vec<Try>> = BTreeMap::new();
    for (place, attempt) in group {
        let method = context.names.peer(attempt.peer.base).method.as_str();
        by_target.entry((method, place)).or_default().push(attempt);
    }
    for ((_, place), mut tries) in by_target {
        tries.sort_by_key(|attempt| {
            let record = context.tree.record(attempt.leaf);
            (record.start_ns, resend(context, attempt), attempt.leaf)
        });
        let is_elsewhere_first = |start_ns: u64| {
            first_elsewhere
                .iter()
                .any(|(other, first)| *other != place && *first <= start_ns)
        };
        resend_chains(context, tries, is_elsewhere_first, tell);
    }
}

/// True for what a client may send again.
fn has_failed(context: Context<'_>, attempt: &Try) -> bool {
    let record = context.tree.record(attempt.outer);
    record.is_error() && !record.marks.has(Marks::CLIENT_FAULT)
}

/// Marks what a client may have sent again by itself. Fails for work in a loop, of which one step failed and the next went on.
fn mark_followers(context: Context<'_>, group: &mut [Try]) {
    let mut same: BTreeMap<_, Vec<usize>> = BTreeMap::new();
    for (index, attempt) in group.iter().enumerate() {
        let record = context.tree.record(attempt.outer);
        let place = place(context, attempt.leaf);
        let what = (place, record.operation, record.word);
        same.entry(what).or_default().push(index);
    }
    for mut calls in same.into_values().filter(|calls| calls.len() > 1) {
        let record = |index: usize| context.tree.record(group[index].outer);
        calls.sort_by_key(|index| (record(*index).start_ns, *index));
        let mut followers = Vec::new();
        for (before, after) in calls.iter().zip(calls.iter().skip(1)) {
            let has_failed = has_failed(context, &group[*before]);
            if has_failed && record(*before).end_ns() <= record(*after).start_ns {
                followers.push(*after);
            }
        }
        for index in followers {
            group[index].follows_failure = true;
        }
    }
}

/// How often the attempt was sent before: a sidecar does not know, the application inside whose span it stands does.
fn resend(context: Context<'_>, attempt: &Try) -> u16 {
    let told = |span: usize| context.tree.record(span).resend;
    told(attempt.leaf).max(told(attempt.outer))
}

/// The earliest start per target; at most two targets matter to any question asked of it.
fn first_by_place<'a>(context: Context<'_>, group: &[(Place<'a>, Try)]) -> Vec<(Place<'a>, u64)> {
    let mut firsts: BTreeMap<Place<'a>, u64> = BTreeMap::new();
    for (place, attempt) in group {
        let start = context.tree.record(attempt.leaf).start_ns;
        let first = firsts.entry(*place).or_insert(start);
        *first = start.min(*first);
    }
    let mut firsts: Vec<_> = firsts.into_iter().collect();
    firsts.sort_by_key(|(place, start)| (*start, *place));
    firsts.truncate(2);
    firsts
}

fn resend_chains(
    context: Context<'_>,
    tries: Vec<Try>,
    is_elsewhere_first: impl Fn(u64) -> bool,
    tell: &mut impl FnMut(Chain<'_>),
) {
    let mut own: Vec<Resent> = Vec::new();
    let mut open: BTreeMap<u16, OpenChains> = BTreeMap::new();
    for attempt in tries {
        let record = context.tree.record(attempt.leaf);
        let count = resend(context, &attempt);
        let has_failed = context.tree.record(attempt.outer).is_error();
        let before = open
            .range_mut(..count)
            .next_back()
            .and_then(|(last, waiting)| Some((*last, waiting.take()?)));
        open.retain(|_, waiting| !waiting.is_empty());
        let index = match before {
            Some((last, index)) => {
                own[index].lost_attempts += u32::from(count - last - 1);
                own[index].tries.push(attempt);
                index
            }
            None => {
                let is_redirect = count > 0 && is_elsewhere_first(record.start_ns);
                own.push(Resent {
                    tries: vec![attempt],
                    lost_attempts: if is_redirect { 0 } else { u32::from(count) },
                    is_redirect,
                });
                own.len() - 1
            }
        };
        open.entry(count).or_default().put(index, has_failed);
    }
    for chain in &own {
        tell(Chain {
            tries: &chain.tries,
            lost_attempts: chain.lost_attempts,
            is_redirect: chain.is_redirect,
        });
    }
}

/// A chain that grows.
#[derive(Debug)]
struct Resent {
    tries: Vec<Try>,
    lost_attempts: u32,
    is_redirect: bool,
}

/// Chains whose last attempt has one resend count, latest last.
#[derive(Debug, Default)]
struct OpenChains {
    failed: Vec<usize>,
    succeeded: Vec<usize>,
}

impl OpenChains {
    fn put(&mut self, chain: usize, has_failed: bool) {
        if has_failed {
            self.failed.push(chain);
        } else {
            self.succeeded.push(chain);
        }
    }

    /// A resend repeats what failed last; what succeeded is repeated only when nothing failed.
    fn take(&mut self) -> Option<usize> {
        self.failed.pop().or_else(|| self.succeeded.pop())
    }

    fn is_empty(&self) -> bool {
        self.failed.is_empty() && self.succeeded.is_empty()
    }
}
