//! Which broker a message half talks to (inference rule 1.8).
//!
//! Some clients name the bootstrap servers, some only the cluster id, some nothing but the system. A half that names no
//! address inherits the broker of the halves it exchanges messages with, if they agree.

use std::collections::{BTreeMap, BTreeSet};

use super::NodeRef;
use super::destination::Place;
use super::flows::SendIndex;
use super::services::Services;
use crate::identity::NodeKey;
use crate::peer::{Category, Peer};
use crate::segment::Segment;
use crate::snapshot::NodeKind;

/// What is known about the broker of a half that names no address.
type Half = (NodeKey, String, String);

/// Brokers learnt from correlated messages.
#[derive(Debug, Default)]
pub(super) struct Brokers {
    inherited: BTreeMap<Half, BTreeSet<NodeRef>>,
}

impl Brokers {
    pub(super) fn learn(segment: &Segment, services: &Services<'_>) -> Self {
        let mut brokers = Self::default();
        let index = SendIndex::new(segment);
        for consume in segment.consumes.values() {
            for (id, _) in &consume.refs {
                let Some((_, send)) = index.find(*id) else {
                    continue;
                };
                let producing = own_broker(&send.producer, &send.peer, services);
                let consuming = own_broker(&consume.consumer, &consume.peer, services);
                match (addressed(producing), addressed(consuming)) {
                    (Some(broker), None) => {
                        brokers.inherit(&consume.consumer, &consume.peer, broker);
                    }
                    (None, Some(broker)) => {
                        brokers.inherit(&send.producer, &send.peer, broker);
                    }
                    _ => {}
                }
            }
        }
        brokers
    }

    fn inherit(&mut self, node: &NodeKey, peer: &Peer, broker: NodeRef) {
        let half = half(node, peer);
        self.inherited.entry(half).or_default().insert(broker);
    }

    /// The broker of a half: its own, else the one it inherits, else what little it says itself.
    pub(super) fn resolve(
        &self,
        node: &NodeKey,
        peer: &Peer,
        services: &Services<'_>,
    ) -> Option<NodeRef> {
        let own = own_broker(node, peer, services);
        if own.as_ref().is_some_and(is_addressed) {
            return own;
        }
        match self.inherited.get(&half(node, peer)) {
            Some(brokers) if brokers.len() == 1 => brokers.first().cloned(),
            _ => own,
        }
    }
}

fn half(node: &NodeKey, peer: &Peer) -> Half {
    let (system, destination) = match &peer.category {
        Category::Messaging {
            system,
            destination,
            ..
        } => (system.clone(), destination.clone()),
        _ => (String::new(), String::new()),
    };
    (node.clone(), system, destination)
}

fn addressed(broker: Option<NodeRef>) -> Option<NodeRef> {
    broker.filter(is_addressed)
}

/// Named by address or by a peer name, not only by system or cluster id.
fn is_addressed(broker: &NodeRef) -> bool {
    broker.address.is_some() || broker.system.as_deref() != Some(system_of(&broker.name))
}

fn system_of(name: &str) -> &str {
    name.split('#').next().unwrap_or(name)
}

/// The broker that a half names itself: by peer name, bootstrap servers, cluster id, or system alone.
fn own_broker(node: &NodeKey, peer: &Peer, services: &Services<'_>) -> Option<NodeRef> {
    let (system, cluster_id) = match &peer.category {
        Category::Messaging {
            system, cluster_id, ..
        } => (system.as_str(), cluster_id.as_str()),
        _ => ("", ""),
    };
    let broker = |name: String, address: Option<String>| NodeRef {
        kind: NodeKind::Broker,
        environment: node.environment.clone(),
        namespace: String::new(),
        name,
        address,
        system: Some(system.to_owned()).filter(|system| !system.is_empty()),
    };
    if let Some((_, name)) = &peer.name {
        return Some(broker(name.clone(), None));
    }
    let addresses: Vec<String> = peer
        .best_address()
        .into_iter()
        .chain(&peer.also)
        .map(|address| Place::new(services, node, address).address)
        .collect();
    if !addresses.is_empty() {
        let joined = addresses.join(",");
        let name = if system.is_empty() {
            joined.clone()
        } else {
            format!("{system}@{joined}")
        };
        return Some(broker(name, Some(joined)));
    }
    match (system, cluster_id) {
        ("", _) => None,
        (system, "") => Some(broker(system.to_owned(), None)),
        (system, id) => Some(broker(format!("{system}#{id}"), None)),
    }
}
