//! A shard: the trace slices of a share of all trace ids, from their first span to settled counts.
//!
//! ```text
//! SpanRecord -> open slice --idle or old--> waiting slice --wait over--> settled
//!                   |          late spans join it ^                          ^
//!                   '------------- end of input, or no room -----------------'
//! ```
//! Place in the flow: [`SpanRecord`] -> slice -> [`Segment`]. Two exporters rarely deliver the halves of a call together, and
//! some deliver minutes late. So a closed slice waits for late spans: its calls are counted, but in a part of
//! the flush that the next flush replaces. When a late span comes, the slice is inferred again as a whole: a call moves
//! from one destination to another, and is never counted twice. Only when the wait is over are its counts settled for
//! good. What comes even later is recognised by hashes for a while.
//!
//! Above the memory budgets the longest idle slices close, and the longest waiting ones settle early; what that may
//! have cut is counted.

mod open;
mod seen;
mod waiting;
mod windows;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::names::{Names, Tables};
use crate::record::SpanRecord;
use crate::segment::Segment;
use crate::settings::Settings;
use crate::slice::{self, Event, SliceSink};
use crate::span::TraceId;
use crate::tally::{Tally, TallySink};
use open::OpenSlices;
use seen::Seen;
use waiting::{Arrived, Cohort, Waiting};
use windows::Windows;

/// Owns its slices and counts; never shared between threads.
#[derive(Debug)]
pub struct Shard {
    names: Arc<Names>,
    settings: Settings,
    open: OpenSlices,
    waiting: Waiting,
    seen: Seen,
    /// Settled since the last flush: slice by slice, and with their cohort.
    tally: Tally,
    settled: Segment,
    /// Instead of the tally, where windows of span time are kept apart.
    windows: Option<Windows>,
    /// Latest arrival time told.
    now_ms: u64,
    counters: Counters,
}

/// How slices fared, by name.
type Counters = BTreeMap<&'static str, u64>;

/// What a shard gives at a flush.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Flush {
    /// Counts that will not change any more; given once.
    pub settled: Segment,
    /// Counts of the slices that wait for late spans or are still open, as they stand; replaces that of the flush before.
    pub waiting: Segment,
}

impl Flush {
    /// Adds the flush of another shard, taken at the same time.
    pub fn merge(&mut self, other: Self) {
        self.settled.merge(other.settled);
        self.waiting.merge(other.waiting);
    }
}

/// Why a slice closes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Cause {
    /// Idle or old enough.
    Time,
    /// The longest idle one while the shard is full.
    Memory,
    /// Nothing more will come.
    End,
}

impl Shard {
    /// An empty shard over shared names.
    #[must_use]
    pub fn new(names: Arc<Names>, settings: Settings) -> Self {
        Self {
            names,
            open: OpenSlices::new(&settings),
            waiting: Waiting::new(&settings),
            seen: Seen::new(&settings),
            settings,
            tally: Tally::default(),
            settled: Segment::default(),
            windows: None,
            now_ms: 0,
            counters: BTreeMap::new(),
        }
    }

    /// Adds a span to its slice. `now_ms` is arrival time on any monotonic clock, the same for all calls.
    pub fn push(&mut self, record: SpanRecord, now_ms: u64) {
        self.now_ms = self.now_ms.max(now_ms);
        self.open.push(record, now_ms);
        while self.open.records() > self.settings.max_open_records {
            let Some(key) = self.open.longest_idle() else {
                break;
            };
            self.close(key, Cause::Memory);
        }
    }

    /// Closes the slices that are idle or old at `now_ms`, and settles those that waited long enough. Cheap when nothing
    /// is due.
    pub fn tick(&mut self, now_ms: u64) {
        self.now_ms = self.now_ms.max(now_ms);
        while let Some(key) = self.open.next_due(now_ms) {
            self.close(key, Cause::Time);
        }
        while let Some(cohort) = self.waiting.next_over(now_ms) {
            self.settle(cohort);
        }
    }

    /// Closes and settles every slice: nothing more will come.
    pub fn close_all(&mut self) {
        for key in self.open.keys() {
            self.close(key, Cause::End);
        }
        while let Some(cohort) = self.waiting.next_cohort() {
            self.settle(cohort);
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

    /// Takes what settled since the last call, with names resolved. After [`close_all`](Self::close_all) that is all.
    pub fn take_segment(&mut self) -> Segment {
        let mut segment = std::mem::take(&mut self.settled);
        let tally = std::mem::take(&mut self.tally);
        segment.merge(tally.into_segment(&self.names.read(), &self.settings));
        add_counters(&mut segment, std::mem::take(&mut self.counters));
        segment
    }

    /// Takes what settled since the last call, and a copy of what waits or is still open: together with the flushes before, that is
    /// everything that was pushed.
    pub fn flush(&mut self) -> Flush {
        let names = self.names.read();
        let infer = Infer {
            names: &names,
            settings: &self.settings,
            seen: &self.seen,
        };
        let waiting = self.waiting.segment(&self.open, infer);
        drop(names);
        Flush {
            settled: self.take_segment(),
            waiting,
        }
    }

    fn close(&mut self, key: u64, cause: Cause) {
        let Some(mut records) = self.open.remove(key) else {
            return;
        };
        let names = self.names.read();
        let infer = Infer {
            names: &names,
            settings: &self.settings,
            seen: &self.seen,
        };
        let (tally, counters) = match &mut self.windows {
            Some(windows) => {
                let part = windows.part(&records, infer);
                (&mut part.tally, &mut part.counters)
            }
            None => (&mut self.tally, &mut self.counters),
        };
        let mut sink = infer.sink(tally);
        self.seen.drop_repeats(key, &mut records, &mut sink);
        let cohort = self.waiting.rejoin(key, &mut records);
        if !records.is_empty() {
            let was_cut = self.seen.was_cut(key);
            if let Some(counter) = continued(cohort.is_some(), was_cut, &self.settings) {
                *counters.entry(counter).or_default() += 1;
            }
        }
        let is_complete = cause == Cause::End || infer.is_complete(key, &records);
        let refused = match cause {
            Cause::End => Some(records),
            Cause::Time | Cause::Memory => {
                let arrived = Arrived {
                    key,
                    records,
                    is_complete,
                    cohort,
                };
                self.waiting.admit(arrived, self.now_ms, infer)
            }
        };
        if let Some(records) = refused {
            if !is_complete {
                cut(&records, counters, &mut infer.sink(tally));
            }
            let remembered = (cause != Cause::End).then(|| records.clone());
            infer.slice(key, records, tally);
            if let Some(records) = remembered {
                self.seen.remember(key, &records, !is_complete, self.now_ms);
            }
        }
        drop(names);
        while let Some(cohort) = self.waiting.next_excess() {
            self.settle(cohort);
        }
    }

    /// Settles the counts of slices that waited long enough, or for which there is no more room.
    fn settle(&mut self, mut cohort: Cohort) {
        let names = self.names.read();
        let infer = Infer {
            names: &names,
            settings: &self.settings,
            seen: &self.seen,
        };
        self.settled.merge(cohort.segment(infer).clone());
        let mut sink = infer.sink(&mut self.tally);
        let mut cut_slices = BTreeSet::new();
        for (key, records) in cohort.slices().filter(|_| cohort.is_cut()) {
            if !infer.is_complete(key, records) {
                cut(records, &mut self.counters, &mut sink);
                cut_slices.insert(key);
            }
        }
        for (key, records) in cohort.slices() {
            let was_cut = cut_slices.contains(&key);
            self.seen.remember(key, records, was_cut, self.now_ms);
        }
    }
}

/// The counter of a slice whose trace closed before: it joined what waits, or goes on where another settled.
fn continued(has_joined: bool, was_cut: Option<bool>, settings: &Settings) -> Option<&'static str> {
    match was_cut {
        _ if has_joined => Some("late_slices"),
        // Where nothing waits, only want of room can have settled the first part; it looked complete and was not.
        Some(false) if settings.max_waiting_records == 0 => Some("slices_closed_early"),
        Some(_) => Some("slices_continued"),
        None => None,
    }
}

fn add_counters(segment: &mut Segment, counters: Counters) {
    for (name, count) in counters {
        *segment.counters.entry(name.to_owned()).or_default() += count;
    }
}

/// Counts a slice that had to settle before all of its spans can have come.
fn cut(records: &[SpanRecord], counters: &mut Counters, sink: &mut impl SliceSink) {
    *counters.entry("slices_closed_early").or_default() += 1;
    for record in records {
        sink.event(record.node, Event::StoreFull);
    }
}

/// What the inference of a slice needs beside its records.
#[derive(Clone, Copy)]
struct Infer<'a> {
    names: &'a Tables,
    settings: &'a Settings,
    seen: &'a Seen,
}

impl<'a> Infer<'a> {
    fn sink<'t>(self, tally: &'t mut Tally) -> TallySink<'t>
    where
        'a: 't,
    {
        TallySink {
            tally,
            names: self.names,
            settings: self.settings,
        }
    }

    /// Infers the traces of a slice.
    fn slice(self, key: u64, records: Vec<SpanRecord>, tally: &mut Tally) {
        let mut scratch = tally.scratch.take().unwrap_or_default();
        let mut sink = self.sink(tally);
        let settled = |id| self.seen.has(key, id);
        for trace in split_by_trace(records) {
            slice::infer(&trace, self.names, settled, &mut scratch, &mut sink);
        }
        tally.scratch = Some(scratch);
    }

    /// False when a span of the slice points to one that is missing, or should have an answer and has none.
    fn is_complete(self, key: u64, records: &[SpanRecord]) -> bool {
        slice::is_complete(records, self.names, |id| self.seen.has(key, id))
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
