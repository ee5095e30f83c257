//! Days on which something may change: working days that are in no freeze.
//!
//! Days are numbers here (days since 1970-01-01), so that no sum of hostile options leaves the range of a date: [`LAST`] is the last day
//! that any answer may have. Only freezes of everything count; those of some services move the services.

use std::collections::BTreeSet;
use std::ops::Range;

use jiff::SignedDuration;
use jiff::civil::Date;

use super::{Freeze, Workday};

/// Day 0, a Thursday.
const EPOCH: Date = jiff::civil::date(1970, 1, 1);

/// 9999-12-31.
pub(super) const LAST: i64 = 2_932_896;

/// The first day of year -9999.
const FIRST: i64 = -4_371_587;

/// The number of a day.
pub(super) fn number(day: Date) -> i64 {
    day.duration_since(EPOCH).as_hours() / 24
}

/// The day of a number; the nearest one that a date can hold.
pub(super) fn day(number: i64) -> Date {
    EPOCH.saturating_add(SignedDuration::from_hours(number.clamp(FIRST, LAST) * 24))
}

/// Days on which something may change.
#[derive(Debug)]
pub(super) struct Openings<'a> {
    /// By day of the week, from Monday.
    working: [bool; 7],
    /// Working days of a week.
    per_week: i64,
    /// Freezes of everything, sorted.
    freezes: Vec<Named<'a>>,
    /// The same as days without overlap, sorted.
    frozen: Vec<Frozen>,
}

/// First and last day of a freeze, and what people call it.
type Named<'a> = (i64, i64, &'a str);

/// Freezes that overlap.
#[derive(Debug)]
struct Frozen {
    first: i64,
    last: i64,
    /// Which freezes these are.
    members: Range<usize>,
}

impl<'a> Openings<'a> {
    /// Without working days every day is one.
    pub(super) fn new(workdays: &[Workday], freezes: &'a [Freeze]) -> Self {
        let mut working = Workday::ALL.map(|day| workdays.contains(&day));
        if workdays.is_empty() {
            working = [true; 7];
        }
        let global = freezes.iter().filter(|freeze| freeze.is_global());
        let mut freezes: Vec<Named<'a>> = global
            .map(|freeze| {
                let (from, to) = freeze.days();
                (from, to, freeze.name.as_str())
            })
            .collect();
        freezes.sort_unstable();
        Self {
            working,
            per_week: working
                .iter()
                .map(|is_working| i64::from(*is_working))
                .sum(),
            frozen: merged(&freezes),
            freezes,
        }
    }

    fn is_working(&self, day: i64) -> bool {
        // Day 0 was a Thursday.
        let weekday = usize::try_from((day + 3).rem_euclid(7)).unwrap_or(0);
        self.working[weekday]
    }

    /// The first working day, this one or later.
    pub(super) fn working_from(&self, day: i64) -> i64 {
        (day..day + 7)
            .find(|day| self.is_working(*day))
            .unwrap_or(day)
    }

    /// The working day `count` of them before a day.
    pub(super) fn working_before(&self, day: i64, count: u32) -> i64 {
        let count = i64::from(count);
        let mut at = day - count / self.per_week * 7;
        let mut left = count % self.per_week;
        while left > 0 {
            at -= 1;
            left -= i64::from(self.is_working(at));
        }
        at
    }

    /// The last of `count` working days, of which this one is the first.
    fn working_run(&self, first: i64, count: u32) -> i64 {
        let after = i64::from(count.max(1)) - 1;
        let mut at = first + after / self.per_week * 7;
        let mut left = after % self.per_week;
        while left > 0 {
            at += 1;
            left -= i64::from(self.is_working(at));
        }
        at
    }

    /// The first run of working days from `day` on with no freeze from its first to its last. The freezes that were in the way are
    /// added to `moved_by`. None when it would end after [`LAST`].
    pub(super) fn run(
        &self,
        day: i64,
        working_days: u32,
        moved_by: &mut BTreeSet<&'a str>,
    ) -> Option<(i64, i64)> {
        let mut from = self.working_from(day);
        loop {
            let to = self.working_run(from, working_days);
            if to > LAST {
                return None;
            }
            let Some(frozen) = self.frozen_in(from, to) else {
                return Some((from, to));
            };
            let members = self.freezes[frozen.members.clone()].iter();
            let in_the_way = members.filter(|(_, last, _)| *last >= from);
            moved_by.extend(in_the_way.map(|(_, _, name)| *name));
            from = self.working_from(frozen.last + 1);
        }
    }

    /// The first freeze that touches these days.
    fn frozen_in(&self, from: i64, to: i64) -> Option<&Frozen> {
        let next = self.frozen.partition_point(|frozen| frozen.last < from);
        self.frozen.get(next).filter(|frozen| frozen.first <= to)
    }
}

impl Freeze {
    /// First and last day as numbers, in this order.
    pub(super) fn days(&self) -> (i64, i64) {
        let (from, to) = (number(self.from), number(self.to));
        (from.min(to), from.max(to))
    }
}

impl Workday {
    /// From Monday on.
    const ALL: [Self; 7] = [
        Self::Monday,
        Self::Tuesday,
        Self::Wednesday,
        Self::Thursday,
        Self::Friday,
        Self::Saturday,
        Self::Sunday,
    ];
}

fn merged(freezes: &[Named<'_>]) -> Vec<Frozen> {
    let mut merged: Vec<Frozen> = Vec::new();
    for (number, (first, last, _)) in freezes.iter().enumerate() {
        match merged.last_mut() {
            Some(before) if *first <= before.last => {
                before.last = before.last.max(*last);
                before.members.end = number + 1;
            }
            _ => merged.push(Frozen {
                first: *first,
                last: *last,
                members: number..number + 1,
            }),
        }
    }
    merged
}
