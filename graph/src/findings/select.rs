//! What the rules share: thresholds, sums that cannot overflow, and lists cut to their worst.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use super::model::{Cases, Counted, Finding, Severity, Top};
use crate::snapshot::{Edge, GraphSnapshot, Relation};

/// Shares and counts from which on the rules speak. Starting values, chosen so that one stray span says nothing.
pub(super) mod threshold {
    /// Share of spans lost or without parent, and of calls without destination, in thousandths.
    pub(in crate::findings) const GAP: u64 = 50;
    /// Share of gaps that puts the graph itself in doubt.
    pub(in crate::findings) const WIDE_GAP: u64 = 300;
    /// Share of failed calls.
    pub(in crate::findings) const FAILING: u64 = 50;
    /// Retries per call.
    pub(in crate::findings) const RETRIES: u64 = 100;
    /// Calls, spans or gaps below which a share means nothing.
    pub(in crate::findings) const COUNT: u64 = 10;
}

/// Cases listed per finding.
pub(super) const MAX_CASES: usize = 100;

/// Entries listed in a list inside a case.
const MAX_LISTED: usize = 10;

/// A sum without overflow: a snapshot may come from anywhere.
pub(super) fn sum(counts: impl Iterator<Item = u64>) -> u64 {
    counts.fold(0, u64::saturating_add)
}

/// `part` of `whole` in thousandths, cut; 0 when there is no whole.
pub(super) fn permille(part: u64, whole: u64) -> u64 {
    if whole == 0 {
        return 0;
    }
    u64::try_from(u128::from(part) * 1000 / u128::from(whole)).unwrap_or(u64::MAX)
}

/// Synchronous edges to others.
pub(super) fn calls(snapshot: &GraphSnapshot) -> impl Iterator<Item = &Edge> {
    let sync = |edge: &&Edge| edge.relation == Relation::Sync && edge.caller != edge.callee;
    snapshot.edges.iter().filter(sync)
}

/// All calls over synchronous edges, those of a service to itself included.
pub(super) fn all_calls(snapshot: &GraphSnapshot) -> u64 {
    let edges = snapshot.edges.iter();
    let sync = edges.filter(|edge| edge.relation == Relation::Sync);
    sum(sync.map(|edge| edge.calls))
}

/// A finding from its cases in a fixed order; none without cases. `by` says how bad a case is, and equals keep
/// their order. What is costly to find out is added by `complete`, only for cases that are listed.
pub(super) struct Draft<T> {
    pub(super) severity: Severity,
    pub(super) part: u64,
    pub(super) whole: u64,
    pub(super) cases: Vec<T>,
}

impl<T> Draft<T> {
    pub(super) fn finish<K: Ord, U>(
        mut self,
        by: impl Fn(&T) -> K,
        complete: impl Fn(T) -> U,
        wrap: fn(Vec<U>) -> Cases,
    ) -> Option<Finding> {
        if self.cases.is_empty() {
            return None;
        }
        self.cases.sort_by_key(|case| Reverse(by(case)));
        let more = beyond(self.cases.len(), MAX_CASES);
        self.cases.truncate(MAX_CASES);
        Some(Finding {
            severity: self.severity,
            part: self.part,
            whole: self.whole,
            more,
            cases: wrap(self.cases.into_iter().map(complete).collect()),
        })
    }
}

/// How many of `length` lie beyond the first `limit`.
pub(super) fn beyond(length: usize, limit: usize) -> u64 {
    u64::try_from(length.saturating_sub(limit)).unwrap_or(u64::MAX)
}

impl<T> Top<T> {
    /// The first of a list as it stands.
    pub(super) fn first(mut list: Vec<T>) -> Self {
        let more = beyond(list.len(), MAX_LISTED);
        list.truncate(MAX_LISTED);
        Self { listed: list, more }
    }

    /// The last of a list, in its order.
    pub(super) fn last(mut list: Vec<T>) -> Self {
        let more = beyond(list.len(), MAX_LISTED);
        list.drain(..list.len().saturating_sub(MAX_LISTED));
        Self { listed: list, more }
    }
}

/// The highest counts, equals by name.
pub(super) fn highest<'a>(counts: impl IntoIterator<Item = (&'a str, u64)>) -> Top<Counted> {
    let mut list: Vec<(&str, u64)> = counts.into_iter().collect();
    list.sort_by_key(|(name, count)| (Reverse(*count), *name));
    let counted = |(name, count): (&str, u64)| Counted {
        name: name.to_owned(),
        count,
    };
    Top::first(list.into_iter().map(counted).collect())
}

/// The most frequent errors of several edges.
pub(super) fn errors<'a>(edges: impl IntoIterator<Item = &'a Edge>) -> Top<Counted> {
    let mut counts: BTreeMap<&str, u64> = BTreeMap::new();
    for (error, count) in edges.into_iter().flat_map(|edge| &edge.errors) {
        let known = counts.entry(error).or_default();
        *known = known.saturating_add(*count);
    }
    highest(counts)
}
