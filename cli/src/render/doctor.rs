//! What `tracemesh doctor` prints: a doctor's [`Report`] in words, for people and for programs.
//!
//! Place in the flow: snapshot -> [`Report`] of the graph crate -> text. Every sentence carries its numbers with their base,
//! every finding one fix. It never says that a graph is complete.

use serde::Serialize;
use tracemesh_graph::doctor::{Finding, Grade, Reason, Report, ServiceReport, Unseen};

use crate::render::page::Page;
use crate::render::table::WIDTH;
use crate::render::table::layout::{Align, Column, Grid};
use crate::terminal::Palette;
use crate::text::{clip, count_of, counted, printable, thousands};

mod words;

/// Callers shown in the table of what was not seen; the JSON has all.
const UNSEEN: usize = 10;

/// Blind services named; the JSON has all.
const BLIND: usize = 12;

/// The report for a terminal of 80 columns.
#[must_use]
pub fn table(report: &Report, palette: Palette) -> String {
    let mut page = Page::new(palette);
    page.heading(&format!("Trace data: grade {}", report.grade.as_str()));
    reasons(&mut page, report);
    for service in worst_first(&report.services) {
        page.heading(&format!(
            "{}: grade {}, {}",
            clip(&service.service, 56),
            service.grade.as_str(),
            counted(service.spans, "span", "spans")
        ));
        for finding in &service.findings {
            page.wrapped(&bullet(finding.grade), &words::of_finding(finding));
            page.wrapped("     fix: ", &words::fix(finding));
            if !finding.exemplars.is_empty() {
                page.wrapped("     see: ", &words::examples(finding));
            }
        }
    }
    page.heading("Not seen");
    unseen(&mut page, report);
    page.finish()
}

fn bullet(grade: Grade) -> String {
    format!("  {}  ", grade.as_str())
}

fn reasons(page: &mut Page, report: &Report) {
    let mut services = report.services.iter();
    if report.reasons.is_empty() && services.all(|service| service.findings.is_empty()) {
        page.wrapped(
            "  ",
            "nothing wrong was seen, which is no proof that nothing is missing",
        );
    }
    for reason in &report.reasons {
        page.wrapped(&bullet(reason.grade), &words::of_reason(reason));
    }
}

/// Services with findings, the worst first; equals by node id.
fn worst_first(services: &[ServiceReport]) -> Vec<&ServiceReport> {
    let mut found: Vec<&ServiceReport> = services
        .iter()
        .filter(|service| !service.findings.is_empty())
        .collect();
    found.sort_by(|a, b| {
        b.grade
            .cmp(&a.grade)
            .then_with(|| a.service.cmp(&b.service))
    });
    found
}

fn unseen(page: &mut Page, report: &Report) {
    if !report.blind.is_empty() {
        let mut names: Vec<String> = report
            .blind
            .iter()
            .take(BLIND)
            .map(|id| clip(id, 60))
            .collect();
        if let Some(more @ 1..) = report.blind.len().checked_sub(BLIND) {
            names.push(format!("{} more", thousands(count_of(more))));
        }
        let told = "These services show no call of their own. They may be leaves, or have dependencies that leave no trace evidence: ";
        page.wrapped("  ", &format!("{told}{}", names.join(", ")));
    }
    if let Some(all) = &report.unseen {
        page.wrapped("  ", &words::of_unseen(all));
        page.raw("\n");
        page.raw(&unseen_table(&report.services));
        page.raw("\n");
    }
    page.wrapped("  ", words::NEVER_COMPLETE);
}

fn unseen_table(services: &[ServiceReport]) -> String {
    let mut callers: Vec<(&str, Unseen)> = services
        .iter()
        .filter_map(|service| Some((service.service.as_str(), service.unseen?)))
        .collect();
    callers.sort_by(|a, b| {
        let by_share = b.1.next_is_new.total_cmp(&a.1.next_is_new);
        by_share
            .then_with(|| a.1.calls.cmp(&b.1.calls))
            .then_with(|| a.0.cmp(b.0))
    });
    let mut grid = Grid::new(vec![
        Column::new("CALLER, LEAST KNOWN FIRST", Align::Left).shrinking(),
        Column::new("CALLS", Align::Right),
        Column::new("SEEN ONCE", Align::Right),
        Column::new("NEXT IS NEW", Align::Right),
        Column::new("ONE HIDES", Align::Right),
    ]);
    for (id, unseen) in callers.iter().take(UNSEEN) {
        grid.row(vec![
            printable(id).into_owned(),
            thousands(unseen.calls),
            thousands(unseen.seen_once),
            words::share(unseen.next_is_new),
            format!("< {}", words::share(unseen.one_takes_at_most)),
        ]);
    }
    let (mut text, _) = grid.finish(WIDTH);
    if let Some(more @ 1..) = callers.len().checked_sub(UNSEEN) {
        text.push_str(&format!(
            "and {}; `--format json` has all\n",
            counted(count_of(more), "more caller", "more callers")
        ));
    }
    text
}

/// The report as JSON of the schema `tracemesh.doctor/v1`:
///
/// ```text
/// { "schema": "tracemesh.doctor/v1", "window": {"start": RFC3339, "end": RFC3339}, "grade": "A|B|C|D",
///   "reasons": [ {"problem": "orphans", "part": 12, "whole": 480, "services": 2, "grade": "B", "says": "..."} ],
///   "blind": ["<node id>"], "unseen": {"calls": N, "seen_once": f1, "next_is_new": f1/N, "one_takes_at_most": 3/N} or null,
///   "services": [ {"service": "<node id>", "spans": 1, "grade": "B", "unseen": {...} or null,
///                  "findings": [ {"problem": "unresolved", "part": 3, "whole": 90, "grade": "B",
///                                 "about": [{"name": "socket 10.0.0.7:9000", "count": 3}], "more": 0,
///                                 "sampled_out": 0, "exemplars": ["<trace id>"],
///                                 "says": "...", "fix": "..."} ]} ],
///   "caveat": "..." }
/// ```
/// Names of problems and their units: [`Problem`](tracemesh_graph::doctor::Problem). `says` and `fix` are for people and may change their wording; names in
/// them are printable and cut. Fields may be added.
///
/// # Errors
/// When a value cannot be written as JSON, which none of these can.
pub fn json(report: &Report) -> Result<String, serde_json::Error> {
    let shown = Shown {
        schema: &report.schema,
        window: report.window,
        grade: report.grade,
        reasons: report.reasons.iter().map(shown_reason).collect(),
        blind: &report.blind,
        unseen: report.unseen,
        services: report.services.iter().map(shown_service).collect(),
        caveat: words::NEVER_COMPLETE,
    };
    let mut text = serde_json::to_string_pretty(&shown)?;
    text.push('\n');
    Ok(text)
}

#[derive(Serialize)]
struct Shown<'a> {
    schema: &'a str,
    window: tracemesh_graph::snapshot::Window,
    grade: Grade,
    reasons: Vec<ShownReason<'a>>,
    blind: &'a [String],
    unseen: Option<Unseen>,
    services: Vec<ShownService<'a>>,
    caveat: &'a str,
}

#[derive(Serialize)]
struct ShownReason<'a> {
    #[serde(flatten)]
    reason: &'a Reason,
    says: String,
}

#[derive(Serialize)]
struct ShownService<'a> {
    service: &'a str,
    spans: u64,
    grade: Grade,
    unseen: Option<Unseen>,
    findings: Vec<ShownFinding<'a>>,
}

#[derive(Serialize)]
struct ShownFinding<'a> {
    #[serde(flatten)]
    finding: &'a Finding,
    says: String,
    fix: String,
}

fn shown_reason(reason: &Reason) -> ShownReason<'_> {
    ShownReason {
        reason,
        says: words::of_reason(reason),
    }
}

fn shown_service(service: &ServiceReport) -> ShownService<'_> {
    let findings = service.findings.iter().map(|finding| ShownFinding {
        finding,
        says: words::of_finding(finding),
        fix: words::fix(finding),
    });
    ShownService {
        service: &service.service,
        spans: service.spans,
        grade: service.grade,
        unseen: service.unseen,
        findings: findings.collect(),
    }
}

#[cfg(test)]
mod tests;
