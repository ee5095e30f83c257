//! A graph narrowed to what is asked for.
//!
//! Place in the flow: whole [`GraphSnapshot`] -> here -> [`collapse`](crate::collapse) -> renderers. What is left is marked
//! ([`Selection`]), because its gaps must not be taken for the truth. Numbers of what is kept never change; totals in the
//! diagnostics stay those of the whole graph, the list per service shrinks to the nodes kept. It refuses nothing: unknown
//! values select nothing, and [`values_in`] tells callers which are known.

use std::collections::BTreeSet;

use crate::snapshot::{Edge, GraphSnapshot, Node, Relation, Selection};

/// Where a node lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Dimension {
    /// `deployment.environment.name`.
    Environment,
    /// `service.namespace`, else the Kubernetes namespaces of the node's spans.
    Namespace,
    /// The Kubernetes clusters of the node's spans.
    Cluster,
}

impl Dimension {
    /// The values of a node; none for most databases, brokers and hosts.
    pub fn values(self, node: &Node) -> impl Iterator<Item = &str> {
        let (own, facet) = match self {
            Self::Environment => (node.environment.as_str(), None),
            Self::Namespace if node.namespace.is_empty() => ("", node.facets.get("kube_namespace")),
            Self::Namespace => (node.namespace.as_str(), None),
            Self::Cluster => ("", node.facets.get("cluster")),
        };
        let named = facet.into_iter().flatten().map(|(value, _)| value.as_str());
        let own = std::iter::once(own);
        own.chain(named).filter(|value| !value.is_empty())
    }
}

/// Values that the nodes of a graph have.
#[must_use]
pub fn values_in(snapshot: &GraphSnapshot, dimension: Dimension) -> BTreeSet<&str> {
    let nodes = snapshot.nodes.iter();
    nodes.flat_map(|node| dimension.values(node)).collect()
}

/// A part of the company: nodes that have one of the values in every dimension that has any.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Scope {
    /// Wanted environments.
    pub environments: BTreeSet<String>,
    /// Wanted namespaces.
    pub namespaces: BTreeSet<String>,
    /// Wanted clusters.
    pub clusters: BTreeSet<String>,
}

impl Scope {
    /// True when it narrows nothing.
    #[must_use]
    pub fn is_everything(&self) -> bool {
        self.dimensions().all(|(_, wanted)| wanted.is_empty())
    }

    /// Dimensions and the values wanted of them.
    pub fn dimensions(&self) -> impl Iterator<Item = (Dimension, &BTreeSet<String>)> {
        [
            (Dimension::Environment, &self.environments),
            (Dimension::Namespace, &self.namespaces),
            (Dimension::Cluster, &self.clusters),
        ]
        .into_iter()
    }

    fn holds(&self, node: &Node) -> bool {
        let mut dimensions = self.dimensions();
        dimensions.all(|(dimension, wanted)| {
            wanted.is_empty() || dimension.values(node).any(|value| wanted.contains(value))
        })
    }
}

/// Keeps the nodes in scope, their edges, and the other ends of these.
#[must_use]
pub fn within(snapshot: GraphSnapshot, scope: &Scope) -> GraphSnapshot {
    if scope.is_everything() {
        return snapshot;
    }
    let nodes = snapshot.nodes.iter().filter(|node| scope.holds(node));
    let inside: BTreeSet<String> = nodes.map(|node| node.id.clone()).collect();
    let mut kept = keep(snapshot, &inside, |edge| {
        inside.contains(&edge.caller) || inside.contains(&edge.callee)
    });
    let selection = mark(&mut kept);
    selection.environments.clone_from(&scope.environments);
    selection.namespaces.clone_from(&scope.namespaces);
    selection.clusters.clone_from(&scope.clusters);
    kept
}

/// Keeps the edges of these relations and the nodes at their ends, and the node `centre` in any case. No relations keep
/// everything.
#[must_use]
pub fn with_relations(
    snapshot: GraphSnapshot,
    wanted: &BTreeSet<Relation>,
    centre: Option<&str>,
) -> GraphSnapshot {
    if wanted.is_empty() {
        return snapshot;
    }
    let centre = centre.map(ToOwned::to_owned).into_iter().collect();
    let mut kept = keep(snapshot, &centre, |edge| wanted.contains(&edge.relation));
    mark(&mut kept).relations.extend(wanted);
    kept
}

/// Keeps the edges of at least so many calls and the nodes at their ends, and the node `centre` in any case.
#[must_use]
pub fn with_calls(snapshot: GraphSnapshot, at_least: u64, centre: Option<&str>) -> GraphSnapshot {
    let centre = centre.map(ToOwned::to_owned).into_iter().collect();
    let mut kept = keep(snapshot, &centre, |edge| edge.calls >= at_least);
    mark(&mut kept).min_calls = Some(at_least);
    kept
}

fn mark(snapshot: &mut GraphSnapshot) -> &mut Selection {
    snapshot.selection.get_or_insert_default()
}

/// The edges that are wanted, the nodes at their ends, and the nodes of `anyway`.
fn keep(
    mut snapshot: GraphSnapshot,
    anyway: &BTreeSet<String>,
    is_wanted: impl Fn(&Edge) -> bool,
) -> GraphSnapshot {
    snapshot.edges.retain(is_wanted);
    let ends = snapshot.edges.iter();
    let mut kept: BTreeSet<&str> = ends
        .flat_map(|edge| [edge.caller.as_str(), edge.callee.as_str()])
        .collect();
    kept.extend(anyway.iter().map(String::as_str));
    let lost: BTreeSet<String> = snapshot
        .nodes
        .iter()
        .filter(|node| !kept.contains(node.id.as_str()))
        .map(|node| node.id.clone())
        .collect();
    snapshot.nodes.retain(|node| !lost.contains(&node.id));
    let diagnostics = &mut snapshot.diagnostics;
    diagnostics
        .per_service
        .retain(|service| !lost.contains(&service.service));
    snapshot
}

#[cfg(test)]
mod tests;
