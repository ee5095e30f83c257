//! Decides the settings of every destination and service: formulas, thresholds, policy, hysteresis.

use super::EgressOptions;
use super::model::EgressModel;
use crate::snapshot::GraphSnapshot;

/// Applies it to a whole model.
pub(super) fn tune(_model: &mut EgressModel, _snapshot: &GraphSnapshot, _options: &EgressOptions) {}
