//! Moves what the shards inferred into the store, off the network threads.

use std::sync::Arc;
use std::time::Duration;

use crate::clock;
use crate::pipeline::Pipeline;
use crate::serve::CollectError;
use crate::serve::ledger::Ledger;
use crate::serve::schedule::Schedule;
use crate::store::{Store, StoreError};
use crate::telemetry::{FlushOutcome, Telemetry};

/// Owns the store between flushes; lent to a blocking thread during one.
pub(super) struct Flusher {
    pipeline: Arc<Pipeline>,
    telemetry: Arc<Telemetry>,
    /// `None` only while a flush runs, or after one panicked.
    ledger: Option<Ledger>,
    /// Flushes that failed since the last one that did not.
    failures: u32,
}

impl Flusher {
    /// Begins the first window now.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub(super) fn new(
        store: Store,
        (pipeline, telemetry): (Arc<Pipeline>, Arc<Telemetry>),
        schedule: Schedule,
    ) -> Result<Self, StoreError> {
        Ok(Self {
            pipeline,
            telemetry,
            ledger: Some(Ledger::begin(store, schedule, clock::wall())?),
            failures: 0,
        })
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
        let telemetry = Arc::clone(&self.telemetry);
        let flushed = tokio::task::spawn_blocking(move || {
            let (asked, began_ms) = (clock::wall(), pipeline.now_ms());
            let flush = pipeline.flush();
            let settled = flush.settled.clone();
            let outcome = ledger.write(flush, asked);
            telemetry.note_flush(FlushOutcome {
                took: Duration::from_millis(pipeline.now_ms().saturating_sub(began_ms)),
                is_written: outcome.is_ok(),
            });
            // It counts as received whether or not it could be written now.
            telemetry.note(&settled);
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
            let ledger = ledger.ok_or(CollectError::Lost)?;
            Ok(ledger.finish(rest, clock::wall())?)
        });
        finished.await.unwrap_or_else(|error| {
            tracing::error!(%error, "drain failed");
            Err(CollectError::Lost)
        })
    }
}
