//! Ids of rows: hashes of their names, made unique inside of a segment.
//!
//! The hash is no secret and can be forged. Where two names of a segment share one, the later in the order of names gets
//! the next free number: ids are then right inside of the segment, and there only.

use std::collections::{BTreeMap, HashMap, HashSet};

use crate::identity::{NodeKey, NodeName};
use crate::peer::{Address, Category, Peer};
use crate::segment::{Caller, EdgeKey, Segment};
use crate::text::stable_hash;

/// Hands out ids of one kind.
#[derive(Debug, Default)]
pub(super) struct Ids {
    taken: HashSet<u64>,
    /// Where to look next for a hash that came before, so that many names with one hash do not cost the square.
    next: HashMap<u64, u64>,
}

impl Ids {
    /// The id for a hash.
    pub(super) fn unique(&mut self, hash: u64) -> u64 {
        let mut id = self.next.get(&hash).copied().unwrap_or(hash);
        while !self.taken.insert(id) {
            id = id.wrapping_add(1);
        }
        self.next.insert(hash, id.wrapping_add(1));
        id
    }
}

/// A node by whatever names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Who<'a> {
    /// It emits spans.
    Node(&'a NodeKey),
    /// Environment, namespace and name of a caller that only a server span names.
    Named(&'a str, &'a str, &'a str),
}

impl<'a> Who<'a> {
    pub(super) fn of(caller: &'a Caller) -> Self {
        match caller {
            Caller::Node(key) => Self::Node(key),
            Caller::Named {
                environment,
                namespace,
                name,
            } => Self::Named(environment, namespace, name),
        }
    }

    /// Kind, environment, namespace, name and source, as table `nodes` has them.
    pub(super) fn columns(self) -> [&'a str; 5] {
        let (key, source) = match self {
            Self::Named(environment, namespace, name) => {
                return ["caller", environment, namespace, name, ""];
            }
            Self::Node(key) => match &key.name {
                NodeName::Workload { source, .. } => (key, source.as_str()),
                _ => (key, ""),
            },
        };
        let kind = match &key.name {
            NodeName::Service(_) => "service",
            NodeName::Workload { .. } => "workload",
            NodeName::Unidentified(_) => "unidentified",
            NodeName::Other => "other",
        };
        [
            kind,
            &key.environment,
            &key.namespace,
            key.display_name(),
            source,
        ]
    }

    /// `namespace/name`, or the name.
    pub(super) fn readable(self) -> String {
        match self.columns() {
            [_, _, "", name, _] => name.to_owned(),
            [_, _, namespace, name, _] => format!("{namespace}/{name}"),
        }
    }
}

/// Ids of all nodes and targets that a segment refers to.
#[derive(Debug, Default)]
pub(super) struct Directory<'a> {
    pub(super) nodes: BTreeMap<Who<'a>, u64>,
    pub(super) targets: BTreeMap<&'a Peer, u64>,
}

impl<'a> Directory<'a> {
    /// The directory of a segment.
    pub(super) fn of(segment: &'a Segment) -> Self {
        let mut directory = Self::default();
        segment.nodes.keys().for_each(|key| directory.node(key));
        segment.edges.keys().for_each(|key| directory.edge(key));
        segment.facts.keys().for_each(|key| directory.edge(key));
        for call in segment.halves.calls.values() {
            directory.edge(&call.edge);
        }
        for server in segment.halves.servers.values() {
            directory.node(&server.callee);
        }
        for (node, _) in segment.halves.owed.keys() {
            directory.node(node);
        }
        for key in segment.votes.keys() {
            directory.node(&key.caller);
            directory.node(&key.callee);
        }
        for (node, peer) in segment.served.keys() {
            directory.node(node);
            directory.targets.insert(peer, 0);
        }
        for half in segment.sends.values() {
            directory.node(&half.producer);
            directory.targets.insert(&half.peer, 0);
        }
        for half in segment.consumes.values() {
            directory.node(&half.consumer);
            directory.targets.insert(&half.peer, 0);
        }
        for (sidecar, application) in segment.folds.keys() {
            directory.node(sidecar);
            directory.node(application);
        }
        for key in segment.skews.keys() {
            directory.node(&key.caller);
            directory.node(&key.callee);
        }
        directory.assign();
        directory
    }

    fn node(&mut self, key: &'a NodeKey) {
        self.nodes.insert(Who::Node(key), 0);
    }

    fn edge(&mut self, key: &'a EdgeKey) {
        self.nodes.insert(Who::of(&key.caller), 0);
        if let Some(callee) = &key.callee {
            self.node(callee);
        }
        self.targets.insert(&key.peer, 0);
    }

    fn assign(&mut self) {
        let mut ids = Ids::default();
        for (who, id) in &mut self.nodes {
            *id = ids.unique(stable_hash(&who.columns()));
        }
        let mut ids = Ids::default();
        for (peer, id) in &mut self.targets {
            *id = ids.unique(hash_of_target(peer));
        }
    }

    /// Id of a node that emits spans.
    pub(super) fn id(&self, key: &NodeKey) -> u64 {
        self.caller(Who::Node(key))
    }

    /// Id of a node.
    pub(super) fn caller(&self, who: Who<'_>) -> u64 {
        self.nodes.get(&who).copied().unwrap_or_default()
    }

    /// Id of a target.
    pub(super) fn target(&self, peer: &Peer) -> u64 {
        self.targets.get(peer).copied().unwrap_or_default()
    }

    /// The hash of an edge; of an open call with its trace and span.
    pub(super) fn hash_of_edge(&self, key: &EdgeKey, open: Option<(u128, u64)>) -> u64 {
        let callee = key.callee.as_ref().map(|callee| self.id(callee));
        let ids = format!(
            "{:x} {callee:x?} {:x} {:?} {open:x?}",
            self.caller(Who::of(&key.caller)),
            self.target(&key.peer),
            key.trail.since_min,
        );
        stable_hash(&[&ids, key.relation.as_str(), &key.trail.word])
    }
}

/// Kind, system, name and cluster of a category, as table `targets` has them.
pub(super) fn category_columns(category: &Category) -> [&str; 4] {
    match category {
        Category::None => ["none", "", "", ""],
        Category::Rpc { system, service } => ["rpc", system, service, ""],
        Category::Database { system, namespace } => ["database", system, namespace, ""],
        Category::Messaging {
            system,
            destination,
            cluster_id,
        } => ["messaging", system, destination, cluster_id],
        Category::Genai { provider } => ["genai", provider, "", ""],
        Category::Function { name } => ["function", "", name, ""],
        Category::Aws { service, .. } => ["aws", "", service, ""],
    }
}

/// True for an AWS service with a bucket.
pub(super) const fn is_object_store(category: &Category) -> bool {
    matches!(
        category,
        Category::Aws {
            is_object_store: true,
            ..
        }
    )
}

fn hash_of_target(peer: &Peer) -> u64 {
    let numbers = format!(
        "{} {:?} {} {}",
        is_object_store(&peer.category),
        peer.address.as_ref().map(|address| address.port),
        peer.socket.is_some(),
        peer.name.is_some()
    );
    let socket = peer.socket.as_ref().map(Address::to_string);
    let also: Vec<String> = peer.also.iter().map(Address::to_string).collect();
    let [category, system, named, cluster] = category_columns(&peer.category);
    let name = peer.name.as_ref();
    let mut parts = vec![
        &*peer.scheme,
        peer.address.as_ref().map_or("", |address| &address.host),
        socket.as_deref().unwrap_or_default(),
        name.map_or("", |(namespace, _)| namespace),
        name.map_or("", |(_, name)| name),
        category,
        system,
        named,
        cluster,
        &peer.protocol,
        &peer.method,
        &numbers,
    ];
    parts.extend(also.iter().map(String::as_str));
    stable_hash(&parts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_hashes_get_the_next_free_ids() {
        let mut ids = Ids::default();
        let given = [7, 7, 8, 7, u64::MAX, u64::MAX].map(|hash| ids.unique(hash));
        assert_eq!(given, [7, 8, 9, 10, u64::MAX, 0]);
    }
}
