//! What the receiver counts about itself, and how it keeps peers from filling the log.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use super::refusal::Refusal;

/// Least time between two log lines of the same kind, in milliseconds.
const LOG_INTERVAL_MS: u64 = 10_000;

/// Requests and spans since the start.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Totals {
    /// Requests taken.
    pub requests: u64,
    /// Spans taken.
    pub spans: u64,
    /// Spans of taken requests that were rejected.
    pub rejected_spans: u64,
    /// Requests refused for good: undecodable, too large.
    pub refused: u64,
    /// Requests refused for now: overload, shutdown.
    pub turned_away: u64,
    /// Requests of `refused` and `turned_away` by their reason, out of a closed set such as `too_large` or `queue_full`.
    pub refused_by: BTreeMap<&'static str, u64>,
}

#[derive(Debug, Default)]
pub(super) struct Counters {
    requests: AtomicU64,
    spans: AtomicU64,
    rejected_spans: AtomicU64,
    refused: AtomicU64,
    turned_away: AtomicU64,
    /// Locked by refused requests only.
    refused_by: Mutex<BTreeMap<&'static str, u64>>,
}

impl Counters {
    pub(super) fn accept(&self, spans: u64, rejected: u64) {
        self.requests.fetch_add(1, Ordering::Relaxed);
        self.spans.fetch_add(spans, Ordering::Relaxed);
        self.rejected_spans.fetch_add(rejected, Ordering::Relaxed);
    }

    pub(super) fn refuse(&self, refusal: &Refusal) {
        let counter = if refusal.is_retryable() {
            &self.turned_away
        } else {
            &self.refused
        };
        counter.fetch_add(1, Ordering::Relaxed);
        let mut refused_by = self
            .refused_by
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        *refused_by.entry(refusal.reason()).or_default() += 1;
    }

    pub(super) fn totals(&self) -> Totals {
        Totals {
            requests: self.requests.load(Ordering::Relaxed),
            spans: self.spans.load(Ordering::Relaxed),
            rejected_spans: self.rejected_spans.load(Ordering::Relaxed),
            refused: self.refused.load(Ordering::Relaxed),
            turned_away: self.turned_away.load(Ordering::Relaxed),
            refused_by: self
                .refused_by
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .clone(),
        }
    }
}

/// Lets one log line through per interval.
#[derive(Debug, Default)]
pub(crate) struct LogGate {
    /// Time from which the next line may pass.
    open_at_ms: AtomicU64,
    held_back: AtomicU64,
}

impl LogGate {
    /// The number of lines held back since the last one, when this one may be written.
    pub(crate) fn pass(&self, now_ms: u64) -> Option<u64> {
        let next = now_ms.saturating_add(LOG_INTERVAL_MS);
        let passed = self
            .open_at_ms
            .fetch_update(Ordering::AcqRel, Ordering::Relaxed, |open_at| {
                (now_ms >= open_at).then_some(next)
            })
            .is_ok();
        if passed {
            return Some(self.held_back.swap(0, Ordering::Relaxed));
        }
        self.held_back.fetch_add(1, Ordering::Relaxed);
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_line_passes_per_interval_and_tells_of_the_others() {
        let gate = LogGate::default();
        let passes = [0, 1, 9_999, 10_000, 10_001].map(|now_ms| gate.pass(now_ms));
        assert_eq!(passes, [Some(0), None, None, Some(2), None]);
    }
}
