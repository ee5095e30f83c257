//! Many segments put together: names become dense numbers once, then rows are added in place.
//!
//! The maps of a [`Segment`] have long names as keys, and a reader merges the same few thousand edges hundreds of times.
//! Here each name of a segment is looked up once, each edge once, and everything that hangs on it is added by number.
//! The outcome is that of [`Segment::merge`], in any order. Counts stop at 2^53, past which they could not be shown:
//! what is read is not trusted, and sums of it must not overflow.

mod details;
mod edges;
mod halves;
mod keyed;
mod names;
mod nodes;
mod sums;

use super::checked::Checked;
use crate::segment::planning::EdgeFacts;
use crate::segment::stats::{EdgeStats, NodeStats, ServedStats};
use crate::segment::{Caller, Segment};
use crate::tabular::{Table, TableError};
use edges::Route;
use keyed::Keyed;
use names::{Names, Places};
use nodes::{Ballot, VoteRoute};

/// Puts the tables of many segments together. Adding is commutative and associative: it is merging.
#[derive(Debug, Default)]
pub struct Assembly {
    names: Names,
    /// By the numbers of nodes; absent where a node is only referred to.
    nodes: Vec<Option<NodeStats>>,
    edges: Keyed<Route, EdgeStats>,
    /// Edges among them that have a time.
    timed_edges: u64,
    destinations: Keyed<Route, EdgeFacts>,
    votes: Keyed<VoteRoute, Ballot>,
    /// Node and target.
    served: Keyed<(u32, u32), ServedStats>,
    step_min: u32,
    /// What is small, and what moves between edges.
    rest: Segment,
}

impl Assembly {
    /// Adds the tables of one segment, or of one part of it. A missing table has no rows. Nothing is added when there is
    /// an error.
    ///
    /// # Errors
    /// When a table is not what its specification says.
    pub fn add(&mut self, tables: Vec<Table>) -> Result<(), TableError> {
        self.add_parts(vec![tables])
    }

    /// Adds the parts of one segment, each with tables of its own, or none of them.
    ///
    /// # Errors
    /// As for [`add`](Self::add).
    pub fn add_parts(&mut self, parts: Vec<Vec<Table>>) -> Result<(), TableError> {
        let parts = parts.into_iter().map(Checked::of);
        let parts: Vec<Checked> = parts.collect::<Result<_, _>>()?;
        parts.iter().for_each(|part| self.absorb(part));
        Ok(())
    }

    fn absorb(&mut self, part: &Checked) {
        let names = &mut self.names;
        let places = Places {
            nodes: part.nodes.iter().map(|name| names.nodes.of(name)).collect(),
            targets: part
                .targets
                .iter()
                .map(|peer| names.targets.of(peer))
                .collect(),
        };
        if self.nodes.len() < self.names.nodes.len() {
            self.nodes.resize_with(self.names.nodes.len(), || None);
        }
        let step = part.sheets.totals.step_min.iter().max();
        self.widen(step.copied().unwrap_or_default());
        self.absorb_nodes(part, &places);
        self.absorb_destinations(part, &places);
        self.absorb_votes(part, &places);
        self.absorb_details(part, &places);
        self.absorb_edges(part, &places);
        self.bound();
    }

    /// Everything merged.
    #[must_use]
    pub fn finish(self) -> Segment {
        let names = self.names.table();
        let mut segment = Segment {
            trail_step_min: self.step_min,
            ..Segment::default()
        };
        let nodes = names.nodes.iter().zip(self.nodes);
        for (caller, stats) in nodes {
            if let (Caller::Node(key), Some(stats)) = (caller, stats) {
                segment.nodes.insert(key.clone(), stats);
            }
        }
        for (route, stats) in self.edges.into_pairs() {
            if let Some(key) = names.edge(&route) {
                segment.add_edge(key, stats);
            }
        }
        for (route, facts) in self.destinations.into_pairs() {
            if let Some(key) = names.edge(&route) {
                segment.facts.insert(key, facts);
            }
        }
        for (route, ballot) in self.votes.into_pairs() {
            if let Some(key) = names.vote(&route) {
                segment.votes.insert(key, ballot.votes);
            }
        }
        for ((node, target), stats) in self.served.into_pairs() {
            if let (Some(node), Some(peer)) = (names.node(node), names.target(target)) {
                segment.served.insert((node.clone(), peer.clone()), stats);
            }
        }
        segment.merge(self.rest);
        segment
    }
}
