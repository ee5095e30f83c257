use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

/// When each slot is due, and its link.
#[derive(Default)]
struct Slots {
    due_ms: Vec<u64>,
    next: Vec<u32>,
}

impl Slots {
    fn add(&mut self, wheel: &mut Wheel, due_ms: u64, now_ms: u64) -> u32 {
        let slot = u32::try_from(self.due_ms.len()).unwrap();
        self.due_ms.push(due_ms);
        self.next.push(NONE);
        wheel.add(slot, due_ms, now_ms, self);
        slot
    }

    fn take(&mut self, wheel: &mut Wheel, until_ms: u64) -> Option<(u64, u32)> {
        let due_ms = |slots: &Self, slot: u32| slots.due_ms[slot as usize];
        let slot = wheel.take(until_ms, self, due_ms)?;
        Some((self.due_ms[slot as usize], slot))
    }
}

impl Queued for Slots {
    fn next(&self, slot: u32) -> u32 {
        self.next[slot as usize]
    }

    fn set_next(&mut self, slot: u32, next: u32) {
        self.next[slot as usize] = next;
    }
}

#[test]
fn slots_come_when_they_are_due_and_not_a_millisecond_before() {
    for due_ms in [
        5,
        255,
        256,
        10_000,
        65_535,
        65_536,
        900_000,
        1 << 40,
        u64::MAX,
    ] {
        let mut wheel = Wheel::default();
        let mut slots = Slots::default();
        let slot = slots.add(&mut wheel, due_ms, 3);
        assert_eq!(slots.take(&mut wheel, due_ms - 1), None, "{due_ms}");
        assert_eq!(slots.take(&mut wheel, due_ms), Some((due_ms, slot)));
        assert_eq!(slots.take(&mut wheel, u64::MAX), None);
    }
}

#[test]
fn what_is_due_at_one_time_comes_in_the_order_in_which_it_was_added() {
    let mut wheel = Wheel::default();
    let mut slots = Slots::default();
    let added: Vec<u32> = (0..5).map(|_| slots.add(&mut wheel, 700, 0)).collect();
    let taken = std::iter::from_fn(|| slots.take(&mut wheel, 700));
    assert_eq!(taken.map(|(_, slot)| slot).collect::<Vec<_>>(), added);
}

#[test]
fn a_slot_that_was_put_off_is_looked_at_again_when_it_is_due() {
    let mut wheel = Wheel::default();
    let mut slots = Slots::default();
    let slot = slots.add(&mut wheel, 10_000, 0);
    let other = slots.add(&mut wheel, 10_500, 0);
    slots.due_ms[slot as usize] = 70_000;
    assert_eq!(slots.take(&mut wheel, 10_499), None);
    assert_eq!(slots.take(&mut wheel, 20_000), Some((10_500, other)));
    assert_eq!(slots.take(&mut wheel, 69_999), None);
    assert_eq!(slots.take(&mut wheel, 80_000), Some((70_000, slot)));
}

/// With no time to wait, what is added is due in the same millisecond.
#[test]
fn what_is_due_at_once_comes_at_once() {
    let mut wheel = Wheel::default();
    let mut slots = Slots::default();
    for now_ms in [9, 9, 300, 300, 1_000_000] {
        let slot = slots.add(&mut wheel, now_ms, now_ms);
        assert_eq!(slots.take(&mut wheel, now_ms), Some((now_ms, slot)));
    }
}

#[derive(Debug, Clone)]
enum Step {
    /// Adds a slot that is due after so many milliseconds.
    Add(u64),
    /// Time passes, and all that is due is taken.
    Pass(u64),
    /// One of those that wait is put off.
    PutOff(usize, u64),
    /// Takes what is due first, whenever that is.
    First,
}

fn any_step() -> impl Strategy<Value = Step> {
    let ms = || prop_oneof![0..300_u64, 0..20_000_u64, 0..70_000_u64, 0..30_000_000_u64];
    prop_oneof![
        4 => ms().prop_map(Step::Add),
        3 => ms().prop_map(Step::Pass),
        2 => (any::<usize>(), ms()).prop_map(|(at, by)| Step::PutOff(at, by)),
        1 => Just(Step::First),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn it_takes_what_a_sorted_list_would(steps in prop::collection::vec(any_step(), 0..200)) {
        let mut wheel = Wheel::default();
        let mut slots = Slots::default();
        let mut model: BTreeMap<u32, u64> = BTreeMap::new();
        let mut now_ms = 1_000;
        for step in steps {
            match step {
                // Never due before what was taken as the first: slices have equal times to wait.
                Step::Add(after) => {
                    let due_ms = (now_ms + after).max(wheel.time_ms);
                    model.insert(slots.add(&mut wheel, due_ms, now_ms), due_ms);
                }
                Step::PutOff(at, by) => {
                    if let Some((slot, due_ms)) = model.iter_mut().nth(at % 16) {
                        *due_ms += by;
                        slots.due_ms[*slot as usize] = *due_ms;
                    }
                }
                Step::First => {
                    let first = model.values().min().copied();
                    let taken = slots.take(&mut wheel, u64::MAX);
                    prop_assert_eq!(taken.map(|(due_ms, _)| due_ms), first);
                    taken.map(|(_, slot)| model.remove(&slot));
                }
                Step::Pass(by) => {
                    now_ms += by;
                    let mut last = 0;
                    while let Some((due_ms, slot)) = slots.take(&mut wheel, now_ms) {
                        prop_assert!(due_ms <= now_ms && last <= due_ms);
                        prop_assert_eq!(model.remove(&slot), Some(due_ms));
                        last = due_ms;
                    }
                    prop_assert!(model.values().all(|due_ms| *due_ms > now_ms));
                }
            }
        }
    }
}
