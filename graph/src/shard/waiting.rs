//! The second tier: closed slices that wait for late spans (inference rule 1.3).
//!
//! Slices of about the same age wait together, as a cohort, and settle together: until then their counts can be taken
//! back as a whole. A late span takes its slice out of the cohort; the counts of the others are then made again, once, when
//! somebody asks for them. A slice in which nothing is missing waits for a short while only, and only while there is
//! plenty of room: a late span of it is possible, but nothing says that there is one.

mod cohort;

use std::collections::VecDeque;

use super::Infer;
use super::chains::{Chain, Chains, Slice, cell_bytes};
use super::pool::NONE;
use super::steady::SteadyMap;
use crate::record::SpanRecord;
use crate::settings::Settings;
pub(super) use cohort::{Cohort, Rebuild};

/// Cohorts that one wait is divided into: more of them keep fewer slices waiting longer than they must, and cost more
/// merging at every flush.
const COHORTS: u64 = 8;

/// Slices that wait, oldest cohort first.
#[derive(Debug)]
pub(super) struct Waiting {
    complete: Line,
    incomplete: Line,
    slices: SteadyMap<WaitingSlice>,
    next_number: u32,
    records: usize,
    cells: usize,
    max_records: usize,
}

/// Cohorts that wait equally long.
#[derive(Debug)]
struct Line {
    wait_ms: u64,
    cohorts: VecDeque<Cohort>,
}

/// A slice in the list of its cohort.
#[derive(Debug, Clone, Copy)]
pub(super) struct WaitingSlice {
    chain: Chain,
    /// Number of its cohort.
    cohort: u32,
    /// Slots of its neighbours in the list.
    before: u32,
    after: u32,
}

/// A slice that has closed.
pub(super) struct Arrived {
    pub(super) slice: Slice,
    pub(super) is_complete: bool,
    /// The cohort in which its earlier spans waited.
    pub(super) cohort: Option<u32>,
}

impl Waiting {
    pub(super) fn new(settings: &Settings) -> Self {
        let line = |wait_ms| Line {
            wait_ms,
            cohorts: VecDeque::new(),
        };
        Self {
            complete: line(settings.dedupe_window_ms),
            incomplete: line(settings.late_wait_ms),
            slices: SteadyMap::default(),
            next_number: 0,
            records: 0,
            cells: 0,
            max_records: settings.max_waiting_records,
        }
    }

    /// Records in all slices.
    pub(super) fn records(&self) -> usize {
        self.records
    }

    /// Slices that wait.
    pub(super) fn len(&self) -> usize {
        self.slices.len()
    }

    /// Bytes of slices and records.
    pub(super) fn bytes(&self) -> usize {
        self.slices.bytes() + cell_bytes(self.cells)
    }

    /// Bytes taken from the allocator, but for the records.
    pub(super) fn held_bytes(&self) -> usize {
        self.slices.held_bytes()
    }

    /// True when earlier spans of this slice wait.
    pub(super) fn has(&self, key: u64) -> bool {
        self.slices.find(key).is_some()
    }

    /// Takes a slice out of the cohort that it waited in, whose number comes with its records.
    pub(super) fn leave(&mut self, key: u64, chains: &Chains) -> Option<(u32, Chain)> {
        let slot = self.slices.find(key)?;
        let slice = *self.slices.value(slot);
        match slice.before {
            NONE => {
                if let Some(cohort) = self.cohort(slice.cohort) {
                    cohort.first = slice.after;
                }
            }
            before => self.slices.value_mut(before).after = slice.after,
        }
        if slice.after != NONE {
            self.slices.value_mut(slice.after).before = slice.before;
        }
        self.slices.remove(key);
        self.records -= slice.chain.records();
        self.cells -= chains.cells(&slice.chain);
        if let Some(cohort) = self.cohort(slice.cohort) {
            cohort.left(slice.chain.records());
        }
        Some((slice.cohort, slice.chain))
    }

    /// True when there is room for so many more records; for those of slices in which nothing is missing, only half of it.
    pub(super) fn has_room(&self, count: usize, is_complete: bool) -> bool {
        match is_complete {
            true => self.records + count <= self.max_records / 2,
            false => count <= self.max_records,
        }
    }

    /// Lets a slice wait, for which there is room. A slice that is still incomplete waits on where it waited before, so that
    /// nothing waits for ever. `records` are those of its chain.
    pub(super) fn admit(
        &mut self,
        arrived: &Arrived,
        records: &mut Vec<SpanRecord>,
        now_ms: u64,
        (infer, chains): (Infer<'_>, &Chains),
    ) {
        let number = match arrived.cohort {
            Some(number) if !arrived.is_complete && self.cohort(number).is_some() => number,
            _ => self.current(arrived.is_complete, now_ms),
        };
        let after = self.cohort(number).map_or(NONE, |cohort| cohort.first);
        let Slice { key, chain } = arrived.slice;
        let slice = WaitingSlice {
            chain,
            cohort: number,
            before: NONE,
            after,
        };
        let slot = self.slices.insert(key, slice);
        if after != NONE {
            self.slices.value_mut(after).before = slot;
        }
        self.records += chain.records();
        self.cells += chains.cells(&chain);
        if let Some(cohort) = self.cohort(number) {
            cohort.first = slot;
            cohort.add(key, records, infer);
        }
    }

    /// The next cohort whose wait is over.
    pub(super) fn next_over(&mut self, now_ms: u64) -> Option<Cohort> {
        let is_over = |line: &Line| {
            let front = line.cohorts.front();
            front.is_some_and(|cohort| cohort.settles_ms <= now_ms)
        };
        let line = self.lines().into_iter().find(|line| is_over(line))?;
        line.cohorts.pop_front()
    }

    /// The cohort that has to make room, if there are too many records: what lacks nothing goes first.
    pub(super) fn next_excess(&mut self) -> Option<Cohort> {
        (self.records > self.max_records).then(|| self.next_cut())?
    }

    /// The cohort that has to make room.
    pub(super) fn next_cut(&mut self) -> Option<Cohort> {
        let mut cohort = self.next_cohort()?;
        cohort.is_cut = true;
        Some(cohort)
    }

    /// Any cohort: complete ones first, the oldest first.
    pub(super) fn next_cohort(&mut self) -> Option<Cohort> {
        let lines = self.lines();
        lines.into_iter().find_map(|line| line.cohorts.pop_front())
    }

    /// All cohorts.
    pub(super) fn cohorts(&mut self) -> impl Iterator<Item = &mut Cohort> {
        let lines = self.lines().into_iter();
        lines.flat_map(|line| &mut line.cohorts)
    }

    /// The slices of a cohort that was taken, ordered by key. They are gone from here.
    pub(super) fn take_slices(&mut self, cohort: &Cohort, chains: &Chains) -> Vec<Slice> {
        let slices = self.slices_of(cohort.first);
        for Slice { key, chain } in &slices {
            self.slices.remove(*key);
            self.records -= chain.records();
            self.cells -= chains.cells(chain);
        }
        slices
    }

    /// The slices of the list that begins with this slot, ordered by key.
    pub(super) fn slices_of(&self, first: u32) -> Vec<Slice> {
        let mut slices = Vec::new();
        let mut slot = first;
        while slot != NONE {
            let WaitingSlice { chain, after, .. } = *self.slices.value(slot);
            let key = self.slices.key(slot);
            slices.push(Slice { key, chain });
            slot = after;
        }
        slices.sort_unstable_by_key(|slice| slice.key);
        slices
    }

    fn lines(&mut self) -> [&mut Line; 2] {
        [&mut self.complete, &mut self.incomplete]
    }

    fn cohort(&mut self, number: u32) -> Option<&mut Cohort> {
        self.cohorts().find(|cohort| cohort.number == number)
    }

    /// The number of the cohort that takes slices now; a new one if the last has closed or is large.
    fn current(&mut self, is_complete: bool, now_ms: u64) -> u32 {
        let share = self.max_records / usize::try_from(COHORTS).unwrap_or(1);
        let number = self.next_number;
        let line = if is_complete {
            &mut self.complete
        } else {
            &mut self.incomplete
        };
        if let Some(last) = line.cohorts.back()
            && now_ms < last.closes_ms
            && last.records <= share
        {
            return last.number;
        }
        let closes_ms = now_ms.saturating_add(line.wait_ms / COHORTS + 1);
        let settles_ms = closes_ms.saturating_add(line.wait_ms);
        let cohort = Cohort::new(number, closes_ms, settles_ms);
        line.cohorts.push_back(cohort);
        self.next_number = number.wrapping_add(1);
        number
    }
}
