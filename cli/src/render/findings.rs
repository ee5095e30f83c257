//! The findings as files of `analyze`: `findings.json` for programs, `findings.txt` to read.
//!
//! Place in the flow: [`Report`] of the graph crate -> text. The text has every rule with its sentence, its advice and a table of
//! the worst cases in 80 columns; the JSON has up to a hundred cases of each.

use serde::Serialize;
use tracemesh_graph::findings::{Finding, Locality, Report};
use tracemesh_graph::snapshot::Window;

use crate::findings::tell;
use crate::render::page::Page;
use crate::render::seconds;
use crate::render::table::WIDTH;
use crate::terminal::Palette;
use crate::text::{counted, percent, thousands};

mod tables;

/// The report to read.
#[must_use]
pub fn text(report: &Report) -> String {
    let mut page = Page::new(Palette::Plain);
    page.heading("What deserves a look");
    page.wrapped("  ", &introduction(report));
    for finding in &report.findings {
        let Some(told) = tell(finding, report.locality) else {
            continue;
        };
        let rule = told.rule.replace('_', " ");
        page.heading(&format!("{rule}: {}", finding.severity.as_str()));
        page.wrapped("  ", &told.text);
        page.wrapped("  do: ", &told.advice);
        page.raw("\n");
        let (table, unlisted) = tables::of(finding, WIDTH);
        page.raw(&table);
        if unlisted > 0 {
            let more = counted(unlisted, "more case", "more cases");
            page.raw(&format!("and {more}\n"));
        }
    }
    page.heading("Zones and clusters");
    locality(&mut page, report.locality);
    page.finish()
}

fn introduction(report: &Report) -> String {
    let window = match (report.window.start, report.window.end) {
        (Some(start), Some(end)) => format!("{} to {}. ", seconds(start), seconds(end)),
        _ => String::new(),
    };
    if report.findings.is_empty() {
        return format!("{window}Nothing stands out.");
    }
    format!(
        "{window}Most important first, the worst cases of each; `findings.json` has more of them, with all numbers. \
         In tables, names without a kind are services."
    )
}

fn locality(page: &mut Page, locality: Locality) {
    for (name, crossing, unit) in [
        ("zones", locality.zones, "attempts"),
        ("clusters", locality.clusters, "calls"),
    ] {
        let known = format!(
            "known of {} of {} {unit} between services ({} %)",
            thousands(crossing.known),
            thousands(crossing.total),
            percent(crossing.known, crossing.total),
        );
        let across = format!(
            "; {} of these cross ({} %)",
            thousands(crossing.crossing),
            percent(crossing.crossing, crossing.known),
        );
        let across = if crossing.known > 0 {
            across
        } else {
            String::new()
        };
        page.fact(name, &format!("{known}{across}"));
    }
}

/// The report as JSON of the schema `tracemesh.findings/v1`:
///
/// ```text
/// { "schema": "tracemesh.findings/v1", "window": {"start": RFC3339, "end": RFC3339},
///   "locality": { "zones":    {"total": attempts between services, "known": .., "crossing": ..},
///                 "clusters": {"total": calls between services, "known": .., "crossing": ..} },
///   "findings": [ { "severity": "critical|high|medium|low|info", "part": 90, "whole": 1100, "more": 0,
///                   "rule": "failing_edge",
///                   "cases": [ {"caller": "<node id>", "callee": "<node id>", "failed": 90, "calls": 1100,
///                               "errors": {"listed": [{"name": "503", "count": 90}], "more": 0}} ],
///                   "says": "...", "advice": "..." } ] }
/// ```
/// Rules, what their cases hold and the units of `part` and `whole`: [`Cases`](tracemesh_graph::findings::Cases). `says` and
/// `advice` are for people and may change their wording; names in them are printable. Fields and rules may be added.
///
/// # Errors
/// When a value cannot be written as JSON, which none of these can.
pub fn json(report: &Report) -> Result<String, serde_json::Error> {
    let findings = report.findings.iter().map(|finding| {
        let told = tell(finding, report.locality);
        let (says, advice) = told
            .map(|told| (told.text, told.advice))
            .unwrap_or_default();
        Shown {
            finding,
            says,
            advice,
        }
    });
    let document = Document {
        schema: &report.schema,
        window: report.window,
        locality: report.locality,
        findings: findings.collect(),
    };
    let mut text = serde_json::to_string_pretty(&document)?;
    text.push('\n');
    Ok(text)
}

#[derive(Serialize)]
struct Document<'a> {
    schema: &'a str,
    window: Window,
    locality: Locality,
    findings: Vec<Shown<'a>>,
}

#[derive(Serialize)]
struct Shown<'a> {
    #[serde(flatten)]
    finding: &'a Finding,
    says: String,
    advice: String,
}

#[cfg(test)]
mod tests;
