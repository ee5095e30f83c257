//! Questions about plans: explain, check, diff.

use std::fs;

use super::{boutique, expect_schema, json, move_service, onboard, plan_into, waves};

#[test]
fn the_best_plan_of_the_boutique_is_found_through_the_binary() {
    let place = boutique();
    let plan = plan_into(
        place.path(),
        "plan.json",
        "--graph graph.json --policy tracemesh.yaml",
    );
    let expected: [&[&str]; 7] = [
        &["payment", "shipping"],
        &["ad", "checkout"],
        &["email", "recommendation"],
        &["productcatalog"],
        &["frontend"],
        &["currency"],
        &["cart"],
    ];
    assert_eq!(waves(&plan), expected);
    let objective = plan["summary"]["objective"].as_f64().unwrap();
    assert!(objective <= 5.13, "{objective}");
}

#[test]
fn explain_tells_about_one_service_from_a_graph_or_from_a_plan() {
    let place = boutique();
    plan_into(place.path(), "plan.json", "--graph graph.json");
    let fresh = onboard(place.path(), "explain frontend --graph graph.json").expect_code(0);
    let read = onboard(place.path(), "explain service/frontend --plan plan.json").expect_code(0);
    assert_eq!(fresh.stdout, read.stdout);
    for needed in ["frontend", "wave 5", "cart"] {
        assert!(
            read.stdout.contains(needed),
            "{needed} is not in\n{}",
            read.stdout
        );
    }
    for line in read.stdout.lines() {
        // A query is to be copied whole.
        let is_query = line.starts_with("    sum(");
        assert!(is_query || line.chars().count() <= 80, "{line}");
    }
    let told = onboard(place.path(), "explain fronted --plan plan.json")
        .expect_refusal("the plan has no service `fronted`");
    assert!(told.contains("`service/frontend`"), "{told}");
    // A plan that is read is not made: what it would be made from is refused.
    let both = onboard(
        place.path(),
        "explain cart --plan plan.json --graph graph.json",
    );
    assert!(both.expect_code(2).stderr.contains("cannot be used with"));
}

#[test]
fn check_passes_what_was_planned_and_catches_what_was_edited() {
    let place = boutique();
    let sources = "--graph graph.json --policy tracemesh.yaml";
    let plan = plan_into(place.path(), "plan.json", sources);
    let run = onboard(place.path(), &format!("check plan.json {sources}")).expect_code(0);
    assert!(run.stdout.contains("keeps to every rule"), "{}", run.stdout);
    for (id, to, code) in [
        ("service/cart", 5, "adjacent"),
        ("service/frontend", 1, "risk"),
        ("service/email", 2, "adjacent"),
    ] {
        let mut edited = plan.clone();
        move_service(&mut edited, id, to);
        fs::write(place.path().join("edited.json"), edited.to_string()).unwrap();
        let run = onboard(place.path(), &format!("check edited.json {sources}")).expect_code(1);
        assert!(
            run.stdout.contains(code),
            "{code} is not in\n{}",
            run.stdout
        );
        for line in run.stdout.lines() {
            assert!(line.chars().count() <= 80, "{line}");
        }
        let run = onboard(
            place.path(),
            &format!("check edited.json {sources} --format json"),
        );
        let run = run.expect_code(1);
        expect_schema("onboarding-check", &run.stdout);
        let report = json(&run.stdout);
        assert_eq!(report["valid"], false);
        assert_eq!(report["same_input"], true);
        let violations = report["violations"].as_array().unwrap();
        let found = violations.iter().any(|violation| {
            let services = violation["services"].as_array().unwrap();
            violation["code"] == code && services.iter().any(|service| service == id)
        });
        assert!(found, "{code} of {id} is not in {report}");
    }
}

/// Whoever weakens the limits in the file and not in the policy is told, and judged by the policy.
#[test]
fn check_judges_by_the_policy_and_not_by_the_file() {
    let place = boutique();
    let sources = "--graph graph.json --policy tracemesh.yaml";
    let mut plan = plan_into(place.path(), "plan.json", sources);
    plan["options"]["ramp"]["risk_ceilings"] = json("[1]");
    move_service(&mut plan, "service/recommendation", 1);
    fs::write(place.path().join("edited.json"), plan.to_string()).unwrap();
    let run = onboard(place.path(), &format!("check edited.json {sources}")).expect_code(1);
    assert!(run.stdout.contains("risk"), "{}", run.stdout);
    assert!(run.stdout.contains("options"), "{}", run.stdout);
}

#[test]
fn check_says_when_the_graph_is_another() {
    let place = boutique();
    plan_into(place.path(), "plan.json", "--graph graph.json");
    let path = place.path().join("graph.json");
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, text.replace("\"calls\":24957", "\"calls\":24000")).unwrap();
    let run = onboard(place.path(), "check plan.json --graph graph.json").expect_code(0);
    assert!(run.stdout.contains("not those that the"), "{}", run.stdout);
}

#[test]
fn diff_tells_what_changed_and_answers_no() {
    let place = boutique();
    plan_into(place.path(), "a.json", "--graph graph.json");
    plan_into(
        place.path(),
        "b.json",
        "--graph graph.json --goal strict-mtls",
    );
    let same = onboard(place.path(), "diff a.json a.json").expect_code(0);
    assert!(!same.stdout.is_empty());
    let run = onboard(place.path(), "diff a.json b.json").expect_code(1);
    assert!(run.stdout.contains("frontend"), "{}", run.stdout);
    for line in run.stdout.lines() {
        assert!(line.chars().count() <= 80, "{line}");
    }
    let run = onboard(place.path(), "diff a.json b.json --format json").expect_code(1);
    assert_eq!(json(&run.stdout)["schema"], "tracemesh.onboarding-diff/v1");
}

#[test]
fn goals_orders_and_modes_of_flags_reach_the_plan() {
    let place = boutique();
    let options = |flags: &str| {
        let plan = plan_into(
            place.path(),
            "p.json",
            &format!("--graph graph.json {flags}"),
        );
        plan["options"].clone()
    };
    assert_eq!(options("--goal risk-averse")["goal"], "risk_averse");
    assert_eq!(options("--order caller-first")["order"], "caller_first");
    assert_eq!(
        options("--mesh-mode strict-only")["mesh_mode"],
        "strict_only"
    );
    let in_flight = json("{\"ramp\":1,\"after\":2}");
    assert_eq!(options("--in-flight 1,2")["in_flight"], in_flight);
    assert_eq!(options("--waves-done 3")["waves_done"], 3);
    assert_eq!(
        options("--start 2027-01-04")["calendar"]["start"],
        "2027-01-04"
    );
}
