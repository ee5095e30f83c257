use super::*;
use crate::store::StoreError;
use crate::store::compact::tests::memory::{Fault, Memory};
use crate::store::compact::tests::{
    COMPACT, Flushed, answer, at, flushed, place_of, segment, tend_at, write,
};

fn copy(place: &Memory, from: &Memory, minute: u64) -> Result<Adopted, StoreError> {
    adopt_place(place, from, at(minute), &Pace::new(&|| true))
}

fn left(adopted: &Adopted) -> Vec<LeftBehind> {
    adopted.left.values().copied().collect()
}

fn hourly(instance: &'static str, epoch: u64, first: u64, count: u64) -> Vec<Flushed> {
    let flush = |i| {
        let time = (first + i) * 60;
        flushed(
            instance,
            (epoch, i),
            (time, time + 10),
            (1 << (first + i), 0),
        )
    };
    (0..count).map(flush).collect()
}

#[test]
fn stores_of_two_machines_become_one_and_again_changes_nothing() {
    let (one, two) = (
        place_of(&hourly("a", 7, 0, 3)),
        place_of(&hourly("b", 8, 3, 3)),
    );
    let adopted = copy(&one, &two, 9000).unwrap();
    assert_eq!((adopted.copied.len(), left(&adopted)), (3, Vec::new()));
    assert_eq!(answer(&one), segment(63));
    tend_at(&one, COMPACT, at(9000)).unwrap();
    let again = copy(&one, &two, 9000).unwrap();
    assert_eq!(left(&again), [LeftBehind::Known; 3]);
    assert_eq!((again.copied.len(), again.bytes), (0, 0));
    tend_at(&two, COMPACT, at(9000)).unwrap();
    assert_eq!(left(&copy(&one, &two, 9000).unwrap()), [LeftBehind::Known]);
    assert_eq!(answer(&one), segment(63));
}

#[test]
fn what_holds_more_takes_the_place_of_its_sources() {
    let flushes = hourly("a", 7, 0, 3);
    let (some, all) = (place_of(&flushes[..2]), place_of(&flushes));
    tend_at(&all, COMPACT, at(9000)).unwrap();
    assert_eq!(copy(&some, &all, 9000).unwrap().copied.len(), 1);
    assert_eq!(answer(&some), segment(7));
    tend_at(&some, COMPACT, at(9000)).unwrap();
    assert_eq!(some.names(), all.names());
}

/// Each has put together what the other has with something else: adding one would hide a part of the other.
#[test]
fn parts_of_other_segments_are_conflicts() {
    let shared = hourly("a", 7, 0, 1);
    let with = |instance: &'static str| {
        let own = hourly(instance, 8, 0, 1);
        let place = place_of(&[shared.clone(), own].concat());
        tend_at(&place, COMPACT, at(9000)).unwrap();
        place
    };
    let (one, two) = (with("b"), with("c"));
    let before = answer(&one);
    assert_eq!(
        left(&copy(&one, &two, 9000).unwrap()),
        [LeftBehind::Conflict]
    );
    assert_eq!(answer(&one), before);
}

/// A copy of a store whose instance goes on: its newest flush holds what will settle in the next.
#[test]
fn what_waits_never_counts_before_it_settled() {
    let mut flushes = vec![
        flushed("a", (7, 0), (0, 10), (1, 100)),
        flushed("a", (7, 1), (10, 20), (2, 200)),
    ];
    let theirs = place_of(&flushes);
    let own = hourly("a", 9, 5, 1);
    let here = place_of(&own);
    let adopted = copy(&here, &theirs, 30).unwrap();
    assert_eq!(left(&adopted), [LeftBehind::Growing]);
    assert_eq!(answer(&here), segment(1 + 32));
    tend_at(&here, COMPACT, at(9000)).unwrap();
    let last = flushed("a", (7, 2), (20, 30), (4 + 200, 8));
    write(&theirs, &last);
    flushes.push(last);
    copy(&here, &theirs, 40).unwrap();
    assert_eq!(answer(&here), segment(1 + 2 + 32));
    // The run is over: what waited is final.
    copy(&here, &theirs, 9000).unwrap();
    assert_eq!(answer(&here), segment(1 + 2 + 4 + 200 + 8 + 32));
    tend_at(&here, COMPACT, at(9000)).unwrap();
    assert_eq!(answer(&here), segment(1 + 2 + 4 + 200 + 8 + 32));
}

#[test]
fn a_newer_run_of_an_instance_that_writes_here_has_to_wait() {
    let here = place_of(&[flushed("a", (7, 0), (0, 10), (1, 100))]);
    here.locked.lock().unwrap().insert("a".to_owned());
    let (older, newer) = (
        place_of(&hourly("a", 6, 1, 1)),
        place_of(&hourly("a", 8, 2, 1)),
    );
    assert_eq!(
        left(&copy(&here, &newer, 9000).unwrap()),
        [LeftBehind::Written]
    );
    assert_eq!(copy(&here, &older, 9000).unwrap().copied.len(), 1);
    here.locked.lock().unwrap().clear();
    assert_eq!(copy(&here, &newer, 9000).unwrap().copied.len(), 1);
}

#[test]
fn damage_is_not_spread() {
    let theirs = place_of(&hourly("a", 7, 0, 2));
    let name = theirs.names()[0].clone();
    let file = survey(&theirs).unwrap().segments[&name].files[0].path();
    theirs.spoil(&name, &file);
    let here = Memory::default();
    let adopted = copy(&here, &theirs, 9000).unwrap();
    assert_eq!(adopted.skipped[0].name, name);
    assert_eq!(answer(&here), segment(2));
}

#[test]
fn after_a_crash_at_any_step_it_is_completed() {
    let theirs = place_of(&[hourly("a", 7, 0, 2), hourly("b", 7, 2, 2)].concat());
    let own = place_of(&hourly("c", 7, 5, 1));
    for fault in Fault::ALL {
        for step in 0..40 {
            let here = own.copy();
            here.fail_at(step, fault);
            let outcome = copy(&here, &theirs, 9000);
            here.recover();
            survey(&here).unwrap();
            copy(&here, &theirs, 9000).unwrap();
            assert_eq!(
                answer(&here),
                segment(15 + 32),
                "{fault:?} {step} {outcome:?}"
            );
        }
    }
}
