//! Decisions of the policy about destinations: pinned in, pinned out, infrastructure for everyone.

use super::EgressOptions;
use super::model::EgressModel;
use crate::snapshot::GraphSnapshot;

/// Applies it to a whole model.
pub(super) fn apply_pins(
    _model: &mut EgressModel,
    _snapshot: &GraphSnapshot,
    _options: &EgressOptions,
) {
}
