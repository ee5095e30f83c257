//! The life of a destination: seen, quiet, proposed for removal; never removed here.

use super::EgressOptions;
use super::model::EgressModel;
use crate::snapshot::GraphSnapshot;

/// Applies it to a whole model.
pub(super) fn age(_model: &mut EgressModel, _snapshot: &GraphSnapshot, _options: &EgressOptions) {}
