//! The canary of a service, what to watch while it runs, and what has to be undone before its sidecar is taken away.

use super::input::Health;
use super::outcome::{Canary, RollbackStep};

/// The canary of a service that does as `health` says.
pub(super) fn canary(health: &Health) -> Canary {
    const SHARE: u64 = 20;
    Canary {
        instances: health.instances.unwrap_or(0).div_ceil(SHARE).max(1),
        ..Canary::default()
    }
}

/// The steps back, first one first.
pub(super) fn rollback() -> Vec<RollbackStep> {
    vec![RollbackStep::RemoveLabel]
}
