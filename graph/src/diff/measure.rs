//! The tests that belong to one edge: its presence or volume, its errors, its latencies and its parts.
//!
//! Place in the flow: pair of edges -> [`Draft`] -> `judge`. A draft holds tests, not verdicts: what counts as noise depends on all
//! edges together.

use super::model::{Change, Options, What};
use super::pairs::{Pair, Sides, burst, volume_variance, weighted, worth};
use super::parts;
use super::statistics::{Share, Shift, float, poisson_split, two_proportions};
use crate::snapshot::{Edge, LatencySummary};

/// Independent calls on either side from which volumes are compared by the normal distribution.
const NORMAL_FROM: u64 = 20;

/// Calls that must be slower than a percentile for it to be compared.
const BEYOND_PERCENTILE: u64 = 10;

/// Both ends of a comparison may be off by half a bucket of the sketch, 1/32: what may lie in the logarithm of their ratio.
const BUCKET_ERROR: f64 = 0.0625;

/// Least spread of the logarithm of latencies that is assumed: less is not to be had in production for long.
const LEAST_SIGMA: f64 = 0.5;

/// Smallest difference of latencies that is reported, milliseconds.
const LEAST_MS: f64 = 1.0;

/// Smallest difference of error rates that is reported.
const LEAST_ERROR_SHARE: f64 = 0.001;

/// A test that still lacks what only all edges together tell.
#[derive(Debug, Clone, Copy)]
pub(super) enum Test {
    /// A p-value.
    Known(f64),
    /// Events before and after, and how many times as many are expected after.
    Split { before: u64, after: u64, odds: f64 },
    /// A ratio of volumes.
    Volume(Shift),
    /// A ratio of latencies.
    Latency(Shift),
}

/// Standard deviations beyond counting noise.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Spreads {
    pub(super) volume: f64,
    pub(super) latency: f64,
}

impl Test {
    pub(super) fn p_value(self, spreads: Spreads) -> f64 {
        match self {
            Self::Known(p) => p,
            Self::Volume(shift) => shift.p_value(spreads.volume),
            Self::Latency(shift) => shift.p_value(spreads.latency),
            Self::Split {
                before,
                after,
                odds,
            } => split(before, after, odds, spreads.volume),
        }
    }
}

/// The conditional test, with the expected ratio one spread nearer to what was seen. Once it passes that, nothing is left
/// to explain.
fn split(before: u64, after: u64, odds: f64, spread: f64) -> f64 {
    let is_more = float(after) >= odds * float(before);
    let nearer = odds * if is_more { spread } else { -spread }.exp();
    if is_more != (float(after) >= nearer * float(before)) {
        return 1.0;
    }
    poisson_split(before, after, nearer)
}

/// A property of an edge with its test.
#[derive(Debug)]
pub(super) struct Measured {
    pub(super) what: What,
    /// Name of a part, and whether it is on one side only.
    pub(super) value: Option<String>,
    pub(super) before: f64,
    pub(super) after: f64,
    pub(super) test: Test,
    /// Whether the change is large enough to be told.
    pub(super) is_large: bool,
}

/// An edge with its tests.
#[derive(Debug)]
pub(super) struct Draft<'a> {
    pub(super) change: Change,
    pub(super) before: Option<&'a Edge>,
    pub(super) after: Option<&'a Edge>,
    /// Of edges on one side: whether they may have been missed on the other.
    pub(super) presence: Option<Test>,
    pub(super) measured: Vec<Measured>,
    /// Whether both sides have too few calls for their numbers to be compared.
    pub(super) has_few_calls: bool,
}

impl<'a> Draft<'a> {
    /// The side of which names are told: both have the same.
    pub(super) fn edge(&self) -> Option<&'a Edge> {
        self.after.or(self.before)
    }

    pub(super) fn calls(&self) -> [u64; 2] {
        [self.before, self.after].map(|edge| edge.map_or(0, |edge| edge.calls))
    }
}

/// All tests of a pair.
pub(super) fn draft<'a>(sides: &Sides<'a>, pair: &Pair<'a>, options: Options) -> Draft<'a> {
    let odds = sides.odds(pair.caller, pair.before, pair.after);
    let mut draft = Draft {
        change: Change::Changed,
        before: pair.before,
        after: pair.after,
        presence: None,
        measured: Vec::new(),
        has_few_calls: false,
    };
    let (before, after) = match (pair.before, pair.after) {
        (Some(before), Some(after)) => (before, after),
        (before, after) => {
            draft.change = match after {
                Some(_) => Change::Added,
                None => Change::Gone,
            };
            let [before, after] = [before, after].map(events);
            draft.presence = Some(Test::Split {
                before,
                after,
                odds,
            });
            return draft;
        }
    };
    draft.measured = parts::compare(before, after);
    draft.has_few_calls = before.calls.max(after.calls) < options.min_calls;
    if !draft.has_few_calls {
        draft
            .measured
            .push(volume(sides, (before, after), odds, options));
    }
    if before.calls.min(after.calls) >= options.min_calls {
        draft.measured.push(errors(before, after, options));
    }
    draft.measured.extend(latencies(before, after, options));
    draft
}

fn events(edge: Option<&Edge>) -> u64 {
    edge.map_or(0, |edge| worth(edge.calls, burst(edge)))
}

fn volume(
    sides: &Sides<'_>,
    (before, after): (&Edge, &Edge),
    odds: f64,
    options: Options,
) -> Measured {
    let rate = |edge: &Edge, exposure: f64| match exposure > 0.0 {
        true => weighted(edge) / exposure,
        false => 0.0,
    };
    let rates = (
        rate(before, sides.before.exposure),
        rate(after, sides.after.exposure),
    );
    let log_ratio = (rates.1 / rates.0).ln();
    let worths = (events(Some(before)), events(Some(after)));
    let test = match worths.0.min(worths.1) >= NORMAL_FROM && log_ratio.is_finite() {
        true => Test::Volume(Shift {
            log_ratio,
            variance: volume_variance(before) + volume_variance(after),
        }),
        false => Test::Split {
            before: worths.0,
            after: worths.1,
            odds,
        },
    };
    Measured {
        what: What::Volume,
        value: None,
        before: rates.0,
        after: rates.1,
        test,
        is_large: log_ratio.abs() >= options.min_change.ln(),
    }
}

fn errors(before: &Edge, after: &Edge, options: Options) -> Measured {
    let rate = |edge: &Edge| float(edge.failed.min(edge.calls)) / float(edge.calls);
    let odds = |rate: f64| rate / (1.0 - rate);
    let share = |edge: &Edge| {
        let all = worth(edge.calls, burst(edge));
        Share {
            hits: worth(edge.failed, burst(edge)).min(all),
            all,
        }
    };
    let rates = (rate(before), rate(after));
    let (low, high) = (rates.0.min(rates.1), rates.0.max(rates.1));
    Measured {
        what: What::ErrorRate,
        value: None,
        before: rates.0,
        after: rates.1,
        test: Test::Known(two_proportions(share(before), share(after))),
        // Odds treat failures and successes alike: from 50 % to 75 % failures is as much as from 1 % to 3 %.
        is_large: high - low >= LEAST_ERROR_SHARE && odds(high) >= options.min_change * odds(low),
    }
}

/// A percentile: which share is faster, and what the deviation of its logarithm is in terms of that of one normal
/// logarithm of latency, times the root of the number of calls.
struct Percentile {
    slower_per_mille: u64,
    deviation: f64,
    of: fn(&LatencySummary) -> f64,
}

/// The root of a quarter, over the density in the middle; half as much again, because the lower half of latencies is often
/// wider than the upper on this scale.
const MEDIAN: Percentile = Percentile {
    slower_per_mille: 500,
    deviation: 1.88,
    of: |summary| summary.p50_ms,
};

/// The root of 0.99 x 0.01, over the density there.
const P99: Percentile = Percentile {
    slower_per_mille: 10,
    deviation: 3.7333,
    of: |summary| summary.p99_ms,
};

/// Standard normal values of the percentiles that a summary has.
const Z99: f64 = 2.326_347_9;
const Z999: f64 = 3.090_232_3;

fn latencies(before: &Edge, after: &Edge, options: Options) -> Vec<Measured> {
    let (b, a) = (&before.latency, &after.latency);
    let sides = [
        (What::ClientP50, What::ClientP99, b.client, a.client),
        (What::ServerP50, What::ServerP99, b.server, a.server),
        (What::WaitP50, What::WaitP99, b.wait, a.wait),
    ];
    let bursts = (burst(before), burst(after));
    let mut measured = Vec::new();
    for (median, p99, before, after) in sides {
        let Some((before, after)) = before.zip(after) else {
            continue;
        };
        for (what, percentile) in [(median, MEDIAN), (p99, P99)] {
            let least = options.min_calls.max(1);
            let enough = |summary: &LatencySummary| {
                let slower = u128::from(summary.count) * u128::from(percentile.slower_per_mille);
                summary.count >= least && slower >= u128::from(BEYOND_PERCENTILE) * 1000
            };
            if enough(&before) && enough(&after) {
                let ends = ((&before, bursts.0), (&after, bursts.1));
                measured.extend(latency(what, &percentile, ends, options));
            }
        }
    }
    measured
}

/// `None` when a side has no usable time: some edited file, or a clock that shows 0.
fn latency(
    what: What,
    percentile: &Percentile,
    (before, after): ((&LatencySummary, f64), (&LatencySummary, f64)),
    options: Options,
) -> Option<Measured> {
    let (old, new) = ((percentile.of)(before.0), (percentile.of)(after.0));
    let log_ratio = (new / old).ln();
    let is_usable = old > 0.0 && new > 0.0 && log_ratio.is_finite();
    if !is_usable {
        return None;
    }
    let variance = |(summary, burst): (&LatencySummary, f64)| {
        (sigma(summary) * percentile.deviation).powi(2) * burst / float(summary.count)
    };
    let shrunk = (log_ratio.abs() - BUCKET_ERROR).max(0.0);
    Some(Measured {
        what,
        value: None,
        before: old,
        after: new,
        test: Test::Latency(Shift {
            log_ratio: shrunk.copysign(log_ratio),
            variance: variance(before) + variance(after),
        }),
        is_large: log_ratio.abs() >= options.min_change.ln() && (new - old).abs() >= LEAST_MS,
    })
}

/// Standard deviation of the logarithm of latency, from the wider part of its upper half.
fn sigma(summary: &LatencySummary) -> f64 {
    let body = (summary.p99_ms / summary.p50_ms).ln() / Z99;
    let tail = (summary.p999_ms / summary.p99_ms).ln() / (Z999 - Z99);
    let usable = [body, tail].into_iter().filter(|sigma| sigma.is_finite());
    usable.fold(LEAST_SIGMA, f64::max)
}
