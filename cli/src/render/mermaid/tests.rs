use std::collections::BTreeMap;

use tracemesh_graph::collapse::collapse;
use tracemesh_graph::snapshot::GroupBy;

use super::*;
use crate::render::golden;
use crate::render::sample::{edge, node, shop, snapshot};

#[test]
fn the_shop_is_drawn_as_expected() {
    golden::expect("graph", "shop.mmd", &render(&shop()));
    let collapsed = collapse(shop(), GroupBy::Namespace, &BTreeMap::new());
    golden::expect(
        "graph",
        "shop-by-namespace.mmd",
        &render(&collapsed.snapshot),
    );
}

#[test]
fn every_kind_and_relation_is_drawn() {
    let shop = shop();
    let text = render(&shop);
    for node in 0..shop.nodes.len() {
        assert!(
            text.lines()
                .any(|line| line.trim().starts_with(&format!("n{node}"))),
            "{text}"
        );
    }
    for arrow in ["-->|", "-.->|", "==>|"] {
        assert!(text.contains(arrow), "no {arrow} in {text}");
    }
    assert!(text.contains("linkStyle "), "{text}");
    assert!(text.contains("subgraph b"), "{text}");
}

#[test]
fn no_name_stands_outside_of_quotes() {
    let hostile = "end\"] --> n9[\"x\nclick n0 call alert()";
    let nodes = vec![node(NodeKind::Service, hostile, hostile)];
    let text = render(&snapshot(nodes, Vec::new()));
    assert!(
        !text.contains("click n0 call") && !text.contains("alert("),
        "{text}"
    );
    assert_eq!(text.lines().count(), 7, "{text}");
}

#[test]
fn drawings_that_mermaid_refuses_are_told() {
    let nodes: Vec<Node> = (0..=MAX_EDGES)
        .map(|number| node(NodeKind::Service, "", &format!("s{number:04}")))
        .collect();
    let edges = |count: usize| -> Vec<Edge> {
        let pairs = nodes.windows(2).take(count);
        pairs
            .map(|pair| edge(&pair[0].id, &pair[1].id, 1))
            .collect()
    };
    let told = |count: usize| {
        let graph = snapshot(nodes.clone(), edges(count));
        too_large(&graph, &render(&graph))
    };
    assert_eq!(told(MAX_EDGES), None);
    let graph = snapshot(nodes.clone(), edges(MAX_EDGES));
    let long = "x".repeat(MAX_CHARACTERS + 1);
    assert!(too_large(&graph, &long).is_some_and(|note| note.contains("50,001")));
    let mut more = graph;
    more.edges.push(edge(&nodes[1].id, &nodes[0].id, 1));
    assert!(too_large(&more, "").is_some_and(|note| note.contains("501")));
}
