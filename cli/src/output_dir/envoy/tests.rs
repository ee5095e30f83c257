//! What a second run does to what a first one left.

use std::fs;

use super::*;
use crate::output_dir::RelativePath;
use tracemesh_graph::egress::{EgressOptions, derive};
use tracemesh_graph::snapshot::GraphSnapshot;

fn shop() -> GraphSnapshot {
    let text = include_str!("../../../../fixtures/egress/shop/snapshot.json");
    serde_json::from_str(text).unwrap()
}

fn write(root: &Path, snapshot: &GraphSnapshot) -> WriteSummary {
    let model = derive(snapshot, &EgressOptions::default());
    write_envoy(root, &model, &EnvoyOptions::default()).unwrap()
}

fn current(root: &Path, service: &str) -> String {
    let link = root
        .join("services/prod/shop")
        .join(service)
        .join("xds/current");
    fs::read_link(link).unwrap().to_str().unwrap().to_owned()
}

#[test]
fn only_services_whose_resources_changed_get_a_new_generation() {
    let root = tempfile::tempdir().unwrap();
    let mut snapshot = shop();
    write(root.path(), &snapshot);
    assert_eq!(write(root.path(), &snapshot).written, 0);
    snapshot
        .edges
        .retain(|edge| edge.callee != "broker/kafka@kafka:9092");
    write(root.path(), &snapshot);
    assert_eq!(current(root.path(), "checkout"), "gen-0002");
    assert_eq!(current(root.path(), "frontend"), "gen-0001");
    let old = "services/prod/shop/checkout/xds/gen-0001/cds.yaml";
    assert!(
        fs::read_to_string(root.path().join(old))
            .unwrap()
            .contains("kafka")
    );
}

#[test]
fn after_a_rollback_the_next_change_does_not_overwrite_the_newer_generation() {
    let root = tempfile::tempdir().unwrap();
    let first = shop();
    let mut second = shop();
    second
        .edges
        .retain(|edge| edge.callee != "broker/kafka@kafka:9092");
    write(root.path(), &first);
    write(root.path(), &second);
    let link = root.path().join("services/prod/shop/checkout/xds/current");
    fs::remove_file(&link).unwrap();
    std::os::unix::fs::symlink("gen-0001", &link).unwrap();
    write(root.path(), &second);
    assert_eq!(current(root.path(), "checkout"), "gen-0003");
}

fn document(root: &Path, name: &str) -> serde_json::Value {
    serde_json::from_str(&fs::read_to_string(root.join(name)).unwrap()).unwrap()
}

fn write_one(root: &Path, snapshot: &GraphSnapshot, id: &str) {
    let model = derive(snapshot, &EgressOptions::default());
    let wanted = BTreeSet::from([id.to_owned()]);
    let found = envoy_files(root, &model, Some(&wanted), &EnvoyOptions::default());
    write_files(root, &found.unwrap().files).unwrap();
}

#[test]
fn a_run_for_one_service_keeps_what_is_said_about_the_others() {
    let root = tempfile::tempdir().unwrap();
    let mut snapshot = shop();
    write(root.path(), &snapshot);
    let names = ["index.json", "egress.json", "evidence.json"];
    let before = names.map(|name| fs::read(root.path().join(name)).unwrap());
    write_one(root.path(), &snapshot, "service/shop/checkout");
    let after = names.map(|name| fs::read(root.path().join(name)).unwrap());
    assert_eq!(before, after, "nothing changed");
    snapshot
        .edges
        .retain(|edge| edge.caller == "service/shop/checkout");
    snapshot
        .edges
        .retain(|edge| edge.callee != "broker/kafka@kafka:9092");
    snapshot.window.end = None;
    write_one(root.path(), &snapshot, "service/shop/checkout");
    let [index, egress, evidence] = names.map(|name| document(root.path(), name));
    let entries = &index["services"];
    assert_eq!(entries["service/shop/checkout"]["generation"], 2);
    assert_eq!(entries["service/shop/frontend"]["generation"], 1);
    assert_eq!(entries.as_object().unwrap().len(), 8);
    assert_eq!(egress["services"].as_array().unwrap().len(), 8);
    let evidence = &evidence["services"];
    assert!(evidence["service/shop/checkout"]["window"].is_object());
    assert!(evidence["service/shop/frontend"]["window"].is_null());
    assert!(evidence["service/shop/frontend"]["destinations"]["service/shop/cart"].is_object());
}

#[test]
fn services_that_are_gone_are_proposed_for_removal_and_keep_their_files() {
    let root = tempfile::tempdir().unwrap();
    let whole = shop();
    write(root.path(), &whole);
    let mut smaller = shop();
    smaller
        .nodes
        .retain(|node| node.id != "service/shop/mailer");
    let model = derive(&smaller, &EgressOptions::default());
    let found = envoy_files(root.path(), &model, None, &EnvoyOptions::default()).unwrap();
    assert_eq!(found.proposed_removals, ["service/shop/mailer"]);
    write_files(root.path(), &found.files).unwrap();
    let state =
        |service: &str| document(root.path(), "index.json")["services"][service]["state"].clone();
    assert_eq!(state("service/shop/mailer"), "proposed-removal");
    assert_eq!(state("service/shop/cart"), "active");
    assert_eq!(current(root.path(), "mailer"), "gen-0001");
    write(root.path(), &whole);
    assert_eq!(state("service/shop/mailer"), "active");
}

#[test]
fn a_foreign_index_is_neither_used_nor_overwritten() {
    let root = tempfile::tempdir().unwrap();
    fs::write(root.path().join("index.json"), "{}").unwrap();
    let model = derive(&shop(), &EgressOptions::default());
    let error = write_envoy(root.path(), &model, &EnvoyOptions::default()).unwrap_err();
    assert!(error.to_string().contains("move it away"), "{error}");
}

fn review(root: &Path, service: &str) -> String {
    let path = format!("services/prod/shop/{service}/diff.md");
    fs::read_to_string(root.join(path)).unwrap()
}

#[test]
fn every_new_generation_has_a_page_about_what_it_changes() {
    let root = tempfile::tempdir().unwrap();
    let mut snapshot = shop();
    write(root.path(), &snapshot);
    let first = review(root.path(), "checkout");
    assert!(first.contains("The first generation"), "{first}");
    snapshot
        .edges
        .retain(|edge| edge.callee != "broker/kafka@kafka:9092");
    write(root.path(), &snapshot);
    let page = review(root.path(), "checkout");
    let parts = [
        "# gen-0002 of `\"service/shop/checkout\"`",
        "Compared with gen-0001",
        ", for `\"broker/kafka@kafka:9092\"` at ",
        "- removed `outbound_9092`",
    ];
    for part in parts {
        assert!(page.contains(part), "{part}\n{page}");
    }
    assert!(!page.contains("added"), "{page}");
    write(root.path(), &snapshot);
    assert_eq!(review(root.path(), "checkout"), page, "nothing is new");
    let frontend = review(root.path(), "frontend");
    assert!(frontend.starts_with("# gen-0001 "), "{frontend}");
}

/// Whoever edits a generation in place gets the generated one back, in a generation of its own.
#[test]
fn a_generation_edited_by_hand_is_followed_by_a_new_one() {
    let root = tempfile::tempdir().unwrap();
    write(root.path(), &shop());
    let directory = root.path().join("services/prod/shop/checkout/xds/gen-0001");
    fs::write(directory.join("cds.yaml"), b"\xff").unwrap();
    for name in ["rds/a b.yaml", "rds/.x.yaml", "notes.yaml"] {
        fs::write(directory.join(name), "by hand").unwrap();
    }
    write(root.path(), &shop());
    assert_eq!(current(root.path(), "checkout"), "gen-0002");
    let page = review(root.path(), "checkout");
    assert!(page.contains("not as it was generated"), "{page}");
    let next = root.path().join("services/prod/shop/checkout/xds/gen-0002");
    assert!(!next.join("notes.yaml").exists());
}

/// What an operator finds who switches sidecars by hand, and what `--hand-over` does.
#[test]
fn a_generation_that_brings_clusters_has_a_step_before_it() {
    let root = tempfile::tempdir().unwrap();
    let mut smaller = shop();
    smaller
        .edges
        .retain(|edge| edge.callee != "broker/kafka@kafka:9092");
    write(root.path(), &smaller);
    let model = derive(&shop(), &EgressOptions::default());
    let found = envoy_files(root.path(), &model, None, &EnvoyOptions::default()).unwrap();
    let read = |path: &str| {
        let path = format!("services/prod/shop/checkout/xds/{path}");
        fs::read_to_string(root.path().join(path)).unwrap()
    };
    let first = found.first_step().unwrap();
    write_files(root.path(), &first).unwrap();
    assert_eq!(current(root.path(), "checkout"), "step-0002");
    assert!(read("current/cds.yaml").contains("kafka"));
    assert!(!read("current/lds.yaml").contains("kafka"));
    write_files(root.path(), &found.files).unwrap();
    assert_eq!(current(root.path(), "checkout"), "gen-0002");
    assert!(read("current/lds.yaml").contains("kafka"));
    let others = found.steps.keys().map(RelativePath::as_str);
    assert!(
        others
            .clone()
            .all(|path| path.contains("checkout") || path.contains("recommend")),
        "{:?}",
        others.collect::<Vec<_>>()
    );
    // What goes stays until the next generation, and is no difference.
    write(root.path(), &smaller);
    assert_eq!(current(root.path(), "checkout"), "gen-0003");
    assert!(read("current/cds.yaml").contains("kafka"));
    assert!(!read("current/lds.yaml").contains("kafka"));
    assert_eq!(write(root.path(), &smaller).written, 0);
    assert!(!review(root.path(), "checkout").contains("added"));
}

#[test]
fn a_run_after_one_that_broke_off_in_its_step_goes_on() {
    let root = tempfile::tempdir().unwrap();
    let mut smaller = shop();
    smaller
        .edges
        .retain(|edge| edge.callee != "broker/kafka@kafka:9092");
    write(root.path(), &smaller);
    let model = derive(&shop(), &EgressOptions::default());
    let found = envoy_files(root.path(), &model, None, &EnvoyOptions::default()).unwrap();
    write_files(root.path(), &found.first_step().unwrap()).unwrap();
    write(root.path(), &shop());
    assert_eq!(current(root.path(), "checkout"), "gen-0003");
    assert_eq!(write(root.path(), &shop()).written, 0);
}
