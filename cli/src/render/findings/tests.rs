use serde_json::Value;
use tracemesh_graph::findings::report;
use tracemesh_graph::snapshot::{Edge, GraphSnapshot, NodeKind, ServiceDiagnostics, Target};

use super::*;
use crate::render::sample::{HOSTILE_NAMES, edge, node, snapshot};

/// Every rule, so that a rule without words, columns or rows is noticed.
const RULES: [&str; 18] = [
    "traces_cut",
    "spans_lost",
    "names_folded",
    "unresolved_calls",
    "unreachable_host",
    "failing_host",
    "failing_edge",
    "retry_amplification",
    "retry_path",
    "sync_cycle",
    "orphaned_spans",
    "nameless_spans",
    "hairpin",
    "shared_host",
    "calls_by_ip",
    "cross_cluster",
    "cross_zone",
    "self_calls",
];

/// A graph in which every rule finds something, under these names for its services.
fn everything(names: [&str; 3]) -> GraphSnapshot {
    let mut services = names.map(|name| node(NodeKind::Service, "", name));
    for (service, cluster) in services.iter_mut().zip(["east", "west", "west"]) {
        let facet = [(cluster.to_owned(), 1)].into();
        service.facets.insert("cluster".to_owned(), facet);
    }
    let ids = services.clone().map(|service| service.id);
    let mut broken = edge(&ids[0], &ids[1], 100);
    (broken.failed, broken.failed_attempts) = (20, 80);
    (broken.attempts, broken.retries) = (160, 60);
    broken.flags.insert("hairpin".to_owned(), 40);
    broken.targets = ["10.0.0.7", "www.example.com"].map(dialled).to_vec();
    let zones = [("z1".to_owned(), 3), ("z2".to_owned(), 4)].into();
    broken.facts.zone_pairs.insert("z1".to_owned(), zones);
    let mut again = edge(&ids[1], &ids[2], 100);
    (again.attempts, again.retries) = (200, 100);
    let dead = |callee: &str, error: &str| {
        let mut dead = edge(&ids[0], callee, 30);
        dead.evidence.paired = 0;
        (dead.failed, dead.failed_attempts) = (30, 30);
        dead.errors.insert(error.to_owned(), 30);
        dead
    };
    let edges = vec![
        broken,
        again,
        edge(&ids[2], &ids[0], 5),
        edge(&ids[2], &ids[2], 5),
        edge(&ids[0], "shared_host/lb:443", 9),
        dead("external/gone:80", names[0]),
        dead("external/angry:80", "404"),
    ];
    let others = [
        node(NodeKind::SharedHost, "", "lb:443"),
        node(NodeKind::Unidentified, "", names[1]),
    ];
    let mut graph = snapshot(services.into_iter().chain(others).collect(), edges);
    let diagnostics = &mut graph.diagnostics;
    diagnostics.spans = 100;
    diagnostics.rejected.insert(names[2].to_owned(), 20);
    for counter in ["slices_closed_early", "names_folded"] {
        diagnostics.counters.insert(counter.to_owned(), 3);
    }
    diagnostics.per_service.push(ServiceDiagnostics {
        service: ids[0].clone(),
        spans: 100,
        kinds: [("client".to_owned(), 50)].into(),
        orphans: 10,
        unresolved: 20,
        ..ServiceDiagnostics::default()
    });
    graph
}

fn dialled(host: &str) -> Target {
    Target {
        host: host.to_owned(),
        ..edge("a", "b", 40).targets[0].clone()
    }
}

fn parsed(graph: &GraphSnapshot) -> Value {
    serde_json::from_str(&json(&report(graph)).unwrap()).unwrap()
}

#[test]
fn every_rule_has_words_a_table_and_its_place_in_the_json() {
    let graph = everything(["a", "b", "c"]);
    let told = parsed(&graph);
    let findings = told["findings"].as_array().unwrap();
    let mut rules: Vec<&str> = findings
        .iter()
        .map(|found| found["rule"].as_str().unwrap())
        .collect();
    for found in findings {
        for field in ["says", "advice", "severity"] {
            assert!(!found[field].as_str().unwrap().is_empty(), "{found}");
        }
        assert!(!found["cases"].as_array().unwrap().is_empty(), "{found}");
        assert!(
            found["part"].is_u64() && found["whole"].is_u64() && found["more"] == 0,
            "{found}"
        );
    }
    rules.sort_unstable();
    let mut all = RULES;
    all.sort_unstable();
    assert_eq!(rules, all);
    let text = text(&report(&graph));
    for rule in RULES {
        let heading = format!("\n{}: ", rule.replace('_', " "));
        let section = text
            .split(&heading)
            .nth(1)
            .unwrap_or_else(|| panic!("{rule}\n{text}"));
        let table = section.split("\n\n").nth(1).unwrap_or_default();
        assert!(table.lines().count() >= 2, "{rule}\n{table}");
    }
}

#[test]
fn hostile_names_stay_in_their_cells_and_strings() {
    for names in HOSTILE_NAMES.windows(3) {
        let graph = everything([names[0], names[1], names[2]]);
        let text = text(&report(&graph));
        for line in text.lines() {
            assert!(line.chars().count() <= 80, "{line}");
        }
        assert!(
            text.chars().all(|c| c == '\n' || !c.is_control()),
            "{text:?}"
        );
        assert!(!text.contains('\u{202e}'), "{text:?}");
        let told = parsed(&graph);
        let findings = told["findings"].as_array().unwrap().iter();
        let failing = findings
            .clone()
            .find(|found| found["rule"] == "failing_edge")
            .unwrap();
        let ids = graph.edges.iter().map(|edge| edge.caller.as_str());
        assert!(
            ids.clone().any(|id| failing["cases"][0]["caller"] == id),
            "{failing}"
        );
        for found in findings {
            let says = found["says"].as_str().unwrap();
            assert!(says.chars().all(|c| !c.is_control()), "{says:?}");
        }
    }
}

#[test]
fn an_empty_graph_has_a_report_that_says_so() {
    let report = report(&snapshot(Vec::new(), Vec::<Edge>::new()));
    assert!(text(&report).contains("Nothing stands out."));
    assert!(json(&report).unwrap().contains("\"findings\": []"));
}

/// Ten rows to read, a hundred to parse, all of them counted.
#[test]
fn many_cases_are_cut_and_counted_on_both_sides() {
    let edges = (0..130_u64).map(|number| {
        let mut failing = edge("service/a", &format!("service/{number:03}"), 100);
        failing.failed = 50;
        failing
    });
    let graph = snapshot(Vec::new(), edges.collect());
    let told = &parsed(&graph)["findings"][0];
    assert_eq!(
        (told["cases"].as_array().unwrap().len(), &told["more"]),
        (100, &30.into())
    );
    assert!(
        told["says"]
            .as_str()
            .unwrap()
            .ends_with("the same with 129 more edges"),
        "{told}"
    );
    let text = text(&report(&graph));
    assert!(text.contains("\nand 120 more cases\n"), "{text}");
}
