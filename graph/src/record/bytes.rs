//! Small values by the bytes that decide them, for look-ups that happen for every span.
//!
//! Always compared byte by byte: a hash alone would one day give a span the peer of another. Starts over when full, so
//! that its memory is bounded whatever is sent; whoever asks must be able to make a value again.

use std::collections::HashMap;
use std::hash::{BuildHasher, Hasher, RandomState};

/// A bounded map from bytes to values.
#[derive(Debug)]
pub(super) struct ByBytes<V> {
    values: HashMap<Box<[u8]>, V, Seeded>,
    /// Bytes of all keys.
    bytes: usize,
}

/// Longer keys are not kept.
pub(super) const MAX_KEY: usize = 4096;

/// All keys together; with the values and the table about twice as much.
const MAX_BYTES: usize = 8 << 20;

impl<V> Default for ByBytes<V> {
    fn default() -> Self {
        Self {
            values: HashMap::default(),
            bytes: 0,
        }
    }
}

impl<V: Copy> ByBytes<V> {
    /// The value that was put in for these bytes, unless it was forgotten.
    pub(super) fn get(&self, key: &[u8]) -> Option<V> {
        self.values.get(key).copied()
    }

    /// Remembers a value; forgets all others first when there is no room.
    pub(super) fn insert(&mut self, key: &[u8], value: V) {
        if key.len() > MAX_KEY {
            return;
        }
        if self.values.len() >= super::CACHE_ENTRIES || self.bytes + key.len() > MAX_BYTES {
            self.values.clear();
            self.bytes = 0;
        }
        self.bytes += key.len();
        self.values.insert(Box::from(key), value);
    }
}

/// Makes hashers with a secret of its own, so that nobody can send keys that collide. For all that senders choose; our own ids
/// have a hash without a secret. Nothing that is written depends on it.
#[derive(Debug, Clone)]
pub(crate) struct Seeded {
    start: u64,
    secret: u64,
}

impl Default for Seeded {
    fn default() -> Self {
        let random = RandomState::new();
        Self {
            start: random.hash_one(0_u8),
            secret: random.hash_one(1_u8) | 1,
        }
    }
}

impl BuildHasher for Seeded {
    type Hasher = Folding;

    fn build_hasher(&self) -> Folding {
        Folding {
            state: self.start,
            secret: self.secret,
        }
    }
}

/// Multiplies 16 bytes at a time and folds the product, as wyhash does; the standard hasher takes several times as long.
#[derive(Debug)]
pub(crate) struct Folding {
    state: u64,
    secret: u64,
}

impl Folding {
    fn add(&mut self, low: u64, high: u64) {
        self.state = folded(low ^ self.state, high ^ self.secret);
    }
}

/// The product of two numbers, its halves put together.
fn folded(a: u64, b: u64) -> u64 {
    let product = u128::from(a) * u128::from(b);
    #[expect(clippy::cast_possible_truncation, reason = "the halves are folded")]
    let folded = (product as u64) ^ ((product >> 64) as u64);
    folded
}

/// Odd, with its bits spread evenly: the golden ratio.
const SPREAD: u64 = 0x9e37_79b9_7f4a_7c15;

impl Hasher for Folding {
    fn write(&mut self, bytes: &[u8]) {
        let (blocks, tail) = bytes.as_chunks::<16>();
        for block in blocks {
            let (low, high) = ends(block);
            self.add(low, high);
        }
        if !tail.is_empty() {
            let (low, high) = ends(tail);
            self.add(low, high ^ tail.len() as u64);
        }
    }

    fn write_u8(&mut self, number: u8) {
        self.add(u64::from(number), 0);
    }

    fn write_u16(&mut self, number: u16) {
        self.add(u64::from(number), 0);
    }

    fn write_u32(&mut self, number: u32) {
        self.add(u64::from(number), 0);
    }

    fn write_u64(&mut self, number: u64) {
        self.add(number, 0);
    }

    fn write_usize(&mut self, number: usize) {
        self.add(number as u64, 0);
    }

    /// Spreads once more: a single product by an unlucky secret puts numbers that are evenly apart into few places.
    fn finish(&self) -> u64 {
        folded(self.state, SPREAD)
    }
}

/// Up to 16 bytes as two numbers, which overlap when there are fewer.
fn ends(bytes: &[u8]) -> (u64, u64) {
    if let (Some(first), Some(last)) = (bytes.first_chunk(), bytes.last_chunk()) {
        return (u64::from_le_bytes(*first), u64::from_le_bytes(*last));
    }
    if let (Some(first), Some(last)) = (bytes.first_chunk(), bytes.last_chunk()) {
        let (first, last) = (u32::from_le_bytes(*first), u32::from_le_bytes(*last));
        return (u64::from(first), u64::from(last));
    }
    let number = bytes.iter().fold(0, |n, byte| n << 8 | u64::from(*byte));
    (number, 0)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn a_value_is_found_by_its_bytes_alone() {
        let mut map = ByBytes::default();
        let keys: Vec<Vec<u8>> = (0..100_u8).map(|n| vec![n; usize::from(n)]).collect();
        for (number, key) in keys.iter().enumerate() {
            map.insert(key, number);
        }
        for (number, key) in keys.iter().enumerate() {
            assert_eq!(map.get(key), Some(number));
        }
        assert_eq!(map.get(&[7; 8]), None);
    }

    #[test]
    fn a_full_map_starts_over_and_long_keys_stay_out() {
        let mut map = ByBytes::default();
        let most = MAX_BYTES / MAX_KEY;
        for number in 0..=most {
            let mut key = [0; MAX_KEY];
            key[..8].copy_from_slice(&number.to_le_bytes());
            map.insert(&key, number);
        }
        assert_eq!((map.values.len(), map.bytes), (1, MAX_KEY));
        map.insert(&[1; MAX_KEY + 1], 0);
        assert_eq!(map.values.len(), 1);
    }

    /// Tables choose their place by the low bits, which must differ also where only high bits of the keys do, whatever the secret: of 10,000
    /// numbers in 65,536 places some 9,270 do not meet.
    #[test]
    fn numbers_that_differ_in_any_bits_differ_in_the_low_bits_of_their_hashes() {
        let secrets = (1..50_u64).map(|n| n.wrapping_mul(SPREAD) | 1);
        for secret in secrets {
            let start = folded(secret, SPREAD);
            let seeded = Seeded { start, secret };
            for shift in [0, 20, 40] {
                let low: BTreeSet<u64> = (0..10_000_u64)
                    .map(|number| seeded.hash_one(number << shift) & 0xffff)
                    .collect();
                assert!(low.len() > 9_000, "{secret:x} {shift}: {}", low.len());
            }
        }
        let seeded = Seeded::default();
        assert_ne!(seeded.hash_one(7_u64), Seeded::default().hash_one(7_u64));
    }

    /// No two of many similar keys share a hash: each length, each single bit.
    #[test]
    fn similar_keys_have_different_hashes() {
        let seeded = Seeded::default();
        let mut hashes = BTreeSet::new();
        let mut made = 0;
        for length in 0..70 {
            let mut key = vec![0_u8; length];
            hashes.insert(seeded.hash_one(&key[..]));
            made += 1;
            for bit in 0..length * 8 {
                key[bit / 8] ^= 1 << (bit % 8);
                hashes.insert(seeded.hash_one(&key[..]));
                made += 1;
                key[bit / 8] ^= 1 << (bit % 8);
            }
        }
        assert_eq!(hashes.len(), made);
    }
}
