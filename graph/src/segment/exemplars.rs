//! A few example traces: those with the smallest ids, so that the choice does not depend on order.

use std::collections::BTreeSet;

/// At most [`MAX`](Self::MAX) trace ids. Merging is commutative, associative and idempotent.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Exemplars(BTreeSet<u128>);

impl Exemplars {
    /// Traces kept.
    const MAX: usize = 3;

    /// Adds a trace.
    pub(crate) fn insert(&mut self, trace: u128) {
        // Nearly every trace comes too late: looking is cheaper than inserting.
        if self.0.len() == Self::MAX && self.0.last().is_some_and(|last| trace >= *last) {
            return;
        }
        self.0.insert(trace);
        if self.0.len() > Self::MAX {
            self.0.pop_last();
        }
    }

    /// Adds the traces of others.
    pub(crate) fn merge(&mut self, other: &Self) {
        other.0.iter().for_each(|trace| self.insert(*trace));
    }

    /// The ids, smallest first.
    pub(crate) fn ids(&self) -> impl Iterator<Item = u128> + '_ {
        self.0.iter().copied()
    }

    /// The ids in hex, as every tracing UI wants them, smallest first.
    pub(crate) fn hex(&self) -> Vec<String> {
        self.0.iter().map(|trace| format!("{trace:032x}")).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_smallest_ids_stay_whatever_the_order() {
        let of = |traces: [u128; 5]| {
            let mut kept = Exemplars::default();
            traces.into_iter().for_each(|trace| kept.insert(trace));
            kept
        };
        let mut merged = of([9, 7, 5, 9, 8]);
        merged.merge(&of([1, 12, 6, 6, 6]));
        assert_eq!(merged.hex(), [1, 5, 6].map(|trace| format!("{trace:032x}")));
    }
}
