//! Moves what the shards inferred into the store, off the network threads.

use std::sync::Arc;

use tracemesh_graph::segment::Segment;
use tracemesh_graph::shard::Flush;
use tracemesh_graph::snapshot::Window;
use tracemesh_graph::time::Timestamp;

use crate::clock;
use crate::pipeline::Pipeline;
use crate::serve::CollectError;
use crate::store::{Store, StoreError};

/// Owns the store between flushes; lent to a blocking thread during one.
pub(super) struct Flusher {
    pipeline: Arc<Pipeline>,
    /// `None` only while a flush runs, or after one panicked.
    ledger: Option<Ledger>,
    /// Flushes that failed since the last one that did not.
    failures: u32,
}

struct Ledger {
    store: Store,
    /// What settled and could not be written yet.
    pending: Segment,
    /// What waited when it was last written: the newest file of this run holds it, and readers count it from there.
    waiting: Segment,
    /// Where the next window starts.
    since: Timestamp,
    segments: u64,
}

impl Flusher {
    pub(super) fn new(store: Store, pipeline: Arc<Pipeline>) -> Self {
        Self {
            pipeline,
            ledger: Some(Ledger {
                store,
                pending: Segment::default(),
                waiting: Segment::default(),
                since: clock::wall(),
                segments: 0,
            }),
            failures: 0,
        }
    }

    /// Flushes that failed in a row.
    pub(super) const fn failures(&self) -> u32 {
        self.failures
    }

    /// Writes what was inferred since the last flush. A failure is logged, and tried again with the next flush.
    pub(super) async fn flush(&mut self) {
        let Some(mut ledger) = self.ledger.take() else {
            return;
        };
        let pipeline = Arc::clone(&self.pipeline);
        let flushed = tokio::task::spawn_blocking(move || {
            let outcome = ledger.write(pipeline.flush());
            (ledger, outcome)
        });
        match flushed.await {
            Ok((ledger, outcome)) => {
                self.failures = match &outcome {
                    Ok(()) => 0,
                    Err(_) => self.failures.saturating_add(1),
                };
                if let Err(error) = outcome {
                    let cause = std::error::Error::source(&error).map(ToString::to_string);
                    tracing::error!(%error, cause, "segment not written, kept for the next flush");
                }
                self.ledger = Some(ledger);
            }
            Err(error) => {
                // Nothing can be written any more; `finish` says so.
                self.failures = u32::MAX;
                tracing::error!(%error, "flush failed, its segment is lost");
            }
        }
    }

    /// Drains the pipeline, writes the last segment, and returns the number of segments written.
    pub(super) async fn finish(self) -> Result<u64, CollectError> {
        let Self {
            pipeline, ledger, ..
        } = self;
        let finished = tokio::task::spawn_blocking(move || {
            let rest = pipeline.drain();
            let mut ledger = ledger.ok_or(CollectError::Lost)?;
            ledger.write(Flush {
                settled: rest,
                waiting: Segment::default(),
            })?;
            Ok(ledger.segments)
        });
        finished.await.unwrap_or_else(|error| {
            tracing::error!(%error, "drain failed");
            Err(CollectError::Lost)
        })
    }
}

impl Ledger {
    fn write(&mut self, flush: Flush) -> Result<(), StoreError> {
        self.pending.merge(flush.settled);
        let now = clock::wall();
        if self.pending.is_empty() && self.waiting == flush.waiting {
            self.since = now;
            return Ok(());
        }
        let window = Window {
            start: Some(self.since),
            end: Some(now.max(self.since)),
        };
        let segment = self.store.append(&self.pending, &flush.waiting, window)?;
        tracing::debug!(%segment, "segment written");
        self.pending = Segment::default();
        self.waiting = flush.waiting;
        self.since = now;
        self.segments += 1;
        Ok(())
    }
}
