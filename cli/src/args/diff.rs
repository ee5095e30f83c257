//! Arguments of `tracemesh diff`.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use clap::{Args, ValueEnum};
use tracemesh_collector::store::Location;

use super::{DEFAULT_STORE, Moment, ReadingArgs};

/// Arguments of `tracemesh diff`.
#[derive(Debug, Args)]
pub struct DiffArgs {
    /// Before: a snapshot, a store, or trace files in a file or directory; recognised by content
    #[arg(
        value_name = "A",
        required_unless_present = "before",
        requires = "second"
    )]
    pub first: Option<PathBuf>,
    /// After, likewise
    #[arg(value_name = "B")]
    pub second: Option<PathBuf>,
    /// Instead of A: a window of the store, such as `14d..7d` or `2026-11-01..2026-11-08`
    #[arg(
        long,
        value_name = "SINCE..UNTIL",
        requires = "after",
        conflicts_with = "first"
    )]
    pub before: Option<Stretch>,
    /// Instead of B: another window of the store, such as `7d..now`
    #[arg(
        long,
        value_name = "SINCE..UNTIL",
        requires = "before",
        conflicts_with = "first"
    )]
    pub after: Option<Stretch>,
    /// The store of `--before` and `--after`
    #[arg(long, value_name = "DIR", default_value = DEFAULT_STORE, conflicts_with = "first")]
    pub store: Location,
    /// Share of the reported changes that may be noise
    #[arg(long, value_name = "SHARE", default_value = "0.01", value_parser = parse_share)]
    pub fdr: f64,
    /// Calls that an edge must have before its numbers are compared
    #[arg(long, value_name = "N", default_value_t = 30)]
    pub min_calls: u64,
    /// Smallest ratio of a number before and after that is told
    #[arg(long, value_name = "RATIO", default_value = "1.5", value_parser = parse_ratio)]
    pub min_change: f64,
    /// How the difference is printed
    #[arg(long, value_name = "FORMAT", default_value = "table")]
    pub format: DiffFormat,
    /// How trace files are read.
    #[command(flatten)]
    pub reading: ReadingArgs,
}

/// Formats of a difference.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum DiffFormat {
    /// For a terminal of 80 columns
    Table,
    /// For a ticket or a chat
    Markdown,
    /// Schema tracemesh.diff/v1, for programs
    Json,
}

/// A window as users give it: two moments with `..` between; either may be left out, and `now` ends now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stretch {
    /// Its beginning; open when absent.
    pub since: Option<Moment>,
    /// Its end; open when absent.
    pub until: Option<Moment>,
}

impl FromStr for Stretch {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let ends = text.split_once("..");
        let (since, until) =
            ends.ok_or_else(|| "give two times with `..` between, such as `14d..7d`".to_owned())?;
        let moment = |text: &str| match text {
            "" => Ok(None),
            text => text.parse().map(Some),
        };
        let until = if until == "now" { "" } else { until };
        Ok(Self {
            since: moment(since)?,
            until: moment(until)?,
        })
    }
}

impl fmt::Display for Stretch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(since) = &self.since {
            since.fmt(f)?;
        }
        f.write_str("..")?;
        match &self.until {
            Some(until) => until.fmt(f),
            None => f.write_str("now"),
        }
    }
}

fn parse_share(text: &str) -> Result<f64, String> {
    let share: Option<f64> = text.parse().ok();
    share
        .filter(|share| *share > 0.0 && *share < 1.0)
        .ok_or_else(|| "give a number between 0 and 1, such as 0.01".to_owned())
}

fn parse_ratio(text: &str) -> Result<f64, String> {
    let ratio: Option<f64> = text.parse().ok();
    ratio
        .filter(|ratio| (1.0..=1e6).contains(ratio))
        .ok_or_else(|| "give a number of at least 1, such as 1.5".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_are_two_moments_of_which_either_may_be_open() {
        for (text, shown) in [
            ("14d..7d", "14d..7d"),
            ("7d..now", "7d..now"),
            ("7d..", "7d..now"),
            ("..7d", "..7d"),
            ("2026-11-01..2026-11-08", "2026-11-01..2026-11-08"),
        ] {
            let stretch: Stretch = text.parse().unwrap();
            assert_eq!(stretch.to_string(), shown);
        }
        for wrong in ["7d", "", "now..7d", "x..y", "7d...now"] {
            assert!(wrong.parse::<Stretch>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn shares_and_ratios_have_bounds() {
        assert_eq!(parse_share("0.05"), Ok(0.05));
        assert_eq!(parse_ratio("2"), Ok(2.0));
        for wrong in ["0", "1", "NaN", "-1", "inf", ""] {
            assert!(parse_share(wrong).is_err(), "{wrong}");
        }
        for wrong in ["0.9", "NaN", "inf", "1e7"] {
            assert!(parse_ratio(wrong).is_err(), "{wrong}");
        }
    }
}
