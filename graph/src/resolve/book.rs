//! The address book: which service stands behind a dialled address (inference rule 1.7).
//!
//! Learnt from calls whose both halves were seen; a pod's word for its own address fills in where there are none. An
//! address behind which two services answered is shared, and deciding by majority would be guessing. The book decides
//! names, never egress clusters: those use the dialled address.

use std::collections::{BTreeMap, BTreeSet};

use super::NodeRef;
use super::ports::Ports;
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
    /// Who claims an address by its own resource: (environment, IP address of a pod) -> nodes.
    claims: BTreeMap<(String, String), BTreeSet<NodeRef>>,
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
    pub(super) fn learn(segment: &Segment, ports: &Ports) -> Self {
        let mut book = Self::default();
        let forwarders = forwarders(segment, ports);
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
            if let Some(address) = learnable(&ports.complete(caller, &key.peer)) {
                let place = place(caller, address);
                if forwarders.contains(&(callee, place.clone())) {
                    continue;
                }
                let votes = book.votes.entry(place).or_default();
                *votes.entry(NodeRef::of_key(callee)).or_default() += stats.paired_attempts;
            }
        }
        for (key, stats) in &segment.nodes {
            for ip in &stats.pod_ips {
                let place = (key.environment.clone(), ip.clone());
                let nodes = book.claims.entry(place).or_default();
                nodes.insert(NodeRef::of_key(key));
            }
        }
        book
    }

    /// Looks an address up as this caller would dial it.
    pub(super) fn look_up(&self, caller: &NodeKey, peer: &Peer) -> Option<Entry> {
        let address = learnable(peer)?;
        let Some(votes) = self.votes.get(&place(caller, address)) else {
            return self.claimed(caller, address);
        };
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

    /// A pod's own word for its address is a weak vote: it counts where no call was paired, and only if nobody else
    /// claims the address, as a sidecar or the next owner of a reused address would.
    fn claimed(&self, caller: &NodeKey, address: &Address) -> Option<Entry> {
        let place = (caller.environment.clone(), address.host.clone());
        let nodes = self.claims.get(&place)?;
        let only = nodes.first().filter(|_| nodes.len() == 1)?;
        Some(Entry::Single {
            node: only.clone(),
            votes: 1,
        })
    }
}

/// The dialled name; the socket only when there is no name at all. Loopback and unspecified addresses tell nothing.
fn learnable(peer: &Peer) -> Option<&Address> {
    peer.best_address()
        .filter(|address| !is_loopback(&address.host))
}

/// Nodes that dial an address, and never answer themselves there: if such a node answers that address for others, it is
/// a forward proxy that passes their calls on (X55). Fails for a service that calls itself by its own address and of whose
/// calls not one was paired: its address is then not learnt.
fn forwarders<'a>(segment: &'a Segment, ports: &Ports) -> BTreeSet<(&'a NodeKey, Place)> {
    let mut dials = BTreeSet::new();
    let mut answers = BTreeSet::new();
    for key in segment.edges.keys() {
        let Caller::Node(caller) = &key.caller else {
            continue;
        };
        let peer = ports.complete(caller, &key.peer);
        let Some(address) = learnable(&peer) else {
            continue;
        };
        let dialled = (caller, place(caller, address));
        if key.callee.as_ref() == Some(caller) {
            answers.insert(dialled);
        } else {
            dials.insert(dialled);
        }
    }
    dials.retain(|dialled| !answers.contains(dialled));
    dials
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
