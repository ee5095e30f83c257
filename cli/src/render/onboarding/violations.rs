//! What is wrong with a plan that people edited: for a terminal of 80 columns, and for programs.

use serde_json::json;
use tracemesh_graph::onboarding::{Plan, Violation};

use crate::render::page::Page;
use crate::terminal::Palette;
use crate::text::{count_of, counted, printable};

/// Value of the `schema` field.
pub const SCHEMA: &str = "tracemesh.onboarding-check/v1";

/// What a plan made from other data means.
const STALE: &str = "the graph, the statuses or the policy are not those that the plan was made from: numbers in it are of then";

/// The answer for people.
#[must_use]
pub fn table(plan: &Plan, found: &[Violation], is_of_this_graph: bool, palette: Palette) -> String {
    let mut page = Page::new(palette);
    let planned: usize = plan.waves.iter().map(|wave| wave.services.len()).sum();
    let scope = format!(
        "{} in {}",
        counted(count_of(planned), "service", "services"),
        counted(count_of(plan.waves.len()), "wave", "waves")
    );
    if found.is_empty() {
        page.heading(&format!("the plan keeps to every rule: {scope}"));
    } else {
        let count = counted(count_of(found.len()), "rule is broken", "rules are broken");
        page.heading(&format!("{count}: {scope}"));
    }
    for violation in found {
        page.wrapped("  ", &printable(&violation.to_string()));
    }
    if !is_of_this_graph {
        page.wrapped("note: ", STALE);
    }
    page.finish()
}

/// The answer for programs.
///
/// # Errors
/// Never for the types here.
pub fn json(
    plan: &Plan,
    found: &[Violation],
    is_of_this_graph: bool,
) -> Result<String, serde_json::Error> {
    let violations: Vec<_> = found
        .iter()
        .map(|violation| json!({ "text": violation.to_string() }))
        .collect();
    let report = json!({
        "schema": SCHEMA,
        "mesh": plan.mesh,
        "valid": found.is_empty(),
        "same_input": is_of_this_graph,
        "violations": violations,
    });
    serde_json::to_string_pretty(&report).map(|text| text + "\n")
}
