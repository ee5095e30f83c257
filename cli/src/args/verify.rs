//! Arguments of `tracemesh verify`.

use std::path::PathBuf;
use std::str::FromStr;

use clap::Args;

use super::{ReportFormat, SourceArgs};

/// Arguments of `tracemesh verify`.
#[derive(Debug, Args)]
pub struct VerifyArgs {
    /// Directory that `tracemesh egress` wrote
    #[arg(
        long,
        value_name = "DIR",
        required_unless_present = "drift_log",
        conflicts_with = "drift_log"
    )]
    pub config: Option<PathBuf>,
    /// Log of a sidecar with lines about what is not defined, plain, gzip or zstd; `-` is standard input
    #[arg(long, value_name = "FILE")]
    pub drift_log: Option<PathBuf>,
    /// Only these callers: node ids, `namespace/name`, or unique names. With `--drift-log`: whose log it is, where its lines
    /// do not say
    #[arg(long, value_name = "SERVICE")]
    pub service: Vec<String>,
    /// Share of calls in percent that must be covered for the answer to be yes
    #[arg(
        long,
        value_name = "PERCENT",
        default_value = "99",
        conflicts_with = "drift_log"
    )]
    pub floor: Percent,
    /// Where the traces come from.
    #[command(flatten)]
    pub source: SourceArgs,
    /// How the report is printed
    #[arg(long, value_name = "FORMAT", default_value = "table")]
    pub format: ReportFormat,
}

/// 0 to 100 percent, in ten-thousandths.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Percent(u32);

impl Percent {
    /// A percent in ten-thousandths: the unit in which floors are compared, without rounding.
    const UNIT: u32 = 10_000;

    /// Whether `part` of `whole` is at least this share. Nothing of nothing is not.
    #[must_use]
    pub fn is_met(self, part: u64, whole: u64) -> bool {
        let needed = u128::from(whole) * u128::from(self.0);
        whole > 0 && u128::from(part) * 100 * u128::from(Self::UNIT) >= needed
    }

    /// In percent.
    #[must_use]
    pub fn as_percent(self) -> f64 {
        f64::from(self.0) / f64::from(Self::UNIT)
    }
}

impl FromStr for Percent {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let fault = || "give a number from 0 to 100 with at most four decimals".to_owned();
        let text = text.strip_suffix('%').unwrap_or(text);
        let (whole, decimals) = text.split_once('.').unwrap_or((text, ""));
        let is_number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        if whole.is_empty() || decimals.len() > 4 || !is_number(whole) || !is_number(decimals) {
            return Err(fault());
        }
        let whole: u32 = whole.parse().map_err(|_| fault())?;
        let decimals: u32 = format!("{decimals:0<4}").parse().map_err(|_| fault())?;
        let sum = whole
            .checked_mul(Self::UNIT)
            .and_then(|whole| whole.checked_add(decimals));
        sum.filter(|sum| *sum <= 100 * Self::UNIT)
            .map(Self)
            .ok_or_else(fault)
    }
}

impl std::fmt::Display for Percent {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (whole, rest) = (self.0 / Self::UNIT, self.0 % Self::UNIT);
        if rest == 0 {
            return write!(f, "{whole}");
        }
        let decimals = format!("{rest:04}");
        write!(f, "{whole}.{}", decimals.trim_end_matches('0'))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn floors_are_exact() {
        let percent = |text: &str| text.parse::<Percent>();
        for (text, shown) in [
            ("99", "99"),
            ("99.95", "99.95"),
            ("100", "100"),
            ("0.0001%", "0.0001"),
        ] {
            assert_eq!(percent(text).unwrap().to_string(), shown);
        }
        for text in [
            "",
            "-1",
            "100.0001",
            "1e2",
            "99.99999",
            "NaN",
            ".5",
            "4294967296",
        ] {
            assert!(percent(text).is_err(), "{text}");
        }
        assert!(percent("99.9").unwrap().is_met(999, 1000));
        assert!(!percent("99.9").unwrap().is_met(998, 999));
        assert!(percent("100").unwrap().is_met(u64::MAX, u64::MAX));
        assert!(!percent("100").unwrap().is_met(u64::MAX - 1, u64::MAX));
        assert!(!percent("0").unwrap().is_met(0, 0));
    }
}
