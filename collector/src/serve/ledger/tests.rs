use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use tempfile::TempDir;
use tracemesh_graph::span::RejectReason;

use super::*;
use crate::store::faults::{self, FaultyDisk};
use crate::store::{LastRun, Location, StoreContents, Wanted, read};

const SECOND: u64 = 1_000_000_000;

fn at(second: u64) -> Timestamp {
    Timestamp(second * SECOND)
}

fn segment(count: u64) -> Segment {
    let mut segment = Segment::default();
    if count > 0 {
        segment.count_rejected(&BTreeMap::from([(RejectReason::Utf8, count)]));
    }
    segment
}

fn flush(settled: u64, waiting: u64) -> Flush {
    Flush {
        settled: segment(settled),
        waiting: segment(waiting),
    }
}

fn contents(dir: &Path) -> StoreContents {
    read(&Location::from(dir), &Wanted::default()).unwrap()
}

fn windows(dir: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(dir.join("segments")).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<String> = names
        .map(|name| [9..19, 30..40].map(|part| name.get(part).unwrap()).concat())
        .collect();
    names.sort();
    names
}

fn minutes() -> Schedule {
    Schedule::new(Duration::from_secs(60))
}

#[test]
fn windows_begin_at_the_start_and_then_at_whole_minutes_and_end_with_the_process() {
    let dir = TempDir::new().unwrap();
    let store = faults::open(dir.path(), &FaultyDisk::new(), at(75)).unwrap();
    let mut ledger = Ledger::begin(store, minutes(), at(75)).unwrap();
    ledger.write(flush(1, 0), at(120)).unwrap();
    // Nothing was seen: no segment, and the next does not reach back.
    ledger.write(flush(0, 0), at(180)).unwrap();
    ledger.write(flush(2, 0), at(241)).unwrap();
    assert_eq!(ledger.finish(segment(4), at(250)).unwrap(), 3);
    let expected = [
        "000115.000000200.000",
        "000300.000000400.000",
        "000400.000000410.000",
    ];
    let found = windows(dir.path());
    let shown: Vec<String> = found.iter().map(|name| name.replace('T', "")).collect();
    assert_eq!(shown, expected);
    assert_eq!(contents(dir.path()).segment, segment(7));
}

#[test]
fn a_clock_that_is_set_back_makes_no_window_that_ends_before_it_starts() {
    let dir = TempDir::new().unwrap();
    let store = faults::open(dir.path(), &FaultyDisk::new(), at(7_200)).unwrap();
    let mut ledger = Ledger::begin(store, minutes(), at(7_200)).unwrap();
    ledger.write(flush(1, 0), at(3_600)).unwrap();
    ledger.write(flush(2, 0), at(3_660)).unwrap();
    ledger.finish(segment(0), at(3_661)).unwrap();
    let found = contents(dir.path());
    assert_eq!(found.segment, segment(3));
    assert_eq!(found.window.start, Some(at(3_540)));
}

/// Whatever step of whatever flush fails, once or from then on: readers see all of a flush or nothing, and the next flush that works
/// carries what is missing.
#[test]
fn a_disk_that_fails_at_any_step_costs_nothing() {
    for stays in [false, true] {
        let mut step = 0;
        loop {
            let dir = TempDir::new().unwrap();
            let disk = FaultyDisk::new();
            let store = faults::open(dir.path(), &disk, at(60)).unwrap();
            let mut ledger = Ledger::begin(store, minutes(), at(60)).unwrap();
            ledger.write(flush(1, 10), at(120)).unwrap();
            assert_eq!(contents(dir.path()).segment, segment(11));
            disk.fail_at(step, stays);
            let outcome = ledger.write(flush(2, 20), at(180));
            let steps = disk.heal();
            let seen = contents(dir.path());
            assert!(seen.skipped.is_empty(), "{step}: {:?}", seen.skipped);
            let expected = if outcome.is_ok() { 23 } else { 11 };
            assert_eq!(seen.segment, segment(expected), "{step} {stays}");
            ledger.write(flush(4, 40), at(240)).unwrap();
            assert_eq!(contents(dir.path()).segment, segment(47), "{step} {stays}");
            ledger.finish(segment(40), at(250)).unwrap();
            assert_eq!(contents(dir.path()).segment, segment(47), "{step} {stays}");
            let next = faults::open(dir.path(), &disk, at(300)).unwrap();
            assert_eq!(*next.last_run(), LastRun::Complete, "{step} {stays}");
            if step >= steps {
                assert!(step > 10, "a flush has more steps: {step}");
                break;
            }
            step += 1;
        }
    }
}

/// A process that dies at any step, which is to say that everything fails from there and nobody tidies up.
#[test]
fn a_successor_reads_what_was_flushed_and_knows_what_was_not() {
    for step in 0..14 {
        let dir = TempDir::new().unwrap();
        let disk = FaultyDisk::new();
        let store = faults::open(dir.path(), &disk, at(60)).unwrap();
        let mut ledger = Ledger::begin(store, minutes(), at(60)).unwrap();
        ledger.write(flush(1, 10), at(120)).unwrap();
        disk.fail_at(step, true);
        let outcome = ledger.write(flush(2, 20), at(180));
        drop(ledger);
        disk.heal();
        let expected = if outcome.is_ok() { 23 } else { 11 };
        let next = faults::open(dir.path(), &disk, at(200)).unwrap();
        assert_eq!(contents(dir.path()).segment, segment(expected), "{step}");
        let LastRun::Broken(run) = next.last_run() else {
            panic!("{step}: {:?}", next.last_run())
        };
        assert_eq!((run.started, run.flush_interval_ms), (at(60), 60_000));
        // The note is the last thing that is written.
        assert!(run.flushed == at(120) || outcome.is_ok(), "{step}: {run:?}");
        let mut next = Ledger::begin(next, minutes(), at(200)).unwrap();
        next.write(flush(100, 0), at(240)).unwrap();
        assert_eq!(
            contents(dir.path()).segment,
            segment(expected + 100),
            "{step}"
        );
    }
}

#[test]
fn a_store_that_cannot_be_written_is_known_before_the_first_span() {
    for step in 0..6 {
        let dir = TempDir::new().unwrap();
        let disk = FaultyDisk::new();
        disk.fail_at(step, true);
        let begun = faults::open(dir.path(), &disk, at(60))
            .and_then(|store| Ledger::begin(store, minutes(), at(60)));
        let Err(error) = begun else {
            panic!("{step}: a full disk was not noticed")
        };
        assert!(matches!(error, StoreError::Io { .. }), "{step}: {error}");
    }
}
