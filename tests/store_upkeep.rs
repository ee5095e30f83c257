//! Compaction, retention and merging of stores through the binary: real traces in, the same graph out.

use std::path::{Path, PathBuf};

use serde_json::Value;
use tracemesh_collector::input::Input;
use tracemesh_collector::replay::replay;
use tracemesh_collector::store::{Location, Store};
use tracemesh_graph::segment::Segment;
use tracemesh_graph::settings::Settings;
use tracemesh_graph::snapshot::Window;
use tracemesh_graph::time::Timestamp;

use crate::harness::process::Collector;
use crate::harness::{root, tracemesh_in};

const MINUTE: u64 = 60_000_000_000;
const DAY: u64 = 1440 * MINUTE;

/// A midnight long ago.
const START: u64 = 1_699_920_000_000_000_000;

/// Recordings of a shop, file by file: callers and callees are in different ones, so halves meet only when merged.
fn segments() -> Vec<Segment> {
    let settings = Settings::default();
    let directories = ["shop", "shop-old", "shop-stable"];
    let directories = directories.map(|name| root().join("fixtures").join(name));
    let mut files: Vec<PathBuf> = Vec::new();
    for directory in directories {
        let entries = std::fs::read_dir(directory).expect("the fixtures are there");
        let found = entries.map(|entry| entry.expect("an entry").path());
        files.extend(found.filter(|path| path.is_file() && !is_text(path)));
    }
    files.sort();
    let read = |path: PathBuf| replay(&[Input::Path(path)], &settings, &mut |_| {});
    let replays = files
        .into_iter()
        .map(|path| read(path).expect("a recording"));
    replays.map(|replay| replay.segment).collect()
}

fn is_text(path: &Path) -> bool {
    path.extension().is_some_and(|of| of == "md")
}

fn location(directory: &Path) -> Location {
    Location::from(directory)
}

/// Three days of two instances that restart every day, with a recording each day. What waits is what the next flush has;
/// at the end of a run it is never replaced.
fn fill(directories: [&Path; 2]) {
    let segments = segments();
    let days = segments.chunks(segments.len().div_ceil(3));
    for (day, recorded) in (0..).zip(days) {
        let (one, two) = recorded.split_at(recorded.len() / 2);
        for (index, (instance, recorded)) in [("one", one), ("two", two)].into_iter().enumerate() {
            let started = Timestamp(START + day * DAY);
            let store = Store::open(&location(directories[index]), instance, started);
            run(&mut store.expect("the store opens"), started, recorded);
        }
    }
}

/// The flushes of a run: the last segment only waits.
fn run(store: &mut Store, started: Timestamp, recorded: &[Segment]) {
    let nothing = Segment::default();
    let settled = std::iter::once(&nothing).chain(recorded);
    for (number, (settled, waiting)) in (0..).zip(settled.zip(recorded)) {
        let window = Window {
            start: Some(Timestamp(started.0 + number * 20 * MINUTE)),
            end: Some(Timestamp(started.0 + (number + 1) * 20 * MINUTE)),
        };
        store
            .append(settled, waiting, window)
            .expect("the segment is written");
    }
}

fn graph(store: &Path) -> String {
    let store = store.display().to_string();
    let arguments = ["graph", "--store", &store, "--format", "json"];
    tracemesh_in(root(), &arguments, b"").expect_code(0).stdout
}

fn report(arguments: &[&str], code: i32) -> Value {
    let arguments = [&["store"], arguments, &["--format", "json"]].concat();
    let run = tracemesh_in(root(), &arguments, b"").expect_code(code);
    serde_json::from_str(&run.stdout).expect("the report is JSON")
}

fn count(report: &Value, list: &str) -> usize {
    report[list].as_array().expect("a list").len()
}

fn names(store: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(store.join("segments")).expect("a store");
    let entries = entries.map(|entry| entry.expect("an entry").file_name());
    let mut names: Vec<String> = entries.map(|name| name.display().to_string()).collect();
    names.sort();
    names
}

#[test]
fn a_compacted_store_gives_the_same_graph_byte_for_byte() {
    let place = tempfile::tempdir().expect("a temporary directory");
    let store = place.path().join("data");
    fill([&store, &store]);
    let (before, files) = (graph(&store), names(&store));
    let path = store.display().to_string();
    let planned = report(&["compact", "--store", &path, "--dry-run"], 0);
    assert_eq!(names(&store), files);
    let done = report(&["compact", "--store", &path], 0);
    assert_eq!(count(&done, "compacted"), count(&planned, "compacted"));
    assert_eq!(names(&store).len(), 3, "{done:#}");
    assert_eq!(graph(&store), before);
    let again = report(&["compact", "--store", &path], 0);
    assert_eq!(
        (count(&again, "compacted"), count(&again, "removed")),
        (0, 0)
    );
    assert_eq!(graph(&store), before);
    let table = tracemesh_in(root(), &["store", "compact", "--store", &path], b"");
    assert!(
        table
            .expect_code(0)
            .stdout
            .contains("nothing to put together")
    );
}

#[test]
fn retention_removes_what_is_too_old_when_asked() {
    let place = tempfile::tempdir().expect("a temporary directory");
    let store = place.path().join("data");
    fill([&store, &store]);
    let path = store.display().to_string();
    let kept = report(
        &["compact", "--store", &path, "--max-store-size", "1TiB"],
        0,
    );
    assert_eq!(count(&kept, "removed"), 0);
    let removed = report(&["compact", "--store", &path, "--retention", "30d"], 0);
    assert_eq!(count(&removed, "removed"), 3);
    assert_eq!(names(&store), [] as [&str; 0]);
}

#[test]
fn stores_of_two_machines_become_one() {
    let place = tempfile::tempdir().expect("a temporary directory");
    let at = |name: &str| place.path().join(name);
    let (one, two, both, all) = (at("one"), at("two"), at("both"), at("all"));
    fill([&one, &two]);
    fill([&both, &both]);
    let paths = [&all, &one, &two].map(|path| path.display().to_string());
    let [all_path, one_path, two_path] = paths.each_ref().map(String::as_str);
    report(&["compact", "--store", two_path], 0);
    let merged = report(&["merge", all_path, one_path, two_path], 0);
    assert_eq!(count(&merged["sources"][two_path], "copied"), 3);
    assert_eq!(graph(&all), graph(&both));
    let again = report(&["merge", all_path, one_path, two_path], 0);
    assert_eq!(count(&again["sources"][one_path], "copied"), 0);
    report(&["compact", "--store", all_path], 0);
    assert_eq!(graph(&all), graph(&both));
    report(&["merge", all_path, one_path, two_path], 0);
    assert_eq!(graph(&all), graph(&both));
    let refused = tracemesh_in(root(), &["store", "merge", all_path, all_path], b"");
    refused.expect_refusal("added to itself");
}

#[test]
fn a_collector_compacts_its_store_and_removes_what_is_old() {
    let place = tempfile::tempdir().expect("a temporary directory");
    let store = place.path().join("data");
    fill([&store, &store]);
    let (before, files) = (graph(&store), names(&store));
    Collector::start(&store, &["--no-compaction", "--retention", "none"]).terminate();
    assert_eq!(names(&store), files);
    let waits = |wanted: usize, further: &[&str]| {
        let collector = Collector::start(&store, further);
        for _ in 0..600 {
            if names(&store).len() == wanted {
                break;
            }
            std::thread::sleep(std::time::Duration::from_millis(100));
        }
        let said = collector.terminate();
        assert_eq!(names(&store).len(), wanted, "{said}");
        said
    };
    let said = waits(3, &["--retention", "none"]);
    assert!(said.contains("store compacted"), "{said}");
    assert_eq!(graph(&store), before);
    let said = waits(0, &[]);
    assert!(said.contains("old segments removed"), "{said}");
}

#[test]
fn a_store_that_is_not_there_is_told() {
    let place = tempfile::tempdir().expect("a temporary directory");
    let missing = place.path().join("none").display().to_string();
    let run = tracemesh_in(root(), &["store", "compact", "--store", &missing], b"");
    run.expect_refusal("no store here");
    let run = tracemesh_in(root(), &["store", "merge", &missing, &missing], b"");
    run.expect_refusal("added to itself");
}
