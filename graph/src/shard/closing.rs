//! The end of a slice: from open to waiting, and from waiting to settled.

use super::chains::Slice;
use super::group::gather;
use super::waiting::{Arrived, Cohort, Rebuild};
use super::{Counters, Infer, Shard};
use crate::record::SpanRecord;
use crate::settings::Settings;
use crate::slice::{Event, SliceSink};

/// Why a slice closes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cause {
    /// Idle or old enough.
    Time,
    /// The longest idle one while there are too many open records.
    Records,
    /// The longest idle one while there are too many bytes: there is no room to wait either.
    Bytes,
    /// Nothing more will come.
    End,
}

impl Shard {
    /// True when more is buffered than may be.
    pub(super) fn is_over(&self) -> bool {
        self.open.records() > self.settings.max_open_records || self.is_over_bytes()
    }

    fn is_over_bytes(&self) -> bool {
        let bytes = self.open.bytes() + self.waiting.bytes();
        bytes > self.settings.max_buffered_bytes
    }

    /// Closes the longest idle slices while there are too many open records, and before that, while there are too many bytes,
    /// settles what waited longest: its calls are counted already.
    pub(super) fn make_room(&mut self) {
        self.finish_flush();
        while self.is_over() {
            let cause = match self.is_over_bytes() {
                true => Cause::Bytes,
                false => Cause::Records,
            };
            if cause == Cause::Bytes
                && let Some(cohort) = self.waiting.next_cut()
            {
                self.settle(cohort);
                continue;
            }
            let Some(slice) = self.open.take_longest_idle(&self.chains) else {
                break;
            };
            self.close(slice, cause);
        }
    }

    /// Closes the slice with this key, if it is open.
    pub(super) fn close_key(&mut self, key: u64, cause: Cause) {
        if let Some(slice) = self.open.take(key, &self.chains) {
            self.close(slice, cause);
        }
    }

    /// Closes the slices with these keys that are open, in this order.
    pub(super) fn close_keys(&mut self, keys: &[u64], cause: Cause) {
        let mut keys = keys.iter();
        let mut is_any = true;
        while is_any {
            let mut group = std::mem::take(&mut self.buffers.group);
            let next = |key: &u64| self.open.take(*key, &self.chains);
            is_any = gather(&mut group, keys.by_ref().filter_map(next), &self.chains);
            self.close_group(group, cause);
        }
    }

    /// Closes some of the slices that are due; false when none is.
    pub(super) fn close_due(&mut self) -> bool {
        let mut group = std::mem::take(&mut self.buffers.group);
        let next = || self.open.take_due(self.now_ms, &self.chains);
        let is_any = gather(&mut group, std::iter::from_fn(next), &self.chains);
        self.close_group(group, Cause::Time);
        is_any
    }

    /// Closes slices that were taken, in the list that is kept for them.
    fn close_group(&mut self, mut group: Vec<Slice>, cause: Cause) {
        for slice in group.drain(..) {
            self.close(slice, cause);
        }
        self.buffers.group = group;
    }

    fn close(&mut self, slice: Slice, cause: Cause) {
        let mut records = std::mem::take(&mut self.buffers.records);
        records.clear();
        self.chains.read(&slice, &mut records);
        self.close_read(slice, &mut records, cause);
        self.buffers.records = records;
        while let Some(cohort) = self.waiting.next_excess() {
            self.settle(cohort);
        }
    }

    /// `records` are those of the slice.
    fn close_read(&mut self, mut slice: Slice, records: &mut Vec<SpanRecord>, cause: Cause) {
        let key = slice.key;
        let names = self.names.read();
        let infer = Infer {
            names: &names,
            settings: &self.settings,
            seen: &self.seen,
        };
        let (tally, counters) = match &mut self.windows {
            Some(windows) => {
                let part = windows.part(records, infer);
                (&mut part.tally, &mut part.counters)
            }
            None => (&mut self.tally, &mut self.counters),
        };
        let came = records.len();
        self.seen.drop_repeats(key, records, &mut infer.sink(tally));
        if records.len() < came {
            self.chains.refill(&mut slice.chain, records);
        }
        let earlier = self.waiting.leave(key, &self.chains);
        let cohort = earlier.map(|(cohort, _)| cohort);
        if !records.is_empty() {
            let was_cut = self.seen.was_cut(key);
            if let Some(counter) = continued(cohort.is_some(), was_cut, &self.settings) {
                *counters.entry(counter).or_default() += 1;
            }
        }
        if let Some((_, earlier)) = earlier {
            self.chains.join(&mut slice, earlier, records);
        }
        let gaps = &mut self.buffers.gaps;
        let is_complete = cause == Cause::End || infer.is_complete(key, records, gaps);
        let waits = matches!(cause, Cause::Time | Cause::Records) && !records.is_empty();
        if waits && self.waiting.has_room(records.len(), is_complete) {
            let arrived = Arrived {
                slice,
                is_complete,
                cohort,
            };
            let with = (infer, &self.chains);
            self.waiting.admit(&arrived, records, self.now_ms, with);
        } else {
            if !is_complete {
                cut(records, counters, &mut infer.sink(tally));
            }
            let settled = &mut self.buffers.settled;
            if cause != Cause::End {
                self.seen.note((key, !is_complete), records, settled);
            }
            infer.slice(key, records, tally);
            self.seen.remember(settled, self.now_ms);
            self.chains.free(slice.chain);
        }
    }

    /// Settles the counts of slices that waited long enough, or for which there is no more room.
    pub(super) fn settle(&mut self, mut cohort: Cohort) {
        let names = self.names.read();
        let slices = self.waiting.take_slices(&cohort, &self.chains);
        let infer = Infer {
            names: &names,
            settings: &self.settings,
            seen: &self.seen,
        };
        if cohort.stale().is_some() {
            let mut rebuild = Rebuild::new(slices.clone());
            let mut all = usize::MAX;
            rebuild.step(&mut all, &self.chains, infer);
            cohort.renew(rebuild);
        }
        let is_cut = cohort.is_cut();
        self.settled.add(cohort.into_tally(), &names);
        let mut sink = infer.sink(&mut self.tally);
        let (mut group, mut records) = (Vec::new(), Vec::new());
        let mut slices = slices.into_iter();
        while gather(&mut group, &mut slices, &self.chains) {
            for slice in group.drain(..) {
                records.clear();
                self.chains.read(&slice, &mut records);
                self.chains.free(slice.chain);
                let gaps = &mut self.buffers.gaps;
                let is_cut = is_cut && !infer.is_complete(slice.key, &records, gaps);
                if is_cut {
                    cut(&records, &mut self.counters, &mut sink);
                }
                let settled = &mut self.buffers.settled;
                self.seen.note((slice.key, is_cut), &records, settled);
            }
        }
        self.seen.remember(&mut self.buffers.settled, self.now_ms);
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

/// Counts a slice that had to settle before all of its spans can have come.
fn cut(records: &[SpanRecord], counters: &mut Counters, sink: &mut impl SliceSink) {
    *counters.entry("slices_closed_early").or_default() += 1;
    for record in records {
        sink.event(record.node, Event::StoreFull);
    }
}
