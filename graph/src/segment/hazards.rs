//! Spans exposed to hazards, by sign, with a few example traces of each. Bounded by the number of signs.

use std::collections::BTreeMap;

use super::exemplars::Exemplars;
use crate::hazards::{Sign, Signs};

/// Exposed spans of one edge or node. Merging is commutative and associative.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Exposures(pub(super) BTreeMap<Sign, Exposed>);

/// Spans of one sign.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Exposed {
    pub(crate) spans: u64,
    pub(crate) traces: Exemplars,
}

impl Exposures {
    /// Adds spans of one sign.
    pub(crate) fn add(&mut self, sign: Sign, spans: u64, traces: impl Iterator<Item = u128>) {
        if spans > 0 {
            let exposed = self.0.entry(sign).or_default();
            exposed.spans += spans;
            traces.for_each(|trace| exposed.traces.insert(trace));
        }
    }

    /// Adds the spans of others.
    pub(crate) fn merge(&mut self, other: &Self) {
        for (sign, exposed) in &other.0 {
            let own = self.0.entry(*sign).or_default();
            own.spans += exposed.spans;
            own.traces.merge(&exposed.traces);
        }
    }

    /// Spans of one sign.
    pub(crate) fn spans(&self, sign: Sign) -> u64 {
        self.0.get(&sign).map_or(0, |exposed| exposed.spans)
    }

    /// Takes back what holds only for calls that nobody answered.
    pub(crate) fn answered(&mut self) {
        for sign in Signs::UNANSWERED {
            self.0.remove(&sign);
        }
    }

    /// The signs and their spans.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (Sign, &Exposed)> {
        self.0.iter().map(|(sign, exposed)| (*sign, exposed))
    }
}
