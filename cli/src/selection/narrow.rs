//! All filters of a graph, applied in their order, and what they left out in words.
//!
//! Place in the flow: loaded graph -> here -> renderers. It refuses values that nothing in the graph has, because an empty
//! graph would look like an answer, and filters that a part of a graph cannot answer any more.

use std::collections::{BTreeMap, BTreeSet};

use tracemesh_graph::collapse::{Collapsed, collapse, teams};
use tracemesh_graph::policy::Policy;
use tracemesh_graph::select::{Dimension, Scope, values_in, with_calls, with_relations, within};
use tracemesh_graph::snapshot::{GraphSnapshot, GroupBy, Relation};

use super::part::{Step, last_step};
use super::{list_ids, nearest, neighbourhood, require_whole, resolve};
use crate::error::CliError;
use crate::text::{count_of, counted, thousands};

/// What a graph is narrowed to. The default narrows nothing.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Filters {
    /// The part of the company.
    pub scope: Scope,
    /// Relations of edges; all when empty.
    pub relations: BTreeSet<Relation>,
    /// What the user typed for the service in the middle, and how many calls away its neighbours are.
    pub service: Option<(String, usize)>,
    /// What nodes are put together by.
    pub collapse: Option<GroupBy>,
    /// Fewest calls of an edge.
    pub min_calls: Option<u64>,
}

/// A graph after its filters.
#[derive(Debug)]
pub struct Narrowed {
    /// The graph; marked as a part when a filter was given.
    pub snapshot: GraphSnapshot,
    /// What was left out, in words.
    pub notes: Vec<String>,
}

/// Applies the filters: scope, relations, service, collapse, calls. The policy names teams.
///
/// # Errors
/// When a value is unknown, a service is unknown or ambiguous, nothing names a group, or the graph is a part in which a
/// filter cannot see what it has to.
pub fn narrow(
    snapshot: GraphSnapshot,
    filters: &Filters,
    policy: &Policy,
) -> Result<Narrowed, CliError> {
    let mut notes = Vec::new();
    let before = Size::of(&snapshot);
    let mut graph = scoped(snapshot, &filters.scope)?;
    let centre = filters.service.as_ref();
    let centre = centre.map(|(wanted, depth)| Ok((resolve(&graph, wanted)?.id.clone(), *depth)));
    let centre: Option<(String, usize)> = centre.transpose()?;
    let id = centre.as_ref().map(|(id, _)| id.as_str());
    if !filters.relations.is_empty() {
        require_step(&graph, Step::Relation, "to pick relations")?;
        graph = with_relations(graph, &filters.relations, id);
    }
    if let Some((id, depth)) = &centre {
        graph = neighbourhood(graph, id, *depth)?;
    }
    notes.extend(before.left_out(&graph));
    if let Some(by) = filters.collapse {
        require_step(&graph, Step::Collapse, "to put nodes together")?;
        let collapsed = collapsed(graph, by, policy)?;
        notes.push(told(&collapsed, by));
        graph = collapsed.snapshot;
    }
    if let Some(calls) = filters.min_calls {
        require_step(&graph, Step::Calls, "to leave edges out by calls")?;
        let before = Size::of(&graph);
        let id = id
            .filter(|id| graph.node(id).is_some())
            .map(ToOwned::to_owned);
        graph = with_calls(graph, calls, id.as_deref());
        notes.extend(before.left_out(&graph));
    }
    Ok(Narrowed {
        snapshot: graph,
        notes,
    })
}

/// Refuses a step on a graph that went through it, or a later one, before.
fn require_step(snapshot: &GraphSnapshot, step: Step, purpose: &str) -> Result<(), CliError> {
    let last = snapshot.selection.as_ref().and_then(last_step);
    match last {
        Some(last) if last >= step => require_whole(snapshot, purpose),
        _ => Ok(()),
    }
}

fn scoped(snapshot: GraphSnapshot, scope: &Scope) -> Result<GraphSnapshot, CliError> {
    if scope.is_everything() {
        return Ok(snapshot);
    }
    require_step(&snapshot, Step::Scope, "to pick a part of the company")?;
    for (dimension, wanted) in scope.dimensions() {
        let known = values_in(&snapshot, dimension);
        if let Some(unknown) = wanted.iter().find(|value| !known.contains(value.as_str())) {
            return Err(nowhere(dimension, unknown, &known));
        }
    }
    Ok(within(snapshot, scope))
}

fn nowhere(dimension: Dimension, wanted: &str, known: &BTreeSet<&str>) -> CliError {
    let (name, attribute) = match dimension {
        Dimension::Environment => ("environment", "deployment.environment.name"),
        Dimension::Namespace => ("namespace", "service.namespace"),
        Dimension::Cluster => ("cluster", "k8s.cluster.name"),
    };
    let error = CliError::new(format!("no node is of the {name} `{wanted}`"));
    if known.is_empty() {
        return error.hint(format!(
            "no span of this graph names one: set the resource attribute `{attribute}`"
        ));
    }
    let near = nearest(wanted, known.iter().copied());
    let known: Vec<&str> = near.map_or_else(|| known.iter().copied().collect(), |near| vec![near]);
    error.hint(format!("there is {}", list_ids(&known)))
}

fn collapsed(snapshot: GraphSnapshot, by: GroupBy, policy: &Policy) -> Result<Collapsed, CliError> {
    let teams = match by {
        GroupBy::Team => teams(&snapshot, policy),
        GroupBy::Namespace | GroupBy::Cluster => BTreeMap::new(),
    };
    let collapsed = collapse(snapshot, by, &teams);
    if collapsed.groups > 0 {
        return Ok(collapsed);
    }
    let hint = match by {
        GroupBy::Namespace => "set the resource attribute `service.namespace` where spans are made",
        GroupBy::Cluster => "set the resource attribute `k8s.cluster.name` where spans are made",
        GroupBy::Team => {
            "name teams in the section `onboarding` of a policy, or owners in `services`, and give it with `--policy`"
        }
    };
    let message = format!("no node belongs to one {}", by.as_str());
    Err(CliError::new(message).hint(hint))
}

fn told(collapsed: &Collapsed, by: GroupBy) -> String {
    let by = by.as_str();
    let mut told = vec![format!(
        "collapsed {} into {}",
        counted(count_of(collapsed.members), "node", "nodes"),
        counted(count_of(collapsed.groups), "node", "nodes"),
    )];
    if collapsed.internal_calls > 0 {
        let calls = counted(collapsed.internal_calls, "call", "calls");
        told.push(format!("{calls} inside of them are no edges any more"));
    }
    if collapsed.merged_edges > 0 {
        let edges = counted(
            count_of(collapsed.merged_edges),
            "summed edge has",
            "summed edges have",
        );
        told.push(format!("{edges} no latency: percentiles do not add up"));
    }
    if collapsed.ambiguous > 0 {
        let nodes = counted(
            count_of(collapsed.ambiguous),
            "node stands alone, as its",
            "nodes stand alone, as their",
        );
        told.push(format!("{nodes} spans name more than one {by}"));
    }
    told.join("; ")
}

/// Counts of a graph, to tell what a step left out.
struct Size {
    nodes: usize,
    edges: usize,
    calls: u64,
}

impl Size {
    fn of(snapshot: &GraphSnapshot) -> Self {
        let calls = snapshot.edges.iter().map(|edge| edge.calls);
        Self {
            nodes: snapshot.nodes.len(),
            edges: snapshot.edges.len(),
            calls: calls.fold(0, u64::saturating_add),
        }
    }

    /// `left out 12 of 18 nodes and 8 of 19 edges, with 340 of 1,200 calls`; nothing when nothing was.
    fn left_out(&self, after: &GraphSnapshot) -> Option<String> {
        let after = Self::of(after);
        let left = |before: usize, after: usize| {
            let left = count_of(before.saturating_sub(after));
            format!("{} of {}", thousands(left), thousands(count_of(before)))
        };
        let is_less = after.nodes < self.nodes || after.edges < self.edges;
        is_less.then(|| {
            format!(
                "left out {} nodes and {} edges, with {} of {} calls",
                left(self.nodes, after.nodes),
                left(self.edges, after.edges),
                thousands(self.calls.saturating_sub(after.calls)),
                thousands(self.calls),
            )
        })
    }
}

#[cfg(test)]
mod tests;
