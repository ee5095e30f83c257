//! Dates of waves against freezes, working days, the bake, and how many waves may change at once.
//!
//! A range of days is counted by weeks: a hostile file can make it centuries long.

use jiff::civil::{Date, Weekday};

use super::super::dates::{Calendar, CalendarOptions, Freeze, WaveDates, Workday};
use super::super::options::PlanOptions;
use super::super::outcome::Plan;
use super::graph::Graph;
use super::{Judge, ViolationCode};

/// Last day on which a wave changes anything but flips.
pub(super) fn end(dates: &WaveDates) -> Date {
    let ends = dates.rollouts.iter().map(|rollout| rollout.to);
    ends.max().unwrap_or(dates.bake_until)
}

/// Days from one to the other, negative when they are the wrong way round.
fn days(from: Date, to: Date) -> i64 {
    from.until(to).map_or(0, |span| i64::from(span.get_days()))
}

fn is_working(options: &CalendarOptions, day: Date) -> bool {
    let workday = match day.weekday() {
        Weekday::Monday => Workday::Monday,
        Weekday::Tuesday => Workday::Tuesday,
        Weekday::Wednesday => Workday::Wednesday,
        Weekday::Thursday => Workday::Thursday,
        Weekday::Friday => Workday::Friday,
        Weekday::Saturday => Workday::Saturday,
        Weekday::Sunday => Workday::Sunday,
    };
    options.working_days.is_empty() || options.working_days.contains(&workday)
}

/// Working days of a range, both ends included.
fn working_days(options: &CalendarOptions, from: Date, to: Date) -> i64 {
    let length = days(from, to) + 1;
    let mut day = Some(from);
    let mut count = 0;
    let mut next = || {
        let is_one = day.is_some_and(|day| is_working(options, day));
        day = day.and_then(|day| day.tomorrow().ok());
        i64::from(is_one)
    };
    let rest = length.max(0) % 7;
    for _ in 0..rest {
        count += next();
    }
    if length >= 7 {
        let week: i64 = (0..7).map(|_| next()).sum();
        count += week * (length / 7);
    }
    count
}

/// A freeze that holds for a service, or for everything, on a day on which its wave changes something.
pub(super) fn freeze_on<'a>(
    graph: &Graph<'_>,
    options: &'a PlanOptions,
    (service, dates): (usize, &WaveDates),
) -> Option<&'a Freeze> {
    let id = graph.ids[service];
    let team = graph.services[service].team.as_deref();
    let holds = |freeze: &&Freeze| {
        freeze.is_global()
            || freeze.services.iter().any(|named| named == id)
            || freeze
                .teams
                .iter()
                .any(|named| Some(named.as_str()) == team)
    };
    let mut freezes = options.freezes.iter().filter(holds);
    freezes.find(|freeze| changes_during(dates, freeze))
}

fn changes_during(dates: &WaveDates, freeze: &Freeze) -> bool {
    // A freeze that ends before it starts is read the other way round.
    let first = freeze.from.min(freeze.to);
    let last = freeze.from.max(freeze.to);
    let mut rollouts = dates.rollouts.iter();
    (first..=last).contains(&dates.canary)
        || rollouts.any(|rollout| rollout.from <= last && rollout.to >= first)
}

impl<'a> Judge<'a> {
    /// A freeze that holds for a service, or for everything, on a day on which the wave changes something.
    pub(super) fn freeze_on(&self, service: usize, dates: &WaveDates) -> Option<&'a Freeze> {
        freeze_on(&self.graph, self.options, (service, dates))
    }

    /// Freezes of services, as far as the dates are known.
    pub(super) fn freezes(&mut self) {
        for service in 0..self.graph.count() {
            let wave = self.standing.wave[service].filter(|wave| *wave > 0);
            let dates = wave.and_then(|wave| self.dates.get(&wave).copied());
            let freeze = dates.and_then(|dates| self.freeze_on(service, dates));
            if let Some(freeze) = freeze.filter(|freeze| !freeze.is_global()) {
                let text = format!("changes during the freeze `{}`", freeze.name);
                self.say(ViolationCode::Frozen, wave, &[service], text);
            }
        }
    }

    /// The dates of every wave, and of the waves among each other.
    pub(super) fn calendar(&mut self, plan: &Plan, calendar: &Calendar) {
        let numbers = |waves: &mut dyn Iterator<Item = u32>| waves.collect::<Vec<u32>>();
        let dated = numbers(&mut calendar.waves.iter().map(|dates| dates.wave));
        let planned = numbers(&mut plan.waves.iter().map(|wave| wave.wave));
        // A calendar ends when its last day or its last wave is reached.
        if !planned.starts_with(&dated) {
            let text = "the calendar has other waves than the plan".to_owned();
            self.say(ViolationCode::Dates, None, &[], text);
        }
        for dates in &calendar.waves {
            self.steps(dates);
            self.workdays(dates);
            let global = self
                .options
                .freezes
                .iter()
                .filter(|freeze| freeze.is_global());
            let freeze = global.clone().find(|freeze| changes_during(dates, freeze));
            if let Some(freeze) = freeze {
                let text = format!("changes during the freeze `{}`", freeze.name);
                self.say(ViolationCode::Frozen, Some(dates.wave), &[], text);
            }
        }
        self.overlaps(&calendar.waves);
        let start = self.options.calendar.start;
        let first = calendar.waves.iter().map(|dates| dates.canary).min();
        if first.is_some_and(|first| start.is_some_and(|start| first < start)) {
            let text = "a canary starts before the first day".to_owned();
            self.say(ViolationCode::Dates, None, &[], text);
        }
    }

    fn steps(&mut self, dates: &WaveDates) {
        let options = &self.options.calendar;
        let mut wrong = Vec::new();
        // The day of the canary is the first of the bake.
        let baked = days(dates.canary, dates.bake_until) + 1;
        if baked < i64::from(options.bake_days.min(MAX_DAYS)) {
            wrong.push((
                ViolationCode::ShortBake,
                format!("the bake ends after {baked} days"),
            ));
        }
        let first = dates.rollouts.iter().map(|rollout| rollout.from).min();
        if dates.prepare > dates.canary
            || first.is_none_or(|first| first <= dates.bake_until)
            || dates.flips <= end(dates)
        {
            wrong.push((
                ViolationCode::Dates,
                "its steps are out of order".to_owned(),
            ));
        }
        let cells: Vec<Option<&str>> = dates
            .rollouts
            .iter()
            .map(|rollout| rollout.cell.as_deref())
            .collect();
        let asked: Vec<Option<&str>> = options
            .cells
            .iter()
            .map(|cell| Some(cell.as_str()))
            .collect();
        if cells != asked && !(asked.is_empty() && cells == [None]) {
            wrong.push((
                ViolationCode::Dates,
                "its rolling updates are not those of the cells".to_owned(),
            ));
        }
        for rollout in &dates.rollouts {
            let needed = i64::from(options.rollout_days.clamp(1, MAX_DAYS));
            if working_days(options, rollout.from, rollout.to) < needed {
                wrong.push((
                    ViolationCode::Dates,
                    "a rolling update is too short".to_owned(),
                ));
            }
        }
        let lag = i64::from(options.cell_lag_days.min(MAX_DAYS));
        for pair in dates.rollouts.windows(2) {
            if days(pair[0].to, pair[1].from) <= lag {
                wrong.push((
                    ViolationCode::Dates,
                    "two cells follow each other too closely".to_owned(),
                ));
            }
        }
        for (code, text) in wrong {
            self.say(code, Some(dates.wave), &[], text);
        }
    }

    fn workdays(&mut self, dates: &WaveDates) {
        let ends = dates
            .rollouts
            .iter()
            .flat_map(|rollout| [rollout.from, rollout.to]);
        let days: Vec<Date> = [dates.canary, dates.flips]
            .into_iter()
            .chain(ends)
            .collect();
        for day in days {
            if !is_working(&self.options.calendar, day) {
                let text = format!("something changes on {day}, which is no working day");
                self.say(ViolationCode::NoWorkingDay, Some(dates.wave), &[], text);
            }
        }
    }

    /// A wave starts when so few others are in flight that one more is allowed.
    fn overlaps(&mut self, waves: &[WaveDates]) {
        let mut latest_end: Vec<Date> = Vec::new();
        for (position, dates) in waves.iter().enumerate() {
            if position > 0 && dates.canary < waves[position - 1].canary {
                let text = "its canary starts before that of the wave before".to_owned();
                self.say(ViolationCode::Dates, Some(dates.wave), &[], text);
            }
            let in_flight = usize::try_from(self.in_flight(dates.wave)).unwrap_or(usize::MAX);
            let over = position
                .checked_sub(in_flight)
                .and_then(|last| latest_end.get(last));
            if over.is_some_and(|end| *end >= dates.canary) {
                let text = format!("starts while {in_flight} others are still in flight");
                self.say(ViolationCode::InFlight, Some(dates.wave), &[], text);
            }
            let before = latest_end.last().copied().unwrap_or(Date::MIN);
            latest_end.push(end(dates).max(before));
        }
    }
}

/// Longer steps than this are read as this.
const MAX_DAYS: u32 = 3_650;
