//! Estimates from sampled calls: how many calls those seen stand for, and how far off that may be (inference rule 1.11).
//!
//! Everything is a sum of fixed-point integers, so merging commutes. What needs a whole trace at once (calls of one trace
//! are sampled together) is summed up at the end of its slice and comes here as a [`TraceSum`]. A trace that was inferred
//! in two parts counts as two, which is the one way in which an error can come out too small.

use crate::sampling::Weights;
use crate::snapshot::{EdgeSampling, SampledOut};

/// A sum of floats would depend on its order. 128 bits hold the largest weight times the largest message count for more
/// spans than there can be.
const ONE: u128 = 1 << FRACTION_BITS;
const FRACTION_BITS: u32 = 20;

/// A weight in fixed point.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "weights lie in 1..1e9"
)]
pub(crate) fn fixed(weight: f32) -> u128 {
    // Nearly all of them; rounding is slow.
    if weight == 1.0 {
        return ONE;
    }
    (f64::from(weight) * ONE as f64).round() as u128
}

/// A sum of weights as a number for display.
#[expect(clippy::cast_precision_loss, reason = "a total for display")]
pub(crate) fn unfixed(sum: u128) -> f64 {
    sum as f64 / ONE as f64
}

/// Product of two fixed-point numbers, rounded up: an error must not come out too small.
fn times(a: u128, b: u128) -> u128 {
    match a.checked_mul(b) {
        Some(product) => product.div_ceil(ONE),
        // Only absurd weights come here; they keep half of the fraction.
        None => {
            let half = FRACTION_BITS / 2;
            ((a >> half) + 1).saturating_mul((b >> half) + 1)
        }
    }
}

/// The calls of one kind in one trace that stand for more than themselves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct TraceSum {
    count: u128,
    weight: u128,
}

impl TraceSum {
    /// Adds calls of this weight. One that was sure to be sampled adds nothing to the uncertainty of any other.
    pub(crate) fn add(&mut self, weight: f32, calls: u64) {
        self.add_fixed(fixed(weight) * u128::from(calls), calls);
    }

    /// The same from a sum of equal weights in fixed point.
    pub(crate) fn add_fixed(&mut self, weight: u128, calls: u64) {
        let count = u128::from(calls) * ONE;
        if weight > count {
            self.count += count;
            self.weight += weight;
        }
    }

    /// Together with other calls of the same trace.
    pub(crate) const fn with(self, other: Self) -> Self {
        Self {
            count: self.count + other.count,
            weight: self.weight + other.weight,
        }
    }

    /// What the calls stand for beyond themselves, in fixed point.
    fn excess(self) -> u128 {
        self.weight.saturating_sub(self.count)
    }

    /// Unbiased estimate of the variance that this trace adds: n^2 w (w - 1) for n calls of weight w, sampled together.
    /// For n calls of different weights an upper bound of the sum of (w_i w_j - max(w_i, w_j)), because a maximum is at
    /// least a mean.
    pub(crate) fn variance(self) -> u128 {
        times(self.weight, self.excess())
    }

    /// Likewise the covariance with other calls of the same trace, which `all` counts together with these.
    pub(crate) fn covariance(self, all: Self) -> u128 {
        let rest = Self {
            count: all.count.saturating_sub(self.count),
            weight: all.weight.saturating_sub(self.weight),
        };
        times(self.weight, rest.excess()).saturating_add(times(rest.weight, self.excess())) / 2
    }
}

/// Calls and the sum of their weights.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Estimate {
    pub(super) calls: u64,
    pub(super) weight: u128,
}

impl Estimate {
    fn add(&mut self, weight: f32, calls: u64) {
        self.calls += calls;
        self.weight += fixed(weight) * u128::from(calls);
    }

    fn merge(&mut self, other: Self) {
        self.calls += other.calls;
        self.weight += other.weight;
    }

    fn shown(self) -> Option<f64> {
        (self.calls > 0).then(|| unfixed(self.weight))
    }
}

/// A number of halves whose partner was probably sampled out, and its variance.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Expected {
    pub(super) sum: u128,
    pub(super) variance: u128,
}

impl Expected {
    /// Adds the pairs of one trace, each of which stands for this many halves with one partner among them.
    pub(crate) fn add(&mut self, pairs: TraceSum) {
        self.sum += pairs.excess();
        self.variance = self.variance.saturating_add(pairs.variance());
    }

    /// Adds what another edge explains.
    pub(crate) fn merge(&mut self, other: Self) {
        self.sum += other.sum;
        self.variance = self.variance.saturating_add(other.variance);
    }

    /// As users see it; never more than there are.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "not negative, and a cast saturates"
    )]
    pub(crate) fn shown(self, seen: u64) -> SampledOut {
        let expected = unfixed(self.sum).round() as u64;
        SampledOut {
            count: expected.min(seen),
            standard_error: unfixed(self.variance).sqrt().ceil() as u64,
        }
    }
}

/// What else is known about an edge whose sampling is shown.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Seen {
    /// Calls observed.
    pub(crate) calls: u64,
    /// Calls among them without server half.
    pub(crate) unjoined: u64,
    /// Sum of the standard deviations of all keys that were merged into the edge.
    pub(crate) deviations: f64,
    /// Calls needed to speak of rates.
    pub(crate) min_calls: u64,
}

/// What one trace adds to the uncertainty of an edge.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct TraceShare {
    /// Calls of the edge.
    pub(crate) own: TraceSum,
    /// All calls of the trace that may turn out to belong to the same edge.
    pub(crate) all: TraceSum,
    /// Paired attempts, weighed by how many server halves come to one client half.
    pub(crate) orphans: TraceSum,
    /// Paired attempts, weighed by how many client halves come to one server half.
    pub(crate) unanswered: TraceSum,
}

/// What the sampling weights of an edge add up to. Merging is commutative and associative.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct SamplingStats {
    pub(super) client: Estimate,
    pub(super) server: Estimate,
    pub(super) pair: Estimate,
    /// Calls that count by a half of unknown weight.
    pub(super) unknown: u64,
    pub(super) variance: u128,
    /// With calls of the same traces under other keys, which may turn out to be the same edge.
    pub(super) covariance: u128,
    /// Server halves at the callee that lack their client half because of sampling.
    pub(crate) orphans: Expected,
    /// Client halves at the caller that lack their server half because of sampling.
    pub(crate) unanswered: Expected,
}

impl SamplingStats {
    /// Counts calls with these halves.
    pub(crate) fn count(&mut self, weights: Weights, calls: u64) {
        if let Some(client) = weights.client {
            self.client.add(client.value, calls);
        }
        if let Some(server) = weights.server {
            self.server.add(server.value, calls);
        }
        if let (Some(client), Some(server)) = (weights.client, weights.server) {
            self.pair.add(client.value.max(server.value), calls);
        }
        if !weights.of_call().is_known {
            self.unknown += calls;
        }
    }

    /// Adds the uncertainty that one trace brings.
    pub(crate) fn add_trace(&mut self, share: &TraceShare) {
        self.add_variance(share.own.variance());
        let covariance = share.own.covariance(share.all);
        self.covariance = self.covariance.saturating_add(covariance);
        self.orphans.add(share.orphans);
        self.unanswered.add(share.unanswered);
    }

    /// Adds a variance in fixed point.
    pub(crate) fn add_variance(&mut self, variance: u128) {
        self.variance = self.variance.saturating_add(variance);
    }

    /// Adds other calls of the same key.
    pub(crate) fn merge(&mut self, other: &Self) {
        self.client.merge(other.client);
        self.server.merge(other.server);
        self.pair.merge(other.pair);
        self.unknown += other.unknown;
        self.add_variance(other.variance);
        self.covariance = self.covariance.saturating_add(other.covariance);
        self.orphans.merge(other.orphans);
        self.unanswered.merge(other.unanswered);
    }

    /// Prepares for a merge with another key of the same traces: takes all of the covariance for granted.
    pub(crate) fn assume_correlated(&mut self) {
        self.add_variance(self.covariance.saturating_mul(2));
    }

    /// Standard deviation of the calls of this key.
    pub(crate) fn deviation(&self) -> f64 {
        unfixed(self.variance).sqrt()
    }

    /// As users see it. No correlation can make the whole worse than the sum of the deviations, and none worse than all of
    /// the covariance.
    pub(crate) fn shown(&self, seen: Seen) -> EdgeSampling {
        let calls = seen.calls;
        let by_covariance = unfixed(self.variance.saturating_add(self.covariance)).sqrt();
        EdgeSampling {
            client_estimate: self.client.shown(),
            server_estimate: self.server.shown(),
            pair_estimate: self.pair.shown(),
            standard_error: (self.unknown == 0 && calls > 0)
                .then(|| by_covariance.min(seen.deviations)),
            sampled_calls: calls,
            weight_unknown: self.unknown,
            sampled_out: self.unanswered.shown(seen.unjoined),
            enough_for_rates: calls >= seen.min_calls,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sum(calls: &[(f32, u64)]) -> TraceSum {
        let mut sum = TraceSum::default();
        calls.iter().for_each(|(weight, n)| sum.add(*weight, *n));
        sum
    }

    #[test]
    fn calls_of_one_trace_are_as_uncertain_as_if_they_were_one() {
        for (weight, calls, variance) in [(1.0, 5, 0.0), (4.0, 1, 12.0), (4.0, 3, 108.0)] {
            let found = unfixed(sum(&[(weight, calls)]).variance());
            assert!((found - variance).abs() < 1e-5, "{found} for {variance}");
        }
    }

    #[test]
    fn different_weights_in_one_trace_never_understate_the_error() {
        let weights = [2.0_f32, 4.0, 8.0, 1.0];
        let all: Vec<(f32, u64)> = weights.iter().map(|weight| (*weight, 1)).collect();
        let pairs = weights.iter().flat_map(|a| weights.map(|b| (*a, b)));
        let exact: f32 = pairs.map(|(a, b)| a * b - a.max(b)).sum();
        assert!(unfixed(sum(&all).variance()) >= f64::from(exact));
    }

    #[test]
    fn parts_of_a_trace_and_their_covariance_add_up_to_the_whole() {
        let (a, b) = (sum(&[(4.0, 2)]), sum(&[(4.0, 3)]));
        let all = a.with(b);
        let parts = a.variance() + b.variance() + a.covariance(all) + b.covariance(all);
        assert_eq!(parts, all.variance());
    }

    #[test]
    fn absurd_weights_do_not_overflow() {
        let huge = sum(&[(9e8, u64::from(u32::MAX)), (9e8, u64::from(u32::MAX))]);
        assert!(huge.variance() > 1 << 100);
        let mut stats = SamplingStats::default();
        for _ in 0..3 {
            stats.add_variance(u128::MAX);
            stats.assume_correlated();
        }
        assert!(stats.deviation().is_finite());
    }
}
