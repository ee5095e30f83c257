//! Every benchmark once, with little to do: a benchmark that nobody runs rots.

use std::path::Path;
use std::process::Command;

/// What it printed; it must have succeeded.
fn run(program: &str, arguments: &[&str]) -> String {
    let ran = Command::new(program).args(arguments).output();
    let ran = ran.expect("cargo builds benchmarks before their tests");
    let told = String::from_utf8(ran.stdout).expect("benchmarks print text");
    let fault = String::from_utf8_lossy(&ran.stderr);
    assert!(ran.status.success(), "{program}: {told}{fault}");
    told
}

const REPLAY: &str = env!("CARGO_BIN_EXE_replay");
const SCALING: &str = env!("CARGO_BIN_EXE_scaling");
const BUFFER: &str = env!("CARGO_BIN_EXE_buffer");
const STORE: &str = env!("CARGO_BIN_EXE_store");
const SNAPSHOT: &str = env!("CARGO_BIN_EXE_snapshot");

#[test]
fn replay_compares_all_stages() {
    let told = run(REPLAY, &["20", "500", "1"]);
    for stage in ["floor", "scan", "record", "infer", "prost", "naive"] {
        let mut lines = told.lines();
        assert!(lines.any(|line| line.starts_with(stage)), "{stage}: {told}");
    }
}

#[test]
fn replay_runs_one_stage_for_whoever_counts_instructions() {
    let told = run(REPLAY, &["stage", "scan", "20", "500"]);
    assert!(told.ends_with("spans, none rejected\n"), "{told}");
}

#[test]
fn scaling_compares_numbers_of_services() {
    let told = run(SCALING, &["services", "30", "500", "1"]);
    assert!(told.contains("30 services / 20: "), "{told}");
}

#[test]
fn scaling_runs_a_pipeline_of_two_shards() {
    let told = run(SCALING, &["run", "2", "500"]);
    assert!(told.contains(" edges, "), "{told}");
}

#[test]
fn buffer_measures_what_a_span_needs() {
    let told = run(BUFFER, &["5000", "9", "100"]);
    assert!(told.contains("B per span"), "{told}");
}

#[test]
fn snapshot_measures_and_compares() {
    for kind in ["paired", "mixed"] {
        let told = run(SNAPSHOT, &[kind, "3", "12", "3"]);
        assert!(told.contains("diff of equals"), "{told}");
    }
}

#[test]
fn store_writes_and_opens() {
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join("two-weeks");
    if directory.exists() {
        std::fs::remove_dir_all(&directory).unwrap();
    }
    let place = directory.to_str().unwrap();
    run(STORE, &["write", place, "compacted", "5", "2"]);
    for detail in ["topology", "everything"] {
        let told = run(STORE, &["read", place, detail, "5", "2"]);
        assert!(told.contains("10 edges"), "{told}");
    }
}

#[test]
fn what_a_benchmark_does_not_understand_it_refuses() {
    for (program, arguments) in [
        (REPLAY, ["x", "1", "1"]),
        (REPLAY, ["stage", "x", "1"]),
        (SCALING, ["services", "x", "1"]),
        (STORE, ["write", "x", "1"]),
        (SNAPSHOT, ["x", "1", "1"]),
        (BUFFER, ["x", "1", "1"]),
    ] {
        let ran = Command::new(program).args(arguments).output().unwrap();
        assert_eq!(ran.status.code(), Some(2), "{program}");
    }
}
