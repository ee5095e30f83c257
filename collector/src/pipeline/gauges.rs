//! What the shards buffer, readable from any thread without asking them.
//!
//! Each shard writes its own numbers after every message; a reader adds them up. Numbers of different shards, and of one
//! shard among each other, may be some milliseconds apart.

use std::sync::atomic::{AtomicUsize, Ordering};

use tracemesh_graph::shard::Usage;

/// The numbers of one shard.
#[derive(Debug, Default)]
pub(super) struct Gauges([AtomicUsize; 7]);

impl Gauges {
    pub(super) fn set(&self, usage: Usage) {
        let Usage {
            open_records,
            open_slices,
            open_bytes,
            waiting_records,
            waiting_slices,
            waiting_bytes,
            held_bytes,
        } = usage;
        let values = [
            open_records,
            open_slices,
            open_bytes,
            waiting_records,
            waiting_slices,
            waiting_bytes,
            held_bytes,
        ];
        for (gauge, value) in self.0.iter().zip(values) {
            gauge.store(value, Ordering::Relaxed);
        }
    }

    /// Adds its numbers to those of other shards.
    pub(super) fn add_to(&self, total: &mut Usage) {
        let places = [
            &mut total.open_records,
            &mut total.open_slices,
            &mut total.open_bytes,
            &mut total.waiting_records,
            &mut total.waiting_slices,
            &mut total.waiting_bytes,
            &mut total.held_bytes,
        ];
        for (gauge, place) in self.0.iter().zip(places) {
            *place += gauge.load(Ordering::Relaxed);
        }
    }
}
