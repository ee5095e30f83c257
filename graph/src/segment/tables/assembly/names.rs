//! From names to numbers while segments are added, and back when they are all there.

use super::edges::Route;
use super::keyed::Numbers;
use super::nodes::VoteRoute;
use crate::identity::NodeKey;
use crate::peer::{Address, Peer};
use crate::segment::votes::VoteKey;
use crate::segment::{Caller, EdgeKey, Trail};

/// Numbers of everything that has a name.
#[derive(Debug, Default)]
pub(super) struct Names {
    pub(super) nodes: Numbers<Caller>,
    pub(super) targets: Numbers<Peer>,
    pub(super) words: Numbers<String>,
}

/// The numbers of the rows of one segment.
#[derive(Debug)]
pub(super) struct Places {
    pub(super) nodes: Vec<u32>,
    pub(super) targets: Vec<u32>,
}

impl Places {
    /// The number of the node in a row.
    pub(super) fn node(&self, row: u32) -> u32 {
        number(&self.nodes, row)
    }

    /// The number of the target in a row.
    pub(super) fn target(&self, row: u32) -> u32 {
        number(&self.targets, row)
    }
}

fn number(numbers: &[u32], row: u32) -> u32 {
    numbers[index(row)]
}

/// A number as a place in memory.
pub(super) fn index(number: u32) -> usize {
    usize::try_from(number).expect("memory has places for 32 bits")
}

/// Names by number.
#[derive(Debug)]
pub(super) struct NameTable {
    pub(super) nodes: Vec<Caller>,
    targets: Vec<Peer>,
    words: Vec<String>,
}

impl Names {
    /// The names.
    pub(super) fn table(self) -> NameTable {
        NameTable {
            nodes: self.nodes.into_values(),
            targets: self.targets.into_values(),
            words: self.words.into_values(),
        }
    }
}

impl NameTable {
    /// A node that emits spans.
    pub(super) fn node(&self, number: u32) -> Option<&NodeKey> {
        match self.nodes.get(index(number))? {
            Caller::Node(key) => Some(key),
            Caller::Named { .. } => None,
        }
    }

    /// What was dialled.
    pub(super) fn target(&self, number: u32) -> Option<&Peer> {
        self.targets.get(index(number))
    }

    fn word(&self, number: u32) -> Option<String> {
        self.words.get(index(number)).cloned()
    }

    /// The key of an edge; `None` for numbers that were never given.
    pub(super) fn edge(&self, route: &Route) -> Option<EdgeKey> {
        Some(EdgeKey {
            caller: self.nodes.get(index(route.caller))?.clone(),
            callee: match route.callee {
                Some(callee) => Some(self.node(callee)?.clone()),
                None => None,
            },
            peer: self.target(route.target)?.clone(),
            relation: route.relation,
            trail: Trail {
                word: self.word(route.word)?,
                since_min: route.since_min,
            },
        })
    }

    /// The key of a vote; `None` for numbers that were never given.
    pub(super) fn vote(&self, route: &VoteRoute) -> Option<VoteKey> {
        Some(VoteKey {
            caller: self.node(route.caller)?.clone(),
            callee: self.node(route.callee)?.clone(),
            name: match route.name {
                Some((namespace, name)) => Some((self.word(namespace)?, self.word(name)?)),
                None => None,
            },
            address: match route.address {
                Some((host, port)) => Some(Address {
                    host: self.word(host)?,
                    port,
                }),
                None => None,
            },
            word: self.word(route.word)?,
            rpc_service: self.word(route.rpc_service)?,
        })
    }
}
