//! Arguments of what keeps a store small: compaction, retention, and bringing stores together.

use std::str::FromStr;
use std::time::Duration;

use clap::Args;
use tracemesh_collector::store::{Location, Retention, Upkeep};

use super::{DEFAULT_STORE, ReportFormat};

/// What `tracemesh collect` does for its store meanwhile.
#[derive(Debug, Clone, Copy, Args)]
pub struct UpkeepArgs {
    /// Leave segments as they are written; `tracemesh store compact` puts them together
    #[arg(long, help_heading = "Store")]
    pub no_compaction: bool,
    /// Age at which segments are removed: `12h`, `30d`, `4w`, or `none`
    #[arg(
        long,
        value_name = "TIME",
        default_value = "30d",
        help_heading = "Store"
    )]
    pub retention: AgeLimit,
    /// Size of the store above which the oldest segments are removed: `500MiB`, `50GiB`, or `none`
    #[arg(
        long,
        value_name = "SIZE",
        default_value = "none",
        help_heading = "Store"
    )]
    pub max_store_size: SizeLimit,
}

impl UpkeepArgs {
    /// What is asked for.
    #[must_use]
    pub const fn upkeep(&self) -> Upkeep {
        Upkeep {
            compacts: !self.no_compaction,
            retention: Retention {
                max_age: self.retention.0,
                max_bytes: self.max_store_size.0,
            },
        }
    }
}

/// Arguments of `tracemesh store compact`.
#[derive(Debug, Args)]
pub struct CompactArgs {
    /// The store
    #[arg(long, value_name = "DIR", default_value = DEFAULT_STORE)]
    pub store: Location,
    /// Tell what would be done, and do nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Age at which segments are removed: `12h`, `30d`, `4w`, or `none`
    #[arg(long, value_name = "TIME", default_value = "none")]
    pub retention: AgeLimit,
    /// Size of the store above which the oldest segments are removed: `500MiB`, `50GiB`, or `none`
    #[arg(long, value_name = "SIZE", default_value = "none")]
    pub max_store_size: SizeLimit,
    /// How the report is printed
    #[arg(long, value_name = "FORMAT", default_value = "table")]
    pub format: ReportFormat,
}

impl CompactArgs {
    /// What is asked for.
    #[must_use]
    pub const fn upkeep(&self) -> Upkeep {
        Upkeep {
            compacts: true,
            retention: Retention {
                max_age: self.retention.0,
                max_bytes: self.max_store_size.0,
            },
        }
    }
}

/// Arguments of `tracemesh store merge`.
#[derive(Debug, Args)]
pub struct MergeArgs {
    /// The store to add to; made when it is missing
    #[arg(value_name = "DEST")]
    pub store: Location,
    /// The stores to add; they are not changed
    #[arg(required = true, value_name = "SOURCE")]
    pub sources: Vec<Location>,
    /// How the report is printed
    #[arg(long, value_name = "FORMAT", default_value = "table")]
    pub format: ReportFormat,
}

/// An age, or none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AgeLimit(Option<Duration>);

impl FromStr for AgeLimit {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == "none" {
            return Ok(Self(None));
        }
        let units = [("h", 1), ("d", 24), ("w", 168)];
        let hours = units
            .iter()
            .find_map(|(unit, hours)| number(text, unit)?.checked_mul(*hours));
        hours
            .filter(|hours| (1..=876_000).contains(hours))
            .map(|hours| Self(Some(Duration::from_secs(hours * 3_600))))
            .ok_or_else(|| "give a time such as `12h`, `30d` or `4w`, or `none`".to_owned())
    }
}

/// A size, or none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SizeLimit(Option<u64>);

impl FromStr for SizeLimit {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == "none" {
            return Ok(Self(None));
        }
        let units = [("MiB", 1 << 20), ("GiB", 1 << 30), ("TiB", 1 << 40)];
        let bytes = units
            .iter()
            .find_map(|(unit, bytes)| number(text, unit)?.checked_mul(*bytes));
        bytes
            .filter(|bytes| *bytes > 0)
            .map(|bytes| Self(Some(bytes)))
            .ok_or_else(|| "give a size such as `500MiB` or `50GiB`, or `none`".to_owned())
    }
}

/// The digits before a unit.
fn number(text: &str, unit: &str) -> Option<u64> {
    let digits = text.strip_suffix(unit)?;
    let is_number = digits.chars().all(|digit| digit.is_ascii_digit());
    digits.parse().ok().filter(|_| is_number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_are_hours_days_weeks_or_none() {
        let hours = |hours: u64| Ok(AgeLimit(Some(Duration::from_secs(hours * 3_600))));
        assert_eq!("12h".parse(), hours(12));
        assert_eq!("30d".parse(), hours(720));
        assert_eq!("2w".parse(), hours(336));
        assert_eq!("none".parse(), Ok(AgeLimit(None)));
        for wrong in ["", "d", "0d", "-1d", "+1d", "1m", "18446744073709551615w"] {
            assert!(wrong.parse::<AgeLimit>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn sizes_are_binary_or_none() {
        assert_eq!("500MiB".parse(), Ok(SizeLimit(Some(500 << 20))));
        assert_eq!("50GiB".parse(), Ok(SizeLimit(Some(50 << 30))));
        assert_eq!("none".parse(), Ok(SizeLimit(None)));
        for wrong in ["", "0MiB", "50GB", "50", "GiB", "18446744073709551615TiB"] {
            assert!(wrong.parse::<SizeLimit>().is_err(), "{wrong}");
        }
    }
}
