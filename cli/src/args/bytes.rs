//! Sizes as people write them.

use std::str::FromStr;

/// A number of bytes: `64MiB`, `1GiB`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ByteSize(usize);

/// The least that makes sense for a buffer: a shard needs a chunk of each kind.
const LEAST: usize = 16 << 20;

impl ByteSize {
    /// The size in bytes.
    #[must_use]
    pub const fn bytes(self) -> usize {
        self.0
    }
}

impl FromStr for ByteSize {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let size = ["MiB", "GiB"]
            .into_iter()
            .zip([20, 30])
            .find_map(|(unit, shift)| {
                let number: usize = text.strip_suffix(unit)?.parse().ok()?;
                number.checked_mul(1 << shift)
            });
        size.filter(|size| *size >= LEAST)
            .map(Self)
            .ok_or_else(|| "give a whole number with `MiB` or `GiB`, at least 16MiB".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_a_number_and_a_unit() {
        let size = |text: &str| text.parse().ok().map(ByteSize::bytes);
        assert_eq!(size("1GiB"), Some(1 << 30));
        assert_eq!(size("16MiB"), Some(16 << 20));
        for wrong in [
            "",
            "MiB",
            "15MiB",
            "1",
            "1.5GiB",
            "-1GiB",
            "1 GiB",
            "1GB",
            "99999999999GiB",
        ] {
            assert_eq!(size(wrong), None, "{wrong}");
        }
    }
}
