use tracemesh_graph::doctor::examine;
use tracemesh_graph::snapshot::{
    ClockSkew, GraphSnapshot, NodeKind, SampledOut, ServiceDiagnostics,
};

use super::*;
use crate::render::sample::{HOSTILE_NAMES, edge, node, shop, snapshot};

/// Every gap in every service, all with names that break writers.
fn hostile() -> GraphSnapshot {
    let long = "x".repeat(300);
    let names = || HOSTILE_NAMES.iter().copied().chain([long.as_str()]);
    let services: Vec<_> = names()
        .map(|name| node(NodeKind::Service, name, name))
        .collect();
    let hosts: Vec<_> = names()
        .map(|name| node(NodeKind::External, name, name))
        .collect();
    let mut edges = Vec::new();
    for (service, host) in services.iter().zip(&hosts) {
        let mut silent = edge(&service.id, &host.id, 50);
        silent.targets[0].host = "10.0.0.1".to_owned();
        let mut unjoined = edge(&service.id, &services[0].id, 70);
        unjoined.evidence.named = 70;
        unjoined.targets.clear();
        edges.extend([silent, unjoined]);
    }
    let per_service = services
        .iter()
        .zip(names())
        .map(|(service, name)| ServiceDiagnostics {
            service: service.id.clone(),
            spans: 100,
            kinds: [("server", 50), ("unspecified", 50), (name, 1)]
                .map(|(kind, count)| (kind.to_owned(), count))
                .into(),
            orphans: 40,
            orphan_exemplars: vec![name.to_owned()],
            clock_skew: Some(ClockSkew {
                other: name.to_owned(),
                ahead_ms: 2_000,
                instance_pairs: 3,
                ..ClockSkew::default()
            }),
            unresolved: 30,
            unresolved_by_evidence: [(format!("socket {name}"), 30)].into(),
            unresolved_links: 5,
            duplicates: 8,
            weight_unknown: Some(if name.is_empty() { 0 } else { 60 }),
            ..ServiceDiagnostics::default()
        });
    let per_service = per_service.collect();
    let mut graph = snapshot(services.into_iter().chain(hosts).collect(), edges);
    graph.diagnostics.per_service = per_service;
    graph.diagnostics.used = 1_500;
    graph.diagnostics.spans = 1_600;
    graph.diagnostics.rejected = [("utf8".to_owned(), 100)].into();
    graph
}

#[test]
fn tables_fit_eighty_columns_and_names_cannot_command_the_terminal() {
    for graph in [shop(), hostile(), snapshot(Vec::new(), Vec::new())] {
        let text = table(&examine(&graph), Palette::Plain);
        for line in text.lines() {
            assert!(line.chars().count() <= WIDTH, "{line}");
        }
        assert!(
            text.chars().all(|c| c == '\n' || !c.is_control()),
            "{text:?}"
        );
        assert!(!text.contains('\u{202e}'));
        assert!(
            text.contains("No trace data proves a graph complete"),
            "{text}"
        );
    }
}

#[test]
fn every_finding_says_its_numbers_and_one_fix() {
    let report = examine(&hostile());
    let shown: serde_json::Value = serde_json::from_str(&json(&report).unwrap()).unwrap();
    assert_eq!(shown["schema"], "tracemesh.doctor/v1");
    assert_eq!(shown["grade"], "D");
    let services = shown["services"].as_array().unwrap();
    assert_eq!(services.len(), HOSTILE_NAMES.len() + 1);
    let mut problems = std::collections::BTreeSet::new();
    for finding in services
        .iter()
        .flat_map(|service| service["findings"].as_array().unwrap())
    {
        let text = |key: &str| finding[key].as_str().unwrap();
        assert!(
            text("says").contains(&finding["part"].to_string()),
            "{finding}"
        );
        assert!(!text("fix").is_empty());
        problems.insert(text("problem").to_owned());
    }
    for problem in [
        "context_lost",
        "orphans",
        "clock_skew",
        "unresolved",
        "silent_callee",
        "kinds_missing",
        "unresolved_links",
        "weight_unknown",
        "duplicates",
        "address_missing",
    ] {
        assert!(
            problems.contains(problem),
            "{problem} is not in {problems:?}"
        );
    }
}

#[test]
fn the_table_names_the_grade_its_reasons_and_the_fixes() {
    let text = table(&examine(&shop()), Palette::Plain);
    for told in [
        "Trace data: grade C\n",
        "900 of 10,000 spans have a parent that was never seen (9.0 %)",
        "fix: find what calls it",
        "ONE HIDES",
    ] {
        assert!(text.contains(told), "{told} is not in\n{text}");
    }
}

#[test]
fn sampled_out_orphans_and_skewed_clocks_are_told_with_their_numbers() {
    let mut graph = shop();
    let service = &mut graph.diagnostics.per_service[0];
    service.orphans_sampled_out = SampledOut {
        count: 300,
        standard_error: 20,
    };
    service.orphan_exemplars = vec!["00ff".to_owned()];
    service.clock_skew = Some(ClockSkew {
        other: "service/shop/frontend".to_owned(),
        ahead_ms: -2_000,
        instance_pairs: 3,
        ..ClockSkew::default()
    });
    let text = table(&examine(&graph), Palette::Plain);
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    for told in [
        "600 of 10,000 spans have a parent that was never seen (6.0 %); 300 more were sampled out",
        "see: trace 00ff",
        "its clock and that of service/shop/frontend are 2,000 ms apart or more, in 3 pairs of instances",
        "1 of 1 service have clocks that cannot be right together",
    ] {
        assert!(text.contains(told), "{told} is not in\n{text}");
    }
}
