//! A rollout week by week: plan, join, look, plan again.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use super::{boutique, expect_schema, json as parsed, onboard, plan_into, waves};

const SOURCES: &str = "--graph graph.json --policy tracemesh.yaml";

/// Writes a status file in which these services are in.
fn joined(place: &Path, services: &[&str]) {
    let lines: String = services
        .iter()
        .map(|service| format!("  {service}: done\n"))
        .collect();
    let text = format!("schema: tracemesh.onboarding-status/v1\nservices:\n{lines}");
    fs::write(place.join("status.yaml"), text).unwrap();
}

fn names(waves: &[Vec<String>]) -> Vec<&str> {
    waves.iter().flatten().map(String::as_str).collect()
}

/// Week by week: what joined is a fact, the next wave is the next, its day stays, and nobody else moves.
#[test]
fn week_after_week_nobody_moves_without_a_reason() {
    let place = boutique();
    let start = "--start 2026-10-05";
    let mut plan = plan_into(place.path(), "plan.json", &format!("{SOURCES} {start}"));
    let first = waves(&plan);
    let dates = |plan: &Value| plan["calendar"]["waves"].as_array().unwrap().clone();
    let days = dates(&plan);
    for over in 1..first.len() {
        joined(place.path(), &names(&first[..over]));
        let again = format!("{SOURCES} --status status.yaml --previous plan.json");
        plan = plan_into(place.path(), "plan.json", &again);
        assert_eq!(waves(&plan), first[over..], "after wave {over}");
        assert_eq!(plan["waves"][0]["wave"], over + 1);
        assert_eq!(plan["options"]["waves_done"], over);
        assert_eq!(
            plan["done"].as_array().unwrap().len(),
            names(&first[..over]).len()
        );
        assert_eq!(dates(&plan), days[over..], "after wave {over}");
        let moves = plan["replan"]["moves"].as_array().unwrap();
        let others = moves.iter().filter(|step| step["reason"] != "done");
        assert_eq!(others.count(), 0, "{moves:?}");
        let check = format!("check plan.json {SOURCES} --status status.yaml");
        onboard(place.path(), &check).expect_code(0);
    }
}

#[test]
fn status_says_whether_the_rollout_is_where_the_plan_says() {
    let place = boutique();
    let plan = plan_into(place.path(), "plan.json", SOURCES);
    let planned = waves(&plan);
    joined(place.path(), &names(&planned[..5]));
    let ask = format!("status --plan plan.json {SOURCES} --status status.yaml --waves-done 5");
    let run = onboard(place.path(), &ask).expect_code(0);
    assert!(
        run.stdout.contains("GATE FOR WAVE 6: open"),
        "{}",
        run.stdout
    );
    for line in run.stdout.lines() {
        assert!(line.chars().count() <= 80, "{line}");
    }
    // The frontend is late: client features of nearly all calls are missing.
    let mut late = names(&planned[..5]);
    late.retain(|name| *name != "frontend");
    joined(place.path(), &late);
    let run = onboard(place.path(), &ask).expect_code(1);
    for needed in [
        "SHOULD BE IN",
        "frontend: wave 5",
        "GATE FOR WAVE 6: closed",
        "LATE",
    ] {
        assert!(
            run.stdout.contains(needed),
            "{needed} is not in\n{}",
            run.stdout
        );
    }
    let run = onboard(place.path(), &format!("{ask} --format json")).expect_code(1);
    expect_schema("onboarding-progress", &run.stdout);
    let report = parsed(&run.stdout);
    assert_eq!(report["schema"], "tracemesh.onboarding-progress/v1");
    assert_eq!(report["gate"]["is_open"], false);
    let missing = json!([{"wave": 5, "service": "service/frontend", "status": "pending"}]);
    assert_eq!(report["missing"], missing);
    // Somebody is far ahead of the plan.
    let mut early = names(&planned[..5]);
    early.push("cart");
    joined(place.path(), &early);
    let run = onboard(place.path(), &ask.replace("done 5", "done 4")).expect_code(0);
    assert!(
        run.stdout.contains("cart: planned for wave 7"),
        "{}",
        run.stdout
    );
}

/// With dates, the day decides which waves should be over.
#[test]
fn status_goes_by_the_calendar_when_there_is_one() {
    let place = boutique();
    let plan = plan_into(
        place.path(),
        "plan.json",
        &format!("{SOURCES} --start 2026-10-05"),
    );
    let second = &plan["calendar"]["waves"][1]["flips"];
    let ask = |today: &str| {
        let ask = format!("status --plan plan.json {SOURCES} --today {today} --format json");
        let run = onboard(place.path(), &ask);
        parsed(&run.stdout)["over"].as_u64().unwrap()
    };
    assert_eq!(ask("2026-10-04"), 0);
    assert_eq!(ask(second.as_str().unwrap()), 2);
    assert_eq!(ask("2036-01-01"), 7);
}

#[test]
fn sources_that_disagree_are_listed_in_the_plan_and_in_its_status() {
    let place = boutique();
    plan_into(place.path(), "plan.json", SOURCES);
    joined(place.path(), &["payment", "shipping"]);
    let inventory = json!({"apiVersion": "v1", "kind": "List", "items": [{
        "apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {"name": "payment", "namespace": "boutique"},
        "spec": {"replicas": 2, "selector": {"matchLabels": {"app": "payment"}},
            "template": {"metadata": {"labels": {"app": "payment", "sidecar.istio.io/inject": "false"}},
                "spec": {"containers": [{"name": "app"}]}}}}]});
    fs::write(place.path().join("cluster.json"), inventory.to_string()).unwrap();
    let told = "--status status.yaml --inventory cluster.json";
    let plan = plan_into(place.path(), "next.json", &format!("{SOURCES} {told}"));
    let found = plan["contradictions"].as_array().unwrap();
    assert!(
        found
            .iter()
            .any(|found| found["service"] == "service/payment"),
        "{found:?}"
    );
    let ask = format!("status --plan plan.json {SOURCES} {told} --waves-done 1");
    let run = onboard(place.path(), &ask).expect_code(0);
    assert!(
        run.stdout.contains("SOURCES THAT DISAGREE"),
        "{}",
        run.stdout
    );
    assert!(run.stdout.contains("payment: "), "{}", run.stdout);
}

/// No canary and no rolling update inside a freeze, and the checker knows the dates.
#[test]
fn a_freeze_moves_waves_and_an_edit_against_pins_is_caught() {
    let place = boutique();
    let policy = place.path().join("tracemesh.yaml");
    let mut text = fs::read_to_string(&policy).unwrap();
    text.push_str("  - {name: audit, from: 2026-10-01, to: 2026-11-15, services: [shipping]}\n");
    fs::write(&policy, text).unwrap();
    let plan = plan_into(
        place.path(),
        "plan.json",
        &format!("{SOURCES} --start 2026-10-05"),
    );
    let calendar = plan["calendar"]["waves"].as_array().unwrap();
    for dates in calendar {
        let mut days = vec![&dates["canary"]];
        for rollout in dates["rollouts"].as_array().unwrap() {
            days.extend([&rollout["from"], &rollout["to"]]);
        }
        for day in days {
            let day = day.as_str().unwrap();
            assert!(!("2026-12-14"..="2027-01-06").contains(&day), "{dates}");
        }
    }
    let joins = waves(&plan);
    let wave = joins
        .iter()
        .position(|wave| wave.contains(&"shipping".to_owned()));
    let canary = calendar[wave.unwrap()]["canary"].as_str().unwrap();
    assert!(canary > "2026-11-15", "{canary}");
    let check = format!("check plan.json {SOURCES}");
    onboard(place.path(), &check).expect_code(0);
    let mut edited = plan.clone();
    super::move_service(&mut edited, "service/shipping", 1);
    fs::write(place.path().join("plan.json"), edited.to_string()).unwrap();
    let run = onboard(place.path(), &check).expect_code(1);
    assert!(
        run.stdout.contains("frozen: wave 1: shipping"),
        "{}",
        run.stdout
    );
}

const MESHES: &str = "  meshes:\n  - {name: front, services: [frontend, ad, recommendation, checkout]}\n  \
    - {name: 'back/office', services: [cart, currency, email, payment, productcatalog, shipping], start_lag_days: 28}\n";

#[test]
fn meshes_are_planned_apart_and_written_apart() {
    let place = boutique();
    let policy = place.path().join("tracemesh.yaml");
    let text = fs::read_to_string(&policy).unwrap() + MESHES;
    fs::write(&policy, text).unwrap();
    let start = format!("{SOURCES} --start 2026-10-05");
    onboard(place.path(), &format!("{start} --format json")).expect_refusal("has 2 meshes");
    let table = onboard(place.path(), &start).expect_code(0).stdout;
    assert!(
        table.contains("front") && table.contains("back/office"),
        "{table}"
    );
    let front = plan_into(place.path(), "front.json", &format!("{start} --mesh front"));
    assert_eq!(
        (&front["mesh"], &front["summary"]["services"]),
        (&json!("front"), &json!(4))
    );
    onboard(place.path(), &format!("{start} --out plan")).expect_code(0);
    let directories: Vec<String> = fs::read_dir(place.path().join("plan"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    assert_eq!(directories.len(), 2, "{directories:?}");
    assert!(directories.contains(&"front".to_owned()), "{directories:?}");
    // The second mesh starts four weeks later.
    let back = directories.iter().find(|name| *name != "front").unwrap();
    let back = fs::read_to_string(place.path().join("plan").join(back).join("plan.json")).unwrap();
    let canary = |plan: &Value| plan["calendar"]["waves"][0]["canary"].clone();
    assert_eq!(canary(&front), "2026-10-05");
    assert_eq!(canary(&parsed(&back)), "2026-11-02");
    // Each mesh goes on from its own plan.
    let again = onboard(place.path(), &format!("{start} --previous plan --out plan"));
    assert!(!again.expect_code(0).stderr.contains("no earlier plan"));
    let one = format!("{start} --previous front.json");
    onboard(place.path(), &one).expect_refusal("is a plan of mesh `front`");
    onboard(place.path(), &format!("check front.json {start}")).expect_code(0);
    onboard(place.path(), "check front.json --graph graph.json")
        .expect_refusal("the policy does not have");
}

#[test]
fn pins_that_contradict_each_other_are_named_with_their_lines() {
    let place = boutique();
    let policy = place.path().join("tracemesh.yaml");
    let text = fs::read_to_string(&policy).unwrap();
    let pinned = text.replace("{service: cart, team", "{service: cart, wave: 1, team");
    let text =
        pinned + "  before:\n  - {first: payment, then: cart}\n  - {first: shipping, then: cart}\n";
    fs::write(&policy, text).unwrap();
    let told = onboard(place.path(), SOURCES).expect_refusal("no plan can keep to both");
    assert!(told.contains("`service/cart`"), "{told}");
    assert!(
        told.contains("line 10 of the policy says when `cart` may join"),
        "{told}"
    );
}

/// A rule that means nobody must not pass in silence.
#[test]
fn rules_and_statuses_that_mean_nobody_are_told() {
    let place = boutique();
    let policy = place.path().join("tracemesh.yaml");
    let text = fs::read_to_string(&policy).unwrap();
    let text = text.replace("{service: email,", "{service: e-mail,");
    fs::write(&policy, text).unwrap();
    joined(place.path(), &["paymnt"]);
    let run = onboard(place.path(), &format!("{SOURCES} --status status.yaml")).expect_code(0);
    assert!(
        run.stderr
            .contains("no service of the graph is meant by `e-mail`"),
        "{}",
        run.stderr
    );
    assert!(
        run.stderr.contains("line 3 of the status file"),
        "{}",
        run.stderr
    );
}
