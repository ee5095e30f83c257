//! The records of one request, shared by the shards that they belong to.
//!
//! Records are not moved on their way: each shard gets the same request with the places of its own records in it, those of a slice
//! side by side, as far as that is cheap, and in order: then a slice is looked up once for several records, and these are packed
//! one beside the other.
//! The request counts against the capacity of the queues until the last shard is done with it, because that is how
//! long its memory is held. Its lists of places are then kept for requests to come; the records themselves are given back, since
//! decoders make room for the next request before this one is done.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tracemesh_graph::record::SpanRecord;

/// Buffers that are kept at most.
const MAX_SPARE: usize = 64;

/// Lists that the records of a request are sorted into, over all shards: with the usual 512 spans some slices share one.
const LISTS: usize = 256;

/// Buffers for more records than this are not kept: one large request must not hold memory for ever.
const MAX_SPARE_RECORDS: usize = 8_192;

/// What all requests share.
#[derive(Debug, Default)]
pub(super) struct Desk {
    /// Records that wait in queues.
    pub(super) queued: AtomicUsize,
    spare: Mutex<Vec<Buffers>>,
}

/// Empty, with room.
#[derive(Debug, Default)]
struct Buffers {
    places: Vec<u32>,
    ends: Vec<usize>,
}

/// The records of one request, by shard.
#[derive(Debug)]
pub(super) struct Request {
    records: Vec<SpanRecord>,
    /// Places of records, list by list, each in order. The records of a slice are all in one list.
    places: Vec<u32>,
    /// Where the places of each list end.
    ends: Vec<usize>,
    lists_per_shard: usize,
    desk: Arc<Desk>,
}

/// Records of one request for one shard.
#[derive(Debug)]
pub(super) struct Batch {
    request: Arc<Request>,
    shard: usize,
    /// Arrival time of the request.
    pub(super) now_ms: u64,
}

impl Desk {
    /// True when lists for so many records are kept.
    #[cfg(test)]
    pub(super) fn has_spare(&self, records: usize) -> bool {
        let spare = self.spare.lock().unwrap_or_else(PoisonError::into_inner);
        spare.iter().any(|it| it.places.capacity() >= records)
    }

    fn buffers(&self) -> Buffers {
        let mut spare = self.spare.lock().unwrap_or_else(PoisonError::into_inner);
        spare.pop().unwrap_or_default()
    }

    fn keep(&self, mut buffers: Buffers) {
        buffers.places.clear();
        buffers.ends.clear();
        let mut spare = self.spare.lock().unwrap_or_else(PoisonError::into_inner);
        if spare.len() < MAX_SPARE && buffers.places.capacity() <= MAX_SPARE_RECORDS {
            spare.push(buffers);
        }
    }
}

impl Request {
    /// Sorts records by shard and slice, in two passes over their keys. They must have been counted as queued.
    pub(super) fn new(records: Vec<SpanRecord>, shards: usize, desk: Arc<Desk>) -> Self {
        let Buffers {
            mut places,
            mut ends,
        } = desk.buffers();
        let lists_per_shard = (LISTS / shards).max(1);
        let lists = shards * lists_per_shard;
        ends.resize(lists, 0);
        for record in &records {
            ends[list_of(record.slice_key(), lists)] += 1;
        }
        let mut before = 0;
        for end in &mut ends {
            // Where the list begins, for now; each of its records moves it on.
            before += std::mem::replace(end, before);
        }
        places.resize(records.len(), 0);
        for (place, record) in (0..).zip(&records) {
            let next = &mut ends[list_of(record.slice_key(), lists)];
            places[*next] = place;
            *next += 1;
        }
        Self {
            records,
            places,
            ends,
            lists_per_shard,
            desk,
        }
    }

    /// A batch for each shard that has records in it, with the number of the shard.
    pub(super) fn batches(self, now_ms: u64) -> impl Iterator<Item = (usize, Batch)> {
        let request = Arc::new(self);
        let shards = request.ends.len() / request.lists_per_shard;
        (0..shards).filter_map(move |shard| {
            let request = Arc::clone(&request);
            let is_empty = request.of_shard(shard).is_empty();
            let batch = Batch {
                request,
                shard,
                now_ms,
            };
            (!is_empty).then_some((shard, batch))
        })
    }

    fn of_shard(&self, shard: usize) -> &[u32] {
        let first = shard * self.lists_per_shard;
        let begin = first.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.places[begin..self.ends[first + self.lists_per_shard - 1]]
    }
}

impl Drop for Request {
    fn drop(&mut self) {
        let queued = &self.desk.queued;
        queued.fetch_sub(self.records.len(), Ordering::AcqRel);
        self.desk.keep(Buffers {
            places: std::mem::take(&mut self.places),
            ends: std::mem::take(&mut self.ends),
        });
    }
}

impl Batch {
    /// The records of the shard, those of each slice in the order of the request.
    pub(super) fn records(&self) -> impl Iterator<Item = &SpanRecord> {
        let places = self.request.of_shard(self.shard).iter();
        places.map(|place| &self.request.records[*place as usize])
    }
}

/// Spreads slices evenly, also when their keys are counters. Where each shard has as many lists, they are next to each other.
pub(super) fn list_of(slice_key: u64, lists: usize) -> usize {
    // Fibonacci hashing; the high bits are the mixed ones.
    let mixed = slice_key.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let list = (u128::from(mixed) * lists as u128) >> 64;
    usize::try_from(list).unwrap_or(0)
}
