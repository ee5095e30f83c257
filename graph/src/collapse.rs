//! Nodes put together by namespace, cluster or team, for graphs that can be read.
//!
//! Place in the flow: [`GraphSnapshot`] -> here -> renderers. What adds up is added: calls, attempts, failures, evidence,
//! addresses. What does not is left out, never guessed: percentiles of latency, distinct counts of requests and traces, load
//! over time. Edges between two nodes of a group become its facet `internal_calls` (relation -> calls).
//!
//! A node goes into a group only when all of its spans name the same one; others stand for themselves and are counted.
//! Environments are never mixed.

mod edges;
mod nodes;
mod teams;

use std::collections::{BTreeMap, BTreeSet};

use crate::resolve::ids::escape;
use crate::select::Dimension;
use crate::snapshot::{Edge, GraphSnapshot, GroupBy, Node};
pub use teams::teams;

/// Facet of a group: relation -> calls between its members.
pub const INTERNAL_CALLS: &str = "internal_calls";

/// Facet of a group: kind -> nodes that were put together.
pub const MEMBERS: &str = "members";

/// A collapsed graph, and what became of the whole one.
#[derive(Debug, Clone, PartialEq)]
pub struct Collapsed {
    /// The graph; marked as a part.
    pub snapshot: GraphSnapshot,
    /// Groups made.
    pub groups: usize,
    /// Nodes that went into them.
    pub members: usize,
    /// Nodes left alone because their spans name several values.
    pub ambiguous: usize,
    /// Calls between members of one group.
    pub internal_calls: u64,
    /// Edges put together from several, which have no latency therefore.
    pub merged_edges: usize,
}

/// Puts the nodes of a graph together. `teams` names the team of services by node id, see [`teams()`]; other ways to group
/// do not read it. Takes time linear in nodes and edges but for sorting.
#[must_use]
pub fn collapse(
    snapshot: GraphSnapshot,
    by: GroupBy,
    teams: &BTreeMap<String, String>,
) -> Collapsed {
    let mut ambiguous = 0;
    let mut grouped: BTreeMap<Key, Vec<&Node>> = BTreeMap::new();
    for node in &snapshot.nodes {
        match value(node, by, teams) {
            Value::One(value) => {
                let key = (value.to_owned(), node.environment.clone());
                grouped.entry(key).or_default().push(node);
            }
            Value::Several => ambiguous += 1,
            Value::None => {}
        }
    }
    let ids = ids(by, grouped.keys());
    let mut group_of: BTreeMap<String, String> = BTreeMap::new();
    let mut groups: BTreeMap<String, Node> = BTreeMap::new();
    for (key, members) in &grouped {
        let id = &ids[key];
        group_of.extend(members.iter().map(|node| (node.id.clone(), id.clone())));
        groups.insert(id.clone(), nodes::merged(id, by, key, members));
    }
    finish(snapshot, by, &group_of, groups, ambiguous)
}

/// Value and environment of a group.
type Key = (String, String);

fn finish(
    snapshot: GraphSnapshot,
    by: GroupBy,
    group_of: &BTreeMap<String, String>,
    mut groups: BTreeMap<String, Node>,
    ambiguous: usize,
) -> Collapsed {
    let made = groups.len();
    let mut internal_calls: u64 = 0;
    let mut outer: BTreeMap<_, Vec<Edge>> = BTreeMap::new();
    let GraphSnapshot { nodes, edges, .. } = snapshot;
    for mut edge in edges {
        let (caller, callee) = (group_of.get(&edge.caller), group_of.get(&edge.callee));
        if let Some(group) = caller.filter(|_| caller == callee) {
            internal_calls = internal_calls.saturating_add(edge.calls);
            if let Some(group) = groups.get_mut(group) {
                nodes::count(group, INTERNAL_CALLS, edge.relation.as_str(), edge.calls);
            }
            continue;
        }
        let ends = [caller, callee].map(Option::<&String>::cloned);
        let [caller, callee] = ends;
        edge.caller = caller.unwrap_or(edge.caller);
        edge.callee = callee.unwrap_or(edge.callee);
        let key = (edge.caller.clone(), edge.callee.clone(), edge.relation);
        outer.entry(key).or_default().push(edge);
    }
    let merged_edges = outer.values().filter(|edges| edges.len() > 1).count();
    let alone = nodes.into_iter();
    let alone = alone.filter(|node| !group_of.contains_key(&node.id));
    let mut nodes: Vec<Node> = alone.chain(groups.into_values()).collect();
    nodes.sort_by(|a, b| a.id.cmp(&b.id));
    let mut selection = snapshot.selection.unwrap_or_default();
    selection.collapsed = Some(by);
    Collapsed {
        snapshot: GraphSnapshot {
            schema: snapshot.schema,
            window: snapshot.window,
            selection: Some(selection),
            traces: snapshot.traces,
            nodes,
            edges: outer.into_values().filter_map(edges::merged).collect(),
            diagnostics: snapshot.diagnostics,
        },
        groups: made,
        members: group_of.len(),
        ambiguous,
        internal_calls,
        merged_edges,
    }
}

enum Value<'a> {
    One(&'a str),
    Several,
    None,
}

fn value<'a>(node: &'a Node, by: GroupBy, teams: &'a BTreeMap<String, String>) -> Value<'a> {
    let dimension = match by {
        GroupBy::Namespace => Dimension::Namespace,
        GroupBy::Cluster => Dimension::Cluster,
        GroupBy::Team => {
            let team = teams.get(&node.id);
            return team.map_or(Value::None, |team| Value::One(team));
        }
    };
    let mut values = dimension.values(node);
    match (values.next(), values.next()) {
        (Some(value), None) => Value::One(value),
        (Some(_), Some(_)) => Value::Several,
        (None, _) => Value::None,
    }
}

/// `namespace/shop`; with the environment (`@prod`) where two environments have a group of that name.
fn ids<'a>(by: GroupBy, keys: impl Iterator<Item = &'a Key> + Clone) -> BTreeMap<Key, String> {
    let mut seen = BTreeSet::new();
    let mut shared = BTreeSet::new();
    for (value, _) in keys.clone() {
        if !seen.insert(value) {
            shared.insert(value);
        }
    }
    let id = |key: &Key| {
        let (value, environment) = key;
        let plain = format!("{}/{}", by.as_str(), escape(value));
        if shared.contains(value) && !environment.is_empty() {
            format!("{plain}@{}", escape(environment))
        } else {
            plain
        }
    };
    keys.map(|key| (key.clone(), id(key))).collect()
}

#[cfg(test)]
mod tests;
