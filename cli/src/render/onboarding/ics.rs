//! The calendar of a plan as iCalendar (RFC 5545), for the calendars of people.
//!
//! Place in the flow: [`Plan`] -> `.ics`. None without a calendar. All events last whole days and mark nobody as busy. Identities depend
//! on the mesh, the wave and the step, so that a later plan moves its events instead of adding others; the time stamp is the end of
//! the observed window, never the clock. Names are hostile: they are made printable, then escaped, and lines are folded. Freezes that
//! touch no day of the plan are left out.

use jiff::ToSpan as _;
use jiff::civil::{Date, date};
use sha2::{Digest as _, Sha256};
use tracemesh_graph::onboarding::{Calendar, Freeze, Plan, Wave, WaveDates};

use super::words::{counted, short};
use crate::text::{clip, printable};

mod line;
#[cfg(test)]
mod tests;

use self::line::{push, text};

/// Services named in an event.
const SERVICES: usize = 100;

/// Longest name in a summary.
const NAME: usize = 60;

/// The calendar of a plan; none without one. Same plan, same bytes.
#[must_use]
pub fn ics(plan: &Plan) -> Option<String> {
    let calendar = plan.calendar.as_ref()?;
    let writer = Writer::new(plan, calendar);
    let mut file = String::new();
    let version = env!("CARGO_PKG_VERSION");
    for line in [
        "BEGIN:VCALENDAR",
        "VERSION:2.0",
        &format!("PRODID:-//tracemesh//onboarding {version}//EN"),
        "CALSCALE:GREGORIAN",
        &format!("X-WR-CALNAME:{}", text(&writer.title)),
    ] {
        push(&mut file, line);
    }
    for dates in &calendar.waves {
        let wave = plan.waves.iter().find(|wave| wave.wave == dates.wave);
        for event in steps(dates, wave) {
            writer.write(&mut file, &event);
        }
    }
    for event in freezes(plan, calendar) {
        writer.write(&mut file, &event);
    }
    push(&mut file, "END:VCALENDAR");
    Some(file)
}

/// Something that happens on whole days.
struct Event {
    /// Tells the events of a plan apart; of a closed set of characters.
    key: String,
    summary: String,
    description: String,
    from: Date,
    to: Date,
}

/// What all events share.
struct Writer {
    /// Name of the calendar.
    title: String,
    /// In every identity, so that plans of two meshes can stand in one calendar.
    scope: String,
    stamp: String,
}

impl Writer {
    fn new(plan: &Plan, calendar: &Calendar) -> Self {
        let mesh = plan.mesh.as_deref();
        let title = mesh.map_or_else(
            || "Onboarding".to_owned(),
            |mesh| format!("Onboarding of {}", clip(mesh, NAME)),
        );
        let stamp = plan.window.end.map_or_else(
            || format!("{}T000000Z", day(calendar.start)),
            |end| {
                let second = crate::render::seconds(end);
                let digits: String = second.chars().filter(|c| !matches!(c, '-' | ':')).collect();
                digits
            },
        );
        Self {
            title,
            scope: digest(mesh.unwrap_or_default()),
            stamp,
        }
    }

    fn write(&self, file: &mut String, event: &Event) {
        let end = event.to.checked_add(1.day()).ok();
        for line in [
            "BEGIN:VEVENT".to_owned(),
            format!("UID:{}-{}@tracemesh", event.key, self.scope),
            format!("DTSTAMP:{}", self.stamp),
            format!("DTSTART;VALUE=DATE:{}", day(event.from)),
        ] {
            push(file, &line);
        }
        // The end is the day after; without one the event has one day.
        if let Some(end) = end {
            push(file, &format!("DTEND;VALUE=DATE:{}", day(end)));
        }
        for line in [
            format!("SUMMARY:{}", text(&event.summary)),
            format!("DESCRIPTION:{}", text(&event.description)),
            "TRANSP:TRANSPARENT".to_owned(),
            "END:VEVENT".to_owned(),
        ] {
            push(file, &line);
        }
    }
}

/// The events of a wave, in the order of their days.
fn steps(dates: &WaveDates, wave: Option<&Wave>) -> Vec<Event> {
    let number = dates.wave;
    let services = services(wave);
    let size = counted(wave.map_or(0, |wave| wave.services.len()), "service");
    let moved = match dates.moved_by.as_slice() {
        [] => String::new(),
        names => format!("\nmoved by: {}", some(names.iter().map(String::as_str))),
    };
    let event = |step: &str, what: &str, todo: &str, (from, to)| Event {
        key: format!("wave-{number}-{step}"),
        summary: format!("Wave {number}: {what} ({size})"),
        description: format!("{todo}{moved}\n{services}"),
        from,
        to,
    };
    let mut events = Vec::new();
    if dates.prepare < dates.canary {
        let last = dates.canary.yesterday().unwrap_or(dates.canary);
        let todo = "Make configuration and labels, and tell the owners.";
        events.push(event("prepare", "prepare", todo, (dates.prepare, last)));
    }
    let todo = "One canary per service gets its sidecar; watch its metrics.";
    let day = (dates.canary, dates.canary);
    events.push(event("canary", "canary starts", todo, day));
    let todo = "Last day of the bake: decide on the rolling update.";
    let day = (dates.bake_until, dates.bake_until);
    events.push(event("bake", "bake ends", todo, day));
    for (index, rollout) in dates.rollouts.iter().enumerate() {
        let what = rollout.cell.as_ref().map_or_else(
            || "rolling update".to_owned(),
            |cell| format!("rolling update of {}", clip(cell, NAME)),
        );
        let todo = "All instances get their sidecars.";
        let step = format!("rollout-{}", index + 1);
        events.push(event(&step, &what, todo, (rollout.from, rollout.to)));
    }
    let todo = "Switch on what needs both ends, allow retries, and compare planned with actual protection.";
    events.push(event("flips", "flips", todo, (dates.flips, dates.flips)));
    events
}

/// The services of a wave with their teams, one per line.
fn services(wave: Option<&Wave>) -> String {
    let services = wave.map_or(&[][..], |wave| &wave.services);
    let line = |service: &tracemesh_graph::onboarding::PlannedService| {
        let team = service
            .team
            .as_deref()
            .map(|team| format!(" ({})", printable(team)));
        format!(
            "- {}{}",
            printable(short(&service.service)),
            team.unwrap_or_default()
        )
    };
    let mut lines: Vec<String> = services.iter().take(SERVICES).map(line).collect();
    if services.len() > SERVICES {
        lines.push(format!("and {} more", services.len() - SERVICES));
    }
    lines.join("\n")
}

/// Freezes that touch a day of the plan, inside of what a calendar can hold.
fn freezes(plan: &Plan, calendar: &Calendar) -> Vec<Event> {
    let last = calendar
        .waves
        .last()
        .map_or(calendar.end, |dates| dates.flips);
    let mut freezes: Vec<&Freeze> = plan.options.freezes.iter().collect();
    freezes.sort();
    let touches = |freeze: &&Freeze| {
        let (from, to) = days(freeze);
        to >= calendar.start && from <= last
    };
    let event = |freeze: &Freeze| {
        let (from, to) = days(freeze);
        let of = format!(
            "{from} {to} {} {:?} {:?}",
            freeze.name, freeze.services, freeze.teams
        );
        let holds_for = if freeze.is_global() {
            "It holds for everything.".to_owned()
        } else {
            let names = freeze.teams.iter().chain(&freeze.services);
            format!("It holds for: {}", some(names.map(String::as_str)))
        };
        Event {
            key: format!("freeze-{}", digest(&of)),
            summary: format!("Freeze: {}", clip(&freeze.name, NAME)),
            description: format!("No canary starts and no rolling update runs. {holds_for}"),
            from,
            to,
        }
    };
    freezes.into_iter().filter(touches).map(event).collect()
}

/// First and last day of a freeze.
fn days(freeze: &Freeze) -> (Date, Date) {
    (freeze.from.min(freeze.to), freeze.from.max(freeze.to))
}

fn some<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let names: Vec<String> = names
        .map(|name| printable(short(name)).into_owned())
        .collect();
    super::words::some(&names)
}

/// A day as eight digits: years that have no four digits become the nearest that have.
fn day(day: Date) -> String {
    let day = day.max(date(1, 1, 1));
    format!("{:04}{:02}{:02}", day.year(), day.month(), day.day())
}

/// The beginning of a hash, for identities.
fn digest(text: &str) -> String {
    let hash = Sha256::digest(text.as_bytes());
    hash.iter()
        .take(6)
        .map(|byte| format!("{byte:02x}"))
        .collect()
}
