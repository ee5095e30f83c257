//! Slices whose records are brought into the caches together, before they are read one by one.
//!
//! Place in the flow: chains of packed records -> here -> inference. To follow one chain is to wait for memory once per record.
//! Here many are followed side by side; groups are small, because what is done with a slice drives the cells of the others out
//! of the caches again.

use super::chains::{Chains, Slice};

/// Slices of a group at most.
const MAX_SLICES: usize = 64;

/// A group takes no more slices when it has so many records: cells of 64 KiB.
const ENOUGH_RECORDS: usize = 1_024;

/// Takes the next slices, as many as go together, into a list that is empty. False when there is none.
pub(super) fn gather(
    group: &mut Vec<Slice>,
    mut slices: impl Iterator<Item = Slice>,
    chains: &Chains,
) -> bool {
    debug_assert!(group.is_empty(), "all of the group before are done");
    let mut records = 0;
    while records < ENOUGH_RECORDS
        && group.len() < MAX_SLICES
        && let Some(slice) = slices.next()
    {
        records += slice.chain.records();
        group.push(slice);
    }
    chains.touch(group);
    !group.is_empty()
}
