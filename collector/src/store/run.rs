//! The note that a running writer keeps, so that its successor knows how it ended.
//!
//! It is written at the start, renewed with every flush, and removed at the end. Whoever finds one while holding the lock knows that
//! the last run was killed, and what is lost at most: what came after its last flush. It only tells; what a store holds never
//! depends on it.

use serde::{Deserialize, Serialize};
use tracemesh_graph::time::Timestamp;

use super::place::Place;
use super::{Store, StoreError};

/// Value of the `schema` field.
const SCHEMA: &str = "tracemesh.run/v1";

/// A run that ended without a goodbye.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BrokenRun {
    schema: String,
    /// What tells runs apart.
    pub epoch: u64,
    /// Wall-clock time at which it began.
    pub started: Timestamp,
    /// Wall-clock time of its last flush; its start when there was none.
    pub flushed: Timestamp,
    /// Longest time between two flushes, in milliseconds.
    pub flush_interval_ms: u64,
}

/// How the last run of an instance ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LastRun {
    /// With a goodbye, or there was none.
    Complete,
    /// Killed.
    Broken(BrokenRun),
    /// Killed, and what it noted cannot be read.
    Unknown,
}

/// How the last run of this writer ended; its lock is held.
pub(super) fn last(place: &dyn Place, writer: &str) -> LastRun {
    match place.note(writer) {
        Ok(None) => LastRun::Complete,
        Ok(Some(bytes)) => match serde_json::from_slice::<BrokenRun>(&bytes) {
            Ok(run) if run.schema == SCHEMA => LastRun::Broken(run),
            Ok(_) | Err(_) => LastRun::Unknown,
        },
        Err(_) => LastRun::Unknown,
    }
}

impl Store {
    /// How the last run of this instance ended.
    #[must_use]
    pub const fn last_run(&self) -> &LastRun {
        &self.last_run
    }

    /// Notes that everything that came before `flushed` is in the store. Called at the start and after every flush; the next
    /// run tells what is noted when this one does not [`close`](Self::close).
    ///
    /// # Errors
    /// When the place refuses. The store itself is not touched.
    pub fn note(&mut self, flushed: Timestamp, flush_interval_ms: u64) -> Result<(), StoreError> {
        self.lock.hold()?;
        let started = *self.started.get_or_insert(flushed);
        let run = BrokenRun {
            schema: SCHEMA.to_owned(),
            epoch: self.epoch,
            started,
            flushed,
            flush_interval_ms,
        };
        let text = serde_json::to_vec(&run).map_err(|error| StoreError::Encode {
            table: "run",
            reason: error.to_string(),
        })?;
        self.place.set_note(&self.instance, Some(&text))
    }

    /// Says goodbye: all that was in hand is written.
    ///
    /// # Errors
    /// When the place refuses; the next run then believes that this one was killed.
    pub fn close(self) -> Result<(), StoreError> {
        self.place.set_note(&self.instance, None)
    }
}
