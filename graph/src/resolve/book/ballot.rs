//! What the votes for one address or name say about calls of one time.
//!
//! A name has one owner unless votes say otherwise; an IP address changes hands. Several owners are never settled by
//! majority: below 95 % a name is shared, and an address between two owners is unclear.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::super::NodeRef;
use crate::identity::NodeKey;
use crate::resolve::policy::{CONFIRMING_VOTES, IP_REACH_NS, NAME_QUIET_NS, NAME_REACH_NS};
use crate::segment::votes::{Spells, VoteKey, Votes};

/// First start and last end of calls.
pub(in crate::resolve) type When = (u64, u64);

/// What the book knows about an address or a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::resolve) enum Entry {
    /// Votes go to one node.
    Single { node: NodeRef, votes: u64 },
    /// Several nodes answered.
    Shared { candidates: Vec<NodeRef> },
    /// An IP address that had one owner before and another one after.
    Unclear,
}

/// Votes for one address or name, or for one part of its calls.
#[derive(Debug, Default)]
pub(super) struct Ballot<'a> {
    nodes: BTreeMap<NodeRef, Votes>,
    /// Who answered each caller. Most votes are of many callers for one node: hashing them is several times as fast as
    /// ordering them, and nothing asks for their order.
    callers: HashMap<&'a NodeKey, Answers<'a>>,
    /// True when some caller was answered by two nodes.
    is_divided: bool,
}

/// Votes of one caller.
#[derive(Debug)]
struct Answers<'a> {
    /// The node that answered, or the first of them.
    node: &'a NodeKey,
    votes: u64,
}

impl<'a> Ballot<'a> {
    /// Adds the votes of one key.
    pub(super) fn add(&mut self, node: &NodeRef, key: &'a VoteKey, votes: &Votes) {
        match self.nodes.get_mut(node) {
            Some(sum) => sum.merge(votes, key),
            None => {
                let sum = self.nodes.entry(node.clone()).or_default();
                sum.merge(votes, key);
            }
        }
        let own = self.callers.entry(&key.caller).or_insert(Answers {
            node: &key.callee,
            votes: 0,
        });
        own.votes += votes.count;
        self.is_divided |= *own.node != key.callee && NodeRef::of_key(own.node) != *node;
    }

    /// The owner of a name: 95 % of at least one vote, among the nodes whose votes reach the calls.
    pub(super) fn of_name(&self, when: When) -> Option<Entry> {
        let within = |reach: u64| -> Vec<(&NodeRef, u64)> {
            let nodes = self.nodes.iter();
            nodes
                .filter(|(_, votes)| votes.spells.reach(when, reach))
                .map(|(node, votes)| (node, votes.count))
                .collect()
        };
        let total = |pool: &[(&NodeRef, u64)]| pool.iter().map(|(_, count)| count).sum::<u64>();
        let mut pool = within(NAME_QUIET_NS);
        if total(&pool) < CONFIRMING_VOTES {
            pool = within(NAME_REACH_NS);
        }
        let (node, most) = pool.iter().copied().max_by_key(|(_, count)| *count)?;
        let is_single = u128::from(most) * 20 >= u128::from(total(&pool)) * 19;
        Some(if is_single {
            Entry::Single {
                node: node.clone(),
                votes: most,
            }
        } else {
            Entry::Shared {
                candidates: pool.iter().map(|(node, _)| (*node).clone()).collect(),
            }
        })
    }

    /// The owner for one caller, where who calls decides who answers: split-horizon names, canaries pinned to a caller.
    ///
    /// Demands that no caller was answered by two nodes, that this one has enough votes to be no accident, and that the
    /// callers of other nodes have as many. Else an address is simply shared.
    pub(super) fn of_caller(&self, caller: &NodeKey) -> Option<Entry> {
        let own = self.callers.get(caller).filter(|_| !self.is_divided)?;
        let node = NodeRef::of_key(own.node);
        let all: u64 = self.nodes.values().map(|votes| votes.count).sum();
        let others = all.saturating_sub(self.nodes.get(&node)?.count);
        let is_certain = own.votes >= CONFIRMING_VOTES && others >= CONFIRMING_VOTES;
        is_certain.then_some(Entry::Single {
            node,
            votes: own.votes,
        })
    }

    /// The owner of an IP address at the time of the calls; `claims` are the words of pods about themselves.
    pub(super) fn of_ip(&self, when: When, claims: &Claims) -> Option<Entry> {
        let votes = || self.nodes.iter().map(|(node, votes)| (node, &votes.spells));
        let owners = owners(votes(), when);
        match (owners.len(), owners.first()) {
            (0, _) => of_claims(claims, when),
            (1, Some(node)) => Some(self.against_claims(node, when, claims)),
            _ => Some(Entry::Unclear),
        }
    }

    /// A node that claims the address now, and did not while the voted owner answered, is the next owner. One that did
    /// stands beside the owner, as a sidecar does.
    fn against_claims(&self, owner: &NodeRef, when: When, claims: &Claims) -> Entry {
        let votes = &self.nodes[owner];
        let claiming = owners(claims.iter(), when);
        let is_beside = |rival: &NodeRef| {
            let mut spells = votes.spells.iter();
            spells.any(|spell| claims[rival].reach(spell, 0))
        };
        let has_rival = claiming
            .iter()
            .any(|rival| *rival != owner && !is_beside(rival));
        let is_proved = votes.spells.reach(when, 0) || claiming.contains(owner);
        if has_rival && !is_proved {
            return of_claims(claims, when).unwrap_or(Entry::Unclear);
        }
        Entry::Single {
            node: owner.clone(),
            votes: votes.count,
        }
    }
}

/// Who says that an address is its own, and when.
pub(super) type Claims = BTreeMap<NodeRef, Spells>;

/// The owner by its own word: a weak vote, which counts if nobody else claims the address around that time, as a sidecar or
/// the next owner of a reused address would.
pub(super) fn of_claims(claims: &Claims, when: When) -> Option<Entry> {
    let mut owners = claims
        .iter()
        .filter(|(_, spells)| spells.reach(when, IP_REACH_NS));
    match (owners.next(), owners.next()) {
        (Some((only, _)), None) => Some(Entry::Single {
            node: only.clone(),
            votes: 1,
        }),
        _ => None,
    }
}

/// Nodes that may have owned an address at some moment of the calls: those seen there then; and, where that leaves the
/// start or the end of the calls open, those seen last before or first after, if not too long ago.
fn owners<'a>(
    all: impl Iterator<Item = (&'a NodeRef, &'a Spells)>,
    (first_ns, last_ns): When,
) -> BTreeSet<&'a NodeRef> {
    let mut owners = BTreeSet::new();
    let (mut is_start_known, mut is_end_known) = (false, false);
    let (mut before, mut after) = (Nearest::default(), Nearest::default());
    for (node, spells) in all {
        for (start, end) in spells.iter() {
            if end < first_ns {
                before.offer(first_ns - end, node);
            } else if start > last_ns {
                after.offer(start - last_ns, node);
            } else {
                owners.insert(node);
                is_start_known |= start <= first_ns;
                is_end_known |= last_ns <= end;
            }
        }
    }
    if !is_start_known {
        owners.extend(before.nodes);
    }
    if !is_end_known {
        owners.extend(after.nodes);
    }
    owners
}

/// The nodes at the smallest distance within reach.
#[derive(Debug, Default)]
struct Nearest<'a> {
    distance_ns: u64,
    nodes: Vec<&'a NodeRef>,
}

impl<'a> Nearest<'a> {
    fn offer(&mut self, distance_ns: u64, node: &'a NodeRef) {
        let is_nearer = self.nodes.is_empty() || distance_ns < self.distance_ns;
        if distance_ns > IP_REACH_NS || (!is_nearer && distance_ns > self.distance_ns) {
            return;
        }
        if is_nearer {
            self.nodes.clear();
            self.distance_ns = distance_ns;
        }
        self.nodes.push(node);
    }
}
