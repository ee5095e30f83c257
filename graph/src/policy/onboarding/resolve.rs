//! From patterns to node ids.

use super::{OnboardingPolicy, Unmatched};
use crate::onboarding::PlanOptions;
use crate::snapshot::GraphSnapshot;

impl OnboardingPolicy {
    /// Parameters of the plan for the services of a graph, and patterns that mean none of them, by line.
    #[must_use]
    pub fn plan_options(&self, _snapshot: &GraphSnapshot) -> (PlanOptions, Vec<Unmatched>) {
        (self.options.clone(), Vec::new())
    }
}
