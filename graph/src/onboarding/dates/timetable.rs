//! From one wave to the next: when it starts, how long it takes, and what waits for what.
//!
//! ```text
//! prepare --working days--> canary --bake, calendar days--> rolling update of cell 1 --lag--> cell 2 .. --> flips
//!                             |<------------------------ in flight ------------------------------->|
//! ```
//! A wave may start on the day of the flips of the wave that leaves the flight, and, with k waves in flight, not before a k-th of the
//! length of a wave after the canary before it, so that the waves are spread evenly. Every wave is dated by its number alone.

use std::collections::BTreeSet;

use super::openings::{LAST, Openings, day, number};
use super::{Calendar, CalendarOptions, Freeze, Rollout, WaveDates};
use crate::onboarding::options::PlanOptions;

/// Most waves that get dates: at one day per wave these are five years.
const MAX_WAVES: u32 = 2_000;

/// Most rolling updates that get dates, over all waves: it bounds a calendar with very many cells.
const MAX_ROLLOUTS: usize = 100_000;

/// Longest step, in days: ten years.
const MAX_STEP: u32 = 3_650;

/// Dates by the number of the wave.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::onboarding) struct Timetable {
    waves: Vec<WaveDates>,
    /// What was read in another way than it was written.
    remarks: Vec<String>,
}

impl Timetable {
    /// None without a start.
    pub(in crate::onboarding) fn new(options: &PlanOptions) -> Option<Self> {
        let start = number(options.calendar.start?);
        let pace = Pace::new(options);
        let mut waves: Vec<WaveDates> = Vec::new();
        for index in 0..MAX_WAVES {
            let wave = options.waves_done.saturating_add(1).checked_add(index);
            let next = wave.and_then(|wave| pace.wave(wave, pace.earliest(wave, start, &waves)));
            let Some(next) = next else {
                break;
            };
            waves.push(next);
            if waves.len() * pace.steps.cells.len().max(1) >= MAX_ROLLOUTS {
                break;
            }
        }
        Some(Self {
            waves,
            remarks: remarks(options),
        })
    }

    /// Waves that a freeze takes from those it holds for, as runs of first and last wave: those whose canary starts in it, or whose
    /// rolling updates touch it. A freeze of everything takes none, because it moved the waves.
    pub(in crate::onboarding) fn frozen(&self, freeze: &Freeze) -> Vec<(u32, u32)> {
        let mut runs: Vec<(u32, u32)> = Vec::new();
        if freeze.is_global() {
            return runs;
        }
        let (first, last) = freeze.days();
        let (first, last) = (day(first), day(last));
        let touches = |dates: &&WaveDates| {
            let mut rollouts = dates.rollouts.iter();
            (first..=last).contains(&dates.canary)
                || rollouts.any(|rollout| rollout.from <= last && rollout.to >= first)
        };
        for dates in self.waves.iter().filter(touches) {
            match runs.last_mut() {
                Some((_, end)) if *end + 1 == dates.wave => *end = dates.wave,
                _ => runs.push((dates.wave, dates.wave)),
            }
        }
        runs
    }

    /// First wave whose canary starts on this day or later; when no wave with dates does, the one after them.
    pub(in crate::onboarding) fn first_wave_from(&self, day: jiff::civil::Date) -> u32 {
        let before = self.waves.partition_point(|dates| dates.canary < day);
        match (self.waves.get(before), self.waves.last()) {
            (Some(dates), _) => dates.wave,
            (None, Some(last)) => last.wave.saturating_add(1),
            (None, None) => 1,
        }
    }

    /// Last wave whose rolling updates end on this day or earlier; none when even the first ends later.
    pub(in crate::onboarding) fn last_wave_until(&self, day: jiff::civil::Date) -> Option<u32> {
        let over = self.waves.partition_point(|dates| dates.end() <= day);
        Some(self.waves.get(over.checked_sub(1)?)?.wave)
    }

    /// The dates of a plan up to its last wave, with the worth of all protection and the waves in which it arrives. None when
    /// there is no wave, or even the first has no dates.
    pub(in crate::onboarding) fn calendar(
        &self,
        last_wave: u32,
        arrivals: &[(f64, u32)],
    ) -> Option<Calendar> {
        let count = self.waves.partition_point(|dates| dates.wave <= last_wave);
        let waves = self.waves.get(..count)?.to_vec();
        let (first, last) = (waves.first()?, waves.last()?);
        let weeks = |dates: &WaveDates| {
            let days = number(dates.end()) - number(first.canary) + 1;
            f64::from(u32::try_from(days).unwrap_or(u32::MAX)) / 7.0
        };
        let dated = |wave: u32| {
            let index = waves.binary_search_by_key(&wave, |dates| dates.wave).ok()?;
            Some(weeks(&waves[index]))
        };
        let (mut worth, mut waited) = (0.0, 0.0);
        for (part, weeks) in arrivals
            .iter()
            .filter_map(|(part, wave)| Some((part, dated(*wave)?)))
        {
            worth += part;
            waited += part * weeks;
        }
        Some(Calendar {
            start: first.prepare,
            end: last.end(),
            weeks: weeks(last),
            mean_weeks: if worth > 0.0 { waited / worth } else { 0.0 },
            waves,
        })
    }

    /// What a reader of the plan has to know: options that were read in another way, and waves without dates.
    pub(in crate::onboarding) fn notes(&self, last_wave: u32) -> Vec<String> {
        let mut notes = self.remarks.clone();
        match self.waves.last() {
            Some(last) if last.wave >= last_wave => {}
            Some(last) => notes.push(format!(
                "waves after {} have no dates: the calendar ends with {MAX_WAVES} waves, {MAX_ROLLOUTS} rolling updates, or the year 9999",
                last.wave
            )),
            None => notes.push(
                "no wave has dates: the first one would end after the year 9999".to_owned(),
            ),
        }
        notes
    }
}

/// How waves follow each other.
struct Pace<'a> {
    options: &'a PlanOptions,
    steps: &'a CalendarOptions,
    openings: Openings<'a>,
    /// Days of a wave in flight, if every day were a working day.
    length: u64,
}

impl<'a> Pace<'a> {
    fn new(options: &'a PlanOptions) -> Self {
        let steps = &options.calendar;
        let cells = u64::try_from(steps.cells.len().max(1)).unwrap_or(u64::MAX);
        let rollouts = cells.saturating_mul(u64::from(step(steps.rollout_days)));
        let lags = (cells - 1).saturating_mul(u64::from(steps.cell_lag_days.min(MAX_STEP)));
        Self {
            options,
            steps,
            openings: Openings::new(&steps.working_days, &options.freezes),
            length: u64::from(step(steps.bake_days))
                .saturating_add(rollouts)
                .saturating_add(lags),
        }
    }

    /// How many waves change at once while this one starts.
    fn in_flight(&self, wave: u32) -> u32 {
        // Only the size of a wave depends on the number of services, and only the length of the ramp counts here.
        let in_flight = self.options.in_flight;
        let now = if self.options.ramp.limits(wave, 0).ramp {
            in_flight.ramp
        } else {
            in_flight.after
        };
        now.max(1)
    }

    /// First day on which the canary of the next wave may start, given the waves before it.
    fn earliest(&self, wave: u32, start: i64, before: &[WaveDates]) -> i64 {
        let in_flight = self.in_flight(wave);
        let lag = self.length.div_ceil(u64::from(in_flight));
        let lag = i64::try_from(lag).unwrap_or(LAST).min(LAST);
        let spread = before.last().map(|last| number(last.canary) + lag);
        let leaves = usize::try_from(in_flight).ok();
        let leaves = leaves.and_then(|count| before.get(before.len().checked_sub(count)?));
        let free = leaves.map(|dates| number(dates.flips));
        start
            .max(spread.unwrap_or(start))
            .max(free.unwrap_or(start))
    }

    /// The dates of a wave whose canary may start on a day; none when they leave the calendar.
    fn wave(&self, wave: u32, earliest: i64) -> Option<WaveDates> {
        let (steps, openings) = (self.steps, &self.openings);
        let mut moved_by = BTreeSet::new();
        let (canary, _) = openings.run(earliest, 1, &mut moved_by)?;
        let bake_until = canary + i64::from(step(steps.bake_days)) - 1;
        let mut rollouts: Vec<Rollout> = Vec::new();
        let mut free = bake_until + 1;
        for cell in 0..steps.cells.len().max(1) {
            let (from, to) = openings.run(free, step(steps.rollout_days), &mut moved_by)?;
            rollouts.push(Rollout {
                cell: steps.cells.get(cell).cloned(),
                from: day(from),
                to: day(to),
            });
            free = to + 1 + i64::from(steps.cell_lag_days.min(MAX_STEP));
        }
        let end = rollouts.last().map_or(bake_until, |last| number(last.to));
        let (flips, _) = openings.run(end + 1, 1, &mut moved_by)?;
        Some(WaveDates {
            wave,
            prepare: day(openings.working_before(canary, steps.prepare_days.min(MAX_STEP))),
            canary: day(canary),
            bake_until: day(bake_until),
            rollouts,
            flips: day(flips),
            moved_by: moved_by.into_iter().map(str::to_owned).collect(),
        })
    }
}

/// A step takes at least a day.
fn step(days: u32) -> u32 {
    days.clamp(1, MAX_STEP)
}

fn remarks(options: &PlanOptions) -> Vec<String> {
    let steps = &options.calendar;
    let mut remarks = Vec::new();
    if steps.working_days.is_empty() {
        remarks.push("the calendar has no working days: every day counts as one".to_owned());
    }
    let lengths = [
        ("prepare_days", steps.prepare_days, 0),
        ("bake_days", steps.bake_days, 1),
        ("rollout_days", steps.rollout_days, 1),
        ("cell_lag_days", steps.cell_lag_days, 0),
    ];
    for (name, days, least) in lengths {
        let read = days.clamp(least, MAX_STEP);
        if read != days {
            remarks.push(format!(
                "`{name}` of the calendar is {days}, read as {read}"
            ));
        }
    }
    let swapped = options.freezes.iter().filter(|f| f.from > f.to).count();
    if swapped > 0 {
        remarks.push(format!(
            "{swapped} of {} freezes end before they start: read the other way round",
            options.freezes.len()
        ));
    }
    remarks
}
