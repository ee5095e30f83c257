//! What `tracemesh verify` prints: a verification [`Report`] in words, and the drift of sidecars.
//!
//! Place in the flow: traces and configuration files -> [`Report`] of the graph crate -> text. Every share carries its base. It
//! never calls a configuration complete: what these traces do not show is estimated, and said to be an estimate.

use serde::Serialize;
use tracemesh_graph::verify::{CallerReport, Counts, Finding, Report, UnseenByTraces, Verdict};

use crate::args::Percent;
use crate::render::page::Page;
use crate::render::table::WIDTH;
use crate::render::table::layout::{Align, Column, Grid};
use crate::terminal::Palette;
use crate::text::{clip, count_of, counted, percent, printable, thousands};

mod drift;
#[cfg(test)]
mod tests;
mod words;

pub use drift::{drift_json, drift_table};

/// Callers in the table; the JSON has all.
const CALLERS: usize = 40;

/// Findings told per caller; the JSON has all.
const FINDINGS: usize = 6;

/// The report for a terminal of 80 columns. `answer` is what the exit code says.
#[must_use]
pub fn table(report: &Report, floor: Percent, answer: bool, palette: Palette) -> String {
    let mut page = Page::new(palette);
    let (covered, base) = (report.calls.covered, report.calls.base());
    page.heading(&format!(
        "{}: {} % of {} covered, the floor is {floor} %",
        if answer { "Yes" } else { "No" },
        percent(covered, base),
        counted(base, "call", "calls"),
    ));
    for (verdict, says) in words::VERDICTS {
        let (calls, edges) = (
            words::of(&report.calls, verdict),
            words::of(&report.edges, verdict),
        );
        if calls > 0 || edges > 0 {
            page.fact(
                words::short(verdict),
                &format!(
                    "{} on {}: {says}",
                    counted(calls, "call", "calls"),
                    counted(edges, "edge", "edges")
                ),
            );
        }
    }
    never_answered(&mut page, &report.calls);
    page.heading("Where the calls of these traces are");
    page.wrapped("  ", &words::conservation(&report.conservation));
    callers(&mut page, report);
    for caller in worst_first(report) {
        findings(&mut page, caller);
    }
    page.heading("Not seen");
    if let Some(all) = &report.unseen {
        page.wrapped("  ", &words::unseen(all));
    }
    page.wrapped("  ", words::CAVEAT);
    page.finish()
}

fn never_answered(page: &mut Page, calls: &Counts) {
    let never = calls.passthrough_never_answered;
    if never > 0 {
        page.wrapped(
            "  ",
            &format!(
                "{} of those passed through went to where nothing ever answered: left out of the share",
                thousands(never)
            ),
        );
    }
}

/// Callers by calls that are not covered, then by name.
fn worst_first(report: &Report) -> Vec<&CallerReport> {
    let mut callers: Vec<&CallerReport> = report.callers.iter().collect();
    callers.sort_by_key(|caller| {
        let harmed = caller.calls.unroutable + caller.calls.conflicting;
        let missed = caller.calls.total() - caller.calls.covered;
        (std::cmp::Reverse((harmed, missed)), &caller.service)
    });
    callers
}

fn callers(page: &mut Page, report: &Report) {
    if report.callers.is_empty() {
        page.wrapped("  ", "no service of these traces dials anybody");
        return;
    }
    let mut grid = Grid::new(vec![
        Column::new("CALLER", Align::Left).shrinking(),
        Column::new("CALLS", Align::Right),
        Column::new("COVERED", Align::Right),
        Column::new("PASSED", Align::Right),
        Column::new("CONFLICT", Align::Right),
        Column::new("LOST", Align::Right),
        Column::new("UNKNOWN", Align::Right),
        Column::new("NEW", Align::Right),
    ]);
    let all = worst_first(report);
    for caller in all.iter().take(CALLERS) {
        let calls = &caller.calls;
        grid.row(vec![
            printable(&caller.service).into_owned(),
            thousands(calls.total()),
            thousands(calls.covered),
            thousands(calls.passthrough),
            thousands(calls.conflicting),
            thousands(calls.unroutable),
            thousands(calls.undecided + calls.unknown_caller),
            caller
                .unseen
                .map_or_else(|| "?".to_owned(), |unseen| words::share(unseen.next_is_new)),
        ]);
    }
    let (text, _) = grid.finish(WIDTH);
    page.raw("\n");
    page.raw(&text);
    if let Some(more @ 1..) = all.len().checked_sub(CALLERS) {
        page.raw(&format!(
            "and {}; `--format json` has all\n",
            counted(count_of(more), "more caller", "more callers")
        ));
    }
}

fn findings(page: &mut Page, caller: &CallerReport) {
    let told: Vec<&Finding> = caller
        .findings
        .iter()
        .filter(|finding| finding.verdict != Verdict::Covered)
        .collect();
    if told.is_empty() {
        return;
    }
    page.heading(&clip(&caller.service, WIDTH));
    for finding in told.iter().take(FINDINGS) {
        let mark = if finding.harm { "  !  " } else { "  -  " };
        page.wrapped(mark, &words::finding(finding));
    }
    if let Some(more @ 1..) = told.len().checked_sub(FINDINGS) {
        let more = counted(count_of(more), "more", "more");
        page.wrapped("     ", &format!("and {more}; `--format json` has all"));
    }
}

/// The report as JSON of the schema `tracemesh.verify/v1`, described in `docs/schemas/verify.json`: the fields of
/// [`Report`], with the floor, the answer and a sentence for each finding that is not covered. Sentences are for people and may
/// change their wording.
///
/// # Errors
/// When a value cannot be written as JSON, which none of these can.
pub fn json(report: &Report, floor: Percent, answer: bool) -> Result<String, serde_json::Error> {
    let shown = Shown {
        schema: &report.schema,
        window: report.window,
        answer,
        floor_percent: floor.as_percent(),
        traces: report.traces,
        conservation: report.conservation,
        calls: report.calls,
        edges: report.edges,
        unseen: report.unseen,
        callers: report.callers.iter().map(shown_caller).collect(),
        caveat: words::CAVEAT,
    };
    let mut text = serde_json::to_string_pretty(&shown)?;
    text.push('\n');
    Ok(text)
}

#[derive(Serialize)]
struct Shown<'a> {
    schema: &'a str,
    window: tracemesh_graph::snapshot::Window,
    answer: bool,
    floor_percent: f64,
    traces: tracemesh_graph::snapshot::TraceCounts,
    conservation: tracemesh_graph::verify::Conservation,
    calls: Counts,
    edges: Counts,
    unseen: Option<UnseenByTraces>,
    callers: Vec<ShownCaller<'a>>,
    caveat: &'a str,
}

#[derive(Serialize)]
struct ShownCaller<'a> {
    service: &'a str,
    calls: Counts,
    edges: Counts,
    unseen: Option<UnseenByTraces>,
    findings: Vec<ShownFinding<'a>>,
}

#[derive(Serialize)]
struct ShownFinding<'a> {
    #[serde(flatten)]
    finding: &'a Finding,
    says: String,
}

fn shown_caller(caller: &CallerReport) -> ShownCaller<'_> {
    let findings = caller.findings.iter().map(|finding| ShownFinding {
        finding,
        says: words::finding(finding),
    });
    ShownCaller {
        service: &caller.service,
        calls: caller.calls,
        edges: caller.edges,
        unseen: caller.unseen,
        findings: findings.collect(),
    }
}
