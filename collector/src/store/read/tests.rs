//! Stores that are damaged, or made to harm.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};
use tempfile::TempDir;
use tracemesh_graph::span::RejectReason;
use tracemesh_graph::tabular::{Column, ColumnSpec, Kind, Merge, Table};
use tracemesh_graph::time::Timestamp;

use super::*;
use crate::store::Store;
use crate::store::manifest::Level;
use crate::store::parquet::encode;
use crate::store::write::Draft;

const MINUTE: u64 = 60_000_000_000;

fn segment(count: u64) -> Segment {
    let mut segment = Segment::default();
    if count > 0 {
        segment.count_rejected(&BTreeMap::from([(RejectReason::Utf8, count)]));
    }
    segment
}

fn minutes(start: u64, end: u64) -> Window {
    Window {
        start: Some(Timestamp(start * MINUTE)),
        end: Some(Timestamp(end * MINUTE)),
    }
}

/// A store with flushes of 1, 2, 4, ... counts, one a minute, in which ten times as many wait.
struct Scene {
    dir: TempDir,
    epoch: u64,
    names: Vec<String>,
}

impl Scene {
    fn new(flushes: u64) -> Self {
        let dir = TempDir::new().unwrap();
        let location = Location::from(dir.path());
        let mut store = Store::open(&location, "a", Timestamp(0)).unwrap();
        let append = |minute: u64| {
            let (settled, waiting) = (segment(1 << minute), segment(10 << minute));
            let window = minutes(minute, minute + 1);
            store.append(&settled, &waiting, window).unwrap()
        };
        let names = (0..flushes).map(append).collect();
        Self {
            dir,
            epoch: 1,
            names,
        }
    }

    fn location(&self) -> Location {
        Location::from(self.dir.path())
    }

    fn path(&self, flush: usize) -> PathBuf {
        self.dir.path().join("segments").join(&self.names[flush])
    }

    fn read(&self, window: Window) -> StoreContents {
        let detail = Detail::Everything;
        read(&self.location(), &Wanted { window, detail }).unwrap()
    }

    /// Everything, and the one reason why something is passed over.
    #[track_caller]
    fn expect(&self, count: u64, reason: &str) {
        let contents = self.read(Window::default());
        assert_eq!(contents.segment, segment(count), "{:?}", contents.skipped);
        let [skipped] = contents.skipped.as_slice() else {
            panic!("not one passed over: {:?}", contents.skipped)
        };
        assert!(skipped.reason.contains(reason), "{skipped:?}");
    }

    /// Puts all flushes together, as compaction does.
    fn put_together(&self, level: Level, settled: u64) -> PathBuf {
        let last = self.names.len() as u64 - 1;
        let draft = Draft {
            level,
            window: minutes(0, last + 1),
            covers: vec![Cover {
                instance: "a".to_owned(),
                epoch: self.epoch,
                first: 0,
                last,
            }],
        };
        let place = self.location().place().unwrap();
        let name = draft.commit(&*place, "c", &segment(settled), &Segment::default());
        self.dir.path().join("segments").join(name.unwrap())
    }
}

fn edit_manifest(segment: &Path, edit: impl FnOnce(&mut Value)) {
    let path = segment.join("segment.json");
    let mut manifest: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    edit(&mut manifest);
    fs::write(path, manifest.to_string()).unwrap();
}

fn first_table(segment: &Path) -> PathBuf {
    let entries = fs::read_dir(segment).unwrap();
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.extension().is_some_and(|ending| ending == "parquet"));
    paths.sort();
    paths.remove(0)
}

/// Replaces a table, and tells the manifest, so that only its content is wrong.
fn replace_table(segment: &Path, bytes: &[u8], rows: u64) {
    let path = first_table(segment);
    fs::write(&path, bytes).unwrap();
    let table = path.file_stem().unwrap().to_str().unwrap().to_owned();
    edit_manifest(segment, |manifest| {
        let files = manifest["files"].as_array_mut().unwrap();
        let is_it = |file: &&mut Value| file["table"] == *table && file["part"] == "settled";
        let file = files.iter_mut().find(is_it).unwrap();
        file["bytes"] = json!(bytes.len());
        file["crc32"] = json!(crc32fast::hash(bytes));
        file["rows"] = json!(rows);
    });
}

fn damage(segment: &Path) {
    let path = first_table(segment);
    let mut bytes = fs::read(&path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(path, bytes).unwrap();
}

#[test]
fn links_are_not_followed() {
    let scene = Scene::new(2);
    let outside = TempDir::new().unwrap();
    let moved = outside.path().join("moved");
    fs::rename(scene.path(0), &moved).unwrap();
    symlink(&moved, scene.path(0)).unwrap();
    scene.expect(2 + 20, "link");

    let scene = Scene::new(2);
    let table = first_table(&scene.path(0));
    let moved = outside.path().join("table");
    fs::rename(&table, &moved).unwrap();
    symlink(&moved, &table).unwrap();
    scene.expect(2 + 20, "link");

    let scene = Scene::new(1);
    let waiting = scene.path(0).join("waiting");
    let moved = outside.path().join("waiting");
    fs::rename(&waiting, &moved).unwrap();
    symlink(&moved, &waiting).unwrap();
    scene.expect(0, "link");
}

#[test]
fn a_pipe_in_the_place_of_a_file_is_not_waited_for() {
    for file in ["segment.json", "table"] {
        let scene = Scene::new(2);
        let path = match file {
            "table" => first_table(&scene.path(0)),
            name => scene.path(0).join(name),
        };
        fs::remove_file(&path).unwrap();
        let made = Command::new("mkfifo").arg(&path).status().unwrap();
        assert!(made.success());
        scene.expect(2 + 20, "no file");
    }
}

#[test]
fn a_manifest_cannot_name_files_elsewhere() {
    for table in [
        "../../../../../../etc/passwd",
        "/etc/passwd",
        "edges/../x",
        "",
    ] {
        let scene = Scene::new(2);
        edit_manifest(&scene.path(0), |m| m["files"][0]["table"] = json!(table));
        scene.expect(2 + 20, "is not known");
    }
    let scene = Scene::new(1);
    let place = scene.location().place().unwrap();
    for file in ["../../x", "/etc/passwd", "waiting/../../x", "."] {
        assert!(place.read(&scene.names[0], file, 99).is_err(), "{file}");
    }
}

#[test]
fn a_manifest_cannot_name_instances_that_cannot_be() {
    for (field, value) in [
        ("instance", json!("../../x")),
        ("first", json!(u64::MAX)),
        ("epoch", json!(-1)),
    ] {
        let scene = Scene::new(2);
        edit_manifest(&scene.path(0), |m| m["covers"][0][field] = value);
        scene.expect(2 + 20, "manifest");
    }
    let scene = Scene::new(2);
    edit_manifest(&scene.path(0), |m| m["covers"] = json!([]));
    scene.expect(2 + 20, "manifest");
}

#[test]
fn a_huge_manifest_is_not_read() {
    let scene = Scene::new(2);
    let file = fs::File::options()
        .write(true)
        .open(scene.path(0).join("segment.json"));
    file.unwrap().set_len(1 << 32).unwrap();
    scene.expect(2 + 20, "too long");
}

#[test]
fn a_table_longer_than_its_manifest_says_is_not_read_to_its_end() {
    let scene = Scene::new(2);
    let file = fs::File::options()
        .write(true)
        .open(first_table(&scene.path(0)));
    file.unwrap().set_len(1 << 40).unwrap();
    scene.expect(2 + 20, "too long");
}

#[test]
fn claims_of_size_are_checked_before_anything_is_decoded() {
    for (field, value) in [("rows", u64::MAX), ("rows", 60_000_000), ("bytes", 1 << 31)] {
        let scene = Scene::new(2);
        edit_manifest(&scene.path(0), |m| m["files"][0][field] = json!(value));
        scene.expect(2 + 20, "larger than any table");
    }
    let scene = Scene::new(2);
    edit_manifest(&scene.path(0), |m| m["files"][0]["rows"] = json!(12_345));
    scene.expect(2 + 20, "rows");
}

#[test]
fn tables_of_other_shapes_are_passed_over() {
    static STRANGER: TableSpec = TableSpec {
        name: "stranger",
        about: "nothing",
        columns: &[ColumnSpec {
            name: "json",
            kind: Kind::U64,
            merge: Merge::Key,
            about: "a number where text is expected",
        }],
    };
    let table = Table {
        spec: &STRANGER,
        columns: vec![Column::U64(vec![1, 2])],
    };
    let stranger = encode(table, &[]).unwrap();
    for (bytes, rows) in [
        (stranger.as_slice(), 2),
        (b"PAR1PAR1", 0),
        (b"PAR1\xff\xff\xff\x7fPAR1", 0),
        (b"", 0),
        (&[0; 4096], 1),
    ] {
        let scene = Scene::new(2);
        replace_table(&scene.path(0), bytes, rows);
        scene.expect(2 + 20, "parquet");
    }
}

/// A checksum protects from accidents, not from people: then every byte reaches the decoder.
#[test]
fn no_byte_of_a_table_brings_a_reader_down() {
    let scene = Scene::new(1);
    let whole = fs::read(first_table(&scene.path(0))).unwrap();
    let footer = whole.len().saturating_sub(1200);
    let places = (0..footer)
        .step_by(97)
        .chain((footer..whole.len()).step_by(7));
    for index in places {
        let mut bytes = whole.clone();
        bytes[index] ^= 0x55;
        replace_table(&scene.path(0), &bytes, 1);
        scene.read(Window::default());
    }
    for length in (0..whole.len()).step_by(211) {
        replace_table(&scene.path(0), &whole[..length], 1);
        assert_eq!(scene.read(Window::default()).segments, 0, "{length}");
    }
}

#[test]
fn what_was_put_together_stands_for_its_sources_unless_it_is_damaged() {
    for level in [Level::Hour, Level::Day] {
        let scene = Scene::new(3);
        let together = scene.put_together(level, 1_000);
        let contents = scene.read(Window::default());
        assert_eq!((contents.segment, contents.segments), (segment(1_000), 1));
        assert!(contents.skipped.is_empty());
        damage(&together);
        scene.expect(1 + 2 + 4 + 40, "checksum");
        fs::remove_dir_all(scene.path(1)).unwrap();
        scene.expect(1 + 4 + 40, "checksum");
    }
}

#[test]
fn damage_below_damage_is_passed_over_too() {
    let scene = Scene::new(3);
    let together = scene.put_together(Level::Day, 1_000);
    damage(&together);
    damage(&scene.path(2));
    let contents = scene.read(Window::default());
    // The newest that is whole is the second: what waits in it counts.
    assert_eq!(contents.segment, segment(1 + 2 + 20));
    assert_eq!((contents.segments, contents.skipped.len()), (2, 2));
}

#[test]
fn what_waits_counts_in_its_window_only_and_windows_add_up() {
    let scene = Scene::new(4);
    let all = scene.read(Window::default()).segment;
    let mut sum = Segment::default();
    for minute in 0..4 {
        let part = scene.read(minutes(minute, minute + 1));
        let waiting = if minute == 3 { 10 << 3 } else { 0 };
        assert_eq!(part.segment, segment((1 << minute) + waiting), "{minute}");
        sum.merge(part.segment);
    }
    assert_eq!(sum, all);
    // A newest flush without a manifest is no flush.
    fs::remove_file(scene.path(3).join("segment.json")).unwrap();
    let before = scene.read(minutes(2, 3));
    assert_eq!(before.segment, segment(4 + 40));
    assert_eq!(before.skipped[0].reason, "it has no manifest");
    // Of the flushes before the window nothing is read, damaged or not.
    fs::write(scene.path(0).join("segment.json"), b"{").unwrap();
    assert_eq!(scene.read(minutes(2, 3)).skipped.len(), 1);
}
