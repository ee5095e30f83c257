//! The only readers of clocks in this crate; everything else takes time as an argument.

use std::sync::Arc;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use tracemesh_graph::time::Timestamp;

/// Milliseconds on a clock that never goes back.
pub(crate) type MonotonicMs = Arc<dyn Fn() -> u64 + Send + Sync>;

/// Time of day, which people and machines set forwards and back.
pub(crate) type Wall = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// The clocks that a running collector goes by.
#[derive(Clone)]
pub(crate) struct Clocks {
    /// For waits, and for the ages of traces.
    pub(crate) monotonic: MonotonicMs,
    /// For the windows of segments, and to judge what spans claim.
    pub(crate) wall: Wall,
}

impl Clocks {
    /// Those of this machine.
    pub(crate) fn system() -> Self {
        Self {
            monotonic: monotonic(),
            wall: Arc::new(wall),
        }
    }
}

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
