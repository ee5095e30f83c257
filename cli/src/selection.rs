//! From what a user types to a node, and from a node to the graph around it.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use tracemesh_graph::snapshot::{GraphSnapshot, Node, NodeKind, Selection};

use crate::error::CliError;
use crate::text::{count_of, counted};

mod edit_distance;
mod narrow;
mod part;

use edit_distance::edit_distance;
pub use narrow::{Filters, Narrowed, narrow};

/// Candidates listed in a hint.
const CANDIDATES: usize = 5;

/// Slips up to which a long name counts as meant.
const SLIPS: usize = 2;

/// The node meant by a node id, `namespace/name`, or a name that only one node has.
///
/// # Errors
/// When no node or more than one fits; the hint lists candidates.
pub fn resolve<'a>(snapshot: &'a GraphSnapshot, wanted: &str) -> Result<&'a Node, CliError> {
    if let Some(node) = snapshot.node(wanted) {
        return Ok(node);
    }
    let is_meant = |node: &&Node| {
        node.name == wanted
            || (!node.namespace.is_empty() && wanted == format!("{}/{}", node.namespace, node.name))
    };
    let fitting: Vec<&Node> = snapshot.nodes.iter().filter(is_meant).collect();
    match fitting.as_slice() {
        [node] => Ok(node),
        [] => Err(unknown(snapshot, wanted)),
        several => Err(
            CliError::new(format!("`{wanted}` fits {} nodes", several.len())).hint(format!(
                "give one of their ids: {}",
                list(several.iter().copied())
            )),
        ),
    }
}

/// The id meant among those of services, without a graph: the id, all of it but `service/`, or its last part when only one ends
/// so.
///
/// # Errors
/// When none or more than one fits; the hint lists candidates.
pub fn resolve_id<'a>(ids: &[&'a str], wanted: &str) -> Result<&'a str, CliError> {
    if let Some(id) = ids.iter().find(|id| **id == wanted) {
        return Ok(id);
    }
    let plain = |id: &'a str| id.strip_prefix("service/").unwrap_or(id);
    let last = |id: &'a str| id.rsplit('/').next().unwrap_or(id);
    let fits = |id: &&&'a str| plain(id) == wanted || last(id) == wanted;
    let fitting: BTreeSet<&'a str> = ids.iter().filter(fits).copied().collect();
    let fitting: Vec<&'a str> = fitting.into_iter().collect();
    match fitting.as_slice() {
        [id] => return Ok(id),
        [] => {}
        several => {
            let message = format!("`{wanted}` fits {} services", several.len());
            let hint = format!("give one of their ids: {}", list_ids(several));
            return Err(CliError::new(message).hint(hint));
        }
    }
    let error = CliError::new(format!("the plan has no service `{wanted}`"));
    let spellings = ids.iter().flat_map(|id| [*id, plain(id), last(id)]);
    let near = nearest(wanted, spellings);
    let is_near = |id: &&&'a str| near.is_some_and(|near| id.ends_with(near));
    let mut candidates: Vec<&'a str> = ids.iter().filter(is_near).copied().collect();
    if candidates.is_empty() {
        candidates = ids.to_vec();
    }
    candidates.sort_unstable();
    if candidates.is_empty() {
        return Err(error.hint("it has no services at all"));
    }
    Err(error.hint(format!("there is {}", list_ids(&candidates))))
}

/// Nodes whose names are a slip or two away, or else everything, nearest first; services before others.
fn unknown(snapshot: &GraphSnapshot, wanted: &str) -> CliError {
    let error = CliError::new(format!("no node is called `{wanted}`"));
    let mut candidates: Vec<(usize, bool, &Node)> = snapshot
        .nodes
        .iter()
        .map(|node| {
            let is_other = node.kind != NodeKind::Service;
            (distance(node, &wanted.to_lowercase()), is_other, node)
        })
        .collect();
    // Nodes are sorted by id, and a stable sort keeps equals that way.
    candidates.sort_by_key(|(slips, is_other, _)| (*slips, *is_other));
    // In a short name, two slips leave nothing of it.
    let allowed = (wanted.chars().count() / 3).clamp(1, SLIPS);
    let near = candidates.partition_point(|(slips, _, _)| *slips <= allowed);
    candidates.retain(|(slips, is_other, _)| {
        if near > 0 {
            *slips <= allowed
        } else {
            !is_other
        }
    });
    let listed = list(candidates.iter().map(|(_, _, node)| *node));
    if listed.is_empty() {
        return error.hint("the graph has no services: were there spans in the input?");
    }
    error.hint(format!("there is {listed}"))
}

/// The word that was probably meant; `None` when all are too far away.
#[must_use]
pub fn nearest<'a>(wanted: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let wanted = wanted.to_lowercase();
    // In a short word, two slips leave nothing of it.
    let allowed = (wanted.chars().count() / 3).clamp(1, SLIPS);
    let ranked = known
        .into_iter()
        .map(|word| (edit_distance(&wanted, word), word));
    let (slips, word) = ranked.min()?;
    (slips <= allowed).then_some(word)
}

/// Slips from what was typed, in lower case, to the nearest way to write the node. A name that holds it is one slip away.
fn distance(node: &Node, wanted: &str) -> usize {
    let qualified = format!("{}/{}", node.namespace, node.name);
    let slips = [&node.name, &qualified, &node.id].map(|spelling| {
        let spelling = spelling.to_lowercase();
        let slips = edit_distance(wanted, &spelling);
        if !wanted.is_empty() && spelling.contains(wanted) {
            slips.min(1)
        } else {
            slips
        }
    });
    slips.into_iter().min().unwrap_or(usize::MAX)
}

fn list<'a>(nodes: impl Iterator<Item = &'a Node>) -> String {
    let ids: Vec<&str> = nodes.map(|node| node.id.as_str()).collect();
    list_ids(&ids)
}

fn list_ids(ids: &[&str]) -> String {
    let mut text = ids
        .iter()
        .take(CANDIDATES)
        .map(|id| format!("`{id}`"))
        .collect::<Vec<_>>()
        .join(", ");
    if let Some(more @ 1..) = ids.len().checked_sub(CANDIDATES) {
        text.push_str(&format!(" and {more} more"));
    }
    text
}

/// Refuses a part of a graph where only a whole one gives a true answer.
///
/// # Errors
/// When the graph is a [`Selection`]; `purpose` completes "a part of a graph is not enough ...".
pub fn require_whole(snapshot: &GraphSnapshot, purpose: &str) -> Result<(), CliError> {
    let Some(part) = &snapshot.selection else {
        return Ok(());
    };
    let holds = part::words(part);
    Err(CliError::new(format!(
        "a part of a graph is not enough {purpose}: this one holds {holds}"
    ))
    .hint("give the whole graph: graph.json of `tracemesh analyze`, or `tracemesh graph --format json` without `--service` and other filters"))
}

/// The graph within `depth` edges of a node, in both directions: every edge that a walk of that length can use.
/// Totals in the diagnostics stay those of the whole graph; the list per service shrinks to the nodes kept.
///
/// # Errors
/// When the graph is itself a part, and not known to hold all of the part that is asked for.
pub fn neighbourhood(
    snapshot: GraphSnapshot,
    id: &str,
    depth: usize,
) -> Result<GraphSnapshot, CliError> {
    let holds_it = |part: &Selection| part::holds(part, id, depth);
    if !snapshot.selection.as_ref().is_some_and(holds_it) {
        require_whole(
            &snapshot,
            &format!("for what is within {} of `{id}`", calls(depth)),
        )?;
    }
    Ok(cut_out(snapshot, id, depth))
}

fn calls(depth: usize) -> String {
    counted(count_of(depth), "call", "calls")
}

fn cut_out(snapshot: GraphSnapshot, id: &str, depth: usize) -> GraphSnapshot {
    let distances = distances(&snapshot, id, depth);
    let is_kept: BTreeSet<String> = distances.keys().map(|id| (*id).to_owned()).collect();
    let is_walked: Vec<bool> = snapshot
        .edges
        .iter()
        .map(|edge| {
            let near = |end: &str| distances.get(end).is_some_and(|&steps| steps < depth);
            near(&edge.caller) || near(&edge.callee)
        })
        .collect();
    let mut kept = snapshot;
    let selection = kept.selection.get_or_insert_default();
    selection.service = Some(id.to_owned());
    selection.depth = Some(depth);
    let mut walked = is_walked.into_iter();
    kept.edges.retain(|_| walked.next().unwrap_or(false));
    kept.nodes.retain(|node| is_kept.contains(&node.id));
    kept.diagnostics
        .per_service
        .retain(|service| is_kept.contains(&service.service));
    kept
}

/// Steps from the node to every node within `depth`.
fn distances<'a>(
    snapshot: &'a GraphSnapshot,
    id: &'a str,
    depth: usize,
) -> BTreeMap<&'a str, usize> {
    let mut neighbours: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for edge in &snapshot.edges {
        neighbours
            .entry(&edge.caller)
            .or_default()
            .push(&edge.callee);
        neighbours
            .entry(&edge.callee)
            .or_default()
            .push(&edge.caller);
    }
    let mut distances = BTreeMap::from([(id, 0)]);
    let mut waiting = VecDeque::from([(id, 0)]);
    while let Some((node, steps)) = waiting.pop_front() {
        if steps == depth {
            continue;
        }
        for &next in neighbours.get(node).into_iter().flatten() {
            distances.entry(next).or_insert_with(|| {
                waiting.push_back((next, steps + 1));
                steps + 1
            });
        }
    }
    distances
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::sample::{edge, node, shop, snapshot};

    #[test]
    fn ids_qualified_and_unique_names_are_understood() {
        let shop = shop();
        for wanted in ["service/shop/cart", "shop/cart", "cart"] {
            assert_eq!(resolve(&shop, wanted).unwrap().id, "service/shop/cart");
        }
    }

    #[test]
    fn unknown_and_ambiguous_names_list_candidates() {
        let told =
            |graph: &GraphSnapshot, wanted: &str| resolve(graph, wanted).unwrap_err().lines();
        let lines = told(&shop(), "car");
        assert_eq!(lines[0], "error: no node is called `car`");
        assert!(lines[1].contains("`service/shop/cart`"), "{lines:?}");
        assert!(told(&shop(), "zzz")[1].contains(" more"), "{lines:?}");
        let hint = &told(&shop(), "chekout")[1];
        assert_eq!(hint, "hint: there is `service/shop/checkout`");
        let hint = &told(&shop(), "zzzzzzzzzz")[1];
        assert!(hint.starts_with("hint: there is `service/"), "{hint}");
        let nodes = vec![
            node(NodeKind::Service, "a", "cart"),
            node(NodeKind::Service, "b", "cart"),
        ];
        let lines = told(&snapshot(nodes, Vec::new()), "cart");
        assert_eq!(lines[0], "error: `cart` fits 2 nodes");
        assert_eq!(
            lines[1],
            "hint: give one of their ids: `service/a/cart`, `service/b/cart`"
        );
        assert!(told(&snapshot(Vec::new(), Vec::new()), "x")[1].contains("no services"));
    }

    #[test]
    fn a_part_is_marked_and_stands_for_nothing_beyond_itself() {
        let part = neighbourhood(shop(), "service/shop/cart", 1).unwrap();
        let json = serde_json::to_value(&part).unwrap();
        let mark = serde_json::json!({"service": "service/shop/cart", "depth": 1});
        assert_eq!(json["selection"], mark);
        let whole = serde_json::to_value(shop()).unwrap();
        assert_eq!(whole.get("selection"), None);
        assert!(require_whole(&shop(), "to plan").is_ok());
        let told = require_whole(&part, "to plan").unwrap_err().lines();
        assert!(told[0].contains("`service/shop/cart`"), "{told:?}");
        assert!(told[1].contains("without `--service`"), "{told:?}");
        for (id, depth, is_held) in [
            ("service/shop/cart", 0, true),
            ("service/shop/cart", 1, true),
            ("service/shop/cart", 2, false),
            ("service/shop/checkout", 0, false),
        ] {
            let again = neighbourhood(part.clone(), id, depth);
            assert_eq!(again.is_ok(), is_held, "{id} {depth}");
        }
    }

    #[test]
    fn depth_counts_edges_in_both_directions() {
        let ids = |graph: &GraphSnapshot| -> Vec<String> {
            graph.nodes.iter().map(|node| node.name.clone()).collect()
        };
        let chain = || {
            let nodes = ["a", "b", "c", "d"].map(|name| node(NodeKind::Service, "", name));
            let edges = [("a", "b"), ("b", "c"), ("c", "d"), ("d", "c")];
            let edges = edges.map(|(caller, callee)| {
                edge(
                    &format!("service/{caller}"),
                    &format!("service/{callee}"),
                    1,
                )
            });
            snapshot(nodes.to_vec(), edges.to_vec())
        };
        let neighbourhood = |graph, id, depth| neighbourhood(graph, id, depth).unwrap();
        let near = neighbourhood(chain(), "service/b", 1);
        assert_eq!(ids(&near), ["a", "b", "c"]);
        assert_eq!(near.edges.len(), 2);
        assert_eq!(ids(&neighbourhood(chain(), "service/b", 0)), ["b"]);
        let all = neighbourhood(chain(), "service/b", usize::MAX);
        assert_eq!((all.nodes.len(), all.edges.len()), (4, 4));
    }
}
