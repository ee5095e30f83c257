use tracemesh_graph::explain::{explain, missing};
use tracemesh_graph::snapshot::{EdgeSampling, GraphSnapshot, NodeKind, ServiceDiagnostics};

use super::*;
use crate::render::sample::{HOSTILE_NAMES, edge, node, shop, snapshot};

/// Every field of an edge and every gap of its ends, filled with names that break writers.
fn hostile() -> GraphSnapshot {
    let long = "x".repeat(300);
    let mut names: Vec<&str> = HOSTILE_NAMES.to_vec();
    names.push(&long);
    let counts = || names.iter().map(|name| ((*name).to_owned(), 3)).collect();
    let mut nodes: Vec<_> = names
        .iter()
        .map(|name| node(NodeKind::Service, name, name))
        .collect();
    let mut edges = Vec::new();
    let mut per_service = Vec::new();
    for (index, node) in nodes.iter_mut().enumerate() {
        let mut one = edge(&node.id, &node.id, 7);
        one.errors = counts();
        one.flags = counts();
        one.destination = counts();
        one.protocols = counts();
        one.targets[0].host = names[index].to_owned();
        one.evidence.named = 3;
        let traces = names.iter().map(|name| (*name).to_owned()).collect();
        one.exemplars_by_evidence = [("named".to_owned(), traces)].into();
        edges.push(one);
        node.entry_calls = 4;
        node.facets.insert("entered_at".to_owned(), counts());
        per_service.push(ServiceDiagnostics {
            service: node.id.clone(),
            unresolved: 4,
            unresolved_by_protocol: counts(),
            unresolved_by_evidence: counts(),
            unresolved_exemplars: names.iter().map(|name| (*name).to_owned()).collect(),
            orphans: 2,
            unresolved_links: 1,
            without_server_half: 1,
            duplicates: 1,
            ..ServiceDiagnostics::default()
        });
    }
    let mut graph = snapshot(nodes, edges);
    graph.diagnostics.per_service = per_service;
    graph
}

#[test]
fn tables_fit_eighty_columns_and_names_cannot_command_the_terminal() {
    for graph in [shop(), hostile()] {
        for node in &graph.nodes {
            let mut texts = Vec::new();
            for callee in [None, Some(node.id.as_str()), Some("service/nobody")] {
                let mut told = explain(&graph, &node.id, callee);
                texts.push(table(&told, Palette::Plain));
                told.missing = vec![missing(&graph, &node.id)];
                texts.push(table(&told, Palette::Plain));
                assert!(serde_json::from_str::<serde_json::Value>(&json(&told).unwrap()).is_ok());
            }
            for text in texts {
                for line in text.lines() {
                    assert!(line.chars().count() <= WIDTH, "{line}");
                }
                assert!(
                    text.chars().all(|c| c == '\n' || !c.is_control()),
                    "{text:?}"
                );
                assert!(!text.contains('\u{202e}'));
            }
        }
    }
}

#[test]
fn an_edge_tells_evidence_addresses_calls_and_what_would_raise_it() {
    let mut weak = edge("service/web", "service/cart", 10);
    weak.evidence.paired = 4;
    weak.evidence.address = 6;
    weak.confidence = 0.9;
    weak.failed = 1;
    weak.retries = 2;
    weak.attempts = 12;
    weak.exemplars_by_evidence = [("address".to_owned(), vec!["00ff".to_owned()])].into();
    let nodes = vec![
        node(NodeKind::Service, "", "web"),
        node(NodeKind::Service, "", "cart"),
    ];
    let mut graph = snapshot(nodes, vec![weak]);
    graph.diagnostics.per_service = vec![ServiceDiagnostics {
        service: "service/cart".to_owned(),
        kinds: [("server".to_owned(), 4)].into(),
        ..ServiceDiagnostics::default()
    }];
    let text = table(
        &explain(&graph, "service/web", Some("service/cart")),
        Palette::Plain,
    );
    for told in [
        "service/web -> service/cart\n",
        "90 of 100, by evidence",
        "paired: 4 calls, both halves seen and joined by ids",
        "address: 6 calls",
        "trace 00ff",
        "http://cart.shop.svc.cluster.local:8080 (10)",
        "10 calls in 12 attempts: 2 retries, 1 failed (10.0 %)",
        "p50 3.0, p99 41.5",
        "latency not seen",
        "propagate trace context",
    ] {
        assert!(text.contains(told), "{told} is not in\n{text}");
    }
}

#[test]
fn a_sampled_edge_tells_what_its_calls_stand_for_and_how_sure_that_is() {
    let mut sampled = edge("service/web", "service/cart", 100);
    sampled.weighted_calls = 400.0;
    sampled.facts.sampling = Some(EdgeSampling {
        client_estimate: Some(400.0),
        server_estimate: Some(380.0),
        pair_estimate: Some(399.6),
        standard_error: Some(34.641),
        sampled_calls: 100,
        enough_for_rates: true,
        ..EdgeSampling::default()
    });
    let tell = |edge| {
        let told = explain(
            &snapshot(Vec::new(), vec![edge]),
            "service/web",
            Some("service/cart"),
        );
        let text = table(&told, Palette::Plain);
        text.split_whitespace().collect::<Vec<_>>().join(" ")
    };
    let text = tell(sampled.clone());
    let told = "stand for 400 +/- 35 calls (one standard error); 400 by client spans, 380 by server spans, 400 by pairs";
    assert!(text.contains(told), "{text}");
    sampled.weighted_calls = 100.0;
    let text = tell(sampled);
    assert!(!text.contains("stand for"), "{text}");
}
