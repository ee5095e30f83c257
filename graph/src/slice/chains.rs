//! Attempts that belong to one logical call (inference rule 1.10).
//!
//! Only three things say that an attempt repeats an earlier one: `http.request.resend_count` above zero, a failed sibling
//! inside one wrapper, and a failed sibling below the one span of a gateway's request. Calls that merely follow each other are calls of their own (X78).

use std::collections::BTreeMap;

use super::PeerRef;
use super::calls::{Context, peer_of};
use super::gateways::passed_on_for;
use super::units::Unit;
use crate::names::NodeId;
use crate::record::Marks;
use crate::span::SpanId;

/// One outgoing span that went to the wire.
#[derive(Debug, Clone)]
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
#[derive(Debug)]
pub(super) struct Chain {
    pub(super) tries: Vec<Try>,
    /// Attempts that resend counts prove, but no span shows.
    pub(super) lost_attempts: u32,
    /// A resend to another host than the attempt before.
    pub(super) is_redirect: bool,
}

/// Destination of an attempt as far as one slice knows it: dialled name, else answering node, else address.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Place {
    Address(String),
    Node(NodeId),
    Unknown,
}

/// Attempts by the parent and the node that they share.
type Siblings = BTreeMap<(Option<SpanId>, NodeId), Vec<(Place, Try)>>;

/// All chains of a slice, in canonical order.
pub(super) fn find(context: Context<'_>, units: &[&Unit]) -> Vec<Chain> {
    let mut chains = Vec::new();
    let mut siblings: Siblings = BTreeMap::new();
    let mut passed_on: BTreeMap<(usize, Place), Vec<Try>> = BTreeMap::new();
    for unit in units {
        let by_place = by_place(context, unit);
        let is_only = by_place.len() == 1;
        for (place, leaves) in by_place {
            let tries: Vec<Try> = leaves
                .iter()
                .map(|leaf| Try {
                    leaf: *leaf,
                    outer: if leaves.len() == 1 && is_only {
                        unit.top
                    } else {
                        *leaf
                    },
                    wrapper: unit.wrapper().filter(|_| is_only),
                    peer: peer_of(context, unit, *leaf, is_only),
                    follows_failure: false,
                })
                .collect();
            let server = passed_on_for(context.tree, unit.top).filter(|_| is_only);
            if let Some(server) = server {
                passed_on.entry((server, place)).or_default().extend(tries);
            } else if let ([only], true) = (tries.as_slice(), is_only) {
                let record = context.tree.record(only.outer);
                let key = (record.parent_id, context.tree.node(only.outer));
                siblings.entry(key).or_default().push((place, only.clone()));
            } else {
                chains.extend(inside_wrapper(context, tries));
            }
        }
    }
    for tries in passed_on.into_values() {
        chains.extend(inside_wrapper(context, tries));
    }
    for group in siblings.into_values() {
        among_siblings(context, group, &mut chains);
    }
    chains
}

fn by_place(context: Context<'_>, unit: &Unit) -> BTreeMap<Place, Vec<usize>> {
    let mut by_place: BTreeMap<Place, Vec<usize>> = BTreeMap::new();
    for leaf in &unit.leaves {
        by_place
            .entry(place(context, *leaf))
            .or_default()
            .push(*leaf);
    }
    by_place
}

fn place(context: Context<'_>, leaf: usize) -> Place {
    let peer = context.names.peer(context.steps.address(leaf));
    let address = peer.best_address();
    let first_answer = context.answers.of(leaf).first();
    match (address, first_answer) {
        // The next attempt goes to another pod of the same service.
        (Some(address), Some(answer)) if address.ip().is_some() => {
            Place::Node(context.tree.node(*answer))
        }
        (Some(address), _) => Place::Address(address.to_string()),
        (None, Some(answer)) => Place::Node(context.tree.node(*answer)),
        (None, None) => Place::Unknown,
    }
}

/// Inside a wrapper, an attempt repeats the one before if that failed, or if it says so itself (X74).
fn inside_wrapper(context: Context<'_>, mut tries: Vec<Try>) -> Vec<Chain> {
    tries.sort_by_key(|attempt| (context.tree.record(attempt.leaf).start_ns, attempt.leaf));
    let mut chains: Vec<Chain> = Vec::new();
    for attempt in tries {
        let is_repeat = chains
            .last()
            .and_then(|chain| chain.tries.last())
            .is_some_and(|before| {
                let resends = context.tree.record(attempt.leaf).resend > 0;
                resends || context.tree.record(before.leaf).is_error()
            });
        match chains.last_mut().filter(|_| is_repeat) {
            Some(chain) => chain.tries.push(attempt),
            None => chains.push(single(attempt)),
        }
    }
    chains
}

fn single(attempt: Try) -> Chain {
    Chain {
        tries: vec![attempt],
        lost_attempts: 0,
        is_redirect: false,
    }
}

/// Siblings under one parent: grouped by method and target, resends joined to what they repeat.
fn among_siblings(context: Context<'_>, mut group: Vec<(Place, Try)>, chains: &mut Vec<Chain>) {
    if group
        .iter()
        .all(|(_, attempt)| resend(context, attempt) == 0)
    {
        if group.len() > 1 {
            mark_followers(context, &mut group);
        }
        chains.extend(group.into_iter().map(|(_, attempt)| single(attempt)));
        return;
    }
    let first_elsewhere = first_by_place(context, &group);
    let mut by_target: BTreeMap<(String, Place), Vec<Try>> = BTreeMap::new();
    for (place, attempt) in group {
        let method = &context.names.peer(attempt.peer.base).method;
        by_target
            .entry((method.clone(), place))
            .or_default()
            .push(attempt);
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
        resend_chains(context, tries, is_elsewhere_first, chains);
    }
}

/// Marks what a client may have sent again by itself. Fails for work in a loop, of which one step failed and the next went on.
fn mark_followers(context: Context<'_>, group: &mut [(Place, Try)]) {
    let mut same: BTreeMap<_, Vec<usize>> = BTreeMap::new();
    for (index, (place, attempt)) in group.iter().enumerate() {
        let record = context.tree.record(attempt.outer);
        let what = (place.clone(), record.operation, record.word);
        same.entry(what).or_default().push(index);
    }
    for mut calls in same.into_values().filter(|calls| calls.len() > 1) {
        let record = |index: usize| context.tree.record(group[index].1.outer);
        calls.sort_by_key(|index| (record(*index).start_ns, *index));
        let mut followers = Vec::new();
        for (before, after) in calls.iter().zip(calls.iter().skip(1)) {
            let failed = record(*before);
            let has_failed = failed.is_error() && !failed.marks.has(Marks::CLIENT_FAULT);
            if has_failed && failed.end_ns() <= record(*after).start_ns {
                followers.push(*after);
            }
        }
        for index in followers {
            group[index].1.follows_failure = true;
        }
    }
}

/// How often the attempt was sent before: a sidecar does not know, the application inside whose span it stands does.
fn resend(context: Context<'_>, attempt: &Try) -> u16 {
    let told = |span: usize| context.tree.record(span).resend;
    told(attempt.leaf).max(told(attempt.outer))
}

/// The earliest start per target; at most two targets matter to any question asked of it.
fn first_by_place(context: Context<'_>, group: &[(Place, Try)]) -> Vec<(Place, u64)> {
    let mut firsts: BTreeMap<&Place, u64> = BTreeMap::new();
    for (place, attempt) in group {
        let start = context.tree.record(attempt.leaf).start_ns;
        let first = firsts.entry(place).or_insert(start);
        *first = start.min(*first);
    }
    let mut firsts: Vec<_> = firsts.into_iter().map(|(p, s)| (p.clone(), s)).collect();
    firsts.sort_by(|a, b| (a.1, &a.0).cmp(&(b.1, &b.0)));
    firsts.truncate(2);
    firsts
}

fn resend_chains(
    context: Context<'_>,
    tries: Vec<Try>,
    is_elsewhere_first: impl Fn(u64) -> bool,
    chains: &mut Vec<Chain>,
) {
    let mut own: Vec<Chain> = Vec::new();
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
                let mut chain = single(attempt);
                chain.is_redirect = is_redirect;
                chain.lost_attempts = if is_redirect { 0 } else { u32::from(count) };
                own.push(chain);
                own.len() - 1
            }
        };
        open.entry(count).or_default().put(index, has_failed);
    }
    chains.append(&mut own);
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
