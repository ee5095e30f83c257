//! Every edge of a segment with the nodes that it joins, before wildcards fold them and the edge table sums them.
//!
//! Calls of one caller that agree in what decides the destination are asked for together: with the time of all of them,
//! so that what is kept per address and what is kept per destination cannot come apart.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};

use super::NodeRef;
use super::book::{Question, When};
use super::destination::{Destination, Resolver};
use crate::identity::NodeKey;
use crate::peer::Peer;
use crate::segment::planning::{DestinationKey, EdgeFacts};
use crate::segment::stats::EdgeStats;
use crate::segment::{Caller, EdgeKey, Segment, Trail};
use crate::snapshot::Relation;

/// An edge of the segment, resolved.
pub(super) struct Placed<'a> {
    pub(super) key: &'a EdgeKey,
    pub(super) stats: &'a EdgeStats,
    /// What was dialled, with what other callers of the same host add to it.
    pub(super) peer: Cow<'a, Peer>,
    pub(super) caller: NodeRef,
    /// What the name of a caller without spans could stand for.
    pub(super) caller_candidates: Vec<NodeRef>,
    pub(super) destination: Destination,
}

/// Facts of calls that go the same way.
pub(super) struct PlacedFacts<'a> {
    pub(super) facts: &'a EdgeFacts,
    pub(super) relation: Relation,
    pub(super) caller: NodeRef,
    pub(super) destination: Destination,
}

/// Facts of calls to one host, whatever tells services behind it apart.
type Host<'a> = (DestinationKey<'a>, Relation);

/// When a caller made unanswered calls to a destination.
type Times<'a> = HashMap<&'a NodeKey, BTreeMap<(DestinationKey<'a>, &'a Trail), When>>;

/// Finds the nodes that edges join.
pub(super) struct Placer<'r, 'a> {
    resolver: &'r Resolver<'a>,
    times: Times<'a>,
}

impl<'r, 'a> Placer<'r, 'a> {
    pub(super) fn new(segment: &'a Segment, resolver: &'r Resolver<'a>) -> Self {
        let mut times = Times::new();
        for (key, stats) in &segment.edges {
            if let (Caller::Node(caller), None) = (&key.caller, &key.callee) {
                let own = (stats.first_ns(), stats.last_ns());
                let asked = (DestinationKey::of_peer(&key.peer), &key.trail);
                let when = times.entry(caller).or_default().entry(asked);
                let when = when.or_insert(own);
                *when = (when.0.min(own.0), when.1.max(own.1));
            }
        }
        Self { resolver, times }
    }

    /// The edges of the segment, in its order.
    pub(super) fn edges(&self, segment: &'a Segment) -> Vec<Placed<'a>> {
        let edges = segment.edges.iter();
        edges
            .map(|(key, stats)| {
                let (peer, (caller, caller_candidates), destination) = self.place(key);
                Placed {
                    key,
                    stats,
                    peer,
                    caller,
                    caller_candidates,
                    destination,
                }
            })
            .collect()
    }

    /// Facts for planning, by the host that was dialled. Those of one caller and callee follow each other in the segment.
    pub(super) fn facts(&self, segment: &'a Segment) -> impl Iterator<Item = Vec<PlacedFacts<'a>>> {
        let facts: Vec<(&EdgeKey, &EdgeFacts)> = segment.facts.iter().collect();
        let mut start = 0;
        let pairs = std::iter::from_fn(move || {
            let first = facts.get(start)?.0;
            let is_same = |key: &EdgeKey| key.caller == first.caller && key.callee == first.callee;
            let others = facts[start..].iter();
            let count = others.take_while(|(key, _)| is_same(key)).count();
            let pair = facts[start..start + count].to_vec();
            start += count;
            Some(pair)
        });
        pairs.flat_map(|pair| self.hosts(&pair).into_values())
    }

    fn hosts(
        &self,
        facts: &[(&'a EdgeKey, &'a EdgeFacts)],
    ) -> BTreeMap<Host<'a>, Vec<PlacedFacts<'a>>> {
        let mut hosts: BTreeMap<Host<'a>, Vec<PlacedFacts<'a>>> = BTreeMap::new();
        for (key, facts) in facts {
            let (_, (caller, _), destination) = self.place(key);
            let dialled = DestinationKey::of_peer(&key.peer).host();
            let host = hosts.entry((dialled, key.relation)).or_default();
            host.push(PlacedFacts {
                facts,
                relation: key.relation,
                caller,
                destination,
            });
        }
        hosts
    }

    /// What an edge dialled, and the nodes that it joins. A named caller comes from the server span that names it, so it
    /// is answered.
    fn place(&self, key: &'a EdgeKey) -> (Cow<'a, Peer>, (NodeRef, Vec<NodeRef>), Destination) {
        let resolver = self.resolver;
        match &key.caller {
            Caller::Node(node) => {
                let peer = resolver.complete(node, &key.peer);
                let destination = match &key.callee {
                    Some(callee) => Destination::answered(NodeRef::of_key(callee)),
                    None => resolver.resolve(Question {
                        caller: node,
                        peer: &peer,
                        word: &key.trail.word,
                        when: self.when(node, key),
                    }),
                };
                (peer, (NodeRef::of_key(node), Vec::new()), destination)
            }
            Caller::Named {
                environment,
                namespace,
                name,
            } => {
                let caller = resolver.named_caller(environment, namespace, name);
                let destination = match &key.callee {
                    Some(callee) => Destination::named(NodeRef::of_key(callee)),
                    None => Destination::Unresolved,
                };
                (Cow::Borrowed(&key.peer), caller, destination)
            }
        }
    }

    fn when(&self, caller: &NodeKey, key: &EdgeKey) -> When {
        let asked = (DestinationKey::of_peer(&key.peer), &key.trail);
        let times = self.times.get(caller);
        // Facts without an edge are of calls given up by a cap: any time will do.
        let when = times.and_then(|times| times.get(&asked));
        when.copied().unwrap_or((0, u64::MAX))
    }
}

/// Requests of the caller for each of these facts of one host: distinct ones where all of them reach one node; where they
/// reach several, a request counts for each way in which it called.
pub(super) fn requests(host: &[PlacedFacts<'_>]) -> Vec<u64> {
    let first = host.first().map(|placed| &placed.destination);
    let is_one = host
        .iter()
        .all(|placed| first.and_then(node) == node(&placed.destination));
    let counts_first = host.iter().any(|placed| placed.facts.first_requests > 0);
    host.iter()
        .map(|placed| match is_one && counts_first {
            true => placed.facts.first_requests,
            false => placed.facts.caller_requests,
        })
        .collect()
}

fn node(destination: &Destination) -> Option<&NodeRef> {
    match destination {
        Destination::Known(known) => Some(&known.node),
        Destination::Unresolved => None,
    }
}
