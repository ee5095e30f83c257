//! `tracemesh import`, and which time of a store the other commands read.

mod affinity;

use std::fs;
use std::path::Path;

use tempfile::TempDir;
use tracemesh_graph::snapshot::GraphSnapshot;

use crate::harness::{Kind, Run};
use crate::harness::{files_under, request, root, service, span, tracemesh_in};

const HOUR_NS: u64 = 3_600_000_000_000;

/// 2026-11-08 at midnight.
const DAY_NS: u64 = 1_794_096_000_000_000_000;

fn place() -> TempDir {
    tempfile::tempdir().expect("a temporary directory")
}

fn run(place: &TempDir, arguments: &[&str]) -> Run {
    tracemesh_in(place.path(), arguments, b"")
}

/// A request served in each of these hours of the day.
fn traces(hours: &[u64]) -> Vec<u8> {
    let spans = hours.iter().map(|hour| {
        let mut served = span(u128::from(hour + 1), 1, 0, Kind::Server);
        served.start_time_unix_nano = DAY_NS + hour * HOUR_NS + 1;
        served.end_time_unix_nano = served.start_time_unix_nano + 1_000;
        served
    });
    request(vec![service("web", spans.collect())])
}

/// A store with a request in each of these hours.
fn store(hours: &[u64]) -> TempDir {
    let place = place();
    fs::write(place.path().join("traces.pb"), traces(hours)).expect("a writable directory");
    run(&place, &["import", "traces.pb", "--store", "data"]).expect_code(0);
    place
}

fn spans(run: &Run) -> u64 {
    let graph: GraphSnapshot = serde_json::from_str(&run.stdout).expect("a snapshot");
    graph.diagnostics.spans
}

fn read(place: &TempDir, window: &[&str]) -> Run {
    let arguments = ["graph", "--store", "data", "--format", "json"];
    run(place, &[&arguments, window].concat())
}

#[test]
fn the_imported_shop_is_the_shop_byte_for_byte_and_again_adds_nothing() {
    let place = place();
    let shop = root().join("fixtures/shop").display().to_string();
    let first = run(&place, &["import", &shop, "--store", "data"]).expect_code(0);
    assert!(
        first.stdout.contains("0 rejected\nadded "),
        "{}",
        first.stdout
    );
    assert!(first.stdout.contains("next: tracemesh graph --store data"));
    let files = files_under(&place.path().join("data/segments"));
    let again = run(&place, &["import", &shop, "--store", "data"]).expect_code(0);
    assert!(
        again.stdout.contains("nothing was added"),
        "{}",
        again.stdout
    );
    assert_eq!(files, files_under(&place.path().join("data/segments")));
    let whole = ["graph", "--traces", &shop, "--format", "json"];
    let whole = run(&place, &whole).expect_code(0);
    let stored = read(&place, &[]).expect_code(0);
    assert!(stored.stdout == whole.stdout, "the graphs differ");
    assert_eq!(stored.stderr, "", "all of it is no news");
}

#[test]
fn a_window_reads_the_hours_that_overlap_it_and_says_so() {
    let place = store(&[1, 2, 5]);
    assert_eq!(spans(&read(&place, &[]).expect_code(0)), 3);
    let window = ["--since", "2026-11-08T02:30:00Z", "--until", "2026-11-09"];
    let part = read(&place, &window).expect_code(0);
    assert_eq!(spans(&part), 2);
    let told = "2 segments, 2026-11-08 02:00 to 2026-11-08 06:00 UTC";
    assert!(part.stderr.contains(told), "{}", part.stderr);
    let early = ["--until", "2026-11-08T02:00:00+00:00"];
    assert_eq!(spans(&read(&place, &early).expect_code(0)), 1);
    for command in [&["doctor"] as &[&str], &["explain", "web"]] {
        let asked = [command, &["--store", "data"], &early].concat();
        let told = run(&place, &asked).expect_code(0).stderr;
        assert!(told.contains("1 segment, 2026-11-08 01:00"), "{told}");
    }
}

#[test]
fn windows_that_cannot_be_are_refused_with_a_way_out() {
    let place = store(&[1, 2]);
    let refused = |window: &[&str], message: &str| read(&place, window).expect_refusal(message);
    let told = refused(
        &["--since", "2026-11-09", "--until", "2026-11-10"],
        "has nothing of",
    );
    assert!(
        told.contains("it covers 2026-11-08 01:00 to 2026-11-08 03:00 UTC"),
        "{told}"
    );
    refused(&["--since", "1d", "--until", "2d"], "is not before");
    refused(&["--since", "2200-01-01"], "in the future");
    let nonsense = run(&place, &["graph", "--store", "data", "--since", "soon"]);
    let told = nonsense.expect_code(2).stderr;
    assert!(
        told.contains("give a time before now such as `90m`"),
        "{told}"
    );
    let traces = ["graph", "--traces", "traces.pb", "--since", "1d"];
    let told = run(&place, &traces).expect_refusal("do not apply to trace files");
    assert!(told.contains("tracemesh import"), "{told}");
    let graph = read(&place, &[]).expect_code(0).stdout;
    fs::write(place.path().join("graph.json"), graph).expect("a writable directory");
    let snapshot = ["graph", "--graph", "graph.json", "--until", "1d"];
    run(&place, &snapshot).expect_refusal("do not apply to a snapshot");
}

#[test]
fn other_options_bad_names_and_bad_files_are_refused() {
    let place = store(&[1]);
    let other = [
        "import",
        "traces.pb",
        "--store",
        "data",
        "--service-sampling",
        "web=0.5",
    ];
    run(&place, &other).expect_refusal("imported with other reading options");
    let name = [
        "import",
        "traces.pb",
        "--store",
        "data",
        "--instance",
        "../x",
    ];
    run(&place, &name).expect_refusal("is no instance name");
    fs::write(place.path().join("notes.txt"), "hello").expect("a writable directory");
    run(&place, &["import", "notes.txt", "--store", "new"]).expect_refusal("notes.txt");
    assert!(!place.path().join("new").exists(), "nothing was made");
    assert_eq!(spans(&read(&place, &[]).expect_code(0)), 1);
}

#[test]
fn standard_input_is_the_same_import_as_the_file() {
    let place = place();
    let bytes = traces(&[3, 4]);
    let arguments = ["import", "-", "--store", "data"];
    let first = tracemesh_in(place.path(), &arguments, &bytes).expect_code(0);
    assert!(
        first.stdout.contains("added 2 segments"),
        "{}",
        first.stdout
    );
    fs::write(place.path().join("traces.pb"), &bytes).expect("a writable directory");
    let again = run(&place, &["import", "traces.pb", "--store", "data"]).expect_code(0);
    assert!(
        again.stdout.contains("2 windows, nothing was added"),
        "{}",
        again.stdout
    );
}

#[test]
fn an_import_that_was_cut_short_is_completed() {
    let place = store(&[1, 2, 3]);
    let segments = place.path().join("data/segments");
    let newest = newest(&segments);
    fs::remove_dir_all(segments.join(newest)).expect("a segment");
    assert_eq!(spans(&read(&place, &[]).expect_code(0)), 2);
    let again = run(&place, &["import", "traces.pb", "--store", "data"]).expect_code(0);
    let told = "added 1 segment to `data`; 2 of 3 windows were there already";
    assert!(again.stdout.contains(told), "{}", again.stdout);
    assert_eq!(spans(&read(&place, &[]).expect_code(0)), 3);
}

/// Names of segments sort by time.
fn newest(segments: &Path) -> String {
    let entries = fs::read_dir(segments).expect("a store");
    let names = entries.map(|entry| entry.expect("an entry").file_name());
    let names = names.map(|name| name.to_string_lossy().into_owned());
    names.max().expect("a segment")
}
