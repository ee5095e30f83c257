//! What is in hand between two flushes, and what is in the store already.
//!
//! A segment is written or it is not: what could not be written is in hand until it can, and goes with the next.

use tracemesh_graph::segment::Segment;
use tracemesh_graph::shard::Flush;
use tracemesh_graph::snapshot::Window;
use tracemesh_graph::time::Timestamp;

use super::schedule::Schedule;
use crate::store::{Store, StoreError};

/// The store of a running collector, with what it does not have yet.
pub(super) struct Ledger {
    store: Store,
    schedule: Schedule,
    /// What settled and could not be written yet.
    pending: Segment,
    /// What waited when it was last written: the newest segment of this run holds it, and readers count it from there.
    waiting: Segment,
    /// Where the next window starts.
    since: Timestamp,
    segments: u64,
}

impl Ledger {
    /// Starts with nothing in hand.
    ///
    /// # Errors
    /// When the store cannot be written: better to know it before the first span is acknowledged.
    pub(super) fn begin(
        mut store: Store,
        schedule: Schedule,
        now: Timestamp,
    ) -> Result<Self, StoreError> {
        store.note(now, schedule.interval_ms())?;
        Ok(Self {
            store,
            schedule,
            pending: Segment::default(),
            waiting: Segment::default(),
            since: now,
            segments: 0,
        })
    }

    /// Writes what was inferred since the last flush, for the window that ends about now, which is when the flush was asked
    /// for: what came while it was made is not in it.
    ///
    /// # Errors
    /// When the store cannot be written; then all of it is still in hand.
    pub(super) fn write(&mut self, flush: Flush, now: Timestamp) -> Result<(), StoreError> {
        let end = self.schedule.boundary(now);
        self.write_until(flush, end)?;
        if let Err(error) = self.store.note(end.min(now), self.schedule.interval_ms()) {
            // The segment is there. Only what the next run would tell of this one is too old.
            tracing::warn!(%error, "time of the flush not noted");
        }
        Ok(())
    }

    /// Writes the rest, says goodbye to the store, and returns the number of segments written.
    ///
    /// # Errors
    /// When the last segment cannot be written; what is in hand is lost, and the next run will say so.
    pub(super) fn finish(mut self, rest: Segment, now: Timestamp) -> Result<u64, StoreError> {
        let last = Flush {
            settled: rest,
            waiting: Segment::default(),
        };
        self.write_until(last, now)?;
        if let Err(error) = self.store.close() {
            tracing::warn!(%error, "the end of this run not noted: the next will take it for killed");
        }
        Ok(self.segments)
    }

    fn write_until(&mut self, flush: Flush, end: Timestamp) -> Result<(), StoreError> {
        self.pending.merge(flush.settled);
        if self.pending.is_empty() && self.waiting == flush.waiting {
            self.since = end;
            return Ok(());
        }
        let start = match self.since < end {
            true => self.since,
            // The clock was set back: the window is the one that it tells now.
            false => self.schedule.before(end),
        };
        let window = Window {
            start: Some(start),
            end: Some(end),
        };
        let segment = self.store.append(&self.pending, &flush.waiting, window)?;
        tracing::debug!(%segment, "segment written");
        self.pending = Segment::default();
        self.waiting = flush.waiting;
        self.since = end;
        self.segments += 1;
        Ok(())
    }
}

#[cfg(test)]
mod tests;
