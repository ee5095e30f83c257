use super::*;

/// Spans of a slice with these ids, each at a time of its own.
fn spans(ids: std::ops::Range<u64>) -> Vec<Known> {
    ids.map(|id| (id, id.wrapping_mul(0x9e37_79b9_7f4a_7c15)))
        .collect()
}

fn all_known(set: &Set, slice: u64, spans: &[Known]) -> bool {
    let run = set.run(slice);
    run.is_some_and(|run| {
        let mut spans = spans.iter();
        spans.all(|span| set.with_id(run, span.0).any(|known| known == span))
    })
}

#[test]
fn spans_of_small_large_and_huge_slices_are_known_and_no_others() {
    let mut set = Set::default();
    let sizes = [1, FEW as u64, FEW as u64 + 1, 3 * CHUNK as u64, 5];
    for (slice, size) in (0..).zip(sizes) {
        set.add(slice, false, &spans(0..size));
    }
    for (slice, size) in (0..).zip(sizes) {
        assert!(all_known(&set, slice, &spans(0..size)), "{size} spans");
        let run = set.run(slice).unwrap();
        assert_eq!(set.with_id(run, size).count(), 0);
    }
    assert_eq!(set.spans as u64, sizes.iter().sum::<u64>());
    assert!(set.run(99).is_none());
}

#[test]
fn a_slice_that_settles_again_is_known_with_all_of_its_spans() {
    let mut set = Set::default();
    for part in 0..40 {
        set.add(7, part == 3, &spans(part * 10..part * 10 + 10));
        set.add(8, false, &spans(0..1));
    }
    assert!(all_known(&set, 7, &spans(0..400)));
    assert!(set.run(7).unwrap().was_cut);
    assert!(!set.run(8).unwrap().was_cut);
}

#[test]
fn one_id_may_stand_for_several_spans() {
    let mut set = Set::default();
    let all: Vec<Known> = (0..100).map(|hash| (5, hash)).collect();
    set.add(1, false, &all);
    set.add(2, false, &all[..10]);
    assert!(all_known(&set, 1, &all) && all_known(&set, 2, &all[..10]));
    let run = set.run(2).unwrap();
    assert!(!set.with_id(run, 5).any(|span| *span == (5, 10)));
}

#[test]
fn a_full_set_turns_and_forgets_after_the_next() {
    let settings = Settings {
        max_seen_spans: 1,
        ..Settings::default()
    };
    let mut seen = Seen::new(&settings);
    let mut settled = Settled::default();
    for key in 1..=3_u64 {
        settled.spans.push((key, key));
        settled.slices.push((seen.slice(key), key == 2, 1));
        seen.remember(&mut settled, 0);
    }
    let cut = [1, 2, 3].map(|key| seen.was_cut(key));
    assert_eq!(cut, [None, Some(true), Some(false)]);
    assert!(!seen.has(2, SpanId(3_u64.to_be_bytes())));
    assert!(seen.has(2, SpanId(2_u64.to_be_bytes())));
}
