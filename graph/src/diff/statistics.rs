//! The tests of significance that comparisons rest on: exact for small counts, normal for large ones.
//!
//! Every p-value is two-sided, and the same when both sides change places. Exact ones are twice the smaller tail, which is
//! summed away from the mode, so the number of terms stays near the standard deviation. Nothing here knows of edges;
//! `docs/diff.md` says which test is used for what.

use std::f64::consts::TAU;

#[cfg(test)]
mod tests;

/// Terms of a tail below this share of their sum change nothing.
const NEGLIGIBLE: f64 = 1e-17;

/// Smallest expected count from which a table of two proportions is judged by the normal distribution.
const EXACT_BELOW: f64 = 50.0;

/// Median of the square of a standard normal value.
const MEDIAN_OF_SQUARE: f64 = 0.454_936_423_119_572_8;

/// Fewest values that a common spread is estimated from.
const FEWEST_FOR_SPREAD: usize = 10;

/// What Stirling's formula lacks of the logarithm of `n!`, for `n` of at least 1.
fn stirling_error(n: f64) -> f64 {
    if n < 16.0 {
        let formula = (n + 0.5) * n.ln() - n + 0.5 * TAU.ln();
        return (2_u8..16)
            .map(f64::from)
            .filter(|i| *i <= n)
            .map(f64::ln)
            .sum::<f64>()
            - formula;
    }
    let square = 1.0 / (n * n);
    let series =
        1.0 / 12.0 - square * (1.0 / 360.0 - square * (1.0 / 1260.0 - square * (1.0 / 1680.0)));
    series / n
}

/// `x ln(x / mean) + mean - x`, without cancellation where both are near each other.
fn deviance(x: f64, mean: f64) -> f64 {
    if (x - mean).abs() >= 0.1 * (x + mean) {
        return x * (x / mean).ln() + mean - x;
    }
    let ratio = (x - mean) / (x + mean);
    let square = ratio * ratio;
    let (mut power, mut sum, mut k) = (2.0 * x * ratio, (x - mean) * ratio, 1.0);
    loop {
        power *= square;
        k += 2.0;
        let next = sum + power / k;
        if next == sum {
            return sum;
        }
        sum = next;
    }
}

/// Logarithm of the binomial probability of `k` of `n`, exact to the last digits for all sizes (Loader 2000). `p` and `q` sum
/// to 1.
fn ln_binomial(k: f64, n: f64, (p, q): (f64, f64)) -> f64 {
    if k == 0.0 {
        return n * ln_without(p, q);
    }
    if k == n {
        return n * ln_without(q, p);
    }
    let rest = n - k;
    let errors = stirling_error(n) - stirling_error(k) - stirling_error(rest);
    let deviances = deviance(k, n * p) + deviance(rest, n * q);
    errors - deviances + 0.5 * (n / (TAU * k * rest)).ln()
}

/// Logarithm of `q`, which is 1 without `p`, to the last digits also where it is nearly 0.
fn ln_without(p: f64, q: f64) -> f64 {
    if p < 0.5 { (-p).ln_1p() } else { q.ln() }
}

/// Probability that a standard normal value is at least `z` away from 0.
pub(super) fn two_sided(z: f64) -> f64 {
    let x = z.abs() / std::f64::consts::SQRT_2;
    if x.is_nan() {
        return 1.0;
    }
    if x < 2.0 {
        // Taylor series of the error function.
        let (mut term, mut sum, mut k) = (x, x, 0.0);
        while term.abs() > NEGLIGIBLE * sum.abs() {
            k += 1.0;
            term *= -x * x / k;
            sum += term / (2.0 * k + 1.0);
        }
        return (1.0 - std::f64::consts::FRAC_2_SQRT_PI * sum).clamp(0.0, 1.0);
    }
    // Continued fraction of the complement, from its far end.
    let tail = (1..=120)
        .rev()
        .fold(x, |fraction, k| x + f64::from(k) / 2.0 / fraction);
    let scale = std::f64::consts::FRAC_2_SQRT_PI / 2.0;
    (scale * (-x * x).exp() / tail).clamp(0.0, 1.0)
}

/// Twice the smaller tail; a tail that includes the observed value may be above a half.
fn doubled(tail: f64) -> f64 {
    if tail.is_nan() {
        return 1.0;
    }
    (2.0 * tail).clamp(0.0, 1.0)
}

/// Whether `before` and `after` events fit, where for each event before, `odds` are expected after: the conditional test of two
/// Poisson rates.
pub(super) fn poisson_split(before: u64, after: u64, odds: f64) -> f64 {
    let is_judged = before.saturating_add(after) > 0 && odds > 0.0 && odds.is_finite();
    if !is_judged {
        return 1.0;
    }
    // Sum on the side of the smaller tail, by swapping the ends where needed.
    let (k, rest, odds) = match float(after) >= odds * float(before) {
        true => (float(after), float(before), odds),
        false => (float(before), float(after), 1.0 / odds),
    };
    let n = k + rest;
    // Neither is one minus the other: what is nearly 0 keeps its digits.
    let shares = (1.0 / (1.0 + 1.0 / odds), 1.0 / (1.0 + odds));
    let first = ln_binomial(k, n, shares).exp();
    let (mut term, mut sum, mut k) = (first, first, k);
    while k < n && term > NEGLIGIBLE * sum {
        term *= (n - k) / (k + 1.0) * odds;
        sum += term;
        k += 1.0;
    }
    doubled(sum)
}

/// Whether `hits` of `all` on two sides fit one probability: Fisher's exact test, or the pooled test of two proportions where
/// every expected count is at least 50.
pub(super) fn two_proportions(before: Share, after: Share) -> f64 {
    let (n1, n2) = (float(before.all), float(after.all));
    let (k1, k2) = (float(before.hits), float(after.hits));
    let (n, k) = (n1 + n2, k1 + k2);
    let is_judged = n1 > 0.0 && n2 > 0.0 && k > 0.0 && k < n;
    if !is_judged {
        return 1.0;
    }
    let rarest = n1.min(n2) * k.min(n - k) / n;
    if rarest >= EXACT_BELOW {
        let pooled = k / n;
        let deviation = (pooled * (1.0 - pooled) * (1.0 / n1 + 1.0 / n2)).sqrt();
        return two_sided((k2 / n2 - k1 / n1) / deviation);
    }
    fisher((k2, n2), (k, n))
}

/// `hits` of `all`, `hits` being no more than `all`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Share {
    pub(super) hits: u64,
    pub(super) all: u64,
}

/// `hits` of `drawn`, where `marked` of `n` are hits altogether.
fn fisher((hits, drawn): (f64, f64), (marked, n): (f64, f64)) -> f64 {
    // As above: the tail of many hits among those drawn, or of many among the others.
    let (hits, drawn) = match hits * n >= drawn * marked {
        true => (hits, drawn),
        false => (marked - hits, n - drawn),
    };
    let others = n - drawn;
    // As a binomial of those drawn and one of the others, given their sum.
    let probability = (marked / n, (n - marked) / n);
    let first = (ln_binomial(hits, drawn, probability)
        + ln_binomial(marked - hits, others, probability)
        - ln_binomial(marked, n, probability))
    .exp();
    let (mut term, mut sum, mut hits) = (first, first, hits);
    while hits < drawn.min(marked) && term > NEGLIGIBLE * sum {
        let misses = others - (marked - hits);
        term *= (drawn - hits) / (hits + 1.0) * (marked - hits) / (misses + 1.0);
        sum += term;
        hits += 1.0;
    }
    doubled(sum)
}

/// Differences of logarithms with the variance that counting alone explains.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Shift {
    pub(super) log_ratio: f64,
    pub(super) variance: f64,
}

impl Shift {
    /// Probability of a shift at least this large, when things also vary by `spread` for reasons of their own.
    pub(super) fn p_value(self, spread: f64) -> f64 {
        let deviation = (self.variance + spread * spread).sqrt();
        if deviation > 0.0 {
            return two_sided(self.log_ratio / deviation);
        }
        match self.log_ratio == 0.0 {
            true => 1.0,
            false => 0.0,
        }
    }
}

/// How much things vary beyond counting noise, as a standard deviation of logarithms, if most of them only vary: the value at
/// which the median squared deviation is that of the normal distribution. 0 when counting noise explains it, or when there
/// are fewer than ten.
pub(super) fn common_spread(shifts: &[Shift]) -> f64 {
    const LARGEST: f64 = 20.0;
    if shifts.len() < FEWEST_FOR_SPREAD {
        return 0.0;
    }
    let is_too_narrow = |spread: f64| {
        let squares = shifts.iter().map(|shift| {
            let variance = (shift.variance + spread * spread).max(f64::MIN_POSITIVE);
            shift.log_ratio * shift.log_ratio / variance
        });
        median(squares.collect()) > MEDIAN_OF_SQUARE
    };
    if !is_too_narrow(0.0) {
        return 0.0;
    }
    let (mut low, mut high) = (0.0, LARGEST);
    for _ in 0..60 {
        let middle = 0.5 * (low + high);
        match is_too_narrow(middle) {
            true => low = middle,
            false => high = middle,
        }
    }
    high
}

/// The middle value, or the mean of both middle ones; 0 of nothing.
pub(super) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let half = values.len() / 2;
    match (values.get(half), values.len() % 2) {
        (None, _) => 0.0,
        (Some(middle), 1) => *middle,
        (Some(upper), _) => 0.5 * (upper + values[half - 1]),
    }
}

/// The largest p-value at which a test still counts, so that of all that count at most the share `fdr` is expected to be
/// noise (Benjamini and Hochberg 1995); negative when none does.
pub(super) fn largest_significant(mut p_values: Vec<f64>, fdr: f64) -> f64 {
    p_values.sort_by(f64::total_cmp);
    let tests = p_values.len();
    let ranked = p_values.into_iter().zip(1_u32..);
    let count = f64::from(u32::try_from(tests).unwrap_or(u32::MAX));
    let passing = ranked.filter(|(p, rank)| *p <= fdr * f64::from(*rank) / count);
    passing.last().map_or(-1.0, |(p, _)| p)
}

/// A count as a number; counts above 2^53 lose their last digits, which no test notices.
#[expect(clippy::cast_precision_loss, reason = "no test notices")]
pub(super) const fn float(count: u64) -> f64 {
    count as f64
}
