//! `tracemesh verify` as people run it: files against traces, and the log of a sidecar.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::Value;
use tempfile::TempDir;

use crate::harness::{root, setting, tracemesh, tracemesh_in};
use crate::policy::{judged, validator};

fn snapshot() -> String {
    let path = root().join("fixtures/egress/shop/snapshot.json");
    path.display().to_string()
}

/// The files of the shop, in a directory `egress`.
fn shop_files() -> TempDir {
    let place = tempfile::tempdir().unwrap();
    let arguments = ["egress", "--graph", &snapshot(), "--out", "egress"];
    tracemesh_in(place.path(), &arguments, b"").expect_code(0);
    place
}

/// Asserts that a text is as recorded; `TRACEMESH_BLESS=1` rewrites it.
#[track_caller]
fn assert_recorded(name: &str, text: &str) {
    let recorded = root().join("fixtures/verify/expected").join(name);
    if setting("TRACEMESH_BLESS").is_some() {
        fs::create_dir_all(recorded.parent().unwrap()).unwrap();
        fs::write(&recorded, text).unwrap();
    }
    let expected = fs::read_to_string(&recorded).expect("a recorded answer");
    assert_eq!(text, expected, "{name}");
}

#[track_caller]
fn assert_fits_schema(schema: &str, text: &str) {
    let Some(python) = validator() else { return };
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(file.path(), text).unwrap();
    assert_eq!(judged(python, schema, file.path()), "");
}

#[test]
fn the_shop_is_verified_against_its_own_traces() {
    let place = shop_files();
    let graph = snapshot();
    let verify = |further: &[&str]| {
        let arguments = ["verify", "--config", "egress", "--graph", &graph];
        tracemesh_in(place.path(), &[&arguments[..], further].concat(), b"")
    };
    let run = verify(&[]).expect_code(1);
    assert!(run.stdout.lines().all(|line| line.chars().count() <= 80));
    assert_recorded("shop.txt", &run.stdout);
    verify(&["--floor", "98.3"]).expect_code(0);
    verify(&["--floor", "98.4"]).expect_code(1);
    verify(&["--service", "frontend", "--floor", "100"]).expect_code(0);
    let run = verify(&["--floor", "98", "--format", "json"]).expect_code(0);
    assert_fits_schema("verify", &run.stdout);
    let report: Value = serde_json::from_str(&run.stdout).unwrap();
    let sums = &report["conservation"];
    let parts = [
        "judged",
        "asynchronous",
        "proxied",
        "caller_is_no_service",
        "left_out",
    ];
    let parts = parts.map(|part| sums[part].as_u64().unwrap());
    assert_eq!(sums["calls"], parts.iter().sum::<u64>());
}

/// An edge that worked without these files and does not with them is no, however much else is covered.
#[test]
fn harm_is_no_whatever_the_floor() {
    let place = shop_files();
    let cds = place
        .path()
        .join("egress/services/prod/shop/recommend/xds/current/cds.yaml");
    let text = fs::read_to_string(&cds).unwrap();
    let edited = text.replacen("  name: \"redis-b_6379\"", "  name: \"renamed\"", 1);
    assert_ne!(text, edited);
    fs::write(&cds, edited).unwrap();
    let graph = snapshot();
    let arguments = [
        "verify", "--config", "egress", "--graph", &graph, "--floor", "0",
    ];
    let run = tracemesh_in(place.path(), &arguments, b"").expect_code(1);
    assert!(run.stdout.contains("is not defined"), "{}", run.stdout);
}

/// The recorded shop: real SDKs, four languages. The files are made of some traces, and judged by all.
#[test]
fn recorded_traces_are_verified_without_conflicts() {
    let place = tempfile::tempdir().unwrap();
    let shop = root().join("fixtures/shop");
    let file = |name: &str| shop.join(name).display().to_string();
    let all = [
        "go.pb4.gz",
        "java.jsonl.zst",
        "node.jsonl.gz",
        "python.pb.zst",
        "reconciler.pb",
    ]
    .map(file);
    let traces: Vec<&str> = all.iter().map(String::as_str).collect();
    let build = [
        &["egress", "--out", "egress", "--traces"],
        traces.as_slice(),
    ]
    .concat();
    tracemesh_in(place.path(), &build, b"").expect_code(0);
    let verify = [
        "verify", "--config", "egress", "--format", "json", "--traces",
    ];
    let verify = [&verify[..], traces.as_slice()].concat();
    let run = tracemesh_in(place.path(), &verify, b"").expect_code(1);
    assert_fits_schema("verify", &run.stdout);
    let report: Value = serde_json::from_str(&run.stdout).unwrap();
    let calls = |class: &str| report["calls"][class].as_u64().unwrap();
    assert_eq!((calls("conflicting"), calls("unroutable")), (0, 0));
    assert!(calls("covered") > 15_000, "{}", report["calls"]);
    // Calls to loopback pass by, and some libraries name no address.
    assert!(calls("passthrough") < 600 && calls("undecided") < 2_000);
}

#[test]
fn the_log_of_a_sidecar_names_missing_edges() {
    let graph = snapshot();
    let log: PathBuf = root().join("fixtures/verify/drift.log");
    let log = log.display().to_string();
    let verify = |further: &[&str]| {
        let arguments = ["verify", "--drift-log", &log, "--graph", &graph];
        tracemesh(&[&arguments[..], further].concat())
    };
    let run = verify(&["--service", "search"]).expect_code(1);
    assert!(
        !run.stdout.contains('\u{1b}'),
        "hostile names are shown, not sent"
    );
    assert_recorded("drift.txt", &run.stdout);
    let run = verify(&["--format", "json"]).expect_code(1);
    assert_fits_schema("drift", &run.stdout);
    let report: Value = serde_json::from_str(&run.stdout).unwrap();
    assert_eq!(report["missing"], 6);
    let edges = report["edges"].as_array().unwrap();
    let store = edges
        .iter()
        .find(|edge| edge["destination"] == "10.96.0.31:6379");
    let store = store.expect("the edge to the store");
    assert_eq!(store["nodes"][0], "database/redis@redis-a:6379", "{store}");
    assert_eq!(store["named_by"], "address");
}

#[test]
fn logs_come_compressed_and_from_standard_input() {
    let text = fs::read(root().join("fixtures/verify/drift.log")).unwrap();
    let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
    packed.write_all(&text).unwrap();
    let place = tempfile::tempdir().unwrap();
    let arguments = ["verify", "--drift-log", "-"];
    let plain = tracemesh_in(place.path(), &arguments, &text).expect_code(1);
    let packed = packed.finish().unwrap();
    let unpacked = tracemesh_in(place.path(), &arguments, &packed).expect_code(1);
    assert_eq!(plain.stdout, unpacked.stdout);
    assert!(
        plain.stderr.contains("nobody can be named"),
        "{}",
        plain.stderr
    );
    let run = tracemesh_in(place.path(), &arguments, b"nothing of it\n").expect_code(0);
    assert!(run.stderr.contains("no line about"), "{}", run.stderr);
    let broken = packed.get(..packed.len() / 2).unwrap();
    let run = tracemesh_in(place.path(), &arguments, broken).expect_code(2);
    assert!(
        run.stderr.contains("cannot read `-`: the gzip data is"),
        "{}",
        run.stderr
    );
}

#[test]
fn what_cannot_be_verified_is_refused_with_a_way_out() {
    let graph = snapshot();
    let place = shop_files();
    let run = |arguments: &[&str]| {
        let all = [&["verify", "--graph", graph.as_str()], arguments].concat();
        tracemesh_in(place.path(), &all, b"")
    };
    run(&["--config", "elsewhere"]).expect_refusal("`index.json`: cannot read it");
    run(&["--config", "egress", "--service", "nobody"]).expect_refusal("no node is called");
    run(&["--drift-log", "missing.log"]).expect_refusal("cannot read `missing.log`");
    run(&["--config", "egress", "--floor", "101"]).expect_code(2);
    run(&["--config", "egress", "--drift-log", "x"]).expect_code(2);
    run(&[]).expect_code(2);
    let lds = "egress/services/prod/shop/cart/xds/current/lds.yaml";
    append(&place.path().join(lds), "more: true\n");
    run(&["--config", "egress"]).expect_refusal("field `more`: not understood");
}

fn append(path: &Path, text: &str) {
    let before = fs::read_to_string(path).unwrap();
    fs::write(path, before + text).unwrap();
}
