//! Compaction and retention beside the receiver: after the start, and after each hour.
//!
//! It works on a thread of its own, at most half of the time, and never holds what a flush needs: segments are immutable and
//! readers and writers need no lock against it. Of several instances on one store one does the work and the others let it.

mod steady;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tracemesh_graph::time::Timestamp;

use self::steady::Watch;
use crate::clock::{self, MonotonicMs};
use crate::store::{
    Level, Location, Pace, Removal, RemovalReason, StoreError, Upkeep, UpkeepReport, tend,
};

const HOUR_MS: u64 = 3_600_000;

/// Time after the end of an hour: its last flushes are in the store by then.
const AFTER_HOUR_MS: u64 = 150_000;

/// Wait after a failure.
const RETRY: Duration = Duration::from_secs(300);

/// Longest rest between two steps, so that a stop is heeded soon.
const MAX_REST_MS: u64 = 250;

/// The background work on a store.
pub(super) struct Keeper {
    shared: Arc<Shared>,
    task: JoinHandle<()>,
}

impl Keeper {
    /// Starts the work; `None` where there is none to do.
    pub(super) fn start(location: &Location, upkeep: Upkeep) -> Option<Self> {
        if upkeep.is_idle() {
            return None;
        }
        if location.directory().is_none() {
            tracing::info!(
                "object stores have no locks: run `tracemesh store compact` on this one, from one place only"
            );
            return None;
        }
        let shared = Arc::new(Shared::new());
        let task = tokio::spawn(keep(location.clone(), upkeep, Arc::clone(&shared)));
        Some(Self { shared, task })
    }

    /// Ends the work before its next step. Nothing is lost by that: the next start goes on.
    pub(super) async fn stop(self) {
        self.shared.is_stopped.store(true, Ordering::Release);
        self.shared.stopped.notify_one();
        if let Err(error) = self.task.await {
            tracing::error!(%error, "upkeep of the store failed");
        }
    }
}

/// What the work and whoever stops it know of each other.
struct Shared {
    is_stopped: AtomicBool,
    stopped: Notify,
    clock: MonotonicMs,
    /// When the last step began.
    since_ms: AtomicU64,
}

impl Shared {
    fn new() -> Self {
        Self {
            is_stopped: AtomicBool::new(false),
            stopped: Notify::new(),
            clock: clock::monotonic(),
            since_ms: AtomicU64::new(0),
        }
    }

    /// Rests as long as the last step took, within bounds; false when there is to be no other.
    fn breathe(&self) -> bool {
        let took_ms = (self.clock)().saturating_sub(self.since_ms.load(Ordering::Relaxed));
        if !self.is_stopped.load(Ordering::Acquire) {
            std::thread::sleep(Duration::from_millis(took_ms.min(MAX_REST_MS)));
        }
        self.since_ms.store((self.clock)(), Ordering::Relaxed);
        !self.is_stopped.load(Ordering::Acquire)
    }
}

async fn keep(location: Location, upkeep: Upkeep, shared: Arc<Shared>) {
    let mut watch = Watch::new(clock::wall(), (shared.clock)());
    loop {
        let mut upkeep = upkeep;
        if !watch.is_steady(clock::wall(), (shared.clock)()) {
            upkeep.retention.max_age = None;
        }
        let (location, worker) = (location.clone(), Arc::clone(&shared));
        let work = tokio::task::spawn_blocking(move || {
            worker.since_ms.store((worker.clock)(), Ordering::Relaxed);
            let goes_on = || worker.breathe();
            tend(&location, upkeep, clock::wall(), &Pace::new(&goes_on))
        });
        let is_done = match work.await {
            Ok(outcome) => tell(outcome),
            Err(error) => {
                tracing::error!(%error, "upkeep of the store failed");
                false
            }
        };
        let wait = match is_done {
            true => until_next(clock::wall()),
            false => RETRY,
        };
        tokio::select! {
            () = tokio::time::sleep(wait) => {}
            () = shared.stopped.notified() => return,
        }
    }
}

/// The time until the next hour is over for long enough.
fn until_next(now: Timestamp) -> Duration {
    let now_ms = now.0 / 1_000_000;
    let into_ms = (now_ms + HOUR_MS - AFTER_HOUR_MS) % HOUR_MS;
    Duration::from_millis(HOUR_MS - into_ms)
}

/// Writes what was done into the log; false when it is to be tried again soon.
fn tell(outcome: Result<UpkeepReport, StoreError>) -> bool {
    let report = match outcome {
        Ok(report) => report,
        Err(StoreError::Compacting(_)) => {
            tracing::debug!("another process compacts the store");
            return true;
        }
        Err(error) => {
            let cause = std::error::Error::source(&error).map(ToString::to_string);
            tracing::error!(%error, cause, "store not compacted, tried again later");
            return false;
        }
    };
    if !report.compacted.is_empty() {
        let of = |level| {
            report
                .compacted
                .iter()
                .filter(|made| made.level == level)
                .count()
        };
        let sources: usize = report.compacted.iter().map(|made| made.sources).sum();
        let before: u64 = report.compacted.iter().map(|made| made.bytes_before).sum();
        let after: u64 = report.compacted.iter().map(|made| made.bytes_after).sum();
        let (hours, days) = (of(Level::Hour), of(Level::Day));
        tracing::info!(hours, days, sources, before, after, "store compacted");
    }
    for reason in [RemovalReason::Age, RemovalReason::Size] {
        tell_removed(&report.removed, reason);
    }
    for left in &report.left_alone {
        let (segment, reason) = (&left.name, &left.reason);
        tracing::warn!(%segment, %reason, "segment left as it is");
    }
    true
}

fn tell_removed(removed: &[Removal], reason: RemovalReason) {
    let removed: Vec<&Removal> = removed.iter().filter(|it| it.reason == reason).collect();
    if removed.is_empty() {
        return;
    }
    let segments = removed.len();
    let bytes: u64 = removed.iter().map(|it| it.bytes).sum();
    let starts = removed.iter().filter_map(|it| it.window.start).min();
    let ends = removed.iter().filter_map(|it| it.window.end).max();
    let (from, until) = (starts.unwrap_or_default(), ends.unwrap_or_default());
    let reason = reason.as_str();
    tracing::info!(segments, bytes, %from, %until, reason, "old segments removed");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_round_is_after_the_end_of_an_hour() {
        let wait = |seconds: u64| until_next(Timestamp(seconds * 1_000_000_000)).as_secs();
        assert_eq!(wait(7200), 150);
        assert_eq!(wait(7200 + 149), 1);
        assert_eq!(wait(7200 + 150), 3600);
        assert_eq!(wait(7200 + 3599), 151);
    }
}
