//! Shard threads behind bounded queues.
//!
//! ```text
//! decoders --submit--> [records by trace id] --> shard thread 0..n --flush--> Flush
//! ```
//! Place in the flow: records -> here -> segments. A request is taken as a whole or refused as a whole, and a
//! refusal is retryable, so nothing is lost between sender and shard. The bound counts records over all queues: records
//! are of fixed size, so it is a bound on memory, whatever the size of requests. Any number of threads may submit.

mod batch;
mod gauges;
mod shards;

use std::collections::BTreeMap;
use std::io;
use std::num::NonZeroUsize;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use tracemesh_graph::record::{Names, Recorder, SpanRecord};
use tracemesh_graph::segment::Segment;
use tracemesh_graph::settings::Settings;
use tracemesh_graph::shard::{Flush, Usage};
use tracemesh_graph::span::RejectReason;

use crate::clock::{self, MonotonicMs};
use batch::{Desk, Request};
use shards::ShardThread;

/// Why a request was not taken. Nothing of it was queued.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// The queues are full; the sender may try again.
    #[error("the queues are full")]
    Overloaded,
    /// The pipeline is draining or a shard has died; another instance may take the request.
    #[error("the collector is shutting down")]
    Stopped,
}

/// Running shard threads.
pub struct Pipeline {
    names: Arc<Names>,
    settings: Settings,
    shards: Vec<ShardThread>,
    desk: Arc<Desk>,
    capacity: usize,
    rejected: Mutex<BTreeMap<RejectReason, u64>>,
    /// True once draining: held for reading while a request is queued, so that none is cut in two.
    stopped: RwLock<bool>,
    clock: MonotonicMs,
}

impl Pipeline {
    /// Starts the shard threads. `queue_capacity` is the number of records that may wait, over all shards.
    ///
    /// # Errors
    /// When the system refuses a thread.
    pub fn start(
        settings: &Settings,
        shards: NonZeroUsize,
        queue_capacity: usize,
    ) -> io::Result<Self> {
        Self::start_with_clock(settings, shards, queue_capacity, clock::monotonic())
    }

    pub(crate) fn start_with_clock(
        settings: &Settings,
        shards: NonZeroUsize,
        queue_capacity: usize,
        clock: MonotonicMs,
    ) -> io::Result<Self> {
        let names = Arc::new(Names::new(settings));
        let shards = (0..shards.get())
            .map(|index| ShardThread::start(index, &names, settings, Arc::clone(&clock)))
            .collect::<io::Result<_>>()?;
        Ok(Self {
            names,
            settings: settings.clone(),
            shards,
            desk: Arc::default(),
            capacity: queue_capacity,
            rejected: Mutex::default(),
            stopped: RwLock::new(false),
            clock,
        })
    }

    /// A recorder whose records this pipeline understands. One per decoding thread.
    #[must_use]
    pub fn recorder(&self) -> Recorder {
        Recorder::new(Arc::clone(&self.names), &self.settings)
    }

    /// Milliseconds on the clock of the pipeline.
    pub(crate) fn now_ms(&self) -> u64 {
        (self.clock)()
    }

    /// Makes the queues look as if this many records waited in them.
    #[cfg(test)]
    pub(crate) fn pretend_queued(&self, records: usize) {
        self.desk.queued.store(records, Ordering::Release);
    }

    /// Records that wait in queues.
    #[must_use]
    pub fn queued_records(&self) -> usize {
        self.desk.queued.load(Ordering::Relaxed)
    }

    /// Records that may wait in queues.
    #[must_use]
    pub const fn queue_capacity(&self) -> usize {
        self.capacity
    }

    /// Interned names, by table.
    #[must_use]
    pub fn interned(&self) -> [(&'static str, usize); 7] {
        self.names.sizes()
    }

    /// What the shards buffer, all together. Asks none of them.
    #[must_use]
    pub fn usage(&self) -> Usage {
        let shards = self.shards.iter().map(|shard| shard.gauges().get());
        shards.sum()
    }

    /// What each shard buffers, and whether its thread is alive. Asks none of them.
    pub(crate) fn shards(&self) -> impl Iterator<Item = (Usage, bool)> {
        let shards = self.shards.iter();
        shards.map(|shard| (shard.gauges().get(), !shard.is_dead()))
    }

    /// The most records that may wait.
    #[must_use]
    pub const fn capacity(&self) -> usize {
        self.capacity
    }

    /// Queues the records of one request, and counts its rejected spans, or does neither.
    ///
    /// A request larger than the whole capacity is taken when nothing else waits; otherwise it could never be.
    ///
    /// # Errors
    /// See [`Refused`].
    pub fn submit(
        &self,
        records: Vec<SpanRecord>,
        rejected: &BTreeMap<RejectReason, u64>,
    ) -> Result<(), Refused> {
        let stopped = self.stopped.read().unwrap_or_else(PoisonError::into_inner);
        if *stopped || self.shards.iter().any(ShardThread::is_dead) {
            return Err(Refused::Stopped);
        }
        let count = records.len();
        self.desk
            .queued
            .fetch_update(Ordering::AcqRel, Ordering::Relaxed, |queued| {
                let total = queued.checked_add(count)?;
                (queued == 0 || total <= self.capacity).then_some(total)
            })
            .map_err(|_queued| Refused::Overloaded)?;
        let now_ms = (self.clock)();
        let request = Request::new(records, self.shards.len(), Arc::clone(&self.desk));
        for (shard, batch) in request.batches(now_ms) {
            self.shards[shard].push(batch);
        }
        if !rejected.is_empty() {
            let mut total = self.rejected.lock().unwrap_or_else(PoisonError::into_inner);
            for (reason, count) in rejected {
                *total.entry(*reason).or_default() += count;
            }
        }
        Ok(())
    }

    /// Takes what settled since the last flush, and what waits for late spans as it stands. Blocks until every shard has
    /// come to the request.
    #[must_use]
    pub fn flush(&self) -> Flush {
        self.collect(ShardThread::ask_flush)
    }

    /// Refuses further requests, closes and settles every slice, ends the threads and takes the rest. Blocks.
    #[must_use]
    pub fn drain(&self) -> Segment {
        *self.stopped.write().unwrap_or_else(PoisonError::into_inner) = true;
        let flush = self.collect(ShardThread::ask_stop);
        for shard in &self.shards {
            shard.join();
        }
        flush.settled
    }

    /// Asks all shards before it waits for the first, so that they work side by side.
    fn collect(&self, ask: fn(&ShardThread) -> shards::Answer) -> Flush {
        let answers: Vec<_> = self.shards.iter().map(ask).collect();
        let mut flush = Flush::default();
        for (index, answer) in answers.into_iter().enumerate() {
            match answer.recv() {
                Ok(part) => flush.merge(part),
                Err(_) => tracing::error!(shard = index, "shard died, its open slices are lost"),
            }
        }
        let mut rejected = self.rejected.lock().unwrap_or_else(PoisonError::into_inner);
        flush
            .settled
            .count_rejected(&std::mem::take(&mut *rejected));
        flush
    }
}

#[cfg(test)]
mod tests;
