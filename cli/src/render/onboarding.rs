//! The onboarding plan as a table for a terminal, a runbook in Markdown, CSV, JSON, and a page for one service.
//!
//! Last step of [`PlanInput`](tracemesh_graph::onboarding::PlanInput) -> [`Plan`] -> text. Pure functions: same plan, same bytes. Names
//! come from spans and are hostile: every one of them goes through the escaping of its format. Nothing is decided here; lists that
//! are cut short say how much is missing, and the JSON always holds everything.

mod csv;
mod difference;
mod dot;
mod explain;
mod gantt;
mod ics;
mod markdown;
mod moves;
mod plot;
pub mod progress;
mod protection_svg;
mod table;
#[cfg(test)]
mod tests;
pub(super) mod text;
pub mod violations;
mod words;

use tracemesh_graph::onboarding::Plan;

pub use self::csv::csv;
pub use self::difference::{difference_json, difference_table};
pub use self::dot::dot;
pub use self::explain::{NotInPlan, explain};
pub use self::gantt::gantt_svg;
pub use self::ics::ics;
pub use self::markdown::markdown;
pub use self::protection_svg::protection_svg;
pub use self::table::table;

/// The plan as JSON, schema `tracemesh.onboarding/v1`, with a newline at the end. The types of
/// [`tracemesh_graph::onboarding`] document it field by field.
#[must_use]
pub fn json(plan: &Plan) -> String {
    let mut text = serde_json::to_string_pretty(plan)
        .expect("a plan has string keys only, and no serializer of it fails");
    text.push('\n');
    text
}
