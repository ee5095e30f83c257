//! Slices that still take spans as they come, and when to look at each of them again.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};

use crate::record::SpanRecord;
use crate::settings::Settings;

/// Open slices by key.
#[derive(Debug)]
pub(super) struct OpenSlices {
    slices: HashMap<u64, OpenSlice>,
    /// (time to look again, slice key), soonest first; every open slice has one entry.
    due: BinaryHeap<Reverse<(u64, u64)>>,
    records: usize,
    idle_ms: u64,
    max_ms: u64,
}

#[derive(Debug)]
struct OpenSlice {
    records: Vec<SpanRecord>,
    first_ms: u64,
    last_ms: u64,
}

impl OpenSlices {
    pub(super) fn new(settings: &Settings) -> Self {
        Self {
            slices: HashMap::new(),
            due: BinaryHeap::new(),
            records: 0,
            idle_ms: settings.slice_idle_ms,
            max_ms: settings.slice_max_ms,
        }
    }

    pub(super) fn push(&mut self, record: SpanRecord, now_ms: u64) {
        let key = record.slice_key();
        let due = &mut self.due;
        let idle_ms = self.idle_ms;
        let slice = self.slices.entry(key).or_insert_with(|| {
            due.push(Reverse((now_ms.saturating_add(idle_ms), key)));
            OpenSlice {
                records: Vec::new(),
                first_ms: now_ms,
                last_ms: now_ms,
            }
        });
        slice.last_ms = now_ms;
        slice.records.push(record);
        self.records += 1;
    }

    /// Records in all slices.
    pub(super) fn records(&self) -> usize {
        self.records
    }

    /// All keys, in order.
    pub(super) fn keys(&self) -> Vec<u64> {
        let mut keys: Vec<u64> = self.slices.keys().copied().collect();
        keys.sort_unstable();
        keys
    }

    /// All keys, in order, each with the start of its earliest span.
    pub(super) fn starts(&self) -> Vec<(u64, u64)> {
        let slices = self.slices.iter();
        let mut starts: Vec<(u64, u64)> = slices
            .map(|(key, slice)| (*key, super::windows::earliest(&slice.records)))
            .collect();
        starts.sort_unstable();
        starts
    }

    /// All slices by key, in order.
    pub(super) fn slices(&self) -> impl Iterator<Item = (u64, &Vec<SpanRecord>)> {
        let keys = self.keys().into_iter();
        keys.filter_map(|key| Some((key, &self.slices.get(&key)?.records)))
    }

    /// The next slice that is idle or old at `now_ms`. The caller removes it.
    pub(super) fn next_due(&mut self, now_ms: u64) -> Option<u64> {
        while let Some(Reverse((at, key))) = self.due.peek().copied() {
            if at > now_ms {
                return None;
            }
            self.due.pop();
            let Some(slice) = self.slices.get(&key) else {
                continue;
            };
            let again = self.closes_at(slice);
            if again <= now_ms {
                return Some(key);
            }
            self.due.push(Reverse((again, key)));
        }
        None
    }

    /// The slice untouched for longest. The heap is ordered by when a slice was last looked at; one that got spans
    /// since is looked at again. The caller removes it.
    pub(super) fn longest_idle(&mut self) -> Option<u64> {
        while let Some(Reverse((at, key))) = self.due.pop() {
            let Some(slice) = self.slices.get(&key) else {
                continue;
            };
            let again = self.closes_at(slice);
            if again > at && self.slices.len() > 1 {
                self.due.push(Reverse((again, key)));
                continue;
            }
            return Some(key);
        }
        None
    }

    /// Takes the records of a slice.
    pub(super) fn remove(&mut self, key: u64) -> Option<Vec<SpanRecord>> {
        let slice = self.slices.remove(&key)?;
        self.records -= slice.records.len();
        if self.slices.is_empty() {
            self.due.clear();
        }
        Some(slice.records)
    }

    fn closes_at(&self, slice: &OpenSlice) -> u64 {
        let idle = slice.last_ms.saturating_add(self.idle_ms);
        let old = slice.first_ms.saturating_add(self.max_ms);
        idle.min(old)
    }
}
