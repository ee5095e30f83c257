//! When each wave happens: canary, bake, rolling update, cell by cell, on working days and outside of freezes.
//!
//! ```text
//! CalendarOptions + Freezes -> Timetable (dates by wave number) -> Problem (waves that a service may not join) -> schedule
//!                                        \-----------------------------------------> Calendar (in the plan)
//! ```
//! The dates of a wave depend on its number alone, never on who is in it: a service-level freeze moves the service to another wave, a
//! freeze of everything moves the wave. It knows no clock: the first day is given.

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use super::options::PlanOptions;

/// How long the steps of a wave take, in days.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CalendarOptions {
    /// First day on which a canary may start; without one the plan has waves and no dates.
    pub start: Option<Date>,
    /// Working days before the canary on which configuration and labels are made and owners are told.
    pub prepare_days: u32,
    /// Days for which the canary is watched, a weekly peak among them.
    pub bake_days: u32,
    /// Working days of the rolling update.
    pub rollout_days: u32,
    /// Working days, at least one.
    pub working_days: Vec<Workday>,
    /// Isolated copies of the services (cells, clusters) in the order in which they are changed. Every wave changes them one after
    /// another; its canary is in the first.
    pub cells: Vec<String>,
    /// Days between the rolling updates of two cells.
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

/// Days on which no canary starts and no rolling update runs. A bake may cross them.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Freeze {
    /// What people call it.
    pub name: String,
    /// First day.
    pub from: Date,
    /// Last day.
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
    /// Weeks from the first canary to the last rolling update.
    pub weeks: f64,
    /// Mean weeks until a unit of protection arrives.
    pub mean_weeks: f64,
    /// The waves, in order.
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
    /// Last day of the bake.
    pub bake_until: Date,
    /// Rolling updates, cell by cell; one without a name where there are no cells.
    pub rollouts: Vec<Rollout>,
    /// Day of the flips: what needs both ends is switched on, retries are allowed, strict is possible.
    pub flips: Date,
    /// Names of the freezes that moved one of these days.
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

/// Dates by the number of the wave.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Timetable {}

impl Timetable {
    /// None without a start.
    pub(super) const fn new(_options: &PlanOptions) -> Option<Self> {
        None
    }

    /// Waves that a freeze takes from those it holds for, as runs of first and last wave.
    pub(super) fn frozen(&self, _freeze: &Freeze) -> Vec<(u32, u32)> {
        Vec::new()
    }

    /// First wave whose canary starts on this day or later.
    pub(super) const fn first_wave_from(&self, _day: Date) -> u32 {
        1
    }

    /// Last wave whose rolling updates end on this day or earlier; none when even the first ends later.
    pub(super) const fn last_wave_until(&self, _day: Date) -> Option<u32> {
        None
    }
}
