use super::*;

/// Slots of a chunk here.
const CHUNK: usize = 1 << 12;

type Items = Pool<Item, 12>;

/// A value and a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Item(u64, u32);

impl Linked for Item {
    fn link(&self) -> u32 {
        self.1
    }

    fn set_link(&mut self, slot: u32) {
        self.1 = slot;
    }
}

fn filled(pool: &mut Items, values: std::ops::Range<u64>) -> Vec<u32> {
    values.map(|value| pool.insert(Item(value, 7))).collect()
}

#[test]
fn values_stay_where_they_were_put_until_they_are_removed() {
    let mut pool = Items::default();
    let slots = filled(&mut pool, 0..10_000);
    for slot in slots.iter().step_by(3) {
        pool.remove(*slot);
    }
    let more = filled(&mut pool, 10_000..12_000);
    for (value, slot) in slots.iter().enumerate().filter(|(at, _)| at % 3 != 0) {
        assert_eq!(pool.get(*slot), &Item(value as u64, 7));
    }
    for (value, slot) in (10_000..).zip(&more) {
        assert_eq!(pool.get(*slot), &Item(value, 7));
    }
    assert_eq!(pool.used(), 10_000 - 3_334 + 2_000);
}

#[test]
fn free_slots_are_used_again_before_memory_is_taken() {
    let mut pool = Items::default();
    let slots = filled(&mut pool, 0..4 * CHUNK as u64);
    let held = pool.held_bytes();
    assert_eq!(held, 4 * CHUNK * size_of::<Item>());
    for slot in slots.iter().step_by(2) {
        pool.remove(*slot);
    }
    filled(&mut pool, 0..2 * CHUNK as u64);
    assert_eq!(pool.held_bytes(), held);
    filled(&mut pool, 0..1);
    assert!(pool.held_bytes() > held);
}

#[test]
fn memory_is_given_back_when_load_falls_and_one_empty_chunk_is_kept() {
    let mut pool = Items::default();
    let slots = filled(&mut pool, 0..8 * CHUNK as u64);
    slots[CHUNK..].iter().for_each(|slot| {
        pool.remove(*slot);
    });
    // The last one was full, but is small.
    assert_eq!(pool.held_bytes(), 2 * CHUNK * size_of::<Item>());
    slots[..CHUNK].iter().for_each(|slot| {
        pool.remove(*slot);
    });
    assert_eq!(pool.held_bytes(), CHUNK * size_of::<Item>());
    let again = filled(&mut pool, 0..8 * CHUNK as u64);
    assert_eq!(pool.held_bytes(), 8 * CHUNK * size_of::<Item>());
    let mut distinct = again.clone();
    distinct.sort_unstable();
    distinct.dedup();
    assert_eq!(distinct.len(), again.len());
}

/// Half of what is there goes, half comes back, for long: the rest must not spread over ever more chunks.
#[test]
fn long_lived_values_between_short_lived_ones_do_not_make_it_grow() {
    let mut pool = Items::default();
    let mut kept = Vec::new();
    let mut held = 0;
    for round in 0..50_u64 {
        let slots = filled(&mut pool, 0..3 * CHUNK as u64);
        for (at, slot) in slots.into_iter().enumerate() {
            match at % 100 {
                0 => kept.push(slot),
                _ => drop(pool.remove(slot)),
            }
        }
        if round == 0 {
            held = pool.held_bytes();
        }
    }
    let needed = pool.used().div_ceil(CHUNK) + 4;
    assert!(pool.held_bytes() <= held.max(needed * CHUNK * size_of::<Item>()));
    let all: Vec<u32> = pool.iter_from(0).map(|(slot, _)| slot).collect();
    assert!(kept.iter().all(|slot| all.contains(slot)));
    let from = kept[kept.len() / 2];
    assert_eq!(
        pool.iter_from(from).next().map(|(slot, _)| slot),
        Some(from)
    );
}
