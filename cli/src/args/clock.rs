//! How far a span's clock may be off.

use std::str::FromStr;

/// Milliseconds between the start of a span and its arrival.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StartOff(u64);

impl StartOff {
    /// The bound; the largest number stands for none.
    #[must_use]
    pub const fn ms(self) -> u64 {
        self.0
    }
}

impl FromStr for StartOff {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == "none" {
            return Ok(Self(u64::MAX));
        }
        let days = |unit: &str, hours: u64| {
            let number: u64 = text.strip_suffix(unit)?.parse().ok()?;
            number
                .checked_mul(hours)
                .filter(|hours| (1..=87_600).contains(hours))
        };
        days("h", 1)
            .or_else(|| days("d", 24))
            .map(|hours| Self(hours * 3_600_000))
            .ok_or_else(|| "give a time from 1h to 3650d, or `none`".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_are_hours_days_or_none() {
        assert_eq!("36h".parse(), Ok(StartOff(36 * 3_600_000)));
        assert_eq!("7d".parse(), Ok(StartOff(7 * 24 * 3_600_000)));
        assert_eq!("none".parse(), Ok(StartOff(u64::MAX)));
        for wrong in [
            "",
            "d",
            "7",
            "0d",
            "-1d",
            "3651d",
            "18446744073709551615d",
            "1w",
        ] {
            assert!(wrong.parse::<StartOff>().is_err(), "{wrong}");
        }
    }
}
