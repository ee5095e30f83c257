//! Stands in for renderers that are written beside this, until they are merged.

use tracemesh_graph::onboarding::Plan;
use tracemesh_graph::snapshot::GraphSnapshot;

pub(super) const fn csv(_plan: &Plan) -> String {
    String::new()
}

pub(super) const fn ics(_plan: &Plan) -> Option<String> {
    None
}

pub(super) const fn protection_svg(_plan: &Plan) -> String {
    String::new()
}

pub(super) const fn gantt_svg(_plan: &Plan) -> Option<String> {
    None
}

pub(super) const fn dot(_plan: &Plan, _snapshot: &GraphSnapshot) -> String {
    String::new()
}

pub(super) fn explain(_plan: &Plan, service: &str) -> String {
    format!("{service}\n")
}
