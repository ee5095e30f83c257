use std::fs;
use std::path::{Path, PathBuf};

use prost::Message;
use tempfile::TempDir;

use super::*;
use crate::replay::replay;
use crate::store::{StoreContents, Wanted, read};
use crate::testing::{sample_request, sample_span};

const HOUR_NS: u64 = 3_600_000_000_000;

/// A file with a span in each of these hours.
fn file(dir: &Path, name: &str, hours: &[u64]) -> PathBuf {
    let spans = hours.iter().map(|hour| {
        let trace = u8::try_from(*hour % 200 + 1).unwrap();
        let mut span = sample_span(trace, 1);
        span.start_time_unix_nano = (500_000 + hour) * HOUR_NS + 7;
        span.end_time_unix_nano = span.start_time_unix_nano + 1;
        span
    });
    let path = dir.join(name);
    fs::write(&path, sample_request(spans.collect()).encode_to_vec()).unwrap();
    path
}

fn import_as(
    store: &Path,
    files: &[PathBuf],
    instance: &str,
    options: &[String],
) -> Result<Imported, ImportError> {
    let inputs: Vec<Input> = files.iter().cloned().map(Input::Path).collect();
    let wanted = Import {
        inputs: &inputs,
        store: &Location::from(store),
        instance,
        settings: &Settings::default(),
        options,
    };
    import(&wanted, &mut |_| {})
}

fn import_to(store: &Path, files: &[PathBuf]) -> Imported {
    import_as(store, files, "import", &[]).unwrap()
}

fn contents(store: &Path, wanted: &Wanted) -> StoreContents {
    read(&Location::from(store), wanted).unwrap()
}

/// The graph as users get it, from a store and from the files themselves.
fn assert_same_graph(store: &Path, files: &[PathBuf]) {
    let settings = Settings::default();
    let stored = contents(store, &Wanted::default()).segment;
    let inputs: Vec<Input> = files.iter().cloned().map(Input::Path).collect();
    let whole = replay(&inputs, &settings, &mut |_| {}).unwrap().segment;
    let json = |segment: &Segment| serde_json::to_string(&segment.snapshot(&settings)).unwrap();
    assert_eq!(json(&stored), json(&whole));
}

fn shop() -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    root.join("fixtures/shop")
}

#[test]
fn the_recorded_shop_gives_the_same_graph_from_the_store() {
    let dir = TempDir::new().unwrap();
    let store = dir.path().join("data");
    let imported = import_to(&store, &[shop()]);
    assert!(imported.windows >= 1);
    assert_eq!(imported.written, imported.windows);
    assert_same_graph(&store, &[shop()]);
}

#[test]
fn every_hour_is_a_segment_and_a_window_reads_its_own() {
    let dir = TempDir::new().unwrap();
    let store = dir.path().join("data");
    let path = file(dir.path(), "a.pb", &[3, 1, 7]);
    let imported = import_to(&store, std::slice::from_ref(&path));
    assert_eq!((imported.windows, imported.written), (3, 3));
    let start = imported.window.start.unwrap();
    assert_eq!(start.0, 500_001 * HOUR_NS);
    assert_eq!(imported.window.end.unwrap().0, 500_008 * HOUR_NS);
    assert_same_graph(&store, &[path]);
    let mut wanted = Wanted::default();
    wanted.window.start = Some(tracemesh_graph::time::Timestamp(500_002 * HOUR_NS));
    let part = contents(&store, &wanted);
    assert_eq!(part.segments, 2);
    wanted.window.start = imported.window.end;
    let none = contents(&store, &wanted);
    assert_eq!((none.segments, none.covered), (0, imported.window));
}

#[test]
fn the_same_files_again_add_nothing_in_any_order_under_any_name() {
    let dir = TempDir::new().unwrap();
    let store = dir.path().join("data");
    let files = [
        file(dir.path(), "a.pb", &[1, 2]),
        file(dir.path(), "b.pb", &[5]),
    ];
    import_to(&store, &files);
    let moved = dir.path().join("c.pb");
    fs::rename(&files[0], &moved).unwrap();
    let again = import_to(&store, &[files[1].clone(), moved.clone()]);
    assert_eq!((again.windows, again.written), (3, 0));
    let other = import_as(&store, &[moved.clone(), files[1].clone()], "other", &[]);
    assert_eq!(other.unwrap().written, 0);
    assert_same_graph(&store, &[moved, files[1].clone()]);
}

#[test]
fn an_import_that_was_cut_short_is_readable_and_completed_by_the_next() {
    let dir = TempDir::new().unwrap();
    let store = dir.path().join("data");
    let path = file(dir.path(), "a.pb", &[1, 2, 3, 4]);
    import_to(&store, std::slice::from_ref(&path));
    let segments = store.join("segments");
    let mut names: Vec<PathBuf> = fs::read_dir(&segments)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    names.sort();
    // Windows are written one by one, the oldest first: as if it had died over the third, or lost the first.
    for gone in [&names[2..], &names[..1]] {
        gone.iter()
            .for_each(|segment| fs::remove_dir_all(segment).unwrap());
        let half_done = store.join("tmp/import/half-done");
        fs::create_dir_all(&half_done).unwrap();
        let part = contents(&store, &Wanted::default());
        assert_eq!((part.segments, part.skipped.len()), (4 - gone.len(), 0));
        let again = import_to(&store, std::slice::from_ref(&path));
        assert_eq!(again.written, gone.len());
        assert!(!half_done.exists());
        assert_same_graph(&store, std::slice::from_ref(&path));
    }
}

#[test]
fn the_same_files_with_other_options_are_refused() {
    let dir = TempDir::new().unwrap();
    let store = dir.path().join("data");
    let files = [file(dir.path(), "a.pb", &[1])];
    import_to(&store, &files);
    let options = ["service=web=0.1".to_owned()];
    let error = import_as(&store, &files, "import", &options).unwrap_err();
    assert!(matches!(error, ImportError::OtherOptions(_)), "{error}");
    assert_same_graph(&store, &files);
}

#[test]
fn nothing_is_made_before_the_files_were_read() {
    let dir = TempDir::new().unwrap();
    let store = dir.path().join("data");
    let files = [file(dir.path(), "a.pb", &[1]), dir.path().join("none.pb")];
    let error = import_as(&store, &files, "import", &[]).unwrap_err();
    assert!(matches!(error, ImportError::Read(_)), "{error}");
    assert!(!store.exists());
    let error = import_as(&store, &files, "../x", &[]).unwrap_err();
    assert!(matches!(error, ImportError::Store(_)), "{error}");
}

#[test]
fn epochs_tell_content_from_options_and_fit_a_double() {
    let one = Epoch::of(&[[1; 32]], &[]);
    let same = Epoch::of(&[[1; 32]], &["x".to_owned()]);
    let other = Epoch::of(&[[2; 32]], &[]);
    assert_eq!(one.0 >> OPTION_BITS, same.0 >> OPTION_BITS);
    assert_ne!(one, same);
    assert_ne!(one.0 >> OPTION_BITS, other.0 >> OPTION_BITS);
    assert!([one, same, other].iter().all(|epoch| epoch.0 < 1 << 53));
}
