//! Which broker a message half talks to (inference rule 1.8).
//!
//! Some clients name the bootstrap servers, some only the cluster id or the socket, some nothing but the system. Halves
//! that exchange messages, or name one cluster id, share a broker: a half that names no address takes the one that
//! the others name, if they agree. Two named brokers stay two (mirroring, Z8), and then nobody inherits.

use std::collections::{BTreeMap, BTreeSet};

use petgraph::unionfind::UnionFind;

use super::NodeRef;
use super::flows::SendIndex;
use super::place::Place;
use super::services::Services;
use crate::identity::NodeKey;
use crate::peer::{Category, Peer};
use crate::segment::Segment;
use crate::snapshot::NodeKind;

/// One end of a message flow, or the cluster id or socket that several ends name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Vertex {
    /// Node, system, destination.
    Half(NodeKey, String, String),
    /// Environment, cluster id.
    Cluster(String, String),
    /// Environment, socket address.
    Socket(String, String),
}

/// Brokers learnt from correlated messages.
#[derive(Debug, Default)]
pub(super) struct Brokers {
    groups: BTreeMap<Vertex, usize>,
    /// Brokers that members of a group name by address.
    named: BTreeMap<usize, BTreeSet<NodeRef>>,
}

impl Brokers {
    pub(super) fn learn(segment: &Segment, services: &Services<'_>) -> Self {
        let sends = segment.sends.values().map(|s| (&s.producer, &s.peer));
        let consumes = segment.consumes.values().map(|c| (&c.consumer, &c.peer));
        let halves: BTreeSet<(&NodeKey, &Peer)> = sends.chain(consumes).collect();
        let mut vertices: BTreeMap<Vertex, usize> = BTreeMap::new();
        for (node, peer) in &halves {
            for vertex in std::iter::once(half(node, peer)).chain(shared(node, peer)) {
                let next = vertices.len();
                vertices.entry(vertex).or_insert(next);
            }
        }
        let mut union = UnionFind::new(vertices.len());
        for (node, peer) in &halves {
            for shared in shared(node, peer) {
                union.union(vertices[&half(node, peer)], vertices[&shared]);
            }
        }
        let index = SendIndex::new(segment);
        for consume in segment.consumes.values() {
            for (id, _) in &consume.refs {
                if let Some((_, send)) = index.find(*id) {
                    let producing = half(&send.producer, &send.peer);
                    let consuming = half(&consume.consumer, &consume.peer);
                    union.union(vertices[&producing], vertices[&consuming]);
                }
            }
        }
        let mut named: BTreeMap<usize, BTreeSet<NodeRef>> = BTreeMap::new();
        for (node, peer) in &halves {
            if let Some(broker) = own_broker(node, peer, services).filter(|_| is_named(peer)) {
                let group = union.find(vertices[&half(node, peer)]);
                named.entry(group).or_default().insert(broker);
            }
        }
        let groups = vertices.into_iter();
        Self {
            groups: groups
                .map(|(vertex, index)| (vertex, union.find(index)))
                .collect(),
            named,
        }
    }

    /// The broker of a half: the one it names, else the one its group agrees on, else what little it says itself.
    pub(super) fn resolve(
        &self,
        node: &NodeKey,
        peer: &Peer,
        services: &Services<'_>,
    ) -> Option<NodeRef> {
        let own = own_broker(node, peer, services);
        if is_named(peer) {
            return own;
        }
        let mut vertices = std::iter::once(half(node, peer)).chain(shared(node, peer));
        let group = vertices.find_map(|vertex| self.groups.get(&vertex));
        match group.and_then(|group| self.named.get(group)) {
            Some(brokers) if brokers.len() == 1 => brokers.first().cloned(),
            _ => own,
        }
    }
}

fn half(node: &NodeKey, peer: &Peer) -> Vertex {
    let (system, destination) = match &peer.category {
        Category::Messaging {
            system,
            destination,
            ..
        } => (system.clone(), destination.clone()),
        _ => (String::new(), String::new()),
    };
    Vertex::Half(node.clone(), system, destination)
}

/// What several halves of one broker have in common.
fn shared(node: &NodeKey, peer: &Peer) -> impl Iterator<Item = Vertex> {
    let environment = || node.environment.clone();
    let cluster = match &peer.category {
        Category::Messaging { cluster_id, .. } if !cluster_id.is_empty() => {
            Some(Vertex::Cluster(environment(), cluster_id.clone()))
        }
        _ => None,
    };
    let by_ip = peer
        .address
        .as_ref()
        .filter(|dialled| dialled.ip().is_some());
    let socket = peer.socket.as_ref().or(by_ip);
    let socket = socket.map(|socket| Vertex::Socket(environment(), socket.to_string()));
    cluster.into_iter().chain(socket)
}

/// Named by its peer name or by a dialled name. A socket address alone is one machine of a cluster, or a virtual IP.
fn is_named(peer: &Peer) -> bool {
    let has_host = |peer: &Peer| {
        let host = peer.address.as_ref();
        host.is_some_and(|address| address.ip().is_none())
    };
    peer.name.is_some() || has_host(peer)
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
        source: String::new(),
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
