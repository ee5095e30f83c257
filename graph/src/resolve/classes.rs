//! Evidence classes of the calls of one edge: how many calls each class has, how sure they make the edge, and in
//! which traces to look (inference.md 1.2).

use std::collections::{BTreeMap, BTreeSet};

use super::destination::Evidence;
use crate::slice::Found;
use crate::snapshot::EvidenceCounts;

/// Confidence of an edge between a span and its child in another node, without proper kinds.
const PARENT_CONFIDENCE: f64 = 0.8;

/// Example traces kept per class, smallest ids first.
const MAX_EXEMPLARS: usize = 3;

/// How a call is known, as the snapshot spells it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Class {
    Paired,
    Parent,
    Address,
    Alias,
    Named,
    Link,
}

impl Class {
    /// A call keeps its own class when its other half was seen; else the destination's counts.
    const fn of_call(found: Found, evidence: Evidence) -> Self {
        match found {
            Found::Paired | Found::Shared => Self::Paired,
            Found::Parent => Self::Parent,
            Found::Linked => Self::Link,
            Found::Alone => match evidence {
                Evidence::Link => Self::Link,
                Evidence::Alias => Self::Alias,
                Evidence::Named => Self::Named,
                Evidence::Answered | Evidence::Dialled | Evidence::Book(_) => Self::Address,
            },
        }
    }

    const fn of_message(evidence: Evidence) -> Self {
        match evidence {
            Evidence::Answered => Self::Paired,
            Evidence::Link => Self::Link,
            Evidence::Alias => Self::Alias,
            Evidence::Named => Self::Named,
            Evidence::Dialled | Evidence::Book(_) => Self::Address,
        }
    }

    fn confidence(self, evidence: Evidence) -> f64 {
        match self {
            Self::Paired => 1.0,
            Self::Parent => PARENT_CONFIDENCE,
            Self::Link => Evidence::Link.confidence(),
            Self::Address | Self::Alias | Self::Named => evidence.confidence(),
        }
    }

    /// The spelling of the fields of [`EvidenceCounts`].
    const fn name(self) -> &'static str {
        match self {
            Self::Paired => "paired",
            Self::Parent => "parent",
            Self::Address => "address",
            Self::Alias => "alias",
            Self::Named => "named",
            Self::Link => "link",
        }
    }
}

/// Sums over the calls of one edge.
#[derive(Debug, Default)]
pub(super) struct Classes {
    counts: EvidenceCounts,
    calls: u64,
    /// Calls times confidence.
    confidence: f64,
    /// Best confidence of any call, for edges without calls.
    best_confidence: f64,
    exemplars: BTreeMap<Class, BTreeSet<u128>>,
}

impl Classes {
    /// Adds calls by how they were found; a connection without calls still tells how sure the edge is.
    pub(super) fn count_calls(&mut self, found: &BTreeMap<Found, u64>, evidence: Evidence) {
        for (found, calls) in found {
            self.add(Class::of_call(*found, evidence), evidence, *calls);
        }
        if found.is_empty() {
            self.best_confidence = self.best_confidence.max(evidence.confidence());
        }
    }

    /// Adds messages.
    pub(super) fn count_messages(&mut self, messages: u64, evidence: Evidence) {
        self.add(Class::of_message(evidence), evidence, messages);
    }

    /// Adds example traces of calls.
    pub(super) fn call_exemplar(&mut self, found: Found, evidence: Evidence, trace: u128) {
        self.exemplar(Class::of_call(found, evidence), trace);
    }

    /// Adds an example trace of a message.
    pub(super) fn message_exemplar(&mut self, evidence: Evidence, trace: u128) {
        self.exemplar(Class::of_message(evidence), trace);
    }

    #[expect(clippy::cast_precision_loss, reason = "a ratio for display")]
    fn add(&mut self, class: Class, evidence: Evidence, calls: u64) {
        let count = match class {
            Class::Paired => &mut self.counts.paired,
            Class::Parent => &mut self.counts.parent,
            Class::Address => &mut self.counts.address,
            Class::Alias => &mut self.counts.alias,
            Class::Named => &mut self.counts.named,
            Class::Link => &mut self.counts.link,
        };
        *count += calls;
        let confidence = class.confidence(evidence);
        self.calls += calls;
        self.confidence += calls as f64 * confidence;
        self.best_confidence = self.best_confidence.max(confidence);
    }

    fn exemplar(&mut self, class: Class, trace: u128) {
        let kept = self.exemplars.entry(class).or_default();
        kept.insert(trace);
        if kept.len() > MAX_EXEMPLARS {
            kept.pop_last();
        }
    }

    /// Calls per class.
    pub(super) const fn counts(&self) -> EvidenceCounts {
        self.counts
    }

    /// Rounded, because a sum of floats would depend on its order in the last digits.
    #[expect(clippy::cast_precision_loss, reason = "a ratio for display")]
    pub(super) fn mean_confidence(&self) -> f64 {
        let mean = match self.calls {
            0 => self.best_confidence,
            calls => self.confidence / calls as f64,
        };
        (mean * 1e4).round() / 1e4
    }

    /// Trace ids in hex, as every tracing UI wants them, per class.
    pub(super) fn exemplars(&self) -> BTreeMap<String, Vec<String>> {
        let classes = self.exemplars.iter();
        classes
            .map(|(class, traces)| {
                let traces = traces.iter().map(|trace| trace_hex(*trace));
                (class.name().to_owned(), traces.collect())
            })
            .collect()
    }
}

/// A trace id as 32 hex digits.
pub(super) fn trace_hex(trace: u128) -> String {
    format!("{trace:032x}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_class_keeps_the_smallest_three_traces_whatever_the_order() {
        let traces = [9, 3, 7, 1, 5, 3];
        let build = |traces: &mut dyn Iterator<Item = u128>| {
            let mut classes = Classes::default();
            for trace in traces {
                classes.call_exemplar(Found::Paired, Evidence::Answered, trace);
                classes.call_exemplar(Found::Alone, Evidence::Book(4), trace + 100);
                classes.message_exemplar(Evidence::Link, trace + 200);
            }
            classes.exemplars()
        };
        let forwards = build(&mut traces.into_iter());
        assert_eq!(forwards, build(&mut traces.into_iter().rev()));
        let hex = |ids: [u128; 3]| ids.map(trace_hex).to_vec();
        assert_eq!(forwards["paired"], hex([1, 3, 5]));
        assert_eq!(forwards["address"], hex([101, 103, 105]));
        assert_eq!(forwards["link"], hex([201, 203, 205]));
    }

    #[test]
    fn confidence_is_weighted_by_calls_and_falls_back_to_the_best() {
        let mut classes = Classes::default();
        assert!(classes.mean_confidence().abs() < 1e-9);
        classes.count_calls(&BTreeMap::new(), Evidence::Dialled);
        assert!((classes.mean_confidence() - 0.9).abs() < 1e-9);
        let found = BTreeMap::from([(Found::Paired, 1), (Found::Alone, 3)]);
        classes.count_calls(&found, Evidence::Named);
        assert!((classes.mean_confidence() - 0.7).abs() < 1e-9);
        assert_eq!((classes.counts().paired, classes.counts().named), (1, 3));
    }
}
