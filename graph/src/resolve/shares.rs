//! Counts that are more than the whole that they are parts of, cut down to it in proportion.
//!
//! Facts for planning are counted by what was dialled, before it is known who answers: where several did, an edge may be given those of
//! more attempts than it has. What share of them is its own nobody kept; proportions are the best guess, and they never claim more than
//! there is.

use std::collections::BTreeMap;

/// Cuts counts down so that they sum up to no more than `whole`. What is left after rounding down goes to those that lost most by it,
/// the first of them where several did.
fn cut(mut counts: Vec<&mut u64>, whole: u64) {
    let sum: u128 = counts.iter().map(|count| u128::from(**count)).sum();
    if sum <= u128::from(whole) {
        return;
    }
    let mut lost = Vec::with_capacity(counts.len());
    let mut left = whole;
    for (place, count) in counts.iter_mut().enumerate() {
        let exact = u128::from(**count) * u128::from(whole);
        // At most the count itself, because the whole is less than the sum.
        **count = u64::try_from(exact / sum).unwrap_or(**count);
        left -= **count;
        lost.push((std::cmp::Reverse(exact % sum), place));
    }
    lost.sort_unstable();
    for (_, place) in lost.iter().zip(0..left).map(|(lost, _)| lost) {
        *counts[*place] += 1;
    }
}

/// Counts by name that sum up to no more than `whole`.
pub(super) fn of(mut counts: BTreeMap<String, u64>, whole: u64) -> BTreeMap<String, u64> {
    cut(counts.values_mut().collect(), whole);
    counts.retain(|_, count| *count > 0);
    counts
}

/// Counts by pairs of names that sum up to no more than `whole`.
pub(super) fn of_pairs(
    mut counts: BTreeMap<String, BTreeMap<String, u64>>,
    whole: u64,
) -> BTreeMap<String, BTreeMap<String, u64>> {
    cut(
        counts.values_mut().flat_map(BTreeMap::values_mut).collect(),
        whole,
    );
    for below in counts.values_mut() {
        below.retain(|_, count| *count > 0);
    }
    counts.retain(|_, below| !below.is_empty());
    counts
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn counts(parts: &[(&str, u64)]) -> BTreeMap<String, u64> {
        let parts = parts.iter();
        parts
            .map(|(name, count)| ((*name).to_owned(), *count))
            .collect()
    }

    #[test]
    fn parts_of_more_than_the_whole_keep_their_proportions() {
        let parts = counts(&[("GET", 6), ("POST", 3)]);
        assert_eq!(of(parts.clone(), 9), parts);
        assert_eq!(of(parts.clone(), 3), counts(&[("GET", 2), ("POST", 1)]));
        assert_eq!(of(parts.clone(), 1), counts(&[("GET", 1)]));
        assert_eq!(of(parts, 0), BTreeMap::new());
        let tied = counts(&[("GET", 1), ("POST", 1)]);
        assert_eq!(of(tied, 1), counts(&[("GET", 1)]));
    }

    proptest! {
        #[test]
        fn parts_are_the_whole_exactly_when_they_were_more(
            parts: Vec<u64>,
            whole: u64,
        ) {
            let named = parts.iter().enumerate();
            let named = named.map(|(place, count)| (place.to_string(), *count)).collect();
            let sum = |counts: &BTreeMap<String, u64>| counts.values().map(|c| u128::from(*c)).sum::<u128>();
            let wanted = sum(&named).min(u128::from(whole));
            prop_assert_eq!(sum(&of(named, whole)), wanted);
        }
    }
}
