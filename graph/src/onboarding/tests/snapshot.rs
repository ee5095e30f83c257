//! From a snapshot to a plan input.

use super::*;
use crate::snapshot::GraphSnapshot;

const DAY_NS: &str = "2026-01-02T00:00:00Z";

fn node(id: &str, kind: &str) -> serde_json::Value {
    serde_json::json!({
        "id": id, "kind": kind, "name": id, "namespace": "", "environment": "", "address": null, "system": null,
        "entry_calls": 0, "instances": 1, "facets": {}, "attributes": {}, "served": []
    })
}

fn call(caller: &str, callee: &str, relation: &str, calls: u64) -> serde_json::Value {
    serde_json::json!({
        "caller": caller, "callee": callee, "relation": relation, "calls": calls, "attempts": calls, "failed": 0,
        "failed_attempts": 0, "retries": 0, "weighted_calls": 0.0,
        "evidence": {"paired": calls, "parent": 0, "address": 0, "alias": 0, "named": 0, "link": 0}, "confidence": 0.9,
        "targets": [], "protocols": {}, "latency": {"client": null, "server": null}, "destination": {},
        "first_seen": "2026-01-01T00:00:00Z", "last_seen": DAY_NS, "exemplars": [], "errors": {}, "flags": {}
    })
}

fn snapshot(change: impl Fn(&mut serde_json::Value)) -> GraphSnapshot {
    let mut nodes = vec![
        node("database/pg", "database"),
        node("service/a", "service"),
        node("service/b", "service"),
        node("unidentified", "unidentified"),
    ];
    nodes[1]["entry_calls"] = 20.into();
    nodes[1]["attributes"] = serde_json::json!({"service.criticality": "high", "owner": "web"});
    let mut json = serde_json::json!({
        "schema": "tracemesh.graph/v1",
        "window": {"start": "2026-01-01T00:00:00Z", "end": DAY_NS},
        "nodes": nodes,
        "edges": [
            call("service/a", "service/b", "async", 5),
            call("service/a", "service/b", "sync", 30),
            call("service/b", "database/pg", "sync", 90),
            call("unidentified", "service/b", "sync", 1),
        ],
        "diagnostics": {"spans": 0, "used": 0, "duplicates": 0, "rejected": {}, "dropped": {}, "counters": {},
            "per_service": [{"service": "service/b", "spans": 9, "kinds": {}, "orphans": 2, "unresolved": 10,
                "unresolved_by_protocol": {}, "without_server_half": 0, "duplicates": 0, "unresolved_links": 0}]}
    });
    change(&mut json);
    serde_json::from_value(json).unwrap()
}

#[test]
fn only_services_join_and_only_synchronous_edges_count() {
    let input = PlanInput::from_snapshot(&snapshot(|_| ()), &PlanOptions::default());
    let ids: Vec<&str> = input.services.keys().map(String::as_str).collect();
    assert_eq!(ids, ["service/a", "service/b"]);
    assert_eq!(input.edges.len(), 3);
    assert_eq!(input.left_out["async edge"], 1);
    assert_eq!(input.left_out["node of kind database cannot join"], 1);
    let plan = checked(&input);
    assert_eq!(plan.traffic.entry, 21.0);
    assert_eq!(plan.traffic.by_services, 120.0);
    let b = plan
        .waves
        .iter()
        .flat_map(|w| &w.services)
        .find(|s| s.service == "service/b");
    let Strict::Never { because } = &b.unwrap().strict else {
        panic!("b has an unknown caller");
    };
    let node = "unidentified".to_owned();
    assert_eq!(
        because,
        &[
            StrictBlock::Orphans { spans: 2 },
            StrictBlock::OutsideCaller { node }
        ]
    );
    let off = &b.unwrap().retries_off;
    assert_eq!(
        (off[0].callee.as_str(), off[0].until),
        ("database/pg", None)
    );
}

#[test]
fn evidence_is_measured_from_the_snapshot() {
    let input = PlanInput::from_snapshot(&snapshot(|_| ()), &PlanOptions::default());
    let b = &input.services["service/b"];
    assert_eq!(b.requests, 31);
    assert_eq!(b.evidence.requests, 31.0 / 61.0);
    assert!((b.evidence.days - 1.0 / 7.0).abs() < 1e-12);
    assert!((b.evidence.confidence - 0.9).abs() < 1e-12);
    assert_eq!(b.evidence.known_peers, 0.9);
    assert_eq!(b.evidence.weakest().1, "days");
}

#[test]
fn weighted_calls_are_the_rates_and_scale_the_entry_calls() {
    let weighted = snapshot(|json| json["edges"][1]["weighted_calls"] = 3000.0.into());
    let input = PlanInput::from_snapshot(&weighted, &PlanOptions::default());
    assert_eq!(input.services["service/a"].entry_rate, 2000.0);
    assert_eq!(input.edges[0].rate, 3000.0);
}

#[test]
fn attempts_count_as_observed_from_ten_final_failures_on() {
    let failing = |failed: u64, attempts: u64| {
        let snapshot = snapshot(|json| {
            json["edges"][1]["failed"] = failed.into();
            json["edges"][1]["failed_attempts"] = attempts.into();
        });
        PlanInput::from_snapshot(&snapshot, &PlanOptions::default()).edges[0].attempts
    };
    assert_eq!(failing(9, 27), None);
    assert_eq!(failing(10, 30), Some(3.0));
    assert_eq!(failing(10, 10), Some(1.0));
    assert_eq!(failing(10, 10_000), Some(10.0));
}

#[test]
fn hit_ratios_are_measured_where_requests_were_counted() {
    let ratio = |requests: Option<u64>, asking: Option<u64>| {
        let snapshot = snapshot(|json| {
            if let Some(requests) = requests {
                json["nodes"][1]["requests"] = requests.into();
            }
            if let Some(asking) = asking {
                json["edges"][1]["caller_requests"] = asking.into();
            }
        });
        PlanInput::from_snapshot(&snapshot, &PlanOptions::default()).edges[0].hit_ratio
    };
    assert_eq!(ratio(Some(40), Some(10)), Some(0.25));
    assert_eq!(ratio(Some(40), Some(41)), Some(1.0));
    assert_eq!(ratio(Some(40), None), None);
    assert_eq!(ratio(None, Some(10)), None);
}

#[test]
fn criticality_is_measured_where_most_traces_have_their_beginning() {
    let share = |seen: u64, rooted: u64, all: u64| {
        let snapshot = snapshot(|json| {
            let counts = |seen: u64, rooted: u64| serde_json::json!({"seen": seen, "rooted": rooted, "weighted_rooted": rooted as f64 * 10.0});
            json["traces"] = counts(all, all);
            json["nodes"][1]["traces"] = counts(seen, rooted);
        });
        let input = PlanInput::from_snapshot(&snapshot, &PlanOptions::default());
        input.services["service/a"].criticality
    };
    assert_eq!(share(10, 10, 40), Some(0.25));
    assert_eq!(share(10, 5, 40), Some(0.125));
    assert_eq!(share(10, 4, 40), None);
    assert_eq!(share(0, 0, 40), None);
    assert_eq!(share(1, 1, 0), None);
}

#[test]
fn teams_and_tiers_come_from_attributes_and_facts() {
    let mut options = PlanOptions {
        team_attribute: Some("owner".to_owned()),
        ..PlanOptions::default()
    };
    let facts = ServiceFacts {
        tier: Some(0),
        status: Status::Done,
        ..ServiceFacts::default()
    };
    options.facts.insert("service/b".to_owned(), facts.clone());
    options.facts.insert("service/gone".to_owned(), facts);
    let input = PlanInput::from_snapshot(&snapshot(|_| ()), &options);
    let (a, b) = (&input.services["service/a"], &input.services["service/b"]);
    assert_eq!((a.team.as_deref(), a.tier), (Some("web"), Some(1)));
    assert_eq!(
        (b.team.as_deref(), b.tier, b.status),
        (None, Some(0), Status::Done)
    );
    assert_eq!(
        input.left_out["facts about a service that is not in the graph"],
        1
    );
}
