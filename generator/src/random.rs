//! Chance that is the same everywhere: a seeded stream, and choices that follow from what they are about.

/// SplitMix64 (Steele, Lea, Flood 2014): small, seeded, good enough for made-up traffic; not for secrets.
#[derive(Debug, Clone)]
pub struct Random(u64);

impl Random {
    /// A stream that depends on the seed alone.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next 64 bits.
    pub const fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        finish(self.0)
    }

    /// A number below `bound`; 0 when the bound is 0.
    pub fn below(&mut self, bound: usize) -> usize {
        let bound = u64::try_from(bound.max(1)).unwrap_or(u64::MAX);
        usize::try_from(self.bits() % bound).unwrap_or_default()
    }

    /// True in this share of cases, in thousandths.
    pub const fn chance(&mut self, permille: u64) -> bool {
        self.bits() % 1000 < permille
    }

    /// One of these; they must not be empty.
    pub fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.below(from.len())]
    }
}

/// 64 bits that depend on these numbers alone: choices that need no order, such as which services are silent.
#[must_use]
pub const fn mix(parts: &[u64]) -> u64 {
    let mut word = 0x243f_6a88_85a3_08d3;
    let mut index = 0;
    while index < parts.len() {
        word = finish(word ^ parts[index].wrapping_add(0x9e37_79b9_7f4a_7c15));
        index += 1;
    }
    word
}

/// True for this share of the numbers, in thousandths.
#[must_use]
pub const fn is_chosen(parts: &[u64], permille: u64) -> bool {
    mix(parts) % 1000 < permille
}

const fn finish(mut word: u64) -> u64 {
    word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    word ^ (word >> 31)
}
