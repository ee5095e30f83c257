//! Slices that still take spans as they come, and when to look at each of them again.

use super::chains::{Chain, Chains, Slice, cell_bytes};
use super::pool::NONE;
use super::steady::SteadyMap;
use super::wheel::{Queued, Wheel};
use crate::record::SpanRecord;
use crate::settings::Settings;

/// Open slices by key.
#[derive(Debug)]
pub(super) struct OpenSlices {
    slices: SteadyMap<OpenSlice>,
    /// The slice that took the last span, and its slot: spans of one trace often follow each other.
    last: Option<(u64, u32)>,
    due: Wheel,
    records: usize,
    cells: usize,
    idle_ms: u64,
    max_ms: u64,
}

#[derive(Debug, Clone, Copy)]
struct OpenSlice {
    /// Gone when the slice was taken while it stood in the wheel, which releases its slot, and in free slots.
    chain: Chain,
    first_ms: u64,
    /// From the first span to the last.
    age_ms: u32,
    /// In the wheel.
    next: u32,
}

impl Queued for SteadyMap<OpenSlice> {
    fn next(&self, slot: u32) -> u32 {
        self.value(slot).next
    }

    fn set_next(&mut self, slot: u32, next: u32) {
        self.value_mut(slot).next = next;
    }
}

impl OpenSlices {
    pub(super) fn new(settings: &Settings) -> Self {
        Self {
            slices: SteadyMap::default(),
            last: None,
            due: Wheel::default(),
            records: 0,
            cells: 0,
            idle_ms: settings.slice_idle_ms,
            max_ms: settings.slice_max_ms,
        }
    }

    /// Adds a record to its slice. `now_ms` never runs backwards.
    pub(super) fn push(&mut self, record: &SpanRecord, now_ms: u64, chains: &mut Chains) {
        let key = record.slice_key();
        let last = self.last.filter(|(known, _)| *known == key);
        let known = last.map(|(_, slot)| slot);
        let known = known.or_else(|| self.slices.find(key));
        let slot = known.unwrap_or_else(|| {
            let slice = OpenSlice {
                chain: Chain::new(record),
                first_ms: now_ms,
                age_ms: 0,
                next: NONE,
            };
            let slot = self.slices.insert(key, slice);
            let due_ms = now_ms.saturating_add(self.idle_ms.min(self.max_ms));
            self.due.add(slot, due_ms, now_ms, &mut self.slices);
            slot
        });
        self.last = Some((key, slot));
        let slice = self.slices.value_mut(slot);
        let age_ms = now_ms.saturating_sub(slice.first_ms);
        slice.age_ms = u32::try_from(age_ms).unwrap_or(u32::MAX);
        self.cells += chains.push(&mut slice.chain, record);
        self.records += 1;
    }

    /// Records in all slices.
    pub(super) fn records(&self) -> usize {
        self.records
    }

    /// Open slices.
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

    /// All keys, in order.
    pub(super) fn keys(&self) -> Vec<u64> {
        self.slices.sorted_keys()
    }

    /// The open slices at this slot and after it, with their slots, in order. Slots hold as long as nothing is taken.
    pub(super) fn at_or_after(&self, slot: u32) -> impl Iterator<Item = (u32, Slice)> {
        let entries = self.slices.entries_from(slot);
        let open = entries.filter(|(_, _, slice)| !slice.chain.is_gone());
        open.map(|(slot, key, OpenSlice { chain, .. })| (slot, Slice { key, chain: *chain }))
    }

    /// A slice that is open.
    pub(super) fn slice(&self, key: u64) -> Option<Slice> {
        let slot = self.slices.find(key)?;
        let chain = self.slices.value(slot).chain;
        Some(Slice { key, chain })
    }

    /// Takes the next slice that is idle or old at `now_ms`. Its chain is to be freed or kept by whoever takes it.
    pub(super) fn take_due(&mut self, now_ms: u64, chains: &Chains) -> Option<Slice> {
        self.last = None;
        let (idle_ms, max_ms) = (self.idle_ms, self.max_ms);
        let due_ms = |slices: &SteadyMap<OpenSlice>, slot| {
            let slice = slices.value(slot);
            match slice.chain.is_gone() {
                true => 0,
                false => slice.closes_at(idle_ms, max_ms),
            }
        };
        loop {
            let slot = self.due.take(now_ms, &mut self.slices, due_ms)?;
            let key = self.slices.key(slot);
            let chain = self.slices.value_mut(slot).chain.take();
            if chain.is_gone() {
                self.slices.release(slot);
                continue;
            }
            self.slices.remove(key);
            return Some(self.taken(key, chain, chains));
        }
    }

    /// Takes the slice untouched for longest.
    pub(super) fn take_longest_idle(&mut self, chains: &Chains) -> Option<Slice> {
        self.take_due(u64::MAX, chains)
    }

    /// Takes a slice, whenever it is due.
    pub(super) fn take(&mut self, key: u64, chains: &Chains) -> Option<Slice> {
        self.last = None;
        let slot = self.slices.forget(key)?;
        let chain = self.slices.value_mut(slot).chain.take();
        if self.slices.len() == 0 {
            self.slices = SteadyMap::default();
            self.due.clear();
        }
        Some(self.taken(key, chain, chains))
    }

    fn taken(&mut self, key: u64, chain: Chain, chains: &Chains) -> Slice {
        self.records -= chain.records();
        self.cells -= chains.cells(&chain);
        Slice { key, chain }
    }
}

impl OpenSlice {
    fn closes_at(&self, idle_ms: u64, max_ms: u64) -> u64 {
        let last_ms = self.first_ms.saturating_add(self.age_ms.into());
        let idle = last_ms.saturating_add(idle_ms);
        let old = self.first_ms.saturating_add(max_ms);
        idle.min(old)
    }
}
