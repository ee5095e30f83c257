//! Edges while a shard counts them: one look-up per attempt leads to all that it adds to.

use super::counts::{Counts, Told};
use super::few::Few;
use super::trail::TrailIds;
use crate::hash::IdMap;
use crate::names::{NodeId, Tables, WordId};
use crate::peer::{Category, Peer};
use crate::segment::votes::{VoteKey, Votes};
use crate::segment::{Caller, EdgeKey, Segment};
use crate::slice::{Attempt, PeerRef};
use crate::snapshot::Relation;

/// Caller, callee if one answered, what was dialled, relation, and what helps to find who would have answered.
pub(super) type EdgeIds = (NodeId, Option<NodeId>, PeerRef, Relation, TrailIds);

/// Edges since the last flush, and the votes of the address book that their attempts are.
#[derive(Debug, Default)]
pub(super) struct EdgeTally {
    places: IdMap<EdgeIds, u32>,
    edges: Vec<Edge>,
    votes: usize,
    /// Votes given up because of the cap.
    pub(super) votes_dropped: u64,
}

/// One edge.
#[derive(Debug)]
struct Edge {
    ids: EdgeIds,
    counts: Counts,
    /// Place of the facts about where it leads, once there are any.
    facts: Option<u32>,
    /// By the words of the dialled path.
    votes: Few<WordId, Votes>,
}

impl EdgeTally {
    pub(super) fn len(&self) -> usize {
        self.edges.len()
    }

    /// The place of an edge, if it is known.
    pub(super) fn find(&self, ids: &EdgeIds) -> Option<u32> {
        self.places.get(ids).copied()
    }

    /// Adds an edge that [`find`](Self::find) does not know.
    pub(super) fn add(&mut self, ids: EdgeIds) -> u32 {
        let place = u32::try_from(self.edges.len()).unwrap_or(u32::MAX);
        self.edges.push(Edge {
            ids,
            counts: Counts::default(),
            facts: None,
            votes: Few::default(),
        });
        self.places.insert(ids, place);
        place
    }

    /// The counts of the edge at a place.
    pub(super) fn counts(&mut self, place: u32) -> &mut Counts {
        &mut self.edges[place as usize].counts
    }

    /// Counts an attempt of an edge that is known, or is new then.
    pub(super) fn count(&mut self, ids: EdgeIds, told: &Told) {
        let place = self.find(&ids).unwrap_or_else(|| self.add(ids));
        self.counts(place).count(told);
    }

    /// The place of the facts about where an edge leads, `first` if there was none.
    pub(super) fn facts(&mut self, place: u32, first: impl FnOnce() -> u32) -> u32 {
        let facts = &mut self.edges[place as usize].facts;
        *facts.get_or_insert_with(first)
    }

    /// Counts a paired attempt as a vote. A mirrored or hedged copy is no owner of what was dialled.
    pub(super) fn vote(&mut self, place: u32, attempt: &Attempt, max_votes: usize) {
        let is_vote = attempt.found.is_pair()
            && attempt.is_attempt
            && attempt.relation == Relation::Sync
            && !attempt.flags.is_mirror
            && !attempt.flags.is_multi
            && attempt.peer != PeerRef::NONE
            && attempt.callee.is_some();
        if !is_vote {
            return;
        }
        let votes = &mut self.edges[place as usize].votes;
        if let Some(known) = votes.get_mut(attempt.word) {
            known.add(attempt.start_ns);
        } else if self.votes < max_votes {
            self.votes += 1;
            let first = votes.get_or(attempt.word, Votes::default());
            first.add(attempt.start_ns);
        } else {
            self.votes_dropped += 1;
        }
    }

    /// Adds the edges of another tally, however many: caps are for what is counted, not for what is added up.
    pub(super) fn merge(&mut self, other: &Self) {
        self.votes_dropped += other.votes_dropped;
        for edge in &other.edges {
            let place = self.find(&edge.ids).unwrap_or_else(|| self.add(edge.ids));
            let own = &mut self.edges[place as usize];
            own.counts.merge(&edge.counts);
            own.votes.merge(&edge.votes, |votes, more| votes.join(more));
        }
    }

    /// Puts names to edges and votes.
    pub(super) fn name_into(self, names: &Tables, segment: &mut Segment) {
        for edge in self.edges {
            let key = edge_key(&edge.ids, names);
            edge.name_votes(&key.peer, names, segment);
            segment.add_edge(key, edge.counts.into_stats(names));
        }
        let votes = segment.votes.values_mut();
        votes.for_each(|votes| votes.spells.cap());
    }
}

impl Edge {
    fn name_votes(&self, peer: &Peer, names: &Tables, segment: &mut Segment) {
        let Some(callee) = self.ids.1 else {
            return;
        };
        let is_messaging = matches!(peer.category, Category::Messaging { .. });
        for (word, votes) in self.votes.iter() {
            let key = VoteKey {
                caller: names.node(self.ids.0).clone(),
                callee: names.node(callee).clone(),
                // The peer name of a message is its broker, whoever consumes it.
                name: peer.name.clone().filter(|_| !is_messaging),
                address: peer.best_address().cloned(),
                word: names.word(word).to_owned(),
                rpc_service: match &peer.category {
                    Category::Rpc { service, .. } => service.clone(),
                    _ => String::new(),
                },
            };
            // A list of addresses is one service's, whichever answered.
            let others = peer.also.iter().map(|address| VoteKey {
                name: None,
                rpc_service: String::new(),
                address: Some(address.clone()),
                ..key.clone()
            });
            for key in others.chain([key.clone()]) {
                if key.says_something() {
                    segment.add_votes(key, votes);
                }
            }
        }
    }
}

/// The key with names.
pub(super) fn edge_key(
    (caller, callee, dialled, relation, trail): &EdgeIds,
    names: &Tables,
) -> EdgeKey {
    EdgeKey {
        caller: Caller::Node(names.node(*caller).clone()),
        callee: callee.map(|callee| names.node(callee).clone()),
        peer: Peer::joined(names.peer(dialled.base), names.peer(dialled.address)),
        relation: *relation,
        trail: trail.named(names),
    }
}
