//! The mark of a graph that is not whole.

use std::collections::BTreeSet;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::Relation;

/// What a graph was narrowed to; all of it holds at once. What is absent did not narrow it.
///
/// ```text
/// "selection": { "service": "service/shop/cart", "depth": 1, "relations": ["sync"], "min_calls": 10 }
/// ```
/// Filters work in the order of the fields, so that `min_calls` counts the calls of collapsed edges.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Selection {
    /// Environments of which at least one end of every edge is.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub environments: BTreeSet<String>,
    /// Namespaces, likewise.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub namespaces: BTreeSet<String>,
    /// Kubernetes clusters, likewise.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub clusters: BTreeSet<String>,
    /// Relations that edges have.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub relations: BTreeSet<Relation>,
    /// Node id in the middle.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service: Option<String>,
    /// Edges between it and the farthest node kept, in both directions; present when `service` is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub depth: Option<usize>,
    /// What nodes were put together by.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub collapsed: Option<GroupBy>,
    /// Fewest calls of an edge.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min_calls: Option<u64>,
}

/// The filters as `name="value"`, after commas, in the order in which they apply.
impl fmt::Display for Selection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let each = |name: &'static str, values: &BTreeSet<String>| -> Vec<String> {
            values
                .iter()
                .map(|value| format!("{name}={value:?}"))
                .collect()
        };
        let mut parts = each("environment", &self.environments);
        parts.extend(each("namespace", &self.namespaces));
        parts.extend(each("cluster", &self.clusters));
        let relations = self.relations.iter();
        parts.extend(relations.map(|relation| format!("relation={:?}", relation.as_str())));
        parts.extend(
            self.service
                .iter()
                .map(|service| format!("service={service:?}")),
        );
        parts.extend(self.depth.map(|depth| format!("depth={depth}")));
        parts.extend(
            self.collapsed
                .map(|by| format!("collapse={:?}", by.as_str())),
        );
        parts.extend(self.min_calls.map(|calls| format!("min_calls={calls}")));
        f.write_str(&parts.join(", "))
    }
}

/// What nodes are put together by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GroupBy {
    /// `service.namespace`, else the one Kubernetes namespace of the node's spans.
    Namespace,
    /// The one Kubernetes cluster of the node's spans.
    Cluster,
    /// The team that the policy, or an attribute that it names, gives a service.
    Team,
}

impl GroupBy {
    /// The spelling used in JSON and in ids of groups.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Namespace => "namespace",
            Self::Cluster => "cluster",
            Self::Team => "team",
        }
    }
}
