//! Both snapshots side by side: which edges belong together, how long each side was observed, and what an observed call stands for.

use std::collections::BTreeMap;

use super::Side;
use super::model::{RatesPer, SideFacts};
use super::statistics::float;
use crate::snapshot::{Edge, GraphSnapshot, Relation};

/// More events than anyone counts. Above, sums with small counts would lose digits that exact tests need.
const MOST_EVENTS: u64 = 1 << 50;

/// Both sides, and what their volumes are measured against.
pub(super) struct Sides<'a> {
    pub(super) before: Observed<'a>,
    pub(super) after: Observed<'a>,
    pub(super) rates_per: RatesPer,
}

/// One side.
pub(super) struct Observed<'a> {
    pub(super) snapshot: &'a GraphSnapshot,
    seconds: Option<f64>,
    /// Seconds, or all calls.
    pub(super) exposure: f64,
    weights: BTreeMap<&'a str, Weight>,
    all: Weight,
}

/// Calls and what they stand for.
#[derive(Debug, Clone, Copy, Default)]
struct Weight {
    calls: f64,
    weighted: f64,
}

impl Weight {
    fn add(&mut self, edge: &Edge) {
        self.calls += float(edge.calls);
        self.weighted += weighted(edge);
    }

    /// Calls that one observed call stands for.
    fn mean(self) -> Option<f64> {
        (self.calls > 0.0).then(|| (self.weighted / self.calls).max(1.0))
    }
}

/// An edge on both sides, or on one.
pub(super) struct Pair<'a> {
    pub(super) caller: &'a str,
    pub(super) before: Option<&'a Edge>,
    pub(super) after: Option<&'a Edge>,
}

impl<'a> Sides<'a> {
    pub(super) fn new(before: Side<'a>, after: Side<'a>) -> Self {
        let known = |side: Side<'_>| side.seconds.is_some_and(|s| s.is_finite() && s > 0.0);
        let rates_per = match known(before) && known(after) {
            true => RatesPer::Second,
            false => RatesPer::Call,
        };
        Self {
            before: Observed::new(before, rates_per),
            after: Observed::new(after, rates_per),
            rates_per,
        }
    }

    /// Every edge of either side once, in the order of snapshots.
    pub(super) fn pairs(&self) -> Vec<Pair<'a>> {
        let mut pairs: BTreeMap<(&str, &str, Relation), [Option<&Edge>; 2]> = BTreeMap::new();
        for (index, side) in [&self.before, &self.after].into_iter().enumerate() {
            for edge in &side.snapshot.edges {
                let key = (edge.caller.as_str(), edge.callee.as_str(), edge.relation);
                pairs.entry(key).or_default()[index] = Some(edge);
            }
        }
        let pairs = pairs.into_iter();
        pairs
            .map(|((caller, _, _), [before, after])| Pair {
                caller,
                before,
                after,
            })
            .collect()
    }

    /// How many times as many observed calls are expected after as before, if nothing changed. An edge that a side did not see
    /// is taken to be sampled as the other calls of its caller there.
    pub(super) fn odds(&self, caller: &str, before: Option<&Edge>, after: Option<&Edge>) -> f64 {
        self.after.yield_of(caller, after) / self.before.yield_of(caller, before)
    }
}

impl<'a> Observed<'a> {
    fn new(side: Side<'a>, rates_per: RatesPer) -> Self {
        let mut weights: BTreeMap<&str, Weight> = BTreeMap::new();
        let mut all = Weight::default();
        for edge in &side.snapshot.edges {
            weights.entry(&edge.caller).or_default().add(edge);
            all.add(edge);
        }
        let exposure = match rates_per {
            RatesPer::Second => side.seconds.unwrap_or_default(),
            RatesPer::Call => all.weighted,
        };
        Self {
            snapshot: side.snapshot,
            seconds: side.seconds,
            exposure,
            weights,
            all,
        }
    }

    /// Exposure in terms of calls that are observed.
    fn yield_of(&self, caller: &str, edge: Option<&Edge>) -> f64 {
        let mut own = Weight::default();
        edge.into_iter().for_each(|edge| own.add(edge));
        let of_caller = self.weights.get(caller).and_then(|weight| weight.mean());
        let mean = own.mean().or(of_caller).or_else(|| self.all.mean());
        self.exposure / mean.unwrap_or(1.0)
    }

    pub(super) fn facts(&self) -> SideFacts {
        let snapshot = self.snapshot;
        let edges = snapshot.edges.iter();
        SideFacts {
            window: snapshot.window,
            seconds: self.seconds,
            nodes: snapshot.nodes.len() as u64,
            edges: snapshot.edges.len() as u64,
            calls: edges.fold(0, |sum, edge| sum.saturating_add(edge.calls)),
            weighted_calls: self.all.weighted,
        }
    }

    /// All calls that the side stands for.
    pub(super) const fn weighted_calls(&self) -> f64 {
        self.all.weighted
    }
}

/// Calls corrected for sampling; the calls themselves where the snapshot has no sound estimate.
pub(super) fn weighted(edge: &Edge) -> f64 {
    let calls = float(edge.calls);
    match edge.weighted_calls.is_finite() {
        true => edge.weighted_calls.max(calls),
        false => calls,
    }
}

/// How much more calls vary than independent ones, because one request makes several: for `m` calls per request on average
/// `2 m - 1`, which is right when their number is geometrically distributed, and too large when it is always the same.
pub(super) fn burst(edge: &Edge) -> f64 {
    let units = edge.facts.operations.or(edge.facts.caller_requests);
    match units {
        Some(units @ 1..) => (2.0 * float(edge.calls) / float(units) - 1.0).max(1.0),
        _ => 1.0,
    }
}

/// Independent events that a number of calls of an edge is worth; at least one if there were calls, at most 2^50.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a quotient of a count by at least 1"
)]
pub(super) fn worth(calls: u64, burst: f64) -> u64 {
    let rounded = (float(calls) / burst).round() as u64;
    rounded.clamp(calls.min(1), calls).min(MOST_EVENTS)
}

/// Variance of the logarithm of the volume: calls come and go, and sampling adds its own error.
pub(super) fn volume_variance(edge: &Edge) -> f64 {
    let volume = weighted(edge);
    let sampling = edge.facts.sampling;
    let error = sampling.and_then(|sampling| sampling.standard_error);
    match error.filter(|error| error.is_finite()) {
        Some(error) => (error / volume).powi(2) + burst(edge) / volume,
        None => burst(edge) / float(edge.calls),
    }
}
