//! When each wave happens: canary, bake, rolling update, cell by cell, on working days and outside of freezes.
//!
//! ```text
//! CalendarOptions + Freezes -> Timetable (dates by wave number) -> Problem (waves that a service may not join) -> schedule
//!                                        \-----------------------------------------> Calendar (in the plan)
//! ```
//! The dates of a wave depend on its number alone, never on who is in it: a service-level freeze moves the service to another wave, a
//! freeze of everything moves the wave. It knows no clock: the first day is given. `openings` has the days on which something may
//! change, `timetable` the rules of section 8 that lead from one wave to the next.

use jiff::ToSpan as _;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

mod openings;
#[cfg(test)]
mod tests;
mod timetable;

pub(super) use self::timetable::Timetable;

/// How long the steps of a wave take, in days.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CalendarOptions {
    /// First day on which the canary of the first wave may start; without one the plan has waves and no dates. When earlier plans
    /// carried out some waves, it is the day of the first wave that is left.
    pub start: Option<Date>,
    /// Working days before the canary on which configuration and labels are made and owners are told.
    pub prepare_days: u32,
    /// Days for which the canary is watched, a weekly peak among them: at least 1, weekends and freezes included, and the day of its
    /// start is the first.
    pub bake_days: u32,
    /// Working days of the rolling update of one cell, at least 1, with no freeze among them.
    pub rollout_days: u32,
    /// Days of the week on which people watch a change; with none, every day is one.
    pub working_days: Vec<Workday>,
    /// Isolated copies of the services (cells, clusters) in the order in which they are changed. Every wave changes them one after
    /// another; its canary is in the first.
    pub cells: Vec<String>,
    /// Days between the rolling updates of two cells: with 0 the next cell follows on the next working day.
    pub cell_lag_days: u32,
}

impl Default for CalendarOptions {
    fn default() -> Self {
        Self {
            start: None,
            prepare_days: 3,
            bake_days: 14,
            rollout_days: 2,
            working_days: vec![
                Workday::Monday,
                Workday::Tuesday,
                Workday::Wednesday,
                Workday::Thursday,
                Workday::Friday,
            ],
            cells: Vec::new(),
            cell_lag_days: 1,
        }
    }
}

/// A day of the week.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Workday {
    /// Monday.
    Monday,
    /// Tuesday.
    Tuesday,
    /// Wednesday.
    Wednesday,
    /// Thursday.
    Thursday,
    /// Friday.
    Friday,
    /// Saturday.
    Saturday,
    /// Sunday.
    Sunday,
}

/// Days on which no canary starts, no rolling update runs, and, when it holds for everything, nothing is switched on. A bake may
/// cross them.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Freeze {
    /// What people call it.
    pub name: String,
    /// First day.
    pub from: Date,
    /// Last day; with `from` it may stand in either order.
    pub to: Date,
    /// Services by node id that it holds for; with no service and no team it holds for everything.
    #[serde(default)]
    pub services: Vec<String>,
    /// Teams whose services it holds for.
    #[serde(default)]
    pub teams: Vec<String>,
}

impl Freeze {
    /// Whether it holds for everything, and so moves waves and not services.
    #[must_use]
    pub const fn is_global(&self) -> bool {
        self.services.is_empty() && self.teams.is_empty()
    }
}

/// The dates of a plan.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Calendar {
    /// Day on which the first preparation starts.
    pub start: Date,
    /// Day on which the last rolling update ends.
    pub end: Date,
    /// Weeks from the first canary to the last rolling update, both days included.
    pub weeks: f64,
    /// Mean weeks from the first canary until a unit of protection arrives, which is the end of the rolling updates of its wave; over
    /// what arrives in a wave with dates, and 0 when nothing does.
    pub mean_weeks: f64,
    /// The waves in order. Waves after the last one here have no dates, and a note of the plan says why.
    pub waves: Vec<WaveDates>,
}

/// The dates of a wave.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WaveDates {
    /// Number of the wave.
    pub wave: u32,
    /// Day on which configuration and labels are made and owners are told.
    pub prepare: Date,
    /// Day on which the canary starts, in the first cell.
    pub canary: Date,
    /// Last day of the bake; the day of the canary is the first.
    pub bake_until: Date,
    /// Rolling updates, cell by cell; one without a name where there are no cells.
    pub rollouts: Vec<Rollout>,
    /// Day of the flips, after the last rolling update: what needs both ends is switched on, retries are allowed, strict is possible.
    pub flips: Date,
    /// Names of the freezes that moved one of these days, sorted.
    pub moved_by: Vec<String>,
}

/// A rolling update of a cell.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rollout {
    /// The cell.
    pub cell: Option<String>,
    /// First day.
    pub from: Date,
    /// Last day.
    pub to: Date,
}

impl WaveDates {
    /// Last day of the last rolling update: from here on the wave counts as in.
    #[must_use]
    pub fn end(&self) -> Date {
        self.rollouts.last().map_or(self.bake_until, |last| last.to)
    }
}

/// First days of the calendars of several meshes that share one team: each starts `lag_days` after the one before, in the order
/// in which they are given to [`plan`](super::plan), so that what the first waves of one teach is known in the next.
///
/// Edges between meshes are outside calls in both plans, so no order between their waves has to hold. Days after the last that
/// the calendar knows (9999-12-31) are that day.
#[must_use]
pub fn staggered_starts(first: Date, meshes: usize, lag_days: u32) -> Vec<Date> {
    let next = |start: &Date| Some(start.saturating_add(i64::from(lag_days).min(MAX_LAG).days()));
    std::iter::successors(Some(first), next)
        .take(meshes)
        .collect()
}

/// More days than there are: a span of jiff cannot hold all of a `u32`.
const MAX_LAG: i64 = 7_000_000;
