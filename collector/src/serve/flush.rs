//! Moves what the shards inferred into the store, off the network threads.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinHandle;

use crate::clock::{Clocks, Wall};
use crate::pipeline::Pipeline;
use crate::serve::CollectError;
use crate::serve::ledger::Ledger;
use crate::serve::schedule::Schedule;
use crate::store::{Store, StoreError};
use crate::telemetry::{FlushOutcome, Telemetry};

type Written = (Ledger, Result<(), StoreError>);

/// Where the ledger is.
enum State {
    Idle(Box<Ledger>),
    /// On the thread that writes it. Kept here and not in a future, so that a flush may be left and come back to.
    Busy(JoinHandle<Written>),
    /// Lost to a panic; `finish` says so.
    Gone,
}

/// Owns the store between flushes; lends it to a blocking thread during one.
pub(super) struct Flusher {
    pipeline: Arc<Pipeline>,
    telemetry: Arc<Telemetry>,
    state: State,
    wall: Wall,
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
        clocks: Clocks,
    ) -> Result<Self, StoreError> {
        let wall = clocks.wall;
        let ledger = Ledger::begin(store, schedule, wall())?;
        Ok(Self {
            pipeline,
            telemetry,
            state: State::Idle(Box::new(ledger)),
            wall,
            failures: 0,
        })
    }

    /// Flushes that failed in a row.
    pub(super) const fn failures(&self) -> u32 {
        self.failures
    }

    /// Writes what was inferred since the last flush. A failure is logged, and tried again with the next flush. May be
    /// left before it ends; the next call, or `finish`, then waits for it first.
    pub(super) async fn flush(&mut self) {
        self.state = match std::mem::replace(&mut self.state, State::Gone) {
            State::Idle(mut ledger) => {
                let pipeline = Arc::clone(&self.pipeline);
                let telemetry = Arc::clone(&self.telemetry);
                let wall = Arc::clone(&self.wall);
                State::Busy(tokio::task::spawn_blocking(move || {
                    let (asked, began_ms) = (wall(), pipeline.now_ms());
                    let flush = pipeline.flush();
                    let settled = flush.settled.clone();
                    let outcome = ledger.write(flush, asked);
                    telemetry.note_flush(FlushOutcome {
                        asked,
                        took: Duration::from_millis(pipeline.now_ms().saturating_sub(began_ms)),
                        is_written: outcome.is_ok(),
                    });
                    // It counts as received whether or not it could be written now.
                    telemetry.note(settled);
                    (*ledger, outcome)
                }))
            }
            other => other,
        };
        self.settle().await;
    }

    /// Waits for a flush that runs.
    async fn settle(&mut self) {
        let State::Busy(writing) = &mut self.state else {
            return;
        };
        match writing.await {
            Ok((ledger, outcome)) => {
                self.failures = match &outcome {
                    Ok(()) => 0,
                    Err(_) => self.failures.saturating_add(1),
                };
                if let Err(error) = outcome {
                    let cause = std::error::Error::source(&error).map(ToString::to_string);
                    tracing::error!(%error, cause, "segment not written, kept for the next flush");
                }
                self.state = State::Idle(Box::new(ledger));
            }
            Err(error) => {
                // Nothing can be written any more.
                self.failures = u32::MAX;
                self.state = State::Gone;
                tracing::error!(%error, "flush failed, its segment is lost");
            }
        }
    }

    /// Drains the pipeline, writes the last segment, and returns the number of segments written.
    pub(super) async fn finish(mut self) -> Result<u64, CollectError> {
        self.settle().await;
        let Self {
            pipeline,
            state,
            wall,
            ..
        } = self;
        let finished = tokio::task::spawn_blocking(move || {
            let rest = pipeline.drain();
            let State::Idle(ledger) = state else {
                return Err(CollectError::Lost);
            };
            Ok(ledger.finish(rest, wall())?)
        });
        finished.await.unwrap_or_else(|error| {
            tracing::error!(%error, "drain failed");
            Err(CollectError::Lost)
        })
    }
}
