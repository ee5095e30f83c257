//! Sums that cannot overflow, whatever is read.

use std::collections::BTreeMap;

/// No count goes beyond: larger numbers lose digits in JSON, and sums of a thousand such still fit 64 bits.
const MOST: u64 = 1 << 53;

/// No sum of weights goes beyond: a thousand times the largest weight for each of the most calls, with their fraction.
const MOST_WIDE: u128 = 1 << 113;

/// Adds to a count.
pub(super) fn plus(into: &mut u64, more: u64) {
    *into = into.saturating_add(more).min(MOST);
}

/// Adds to a sum of weights.
pub(super) fn plus_wide(into: &mut u128, more: u128) {
    *into = into.saturating_add(more).min(MOST_WIDE);
}

/// A number of two halves.
pub(super) fn wide(high: u64, low: u64) -> u128 {
    (u128::from(high) << 64) | u128::from(low)
}

/// Adds to the count of a name, which is copied only when it is new.
pub(super) fn count(counts: &mut BTreeMap<String, u64>, name: &str, more: u64) {
    match counts.get_mut(name) {
        Some(known) => plus(known, more),
        None => {
            let mut first = 0;
            plus(&mut first, more);
            counts.insert(name.to_owned(), first);
        }
    }
}

/// Adds to the count of a name below another one; both are copied only when they are new.
pub(super) fn count_below(
    counts: &mut BTreeMap<String, BTreeMap<String, u64>>,
    above: &str,
    name: &str,
    more: u64,
) {
    match counts.get_mut(above) {
        Some(known) => count(known, name, more),
        None => count(counts.entry(above.to_owned()).or_default(), name, more),
    }
}
