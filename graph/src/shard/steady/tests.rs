use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

#[test]
fn a_key_is_found_through_growth_and_shrinking() {
    let mut map = SteadyMap::default();
    let keys = 0..60_000_u64;
    for key in keys.clone() {
        map.insert(key << 20, key);
    }
    assert_eq!(map.len(), 60_000);
    assert!(map.buckets >= 120_000);
    for key in keys.clone() {
        let slot = map.find(key << 20).unwrap();
        assert_eq!((map.key(slot), *map.value(slot)), (key << 20, key));
    }
    assert_eq!(map.find(1), None);
    for key in keys.clone().filter(|key| key % 64 != 0) {
        assert_eq!(map.remove(key << 20), Some(key));
        assert_eq!(map.remove(key << 20), None);
    }
    for key in keys.filter(|key| key % 64 == 0) {
        assert!(map.find(key << 20).is_some());
    }
    assert!(map.buckets <= 2 * PAGE, "{} buckets", map.buckets);
    assert_eq!(map.pages.len(), map.buckets.div_ceil(PAGE));
}

/// Trace ids can be counters, times, or the same but for some bits.
#[test]
fn chains_are_short_whatever_keys_look_like() {
    let shapes: [fn(u64) -> u64; 4] = [
        |n| n,
        |n| n << 44,
        |n| n.wrapping_mul(0x1000_0000_0001),
        |n| u64::MAX - n,
    ];
    for shape in shapes {
        let mut map = SteadyMap::default();
        (0..20_000).for_each(|n| {
            map.insert(shape(n), ());
        });
        let mut lengths = (0..map.buckets).map(|bucket| {
            let mut length = 0;
            let mut slot = map.head(bucket);
            while slot != NONE {
                length += 1;
                slot = map.entries.get(slot).link;
            }
            length
        });
        assert!(lengths.all(|length| length < 12));
    }
}

#[test]
fn a_forgotten_slot_holds_its_value_until_it_is_released() {
    let mut map = SteadyMap::default();
    let slot = map.insert(1, 'a');
    assert_eq!(map.forget(1), Some(slot));
    assert_eq!((map.find(1), map.len()), (None, 0));
    let other = map.insert(1, 'b');
    assert_ne!(slot, other);
    assert_eq!((map.release(slot), *map.value(other)), ('a', 'b'));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn it_is_a_map(steps in prop::collection::vec((0..300_u64, any::<bool>()), 0..2_000)) {
        let mut map = SteadyMap::default();
        let mut model = BTreeMap::new();
        for (nth, (key, adds)) in steps.into_iter().enumerate() {
            if !adds {
                prop_assert_eq!(map.remove(key), model.remove(&key));
            } else if model.insert(key, nth).is_none() {
                map.insert(key, nth);
            } else {
                let slot = map.find(key).unwrap();
                *map.value_mut(slot) = nth;
            }
            prop_assert_eq!(map.len(), model.len());
        }
        prop_assert_eq!(map.sorted_keys(), model.keys().copied().collect::<Vec<_>>());
        for (key, nth) in model {
            prop_assert_eq!(map.find(key).map(|slot| *map.value(slot)), Some(nth));
        }
    }
}
