//! A shard: the open trace slices of a share of all trace ids, and what was inferred from closed ones.
//!
//! Place in the flow: [`SpanRecord`] -> slice -> [`Segment`]. A slice closes when it was idle or open long enough, and is
//! inferred once. Above the memory budget the longest idle slices close early, which is counted.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, HashMap};
use std::sync::Arc;

use crate::names::Names;
use crate::record::SpanRecord;
use crate::segment::Segment;
use crate::settings::Settings;
use crate::slice;
use crate::span::TraceId;
use crate::tally::{Tally, TallySink};

/// Owns its slices and counts; never shared between threads.
#[derive(Debug)]
pub struct Shard {
    names: Arc<Names>,
    settings: Settings,
    slices: HashMap<u64, Slice>,
    /// (time to look again, slice key), soonest first.
    due: BinaryHeap<Reverse<(u64, u64)>>,
    open: usize,
    closed_early: u64,
    tally: Tally,
}

#[derive(Debug)]
struct Slice {
    records: Vec<SpanRecord>,
    first_ms: u64,
    last_ms: u64,
}

impl Shard {
    /// An empty shard over shared names.
    #[must_use]
    pub fn new(names: Arc<Names>, settings: Settings) -> Self {
        Self {
            names,
            settings,
            slices: HashMap::new(),
            due: BinaryHeap::new(),
            open: 0,
            closed_early: 0,
            tally: Tally::default(),
        }
    }

    /// Adds a span to its slice. `now_ms` is arrival time on any monotonic clock, the same for all calls.
    pub fn push(&mut self, record: SpanRecord, now_ms: u64) {
        let key = record.slice_key();
        let due = &mut self.due;
        let idle_ms = self.settings.slice_idle_ms;
        let slice = self.slices.entry(key).or_insert_with(|| {
            due.push(Reverse((now_ms.saturating_add(idle_ms), key)));
            Slice {
                records: Vec::new(),
                first_ms: now_ms,
                last_ms: now_ms,
            }
        });
        slice.last_ms = now_ms;
        slice.records.push(record);
        self.open += 1;
        while self.open > self.settings.max_open_records {
            self.close_longest_idle();
        }
    }

    /// Closes the slices that are idle or old at `now_ms`. Cheap when nothing is due.
    pub fn tick(&mut self, now_ms: u64) {
        while let Some(Reverse((at, key))) = self.due.peek().copied() {
            if at > now_ms {
                break;
            }
            self.due.pop();
            let Some(slice) = self.slices.get(&key) else {
                continue;
            };
            let again = self.closes_at(slice);
            if again <= now_ms {
                self.close(key);
            } else {
                self.due.push(Reverse((again, key)));
            }
        }
    }

    /// Closes every slice.
    pub fn close_all(&mut self) {
        let keys: Vec<u64> = self.slices.keys().copied().collect();
        for key in keys {
            self.close(key);
        }
        self.due.clear();
    }

    /// Records in open slices.
    #[must_use]
    pub fn open_records(&self) -> usize {
        self.open
    }

    /// Takes what was inferred since the last call, with names resolved.
    pub fn take_segment(&mut self) -> Segment {
        let tally = std::mem::take(&mut self.tally);
        let mut segment = tally.into_segment(&self.names.read(), &self.settings);
        let closed_early = std::mem::take(&mut self.closed_early);
        if closed_early > 0 {
            let counter = "slices_closed_early".to_owned();
            segment.counters.insert(counter, closed_early);
        }
        segment
    }

    fn closes_at(&self, slice: &Slice) -> u64 {
        let idle = slice.last_ms.saturating_add(self.settings.slice_idle_ms);
        let old = slice.first_ms.saturating_add(self.settings.slice_max_ms);
        idle.min(old)
    }

    /// The heap is ordered by when a slice was last looked at; a slice that got spans since is looked at again.
    fn close_longest_idle(&mut self) {
        while let Some(Reverse((at, key))) = self.due.pop() {
            let Some(slice) = self.slices.get(&key) else {
                continue;
            };
            let again = self.closes_at(slice);
            if again > at && self.slices.len() > 1 {
                self.due.push(Reverse((again, key)));
                continue;
            }
            self.closed_early += 1;
            self.close(key);
            return;
        }
        // Slices without an entry in the heap cannot exist; closing all keeps the bound even so.
        self.close_all();
    }

    fn close(&mut self, key: u64) {
        let Some(slice) = self.slices.remove(&key) else {
            return;
        };
        self.open -= slice.records.len();
        let names = self.names.read();
        let mut sink = TallySink {
            tally: &mut self.tally,
            names: &names,
            settings: &self.settings,
        };
        for trace in split_by_trace(slice.records) {
            slice::infer(trace, &names, &mut sink);
        }
    }
}

/// Traces that share the low half of their ids are one trace when all but one kind of high half are zero (a 64-bit
/// tracer took part, rule 1.4.2); else they are apart, and zero halves belong to none of them.
fn split_by_trace(records: Vec<SpanRecord>) -> Vec<Vec<SpanRecord>> {
    let mut by_high: BTreeMap<u64, Vec<SpanRecord>> = BTreeMap::new();
    for record in records {
        by_high
            .entry(record.trace_id.high())
            .or_default()
            .push(record);
    }
    if by_high.len() == 2
        && let Some(short) = by_high.remove(&0)
        && let Some(whole) = by_high.values_mut().next()
    {
        let trace_id: TraceId = whole[0].trace_id;
        whole.extend(
            short
                .into_iter()
                .map(|record| SpanRecord { trace_id, ..record }),
        );
    }
    by_high.into_values().collect()
}
