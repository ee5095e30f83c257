//! Compaction changes no answer: not while it works, not when it fails, dies, or is done again.

mod laws;
pub(in crate::store) mod memory;

use std::collections::BTreeMap;
use std::time::Duration;

use proptest::prelude::*;
use tracemesh_graph::segment::Segment;
use tracemesh_graph::span::RejectReason;

use super::*;
use crate::store::cover::Cover;
use crate::store::manifest::Manifest;
use crate::store::read::{Wanted, read_place};
use crate::store::retain::Retention;
use crate::store::upkeep::{Upkeep, UpkeepReport, tend_place};
use crate::store::write::Draft;
use memory::{Fault, Memory};

const MINUTE: u64 = 60_000_000_000;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;

/// A midnight.
const START: u64 = 1_699_920_000_000_000_000;

pub(in crate::store) const COMPACT: Upkeep = Upkeep {
    compacts: true,
    retention: Retention {
        max_age: None,
        max_bytes: None,
    },
};

pub(in crate::store) fn segment(count: u64) -> Segment {
    let mut segment = Segment::default();
    if count > 0 {
        segment.count_rejected(&BTreeMap::from([(RejectReason::Utf8, count)]));
    }
    segment
}

/// A flush; times in minutes after [`START`].
#[derive(Debug, Clone)]
pub(in crate::store) struct Flushed {
    pub(in crate::store) instance: &'static str,
    pub(in crate::store) epoch: u64,
    pub(in crate::store) sequence: u64,
    pub(in crate::store) minutes: (u64, u64),
    pub(in crate::store) settled: u64,
    pub(in crate::store) waiting: u64,
}

pub(in crate::store) fn flushed(
    instance: &'static str,
    (epoch, sequence): (u64, u64),
    minutes: (u64, u64),
    (settled, waiting): (u64, u64),
) -> Flushed {
    Flushed {
        instance,
        epoch,
        sequence,
        minutes,
        settled,
        waiting,
    }
}

pub(in crate::store) fn at(minute: u64) -> Timestamp {
    Timestamp(START + minute * MINUTE)
}

pub(in crate::store) fn write(place: &dyn Place, flush: &Flushed) -> String {
    let draft = Draft {
        level: Level::Flush,
        window: Window {
            start: Some(at(flush.minutes.0)),
            end: Some(at(flush.minutes.1)),
        },
        covers: vec![Cover {
            instance: flush.instance.to_owned(),
            epoch: flush.epoch,
            first: flush.sequence,
            last: flush.sequence,
        }],
    };
    let (settled, waiting) = (segment(flush.settled), segment(flush.waiting));
    draft
        .commit(place, flush.instance, &settled, &waiting)
        .unwrap()
}

pub(in crate::store) fn place_of(flushes: &[Flushed]) -> Memory {
    let place = Memory::default();
    for flush in flushes {
        write(&place, flush);
    }
    place
}

/// What a reader must get: all that settled, and what waited when each run was heard of last.
fn truth(flushes: &[Flushed]) -> Segment {
    let mut newest: BTreeMap<(&str, u64), (u64, u64)> = BTreeMap::new();
    for flush in flushes {
        let known = newest.entry((flush.instance, flush.epoch)).or_default();
        *known = (*known).max((flush.sequence, flush.waiting));
    }
    let settled: u64 = flushes.iter().map(|flush| flush.settled).sum();
    segment(settled + newest.values().map(|(_, waiting)| waiting).sum::<u64>())
}

pub(in crate::store) fn answer(place: &dyn Place) -> Segment {
    let contents = read_place(place, &Wanted::default()).unwrap();
    assert_eq!(contents.skipped, []);
    contents.segment
}

pub(in crate::store) fn tend_at(
    place: &Memory,
    upkeep: Upkeep,
    now: Timestamp,
) -> Result<UpkeepReport, StoreError> {
    tend_place(place, upkeep, now, &Pace::new(&|| true))
}

fn levels(place: &Memory) -> Vec<Level> {
    let survey = survey(place).unwrap();
    let manifests = survey.segments.values();
    manifests
        .map(|manifest: &Manifest| manifest.level)
        .collect()
}

#[test]
fn flushes_become_hours_and_hours_become_a_day() {
    let flushes: Vec<Flushed> = (0..6)
        .map(|i| flushed("a", (7, i), (i * 30, i * 30 + 30), (1 << i, 100)))
        .collect();
    let place = place_of(&flushes);
    let report = tend_at(&place, COMPACT, at(181)).unwrap();
    assert_eq!(
        report.compacted.len(),
        2,
        "the third hour is not over for long enough"
    );
    let report = tend_at(&place, COMPACT, at(182)).unwrap();
    assert_eq!(report.compacted.len(), 1);
    assert_eq!(
        levels(&place),
        [Level::Hour, Level::Hour, Level::Hour, Level::Flush]
    );
    assert_eq!(answer(&place), truth(&flushes));
    let report = tend_at(&place, COMPACT, Timestamp(START + 3 * DAY)).unwrap();
    let made: Vec<Level> = report.compacted.iter().map(|made| made.level).collect();
    assert_eq!(made, [Level::Hour, Level::Day]);
    assert_eq!(levels(&place), [Level::Day]);
    assert_eq!(answer(&place), truth(&flushes));
    let again = tend_at(&place, COMPACT, Timestamp(START + 3 * DAY)).unwrap();
    assert_eq!((again.compacted.len(), again.copies.len()), (0, 0));
}

/// The newest of a run that goes on is still to be replaced; that of one that is over is not.
#[test]
fn what_waits_is_merged_when_its_run_is_over() {
    let one = flushed("a", (7, 0), (0, 1), (1, 10));
    let place = place_of(std::slice::from_ref(&one));
    place.locked.lock().unwrap().insert("a".to_owned());
    tend_at(&place, COMPACT, Timestamp(START + 9 * DAY)).unwrap();
    assert_eq!(levels(&place), [Level::Flush], "somebody has its lock");
    place.locked.lock().unwrap().clear();
    tend_at(&place, COMPACT, at(23 * 60)).unwrap();
    assert_eq!(levels(&place), [Level::Flush], "it wrote a day ago");
    let place = place_of(&[one.clone(), flushed("a", (8, 0), (1, 2), (2, 20))]);
    place.locked.lock().unwrap().insert("a".to_owned());
    tend_at(&place, COMPACT, at(23 * 60)).unwrap();
    assert_eq!(levels(&place), [Level::Hour, Level::Flush], "it began anew");
    assert_eq!(answer(&place), segment(1 + 10 + 2 + 20));
    write(&place, &flushed("a", (8, 1), (2, 3), (4, 0)));
    assert_eq!(answer(&place), segment(1 + 10 + 2 + 4));
}

#[test]
fn a_late_flush_makes_its_hour_and_its_day_again() {
    let mut flushes = vec![
        flushed("a", (7, 0), (0, 10), (1, 0)),
        flushed("a", (8, 0), (4000, 4010), (2, 0)),
    ];
    let place = place_of(&flushes);
    tend_at(&place, COMPACT, at(4000)).unwrap();
    assert_eq!(levels(&place), [Level::Day, Level::Flush]);
    let late = flushed("b", (3, 0), (20, 30), (4, 8));
    write(&place, &late);
    flushes.push(late);
    let report = tend_at(&place, COMPACT, at(4000)).unwrap();
    assert_eq!(report.compacted.len(), 2);
    assert_eq!(report.compacted[1].sources, 2);
    assert_eq!(levels(&place), [Level::Day, Level::Flush]);
    assert_eq!(answer(&place), truth(&flushes));
}

/// Imports and pauses of a writer: what is longer than an hour would widen every answer about that hour.
#[test]
fn long_windows_stay_out_of_shorter_segments() {
    let flushes = [
        flushed("a", (7, 0), (0, 30), (1, 0)),
        flushed("a", (7, 1), (30, 100), (2, 0)),
        flushed("a", (7, 2), (100, 1700), (4, 0)),
        flushed("a", (7, 3), (1700, 1710), (8, 0)),
        flushed("a", (8, 0), (9000, 9010), (16, 0)),
    ];
    let place = place_of(&flushes);
    tend_at(&place, COMPACT, at(9020)).unwrap();
    assert_eq!(
        levels(&place),
        [Level::Day, Level::Flush, Level::Day, Level::Flush]
    );
    assert_eq!(answer(&place), truth(&flushes));
}

#[test]
fn what_is_damaged_is_left_alone_and_told() {
    let flushes = [
        flushed("a", (7, 0), (0, 10), (1, 0)),
        flushed("a", (7, 1), (10, 20), (2, 0)),
        flushed("a", (7, 2), (20, 30), (4, 0)),
        flushed("a", (8, 0), (70, 80), (8, 0)),
    ];
    let place = place_of(&flushes);
    let spoilt = place.names()[1].clone();
    let file = survey(&place).unwrap().segments[&spoilt].files[0].path();
    place.spoil(&spoilt, &file);
    for _ in 0..2 {
        let report = tend_at(&place, COMPACT, at(65)).unwrap();
        assert_eq!(report.left_alone.len(), 1, "{report:?}");
        assert_eq!(report.left_alone[0].name, spoilt);
        assert!(report.left_alone[0].reason.contains("damaged"));
    }
    assert_eq!(levels(&place).len(), 3);
    place.spoil(&spoilt, &file);
    assert_eq!(answer(&place), truth(&flushes));
    tend_at(&place, COMPACT, at(65)).unwrap();
    assert_eq!(levels(&place), [Level::Hour, Level::Flush]);
    assert_eq!(answer(&place), truth(&flushes));
}

/// A crash left sources behind, then the disk spoilt what was made of them: the sources must not go.
#[test]
fn copies_outlive_a_damaged_compacted_segment() {
    let flushes = [
        flushed("a", (7, 0), (0, 10), (1, 0)),
        flushed("a", (7, 1), (10, 20), (2, 0)),
        flushed("a", (8, 0), (70, 80), (8, 0)),
    ];
    let whole = place_of(&flushes);
    let place = whole.copy();
    tend_at(&place, COMPACT, at(65)).unwrap();
    let hour = place.names()[0].clone();
    for flush in &flushes {
        write(&place, flush);
    }
    assert_eq!(survey(&place).unwrap().superseded.len(), 2);
    assert_eq!(answer(&place), truth(&flushes));
    let file = survey(&place).unwrap().segments[&hour].files[0].path();
    place.spoil(&hour, &file);
    let report = tend_at(
        &place,
        Upkeep {
            compacts: false,
            ..COMPACT
        },
        at(65),
    )
    .unwrap();
    assert_eq!(report.copies, [hour]);
    assert_eq!(place.names(), whole.names());
    assert_eq!(answer(&place), truth(&flushes));
}

/// An hour that cannot be read for a moment may hold the flush that replaced what waits in another.
#[test]
fn what_waits_is_not_settled_while_a_compacted_segment_is_unreadable() {
    let flushes = [
        flushed("a", (1, 0), (0, 61), (0, 1)),
        flushed("a", (1, 1), (61, 62), (423, 0)),
    ];
    let whole = place_of(&flushes);
    for step in 0..40 {
        let place = whole.copy();
        place.fail_at(step, Fault::DoneAndRefused);
        let outcome = tend_at(&place, COMPACT, at(4845));
        place.recover();
        assert_eq!(answer(&place), truth(&flushes), "{step} {outcome:?}");
    }
}

/// What a crash left behind is in an hour that cannot be read for now: with a late flush it would make an hour of which a part is
/// in another.
#[test]
fn copies_are_not_put_together_while_what_holds_them_is_unreadable() {
    let mut flushes = vec![
        flushed("a", (7, 0), (0, 10), (1, 0)),
        flushed("a", (7, 1), (10, 20), (2, 0)),
        flushed("a", (8, 0), (70, 80), (8, 0)),
    ];
    let place = place_of(&flushes);
    tend_at(&place, COMPACT, at(65)).unwrap();
    let hour = place.names()[0].clone();
    write(&place, &flushes[1]);
    let late = [
        flushed("b", (3, 0), (20, 30), (4, 0)),
        flushed("b", (4, 0), (70, 80), (16, 0)),
    ];
    for flush in late {
        write(&place, &flush);
        flushes.push(flush);
    }
    place.spoil(&hour, "segment.json");
    assert_eq!(survey(&place).unwrap().skipped.len(), 1);
    tend_at(&place, COMPACT, at(65)).unwrap();
    place.spoil(&hour, "segment.json");
    assert_eq!(answer(&place), truth(&flushes));
    tend_at(&place, COMPACT, at(65)).unwrap();
    assert_eq!(levels(&place), [Level::Hour, Level::Flush, Level::Flush]);
    assert_eq!(answer(&place), truth(&flushes));
}

/// The end of a day is not the end of every run in it.
#[test]
fn a_day_takes_what_could_not_be_read_at_first() {
    let flushes = [
        flushed("b", (1, 0), (0, 1), (1, 0)),
        flushed("a", (633, 0), (632, 730), (2, 0)),
        flushed("a", (633, 1), (730, 743), (4, 0)),
        flushed("a", (633, 2), (743, 763), (8, 0)),
        flushed("a", (633, 3), (763, 764), (16, 0)),
    ];
    let whole = place_of(&flushes);
    let undisturbed = whole.copy();
    tend_at(&undisturbed, COMPACT, at(1501)).unwrap();
    for step in 0..60 {
        let place = whole.copy();
        place.fail_at(step, Fault::Refused);
        drop(tend_at(&place, COMPACT, at(1501)));
        place.recover();
        tend_at(&place, COMPACT, at(1501)).unwrap();
        assert_eq!(place.names(), undisturbed.names(), "{step}");
        assert_eq!(answer(&place), truth(&flushes), "{step}");
    }
}

#[test]
fn a_stop_between_steps_changes_nothing() {
    let flushes: Vec<Flushed> = (0..5)
        .map(|i| flushed("a", (7, i), (i * 30, i * 30 + 30), (1 << i, 0)))
        .collect();
    for steps in 0..12_u32 {
        let place = place_of(&flushes);
        let left = std::cell::Cell::new(steps);
        let goes_on = || {
            let more = left.get() > 0;
            left.set(left.get().saturating_sub(1));
            more
        };
        tend_place(&place, COMPACT, at(200), &Pace::new(&goes_on)).unwrap();
        assert_eq!(answer(&place), truth(&flushes), "{steps}");
    }
}

#[test]
fn one_process_compacts_at_a_time() {
    let place = place_of(&[]);
    place.locked.lock().unwrap().insert(WRITER.to_owned());
    let error = tend_at(&place, COMPACT, at(0)).unwrap_err();
    assert!(matches!(error, StoreError::Compacting(_)), "{error}");
    assert!(!crate::store::is_instance_name(WRITER));
}
