//! What is wrong with a plan that people edited: for a terminal of 80 columns, and for programs.

use serde::Serialize;
use tracemesh_graph::onboarding::{Plan, Violation};

use super::words;
use crate::render::page::Page;
use crate::terminal::Palette;
use crate::text::{count_of, counted, printable};

/// Value of the `schema` field.
pub const SCHEMA: &str = "tracemesh.onboarding-check/v1";

/// Violations that are told on a terminal; the JSON has all.
const TOLD: usize = 50;

/// What a check found.
#[derive(Debug)]
pub struct Judgement<'a> {
    /// The plan as it stands in its file.
    pub plan: &'a Plan,
    /// Rules that its waves break.
    pub violations: Vec<Violation>,
    /// Numbers and lists of the file that are not what its waves come to.
    pub stale: Vec<Violation>,
    /// Whether graph, statuses and facts are those that the plan was made from.
    pub is_of_this_input: bool,
    /// Options that the file has otherwise than the policy and the flags.
    pub other_options: Vec<String>,
}

/// The answer for people.
#[must_use]
pub fn table(judgement: &Judgement<'_>, palette: Palette) -> String {
    let mut page = Page::new(palette);
    let waves = &judgement.plan.waves;
    let planned: usize = waves.iter().map(|wave| wave.services.len()).sum();
    let scope = format!(
        "{} in {}",
        counted(count_of(planned), "service", "services"),
        counted(count_of(waves.len()), "wave", "waves")
    );
    let found = &judgement.violations;
    if found.is_empty() {
        page.heading(&format!("the plan keeps to every rule: {scope}"));
    } else {
        let count = counted(count_of(found.len()), "rule is broken", "rules are broken");
        page.heading(&format!("{count}: {scope}"));
    }
    for violation in found.iter().take(TOLD) {
        page.wrapped("  ", &line(violation));
    }
    if let Some(more @ 1..) = found.len().checked_sub(TOLD) {
        page.wrapped("  ", &format!("and {more} more; `--format json` has all"));
    }
    for note in notes(judgement) {
        page.wrapped("note: ", &printable(&note));
    }
    page.finish()
}

/// `adjacent: wave 3: shop/cart, shop/web call each other; move one of them ..`.
fn line(violation: &Violation) -> String {
    let services: Vec<&str> = violation
        .services
        .iter()
        .map(|id| words::short(id))
        .collect();
    let wave = violation.wave;
    let wave = wave.map_or_else(String::new, |wave| format!("wave {wave}: "));
    let text = format!(
        "{}: {wave}{} {}; {}",
        violation.code(),
        services.join(", "),
        violation.found,
        violation.hint()
    );
    printable(&text).into_owned()
}

fn notes(judgement: &Judgement<'_>) -> Vec<String> {
    let mut notes = Vec::new();
    if !judgement.other_options.is_empty() {
        notes.push(format!(
            "the file has other options than the policy and the arguments, which count: {}",
            judgement.other_options.join(", ")
        ));
    }
    if !judgement.is_of_this_input {
        notes.push(
            "the graph, the statuses or the policy are not those that the plan was made from: its numbers are of then"
                .to_owned(),
        );
    }
    if !judgement.stale.is_empty() {
        let count = counted(
            count_of(judgement.stale.len()),
            "number or list",
            "numbers or lists",
        );
        notes.push(format!(
            "{count} of the file are not what its waves come to: plan again with `--previous` and this file to have them \
             computed anew"
        ));
    }
    notes
}

#[derive(Serialize)]
struct Report<'a> {
    schema: &'static str,
    mesh: Option<&'a str>,
    valid: bool,
    same_input: bool,
    other_options: &'a [String],
    violations: &'a [Violation],
    stale: &'a [Violation],
}

/// The answer for programs, schema `tracemesh.onboarding-check/v1`:
///
/// ```text
/// { "schema": "..", "mesh": null, "valid": false, "same_input": true, "other_options": ["goal"],
///   "violations": [{"wave": 3, "code": "adjacent", "services": ["service/a", "service/b"], "found": ".."}],
///   "stale": [..as violations, of numbers beside the waves..] }
/// ```
///
/// # Errors
/// Never for the types here.
pub fn json(judgement: &Judgement<'_>) -> Result<String, serde_json::Error> {
    let report = Report {
        schema: SCHEMA,
        mesh: judgement.plan.mesh.as_deref(),
        valid: judgement.violations.is_empty(),
        same_input: judgement.is_of_this_input,
        other_options: &judgement.other_options,
        violations: &judgement.violations,
        stale: &judgement.stale,
    };
    serde_json::to_string_pretty(&report).map(|text| text + "\n")
}
