//! Which edges may decide where nodes stand.
//!
//! Graphviz puts a caller left of its callee. Logical edges through a proxy repeat physical ones, and messages to and
//! from a broker repeat the dial to it: they follow, they do not place. A cycle has to be cut somewhere: at the edge
//! that leads back, seen from where calls enter, so that entries stand on the left.

use std::collections::{BTreeMap, BTreeSet};

use tracemesh_graph::snapshot::{Edge, GraphSnapshot, NodeKind, Relation};

/// How far the walk is with a node.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Visit {
    /// Its callees are being walked.
    Open,
    /// All its callees were walked.
    Closed,
}

/// Positions in `snapshot.edges` of the edges that place their ends: those that tell something of their own, without
/// those that close a cycle on a depth-first walk from the nodes with most entry calls, then from all others by id.
/// O((nodes + edges) log nodes), without recursion.
pub(super) fn placing_edges(snapshot: &GraphSnapshot) -> BTreeSet<usize> {
    let mut placing = BTreeSet::new();
    let mut callees: BTreeMap<&str, Vec<(usize, &str)>> = BTreeMap::new();
    for (position, edge) in snapshot.edges.iter().enumerate() {
        if is_telling(snapshot, edge) {
            placing.insert(position);
            let dialled = callees.entry(&edge.caller).or_default();
            dialled.push((position, &edge.callee));
        }
    }
    let mut starts: Vec<_> = snapshot.nodes.iter().collect();
    starts.sort_by_key(|node| std::cmp::Reverse(node.entry_calls));
    let mut visits: BTreeMap<&str, Visit> = BTreeMap::new();
    for start in starts {
        let mut path = vec![(start.id.as_str(), 0)];
        if visits.contains_key(start.id.as_str()) {
            continue;
        }
        visits.insert(&start.id, Visit::Open);
        while let Some((node, next)) = path.last_mut() {
            let Some(&(position, callee)) = callees.get(node).and_then(|list| list.get(*next))
            else {
                visits.insert(node, Visit::Closed);
                path.pop();
                continue;
            };
            *next += 1;
            match visits.get(callee) {
                Some(Visit::Open) => {
                    placing.remove(&position);
                }
                Some(Visit::Closed) => {}
                None => {
                    visits.insert(callee, Visit::Open);
                    path.push((callee, 0));
                }
            }
        }
    }
    placing
}

fn is_telling(snapshot: &GraphSnapshot, edge: &Edge) -> bool {
    let is_broker = |id: &str| {
        let node = snapshot.node(id);
        node.is_some_and(|node| node.kind == NodeKind::Broker)
    };
    match edge.relation {
        Relation::Sync => true,
        Relation::Async => !is_broker(&edge.caller) && !is_broker(&edge.callee),
        Relation::Proxied => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::sample::{edge, node, snapshot};

    #[test]
    fn a_cycle_is_cut_where_it_leads_back_to_the_entry() {
        let mut nodes = ["a", "b", "z"].map(|name| node(NodeKind::Service, "", name));
        nodes[2].entry_calls = 5;
        let edges = [("a", "b"), ("b", "z"), ("z", "a"), ("b", "b")].map(|(caller, callee)| {
            edge(
                &format!("service/{caller}"),
                &format!("service/{callee}"),
                1,
            )
        });
        let graph = snapshot(nodes.to_vec(), edges.to_vec());
        let placing: Vec<_> = placing_edges(&graph)
            .into_iter()
            .map(|position| graph.edges[position].callee.as_str())
            .collect();
        assert_eq!(placing, ["service/b", "service/a"]);
    }

    #[test]
    fn messages_place_services_and_leave_brokers_to_the_dial() {
        let nodes = vec![
            node(NodeKind::Service, "", "a"),
            node(NodeKind::Service, "", "b"),
            node(NodeKind::Broker, "", "k"),
        ];
        let dial = edge("service/a", "broker/k", 1);
        let messages = |caller: &str, callee: &str| {
            let mut flow = edge(caller, callee, 1);
            flow.relation = Relation::Async;
            flow
        };
        let edges = vec![
            messages("broker/k", "service/b"),
            dial,
            messages("service/a", "broker/k"),
            messages("service/a", "service/b"),
        ];
        let graph = snapshot(nodes, edges);
        let placing = placing_edges(&graph).into_iter();
        let placing: Vec<_> = placing
            .map(|position| graph.edges[position].relation)
            .collect();
        assert_eq!(placing, [Relation::Sync, Relation::Async]);
    }

    #[test]
    fn a_chain_of_any_length_needs_no_stack() {
        let name = |number: u32| format!("service/{number:06}");
        let edges = (0..50_000).map(|number| edge(&name(number), &name(number + 1), 1));
        let nodes = (0..=50_000).map(|number| node(NodeKind::Service, "", &format!("{number:06}")));
        let graph = snapshot(nodes.collect(), edges.collect());
        assert_eq!(placing_edges(&graph).len(), 50_000);
    }
}
