//! `tracemesh store info` and `tracemesh store check`.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::json;

use super::ask;
use crate::harness::process::Collector;
use crate::harness::{call, files_under, request, tracemesh, tracemesh_in};

/// A store with one segment of each of two instances.
fn store(place: &Path) -> PathBuf {
    let store = place.join("data");
    for (number, instance) in [(1, "a"), (2, "b")] {
        let collector = Collector::start(&store, &["--instance", instance]);
        collector.post(&request(call(number, "web", "cart", "cart.shop")));
        collector.terminate();
    }
    store
}

fn expect_fits(text: &str) {
    for line in text.lines() {
        assert!(line.chars().count() <= 80, "{line}");
    }
}

#[test]
fn info_tells_instances_segments_and_tables() {
    let place = tempfile::tempdir().expect("a temporary directory");
    let store = store(place.path());
    let (info, code) = ask(&store, &["store", "info"]);
    assert_eq!(code, Some(0));
    assert_eq!(info["schema"], "tracemesh.store-info/v1");
    assert_eq!(info["segments"], 2);
    let names: Vec<_> = info["instances"].as_array().unwrap().iter().collect();
    assert_eq!(names.len(), 2);
    assert_eq!(names[0]["instance"], "a");
    assert_eq!(names[0]["may_be_running"], false);
    assert_eq!(names[0]["runs"][0]["flushes"], 1);
    assert_eq!(info["skipped"], json!([]));
    let table = tracemesh_in(place.path(), &["store", "info", "--store", "data"], b"");
    let table = table.expect_code(0).stdout;
    expect_fits(&table);
    for needed in [
        "data: 2 segments",
        "Instance a, not running",
        "LEVEL",
        "TABLE",
    ] {
        assert!(table.contains(needed), "no `{needed}` in:\n{table}");
    }
}

#[test]
fn check_says_yes_to_a_sound_store_and_names_every_fault_of_another() {
    let place = tempfile::tempdir().expect("a temporary directory");
    let store = store(place.path());
    let (check, code) = ask(&store, &["store", "check"]);
    assert_eq!((code, &check["segments"]), (Some(0), &json!(2)));
    fs::write(store.join("segments/\u{1b}[2Jnotes.txt"), b"hello").expect("a writable file");
    let segments = store.join("segments");
    let tables = files_under(&segments);
    let table = tables
        .iter()
        .find(|path| path.extension().is_some_and(|e| e == "parquet"));
    let table = segments.join(table.expect("a segment has tables"));
    let mut bytes = fs::read(&table).expect("a readable file");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&table, bytes).expect("a writable file");
    let (check, code) = ask(&store, &["store", "check"]);
    assert_eq!((code, &check["segments"]), (Some(1), &json!(1)));
    let faults = check["faults"].as_array().expect("a list");
    assert_eq!(faults.len(), 2, "{faults:?}");
    let run = tracemesh_in(place.path(), &["store", "check", "--store", "data"], b"");
    let table = run.expect_code(1).stdout;
    for needed in ["data: 2 faults", "checksum", "no segment", "hint: "] {
        assert!(table.contains(needed), "no `{needed}` in:\n{table}");
    }
    assert!(!table.contains('\u{1b}'), "{table:?}");
}

#[test]
fn a_store_that_is_not_there_is_refused() {
    for command in ["info", "check"] {
        tracemesh(&["store", command, "--store", "nowhere"]).expect_refusal("no store here");
    }
}
