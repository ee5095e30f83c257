use super::*;
use crate::store::cover::Cover;
use crate::store::manifest::{FileEntry, SCHEMA};

fn window(start: u64, end: u64) -> Window {
    Window {
        start: Some(Timestamp(start)),
        end: Some(Timestamp(end)),
    }
}

fn manifest(instance: &str, flush: u64, window: Window, rows: u64) -> Manifest {
    let file = |part, bytes| FileEntry {
        table: EDGES.to_owned(),
        part,
        rows,
        bytes,
        crc32: 0,
    };
    Manifest {
        schema: SCHEMA.to_owned(),
        level: Level::Flush,
        window,
        covers: vec![Cover {
            instance: instance.to_owned(),
            epoch: 7,
            first: flush,
            last: flush,
        }],
        files: vec![file(Part::Settled, 100), file(Part::Waiting, 50)],
    }
}

fn found(manifests: Vec<Manifest>) -> Survey {
    let mut survey = Survey::default();
    for manifest in manifests {
        survey.known.add(&manifest.covers);
        survey
            .segments
            .insert(manifest.name().to_string(), manifest);
    }
    survey
}

#[test]
fn gaps_are_the_times_that_no_segment_of_an_instance_covers() {
    let info = describe(
        "x".to_owned(),
        found(vec![
            manifest("a", 0, window(10, 20), 1),
            manifest("a", 1, window(20, 30), 1),
            manifest("b", 0, window(30, 40), 1),
            manifest("a", 3, window(40, 50), 1),
        ]),
    );
    let [a, b] = info.instances.as_slice() else {
        panic!("not two instances: {info:?}")
    };
    assert_eq!(a.gaps, [window(30, 40)]);
    assert_eq!((a.window, a.segments), (window(10, 50), 3));
    let run = RunInfo {
        epoch: 7,
        flushes: 3,
        missing: 1,
    };
    assert_eq!(a.runs, [run]);
    assert!(b.gaps.is_empty());
    assert_eq!(info.window, window(10, 50));
}

#[test]
fn bytes_are_told_by_table_and_part_and_edge() {
    let info = describe(
        "x".to_owned(),
        found(vec![
            manifest("a", 0, window(10, 20), 2),
            manifest("a", 1, window(20, 30), 4),
        ]),
    );
    assert_eq!((info.segments, info.bytes, info.edge_windows), (2, 300, 6));
    assert_eq!(info.bytes_per_edge_window, Some(50.0));
    let sizes: Vec<_> = info.tables.iter().map(|t| (t.part, t.bytes)).collect();
    assert_eq!(sizes, [(Part::Settled, 200), (Part::Waiting, 100)]);
}

#[test]
fn numbers_at_the_edge_of_their_type_do_not_overflow() {
    let mut all = manifest("a", 0, window(0, u64::MAX), u64::MAX);
    all.covers[0].last = u64::MAX;
    all.files[0].bytes = u64::MAX;
    let info = describe("x".to_owned(), found(vec![all]));
    assert_eq!(info.bytes, u64::MAX);
    assert_eq!(info.instances[0].runs[0].flushes, u64::MAX);
    let nothing = describe("x".to_owned(), found(Vec::new()));
    assert_eq!(nothing.bytes_per_edge_window, None);
    assert_eq!(nothing.window, Window::default());
}
