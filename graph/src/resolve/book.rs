//! The address book: which service stands behind a dialled address (inference rule 1.7).
//!
//! Learnt only from calls whose both halves were seen. An address behind which two services answered is shared, and
//! deciding by majority would be guessing. It decides names, never egress clusters: those use the dialled address.

use std::collections::BTreeMap;

use super::NodeRef;
use crate::identity::NodeKey;
use crate::peer::{Address, Peer, is_loopback};
use crate::segment::{Caller, Segment};
use crate::snapshot::Relation;

/// Environment, caller namespace (short names only), host, port.
type Place = (String, String, String, Option<u16>);

/// Votes per address.
#[derive(Debug, Default)]
pub(super) struct Book {
    votes: BTreeMap<Place, BTreeMap<NodeRef, u64>>,
}

/// What the book knows about an address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Entry {
    /// All votes go to one node.
    Single { node: NodeRef, votes: u64 },
    /// Several nodes answered.
    Shared,
}

impl Book {
    pub(super) fn learn(segment: &Segment) -> Self {
        let mut book = Self::default();
        for (key, stats) in &segment.edges {
            let (Caller::Node(caller), Some(callee)) = (&key.caller, &key.callee) else {
                continue;
            };
            if stats.paired_attempts == 0 || key.relation != Relation::Sync {
                continue;
            }
            // A mirrored or hedged copy is no owner of the address.
            if stats.flags.contains_key("mirror") || stats.flags.contains_key("multi") {
                continue;
            }
            if let Some(address) = learnable(&key.peer) {
                let votes = book.votes.entry(place(caller, address)).or_default();
                *votes.entry(NodeRef::of_key(callee)).or_default() += stats.paired_attempts;
            }
        }
        book
    }

    /// Looks an address up as this caller would dial it.
    pub(super) fn look_up(&self, caller: &NodeKey, peer: &Peer) -> Option<Entry> {
        let votes = self.votes.get(&place(caller, learnable(peer)?))?;
        let total: u64 = votes.values().sum();
        let (node, most) = votes.iter().max_by_key(|(_, count)| **count)?;
        // At least 95 % of the votes: 1 of 1, 19 of 20.
        if most * 20 >= total * 19 {
            Some(Entry::Single {
                node: node.clone(),
                votes: *most,
            })
        } else {
            Some(Entry::Shared)
        }
    }
}

/// The dialled name; the socket only when there is no name at all. Loopback and unspecified addresses tell nothing.
fn learnable(peer: &Peer) -> Option<&Address> {
    peer.best_address()
        .filter(|address| !is_loopback(&address.host))
}

/// Names without a dot mean different things in different namespaces.
fn place(caller: &NodeKey, address: &Address) -> Place {
    let is_short = !address.host.contains(['.', ':']);
    let scope = if is_short {
        caller.namespace.clone()
    } else {
        String::new()
    };
    (
        caller.environment.clone(),
        scope,
        address.host.clone(),
        address.port,
    )
}
