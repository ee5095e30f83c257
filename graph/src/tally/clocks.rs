//! Bounds on the skew of clocks while a shard collects them, per pair of instances.

use std::collections::HashMap;

use crate::names::{InstanceId, NodeId, Tables};
use crate::segment::Segment;
use crate::segment::skew::{SkewBounds, SkewKey, keep_worst};
use crate::slice::Attempt;

/// Caller and callee, each with its instance.
type InstanceIds = (NodeId, InstanceId, NodeId, InstanceId);

/// Bounds since the last flush.
#[derive(Debug, Default)]
pub(super) struct ClockTally {
    bounds: HashMap<InstanceIds, SkewBounds>,
    /// Pairs of calls between instances that there was no room for.
    over: u64,
}

impl ClockTally {
    /// Adds what a pair says of the clocks at its ends.
    pub(super) fn attempt(&mut self, attempt: &Attempt, max_pairs: usize) {
        let (Some(skew), Some(callee), Some(to)) = (attempt.skew, attempt.callee, attempt.to)
        else {
            return;
        };
        let ids = (attempt.caller, attempt.from.instance, callee, to.instance);
        if let Some(known) = self.bounds.get_mut(&ids) {
            known.intersect(skew);
        } else if self.bounds.len() < max_pairs {
            self.bounds.insert(ids, skew);
        } else {
            self.over += 1;
        }
    }

    /// Names the clocks that cannot both be right.
    pub(super) fn name_into(&self, names: &Tables, segment: &mut Segment) {
        let certain = self.bounds.iter();
        let certain = certain.filter_map(|(ids, bounds)| Some((*ids, bounds.skew()?)));
        certain.for_each(
            |((caller, caller_instance, callee, callee_instance), skew)| {
                let key = SkewKey {
                    caller: names.node(caller).clone(),
                    callee: names.node(callee).clone(),
                    caller_instance: names.instance(caller_instance).to_owned(),
                    callee_instance: names.instance(callee_instance).to_owned(),
                };
                segment.skews.entry(key).or_default().merge(skew);
            },
        );
        keep_worst(&mut segment.skews);
        if self.over > 0 {
            let counter = segment.counters.entry("clocks_not_compared".to_owned());
            *counter.or_default() += self.over;
        }
    }
}
