//! Hashing of numbers, several times as fast as that of the standard library.
//!
//! Reading looks up tens of millions of ids, and the default hasher would be most of that. What is looked up is not trusted,
//! so the hasher is keyed by a random number of the process. Nothing that is written depends on it.

use std::hash::{BuildHasher, Hasher, RandomState};

/// Odd, with bits all over: the fraction of the golden ratio.
const MULTIPLIER: u64 = 0x9e37_79b9_7f4a_7c15;

/// Makes hashers with one key.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Mixed {
    key: u64,
    multiplier: u64,
}

impl Default for Mixed {
    fn default() -> Self {
        let random = RandomState::new();
        Self {
            key: random.hash_one(0_u8),
            multiplier: random.hash_one(1_u8) | 1,
        }
    }
}

impl BuildHasher for Mixed {
    type Hasher = Mixer;

    fn build_hasher(&self) -> Mixer {
        Mixer {
            state: self.key,
            multiplier: self.multiplier,
        }
    }
}

/// Mixes what it is given word by word.
#[derive(Debug)]
pub(crate) struct Mixer {
    state: u64,
    multiplier: u64,
}

impl Mixer {
    fn mix(&mut self, word: u64) {
        self.state = folded(self.state ^ word, self.multiplier);
    }
}

/// Both halves of a product, so that every bit of a factor reaches the low bits and the high ones.
#[expect(clippy::cast_possible_truncation, reason = "halves")]
const fn folded(a: u64, b: u64) -> u64 {
    let product = (a as u128) * (b as u128);
    (product as u64) ^ ((product >> 64) as u64)
}

impl Hasher for Mixer {
    fn finish(&self) -> u64 {
        // A factor of 0 would hide the key.
        folded(self.state ^ MULTIPLIER, self.multiplier)
    }

    fn write(&mut self, bytes: &[u8]) {
        let (words, rest) = bytes.as_chunks::<8>();
        for word in words {
            self.mix(u64::from_le_bytes(*word));
        }
        let mut last = [0; 8];
        last[..rest.len()].copy_from_slice(rest);
        // Its length tells a rest from the same with zeros behind it.
        self.mix(u64::from_le_bytes(last) ^ ((rest.len() as u64) << 56));
    }

    fn write_u8(&mut self, number: u8) {
        self.mix(number.into());
    }

    fn write_u16(&mut self, number: u16) {
        self.mix(number.into());
    }

    fn write_u32(&mut self, number: u32) {
        self.mix(number.into());
    }

    fn write_u64(&mut self, number: u64) {
        self.mix(number);
    }

    fn write_usize(&mut self, number: usize) {
        self.mix(number as u64);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn equal_values_have_one_hash_and_near_ones_differ() {
        let mixed = Mixed::default();
        let numbers: HashSet<u64> = (0..10_000_u64).map(|n| mixed.hash_one(n)).collect();
        assert_eq!(numbers.len(), 10_000);
        let low: HashSet<u64> = (0..10_000_u64)
            .map(|n| mixed.hash_one(n << 40) & 0xffff)
            .collect();
        assert!(low.len() > 8_000, "{}", low.len());
        let texts = ["", "a", "a\0", "abcdefgh", "abcdefg", "abcdefghi"];
        let hashes: HashSet<u64> = texts.map(|text| mixed.hash_one(text)).into();
        assert_eq!(hashes.len(), texts.len());
        assert_eq!(mixed.hash_one((1_u32, "x")), mixed.hash_one((1_u32, "x")));
    }

    #[test]
    fn two_maps_have_two_keys() {
        let hashes = [Mixed::default(), Mixed::default()].map(|mixed| mixed.hash_one(7_u64));
        assert_ne!(hashes[0], hashes[1]);
    }
}
