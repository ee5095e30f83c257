//! Tables of one segment after every reference and every number was checked, so that adding them cannot fail halfway.
//!
//! Ids become the places of the rows that they stand for: they mean nothing outside of their segment. Nothing is merged
//! here.

mod detail;
mod graph;
mod index;

pub(super) use detail::{Example, Owner};
pub(super) use graph::{EdgeGroup, Ends, NodeGroup, Side};

use super::sheets::Sheets;
use crate::identity::NodeKey;
use crate::peer::Peer;
use crate::segment::Caller;
use crate::tabular::{ReadTable, TableError};
use detail::Details;
use graph::Graph;
use index::Index;

/// The rows of one segment. Places are those of rows in `nodes`, `targets`, `edges` and `destinations`.
#[derive(Debug)]
pub(super) struct Checked {
    pub(super) sheets: Sheets,
    pub(super) nodes: Vec<Caller>,
    pub(super) targets: Vec<Peer>,
    pub(super) graph: Graph,
    pub(super) details: Details,
}

/// What ids stand for.
struct Indices {
    /// All nodes.
    callers: Index,
    /// Nodes that emit spans.
    nodes: Index,
    targets: Index,
    edges: Index,
    destinations: Index,
}

impl Checked {
    /// The node in a row, if it emits spans.
    pub(super) fn node(&self, row: u32) -> Option<&NodeKey> {
        match self.nodes.get(usize::try_from(row).ok()?)? {
            Caller::Node(key) => Some(key),
            Caller::Named { .. } => None,
        }
    }

    /// Checks the tables of one segment, or of one part of it. A missing table has no rows.
    ///
    /// # Errors
    /// When a table is not what its specification says, a row refers to one that is not there, or a value cannot be.
    pub(super) fn of(tables: Vec<ReadTable>) -> Result<Self, TableError> {
        let sheets = Sheets::of(tables)?;
        let nodes = graph::callers(&sheets.nodes)?;
        let emits = |caller: &&Caller| matches!(caller, Caller::Node(_));
        let ids = sheets.nodes.node.iter().zip(&nodes);
        let indices = Indices {
            callers: Index::of("nodes", sheets.nodes.node.iter())?,
            nodes: Index::with_places(
                "nodes",
                ids.zip(0..)
                    .filter_map(|((id, caller), place)| emits(&caller).then_some((*id, place))),
            )?,
            targets: Index::of("targets", sheets.targets.target.iter())?,
            edges: Index::of("edges", sheets.edges.edge.iter())?,
            destinations: Index::of("destinations", sheets.destinations.destination.iter())?,
        };
        let targets = graph::peers(&sheets, &indices.targets)?;
        Ok(Self {
            graph: Graph::of(&sheets, &indices)?,
            details: Details::of(&sheets, &indices)?,
            nodes,
            targets,
            sheets,
        })
    }
}
