//! A mergeable latency sketch: log-linear buckets, 16 per octave.
//!
//! Bucket bounds are fixed, so merging is addition and loses nothing. A value is reported as the middle of its bucket,
//! at most 1/32 (3.1 %) away from the truth; the maximum is exact.

use crate::snapshot::LatencySummary;

const SUB_BITS: u32 = 4;
const SUB_BUCKETS: u64 = 1 << SUB_BITS;

/// Counts of durations in nanoseconds.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Sketch {
    /// Bucket of the first count.
    first: u16,
    counts: Vec<u64>,
    max_ns: u64,
}

impl Sketch {
    pub(crate) fn record(&mut self, duration_ns: u64) {
        self.add(bucket(duration_ns), 1);
        self.max_ns = self.max_ns.max(duration_ns);
    }

    pub(crate) fn merge(&mut self, other: &Self) {
        for (offset, count) in (0_u16..).zip(&other.counts) {
            self.add(other.first.saturating_add(offset), *count);
        }
        self.max_ns = self.max_ns.max(other.max_ns);
    }

    /// `None` when nothing was recorded.
    pub(crate) fn summary(&self) -> Option<LatencySummary> {
        let count: u64 = self.counts.iter().sum();
        (count > 0).then(|| LatencySummary {
            count,
            p50_ms: self.quantile_ms(count, 500),
            p99_ms: self.quantile_ms(count, 990),
            p999_ms: self.quantile_ms(count, 999),
            max_ms: to_ms(self.max_ns),
        })
    }

    /// 90th percentile, milliseconds; 0 when nothing was recorded.
    pub(crate) fn p90_ms(&self) -> f64 {
        match self.counts.iter().sum() {
            0 => 0.0,
            count => self.quantile_ms(count, 900),
        }
    }

    /// Buckets from the first to the last that is not empty.
    pub(crate) fn range(&self) -> std::ops::Range<u16> {
        let length = u16::try_from(self.counts.len()).unwrap_or(u16::MAX);
        self.first..self.first.saturating_add(length)
    }

    /// Durations in a bucket.
    pub(crate) fn count(&self, bucket: u16) -> u64 {
        let offset = bucket.checked_sub(self.first).map(usize::from);
        let count = offset.and_then(|offset| self.counts.get(offset));
        count.copied().unwrap_or_default()
    }

    /// The duration that a bucket stands for, in seconds.
    pub(crate) fn middle_s(bucket: u16) -> f64 {
        to_ms(middle(bucket)) / 1e3
    }

    /// The longest duration.
    pub(crate) const fn max_ns(&self) -> u64 {
        self.max_ns
    }

    /// Notes a longest duration that was recorded elsewhere.
    pub(crate) fn raise(&mut self, max_ns: u64) {
        self.max_ns = self.max_ns.max(max_ns);
    }

    /// Adds durations of a bucket, which must be at most [`LAST_BUCKET`].
    #[inline]
    pub(crate) fn add(&mut self, bucket: u16, count: u64) {
        let offset = usize::from(bucket.wrapping_sub(self.first));
        match self.counts.get_mut(offset) {
            Some(sum) => *sum = sum.saturating_add(count),
            None => self.widen(bucket, count),
        }
    }

    /// Makes room for a bucket outside of the range, and sets it. Room grows by octaves: twice as much would be empty for good in
    /// tens of thousands of sketches.
    #[cold]
    fn widen(&mut self, bucket: u16, count: u64) {
        if count == 0 {
            return;
        }
        if self.counts.is_empty() {
            self.first = bucket;
        }
        if bucket < self.first {
            let gap = usize::from(self.first - bucket);
            self.reserve(gap);
            self.counts.splice(0..0, std::iter::repeat_n(0, gap));
            self.first = bucket;
        }
        let index = usize::from(bucket - self.first);
        if index >= self.counts.len() {
            self.reserve(index + 1 - self.counts.len());
            self.counts.resize(index + 1, 0);
        }
        self.counts[index] = count;
    }

    fn reserve(&mut self, more: usize) {
        let octave = 1 << SUB_BITS;
        if self.counts.capacity() - self.counts.len() < more {
            self.counts.reserve_exact(more.next_multiple_of(octave));
        }
    }

    /// Nearest-rank quantile in per mille, never above the exact maximum.
    fn quantile_ms(&self, count: u64, per_mille: u64) -> f64 {
        let rank = (count.saturating_mul(per_mille)).div_ceil(1000).max(1);
        let mut seen = 0;
        let index = self.counts.iter().position(|here| {
            seen += here;
            seen >= rank
        });
        let offset = u16::try_from(index.unwrap_or_default()).unwrap_or(u16::MAX);
        to_ms(middle(self.first.saturating_add(offset)).min(self.max_ns))
    }
}

/// The bucket of the longest duration there can be.
pub(crate) const LAST_BUCKET: u16 = 975;

/// Values below 16 have a bucket each; above, the four bits after the leading one choose it.
fn bucket(value: u64) -> u16 {
    let index = if value < SUB_BUCKETS {
        value
    } else {
        let octave = u64::from(value.ilog2() - SUB_BITS);
        (octave + 1) * SUB_BUCKETS + ((value >> octave) - SUB_BUCKETS)
    };
    u16::try_from(index).expect("64 octaves of 16 buckets fit 16 bits")
}

fn middle(bucket: u16) -> u64 {
    let index = u64::from(bucket);
    if index < SUB_BUCKETS {
        return index;
    }
    let octave = (index / SUB_BUCKETS - 1).min(59);
    let lower = (SUB_BUCKETS + index % SUB_BUCKETS) << octave;
    lower + ((1_u64 << octave) >> 1)
}

/// Milliseconds, rounded to the nanosecond that they came from.
#[expect(
    clippy::cast_precision_loss,
    reason = "durations above 104 days lose nanoseconds only"
)]
pub(crate) fn to_ms(ns: u64) -> f64 {
    ns as f64 / 1e6
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_bucket_stands_for_its_values_within_the_stated_error(value: u64) {
            let error = middle(bucket(value)).abs_diff(value);
            prop_assert!(error <= value / 32 + 1, "{value}: {error}");
        }

        #[test]
        fn merging_is_the_same_as_recording_together(left: Vec<u64>, right: Vec<u64>) {
            let sketch = |values: &[u64]| {
                let mut sketch = Sketch::default();
                values.iter().for_each(|value| sketch.record(*value));
                sketch
            };
            let mut merged = sketch(&left);
            merged.merge(&sketch(&right));
            let mut all = right.clone();
            all.extend(&left);
            prop_assert_eq!(merged, sketch(&all));
        }
    }

    #[test]
    fn quantiles_are_ranks_and_the_maximum_is_exact() {
        let mut sketch = Sketch::default();
        (1..=100).for_each(|ms| sketch.record(ms * 1_000_000));
        let summary = sketch.summary().unwrap();
        assert!((summary.p50_ms - 50.0).abs() < 2.0);
        assert!((summary.p99_ms - 99.0).abs() < 3.1);
        assert_eq!(summary.max_ms, 100.0);
        assert_eq!(Sketch::default().summary(), None);
    }
}
