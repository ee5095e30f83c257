//! Interned names: nodes, instances, dialled peers and error labels as small ids.
//!
//! Records carry ids, not strings, so that a buffered span has a fixed size. One `Names` is shared by all
//! recorders and shards of a process; recorders keep private caches and come here only for names that they see for the
//! first time. Every table is capped: past its cap a name folds into `other`, and the fold is counted.

mod traits;

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};

use crate::identity::NodeKey;
use crate::peer::Peer;
use crate::record::{Operation, Seeded};
use crate::resolve::policy::MAX_WORDS_PER_HOST;
use crate::resource::ResourceFacts;
use crate::settings::Settings;
use traits::Traits;
pub(crate) use traits::{NodeTraits, PeerTraits, ResourceTraits, ZoneId};

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub(crate) struct $name(u32);

        impl $name {
            /// The first entry of the table, put there at start.
            pub(crate) const FIRST: Self = Self(0);
        }

        impl From<u32> for $name {
            fn from(index: u32) -> Self {
                Self(index)
            }
        }

        impl From<$name> for u32 {
            fn from(id: $name) -> Self {
                id.0
            }
        }

        impl $name {
            /// Its place in the table.
            pub(crate) const fn index(self) -> usize {
                self.0 as usize
            }
        }
    };
}

id!(
    /// An interned node; [`FIRST`](Self::FIRST) is `other`.
    NodeId
);
id!(
    /// An interned instance; [`FIRST`](Self::FIRST) means unknown.
    InstanceId
);
id!(
    /// An interned peer; [`FIRST`](Self::FIRST) says nothing about the peer.
    PeerId
);
id!(
    /// Interned facts of a resource; [`FIRST`](Self::FIRST) has none.
    ResourceId
);
id!(
    /// An interned method and route; [`FIRST`](Self::FIRST) names neither, [`OTHER`](Self::OTHER) is past the cap.
    OperationId
);
id!(
    /// An interned error type or status; [`FIRST`](Self::FIRST) is empty.
    LabelId
);
id!(
    /// The interned first words of a path; [`FIRST`](Self::FIRST) is none.
    WordId
);

impl OperationId {
    /// The second entry of the table, put there at start.
    pub(crate) const OTHER: Self = Self(1);
}

impl InstanceId {
    /// True when both instances are known and the same.
    pub(crate) fn is_same(self, other: Self) -> bool {
        self != Self::FIRST && self == other
    }
}

/// A capped table from values to dense ids. Id 0 is the fallback that overflow folds into.
#[derive(Debug)]
struct Table<T> {
    ids: HashMap<Arc<T>, u32, Seeded>,
    values: Vec<Arc<T>>,
    cap: usize,
}

impl<T: Eq + Hash> Table<T> {
    fn new(first: T, cap: usize) -> Self {
        let first = Arc::new(first);
        let mut ids = HashMap::default();
        ids.insert(Arc::clone(&first), 0);
        Self {
            ids,
            values: vec![first],
            cap: cap.min(u32::MAX as usize),
        }
    }

    /// The id of a value, or `None` when the table is full.
    fn intern(&mut self, value: T) -> Option<u32> {
        if let Some(id) = self.ids.get(&value) {
            return Some(*id);
        }
        if self.values.len() > self.cap {
            return None;
        }
        let id = u32::try_from(self.values.len()).ok()?;
        let value = Arc::new(value);
        self.ids.insert(Arc::clone(&value), id);
        self.values.push(value);
        Some(id)
    }
}

/// Names seen so far, shared by the recorders and shards of a process.
#[derive(Debug)]
pub struct Names {
    tables: RwLock<Tables>,
}

/// The tables behind the lock.
#[derive(Debug)]
pub(crate) struct Tables {
    nodes: Table<NodeKey>,
    instances: Table<Box<str>>,
    resources: Table<ResourceFacts>,
    peers: Table<Peer>,
    labels: Table<Box<str>>,
    operations: Table<Operation>,
    words: Table<Box<str>>,
    /// Words granted to each host.
    host_words: HashMap<Box<str>, Vec<WordId>>,
    /// What inference asks of nodes, peers and resources.
    traits: Traits,
}

/// Labels are status codes and exception types: few, unless someone attacks.
const MAX_LABELS: usize = 4096;

/// Methods and routes are templates: some tens per service.
const MAX_OPERATIONS: usize = 65_536;

/// This part of the cap on peers, on top of it, is kept for peers that stand for many.
const PEER_RESERVE: usize = 16;

/// Distinct path words over all hosts.
const MAX_WORDS: usize = 16_384;

impl Default for Names {
    fn default() -> Self {
        Self::new(&Settings::default())
    }
}

impl Names {
    /// Empty tables with the caps of the settings.
    #[must_use]
    pub fn new(settings: &Settings) -> Self {
        let mut operations = Table::new(Operation::default(), MAX_OPERATIONS);
        operations.intern(Operation::other());
        let mut tables = Tables {
            operations,
            nodes: Table::new(NodeKey::other(), settings.max_nodes),
            instances: Table::new(Box::from(""), settings.max_nodes.saturating_mul(32)),
            resources: Table::new(
                ResourceFacts::default(),
                settings.max_nodes.saturating_mul(32),
            ),
            peers: Table::new(Peer::default(), settings.max_peers),
            labels: Table::new(Box::from(""), MAX_LABELS),
            words: Table::new(Box::from(""), MAX_WORDS),
            host_words: HashMap::new(),
            traits: Traits::default(),
        };
        tables.follow();
        Self {
            tables: RwLock::new(tables),
        }
    }

    /// Reads without blocking other readers. Tables only ever grow, so a poisoned lock still guards whole entries.
    pub(crate) fn read(&self) -> RwLockReadGuard<'_, Tables> {
        self.tables.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Names in each table.
    #[must_use]
    pub fn sizes(&self) -> [(&'static str, usize); 7] {
        let tables = self.read();
        [
            ("nodes", tables.nodes.values.len()),
            ("instances", tables.instances.values.len()),
            ("resources", tables.resources.values.len()),
            ("peers", tables.peers.values.len()),
            ("operations", tables.operations.values.len()),
            ("labels", tables.labels.values.len()),
            ("words", tables.words.values.len()),
        ]
    }

    fn write<T>(&self, change: impl FnOnce(&mut Tables) -> T) -> T {
        let mut tables = self.tables.write().unwrap_or_else(PoisonError::into_inner);
        let result = change(&mut tables);
        tables.follow();
        result
    }

    pub(crate) fn node(&self, key: NodeKey) -> Option<NodeId> {
        self.write(|tables| tables.nodes.intern(key)).map(NodeId)
    }

    pub(crate) fn instance(&self, name: &str) -> Option<InstanceId> {
        self.write(|tables| tables.instances.intern(Box::from(name)))
            .map(InstanceId)
    }

    pub(crate) fn resource(&self, facts: ResourceFacts) -> Option<ResourceId> {
        self.write(|tables| tables.resources.intern(facts))
            .map(ResourceId)
    }

    pub(crate) fn peer(&self, peer: Peer) -> Option<PeerId> {
        self.write(|tables| tables.peers.intern(peer)).map(PeerId)
    }

    /// A peer that stands for many others: it may use the reserve of a full table.
    pub(crate) fn wide_peer(&self, peer: Peer) -> Option<PeerId> {
        self.write(|tables| {
            let cap = tables.peers.cap;
            tables.peers.cap = cap.saturating_add(cap / PEER_RESERVE);
            let id = tables.peers.intern(peer);
            tables.peers.cap = cap;
            id
        })
        .map(PeerId)
    }

    pub(crate) fn operation(&self, operation: Operation) -> Option<OperationId> {
        self.write(|tables| tables.operations.intern(operation))
            .map(OperationId)
    }

    /// A path word of this host, or `None` when the host has its share of words, or all hosts have.
    pub(crate) fn word(&self, host: &str, word: &str) -> Option<WordId> {
        self.write(|tables| tables.grant_word(host, word))
    }

    /// Every word that was granted to this host.
    pub(crate) fn words_of_host(&self, host: &str) -> Vec<(Box<str>, WordId)> {
        let tables = self.read();
        let ids = tables.host_words.get(host).into_iter().flatten();
        ids.map(|id| (Box::from(tables.word(*id)), *id)).collect()
    }

    pub(crate) fn label(&self, label: &str) -> Option<LabelId> {
        self.write(|tables| tables.labels.intern(Box::from(label)))
            .map(LabelId)
    }
}

impl Tables {
    pub(crate) fn node(&self, id: NodeId) -> &NodeKey {
        &self.nodes.values[id.index()]
    }

    pub(crate) fn instance(&self, id: InstanceId) -> &str {
        &self.instances.values[id.index()]
    }

    pub(crate) fn resource(&self, id: ResourceId) -> &ResourceFacts {
        &self.resources.values[id.index()]
    }

    pub(crate) fn peer(&self, id: PeerId) -> &Peer {
        &self.peers.values[id.index()]
    }

    pub(crate) fn operation(&self, id: OperationId) -> &Operation {
        &self.operations.values[id.index()]
    }

    pub(crate) fn label(&self, id: LabelId) -> &str {
        &self.labels.values[id.index()]
    }

    pub(crate) fn node_traits(&self, id: NodeId) -> NodeTraits {
        self.traits.node(id)
    }

    pub(crate) fn peer_traits(&self, id: PeerId) -> PeerTraits {
        self.traits.peer(id)
    }

    pub(crate) fn resource_traits(&self, id: ResourceId) -> ResourceTraits {
        self.traits.resource(id)
    }

    /// `None` for the zone of resources that name none.
    pub(crate) fn zone(&self, id: ZoneId) -> Option<&str> {
        self.traits.zone(id)
    }

    /// Keeps the traits up with the tables.
    fn follow(&mut self) {
        let (nodes, peers, resources) = (&self.nodes, &self.peers, &self.resources);
        self.traits.follow(nodes, peers, resources);
    }

    pub(crate) fn word(&self, id: WordId) -> &str {
        &self.words.values[id.index()]
    }

    fn grant_word(&mut self, host: &str, word: &str) -> Option<WordId> {
        let is_known_host = self.host_words.contains_key(host);
        if !is_known_host && self.host_words.len() >= self.peers.cap {
            return None;
        }
        let granted = self.host_words.get(host).map_or(0, Vec::len);
        let mut words = self.host_words.get(host).into_iter().flatten();
        if let Some(id) = words.find(|id| self.word(**id) == word) {
            return Some(*id);
        }
        if granted >= MAX_WORDS_PER_HOST {
            return None;
        }
        let id = self.words.intern(Box::from(word)).map(WordId)?;
        self.host_words.entry(Box::from(host)).or_default().push(id);
        Some(id)
    }

    /// True for a node whose name says that it passes calls on.
    pub(crate) fn is_gateway(&self, id: NodeId) -> bool {
        self.node_traits(id).is_gateway()
    }

    /// True for the fallback of spans that carry no identity at all.
    pub(crate) fn is_nameless(&self, id: NodeId) -> bool {
        self.node_traits(id).is_nameless()
    }
}
