//! Stands in for renderers that are written beside this, until they are merged.

use tracemesh_graph::onboarding::Plan;

pub(super) const fn csv(_plan: &Plan) -> String {
    String::new()
}

pub(super) fn explain(_plan: &Plan, service: &str) -> String {
    format!("{service}\n")
}
