//! A few example traces: those with the smallest ids, so that the choice does not depend on order.

/// At most [`MAX`](Self::MAX) trace ids, in place: every attempt looks here. Merging is commutative, associative and idempotent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Exemplars {
    /// Smallest first; zeros behind those that are there.
    ids: [u128; Self::MAX],
    len: usize,
}

impl Exemplars {
    /// Traces kept.
    const MAX: usize = 3;

    /// Adds a trace.
    #[inline]
    pub(crate) fn insert(&mut self, trace: u128) {
        // Nearly every trace comes too late.
        if self.len < Self::MAX || trace < self.ids[Self::MAX - 1] {
            self.keep(trace);
        }
    }

    #[cold]
    fn keep(&mut self, trace: u128) {
        let kept = &self.ids[..self.len];
        let place = kept.iter().take_while(|id| **id < trace).count();
        if kept.get(place) == Some(&trace) {
            return;
        }
        self.len = (self.len + 1).min(Self::MAX);
        self.ids[place..self.len].rotate_right(1);
        self.ids[place] = trace;
    }

    /// Adds the traces of others.
    pub(crate) fn merge(&mut self, other: &Self) {
        other.ids().for_each(|trace| self.insert(trace));
    }

    /// The ids, smallest first.
    pub(crate) fn ids(&self) -> impl Iterator<Item = u128> + '_ {
        self.ids[..self.len].iter().copied()
    }

    /// The ids in hex, as every tracing UI wants them, smallest first.
    pub(crate) fn hex(&self) -> Vec<String> {
        self.ids().map(|trace| format!("{trace:032x}")).collect()
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
