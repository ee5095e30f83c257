//! Which time of a store a command reads.

use std::fmt;
use std::str::FromStr;

use clap::Args;
use tracemesh_graph::time::Timestamp;

/// From when to when.
#[derive(Debug, Clone, Default, Args)]
pub struct WindowArgs {
    /// Only what the store has from then on: a time before now (`90m`, `14d`, `2w`), an RFC 3339 time, or a day in UTC
    #[arg(long, value_name = "TIME", help_heading = "Input")]
    pub since: Option<Moment>,
    /// Only what the store has until then, in the same spellings; a day ends where it begins
    #[arg(long, value_name = "TIME", help_heading = "Input")]
    pub until: Option<Moment>,
}

impl WindowArgs {
    /// True when none was given.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.since.is_none() && self.until.is_none()
    }
}

/// A point in time, as users give it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Moment {
    given: String,
    point: Point,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Point {
    /// Nanoseconds before now.
    Ago(u64),
    At(Timestamp),
}

impl Moment {
    /// The time, which depends on what time it is.
    #[must_use]
    pub const fn at(&self, now: Timestamp) -> Timestamp {
        match self.point {
            Point::Ago(ns) => Timestamp(now.0.saturating_sub(ns)),
            Point::At(time) => time,
        }
    }
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.given)
    }
}

impl FromStr for Moment {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let point = ago(text).or_else(|| time(text)).or_else(|| day(text));
        let given = text.to_owned();
        point.map(|point| Self { given, point }).ok_or_else(|| {
            "give a time before now such as `90m`, `14d` or `2w`, a time with its zone such as \
             `2026-11-08T08:00:00Z`, or a day such as `2026-11-08`"
                .to_owned()
        })
    }
}

/// Seconds, minutes, hours, days or weeks before now; at least one.
fn ago(text: &str) -> Option<Point> {
    const UNITS: [(char, u64); 5] = [
        ('s', 1),
        ('m', 60),
        ('h', 3_600),
        ('d', 86_400),
        ('w', 604_800),
    ];
    let (unit, seconds) = UNITS.into_iter().find(|(unit, _)| text.ends_with(*unit))?;
    let digits = text.strip_suffix(unit)?;
    if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let number: u64 = digits.parse().ok().filter(|number| *number > 0)?;
    let ns = number.checked_mul(seconds)?.checked_mul(1_000_000_000)?;
    Some(Point::Ago(ns))
}

fn time(text: &str) -> Option<Point> {
    text.parse().ok().map(Point::At)
}

/// The first moment of a day in UTC.
fn day(text: &str) -> Option<Point> {
    let day = crate::policy::parse_day(text).ok()?;
    time(&format!("{day}T00:00:00Z"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp(1_800_000_000_000_000_000);

    fn at(text: &str) -> Option<String> {
        let moment: Moment = text.parse().ok()?;
        Some(moment.at(NOW).to_string())
    }

    #[test]
    fn moments_are_times_before_now_or_points_or_days() {
        for (text, time) in [
            ("1s", "2027-01-15T07:59:59"),
            ("90m", "2027-01-15T06:30:00"),
            ("36h", "2027-01-13T20:00:00"),
            ("14d", "2027-01-01T08:00:00"),
            ("2w", "2027-01-01T08:00:00"),
            ("2026-11-08T08:00:00Z", "2026-11-08T08:00:00"),
            ("2026-11-08T08:00:00+02:00", "2026-11-08T06:00:00"),
            ("2026-11-08", "2026-11-08T00:00:00"),
            ("30000w", "1970-01-01T00:00:00"),
        ] {
            let found = at(text).unwrap_or_default();
            assert!(found.starts_with(time), "{text}: {found}");
        }
    }

    #[test]
    fn other_words_are_no_moments() {
        for text in [
            "",
            "d",
            "0d",
            "-1d",
            "+1d",
            "1.5h",
            "1",
            "1y",
            "yesterday",
            "2026-11-31",
            "2026-11-08T08:00:00",
            "1969-12-31",
            "18446744073709551615w",
            "\u{661}d",
        ] {
            assert!(text.parse::<Moment>().is_err(), "{text}");
        }
    }
}
