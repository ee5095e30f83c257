//! Pins that contradict each other: two of them are named, and nothing is planned.

use super::Problem;

/// Why no plan can be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    /// No plan keeps to both.
    #[error("no plan can keep to both: {first}; {second}")]
    Pins {
        /// A pin in words.
        first: String,
        /// Another one.
        second: String,
    },
}

/// Contradictions between what is said about services, before they are grouped.
pub(super) fn find(_problem: &Problem<'_>) -> Result<(), PlanError> {
    Ok(())
}

/// Narrows the windows along what has to come before what, and finds those that are empty.
pub(super) fn propagate(_problem: &mut Problem<'_>) -> Result<(), PlanError> {
    Ok(())
}
