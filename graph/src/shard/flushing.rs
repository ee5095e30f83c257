//! A flush in steps, so that spans that come meanwhile do not wait for it.
//!
//! ```text
//! begin -> open slices, as if nothing more came -> cohorts whose counts are stale -> the flush
//! ```
//! While it is under way nothing closes and nothing settles, so every slice is counted once, whatever comes between two
//! steps. Want of room is the exception: then the flush is finished at once.
//!
//! An open slice of which earlier spans wait is closed instead, and joins them: it is late anyway, and its cohort would have to
//! be counted again for it at every flush.

use super::chains::Slice;
use super::closing::Cause;
use super::group::gather;
use super::waiting::Rebuild;
use super::{Flush, Infer, Shard};
use crate::record::SpanRecord;
use crate::segment::Segment;
use crate::tally::{Sum, Tally};

/// How far a flush is.
#[derive(Debug, Default)]
pub(super) struct Flushing {
    /// Counts of open slices.
    tally: Tally,
    /// Slots of open slices below are counted.
    next_slot: u32,
    are_open_done: bool,
    /// Counts of a cohort in the making, with the slot of its first slice.
    rebuild: Option<(u32, Rebuild)>,
}

impl Shard {
    /// Takes what settled since the last call, and a copy of what waits or is still open: together with the flushes before, that is
    /// everything that was pushed.
    pub fn flush(&mut self) -> Flush {
        self.begin_flush();
        loop {
            if let Some(flush) = self.step_flush(usize::MAX) {
                return flush;
            }
        }
    }

    /// Begins a flush, unless one is under way. It will hold everything that was pushed until now, and maybe some of
    /// what comes before it is done. Until then nothing closes, so it has to be driven by [`step_flush`](Self::step_flush).
    pub fn begin_flush(&mut self) {
        if self.flushing.is_none() && self.flushed.is_none() {
            self.flushing = Some(Flushing::default());
        }
    }

    /// Works on the flush for about as long as it takes to infer so many records; gives it when it is done. `None` as well
    /// when none was begun.
    pub fn step_flush(&mut self, records: usize) -> Option<Flush> {
        if let Some(flush) = self.flushed.take() {
            return Some(flush);
        }
        let mut flushing = self.flushing.take()?;
        let mut records = records;
        if self.step_open(&mut flushing, &mut records)
            && self.step_cohorts(&mut flushing, &mut records)
        {
            return Some(Flush {
                waiting: self.waiting_segment(flushing.tally),
                settled: self.take_segment(),
            });
        }
        self.flushing = Some(flushing);
        None
    }

    /// True while a flush is under way or not taken.
    #[must_use]
    pub fn is_flushing(&self) -> bool {
        self.flushing.is_some() || self.flushed.is_some()
    }

    /// Finishes the flush that is under way, if any.
    pub(super) fn finish_flush(&mut self) {
        while self.flushing.is_some() {
            self.flushed = self.step_flush(usize::MAX);
        }
    }

    /// Forgets the flush that is under way or not taken; what it would have settled will be in the next.
    pub(super) fn give_up_flush(&mut self) {
        self.flushing = None;
        if let Some(flush) = self.flushed.take() {
            self.given_up.merge(flush.settled);
        }
    }

    /// True when all open slices are counted.
    fn step_open(&mut self, flushing: &mut Flushing, records_left: &mut usize) -> bool {
        let (mut group, mut records) = (Vec::new(), Vec::new());
        while !flushing.are_open_done && *records_left > 0 {
            let open = self.open.at_or_after(flushing.next_slot);
            let next = open.map(|(slot, slice)| {
                flushing.next_slot = slot + 1;
                slice
            });
            flushing.are_open_done = !gather(&mut group, next, &self.chains);
            for slice in group.drain(..) {
                *records_left = records_left.saturating_sub(slice.chain.records());
                self.count_open(slice, &mut records, &mut flushing.tally);
            }
        }
        flushing.are_open_done
    }

    /// Counts an open slice as if nothing more came. `records` is memory to read it into.
    fn count_open(&mut self, slice: Slice, records: &mut Vec<SpanRecord>, tally: &mut Tally) {
        let key = slice.key;
        if self.waiting.has(key) {
            return self.close_key(key, Cause::Time);
        }
        records.clear();
        self.chains.read(&slice, records);
        let names = self.names.read();
        let infer = Infer {
            names: &names,
            settings: &self.settings,
            seen: &self.seen,
        };
        self.seen.drop_repeats(key, records, &mut infer.sink(tally));
        infer.slice(key, records, tally);
    }

    /// True when the counts of all cohorts are up to date.
    fn step_cohorts(&mut self, flushing: &mut Flushing, records_left: &mut usize) -> bool {
        let names = self.names.read();
        let infer = Infer {
            names: &names,
            settings: &self.settings,
            seen: &self.seen,
        };
        while *records_left > 0 {
            let (first, mut rebuild) = match flushing.rebuild.take() {
                Some(begun) => begun,
                None => {
                    let mut stale = self.waiting.cohorts().filter_map(|cohort| cohort.stale());
                    let Some(first) = stale.next() else {
                        return true;
                    };
                    drop(stale);
                    (first, Rebuild::new(self.waiting.slices_of(first)))
                }
            };
            if !rebuild.step(records_left, &self.chains, infer) {
                flushing.rebuild = Some((first, rebuild));
                break;
            }
            let mut cohorts = self.waiting.cohorts();
            if let Some(cohort) = cohorts.find(|cohort| cohort.stale() == Some(first)) {
                cohort.renew(rebuild);
            }
        }
        false
    }

    /// The counts of all that waits, and of what is still open.
    fn waiting_segment(&mut self, open: Tally) -> Segment {
        let names = self.names.read();
        let mut all = Sum::default();
        all.add(open, &names);
        for cohort in self.waiting.cohorts() {
            all.add_copy(cohort.tally(), &names);
        }
        all.into_segment(&names, &self.settings)
    }
}
