//! What the shards buffer, readable from any thread without asking them.
//!
//! Each shard writes its own numbers after every message; a reader adds them up. Numbers of one shard are of one moment, those of
//! different shards may be some milliseconds apart.

use std::sync::{Mutex, PoisonError};

use tracemesh_graph::shard::Usage;

/// The numbers of one shard. Its lock is held for a copy, so neither side waits for the other.
#[derive(Debug, Default)]
pub(super) struct Gauges(Mutex<Usage>);

impl Gauges {
    pub(super) fn set(&self, usage: Usage) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = usage;
    }

    pub(super) fn get(&self) -> Usage {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
