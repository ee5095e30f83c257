//! Which key a name spells, for every attribute of every span.
//!
//! A table by length, first and last bytes of the name, without collisions, made while compiling; then one comparison. Most names
//! are no key, and most of those end at an empty place of the table.

use super::{Key, last_word};

/// Places of the table: few enough for the first-level cache, and enough that some multiplier keeps all keys apart.
const PLACES: usize = 2048;

/// 2^64 divided by the golden ratio: bits as if by chance.
const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;

const MULTIPLIER: u64 = multiplier();
static TABLE: [Option<Key>; PLACES] = match table(MULTIPLIER) {
    Some(table) => table,
    None => [None; PLACES],
};

const _: () = assert!(
    table(MULTIPLIER).is_some(),
    "two keys share length, first and last bytes, or the table is too small"
);

impl Key {
    /// The key with this exact spelling, if any rule reads it.
    #[must_use]
    pub fn lookup(name: &str) -> Option<Self> {
        Self::lookup_bytes(name.as_bytes())
    }

    /// The key with this exact spelling, which need not be text.
    #[must_use]
    #[inline(always)]
    pub fn lookup_bytes(name: &[u8]) -> Option<Self> {
        let key = TABLE[place(name, MULTIPLIER)]?;
        is_same(Self::NAMES[key as usize].as_bytes(), name).then_some(key)
    }
}

/// Equality without a call for the lengths that nearly all keys have: by words from both ends, which may overlap.
#[inline]
fn is_same(key: &[u8], name: &[u8]) -> bool {
    if key.len() != name.len() {
        return false;
    }
    match name.len() {
        8..16 => key.first_chunk::<8>() == name.first_chunk() && last_word(key) == last_word(name),
        16..=24 => {
            key.first_chunk::<16>() == name.first_chunk() && last_word(key) == last_word(name)
        }
        _ => key == name,
    }
}

/// Where a name belongs, by its length, its first and its last bytes.
#[expect(
    clippy::cast_possible_truncation,
    reason = "the upper 11 bits of 64 are left"
)]
#[inline]
const fn place(name: &[u8], multiplier: u64) -> usize {
    let last = match last_word(name) {
        Some(last) => last,
        None => short(name),
    };
    let first = match name.first() {
        Some(first) => *first as u64,
        None => 0,
    };
    // `server.address` and `client.address` differ in neither length nor last bytes.
    let rest = name.len() as u64 | first << 32;
    let mixed = last.wrapping_add(rest).wrapping_mul(multiplier);
    (mixed >> (64 - PLACES.trailing_zeros())) as usize
}

/// Fewer than eight bytes as a number.
#[cold]
#[inline(never)]
const fn short(name: &[u8]) -> u64 {
    let mut number = 0;
    let mut rest = name;
    while let [first, others @ ..] = rest {
        number = number << 8 | *first as u64;
        rest = others;
    }
    number
}

/// The first multiplier of a series that gives every key a place of its own. The series starts at one that did when there
/// were 114 keys: searching takes the compiler time.
const fn multiplier() -> u64 {
    let mut multiplier: u64 = 0x2be9_5dba_2902_dc09;
    let mut tries = 0;
    while table(multiplier).is_none() && tries < 200 {
        multiplier = multiplier.wrapping_mul(0x5851_f42d_4c95_7f2d) ^ GOLDEN | 1;
        tries += 1;
    }
    multiplier
}

const fn table(multiplier: u64) -> Option<[Option<Key>; PLACES]> {
    let mut table = [None; PLACES];
    let mut rest = Key::ALL;
    while let [key, others @ ..] = rest {
        let place = place(key.name().as_bytes(), multiplier);
        if table[place].is_some() {
            return None;
        }
        table[place] = Some(*key);
        rest = others;
    }
    Some(table)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_share_the_end_of_a_key_are_none() {
        for key in Key::ALL {
            let name = key.name();
            assert_eq!(Key::lookup(name), Some(*key));
            let other: String = name
                .char_indices()
                .map(|(at, c)| if at == 0 { 'x' } else { c })
                .collect();
            assert_eq!(Key::lookup(&other), None);
            assert_eq!(Key::lookup(&format!("x{name}")), None);
            assert_eq!(Key::lookup_bytes(&[name.as_bytes(), &[0]].concat()), None);
        }
        assert_eq!(Key::lookup(""), None);
    }
}
