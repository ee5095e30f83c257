use std::collections::BTreeSet;

use serde_json::{Value, json};
use tracemesh_graph::egress::{
    Conflict, ConflictReason, EgressModel, EgressOptions, Unresolved, UnresolvedReason, derive,
};
use tracemesh_graph::policy::Thresholds;
use tracemesh_graph::snapshot::GraphSnapshot;

use super::super::table::WIDTH;
use super::*;

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

fn node(id: &str) -> Value {
    json!({"id": id, "kind": "service", "name": id, "namespace": "", "environment": "", "address": null,
        "system": null, "entry_calls": 0, "instances": 1, "facets": {}, "attributes": {}})
}

fn call(caller: &str, callee: &str, hazards: &Value) -> Value {
    json!({"caller": caller, "callee": callee, "relation": "sync", "calls": 9, "attempts": 9, "failed": 0,
        "failed_attempts": 0, "weighted_calls": 9.0,
        "evidence": {"paired": 9, "parent": 0, "address": 0, "alias": 0, "named": 0, "link": 0}, "confidence": 1.0,
        "targets": [{"scheme": "http", "host": "b", "port": 80, "calls": 9, "last_seen": "2026-01-01T00:00:00Z"}],
        "protocols": {"http/1.1": 9}, "latency": {"client": null, "server": null}, "destination": {},
        "first_seen": "2026-01-01T00:00:00Z", "last_seen": "2026-01-02T00:00:00Z", "exemplars": [TRACE],
        "hazards": hazards})
}

/// Two hazards of one caller, one of them to be decided, and a callee without any.
fn model(caller: &str) -> EgressModel {
    let hazards = json!({
        "long-calls": {"spans": 12_345_678, "signs": {"long": 12_345_678}, "exemplars": [TRACE]},
        "refused-connects": {"spans": 2, "signs": {"refused": 2}, "exemplars": []}});
    let snapshot: GraphSnapshot = serde_json::from_value(json!({
        "schema": "tracemesh.graph/v1",
        "window": {"start": "2026-01-01T00:00:00Z", "end": "2026-01-02T00:00:00Z"},
        "nodes": [node(caller), node("service/b")],
        "edges": [call(caller, "service/b", &hazards)],
        "diagnostics": {"spans": 0, "duplicates": 0, "rejected": {}, "per_service": []}}))
    .unwrap();
    derive(&snapshot, &EgressOptions::default())
}

#[test]
fn decisions_come_first_and_everything_fits() {
    let text = table(&model("service/a"), None, Palette::Plain);
    assert_eq!(
        text,
        "\
service/a: 2 hazards, 1 to decide
   #  HAZARD                    SPANS  EXAMPLE TRACE
  16  refused-connects              2  -
      needs a decision: a dead port lets clients connect and then hangs up: test
      that fail-over works so, or leave this destination out of the mesh
   1  long-calls           12,345,678  4bf92f3577b34da6a3ce929d0e0e4736
      handled by: no route timeout, instead of Envoy's 15 s

1 service with hazards, 1 without; 1 decision to take
  1 edge in the graph
         1 defined
"
    );
    assert!(text.lines().all(|line| line.chars().count() <= WIDTH));
}

#[test]
fn hostile_names_stay_on_their_line() {
    let name = format!("service/\u{1b}[2J\n{}", "x".repeat(300));
    let text = table(&model(&name), None, Palette::Plain);
    assert!(!text.contains('\u{1b}'));
    assert!(
        text.lines().all(|line| line.chars().count() <= WIDTH),
        "{text}"
    );
}

#[test]
fn json_has_everything_of_the_wanted_services_only() {
    let model = model("service/a");
    let all: Value = serde_json::from_str(&json(&model, None).unwrap()).unwrap();
    assert_eq!(all["schema"], SCHEMA);
    assert_eq!(all["services"][0]["service"], "service/a");
    let hazard = &all["services"][0]["hazards"][1];
    assert_eq!(hazard["number"], 16);
    assert_eq!(hazard["hazard"], "refused-connects");
    assert_eq!(hazard["handling"], "decision");
    assert_eq!(hazard["callees"]["service/b"], 2);
    assert_eq!(all["conservation"]["edges"], 1);
    let wanted = BTreeSet::from(["service/b".to_owned()]);
    let one: Value = serde_json::from_str(&json(&model, Some(&wanted)).unwrap()).unwrap();
    assert_eq!(one["services"].as_array().unwrap().len(), 1);
}

#[test]
fn a_large_mesh_is_told_by_hazard() {
    let mut large = model("service/a");
    let a = large.services[0].clone();
    for index in 0..60 {
        let mut other = a.clone();
        other.id = format!("service/{index}");
        large.services.push(other);
    }
    let text = table(&large, None, Palette::Plain);
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(
        lines[2..4],
        [
            "   1  long-calls                 61          0  12,345,678  service/a",
            "  16  refused-connects           61         61           2  service/a",
        ]
    );
    assert!(lines.len() < 12, "{text}");
    assert!(lines.iter().all(|line| line.chars().count() <= WIDTH));
    let named = BTreeSet::from(["service/7".to_owned()]);
    assert!(table(&large, Some(&named), Palette::Plain).starts_with("service/7: 2 hazards"));
}

#[test]
fn what_the_tuned_phase_waits_for_is_told() {
    let text = settings(
        &model("service/a"),
        None,
        &Thresholds::default(),
        Palette::Plain,
    );
    assert!(text.starts_with("\n0 of 1 destination tuned\n"), "{text}");
    assert!(text.contains("10,000 calls on 14 days"), "{text}");
    assert!(
        text.contains("timeouts, retries, limits: too few calls"),
        "{text}"
    );
    assert!(text.lines().all(|line| line.chars().count() <= WIDTH));
}

#[test]
fn a_large_mesh_without_hazards_has_no_empty_table() {
    let mut large = model("service/a");
    large.services[0].hazards.clear();
    let a = large.services[0].clone();
    for index in 0..60 {
        let mut other = a.clone();
        other.id = format!("service/{index}");
        large.services.push(other);
    }
    assert!(table(&large, None, Palette::Plain).starts_with("0 services with hazards, 62 without"));
}

#[test]
fn what_is_left_out_and_what_is_claimed_twice_is_told_up_to_a_few() {
    let mut told = model("service/a");
    let left = |index: usize| Unresolved {
        node: format!("external/{index}"),
        reason: UnresolvedReason::NoPort,
        targets: Vec::new(),
    };
    told.services[0].unresolved = (0..10).map(left).collect();
    told.services[1].conflicts = vec![Conflict {
        port: 80,
        value: "web\u{1b}[2J".to_owned(),
        kept: "service/x".to_owned(),
        lost: "service/y".to_owned(),
        reason: ConflictReason::SameAuthority,
    }];
    let text = table(&told, None, Palette::Plain);
    let lines = text.lines().skip_while(|line| !line.starts_with("left to"));
    let lines: Vec<&str> = lines.collect();
    assert_eq!(lines[0], "left to the passthrough: 10 cases");
    assert_eq!(lines[1], "  - service/a -> external/0: no port is known");
    assert_eq!(lines[9], "  - 2 more: `egress.json` has all");
    assert_eq!(lines[11], "claimed twice: 1 case");
    assert!(lines[12].starts_with("  - service/b, web"), "{}", lines[12]);
    assert!(!text.contains('\u{1b}'), "{text}");
    assert!(text.lines().all(|line| line.chars().count() <= WIDTH));
}
