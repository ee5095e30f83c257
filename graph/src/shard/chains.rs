//! The packed records of slices: chains of cells in one pool, last come first.
//!
//! Each record is linked on its own, so a slice of three spans costs three cells, and one of ten thousand is no slower to add
//! to. Open and waiting slices share the pool: closing a slice moves no record.

use super::packed::{self, Cell};
use super::pool::{Linked, NONE, Pool, some};
use crate::record::SpanRecord;

/// Chains that are followed in step: about as many loads as a core can wait for at once.
const IN_STEP: usize = 16;

/// Cells of all chains.
#[derive(Debug, Default)]
pub(super) struct Chains {
    /// In chunks of 32 MiB.
    cells: Pool<Cell, 19>,
}

/// The records of a slice. Its cells stay in use until [`Chains::free`].
#[derive(Debug, Clone, Copy)]
pub(super) struct Chain {
    /// High half of the trace id that most of its records have.
    high: u64,
    head: u32,
    /// Number of records, and [`HAS_WIDE`](Self::HAS_WIDE).
    records: u32,
}

/// A slice by its key, with its records.
#[derive(Debug, Clone, Copy)]
pub(super) struct Slice {
    pub(super) key: u64,
    pub(super) chain: Chain,
}

/// Bytes of so many cells.
pub(super) const fn cell_bytes(cells: usize) -> usize {
    cells * size_of::<Cell>()
}

impl Chain {
    /// Some record of the chain has more than one cell; else nobody needs to walk it to count them.
    const HAS_WIDE: u32 = 1 << 31;

    /// Without records. `like` is of the trace that is about to be added.
    pub(super) const fn new(like: &SpanRecord) -> Self {
        Self {
            high: like.trace_id.high(),
            head: NONE,
            records: 0,
        }
    }

    /// True when it holds nothing any more.
    pub(super) const fn is_gone(&self) -> bool {
        self.head == NONE
    }

    /// Leaves a chain that is gone.
    pub(super) const fn take(&mut self) -> Self {
        let taken = *self;
        self.head = NONE;
        self.records = 0;
        taken
    }

    /// Records in it.
    pub(super) const fn records(&self) -> usize {
        (self.records & !Self::HAS_WIDE) as usize
    }

    /// Notes a record in so many cells.
    const fn add(&mut self, cells: usize) {
        self.records += 1;
        if cells > 1 {
            self.records |= Self::HAS_WIDE;
        }
    }
}

impl Chains {
    /// Adds a record to a chain. Returns the cells that it took.
    pub(super) fn push(&mut self, chain: &mut Chain, record: &SpanRecord) -> usize {
        let before = self.cells.used();
        packed::pack(record, chain.high, |mut cell| {
            cell.set_link(chain.head);
            chain.head = self.cells.insert(cell);
        });
        let cells = self.cells.used() - before;
        chain.add(cells);
        cells
    }

    /// Brings the cells of slices into the caches, for whoever reads them next. The cells of a slice came at different times, so
    /// each is at another place in memory, and to follow a chain is to wait for memory once per record; following many in step
    /// waits for many at once. Where a chain ends the next one begins: their lengths differ a lot.
    pub(super) fn touch(&self, slices: &[Slice]) {
        let mut heads = slices.iter().map(|slice| slice.chain.head);
        let mut slots = [NONE; IN_STEP];
        let mut is_over = false;
        while !is_over {
            is_over = true;
            for slot in &mut slots {
                if *slot == NONE {
                    *slot = heads.next().unwrap_or(NONE);
                }
                if *slot != NONE {
                    *slot = self.cells.get(*slot).link();
                    is_over = false;
                }
            }
        }
    }

    /// Unpacks the records of a slice, the record that came last first.
    pub(super) fn read(&self, slice: &Slice, records: &mut Vec<SpanRecord>) {
        let Slice { key, chain } = slice;
        records.reserve(chain.records());
        let mut slot = chain.head;
        let mut next = || {
            let cell = *self.cells.get(slot);
            slot = cell.link();
            cell
        };
        for _ in 0..chain.records() {
            let first = next();
            records.push(packed::unpack(first, (*key, chain.high), &mut next));
        }
    }

    /// Makes a chain hold these records instead.
    pub(super) fn refill(&mut self, chain: &mut Chain, records: &[SpanRecord]) {
        self.free(chain.take());
        for record in records {
            self.push(chain, record);
        }
    }

    /// Adds the records that came earlier to a slice and to what was read of it.
    pub(super) fn join(
        &mut self,
        slice: &mut Slice,
        earlier: Chain,
        records: &mut Vec<SpanRecord>,
    ) {
        let earlier = Slice {
            chain: earlier,
            ..*slice
        };
        let late = std::mem::replace(slice, earlier);
        for record in records.iter() {
            self.push(&mut slice.chain, record);
        }
        self.free(late.chain);
        self.read(&earlier, records);
    }

    /// Cells of a chain.
    pub(super) fn cells(&self, chain: &Chain) -> usize {
        if chain.records & Chain::HAS_WIDE == 0 {
            return chain.records();
        }
        let link = |slot: &u32| some(self.cells.get(*slot).link());
        std::iter::successors(some(chain.head), link).count()
    }

    /// Frees the cells of a chain.
    pub(super) fn free(&mut self, chain: Chain) {
        let mut slot = chain.head;
        while slot != NONE {
            slot = self.cells.remove(slot).link();
        }
    }

    /// Bytes taken from the allocator.
    pub(super) fn held_bytes(&self) -> usize {
        self.cells.held_bytes()
    }
}
