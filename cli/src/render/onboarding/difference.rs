//! What differs between two plans, for a terminal and as JSON.
//!
//! Last step of two plans -> [`PlanDifference`] -> text. Pure: same difference, same bytes. Names and options are hostile and escaped;
//! lists of services are whole, because each line is somebody's new date.

use std::fmt::Display;

use tracemesh_graph::onboarding::{
    CurveChange, Curves, Direction, ExceptionCause, ExceptionChange, PlanDifference, ServiceChange,
    WaveChange,
};

use super::moves::{why_moved, word};
use super::text::{cut, left, visible, wrapped};
use super::words;

#[cfg(test)]
mod tests;

/// Narrower terminals get lines of this width.
const MIN_WIDTH: usize = 72;

/// Columns of the waves of a service and of the gaps around them.
const WAVES: usize = 16;

/// The difference in lines of at most `width` columns (72 at least). Plain text without colour.
#[must_use]
pub fn difference_table(difference: &PlanDifference, width: usize) -> String {
    let width = width.max(MIN_WIDTH);
    let mut out = Lines {
        text: String::new(),
        width,
    };
    head(&mut out, difference);
    options(&mut out, difference);
    services(&mut out, &difference.services);
    waves(&mut out, &difference.waves);
    curves(&mut out, &difference.curves);
    exceptions(&mut out, &difference.exceptions);
    hazards(&mut out, difference);
    strict(&mut out, difference);
    out.text
}

/// The difference as JSON, schema `tracemesh.onboarding-diff/v1`, with a newline at the end.
#[must_use]
pub fn difference_json(difference: &PlanDifference) -> String {
    let mut text = serde_json::to_string_pretty(difference)
        .expect("a difference has string keys only, and no serializer of it fails");
    text.push('\n');
    text
}

struct Lines {
    text: String,
    width: usize,
}

impl Lines {
    fn line(&mut self, text: &str) {
        self.text
            .push_str(cut(text.trim_end(), self.width).trim_end());
        self.text.push('\n');
    }

    fn wrapped(&mut self, text: &str) {
        for line in wrapped(text, self.width).lines() {
            self.line(line);
        }
    }

    fn title(&mut self, text: &str) {
        self.line("");
        self.line(text);
    }
}

fn name(id: &str) -> String {
    visible(words::short(id))
}

/// `7`, or `7 -> 8`.
fn pair<T: Display>(before: T, after: T) -> String {
    let [before, after] = [before, after].map(|value| value.to_string());
    if before == after {
        before
    } else {
        format!("{before} -> {after}")
    }
}

fn head(out: &mut Lines, difference: &PlanDifference) {
    if difference.is_empty() {
        out.line("both plans move the same services in the same waves");
    }
    let (before, after) = (&difference.before, &difference.after);
    let number = |value: f64| format!("{value:.3}");
    let day = |end: Option<_>| end.map_or_else(|| "no dates".to_owned(), |day| format!("{day}"));
    let rows = [
        (
            "services planned",
            pair(before.summary.planned, after.summary.planned),
        ),
        ("waves", pair(before.summary.waves, after.summary.waves)),
        ("waves over", pair(before.waves_done, after.waves_done)),
        (
            "mean wave",
            pair(
                number(before.summary.mean_wave),
                number(after.summary.mean_wave),
            ),
        ),
        (
            "objective",
            pair(
                number(before.summary.objective),
                number(after.summary.objective),
            ),
        ),
        (
            "exceptions",
            pair(before.summary.exceptions, after.summary.exceptions),
        ),
        ("end", pair(day(before.end), day(after.end))),
    ];
    for (what, value) in rows {
        out.line(&format!("{} {value}", left(what, 17)));
    }
}

fn options(out: &mut Lines, difference: &PlanDifference) {
    if difference.options.is_empty() {
        return;
    }
    out.title("PARAMETERS");
    for change in &difference.options {
        let values = pair(visible(&change.before), visible(&change.after));
        out.wrapped(&format!("{} {values}", visible(&change.option)));
    }
}

fn services(out: &mut Lines, services: &[ServiceChange]) {
    if services.is_empty() {
        return;
    }
    let counts = [
        (Direction::Earlier, "earlier"),
        (Direction::Later, "later"),
        (Direction::New, "new"),
        (Direction::Gone, "gone"),
        (Direction::Joined, "joined"),
        (Direction::RolledBack, "rolled back"),
    ];
    let counts = counts.into_iter().filter_map(|(direction, what)| {
        let count = services.iter().filter(|s| s.change == direction).count();
        (count > 0).then(|| format!("{count} {what}"))
    });
    let counts: Vec<String> = counts.collect();
    let all = words::counted(services.len(), "service");
    out.title(&format!("{all} elsewhere: {}", counts.join(", ")));
    let column = (out.width - WAVES) / 2;
    out.line(&format!(
        "{} {} WHY",
        left("SERVICE", column),
        left("WAVE", WAVES - 2)
    ));
    for change in services {
        let wave = |wave: Option<u32>| match wave {
            None => "-".to_owned(),
            Some(0) => "in".to_owned(),
            Some(wave) => wave.to_string(),
        };
        let waves = format!("{} -> {}", wave(change.from), wave(change.to));
        let why = change.reason.as_ref();
        let why = why.map_or_else(
            || direction(change.change).to_owned(),
            |r| why_moved(r, name),
        );
        let (service, waves) = (
            left(&name(&change.service), column),
            left(&waves, WAVES - 2),
        );
        out.line(&format!("{service} {waves} {why}"));
    }
}

const fn direction(direction: Direction) -> &'static str {
    match direction {
        Direction::Earlier => "earlier",
        Direction::Later => "later",
        Direction::New => "new",
        Direction::Gone => "not planned any more",
        Direction::Joined => "is in the mesh",
        Direction::RolledBack => "is not in the mesh any more",
    }
}

fn waves(out: &mut Lines, waves: &[WaveChange]) {
    if waves.is_empty() {
        return;
    }
    out.title("WAVE  SERVICES   TOUCHED            CANARY");
    for change in waves {
        let ends = [change.before, change.after];
        let none = || "-".to_owned();
        let [first, second] = ends.map(|end| end.map_or_else(none, |w| w.services.to_string()));
        let services = pair(first, second);
        let [first, second] = ends.map(|end| end.map_or_else(none, |w| words::percent(w.touched)));
        let touched = pair(first, second);
        let days = ends.map(|end| end.and_then(|wave| wave.canary));
        let [first, second] = days.map(|day| day.map_or_else(none, |day| day.to_string()));
        let canary = if days == [None, None] {
            String::new()
        } else {
            pair(first, second)
        };
        let row = format!(
            "{:>4}  {} {} {canary}",
            change.wave,
            left(&services, 10),
            left(&touched, 18)
        );
        out.line(&row);
        members(out, '+', &change.joined);
        members(out, '-', &change.left);
        if let (Some(before), Some(after)) = (change.before, change.after)
            && before.limits != after.limits
        {
            let limits = [
                ("services", pair(before.limits.size, after.limits.size)),
                (
                    "traffic",
                    pair(
                        words::percent(before.limits.traffic),
                        words::percent(after.limits.traffic),
                    ),
                ),
                ("risk", pair(before.limits.risk, after.limits.risk)),
                ("team", pair(before.limits.team, after.limits.team)),
            ];
            let limits = limits.map(|(what, value)| format!("{what} {value}"));
            out.wrapped(&format!("      limits: {}", limits.join(", ")));
        }
    }
}

fn members(out: &mut Lines, sign: char, services: &[String]) {
    for service in services {
        out.line(&format!("      {sign} {}", name(service)));
    }
}

fn curves(out: &mut Lines, curves: &[CurveChange]) {
    let differ = |point: &&CurveChange| point.before != point.after;
    if !curves.iter().any(|point| differ(&point)) {
        return;
    }
    out.title("WAVE  SHED             CLIENT           BOTH             STRICT");
    for point in curves.iter().filter(differ) {
        let value = |curve: fn(&Curves) -> f64| {
            let text = |curves: Option<Curves>| {
                curves.map_or_else(|| "-".to_owned(), |curves| words::percent(curve(&curves)))
            };
            let both = pair(text(point.before), text(point.after));
            left(&both.replace(" %", "%"), 16)
        };
        out.line(&format!(
            "{:>4}  {} {} {} {}",
            point.wave,
            value(|curves| curves.shed),
            value(|curves| curves.client),
            value(|curves| curves.both),
            value(|curves| curves.strict),
        ));
    }
}

fn exceptions(out: &mut Lines, exceptions: &[ExceptionChange]) {
    if exceptions.is_empty() {
        return;
    }
    out.title("EXCEPTIONS");
    for change in exceptions {
        let sign = if change.came { '+' } else { '-' };
        let named = |services: &[String]| {
            let names: Vec<String> = services.iter().map(|id| name(id)).collect();
            words::some(&names)
        };
        let because = match &change.exception.because {
            ExceptionCause::NothingEligible => "nobody kept to it".to_owned(),
            ExceptionCause::Pinned { services } => format!("pinned: {}", named(services)),
            ExceptionCause::InOnePiece { services } => format!("in one piece: {}", named(services)),
            ExceptionCause::PlannedBefore => "planned before the numbers moved".to_owned(),
        };
        let limit = word(change.exception.limit);
        out.wrapped(&format!("{sign} wave {}: {limit}, {because}", change.wave));
    }
}

fn hazards(out: &mut Lines, difference: &PlanDifference) {
    if difference.hazards.is_empty() {
        return;
    }
    out.title("HAZARDS");
    for change in &difference.hazards {
        let codes = |sign: char, codes: &[String]| -> String {
            codes
                .iter()
                .map(|code| format!(" {sign}{}", visible(code)))
                .collect()
        };
        let blocked = match change.blocked {
            (false, true) => ", now blocked",
            (true, false) => ", no longer blocked",
            _ => "",
        };
        let (came, went) = (codes('+', &change.came), codes('-', &change.went));
        out.wrapped(&format!("{}:{came}{went}{blocked}", name(&change.service)));
    }
}

fn strict(out: &mut Lines, difference: &PlanDifference) {
    if difference.strict.is_empty() {
        return;
    }
    out.title("STRICT MTLS POSSIBLE FROM WAVE");
    for change in &difference.strict {
        let wave = |wave: Option<u32>| wave.map_or_else(|| "-".to_owned(), |w| w.to_string());
        let waves = format!("{} -> {}", wave(change.from), wave(change.to));
        let column = (out.width - WAVES) / 2;
        out.line(&format!("{} {waves}", left(&name(&change.service), column)));
    }
}
