//! When to look at each slice again: a hierarchical time wheel (Varghese and Lauck 1987), exact to the millisecond.
//!
//! ```text
//! level 0: 256 lists of 1 ms | level 1: 256 lists of 256 ms | level 2: 256 lists of 65.5 s | .. | level 7
//! ```
//! Each level is a ring that reaches 256 lists ahead of the time of the wheel; what is due stands at the lowest level that
//! reaches it, and moves down when its list begins. Adding costs the same however much is there. A slice that gets spans is
//! not moved: it is looked at when it would have been due, and put where it belongs then. Up to 65 s ahead, which
//! covers the usual settings, a list that moves down holds what came within 256 ms.
//!
//! Lists are linked through the slices themselves, so the wheel holds nothing for each of them.

use super::pool::NONE;

const LEVELS: usize = 8;
const LISTS: usize = 256;

/// Slots that stand in the lists.
pub(super) trait Queued {
    /// The slot after this one.
    fn next(&self, slot: u32) -> u32;
    /// Sets the slot after this one.
    fn set_next(&mut self, slot: u32, next: u32);
}

/// Lists of slots by time.
#[derive(Debug)]
pub(super) struct Wheel {
    /// Nothing in it is due before.
    time_ms: u64,
    lists: Box<[List]>,
    /// One bit for each list that holds something.
    occupied: [[u64; LISTS / 64]; LEVELS],
    len: usize,
}

/// A list, first in first out.
#[derive(Debug, Clone, Copy)]
struct List {
    first: u32,
    last: u32,
}

const EMPTY: List = List {
    first: NONE,
    last: NONE,
};

impl Default for Wheel {
    fn default() -> Self {
        Self {
            time_ms: 0,
            lists: vec![EMPTY; LEVELS * LISTS].into_boxed_slice(),
            occupied: [[0; LISTS / 64]; LEVELS],
            len: 0,
        }
    }
}

impl Wheel {
    /// Adds a slot to look at when it is due. `now_ms` is no later than anything that will be added while this is here.
    pub(super) fn add(&mut self, slot: u32, due_ms: u64, now_ms: u64, slots: &mut impl Queued) {
        if self.len == 0 {
            self.time_ms = now_ms;
        }
        self.place(slot, due_ms, slots);
        self.len += 1;
    }

    /// Takes the slot that is due first, if that is no later than `until_ms`. `due_ms` tells when a slot really is, which can
    /// be later than when it was added.
    pub(super) fn take<S: Queued>(
        &mut self,
        until_ms: u64,
        slots: &mut S,
        due_ms: impl Fn(&S, u32) -> u64,
    ) -> Option<u32> {
        loop {
            let (start_ms, level) = self.earliest()?;
            if start_ms > until_ms {
                return None;
            }
            self.time_ms = start_ms;
            let list = self.take_list(start_ms, level);
            let mut slot = list.first;
            while slot != NONE {
                let after = slots.next(slot);
                let due_ms = due_ms(slots, slot);
                if level == 0 && due_ms <= start_ms {
                    self.put_back(
                        start_ms,
                        List {
                            first: after,
                            ..list
                        },
                    );
                    self.len -= 1;
                    return Some(slot);
                }
                self.place(slot, due_ms, slots);
                slot = after;
            }
        }
    }

    /// Forgets all slots.
    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }

    fn place(&mut self, slot: u32, due_ms: u64, slots: &mut impl Queued) {
        let due_ms = due_ms.max(self.time_ms);
        let reaches = |level: &usize| {
            let shift = level * 8;
            (due_ms >> shift) - (self.time_ms >> shift) < LISTS as u64
        };
        let level = (0..LEVELS).find(reaches).unwrap_or(LEVELS - 1);
        let byte = byte_of(due_ms, level);
        let list = &mut self.lists[level * LISTS + byte];
        slots.set_next(slot, NONE);
        match list.last {
            NONE => list.first = slot,
            last => slots.set_next(last, slot),
        }
        list.last = slot;
        self.occupied[level][byte / 64] |= 1 << (byte % 64);
    }

    fn take_list(&mut self, start_ms: u64, level: usize) -> List {
        let byte = byte_of(start_ms, level);
        self.occupied[level][byte / 64] &= !(1 << (byte % 64));
        std::mem::replace(&mut self.lists[level * LISTS + byte], EMPTY)
    }

    /// Puts back what was not looked at of a list of level 0, from which nothing was moved into itself.
    fn put_back(&mut self, start_ms: u64, list: List) {
        if list.first == NONE {
            return;
        }
        let byte = byte_of(start_ms, 0);
        self.lists[byte] = list;
        self.occupied[0][byte / 64] |= 1 << (byte % 64);
    }

    /// When the list that holds what is due first begins, and its level. Of two that begin at one time, the higher moves down
    /// first.
    fn earliest(&self) -> Option<(u64, usize)> {
        let first = |level: usize| {
            // Nearly everything is due within a minute: five levels of eight are empty.
            if self.occupied[level] == [0; LISTS / 64] {
                return None;
            }
            let here = self.time_ms >> (level * 8);
            let ahead = first_from(&self.occupied[level], byte_of(self.time_ms, level))?;
            Some(((here + ahead) << (level * 8), level))
        };
        let all = (0..LEVELS).rev().filter_map(first);
        all.min_by_key(|(start_ms, _)| *start_ms)
    }
}

/// How far after a place the first bit stands, around the ring.
fn first_from(words: &[u64; LISTS / 64], place: usize) -> Option<u64> {
    let (at, bit) = (place / 64, place % 64);
    let turned = (0..=words.len()).map(|step| {
        let word = words[(at + step) % words.len()];
        match step {
            0 => word & (u64::MAX << bit),
            _ => word,
        }
    });
    let (step, word) = turned.enumerate().find(|(_, word)| *word != 0)?;
    Some((step * 64 + word.trailing_zeros() as usize - bit) as u64)
}

/// The list of a time at a level.
const fn byte_of(time_ms: u64, level: usize) -> usize {
    time_ms.to_le_bytes()[level] as usize
}

#[cfg(test)]
mod tests;
