//! Whole artefacts of the reference graph, and what hostile names cannot do.

use std::path::PathBuf;

use tracemesh_graph::onboarding::{
    Evidence, Plan, PlanEdge, PlanInput, PlanOptions, PlanService, Status, plan,
};

use super::*;

fn fixtures() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../fixtures/onboarding")
}

fn online_boutique() -> Plan {
    let text = std::fs::read_to_string(fixtures().join("online-boutique.json")).unwrap();
    let input: PlanInput = serde_json::from_str(&text).unwrap();
    plan(&input, &PlanOptions::default(), None).unwrap()
}

/// Compares with an expected file, or rewrites it when `TRACEMESH_BLESS` is set.
fn expect(name: &str, actual: &str) {
    let path = fixtures().join("expected").join(name);
    #[expect(
        clippy::disallowed_methods,
        reason = "the switch that rewrites expected files"
    )]
    let bless = std::env::var("TRACEMESH_BLESS").is_ok_and(|value| value == "1");
    if bless {
        std::fs::write(&path, actual).unwrap();
    }
    let expected = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        expected == actual,
        "{name} differs; TRACEMESH_BLESS=1 rewrites it:\n{actual}"
    );
}

#[test]
fn onboarding_table_of_the_reference_graph() {
    expect("online-boutique.txt", &table(&online_boutique(), 80));
}

#[test]
fn onboarding_runbook_of_the_reference_graph() {
    expect("online-boutique.md", &markdown(&online_boutique()));
}

/// A graph whose every name attacks some format, with something of everything: exclusion, cycle, outside ends, exceptions.
fn hostile() -> Plan {
    let service = || PlanService {
        entry_rate: 3.0,
        team: Some("</td>|\u{1b}]0;x\u{7}".to_owned()),
        tier: None,
        evidence: Evidence {
            requests: 0.1,
            ..Evidence::FULL
        },
        requests: 2,
        orphans: 1,
        ..PlanService::unknown()
    };
    let ids = [
        "service/<script>alert(1)</script>".to_owned(),
        "service/a\nb | `c` [d](http://evil) \u{202e}".to_owned(),
        format!("service/{}", "long".repeat(60)),
        "service/excluded **bold**".to_owned(),
    ];
    let edge = |caller: &str, callee: &str| PlanEdge {
        caller: caller.to_owned(),
        callee: callee.to_owned(),
        rate: 10.0,
        attempts: None,
        hit_ratio: None,
        confidence: 0.5,
    };
    let mut input = PlanInput {
        services: ids.iter().map(|id| (id.clone(), service())).collect(),
        edges: vec![
            edge(&ids[0], &ids[1]),
            edge(&ids[1], &ids[0]),
            edge(&ids[3], &ids[1]),
            edge(&ids[2], "database/<img src=x>"),
            edge("external/\u{1b}[2J", &ids[2]),
        ],
        ..PlanInput::default()
    };
    input.services.get_mut(&ids[3]).unwrap().status = Status::Excluded;
    plan(&input, &PlanOptions::default(), None).unwrap()
}

#[test]
fn no_name_breaks_out_of_the_table() {
    for width in [0, 60, 80, 200] {
        let text = table(&hostile(), width);
        assert!(text.chars().all(|c| c == '\n' || !c.is_control()));
        assert!(!text.contains('\u{202e}'));
        for line in text.lines() {
            assert!(line.chars().count() <= width.max(72), "{line}");
        }
    }
}

#[test]
fn no_name_breaks_out_of_the_runbook() {
    let text = markdown(&hostile());
    assert!(text.chars().all(|c| c == '\n' || !c.is_control()));
    assert!(!text.contains('<') && !text.contains("http://") && !text.contains("[d]"));
    assert!(!text.contains("excluded **"));
}

#[test]
fn the_json_names_its_schema_and_reads_back() {
    let text = json(&online_boutique());
    assert!(text.starts_with("{\n  \"schema\": \"tracemesh.onboarding/v1\""));
    let read: Plan = serde_json::from_str(&text).unwrap();
    assert_eq!(read.summary.waves, 7);
    let value: serde_json::Value = serde_json::from_str(&text).unwrap();
    let mut keys: Vec<&str> = value
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect();
    keys.sort_unstable();
    let documented = [
        "bounds",
        "calendar",
        "candidates",
        "contradictions",
        "curves",
        "cut_arcs",
        "done",
        "inverted",
        "left_out",
        "maximum",
        "mesh",
        "notes",
        "options",
        "replan",
        "schema",
        "summary",
        "traffic",
        "unplanned",
        "waves",
        "window",
    ];
    assert_eq!(keys, documented);
    let cart = &value["waves"][6]["services"][0];
    assert_eq!(cart["service"], "service/cart");
    assert_eq!(cart["strict"]["state"], "ready");
    assert_eq!(cart["blocked"][0]["reason"], "risk_ceiling");
    assert_eq!(cart["risk"]["parts"][0]["factor"], "criticality");
    assert_eq!(value["curves"][7]["wave"], 7);
}

#[test]
fn an_empty_plan_still_reads_well() {
    let empty = plan(&PlanInput::default(), &PlanOptions::default(), None).unwrap();
    assert!(table(&empty, 80).starts_with("0 of 0 services in 0 waves"));
    assert!(markdown(&empty).contains("0 of 0 services join in 0 waves"));
}

#[test]
fn a_plan_without_teams_has_no_team_column_and_counts_who_is_in() {
    let text = std::fs::read_to_string(fixtures().join("online-boutique.json")).unwrap();
    let mut input: PlanInput = serde_json::from_str(&text).unwrap();
    for service in input.services.values_mut() {
        service.team = None;
    }
    input.services.get_mut("service/email").unwrap().status = Status::Done;
    let text = table(&plan(&input, &PlanOptions::default(), None).unwrap(), 80);
    assert!(text.starts_with("9 of 10 services (1 already in) in "));
    assert!(!text.contains("TEAM"));
}
