//! Additive facts for planning: what onboarding and egress settings need to know beside counts and latency.
//!
//! Kept apart from [`EdgeStats`](super::stats::EdgeStats) because the unit differs: statistics are kept per dialled
//! address, but a distinct count only adds up over keys that never share a request. The key here is the destination
//! ([`DestinationKey`]): two calls of one caller that agree in it reach the same node.

mod destination;

use std::collections::{BTreeMap, BTreeSet};

use super::concurrency::Concurrency;
use super::demand::EdgeDemand;
use super::sampling::{fixed, unfixed};
use super::stats::{add_counts, cap_values};
use crate::snapshot::TraceCounts;
use crate::text::stable_hash;
pub(crate) use destination::DestinationKey;

/// Stands for the zone of an end that names none.
const NO_ZONE: &str = "unknown";

/// What values past a cap fold into.
const OTHER: &str = "other";

/// Facts about the calls from one caller to one destination. Merging is commutative and associative.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct EdgeFacts {
    /// Distinct requests of the caller with at least one call.
    pub(crate) caller_requests: u64,
    /// Those of them that no other key of the same host counts: over keys that turn out to reach one node, these add up.
    pub(crate) first_requests: u64,
    /// Zone of the caller -> zone of the callee -> paired attempts.
    pub(crate) zones: BTreeMap<String, BTreeMap<String, u64>>,
    /// Method -> attempts.
    pub(crate) methods: BTreeMap<String, u64>,
    /// Route of the callee -> attempts.
    pub(crate) routes: BTreeMap<String, u64>,
    pub(crate) caller_instances: Instances,
    pub(crate) callee_instances: Instances,
    /// Time that attempts took.
    pub(crate) concurrency: Concurrency,
    /// Load over time.
    pub(crate) demand: EdgeDemand,
}

impl EdgeFacts {
    /// Adds the facts of other calls.
    pub(crate) fn merge(&mut self, other: &Self) {
        self.caller_requests += other.caller_requests;
        self.first_requests += other.first_requests;
        for (caller, callees) in &other.zones {
            add_counts(self.zones.entry(caller.clone()).or_default(), callees);
        }
        add_counts(&mut self.methods, &other.methods);
        add_counts(&mut self.routes, &other.routes);
        self.caller_instances.merge(&other.caller_instances);
        self.callee_instances.merge(&other.callee_instances);
        self.concurrency.merge(&other.concurrency);
        self.demand.merge(&other.demand);
    }

    /// Counts paired attempts between two zones. Says nothing when neither end names one.
    pub(crate) fn zone_pair(&mut self, caller: Option<&str>, callee: Option<&str>, attempts: u64) {
        if caller.is_none() && callee.is_none() {
            return;
        }
        let (caller, callee) = (caller.unwrap_or(NO_ZONE), callee.unwrap_or(NO_ZONE));
        let callees = self.zones.entry(caller.to_owned()).or_default();
        *callees.entry(callee.to_owned()).or_default() += attempts;
    }

    /// Keeps the most frequent values; the others are added up as `other`.
    pub(crate) fn cap(&mut self, max_values: usize) {
        cap_values(&mut self.methods, max_values);
        cap_values(&mut self.routes, max_values);
        for callees in self.zones.values_mut() {
            cap_values(callees, max_values);
        }
        while self.zones.len() > max_values.saturating_add(1) {
            // The largest name that is not `other` goes; zones are few unless someone attacks.
            let last = self.zones.keys().rev().find(|zone| *zone != OTHER).cloned();
            let Some(callees) = last.and_then(|zone| self.zones.remove(&zone)) else {
                break;
            };
            let other = self.zones.entry(OTHER.to_owned()).or_default();
            let attempts = callees.values().sum::<u64>();
            *other.entry(OTHER.to_owned()).or_default() += attempts;
        }
    }
}

/// Distinct instances, as the smallest hashes of their names: equal whatever the order, and bounded.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Instances(pub(super) BTreeSet<u64>);

impl Instances {
    /// Instances told apart; a count at this number means at least as many.
    const MAX: usize = 256;

    /// Adds an instance.
    pub(crate) fn insert(&mut self, name: &str) {
        self.insert_hash(stable_hash(&[name]));
    }

    /// Adds an instance by the hash of its name.
    pub(super) fn insert_hash(&mut self, hash: u64) {
        self.0.insert(hash);
        self.cap();
    }

    fn merge(&mut self, other: &Self) {
        self.0.extend(&other.0);
        self.cap();
    }

    fn cap(&mut self) {
        while self.0.len() > Self::MAX {
            self.0.pop_last();
        }
    }

    /// How many there are, at most [`MAX`](Self::MAX).
    pub(crate) fn count(&self) -> u64 {
        self.0.len() as u64
    }
}

/// Distinct traces. A trace whose spans arrive too far apart is inferred in parts, of which only the first has its root.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct TraceStats {
    pub(super) seen: u64,
    pub(super) rooted: u64,
    /// Sampling weights of the roots, in fixed point.
    pub(super) weight: u128,
}

impl TraceStats {
    /// Counts a trace, with the sampling weight of its root if that was seen.
    pub(crate) fn count(&mut self, root_weight: Option<f32>) {
        self.seen += 1;
        if let Some(weight) = root_weight {
            self.rooted += 1;
            self.weight += fixed(weight);
        }
    }

    /// Adds other traces.
    pub(crate) fn merge(&mut self, other: Self) {
        self.seen += other.seen;
        self.rooted += other.rooted;
        self.weight += other.weight;
    }

    /// The counts as users see them.
    pub(crate) fn counts(self) -> TraceCounts {
        TraceCounts {
            seen: self.seen,
            rooted: self.rooted,
            weighted_rooted: unfixed(self.weight),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn instances(names: std::ops::Range<u32>) -> Instances {
        let mut instances = Instances::default();
        names.for_each(|name| instances.insert(&name.to_string()));
        instances
    }

    #[test]
    fn instances_past_the_bound_merge_in_any_order_to_the_same_set() {
        let parts = [instances(0..200), instances(150..400), instances(300..900)];
        let merged = |order: [usize; 3]| {
            let mut all = Instances::default();
            order.iter().for_each(|part| all.merge(&parts[*part]));
            all
        };
        assert_eq!(merged([0, 1, 2]), merged([2, 0, 1]));
        assert_eq!(merged([0, 1, 2]), instances(0..900));
        assert_eq!(merged([0, 1, 2]).count(), 256);
        assert_eq!(instances(0..200).count(), 200);
    }

    #[test]
    fn capped_zones_keep_their_sum() {
        let mut facts = EdgeFacts::default();
        for zone in 0..40 {
            let (from, to) = (format!("z{}", zone % 10), format!("z{zone}"));
            facts.zone_pair(Some(&from), Some(&to), 1);
        }
        facts.zone_pair(None, Some("z1"), 1);
        facts.zone_pair(None, None, 1);
        facts.cap(3);
        let sum: u64 = facts.zones.values().flat_map(BTreeMap::values).sum();
        assert_eq!(sum, 41);
        assert_eq!(facts.zones.len(), 4, "three zones and the rest");
        assert!(facts.zones.values().all(|callees| callees.len() <= 4));
    }
}
