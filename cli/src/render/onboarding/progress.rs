//! Where a rollout is against its plan: for a terminal of 80 columns, and for programs.

use tracemesh_graph::onboarding::{
    Contradiction, CurveName, CurvePoint, Due, PlanSays, Progress, Status, WaveProgress, WaveState,
};

use super::words;
use crate::render::page::Page;
use crate::terminal::Palette;
use crate::text::{count_of, counted, printable};

/// Names of one kind that are told; the JSON has all.
const TOLD: usize = 20;

/// The comparison for people.
#[must_use]
pub fn table(progress: &Progress, palette: Palette) -> String {
    let mut page = Page::new(palette);
    page.heading(&title(progress));
    page.wrapped("", &due(progress));
    protection(&mut page, progress);
    waves(&mut page, progress);
    let missing = progress.missing.iter().map(|missing| {
        let status = match missing.status {
            Status::Excluded => " (excluded since)",
            Status::Pending | Status::Done => "",
        };
        let wave = match missing.wave {
            0 => "was in before the plan".to_owned(),
            wave => format!("wave {wave}"),
        };
        format!("{}: {wave}{status}", words::short(&missing.service))
    });
    section(&mut page, "SHOULD BE IN, AND ARE NOT", missing);
    let unexpected = progress.unexpected.iter().map(|found| {
        let plan = match found.plan {
            PlanSays::Wave { wave } => format!("planned for wave {wave}"),
            PlanSays::Unplanned => "excluded, or held back by a hazard".to_owned(),
            PlanSays::Nothing => "not in the plan".to_owned(),
        };
        format!("{}: {plan}", words::short(&found.service))
    });
    section(&mut page, "ARE IN, AND SHOULD NOT BE", unexpected);
    let gone = progress.gone.iter().map(|id| words::short(id).to_owned());
    section(&mut page, "IN THE PLAN, AND NOT SEEN ANY MORE", gone);
    let contradictions = progress.contradictions.iter().map(contradiction);
    section(&mut page, "SOURCES THAT DISAGREE", contradictions);
    gate(&mut page, progress);
    page.finish()
}

/// The comparison for programs, schema `tracemesh.onboarding-progress/v1`.
///
/// # Errors
/// Never for the types here.
pub fn json(progress: &Progress) -> Result<String, serde_json::Error> {
    serde_json::to_string_pretty(progress).map(|text| text + "\n")
}

fn title(progress: &Progress) -> String {
    let mesh = progress.mesh.as_deref();
    let mesh = mesh.map_or_else(String::new, |mesh| format!("mesh {}: ", printable(mesh)));
    let answer = if progress.is_behind {
        "behind the plan"
    } else {
        "where the plan says"
    };
    format!(
        "{mesh}{answer}; {} of {} in",
        progress.services_in,
        counted(count_of(progress.services), "service", "services")
    )
}

fn due(progress: &Progress) -> String {
    let waves = match progress.over {
        0 => "no wave should be over yet".to_owned(),
        1 => "wave 1 should be over".to_owned(),
        over => format!("waves 1 to {over} should be over"),
    };
    let because = match progress.due {
        Due::Waves { .. } => "as given".to_owned(),
        Due::Calendar { today } => format!("by the dates of the plan, on {today}"),
        Due::Status => "by who is in: the plan has no dates".to_owned(),
    };
    format!("{waves} ({because})")
}

fn protection(page: &mut Page, progress: &Progress) {
    page.heading("PROTECTED TRAFFIC     SHED    CLIENT      BOTH    STRICT  EXPOSURE LEFT");
    let mut row = |name: &str, point: &CurvePoint| {
        let mut line = format!("  {name:<14}");
        for curve in CurveName::ALL {
            line.push_str(&format!("{:>10}", words::percent(curve.of(&point.curves))));
        }
        line.push_str(&format!("{:>15}\n", words::percent(point.exposure)));
        page.raw(&line);
    };
    row("promised", &progress.planned);
    row("on this graph", &progress.expected);
    row("in force", &progress.actual);
    let legend = "promised: what the plan said. on this graph: what the same services would protect of the traffic of these \
                  traces. in force: what those that are in do protect of it.";
    page.wrapped("  ", legend);
}

fn waves(page: &mut Page, progress: &Progress) {
    if progress.waves.is_empty() {
        return;
    }
    page.heading("WAVE  STATE    SERVICES IN      SHED    CLIENT      BOTH    STRICT  FLIPS");
    for wave in &progress.waves {
        page.raw(&wave_line(wave));
    }
    page.wrapped("  ", "shares of traffic in percent: in force / promised");
}

fn wave_line(wave: &WaveProgress) -> String {
    let state = match wave.state {
        WaveState::Over => "over",
        WaveState::Late => "LATE",
        WaveState::Started => "started",
        WaveState::Ahead => "ahead",
        WaveState::Waiting => "waiting",
    };
    let services = format!("{} of {}", wave.services_in, wave.services);
    let mut line = format!("{:>4}  {state:<8} {services:>11}", wave.wave);
    for curve in CurveName::ALL {
        let planned = 100.0 * curve.of(&wave.planned);
        let actual = wave.actual.map(|actual| 100.0 * curve.of(&actual));
        let actual = actual.map_or_else(|| "-".to_owned(), |actual| format!("{actual:.0}"));
        line.push_str(&format!("{:>10}", format!("{actual} / {planned:.0}")));
    }
    if let Some(dates) = &wave.dates {
        line.push_str(&format!("  {}", dates.flips));
    }
    line.push('\n');
    line
}

fn section(page: &mut Page, title: &str, lines: impl Iterator<Item = String>) {
    let lines: Vec<String> = lines.collect();
    if lines.is_empty() {
        return;
    }
    page.heading(title);
    for line in lines.iter().take(TOLD) {
        page.wrapped("  ", &printable(line));
    }
    if let Some(more @ 1..) = lines.len().checked_sub(TOLD) {
        page.wrapped("  ", &format!("and {more} more; `--format json` has all"));
    }
}

fn contradiction(found: &Contradiction) -> String {
    let taken = match found.taken {
        Status::Done => "in",
        Status::Pending => "not in",
        Status::Excluded => "excluded",
    };
    let says = found.says.join("; ");
    format!("{}: {says}; taken as {taken}", words::short(&found.service))
}

fn gate(page: &mut Page, progress: &Progress) {
    let gate = &progress.gate;
    let what = match gate.wave {
        Some(wave) => format!("GATE FOR WAVE {wave}"),
        None => "AFTER THE LAST WAVE".to_owned(),
    };
    let points = 100.0 * gate.tolerance;
    if gate.is_open {
        page.heading(&format!("{what}: open"));
        let text =
            format!("no share of protected traffic is more than {points:.0} points below the plan");
        page.wrapped("  ", &text);
        return;
    }
    page.heading(&format!("{what}: closed"));
    for short in &gate.short {
        let curve = match short.curve {
            CurveName::Shed => "shed",
            CurveName::Client => "client",
            CurveName::Both => "both",
            CurveName::Strict => "strict",
        };
        let text = format!(
            "{curve}: {} in force, {} promised",
            words::percent(short.actual),
            words::percent(short.planned)
        );
        page.wrapped("  ", &text);
    }
    let same = progress.missing.is_empty() && progress.actual == progress.expected;
    let way_out = if same {
        "every service that should be in is in: the graph changed. Plan again with `--previous`."
    } else {
        "bring in who is missing, or plan again with `--previous`."
    };
    page.wrapped("  ", way_out);
}

#[cfg(test)]
mod tests;
