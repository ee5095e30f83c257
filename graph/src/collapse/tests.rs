use proptest::prelude::*;

use super::*;
use crate::snapshot::testing::{edge, snapshot, target};
use crate::snapshot::{LatencySummary, NodeKind, Relation};
use crate::time::Timestamp;

fn by_namespace(graph: GraphSnapshot) -> Collapsed {
    collapse(graph, GroupBy::Namespace, &BTreeMap::new())
}

/// Services `service/<namespace>/<name>`, everything else without namespace.
fn graph(edges: Vec<Edge>) -> GraphSnapshot {
    let mut graph = snapshot(Vec::new(), edges);
    for node in &mut graph.nodes {
        let parts: Vec<&str> = node.id.split('/').collect();
        if let ["service", namespace, _] = parts.as_slice() {
            node.namespace = (*namespace).to_owned();
        }
    }
    graph
}

fn calls(graph: &GraphSnapshot) -> Vec<(&str, &str, u64)> {
    let edges = graph.edges.iter();
    edges
        .map(|edge| (edge.caller.as_str(), edge.callee.as_str(), edge.calls))
        .collect()
}

#[test]
fn edges_between_groups_are_summed_and_those_inside_are_counted() {
    let collapsed = by_namespace(graph(vec![
        edge("service/a/x", "service/b/y", 2),
        edge("service/a/z", "service/b/y", 3),
        edge("service/a/x", "service/a/z", 4),
        edge("service/a/x", "service/a/x", 1),
        edge("service/b/y", "database/db", 5),
    ]));
    let graph = &collapsed.snapshot;
    assert_eq!(
        calls(graph),
        [
            ("namespace/a", "namespace/b", 5),
            ("namespace/b", "database/db", 5)
        ]
    );
    let group = graph.node("namespace/a").unwrap();
    assert_eq!((group.kind, group.name.as_str()), (NodeKind::Group, "a"));
    assert_eq!(group.facets[INTERNAL_CALLS]["sync"], 5);
    assert_eq!(group.facets[MEMBERS]["service"], 2);
    assert_eq!(group.instances, 2);
    assert_eq!(collapsed.internal_calls, 5);
    assert_eq!((collapsed.groups, collapsed.members), (2, 3));
    assert_eq!((collapsed.merged_edges, collapsed.ambiguous), (1, 0));
    assert_eq!(
        graph.selection.as_ref().unwrap().collapsed,
        Some(GroupBy::Namespace)
    );
}

#[test]
fn what_does_not_add_up_is_left_out_and_an_edge_alone_keeps_all() {
    let latency = LatencySummary {
        count: 1,
        p50_ms: 1.0,
        p99_ms: 2.0,
        p999_ms: 3.0,
        max_ms: 4.0,
    };
    let measured = |caller: &str, callee: &str| {
        let mut edge = edge(caller, callee, 1);
        edge.latency.client = Some(latency);
        edge.facts.caller_requests = Some(1);
        edge
    };
    let graph = by_namespace(graph(vec![
        measured("service/a/x", "service/b/y"),
        measured("service/a/z", "service/b/y"),
        measured("service/b/y", "database/db"),
    ]));
    let [summed, alone] = graph.snapshot.edges.as_slice() else {
        panic!("{:?}", graph.snapshot.edges);
    };
    assert_eq!(
        (summed.latency.client, summed.facts.caller_requests),
        (None, None)
    );
    assert_eq!(
        (alone.latency.client, alone.facts.caller_requests),
        (Some(latency), Some(1))
    );
}

#[test]
fn addresses_counts_and_examples_of_summed_edges_are_merged() {
    let edge = |caller: &str, protocol: &str, exemplar: &str, seen: u64| {
        let mut edge = edge(caller, "service/b/y", 1);
        edge.protocols.insert(protocol.to_owned(), 1);
        edge.exemplars.push(exemplar.to_owned());
        edge.targets = vec![target("one"), target(protocol)];
        edge.first_seen = Timestamp(10 - seen);
        edge.last_seen = Timestamp(10 + seen);
        edge.confidence = if seen == 2 { 0.5 } else { 1.0 };
        edge
    };
    let graph = by_namespace(graph(vec![
        edge("service/a/x", "grpc", "2", 1),
        edge("service/a/y", "http", "1", 2),
    ]));
    let [edge] = graph.snapshot.edges.as_slice() else {
        panic!("{:?}", graph.snapshot.edges);
    };
    let targets: Vec<_> = edge
        .targets
        .iter()
        .map(|t| (t.host.as_str(), t.calls))
        .collect();
    assert_eq!(targets, [("grpc", 1), ("http", 1), ("one", 2)]);
    assert_eq!(edge.protocols.len(), 2);
    assert_eq!(edge.exemplars, ["1", "2"]);
    assert_eq!(
        (edge.first_seen, edge.last_seen),
        (Timestamp(8), Timestamp(12))
    );
    assert!((edge.confidence - 0.75).abs() < 1e-9);
}

#[test]
fn environments_are_never_mixed_and_names_cannot_leave_an_id() {
    let mut graph = graph(vec![
        edge("service/a/x", "service/a/y", 1),
        edge("service/b/x", "service/a/y", 1),
    ]);
    for node in &mut graph.nodes {
        node.environment = if node.id.ends_with('y') {
            "prod"
        } else {
            "te/st"
        }
        .to_owned();
        if node.id == "service/b/x" {
            node.namespace = "b/../\n".to_owned();
        }
    }
    let graph = by_namespace(graph).snapshot;
    let ids: Vec<&str> = graph.nodes.iter().map(|node| node.id.as_str()).collect();
    assert_eq!(
        ids,
        [
            "namespace/a@prod",
            "namespace/a@te%2Fst",
            "namespace/b%2F..%2F%0A"
        ]
    );
    assert_eq!(graph.edges.len(), 2);
}

/// Spans of one service in two clusters: its edges cannot be split.
#[test]
fn a_node_of_several_groups_stands_alone_and_is_counted() {
    let mut graph = graph(vec![edge("service/a/x", "service/a/y", 1)]);
    let facet = |values: &[&str]| {
        values
            .iter()
            .map(|value| ((*value).to_owned(), 1))
            .collect()
    };
    graph.nodes[0]
        .facets
        .insert("cluster".to_owned(), facet(&["one", "two"]));
    graph.nodes[1]
        .facets
        .insert("cluster".to_owned(), facet(&["two"]));
    let collapsed = collapse(graph, GroupBy::Cluster, &BTreeMap::new());
    assert_eq!(collapsed.ambiguous, 1);
    assert_eq!(
        calls(&collapsed.snapshot),
        [("service/a/x", "cluster/two", 1)]
    );
}

#[test]
fn teams_come_from_the_policy() {
    use crate::policy::onboarding::OnboardingRule;
    use crate::policy::{Overrides, Policy, ServicePattern, ServiceRule};
    let rule = |service: &str, owner: &str| ServiceRule {
        service: ServicePattern(service.to_owned()),
        overrides: Overrides::default(),
        keepalive_ms: None,
        owner: Some(owner.to_owned()),
    };
    let mut policy = Policy {
        services: vec![rule("x", "exact"), rule("*", "all")],
        ..Policy::default()
    };
    let mut told = OnboardingRule::new(ServicePattern("a/y".to_owned()), 1);
    told.team = Some("onboarding".to_owned());
    policy.onboarding.services.push(told);
    policy.onboarding.options.team_attribute = Some("team".to_owned());
    let mut graph = graph(vec![
        edge("service/a/x", "service/a/y", 1),
        edge("service/a/w", "service/a/z", 1),
    ]);
    let named = graph
        .nodes
        .iter_mut()
        .find(|node| node.id.ends_with('w'))
        .unwrap();
    named.attributes.insert("team".to_owned(), "own".to_owned());
    let teams = teams(&graph, &policy);
    let teams: Vec<(&str, &str)> = teams
        .iter()
        .map(|(id, team)| (id.as_str(), team.as_str()))
        .collect();
    assert_eq!(
        teams,
        [
            ("service/a/w", "own"),
            ("service/a/x", "exact"),
            ("service/a/y", "onboarding"),
            ("service/a/z", "all"),
        ]
    );
}

proptest! {
    /// Whatever is put together: no call, attempt or entry is lost, every edge has its nodes, and all is in order.
    #[test]
    fn nothing_is_lost(
        edges in prop::collection::btree_map((0u8..6, 0u8..6, 0u8..3), 0u64..100, 0..20),
        namespaces in prop::collection::vec(0u8..4, 6),
    ) {
        let id = |number: u8| {
            let namespace = namespaces[usize::from(number)];
            if namespace == 0 { format!("external/{number}") } else { format!("service/n{namespace}/{number}") }
        };
        let relations = [Relation::Sync, Relation::Async, Relation::Proxied];
        let edges = edges.into_iter().map(|((caller, callee, relation), calls)| Edge {
            relation: relations[usize::from(relation)],
            ..edge(&id(caller), &id(callee), calls)
        });
        let before = graph(edges.collect());
        let sum = |graph: &GraphSnapshot| graph.edges.iter().map(|edge| edge.calls).sum::<u64>();
        let collapsed = by_namespace(before.clone());
        let after = &collapsed.snapshot;
        prop_assert_eq!(sum(&before), sum(after) + collapsed.internal_calls);
        let inside: u64 = after.nodes.iter().filter_map(|node| node.facets.get(INTERNAL_CALLS)).flat_map(BTreeMap::values).sum();
        prop_assert_eq!(inside, collapsed.internal_calls);
        let key = |edge: &Edge| (edge.caller.clone(), edge.callee.clone(), edge.relation);
        prop_assert!(after.edges.windows(2).all(|pair| key(&pair[0]) < key(&pair[1])));
        prop_assert!(after.nodes.windows(2).all(|pair| pair[0].id < pair[1].id));
        for edge in &after.edges {
            prop_assert!(after.node(&edge.caller).is_some() && after.node(&edge.callee).is_some());
            prop_assert_eq!(edge.evidence.paired, edge.calls);
        }
        prop_assert_eq!(after.nodes.len(), before.nodes.len() - collapsed.members + collapsed.groups);
    }
}
