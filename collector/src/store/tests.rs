use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use tempfile::TempDir;
use tracemesh_graph::segment::tables::Detail;
use tracemesh_graph::span::RejectReason;

use super::*;

const NOW: Timestamp = Timestamp(1_700_000_000_000_000_000);

fn segment(count: u64) -> Segment {
    let mut segment = Segment::default();
    segment.count_rejected(&BTreeMap::from([(RejectReason::Utf8, count)]));
    segment
}

fn window(start: u64, end: u64) -> Window {
    Window {
        start: Some(Timestamp(start)),
        end: Some(Timestamp(end)),
    }
}

fn open(dir: &TempDir, instance: &str) -> Store {
    open_at(dir.path(), instance, NOW).unwrap()
}

fn open_at(directory: &Path, instance: &str, now: Timestamp) -> Result<Store, StoreError> {
    Store::open(&Location::from(directory), instance, now)
}

fn read_all(directory: &Path) -> Result<StoreContents, StoreError> {
    read(&Location::from(directory), &Wanted::default())
}

fn read_window(directory: &Path, window: Window) -> Result<StoreContents, StoreError> {
    let detail = Detail::Everything;
    read(&Location::from(directory), &Wanted { window, detail })
}

#[test]
fn what_was_written_is_read_merged() {
    let dir = TempDir::new().unwrap();
    let (mut a, mut b) = (open(&dir, "a"), open(&dir, "b-1.x"));
    a.append(&segment(1), &Segment::default(), window(10, 20))
        .unwrap();
    a.append(&segment(2), &Segment::default(), window(20, 30))
        .unwrap();
    b.append(&segment(4), &Segment::default(), window(5, 15))
        .unwrap();
    let contents = read_all(dir.path()).unwrap();
    assert_eq!(contents.segment, segment(7));
    assert_eq!((contents.segments, contents.window), (3, window(5, 30)));
    assert_eq!(contents.skipped, []);
}

#[test]
fn a_window_takes_the_segments_that_overlap_it() {
    let dir = TempDir::new().unwrap();
    let mut store = open(&dir, "a");
    store
        .append(&segment(1), &Segment::default(), window(10, 20))
        .unwrap();
    store
        .append(&segment(2), &Segment::default(), window(20, 30))
        .unwrap();
    let read = |wanted| read_window(dir.path(), wanted).unwrap().segment;
    assert_eq!(read(window(0, 20)), segment(1));
    assert_eq!(read(window(20, 21)), segment(2));
    assert_eq!(read(window(19, 21)), segment(3));
    assert_eq!(read(window(30, 40)), Segment::default());
}

#[test]
fn copies_foreign_and_torn_segments_are_reported_and_passed_over() {
    let dir = TempDir::new().unwrap();
    let mut store = open(&dir, "a");
    store
        .append(&segment(1), &Segment::default(), window(1, 2))
        .unwrap();
    let second = store
        .append(&segment(2), &Segment::default(), window(2, 3))
        .unwrap();
    let segments = dir.path().join("segments");
    let table = fs::read_dir(segments.join(&second)).unwrap();
    let mut files = table.map(|entry| entry.unwrap().path());
    let table = files.find(|path| path.extension().is_some_and(|e| e == "parquet"));
    let table = table.unwrap();
    let whole = fs::read(&table).unwrap();
    fs::write(&table, &whole[..whole.len() - 5]).unwrap();
    fs::write(segments.join("README.md"), b"hello").unwrap();
    fs::create_dir(segments.join(second.replace("00000001", "00000002"))).unwrap();
    let contents = read_all(dir.path()).unwrap();
    assert_eq!(contents.segment, segment(1));
    let skipped: Vec<_> = contents
        .skipped
        .iter()
        .map(|s| (s.name.as_str(), s.reason.as_str()))
        .collect();
    assert_eq!(skipped.len(), 3, "{skipped:?}");
    assert!(skipped[0].1.contains("torn"), "{skipped:?}");
    assert_eq!(skipped[1].1, "it has no manifest");
    assert_eq!(skipped[2], ("README.md", "no segment"));
}

#[test]
fn every_damaged_byte_is_noticed() {
    let dir = TempDir::new().unwrap();
    let name = open(&dir, "a")
        .append(&segment(3), &Segment::default(), window(1, 2))
        .unwrap();
    let files = fs::read_dir(dir.path().join("segments").join(name)).unwrap();
    for path in files.map(|entry| entry.unwrap().path()) {
        let whole = fs::read(&path).unwrap();
        for index in (0..whole.len()).step_by(3) {
            let mut bytes = whole.clone();
            bytes[index] ^= 0x10;
            fs::write(&path, &bytes).unwrap();
            let contents = read_all(dir.path()).unwrap();
            let is_harmless = contents.segment == segment(3);
            assert!(
                is_harmless || (contents.segments, contents.skipped.len()) == (0, 1),
                "{} {index}",
                path.display()
            );
        }
        fs::write(&path, &whole).unwrap();
    }
}

#[test]
fn an_epoch_never_comes_back() {
    let dir = TempDir::new().unwrap();
    let mut first = open_at(dir.path(), "a", Timestamp(0)).unwrap();
    assert_eq!(first.epoch, 1);
    first
        .append(&segment(1), &Segment::default(), Window::default())
        .unwrap();
    drop(first);
    let second = open_at(dir.path(), "a", Timestamp(0)).unwrap();
    assert_eq!(second.epoch, 2);
    assert_eq!(open(&dir, "b").epoch, 1_700_000_000);
}

#[test]
fn one_writer_per_instance() {
    let dir = TempDir::new().unwrap();
    let held = open(&dir, "a");
    let error = open_at(dir.path(), "a", NOW).unwrap_err();
    assert!(matches!(error, StoreError::InUse { .. }), "{error}");
    assert!(error.hint().is_some());
    drop(held);
    open(&dir, "a");
}

#[test]
fn a_removed_store_is_made_again_with_its_lock() {
    let dir = TempDir::new().unwrap();
    let place = dir.path().join("deep/store");
    let mut store = open_at(&place, "a", NOW).unwrap();
    store
        .append(&segment(1), &Segment::default(), window(1, 2))
        .unwrap();
    fs::remove_dir_all(dir.path().join("deep")).unwrap();
    store
        .append(&segment(2), &Segment::default(), window(2, 3))
        .unwrap();
    assert_eq!(read_all(&place).unwrap().segment, segment(2));
    let error = open_at(&place, "a", NOW).unwrap_err();
    assert!(matches!(error, StoreError::InUse { .. }), "{error}");
}

#[test]
fn a_removed_store_that_cannot_be_made_again_is_an_error_until_it_can() {
    let dir = TempDir::new().unwrap();
    let place = dir.path().join("store");
    let mut store = open_at(&place, "a", NOW).unwrap();
    fs::remove_dir_all(&place).unwrap();
    fs::write(&place, "in the way").unwrap();
    let error = store
        .append(&segment(1), &Segment::default(), window(1, 2))
        .unwrap_err();
    assert!(matches!(error, StoreError::Io { .. }), "{error}");
    fs::remove_file(&place).unwrap();
    let successor = open_at(&place, "a", NOW).unwrap();
    let error = store
        .append(&segment(1), &Segment::default(), window(1, 2))
        .unwrap_err();
    assert!(matches!(error, StoreError::InUse { .. }), "{error}");
    drop(successor);
    store
        .append(&segment(1), &Segment::default(), window(1, 2))
        .unwrap();
    assert_eq!(read_all(&place).unwrap().segment, segment(1));
}

#[test]
fn what_a_dead_writer_left_is_removed_by_its_successor_only() {
    let dir = TempDir::new().unwrap();
    let left = dir.path().join("tmp/a/half");
    fs::create_dir_all(&left).unwrap();
    fs::write(left.join("edges.parquet"), b"half").unwrap();
    assert_eq!(open(&dir, "b").left_half_done(), 0);
    assert!(left.exists());
    assert_eq!(read_all(dir.path()).unwrap().skipped, []);
    assert_eq!(open(&dir, "a").left_half_done(), 1);
    assert!(!left.exists());
}

#[test]
fn instance_names_cannot_leave_the_directory() {
    let dir = TempDir::new().unwrap();
    for name in [
        "",
        "../x",
        "a/b",
        ".a",
        "-a",
        "a\nb",
        "\u{e4}",
        &"a".repeat(65),
    ] {
        let error = open_at(dir.path(), name, NOW).unwrap_err();
        assert!(matches!(error, StoreError::Instance(_)), "{name}");
    }
}

#[test]
fn a_missing_store_is_an_error_with_a_hint() {
    let error = read_all(Path::new("no/such/store")).unwrap_err();
    assert_eq!(error.to_string(), "`no/such/store`: no store here");
    assert!(error.hint().unwrap().contains("tracemesh collect"));
}

/// What waits is in the newest segment of a run only, whatever else of it is there; a run that was killed keeps its last.
#[test]
fn what_waited_counts_once_as_the_newest_segment_of_each_run_has_it() {
    let dir = TempDir::new().unwrap();
    let mut store = open(&dir, "a");
    store
        .append(&segment(1), &segment(10), window(10, 20))
        .unwrap();
    assert_eq!(read_all(dir.path()).unwrap().segment, segment(11));
    store
        .append(&segment(2), &segment(40), window(20, 30))
        .unwrap();
    assert_eq!(read_all(dir.path()).unwrap().segment, segment(43));
    drop(store);
    let mut next = open(&dir, "a");
    next.append(&segment(4), &segment(100), window(30, 40))
        .unwrap();
    assert_eq!(read_all(dir.path()).unwrap().segment, segment(147));
    let early = read_window(dir.path(), window(0, 20)).unwrap().segment;
    assert_eq!(early, segment(1));
}
