//! A horizontal axis of waves or days, with ticks where people expect them.

use std::ops::Range;

use jiff::civil::{Date, DateDifference};
use jiff::{ToSpan as _, Unit};
use plotters::coord::ranged1d::{KeyPointHint, NoDefaultFormatting, Ranged, ValueFormatter};

/// Most ticks of an axis.
const TICKS: u32 = 24;

/// An axis from one value to another, with its ticks and their labels in order.
#[derive(Clone)]
pub(in crate::render::onboarding) struct Axis {
    from: f64,
    to: f64,
    ticks: Vec<(f64, String)>,
}

impl Axis {
    /// The same with some room on both sides, as a share of its length, so that what stands at an end is drawn whole.
    pub(in crate::render::onboarding) fn with_room(mut self, share: f64) -> Self {
        let room = share * (self.to - self.from);
        self.from -= room;
        self.to += room;
        self
    }

    /// Waves, both included. One wave has a width of its own.
    pub(in crate::render::onboarding) fn waves(first: u32, last: u32) -> Self {
        let step = nice_step(last.saturating_sub(first));
        let waves = (first..=last).filter(|wave| wave % step == 0 || step == 1);
        Self {
            from: f64::from(first),
            to: f64::from(last.max(first.saturating_add(1))),
            ticks: waves
                .map(|wave| (f64::from(wave), wave.to_string()))
                .collect(),
        }
    }

    /// Days, from the first to the end of the last, as numbers since the first.
    pub(in crate::render::onboarding) fn days(first: Date, last: Date) -> Self {
        let days = days_between(first, last) + 1.0;
        Self {
            from: 0.0,
            to: days,
            ticks: calendar_ticks(first, last),
        }
    }
}

impl Ranged for Axis {
    type FormatOption = NoDefaultFormatting;
    type ValueType = f64;

    fn map(&self, value: &f64, (low, high): (i32, i32)) -> i32 {
        let share = (value - self.from) / (self.to - self.from);
        let pixels = f64::from(high - low) * share.clamp(0.0, 1.0);
        #[expect(
            clippy::cast_possible_truncation,
            reason = "at most the width of the picture"
        )]
        let pixels = pixels.round() as i32;
        low + pixels
    }

    fn key_points<Hint: KeyPointHint>(&self, _hint: Hint) -> Vec<f64> {
        self.ticks.iter().map(|(value, _)| *value).collect()
    }

    fn range(&self) -> Range<f64> {
        self.from..self.to
    }
}

impl ValueFormatter<f64> for Axis {
    fn format_ext(&self, value: &f64) -> String {
        let tick = self.ticks.iter().find(|(at, _)| at == value);
        tick.map(|(_, label)| label.clone()).unwrap_or_default()
    }
}

/// Days from one day to a later one.
pub(in crate::render::onboarding) fn days_between(first: Date, day: Date) -> f64 {
    let span = first.until(DateDifference::new(day).largest(Unit::Day));
    span.map_or(0.0, |span| f64::from(span.get_days()))
}

/// Every wave, every second, fifth, tenth, ...
fn nice_step(waves: u32) -> u32 {
    let mut decade: u32 = 1;
    loop {
        for factor in [1, 2, 5] {
            let step = decade.saturating_mul(factor);
            if waves / step <= TICKS || step == u32::MAX {
                return step;
            }
        }
        decade = decade.saturating_mul(10);
    }
}

/// Mondays in a short calendar, first days of months, quarters or years in longer ones, as days since the first. The year stands at
/// the first tick, and at every January.
fn calendar_ticks(first: Date, last: Date) -> Vec<(f64, String)> {
    let days = days_between(first, last);
    let (start, step, format) = if days <= 100.0 {
        let offset = (7 - first.weekday().to_monday_zero_offset()) % 7;
        let monday = first.saturating_add(i32::from(offset).days());
        (monday, 7.days(), ("%e %b %Y", "%e %b"))
    } else {
        let step = months_between_ticks(days);
        let format = if step < 12 {
            ("%b %Y", "%b")
        } else {
            ("%Y", "%Y")
        };
        (aligned(first, step), i64::from(step).months(), format)
    };
    let next = |day: &Date| day.checked_add(step).ok();
    let mut year = None;
    std::iter::successors(Some(start), next)
        .skip_while(|day| *day < first)
        .take_while(|day| *day <= last)
        .map(|day| {
            let is_new = year.replace(day.year()) != Some(day.year());
            let label = day.strftime(if is_new { format.0 } else { format.1 });
            (
                days_between(first, day),
                label.to_string().trim().to_owned(),
            )
        })
        .collect()
}

fn months_between_ticks(days: f64) -> i16 {
    let months = [1, 3, 12, 60, 120, 1200];
    let fits = |step: &&i16| days / (30.0 * f64::from(**step)) <= f64::from(TICKS);
    *months.iter().find(fits).unwrap_or(&12_000)
}

/// The first day of the month, quarter or year in which a day is.
fn aligned(day: Date, step: i16) -> Date {
    let month = day.first_of_month();
    if step >= 12 {
        return day.first_of_year();
    }
    let behind = i16::from(month.month() - 1) % step;
    month.saturating_sub(i32::from(behind).months())
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    fn labels(axis: &Axis) -> Vec<&str> {
        axis.ticks.iter().map(|(_, label)| label.as_str()).collect()
    }

    #[test]
    fn waves_are_ticked_in_round_numbers() {
        assert_eq!(labels(&Axis::waves(0, 3)), ["0", "1", "2", "3"]);
        assert_eq!(labels(&Axis::waves(0, 60)).len(), 13);
        assert_eq!(labels(&Axis::waves(7, 7)), ["7"]);
        assert!(labels(&Axis::waves(0, 4_000_000)).len() <= 25);
    }

    #[test]
    fn days_are_ticked_by_weeks_months_quarters_or_years() {
        let start = date(2026, 1, 7);
        assert_eq!(
            labels(&Axis::days(start, date(2026, 1, 27))),
            ["12 Jan 2026", "19 Jan", "26 Jan"]
        );
        let year = Axis::days(start, date(2027, 2, 3));
        assert_eq!(labels(&year)[..2], ["Feb 2026", "Mar"]);
        assert_eq!(labels(&year).last(), Some(&"Feb"));
        assert!(labels(&year).contains(&"Jan 2027"));
        assert_eq!(
            labels(&Axis::days(start, date(2030, 1, 1)))[..2],
            ["Apr 2026", "Jul"]
        );
        for end in [date(2060, 1, 1), Date::MAX] {
            let count = labels(&Axis::days(start, end)).len();
            assert!((3..=26).contains(&count), "{count}");
        }
        assert!(labels(&Axis::days(Date::MAX, Date::MAX)).len() <= 1);
    }
}
