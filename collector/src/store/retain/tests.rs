use super::*;
use crate::store::compact::tests::memory::Memory;
use crate::store::compact::tests::{
    COMPACT, Flushed, answer, at, flushed, place_of, segment, tend_at, write,
};
use crate::store::read::survey;
use crate::store::upkeep::{Upkeep, UpkeepReport};

const DAY: Duration = Duration::from_secs(24 * 3_600);

fn retaining(max_age: Option<Duration>, max_bytes: Option<u64>) -> Upkeep {
    Upkeep {
        compacts: false,
        retention: Retention { max_age, max_bytes },
    }
}

fn minutes(days: u64) -> u64 {
    days * 1440
}

/// A flush a day, of one run that goes on.
fn daily(count: u64) -> Vec<Flushed> {
    let flush = |i| flushed("a", (7, i), (minutes(i), minutes(i) + 10), (1 << i, 1000));
    (0..count).map(flush).collect()
}

fn removed(place: &Memory, upkeep: Upkeep, minute: u64) -> UpkeepReport {
    tend_at(place, upkeep, at(minute)).unwrap()
}

#[test]
fn what_is_too_old_goes_and_is_told() {
    let place = place_of(&daily(5));
    let report = removed(&place, retaining(Some(2 * DAY), None), minutes(4) + 20);
    let told: Vec<_> = report
        .removed
        .iter()
        .map(|it| (it.reason, it.bytes > 0))
        .collect();
    assert_eq!(told, [(RemovalReason::Age, true); 3]);
    assert_eq!(report.removed[0].window.start, Some(at(0)));
    assert_eq!(answer(&place), segment(8 + 16 + 1000));
    let again = removed(&place, retaining(Some(2 * DAY), None), minutes(4) + 20);
    assert_eq!(again.removed, []);
}

#[test]
fn the_oldest_go_until_the_store_is_small_enough() {
    let place = place_of(&daily(5));
    let sizes = survey(&place).unwrap().segments;
    let of_two: u64 = sizes.values().rev().take(2).map(Manifest::bytes).sum();
    let report = removed(&place, retaining(None, Some(of_two)), minutes(4));
    let told: Vec<_> = report.removed.iter().map(|it| it.reason).collect();
    assert_eq!(told, [RemovalReason::Size; 3]);
    assert_eq!(answer(&place), segment(8 + 16 + 1000));
}

#[test]
fn the_newest_of_a_run_that_goes_on_never_goes() {
    let place = place_of(&daily(3));
    place.locked.lock().unwrap().insert("a".to_owned());
    removed(&place, retaining(Some(DAY), Some(0)), minutes(900));
    assert_eq!(answer(&place), segment(4 + 1000));
    place.locked.lock().unwrap().clear();
    removed(&place, retaining(Some(DAY), Some(0)), minutes(900));
    assert_eq!(place.names(), [] as [&str; 0]);
}

/// Imported windows are in no order: the newest flush of a run can be the oldest in time.
#[test]
fn what_waited_does_not_come_back_when_what_replaced_it_is_old() {
    let place = place_of(&[
        flushed("a", (7, 0), (minutes(50), minutes(50) + 10), (1, 1000)),
        flushed("a", (7, 1), (minutes(2), minutes(2) + 10), (2, 0)),
        flushed("a", (8, 0), (minutes(50), minutes(50) + 10), (4, 0)),
    ]);
    let report = removed(&place, retaining(Some(30 * DAY), None), minutes(51));
    assert_eq!(report.removed, []);
    assert_eq!(answer(&place), segment(7));
    removed(&place, retaining(Some(30 * DAY), None), minutes(90));
    assert_eq!(place.names(), [] as [&str; 0]);
}

#[test]
fn unreadable_segments_go_when_they_are_too_old() {
    let place = place_of(&daily(2));
    let name = place.names()[0].clone();
    let torn = name.replace("00000000", "00000009");
    Place::commit(&place, "a", &torn, &Vec::new()).unwrap();
    assert_eq!(survey(&place).unwrap().skipped.len(), 1);
    removed(&place, retaining(Some(30 * DAY), None), minutes(20));
    assert!(place.names().contains(&torn));
    let report = removed(&place, retaining(Some(30 * DAY), None), minutes(31));
    assert!(!place.names().contains(&torn));
    assert_eq!(report.removed[0].bytes, 0);
}

#[test]
fn compacted_days_go_as_a_whole() {
    let place = place_of(&daily(5));
    write(
        &place,
        &flushed("a", (8, 0), (minutes(5), minutes(5) + 1), (64, 0)),
    );
    tend_at(&place, COMPACT, at(minutes(7))).unwrap();
    assert_eq!(answer(&place), segment(31 + 1000 + 64));
    let report = removed(&place, retaining(Some(4 * DAY), None), minutes(7));
    assert_eq!(report.removed.len(), 3);
    assert_eq!(answer(&place), segment(8 + 16 + 1000 + 64));
}
