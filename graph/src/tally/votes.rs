//! Votes of the address book while a shard counts them, keyed by interned ids.

use std::collections::HashMap;

use crate::names::{NodeId, Tables, WordId};
use crate::peer::{Category, Peer};
use crate::segment::Segment;
use crate::segment::votes::{VoteKey, Votes};
use crate::slice::{Attempt, PeerRef};
use crate::snapshot::Relation;

/// Caller, callee, what was dialled, words of the path.
type VoteIds = (NodeId, NodeId, PeerRef, WordId);

/// Votes since the last flush.
#[derive(Debug, Default)]
pub(super) struct VoteTally {
    votes: HashMap<VoteIds, Votes>,
    /// Votes given up because of the cap.
    pub(super) dropped: u64,
}

impl VoteTally {
    /// Counts a paired attempt. A mirrored or hedged copy is no owner of what was dialled.
    pub(super) fn count(&mut self, attempt: &Attempt, cap: usize) {
        let is_vote = attempt.found.is_pair()
            && attempt.is_attempt
            && attempt.relation == Relation::Sync
            && !attempt.flags.is_mirror
            && !attempt.flags.is_multi
            && attempt.peer != PeerRef::NONE;
        let (true, Some(callee)) = (is_vote, attempt.callee) else {
            return;
        };
        let key = (attempt.caller, callee, attempt.peer, attempt.word);
        if self.votes.len() >= cap && !self.votes.contains_key(&key) {
            self.dropped += 1;
            return;
        }
        self.votes.entry(key).or_default().add(attempt.start_ns);
    }

    /// Puts names to the votes.
    pub(super) fn name_into(&self, names: &Tables, segment: &mut Segment) {
        self.votes
            .iter()
            .for_each(|((caller, callee, peer, word), votes)| {
                let peer = Peer::joined(names.peer(peer.base), names.peer(peer.address));
                let is_messaging = matches!(peer.category, Category::Messaging { .. });
                let key = VoteKey {
                    caller: names.node(*caller).clone(),
                    callee: names.node(*callee).clone(),
                    // The peer name of a message is its broker, whoever consumes it.
                    name: peer.name.clone().filter(|_| !is_messaging),
                    address: peer.best_address().cloned(),
                    word: names.word(*word).to_owned(),
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
                        let merged = segment.votes.entry(key.clone()).or_default();
                        merged.merge(votes, &key);
                    }
                }
            });
        segment
            .votes
            .values_mut()
            .for_each(|votes| votes.spells.cap());
    }
}
