//! From when to when instances were seen, so that those alive together can be told from those that followed each other.
//!
//! Every deploy brings new instances: over weeks there are many more of them than ever serve at once. Kept are those with
//! the smallest hashes of their names, a fair sample that is the same in whatever order it is merged; numbers are scaled
//! up when there are more.

use std::collections::BTreeMap;

use super::seconds::Moment;
use crate::text::stable_hash;

/// Instances kept.
const MAX: usize = 128;

/// First and last time at which each instance was seen, in nanoseconds.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Lifetimes(pub(super) BTreeMap<u64, (u64, u64)>);

impl Lifetimes {
    /// Notes that an instance was alive then.
    pub(crate) fn seen(&mut self, name: &str, (first_ns, last_ns): (u64, u64)) {
        // FNV spreads its low bits well, but not the high ones that decide what is kept.
        let hash = stable_hash(&[name])
            .wrapping_mul(0x9e37_79b9_7f4a_7c15)
            .swap_bytes();
        self.add(hash, (first_ns, last_ns));
    }

    /// Adds what was seen elsewhere.
    pub(crate) fn merge(&mut self, other: &Self) {
        for (hash, life) in &other.0 {
            self.add(*hash, *life);
        }
    }

    pub(super) fn add(&mut self, hash: u64, (first_ns, last_ns): (u64, u64)) {
        let life = self.0.entry(hash).or_insert((first_ns, last_ns));
        *life = (life.0.min(first_ns), life.1.max(last_ns));
        if self.0.len() > MAX {
            self.0.pop_last();
        }
    }

    /// Instances alive at some time of a moment; 0 when none has a name.
    pub(crate) fn alive_in(&self, moment: &Moment) -> f64 {
        let lives = self.0.values();
        let alive = lives
            .filter(|(first, last)| *first < moment.end_ns && *last >= moment.start_ns)
            .count();
        self.scaled(alive)
    }

    /// Instances alive on average between two times; 0 when none has a name.
    pub(crate) fn alive_between(&self, start_ns: u64, end_ns: u64) -> f64 {
        let lived = |(first, last): &(u64, u64)| {
            u128::from((*last).min(end_ns).saturating_sub((*first).max(start_ns)))
        };
        let all: u128 = self.0.values().map(lived).sum();
        let length = approximate(u128::from(end_ns.saturating_sub(start_ns)).max(1));
        approximate(all) / length * self.scale()
    }

    /// Most instances alive at once; 0 when none has a name. Two that follow each other are two at no time.
    pub(crate) fn most_together(&self) -> f64 {
        let begins = self.0.values().map(|(first, _)| (*first, 1_i64));
        // An end counts after a beginning at the same time: an instance seen once is alive at that time.
        let ends = self
            .0
            .values()
            .map(|(_, last)| (last.saturating_add(1), -1));
        let mut changes: Vec<(u64, i64)> = begins.chain(ends).collect();
        changes.sort_unstable();
        let (mut now, mut most) = (0, 0);
        for (_, change) in changes {
            now += change;
            most = most.max(now);
        }
        self.scaled(usize::try_from(most).unwrap_or(0))
    }

    /// Whether an instance ended before another one began.
    pub(crate) fn was_replaced(&self) -> bool {
        let first_end = self.0.values().map(|(_, last)| *last).min();
        let last_begin = self.0.values().map(|(first, _)| *first).max();
        first_end
            .zip(last_begin)
            .is_some_and(|(end, begin)| end < begin)
    }

    fn scaled(&self, count: usize) -> f64 {
        approximate(count as u128) * self.scale()
    }

    /// Instances for each one kept: with the largest of k smallest hashes at a share x of all hashes, there are (k - 1) / x.
    fn scale(&self) -> f64 {
        match self.0.last_key_value() {
            Some((largest, _)) if self.0.len() >= MAX => {
                let share = approximate(u128::from(*largest).max(1)) / approximate(1 << 64);
                let kept = approximate(self.0.len() as u128);
                ((kept - 1.0) / share / kept).max(1.0)
            }
            _ => 1.0,
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "a mean for display")]
const fn approximate(number: u128) -> f64 {
    number as f64
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const DAY: u64 = 86_400_000_000_000;

    fn moment(start_ns: u64, end_ns: u64) -> Moment {
        Moment {
            start_ns,
            end_ns,
            begun: 1.0,
            under_way: 1.0,
        }
    }

    /// Ten pods, replaced every day for `days` days.
    fn deployed(days: u64) -> Lifetimes {
        let mut all = Lifetimes::default();
        for day in 0..days {
            for pod in 0..10 {
                let life = (day * DAY, (day + 1) * DAY - 1);
                all.seen(&format!("cart-{day}-{pod}"), life);
            }
        }
        all
    }

    #[test]
    fn pods_that_followed_each_other_are_not_together() {
        let all = deployed(5);
        assert_eq!(all.most_together(), 10.0);
        assert_eq!(all.alive_in(&moment(DAY, DAY + 1)), 10.0);
        assert!((all.alive_between(DAY, 3 * DAY) - 10.0).abs() < 0.01);
        assert!(all.was_replaced());
        assert!(!deployed(1).was_replaced());
        assert_eq!(Lifetimes::default().most_together(), 0.0);
    }

    #[test]
    fn more_instances_than_are_kept_are_estimated() {
        let all = deployed(100);
        let estimate = all.alive_between(0, 100 * DAY);
        assert!((7.0..13.0).contains(&estimate), "{estimate}");
    }

    proptest! {
        #[test]
        fn order_and_split_do_not_matter(
            lives in prop::collection::vec((0_u32..500, any::<u64>(), any::<u64>()), 1..400),
            split in 0_usize..400,
        ) {
            let of = |lives: &[(u32, u64, u64)]| {
                let mut all = Lifetimes::default();
                for (name, a, b) in lives {
                    all.seen(&name.to_string(), (*a.min(b), *a.max(b)));
                }
                all
            };
            let whole = of(&lives);
            let (a, b) = lives.split_at(split.min(lives.len()));
            let (mut ab, mut ba) = (of(a), of(b));
            ab.merge(&of(b));
            ba.merge(&of(a));
            prop_assert_eq!(&ab, &ba);
            prop_assert_eq!(&ab, &whole);
            prop_assert!(whole.0.len() <= MAX);
            prop_assert!(whole.most_together().is_finite());
        }
    }
}
