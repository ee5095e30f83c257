//! A hash map from 64-bit keys whose slowest insert costs about as much as any other.
//!
//! A `HashMap` that grows moves all its entries at once: with millions of slices that is a pause of tens of milliseconds, in
//! which queues fill. This one grows and shrinks by one bucket at a time (linear hashing: Litwin 1980), its entries never move, and
//! their slot numbers hold until they are removed. Keys come from senders, so the hash is keyed at random.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;

use super::pool::{Linked, NONE, Pool, some};

/// Buckets for each entry: chains of one entry are the rule.
const SPREAD: usize = 2;

/// Buckets of a directory page, and the least number of buckets.
const PAGE: usize = 4096;

/// Values by key.
#[derive(Debug)]
pub(super) struct SteadyMap<V> {
    /// In chunks of 48 MiB where an entry has 48 bytes, as those of slices have.
    entries: Pool<Entry<V>, 20>,
    /// First entry of each bucket, in pages that are never moved.
    pages: Vec<Box<[u32]>>,
    buckets: usize,
    indexed: usize,
    seed: [u64; 2],
}

#[derive(Debug, Clone, Copy)]
struct Entry<V> {
    key: u64,
    value: V,
    link: u32,
}

impl<V: Copy> Linked for Entry<V> {
    fn link(&self) -> u32 {
        self.link
    }

    fn set_link(&mut self, slot: u32) {
        self.link = slot;
    }
}

impl<V: Copy> Default for SteadyMap<V> {
    fn default() -> Self {
        let random = RandomState::new();
        Self {
            entries: Pool::default(),
            pages: vec![page()],
            buckets: PAGE,
            indexed: 0,
            // An even factor would lose a bit of the key.
            seed: [random.hash_one(0_u8), random.hash_one(1_u8) | 1],
        }
    }
}

impl<V: Copy> SteadyMap<V> {
    /// The slot of a key.
    pub(super) fn find(&self, key: u64) -> Option<u32> {
        let mut slot = self.head(self.bucket(key));
        while slot != NONE {
            let entry = self.entries.get(slot);
            if entry.key == key {
                return Some(slot);
            }
            slot = entry.link;
        }
        None
    }

    /// Adds a key that is not there.
    pub(super) fn insert(&mut self, key: u64, value: V) -> u32 {
        debug_assert!(self.find(key).is_none(), "keys are unique");
        let bucket = self.bucket(key);
        let link = self.head(bucket);
        let slot = self.entries.insert(Entry { key, value, link });
        self.set_head(bucket, slot);
        self.indexed += 1;
        if self.indexed * SPREAD > self.buckets {
            (0..SPREAD).for_each(|_| self.grow());
        }
        slot
    }

    /// Removes a key, and its slot with it.
    pub(super) fn remove(&mut self, key: u64) -> Option<V> {
        let slot = self.forget(key)?;
        Some(self.release(slot))
    }

    /// Removes a key from the index alone: its slot stays, for whoever holds its number, until it is released.
    pub(super) fn forget(&mut self, key: u64) -> Option<u32> {
        let bucket = self.bucket(key);
        let mut before = NONE;
        let mut slot = self.head(bucket);
        while slot != NONE && self.entries.get(slot).key != key {
            before = slot;
            slot = self.entries.get(slot).link;
        }
        if slot == NONE {
            return None;
        }
        let after = self.entries.get(slot).link;
        match before {
            NONE => self.set_head(bucket, after),
            _ => self.entries.get_mut(before).link = after,
        }
        self.indexed -= 1;
        for _ in 0..2 * SPREAD {
            if self.indexed * SPREAD * 2 < self.buckets && self.buckets > PAGE {
                self.shrink();
            }
        }
        Some(slot)
    }

    /// Frees a slot whose key was forgotten.
    pub(super) fn release(&mut self, slot: u32) -> V {
        self.entries.remove(slot).value
    }

    pub(super) fn key(&self, slot: u32) -> u64 {
        self.entries.get(slot).key
    }

    pub(super) fn value(&self, slot: u32) -> &V {
        &self.entries.get(slot).value
    }

    pub(super) fn value_mut(&mut self, slot: u32) -> &mut V {
        &mut self.entries.get_mut(slot).value
    }

    /// Slots from this one on with key and value; also free ones, as they were left.
    pub(super) fn entries_from(&self, slot: u32) -> impl Iterator<Item = (u32, u64, &V)> {
        let entries = self.entries.iter_from(slot);
        entries.map(|(slot, entry)| (slot, entry.key, &entry.value))
    }

    /// Keys.
    pub(super) fn len(&self) -> usize {
        self.indexed
    }

    /// Bytes of its entries, and of buckets beyond those of an empty map.
    pub(super) fn bytes(&self) -> usize {
        self.entries.used() * size_of::<Entry<V>>() + (self.buckets - PAGE) * size_of::<u32>()
    }

    /// Bytes taken from the allocator.
    pub(super) fn held_bytes(&self) -> usize {
        self.entries.held_bytes() + self.pages.len() * PAGE * size_of::<u32>()
    }

    /// All keys, in order.
    pub(super) fn sorted_keys(&self) -> Vec<u64> {
        let chain = |bucket| {
            let link = |slot: &u32| some(self.entries.get(*slot).link);
            std::iter::successors(some(self.head(bucket)), link)
        };
        let slots = (0..self.buckets).flat_map(chain);
        let mut keys: Vec<u64> = slots.map(|slot| self.key(slot)).collect();
        keys.sort_unstable();
        keys
    }

    /// Splits the next bucket in two.
    fn grow(&mut self) {
        let new = self.buckets;
        if new / PAGE == self.pages.len() {
            self.pages.push(page());
        }
        self.buckets += 1;
        let old = new - highest_power(new);
        let mut slot = self.head(old);
        self.set_head(old, NONE);
        while slot != NONE {
            let entry = self.entries.get(slot);
            let (key, after) = (entry.key, entry.link);
            let bucket = self.bucket(key);
            self.entries.get_mut(slot).link = self.head(bucket);
            self.set_head(bucket, slot);
            slot = after;
        }
    }

    /// Joins the last bucket with the one that it was split from.
    fn shrink(&mut self) {
        let last = self.buckets - 1;
        let into = last - highest_power(last);
        let mut slot = self.head(last);
        self.set_head(last, NONE);
        self.buckets = last;
        while slot != NONE {
            let after = self.entries.get(slot).link;
            self.entries.get_mut(slot).link = self.head(into);
            self.set_head(into, slot);
            slot = after;
        }
        if last.is_multiple_of(PAGE) {
            self.pages.truncate(last / PAGE);
        }
    }

    fn bucket(&self, key: u64) -> usize {
        let product = u128::from(key ^ self.seed[0]) * u128::from(self.seed[1]);
        let hash = fold(product);
        let power = highest_power(self.buckets);
        let bucket = hash & (2 * power - 1);
        if bucket < self.buckets {
            bucket
        } else {
            bucket & (power - 1)
        }
    }

    fn head(&self, bucket: usize) -> u32 {
        self.pages[bucket / PAGE][bucket % PAGE]
    }

    fn set_head(&mut self, bucket: usize, slot: u32) {
        self.pages[bucket / PAGE][bucket % PAGE] = slot;
    }
}

fn page() -> Box<[u32]> {
    vec![NONE; PAGE].into_boxed_slice()
}

/// The highest power of two that is not above a number, which is not zero.
const fn highest_power(number: usize) -> usize {
    1 << number.ilog2()
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "both halves go into the hash"
)]
const fn fold(product: u128) -> usize {
    ((product >> 64) as u64 ^ product as u64) as usize
}

#[cfg(test)]
mod tests;
