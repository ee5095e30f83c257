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
use crate::tabular::{ReadTable, Table, TableError};
use edges::Route;
use keyed::Keyed;
use names::{Names, Places};
use nodes::{Ballot, VoteRoute};

/// The tables of one segment after everything in them was checked. Checking is most of the work and needs no [`Assembly`], so
/// that threads can share one.
#[derive(Debug)]
pub struct CheckedSegment {
    parts: Vec<Checked>,
}

impl CheckedSegment {
    /// Checks the parts of one segment, each with tables of its own. A missing table has no rows.
    ///
    /// # Errors
    /// When a table is not what its specification says.
    pub fn of(parts: Vec<Vec<ReadTable>>) -> Result<Self, TableError> {
        let parts = parts.into_iter().map(Checked::of);
        Ok(Self {
            parts: parts.collect::<Result<_, _>>()?,
        })
    }
}

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
        let read = |tables: Vec<Table>| tables.into_iter().map(ReadTable::from).collect();
        let parts = parts.into_iter().map(read).collect();
        self.add_checked(&CheckedSegment::of(parts)?);
        Ok(())
    }

    /// Adds a segment that was checked before, which cannot fail.
    pub fn add_checked(&mut self, segment: &CheckedSegment) {
        segment.parts.iter().for_each(|part| self.absorb(part));
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
        let nodes = nodes.filter_map(|(caller, stats)| match caller {
            Caller::Node(key) => Some((key.clone(), stats?)),
            Caller::Named { .. } => None,
        });
        segment.nodes = nodes.collect();
        // Pairs come in the order of the first segment, which is that of the maps: sorting them again costs next to nothing.
        let edges = self.edges.into_pairs();
        let edges = edges.filter_map(|(route, stats)| Some((names.edge(&route)?, stats)));
        segment.edges = edges.collect();
        segment.timed_edges = self.timed_edges;
        let facts = self.destinations.into_pairs();
        let facts = facts.filter_map(|(route, facts)| Some((names.edge(&route)?, facts)));
        segment.facts = facts.collect();
        let votes = self.votes.into_pairs();
        let votes = votes.filter_map(|(route, ballot)| Some((names.vote(&route)?, ballot.votes)));
        segment.votes = votes.collect();
        let served = self.served.into_pairs();
        let served = served.filter_map(|((node, target), stats)| {
            Some((
                (names.node(node)?.clone(), names.target(target)?.clone()),
                stats,
            ))
        });
        segment.served = served.collect();
        segment.merge(self.rest);
        segment
    }
}
