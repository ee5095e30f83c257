//! Any runs, compacted at any time, cut short at any step, beside readers: the same answer at every moment.

use super::*;

const INSTANCES: [&str; 3] = ["a", "b", "c-1"];

/// Instance, minute of its start, and for each flush its minutes, what settled, and what waits after it.
type Drawn = (usize, u64, Vec<(u64, u64, u64)>);

prop_compose! {
    /// A run: instance, minute of its start, and for each flush its minutes, what settled, and what waits after it.
    fn run()(
        instance in 0..INSTANCES.len(),
        start in 0_u64..3000,
        flushes in prop::collection::vec((1_u64..100, 0_u64..1000, 0_u64..1000), 1..6),
    ) -> Drawn {
        (instance, start, flushes)
    }
}

/// Runs of an instance follow each other: its epochs are their starts.
fn flushes_of(mut runs: Vec<Drawn>) -> Vec<Flushed> {
    runs.sort();
    let mut free_from = [0_u64; INSTANCES.len()];
    let mut all = Vec::new();
    for (instance, start, flushes) in runs {
        let mut time = start.max(free_from[instance]);
        let epoch = time + 1;
        for (sequence, (minutes, settled, waiting)) in (0..).zip(flushes) {
            let window = (time, time + minutes);
            let counts = (settled, waiting);
            all.push(flushed(
                INSTANCES[instance],
                (epoch, sequence),
                window,
                counts,
            ));
            time += minutes;
        }
        free_from[instance] = time + 1;
    }
    all.sort_by_key(|flush| flush.minutes.1);
    all
}

fn config(cases: u32) -> ProptestConfig {
    let asked = ProptestConfig::default();
    ProptestConfig {
        cases: match asked.cases == 256 {
            true => cases,
            false => asked.cases,
        },
        failure_persistence: None,
        ..asked
    }
}

/// Long after everything: all runs are over.
const LATE: u64 = 5000 + 3 * 1440;

proptest! {
    #![proptest_config(config(12))]

    /// Flushes and compactions take turns. At every change of every compaction a reader gets the same, and in the end the store is
    /// the one that a single compaction makes of all flushes.
    #[test]
    fn readers_get_the_same_at_every_step_of_compactions_at_any_time(
        runs in prop::collection::vec(run(), 1..5),
        mut times in prop::collection::vec(0_u64..5000, 0..4),
    ) {
        let flushes = flushes_of(runs);
        times.sort_unstable();
        times.push(LATE);
        let place = Memory::default();
        let mut written = 0;
        for now in times {
            let due = flushes.iter().filter(|flush| flush.minutes.1 <= now).count();
            flushes[written..due].iter().for_each(|flush| { write(&place, flush); });
            written = due;
            // Instances that will be heard of again have their locks.
            let alive = flushes[due..].iter().map(|flush| flush.instance.to_owned());
            *place.locked.lock().unwrap() = alive.collect();
            let expected = truth(&flushes[..due]);
            prop_assert_eq!(&answer(&place), &expected);
            place.watch(Box::new(move |moment| assert_eq!(answer(moment), expected)));
            tend_at(&place, COMPACT, at(now)).unwrap();
            place.watch(Box::new(|_| {}));
        }
        let at_once = place_of(&flushes);
        tend_at(&at_once, COMPACT, at(LATE)).unwrap();
        prop_assert_eq!(at_once.names(), place.names());
        let again = tend_at(&place, COMPACT, at(LATE)).unwrap();
        prop_assert_eq!((again.compacted.len(), again.copies.len()), (0, 0));
        prop_assert!(levels(&place).iter().all(|level| *level == Level::Day));
    }

    /// Every step fails, or is the last of the process, in turn.
    #[test]
    fn readers_get_the_same_after_a_crash_at_any_step(
        runs in prop::collection::vec(run(), 1..3),
        now in 100_u64..LATE,
        fault in prop::sample::select(&Fault::ALL),
        stride in 1_usize..5,
    ) {
        let flushes: Vec<Flushed> = flushes_of(runs).into_iter().filter(|f| f.minutes.1 <= now).collect();
        let expected = truth(&flushes);
        let whole = place_of(&flushes);
        let undisturbed = whole.copy();
        tend_at(&undisturbed, COMPACT, at(now)).unwrap();
        for step in (0..).step_by(stride) {
            let place = whole.copy();
            place.fail_at(step, fault);
            let outcome = tend_at(&place, COMPACT, at(now));
            let has_happened = place.recover();
            prop_assert_eq!(&answer(&place), &expected, "step {} {:?} {:?}", step, fault, outcome);
            tend_at(&place, COMPACT, at(now)).unwrap();
            prop_assert_eq!(&answer(&place), &expected, "step {} {:?} and again", step, fault);
            prop_assert_eq!(place.names(), undisturbed.names(), "step {} {:?}", step, fault);
            if !has_happened {
                break;
            }
        }
    }
}

/// A real directory, a reader that never rests, and everything that upkeep does.
#[test]
fn a_reader_beside_compaction_and_retention_is_never_wrong() {
    use crate::store::Location;
    use crate::store::upkeep::tend;
    use std::sync::atomic::{AtomicBool, Ordering};
    let dir = tempfile::TempDir::new().unwrap();
    let location = Location::from(dir.path());
    let place = location.place().unwrap();
    drop(place.lock("a").unwrap());
    let flushes: Vec<Flushed> = (0..40)
        .map(|i| flushed("a", (7, i), (i * 60, i * 60 + 20), (1000 + i, 7)))
        .collect();
    for flush in &flushes {
        write(&*place, flush);
    }
    let is_done = AtomicBool::new(false);
    let is_compacted = AtomicBool::new(false);
    let expected = truth(&flushes);
    std::thread::scope(|scope| {
        let reader = scope.spawn(|| {
            let (mut reads, mut least) = (0, usize::MAX);
            while !is_done.load(Ordering::Acquire) {
                let was_compacted = is_compacted.load(Ordering::Acquire);
                let contents = read_place(&*place, &Wanted::default()).unwrap();
                assert_eq!(contents.skipped, []);
                let stays = !is_compacted.load(Ordering::Acquire);
                assert!(!stays || was_compacted || contents.segment == expected);
                assert!(contents.segments <= least, "segments only go");
                least = contents.segments;
                reads += 1;
            }
            reads
        });
        let pace = Pace::new(&|| true);
        for hour in (3..60).step_by(9) {
            tend(&location, COMPACT, at(hour * 60), &pace).unwrap();
        }
        is_compacted.store(true, Ordering::Release);
        let retention = Retention {
            max_age: Some(Duration::from_secs(1)),
            max_bytes: None,
        };
        let upkeep = Upkeep {
            retention,
            ..COMPACT
        };
        tend(&location, upkeep, at(LATE), &pace).unwrap();
        is_done.store(true, Ordering::Release);
        assert!(reader.join().unwrap() > 0);
    });
    assert_eq!(survey(&*place).unwrap().segments.len(), 0);
}
