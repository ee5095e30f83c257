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
//! Above the bounds on memory the longest idle slices close, and the longest waiting ones settle early; what that may
//! have cut is counted. Nothing here stalls for the size of what is buffered: records lie packed in a pool that grows and
//! shrinks by chunks, tables grow bucket by bucket, slices become due in a time wheel, and a flush can be made in steps.

mod chains;
mod closing;
mod flushing;
mod group;
mod open;
mod packed;
mod pool;
mod seen;
mod steady;
mod usage;
mod waiting;
mod wheel;
mod windows;

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::names::{Names, Tables};
use crate::record::SpanRecord;
use crate::segment::Segment;
use crate::settings::Settings;
use crate::slice::{self, Gaps};
use crate::span::TraceId;
use crate::tally::{Sum, Tally, TallySink};
use chains::{Chains, Slice};
use closing::Cause;
use flushing::Flushing;
use open::OpenSlices;
use seen::{Seen, Settled};
pub use usage::Usage;
use waiting::Waiting;
use windows::Windows;

/// Owns its slices and counts; never shared between threads.
#[derive(Debug)]
pub struct Shard {
    names: Arc<Names>,
    settings: Settings,
    /// Records of open and of waiting slices.
    chains: Chains,
    open: OpenSlices,
    waiting: Waiting,
    seen: Seen,
    /// Settled since the last flush: slice by slice, and with their cohort.
    tally: Tally,
    settled: Sum,
    /// What a flush that was given up had settled.
    given_up: Segment,
    /// Instead of the tally, where windows of span time are kept apart.
    windows: Option<Windows>,
    /// The flush that is being made; nothing closes or settles meanwhile.
    flushing: Option<Flushing>,
    /// A flush that had to be finished at once, and was not taken yet.
    flushed: Option<Flush>,
    /// Latest arrival time told.
    now_ms: u64,
    counters: Counters,
    buffers: Buffers,
}

/// Memory that is reused from slice to slice.
#[derive(Debug, Default)]
struct Buffers {
    group: Vec<Slice>,
    records: Vec<SpanRecord>,
    gaps: Gaps,
    settled: Settled,
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

impl Shard {
    /// An empty shard over shared names.
    #[must_use]
    pub fn new(names: Arc<Names>, settings: Settings) -> Self {
        Self {
            names,
            chains: Chains::default(),
            open: OpenSlices::new(&settings),
            waiting: Waiting::new(&settings),
            seen: Seen::new(&settings),
            settings,
            tally: Tally::default(),
            settled: Sum::default(),
            given_up: Segment::default(),
            windows: None,
            flushing: None,
            flushed: None,
            now_ms: 0,
            counters: BTreeMap::new(),
            buffers: Buffers::default(),
        }
    }

    /// Adds a span to its slice. `now_ms` is arrival time on any monotonic clock, the same for all calls.
    #[expect(
        clippy::needless_pass_by_value,
        reason = "who reads files has no further use for it"
    )]
    pub fn push(&mut self, record: SpanRecord, now_ms: u64) {
        self.push_ref(&record, now_ms);
    }

    /// [`push`](Self::push) of a record that the caller keeps.
    pub fn push_ref(&mut self, record: &SpanRecord, now_ms: u64) {
        self.now_ms = self.now_ms.max(now_ms);
        self.open.push(record, self.now_ms, &mut self.chains);
        if self.is_over() {
            self.make_room();
        }
    }

    /// Closes the slices that are idle or old at `now_ms`, and settles those that waited long enough. Cheap when nothing
    /// is due. While a flush is under way this only notes the time.
    pub fn tick(&mut self, now_ms: u64) {
        self.now_ms = self.now_ms.max(now_ms);
        if self.flushing.is_some() {
            return;
        }
        while self.close_due() {}
        while let Some(cohort) = self.waiting.next_over(self.now_ms) {
            self.settle(cohort);
        }
    }

    /// Closes and settles every slice: nothing more will come. Gives up a flush that is under way.
    pub fn close_all(&mut self) {
        self.give_up_flush();
        let keys = self.open.keys();
        self.close_keys(&keys, Cause::End);
        while let Some(cohort) = self.waiting.next_cohort() {
            self.settle(cohort);
        }
    }

    /// Takes what settled since the last call, with names resolved. After [`close_all`](Self::close_all) that is all.
    pub fn take_segment(&mut self) -> Segment {
        let mut settled = std::mem::take(&mut self.settled);
        let names = self.names.read();
        settled.add(std::mem::take(&mut self.tally), &names);
        let mut segment = settled.into_segment(&names, &self.settings);
        drop(names);
        // Into the larger one: nearly always the other is empty.
        segment.merge(std::mem::take(&mut self.given_up));
        add_counters(&mut segment, std::mem::take(&mut self.counters));
        segment
    }
}

fn add_counters(segment: &mut Segment, counters: Counters) {
    for (name, count) in counters {
        *segment.counters.entry(name.to_owned()).or_default() += count;
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

    /// Infers the traces of a slice, and leaves its records in no state that means anything.
    fn slice(self, key: u64, records: &mut Vec<SpanRecord>, tally: &mut Tally) {
        let mut scratch = tally.scratch.take().unwrap_or_default();
        let mut sink = self.sink(tally);
        let settled = |id| self.seen.has(key, id);
        let mut infer = |trace: &[SpanRecord]| {
            slice::infer(trace, self.names, settled, &mut scratch, &mut sink);
        };
        if is_one_trace(records) {
            infer(records);
        } else {
            let traces = split_by_trace(std::mem::take(records));
            traces.iter().for_each(|trace| infer(trace));
        }
        tally.scratch = Some(scratch);
    }

    /// False when a span of the slice points to one that is missing, or should have an answer and has none.
    fn is_complete(self, key: u64, records: &[SpanRecord], gaps: &mut Gaps) -> bool {
        gaps.are_none(records, self.names, |id| self.seen.has(key, id))
    }
}

/// True when all trace ids are the same, in both halves: nearly always.
fn is_one_trace(records: &[SpanRecord]) -> bool {
    let mut pairs = records.iter().zip(records.iter().skip(1));
    pairs.all(|(a, b)| a.trace_id == b.trace_id)
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

#[cfg(test)]
mod tests;
