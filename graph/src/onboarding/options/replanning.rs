//! How much of an earlier plan stands.

use serde::{Deserialize, Serialize};

/// Largest tolerance that is taken at its word: above it a limit would say nothing any more.
const MAX_TOLERANCE: f64 = 0.5;

/// How an earlier plan is repaired.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Replanning {
    /// The next waves, whose owners know their dates: nobody is moved out of them to make room for another, and their limits are
    /// kept to the letter.
    pub frozen_waves: u32,
    /// Share by which what was planned for a later wave may be above its limits on traffic and risk, because the numbers moved since.
    /// What is above a limit by itself still has its wave for itself.
    pub tolerance: f64,
    /// Share by which the objective of the repaired plan may be above that of a fresh one before a fresh one is advised.
    pub full_replan_gap: f64,
}

impl Default for Replanning {
    fn default() -> Self {
        Self {
            frozen_waves: 2,
            tolerance: 0.05,
            full_replan_gap: 0.10,
        }
    }
}

impl Replanning {
    /// The tolerance as a factor of limits, at least 1.
    #[must_use]
    pub fn slack(&self) -> f64 {
        let tolerance = if self.tolerance.is_nan() {
            0.0
        } else {
            self.tolerance.clamp(0.0, MAX_TOLERANCE)
        };
        1.0 + tolerance
    }

    /// Whether a plan whose objective is `gap` times that of a fresh one should be given up.
    #[must_use]
    pub fn is_too_far(&self, gap: f64) -> bool {
        gap > 1.0 + self.full_replan_gap.max(0.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn senseless_tolerances_still_give_usable_limits() {
        let slack = |tolerance| {
            Replanning {
                tolerance,
                ..Replanning::default()
            }
            .slack()
        };
        assert_eq!(
            [slack(f64::NAN), slack(-1.0), slack(f64::INFINITY)],
            [1.0, 1.0, 1.5]
        );
        let none = Replanning {
            full_replan_gap: f64::NAN,
            ..Replanning::default()
        };
        assert!(none.is_too_far(1.01) && !none.is_too_far(1.0));
    }
}
