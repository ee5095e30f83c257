//! What an inventory says that the traces do not, or the other way round. Notes change nothing: what was seen wins.

use serde::{Deserialize, Serialize};

/// A difference between the inventory and the graph.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct InventoryNote {
    /// Node id of the destination that it is about; that of the service itself for its own workload.
    pub about: String,
    /// What differs.
    pub note: InventoryNoteKind,
    /// Names, addresses and protocols concerned: see [`InventoryNoteKind`].
    pub detail: Vec<String>,
}

/// What differs between the inventory and the graph, and what `detail` holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum InventoryNoteKind {
    /// A dialled name of Kubernetes that the inventory does not have although it lists services of the namespace: the name.
    /// It is defined all the same.
    UnknownService,
    /// A dialled port that the service does not declare: `service:port`.
    UndeclaredPort,
    /// The inventory declares another protocol than was seen: `service:port`, declared, seen. What was seen is used.
    OtherProtocol,
    /// A headless service whose ready endpoints have other ports than the dialled one: `service:port`. No endpoints are
    /// taken over.
    InconsistentEndpoints,
    /// A headless service without any ready endpoint: `service:port`.
    NoReadyEndpoints,
    /// The workload that spans name is not in the inventory: kind, `namespace/name`.
    UnknownWorkload,
    /// Several workloads bear the name of the service: `kind namespace/name` of each.
    AmbiguousWorkload,
    /// The labels that select the service's pods fit none of them: `namespace/name` of the workload.
    SelectorMatchesNothing,
    /// The labels that select the service's pods fit those of other workloads too: `kind namespace/name` of each.
    SharedSelector,
    /// The workload selects its pods by expressions, of which the labels in the model are only a part: `namespace/name`.
    SelectorHasExpressions,
    /// The graph has several clusters and an inventory is one: names are taken from it, addresses are not. The clusters.
    SeveralClusters,
}
