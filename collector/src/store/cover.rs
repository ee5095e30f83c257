//! Which flushes a segment holds: what makes merging idempotent.
//!
//! Instance, epoch and sequence name a flush once and for all. A segment that was put together from others covers what they
//! covered, so a reader that finds both counts it once.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use tracemesh_graph::text::stable_hash;

/// Flushes of one run of an instance that follow each other.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Cover {
    /// The instance.
    pub instance: String,
    /// Its run.
    pub epoch: u64,
    /// Sequence of the first flush.
    pub first: u64,
    /// Sequence of the last flush.
    pub last: u64,
}

impl Cover {
    /// What tells segments apart in their names.
    #[must_use]
    pub fn tag(covers: &[Self]) -> String {
        match covers {
            [one] if one.first == one.last => {
                format!("{}-{:010}-{:08}", one.instance, one.epoch, one.last)
            }
            several => {
                let parts: Vec<String> = several.iter().map(Self::spelled).collect();
                let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
                format!("{:016x}", stable_hash(&parts))
            }
        }
    }

    /// How many flushes these are.
    #[must_use]
    pub fn count(covers: &[Self]) -> u128 {
        let flushes = |cover: &Self| u128::from(cover.last.saturating_sub(cover.first)) + 1;
        covers.iter().map(flushes).sum()
    }

    fn spelled(&self) -> String {
        format!(
            "{}-{}-{}-{}",
            self.instance, self.epoch, self.first, self.last
        )
    }
}

/// A set of flushes, as ranges by run.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CoverSet {
    /// By instance and epoch: ranges of sequences, sorted, apart and not adjacent.
    runs: BTreeMap<(String, u64), Vec<(u64, u64)>>,
}

/// How a segment relates to what is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Relation {
    /// Nothing of it is known.
    New,
    /// All of it is known.
    Known,
    /// Some of it is known: neither can be counted together with what is known, nor left out without loss.
    Partly,
}

impl CoverSet {
    /// How these flushes relate to the set.
    #[must_use]
    pub fn relation(&self, covers: &[Cover]) -> Relation {
        let known = |cover: &Cover| {
            let ranges = self.runs.get(&(cover.instance.clone(), cover.epoch));
            let mut met = 0_u128;
            for (first, last) in ranges.into_iter().flatten() {
                let (from, to) = (cover.first.max(*first), cover.last.min(*last));
                if from <= to {
                    met += u128::from(to - from) + 1;
                }
            }
            (met, u128::from(cover.last.saturating_sub(cover.first)) + 1)
        };
        let counts: Vec<(u128, u128)> = covers.iter().map(known).collect();
        match counts {
            _ if counts.iter().all(|(met, _)| *met == 0) => Relation::New,
            _ if counts.iter().all(|(met, all)| met == all) => Relation::Known,
            _ => Relation::Partly,
        }
    }

    /// Adds flushes.
    pub fn add(&mut self, covers: &[Cover]) {
        for cover in covers.iter().filter(|cover| cover.first <= cover.last) {
            let run = (cover.instance.clone(), cover.epoch);
            let ranges = self.runs.entry(run).or_default();
            ranges.push((cover.first, cover.last));
            ranges.sort_unstable();
            let mut joined: Vec<(u64, u64)> = Vec::with_capacity(ranges.len());
            for (first, last) in ranges.drain(..) {
                match joined.last_mut() {
                    Some(before) if first <= before.1.saturating_add(1) => {
                        before.1 = before.1.max(last);
                    }
                    _ => joined.push((first, last)),
                }
            }
            *ranges = joined;
        }
    }

    /// The set as covers, sorted.
    #[must_use]
    pub fn covers(&self) -> Vec<Cover> {
        let runs = self.runs.iter();
        runs.flat_map(|((instance, epoch), ranges)| {
            ranges.iter().map(|(first, last)| Cover {
                instance: instance.clone(),
                epoch: *epoch,
                first: *first,
                last: *last,
            })
        })
        .collect()
    }

    /// The newest flush of a run.
    #[must_use]
    pub fn newest(&self, instance: &str, epoch: u64) -> Option<u64> {
        let ranges = self.runs.get(&(instance.to_owned(), epoch))?;
        ranges.last().map(|(_, last)| *last)
    }

    /// The newest epoch of an instance.
    #[must_use]
    pub fn newest_epoch(&self, instance: &str) -> Option<u64> {
        let from = (instance.to_owned(), 0);
        let to = (instance.to_owned(), u64::MAX);
        let last = self.runs.range(from..=to).next_back();
        last.map(|((_, epoch), _)| *epoch)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cover(first: u64, last: u64) -> Cover {
        Cover {
            instance: "a".to_owned(),
            epoch: 7,
            first,
            last,
        }
    }

    #[test]
    fn ranges_join_and_answer() {
        let mut set = CoverSet::default();
        set.add(&[cover(4, 5), cover(0, 1)]);
        assert_eq!(set.covers(), [cover(0, 1), cover(4, 5)]);
        assert_eq!(set.relation(&[cover(1, 4)]), Relation::Partly);
        assert_eq!(set.relation(&[cover(2, 3)]), Relation::New);
        set.add(&[cover(2, 3)]);
        assert_eq!(set.covers(), [cover(0, 5)]);
        assert_eq!(set.relation(&[cover(1, 4)]), Relation::Known);
        assert_eq!(set.relation(&[cover(0, 6)]), Relation::Partly);
        assert_eq!((set.newest("a", 7), set.newest("b", 7)), (Some(5), None));
        assert_eq!(
            (set.newest_epoch("a"), set.newest_epoch("b")),
            (Some(7), None)
        );
    }
}
