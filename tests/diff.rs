//! `tracemesh diff` over every kind of side: snapshots, trace files, stores and windows of a store.

use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::harness::{call, request, root, tracemesh, tracemesh_in};
use crate::policy::{judged, validator};

fn shop() -> String {
    root()
        .join("fixtures/egress/shop/snapshot.json")
        .display()
        .to_string()
}

/// The recorded shop with one edge gone, one new, and one that fails, and the names of all three callees.
fn changed(place: &Path) -> [String; 3] {
    let mut graph: Value =
        serde_json::from_str(&fs::read_to_string(shop()).expect("it works")).expect("it works");
    let edges = graph["edges"].as_array_mut().expect("edges");
    let name = |edge: &Value| edge["callee"].as_str().expect("a callee").to_owned();
    edges.retain(|edge| edge["relation"] == "sync");
    edges.sort_by_key(|edge| edge["calls"].as_u64());
    let gone = edges.pop().expect("an edge");
    let failing = edges.last_mut().expect("an edge");
    failing["failed"] = failing["calls"].clone();
    let failing = name(failing);
    let mut new = gone.clone();
    new["callee"] = new["caller"].clone();
    new["calls"] = Value::from(5000);
    new["targets"][0]["host"] = Value::from("new.example\u{1b}[31m");
    let names = [name(&gone), failing, name(&new)];
    edges.push(new);
    fs::write(place.join("after.json"), graph.to_string()).expect("it works");
    names
}

#[test]
fn a_snapshot_does_not_differ_from_itself() {
    let shop = shop();
    let run = tracemesh(&["diff", &shop, &shop]).expect_code(0);
    assert!(
        run.stdout.starts_with("no difference beyond noise\n"),
        "{}",
        run.stdout
    );
    assert!(run.stderr.contains("a snapshot"), "{}", run.stderr);
}

#[test]
fn changes_of_a_snapshot_are_found_and_the_answer_is_no() {
    let place = tempfile::tempdir().expect("it works");
    let [gone, failing, new] = changed(place.path());
    let (shop, after) = (shop(), place.path().join("after.json"));
    let after = after.to_str().expect("it works");
    let run = tracemesh(&["diff", &shop, after]).expect_code(1);
    for section in ["ADDED\n", "GONE\n", "CHANGED\n"] {
        assert!(run.stdout.contains(section), "{}", run.stdout);
    }
    assert!(run.stdout.lines().all(|line| line.chars().count() <= 80));
    assert!(!run.stdout.contains('\u{1b}'));
    let run = tracemesh(&["diff", &shop, after, "--format", "markdown"]).expect_code(1);
    assert!(run.stdout.starts_with("# What changed\n"), "{}", run.stdout);
    let run = tracemesh(&["diff", &shop, after, "--format", "json"]).expect_code(1);
    let told: Value = serde_json::from_str(&run.stdout).expect("JSON");
    let edges = told["edges"].as_array().expect("edges");
    let has = |callee: &str, change: &str| {
        edges.iter().any(|edge| {
            edge["callee"] == callee && edge["change"] == change && edge["certain"] == true
        })
    };
    assert!(
        has(&gone, "gone") && has(&failing, "changed") && has(&new, "added"),
        "{}",
        run.stdout
    );
    let Some(python) = validator() else { return };
    let document = place.path().join("diff.json");
    fs::write(&document, &run.stdout).expect("it works");
    assert_eq!(judged(python, "diff", &document), "");
}

#[test]
fn recordings_are_compared_as_they_are() {
    let traces = root().join("fixtures/shop").display().to_string();
    let run = tracemesh(&["diff", &traces, &traces]).expect_code(0);
    assert!(run.stderr.contains("traces, "), "{}", run.stderr);
}

/// `calls` from `web` to a callee, some hours after the harness' time, 2025-10-09T08:53:20Z.
fn recording(place: &Path, file: &str, hours: u64, callees: &[&str]) {
    let mut spans = Vec::new();
    for (index, callee) in (1_u128..).zip(callees) {
        for trace in 0..60 {
            let trace = u128::from(hours) * 1000 + index * 100 + trace;
            let host = format!("{callee}.shop.svc.cluster.local");
            spans.extend(call(trace, "web", callee, &host));
        }
    }
    for resource in &mut spans {
        for scope in &mut resource.scope_spans {
            for (step, span) in (0_u64..).zip(&mut scope.spans) {
                let shift = hours * 3_600_000_000_000 + step;
                span.start_time_unix_nano += shift;
                span.end_time_unix_nano += shift;
            }
        }
    }
    fs::write(place.join(file), request(spans)).expect("it works");
}

#[test]
fn two_windows_of_a_store_are_compared() {
    let place = tempfile::tempdir().expect("it works");
    recording(place.path(), "one.pb", 0, &["cart"]);
    recording(place.path(), "two.pb", 48, &["cart", "stock"]);
    let run = |arguments: &[&str]| tracemesh_in(place.path(), arguments, b"");
    run(&["import", "one.pb", "two.pb", "--store", "data"]).expect_code(0);
    let (first, second) = ("2025-10-09..2025-10-10", "2025-10-11..2025-10-12");
    let arguments = ["diff", "--store", "data", "--before", first, "--after"];
    let with = |after: &'static str| [&arguments[..], &[after]].concat();
    let found = run(&with(second)).expect_code(1);
    assert!(
        found.stdout.contains("+ service/web -> service/stock"),
        "{}",
        found.stdout
    );
    assert!(found.stderr.contains("a store, "), "{}", found.stderr);
    run(&with(first)).expect_code(0);
    run(&with("2024-01-01..2024-01-02")).expect_refusal("has nothing of");
    run(&with("2025-10-12..2025-10-11")).expect_refusal("ends before it begins");
    run(&["diff", "data", "data"]).expect_code(0);
}

#[test]
fn what_cannot_be_compared_is_refused_with_a_way_out() {
    let place = tempfile::tempdir().expect("it works");
    let run = |arguments: &[&str]| tracemesh_in(place.path(), arguments, b"");
    fs::write(
        place.path().join("plan.json"),
        "{\"schema\": \"tracemesh.onboarding/v1\"}",
    )
    .expect("it works");
    fs::create_dir(place.path().join("egress")).expect("it works");
    fs::write(place.path().join("egress/egress.json"), "{}").expect("it works");
    let shop = shop();
    run(&["diff", &shop, "plan.json"]).expect_refusal("is a document `tracemesh.onboarding/v1`");
    run(&["diff", "egress", &shop]).expect_refusal("is a directory of generated egress");
    run(&["diff", "missing.json", &shop]).expect_refusal("cannot read `missing.json`");
    run(&["diff", "-", "-"]).expect_refusal("both sides are standard input");
    run(&["diff"]).expect_code(2);
    run(&["diff", &shop]).expect_code(2);
    run(&["diff", "--before", "2d..1d"]).expect_code(2);
}
