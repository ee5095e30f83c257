//! Time, which is measured here and nowhere else.

use std::time::{Duration, Instant};

/// A result, and the time of one core that it took.
pub(crate) fn timed<T>(work: impl FnOnce() -> T) -> (T, Duration) {
    #[expect(
        clippy::disallowed_methods,
        reason = "the report is about time; the planner itself knows none"
    )]
    let (start, used) = (Instant::now(), on_core());
    let result = work();
    let passed = start.elapsed();
    let used = on_core()
        .zip(used)
        .map(|(now, then)| now.saturating_sub(then));
    (result, used.unwrap_or(passed))
}

/// Time that the main thread has run, where the system tells: on a busy machine it waits more than it works.
fn on_core() -> Option<Duration> {
    let text = std::fs::read_to_string("/proc/self/schedstat").ok()?;
    let nanos = text.split(' ').next()?.parse().ok()?;
    Some(Duration::from_nanos(nanos))
}
