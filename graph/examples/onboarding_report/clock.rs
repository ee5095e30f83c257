//! Time, which is measured here and nowhere else.

use std::time::{Duration, Instant};

/// A result and how long it took.
pub(crate) fn timed<T>(work: impl FnOnce() -> T) -> (T, Duration) {
    #[expect(
        clippy::disallowed_methods,
        reason = "the report is about time; the planner itself knows none"
    )]
    let start = Instant::now();
    let result = work();
    (result, start.elapsed())
}
