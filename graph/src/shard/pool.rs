//! Slots of one size in chunks, with free lists: what shards buffer lies here.
//!
//! A `Vec` that doubles copies all that it holds, and a box per slice costs an allocation each. A pool grows by one chunk at a
//! time, so that no single call is slow, and gives a chunk back when nothing is left in it. Slots are taken from the lowest chunk
//! that has room, so that the highest ones empty when load falls.
//!
//! Chunks should have 32 MiB or more: from there on the allocators that we know ask the system for each block and give it back,
//! while smaller ones stay with them (measured with glibc: chunks of 256 KiB were freed, and not one page of theirs). Memory that
//! was never used in a chunk is not resident.

/// No slot.
pub(super) const NONE: u32 = u32::MAX;

/// A slot number, unless it is none.
pub(super) fn some(slot: u32) -> Option<u32> {
    (slot != NONE).then_some(slot)
}

/// An empty chunk is kept if no more of its memory was ever used: load at the edge of a chunk then does not allocate all the
/// time.
const MAX_SPARE_BYTES: usize = 1 << 20;

/// A value that can stand in a list: of its owner while it is used, of the pool while it is free.
pub(super) trait Linked: Copy {
    /// The slot after this one.
    fn link(&self) -> u32;
    /// Sets the slot after this one.
    fn set_link(&mut self, slot: u32);
}

/// Values of one size by slot number; a chunk has two to the power of `BITS` slots.
#[derive(Debug)]
pub(super) struct Pool<T, const BITS: u32> {
    chunks: Vec<Chunk<T>>,
    /// One bit for each chunk that is held and has room.
    room: Vec<u64>,
    /// The chunk that slots are taken from.
    current: usize,
    /// A chunk that is empty and was kept.
    spare: Option<usize>,
    /// Numbers of chunks that were given back.
    vacant: Vec<usize>,
    used: usize,
    /// Slots that were ever used, in chunks that were not given back.
    held: usize,
}

#[derive(Debug)]
struct Chunk<T> {
    /// Never grows past its first capacity; without any when given back.
    slots: Vec<T>,
    /// First of the free slots, by their number in the chunk.
    free: u32,
    used: usize,
}

impl<T, const BITS: u32> Default for Pool<T, BITS> {
    fn default() -> Self {
        Self {
            chunks: Vec::new(),
            room: Vec::new(),
            current: 0,
            spare: None,
            vacant: Vec::new(),
            used: 0,
            held: 0,
        }
    }
}

impl<T: Linked, const BITS: u32> Pool<T, BITS> {
    const CHUNK: usize = 1 << BITS;

    /// Puts a value into a free slot and returns its number.
    pub(super) fn insert(&mut self, value: T) -> u32 {
        let number = self.chunk_with_room();
        let chunk = &mut self.chunks[number];
        let place = if chunk.free == NONE {
            chunk.slots.push(value);
            self.held += 1;
            chunk.slots.len() - 1
        } else {
            let place = chunk.free as usize;
            chunk.free = chunk.slots[place].link();
            chunk.slots[place] = value;
            place
        };
        chunk.used += 1;
        if chunk.used == Self::CHUNK {
            self.set_room(number, false);
        }
        if self.spare == Some(number) {
            self.spare = None;
        }
        self.used += 1;
        Self::join(number, place)
    }

    /// Frees a slot and returns what was in it.
    pub(super) fn remove(&mut self, slot: u32) -> T {
        let (number, place) = Self::split(slot);
        let chunk = &mut self.chunks[number];
        let value = chunk.slots[place];
        chunk.slots[place].set_link(chunk.free);
        chunk.free = u32::try_from(place).unwrap_or(NONE);
        let was_full = chunk.used == Self::CHUNK;
        chunk.used -= 1;
        let is_empty = chunk.used == 0;
        self.used -= 1;
        if was_full {
            self.set_room(number, true);
        }
        if is_empty {
            self.give_back(number);
        }
        value
    }

    pub(super) fn get(&self, slot: u32) -> &T {
        let (number, place) = Self::split(slot);
        &self.chunks[number].slots[place]
    }

    pub(super) fn get_mut(&mut self, slot: u32) -> &mut T {
        let (number, place) = Self::split(slot);
        &mut self.chunks[number].slots[place]
    }

    /// Slots from this one on, in order; also free ones, as they were left.
    pub(super) fn iter_from(&self, slot: u32) -> impl Iterator<Item = (u32, &T)> {
        let (first, place) = Self::split(slot);
        let chunks = self.chunks.iter().enumerate().skip(first);
        chunks.flat_map(move |(number, chunk)| {
            let from = if number == first { place } else { 0 };
            let slots = chunk.slots.get(from..).unwrap_or_default();
            let places = from..chunk.slots.len();
            let slots = places.zip(slots);
            slots.map(move |(place, value)| (Self::join(number, place), value))
        })
    }

    /// Slots in use.
    pub(super) fn used(&self) -> usize {
        self.used
    }

    /// Bytes of all slots that were ever used in the chunks that are there.
    pub(super) fn held_bytes(&self) -> usize {
        self.held * size_of::<T>()
    }

    /// The chunk that was used last, else the lowest with room, else a new one.
    fn chunk_with_room(&mut self) -> usize {
        if self.has_room(self.current) {
            return self.current;
        }
        let mut words = self.room.iter().enumerate();
        let lowest = words.find(|(_, word)| **word != 0);
        self.current = match lowest {
            Some((at, word)) => at * 64 + word.trailing_zeros() as usize,
            None => self.add_chunk(),
        };
        self.current
    }

    fn add_chunk(&mut self) -> usize {
        let number = self.vacant.pop().unwrap_or(self.chunks.len());
        let chunk = Chunk {
            slots: Vec::with_capacity(Self::CHUNK),
            free: NONE,
            used: 0,
        };
        match self.chunks.get_mut(number) {
            Some(vacant) => *vacant = chunk,
            None => self.chunks.push(chunk),
        }
        self.set_room(number, true);
        number
    }

    /// Gives an empty chunk back, or keeps it if it is the only empty one and small.
    fn give_back(&mut self, number: usize) {
        let chunk = &mut self.chunks[number];
        let is_small = chunk.slots.len() * size_of::<T>() <= MAX_SPARE_BYTES;
        if is_small && self.spare.is_none_or(|spare| spare == number) {
            self.spare = Some(number);
            return;
        }
        self.held -= chunk.slots.len();
        chunk.slots = Vec::new();
        chunk.free = NONE;
        self.set_room(number, false);
        self.vacant.push(number);
    }

    fn has_room(&self, number: usize) -> bool {
        let word = self.room.get(number / 64);
        word.is_some_and(|word| word & (1 << (number % 64)) != 0)
    }

    fn set_room(&mut self, number: usize, has_room: bool) {
        let (word, bit) = (number / 64, number % 64);
        if word >= self.room.len() {
            self.room.resize(word + 1, 0);
        }
        let bit = 1 << bit;
        match has_room {
            true => self.room[word] |= bit,
            false => self.room[word] &= !bit,
        }
    }

    fn join(number: usize, place: usize) -> u32 {
        let slot = u32::try_from(number << BITS | place);
        slot.expect("memory ends before four billion slots do")
    }

    const fn split(slot: u32) -> (usize, usize) {
        ((slot >> BITS) as usize, slot as usize & (Self::CHUNK - 1))
    }
}

#[cfg(test)]
mod tests;
