//! Slices that settle together, and their counts.

use super::super::Infer;
use super::super::chains::{Chains, Slice};
use super::super::group::gather;
use crate::record::SpanRecord;
use crate::tally::Tally;

/// Slices that settle together.
#[derive(Debug)]
pub(in super::super) struct Cohort {
    pub(super) number: u32,
    /// Takes further slices until then.
    pub(super) closes_ms: u64,
    /// Settles then.
    pub(super) settles_ms: u64,
    /// Slot of the slice that came last; the others follow in its list.
    pub(super) first: u32,
    pub(super) records: usize,
    /// Counts of its slices. They stay without names for as long as the cohort waits.
    tally: Tally,
    /// A slice left: the tally is no longer the sum.
    is_stale: bool,
    pub(super) is_cut: bool,
}

/// The counts of a cohort in the making. Its slices must not change meanwhile.
#[derive(Debug)]
pub(in super::super) struct Rebuild {
    slices: std::vec::IntoIter<Slice>,
    tally: Tally,
}

impl Cohort {
    pub(super) fn new(number: u32, closes_ms: u64, settles_ms: u64) -> Self {
        Self {
            number,
            closes_ms,
            settles_ms,
            first: super::NONE,
            records: 0,
            tally: Tally::default(),
            is_stale: false,
            is_cut: false,
        }
    }

    pub(super) fn add(&mut self, key: u64, records: &mut Vec<SpanRecord>, infer: Infer<'_>) {
        self.records += records.len();
        if !self.is_stale {
            infer.slice(key, records, &mut self.tally);
        }
    }

    /// Notes that a slice with so many records has left.
    pub(super) fn left(&mut self, records: usize) {
        self.records -= records;
        self.is_stale = true;
    }

    /// Slot of the first slice in its list, if its counts have to be made again.
    pub(in super::super) fn stale(&self) -> Option<u32> {
        self.is_stale.then_some(self.first)
    }

    /// Puts counts in place that were made again.
    pub(in super::super) fn renew(&mut self, rebuild: Rebuild) {
        self.is_stale = false;
        self.tally = rebuild.tally;
    }

    /// The counts of its slices; it is not stale.
    pub(in super::super) fn tally(&self) -> &Tally {
        debug_assert!(!self.is_stale, "stale counts are made again first");
        &self.tally
    }

    /// The same, when it is over.
    pub(in super::super) fn into_tally(self) -> Tally {
        debug_assert!(!self.is_stale, "stale counts are made again first");
        self.tally
    }

    /// True when it settles before its time, for want of room.
    pub(in super::super) fn is_cut(&self) -> bool {
        self.is_cut
    }
}

impl Rebuild {
    /// Of these slices. In order, so that caps cut the same whenever this is done.
    pub(in super::super) fn new(slices: Vec<Slice>) -> Self {
        Self {
            slices: slices.into_iter(),
            tally: Tally::default(),
        }
    }

    /// Infers slices of about so many records, and subtracts them. True when all are done.
    pub(in super::super) fn step(
        &mut self,
        records_left: &mut usize,
        chains: &Chains,
        infer: Infer<'_>,
    ) -> bool {
        let (mut group, mut records) = (Vec::new(), Vec::new());
        while *records_left > 0 && gather(&mut group, &mut self.slices, chains) {
            for slice in group.drain(..) {
                records.clear();
                chains.read(&slice, &mut records);
                *records_left = records_left.saturating_sub(records.len());
                infer.slice(slice.key, &mut records, &mut self.tally);
            }
        }
        self.slices.len() == 0
    }
}
