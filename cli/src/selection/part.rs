//! The mark of a part: what it says to people, and what can still be cut out of it.

use std::collections::BTreeSet;

use tracemesh_graph::snapshot::Selection;

use super::calls;

/// Steps of narrowing, in their order. What was left out by a later one cannot be known to an earlier one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Step {
    /// Environment, namespace and cluster.
    Scope,
    /// Relations.
    Relation,
    /// Neighbourhood of a service.
    Service,
    /// Groups.
    Collapse,
    /// Calls of an edge.
    Calls,
}

/// The last step that a part went through; none of a whole graph.
pub(super) fn last_step(part: &Selection) -> Option<Step> {
    let is_scoped = [&part.environments, &part.namespaces, &part.clusters];
    let is_scoped = is_scoped.into_iter().any(|values| !values.is_empty());
    [
        (part.min_calls.is_some(), Step::Calls),
        (part.collapsed.is_some(), Step::Collapse),
        (part.service.is_some(), Step::Service),
        (!part.relations.is_empty(), Step::Relation),
        (is_scoped, Step::Scope),
    ]
    .into_iter()
    .find_map(|(went, step)| went.then_some(step))
}

/// Whether the neighbourhood of a node can be cut out of a part as if it were whole: narrowed before that at most, or
/// to a larger neighbourhood of the same node.
pub(super) fn holds(part: &Selection, id: &str, depth: usize) -> bool {
    match last_step(part) {
        None | Some(Step::Scope | Step::Relation) => true,
        Some(Step::Service) => {
            part.service.as_deref() == Some(id) && part.depth.is_some_and(|own| depth <= own)
        }
        Some(Step::Collapse | Step::Calls) => false,
    }
}

/// What a part holds: `what is within 1 call of `service/shop/cart`, edges of at least 10 calls`.
pub(super) fn words(part: &Selection) -> String {
    let mut words = Vec::new();
    for (name, values) in [
        ("environment", &part.environments),
        ("namespace", &part.namespaces),
        ("cluster", &part.clusters),
    ] {
        if !values.is_empty() {
            words.push(format!(
                "nodes of the {name} {} and their neighbours",
                list(values)
            ));
        }
    }
    if !part.relations.is_empty() {
        let relations: Vec<&str> = part.relations.iter().map(|one| one.as_str()).collect();
        words.push(format!("edges that are {}", relations.join(" or ")));
    }
    if let Some(service) = &part.service {
        let depth = calls(part.depth.unwrap_or_default());
        words.push(format!("`{service}` and what is within {depth} of it"));
    }
    if let Some(by) = part.collapsed {
        words.push(format!("one node for each {}", by.as_str()));
    }
    if let Some(calls) = part.min_calls {
        words.push(format!("edges of at least {calls} calls"));
    }
    if words.is_empty() {
        return "a selection that this version does not know".to_owned();
    }
    words.join("; ")
}

fn list(values: &BTreeSet<String>) -> String {
    let values: Vec<String> = values.iter().map(|value| format!("`{value}`")).collect();
    values.join(" or ")
}
