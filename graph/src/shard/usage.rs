//! What a shard buffers, for whoever watches it.

use std::iter::Sum;

use super::Shard;

/// What shards buffer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Usage {
    /// Records in open slices.
    pub open_records: usize,
    /// Open slices.
    pub open_slices: usize,
    /// Bytes of open slices and their records.
    pub open_bytes: usize,
    /// Records of closed slices that wait for late spans.
    pub waiting_records: usize,
    /// Slices that wait.
    pub waiting_slices: usize,
    /// Bytes of waiting slices and their records.
    pub waiting_bytes: usize,
    /// Bytes taken from the allocator for all of that; the rest of it is free for what comes.
    pub held_bytes: usize,
}

impl Sum for Usage {
    fn sum<I: Iterator<Item = Self>>(shards: I) -> Self {
        shards.fold(Self::default(), |sum, one| Self {
            open_records: sum.open_records + one.open_records,
            open_slices: sum.open_slices + one.open_slices,
            open_bytes: sum.open_bytes + one.open_bytes,
            waiting_records: sum.waiting_records + one.waiting_records,
            waiting_slices: sum.waiting_slices + one.waiting_slices,
            waiting_bytes: sum.waiting_bytes + one.waiting_bytes,
            held_bytes: sum.held_bytes + one.held_bytes,
        })
    }
}

impl Shard {
    /// What is buffered now. Costs nothing.
    #[must_use]
    pub fn usage(&self) -> Usage {
        Usage {
            open_records: self.open.records(),
            open_slices: self.open.len(),
            open_bytes: self.open.bytes(),
            waiting_records: self.waiting.records(),
            waiting_slices: self.waiting.len(),
            waiting_bytes: self.waiting.bytes(),
            held_bytes: self.chains.held_bytes()
                + self.open.held_bytes()
                + self.waiting.held_bytes(),
        }
    }

    /// Records in open slices.
    #[must_use]
    pub fn open_records(&self) -> usize {
        self.open.records()
    }

    /// Records of closed slices that wait for late spans.
    #[must_use]
    pub fn waiting_records(&self) -> usize {
        self.waiting.records()
    }
}
