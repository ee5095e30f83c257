//! The end of a slice: from open to waiting, and from waiting to settled.

use super::chains::SIDE_BY_SIDE;
use super::open::Taken;
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
            let Some(taken) = self.open.take_longest_idle(&self.chains) else {
                break;
            };
            self.close(taken, cause);
        }
    }

    /// Closes the slice with this key, if it is open.
    pub(super) fn close_key(&mut self, key: u64, cause: Cause) {
        if let Some(taken) = self.open.take(key, &self.chains) {
            self.close(taken, cause);
        }
    }

    /// Closes the slices with these keys that are open, in this order.
    pub(super) fn close_keys(&mut self, keys: &[u64], cause: Cause) {
        for keys in keys.chunks(SIDE_BY_SIDE) {
            let mut taken = std::mem::take(&mut self.buffers.taken);
            let keys = keys.iter();
            taken.extend(keys.filter_map(|key| self.open.take(*key, &self.chains)));
            self.close_together(taken, cause);
        }
    }

    /// Closes some of the slices that are due; false when none is.
    pub(super) fn close_due(&mut self) -> bool {
        let mut taken = std::mem::take(&mut self.buffers.taken);
        let next = || self.open.take_due(self.now_ms, &self.chains);
        taken.extend(std::iter::from_fn(next).take(SIDE_BY_SIDE));
        let is_any = !taken.is_empty();
        self.close_together(taken, Cause::Time);
        is_any
    }

    /// Closes at most [`SIDE_BY_SIDE`] slices, in the list that is kept for them.
    fn close_together(&mut self, mut slices: Vec<Taken>, cause: Cause) {
        self.chains.touch(slices.iter().map(|taken| &taken.chain));
        for taken in slices.drain(..) {
            self.close(taken, cause);
        }
        self.buffers.taken = slices;
    }

    pub(super) fn close(&mut self, taken: Taken, cause: Cause) {
        let mut records = std::mem::take(&mut self.buffers.records);
        records.clear();
        self.chains.read(&taken.chain, taken.key, &mut records);
        self.close_records(taken, &mut records, cause);
        self.buffers.records = records;
        while let Some(cohort) = self.waiting.next_excess() {
            self.settle(cohort);
        }
    }

    /// `records` are those of the chain.
    fn close_records(&mut self, taken: Taken, records: &mut Vec<SpanRecord>, cause: Cause) {
        let Taken { key, mut chain } = taken;
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
            self.chains.refill(&mut chain, records);
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
            self.chains.join(&mut chain, earlier, key, records);
        }
        let gaps = &mut self.buffers.gaps;
        let is_complete = cause == Cause::End || infer.is_complete(key, records, gaps);
        let waits = matches!(cause, Cause::Time | Cause::Records) && !records.is_empty();
        if waits && self.waiting.has_room(records.len(), is_complete) {
            let arrived = Arrived {
                key,
                chain,
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
            self.chains.free(chain);
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
        let mut records = Vec::new();
        for slices in slices.chunks(SIDE_BY_SIDE) {
            self.chains.touch(slices.iter().map(|(_, chain)| chain));
            for (key, chain) in slices {
                records.clear();
                self.chains.read(chain, *key, &mut records);
                self.chains.free(*chain);
                let gaps = &mut self.buffers.gaps;
                let is_cut = is_cut && !infer.is_complete(*key, &records, gaps);
                if is_cut {
                    cut(&records, &mut self.counters, &mut sink);
                }
                let settled = &mut self.buffers.settled;
                self.seen.note((*key, is_cut), &records, settled);
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
