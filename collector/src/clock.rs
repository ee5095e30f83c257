//! The only readers of clocks in this crate; everything else takes time as an argument.

use std::sync::Arc;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use tracemesh_graph::time::Timestamp;

/// Milliseconds on a clock that never goes back.
pub(crate) type MonotonicMs = Arc<dyn Fn() -> u64 + Send + Sync>;

/// A monotonic clock that starts at 0 now.
#[expect(
    clippy::disallowed_methods,
    reason = "the edge of the crate: the clock itself"
)]
pub(crate) fn monotonic() -> MonotonicMs {
    let start = Instant::now();
    Arc::new(move || u64::try_from(start.elapsed().as_millis()).unwrap_or(u64::MAX))
}

/// Time of day, for the windows of segments.
#[expect(
    clippy::disallowed_methods,
    reason = "the edge of the crate: the clock itself"
)]
pub(crate) fn wall() -> Timestamp {
    // A clock set before 1970 counts as 1970: windows only order segments.
    let since_epoch = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    Timestamp(u64::try_from(since_epoch.as_nanos()).unwrap_or(u64::MAX))
}
