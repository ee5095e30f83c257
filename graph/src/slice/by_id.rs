//! The spans of a slice by their ids.
//!
//! Span ids are random, so their first bits spread them over as many buckets as there are spans: there they are nearly
//! sorted already, and a look-up is over after a step or two. Ids that are not random share buckets, which then cost what
//! sorting and searching them all would have cost.

use std::ops::Range;

use crate::record::SpanRecord;

/// Where the record of a span is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(super) struct Place {
    /// The span's id as a number.
    pub(super) id: u64,
    /// Its record, as an index into those of the slice.
    pub(super) record: u32,
}

impl Place {
    /// Its record.
    pub(super) fn of(self, records: &[SpanRecord]) -> &SpanRecord {
        &records[self.record as usize]
    }
}

/// Places of spans, ascending by id; reused from slice to slice.
#[derive(Debug, Default)]
pub(super) struct ById {
    places: Vec<Place>,
    /// Where each bucket begins, and where the last one ends.
    begins: Vec<u32>,
    /// Bits of an id below those that say its bucket.
    shift: u32,
}

/// More buckets would be out of the caches.
const MAX_BITS: u32 = 16;

impl ById {
    /// Takes the ids of all records of a slice, in their order. True when some id is there more than once.
    pub(super) fn fill(&mut self, ids: impl ExactSizeIterator<Item = u64> + Clone) -> bool {
        let bits = ids.len().next_power_of_two().trailing_zeros();
        self.shift = u64::BITS - bits.clamp(1, MAX_BITS);
        self.count(ids.clone());
        self.places.clear();
        self.places.resize(ids.len(), Place::default());
        for (record, id) in (0..).zip(ids) {
            let at = self.take_next(id);
            self.places[at] = Place { id, record };
        }
        let mut has_repeats = false;
        for ends in self.begins.windows(2).filter(|ends| ends[1] > ends[0] + 1) {
            let bucket = &mut self.places[ends[0] as usize..ends[1] as usize];
            bucket.sort_unstable();
            has_repeats |= bucket.windows(2).any(|two| two[0].id == two[1].id);
        }
        has_repeats
    }

    /// Takes these, ascending by id, instead of what was there.
    pub(super) fn replace(&mut self, places: &[Place]) {
        self.places.clear();
        self.places.extend_from_slice(places);
        self.count(places.iter().map(|place| place.id));
        for place in places {
            self.take_next(place.id);
        }
    }

    /// All of them, ascending by id.
    pub(super) fn places(&self) -> &[Place] {
        &self.places
    }

    /// One that bears an id.
    #[inline]
    pub(super) fn find(&self, id: u64) -> Option<usize> {
        let bucket = self.bucket_of(id);
        let found = self.places[bucket.clone()].binary_search_by_key(&id, |place| place.id);
        found.ok().map(|at| bucket.start + at)
    }

    /// Those that bear an id.
    pub(super) fn with_id(&self, id: u64) -> Range<usize> {
        let bucket = self.bucket_of(id);
        let among = &self.places[bucket.clone()];
        let first = among.partition_point(|place| place.id < id);
        let count = among[first..].partition_point(|place| place.id == id);
        let first = bucket.start + first;
        first..first + count
    }

    /// The places among which those of an id are.
    fn bucket_of(&self, id: u64) -> Range<usize> {
        let bucket = self.bucket(id);
        self.begins[bucket] as usize..self.begins[bucket + 1] as usize
    }

    /// Makes room for these ids: each bucket begins where the next one says so far, so that filling it moves that to its end.
    fn count(&mut self, ids: impl Iterator<Item = u64>) {
        let buckets = 1 << (u64::BITS - self.shift);
        self.begins.clear();
        self.begins.resize(buckets + 2, 0);
        for id in ids {
            let bucket = self.bucket(id);
            self.begins[bucket + 2] += 1;
        }
        let mut end = 0;
        for begin in &mut self.begins {
            end += *begin;
            *begin = end;
        }
    }

    /// The next free place in the bucket of an id.
    fn take_next(&mut self, id: u64) -> usize {
        let bucket = self.bucket(id);
        let next = &mut self.begins[bucket + 1];
        *next += 1;
        *next as usize - 1
    }

    fn bucket(&self, id: u64) -> usize {
        usize::try_from(id >> self.shift).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Random ones, small ones, ones that differ in their first bits only, in their last bits only, and all the same.
    fn families() -> Vec<Vec<u64>> {
        let random = |n: u64| n.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ (n << 13);
        let of = |id: fn(u64, u64) -> u64, count: u64| -> Vec<u64> {
            (1..=count).map(|n| id(n, count)).collect()
        };
        let mut families = vec![Vec::new()];
        for count in [1, 2, 3, 20, 1_000] {
            families.push((1..=count).map(random).collect());
            families.push(of(|n, _| n, count));
            families.push(of(|n, count| (count - n) << 60, count));
            families.push(of(|n, count| u64::MAX - (n * 7) % count, count));
            families.push(of(|_, _| 5, count));
        }
        families
    }

    fn sorted(ids: &[u64]) -> Vec<Place> {
        let places = (0..).zip(ids).map(|(record, id)| Place { id: *id, record });
        let mut places: Vec<Place> = places.collect();
        places.sort_unstable();
        places
    }

    #[test]
    fn ids_come_out_in_order_whatever_their_bits() {
        let mut by_id = ById::default();
        for ids in families() {
            let has_repeats = by_id.fill(ids.iter().copied());
            let places = sorted(&ids);
            assert_eq!(by_id.places(), places);
            let repeats = places.windows(2).any(|two| two[0].id == two[1].id);
            assert_eq!(has_repeats, repeats, "{ids:x?}");
        }
    }

    #[test]
    fn spans_are_found_by_their_ids_and_no_others_are() {
        let mut by_id = ById::default();
        for ids in families() {
            by_id.fill(ids.iter().copied());
            let places = sorted(&ids);
            let asked = ids
                .iter()
                .flat_map(|id| [*id, id.wrapping_add(1), id ^ (1 << 63)]);
            for id in asked {
                let found = &places[by_id.with_id(id)];
                let bearing: Vec<Place> = places
                    .iter()
                    .copied()
                    .filter(|place| place.id == id)
                    .collect();
                assert_eq!(found, bearing);
                let one = by_id.find(id).map(|at| places[at].id);
                assert_eq!(one, bearing.first().map(|place| place.id));
            }
        }
    }

    #[test]
    fn what_was_dropped_is_not_found() {
        let mut by_id = ById::default();
        by_id.fill([9, 1 << 63, 9, 4, u64::MAX].into_iter());
        let kept = [by_id.places()[1], by_id.places()[4]];
        by_id.replace(&kept);
        assert_eq!(by_id.places(), kept);
        assert_eq!(by_id.with_id(9), 0..1);
        assert_eq!(by_id.find(u64::MAX), Some(1));
        for dropped in [4, 1 << 63] {
            assert_eq!(by_id.find(dropped), None);
            assert!(by_id.with_id(dropped).is_empty());
        }
    }
}
