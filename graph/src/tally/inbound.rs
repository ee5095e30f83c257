//! Load of server spans while a shard counts it, keyed by interned ids.

use std::collections::{BTreeMap, HashMap};

use crate::names::{InstanceId, NodeId, Tables};
use crate::record::SpanRecord;
use crate::segment::Segment;
use crate::segment::demand::InboundLoad;

/// Requests since the last flush, at most one entry per node.
#[derive(Debug, Default)]
pub(super) struct InboundTally(HashMap<NodeId, Seen>);

/// Instances stay ids until the flush, because every request touches them.
#[derive(Debug, Default)]
struct Seen {
    load: InboundLoad,
    instances: Alive,
}

/// First and last time, in nanoseconds, at which instances were seen.
#[derive(Debug, Default)]
pub(super) struct Alive(BTreeMap<InstanceId, (u64, u64)>);

impl Alive {
    /// Notes an instance; those without a name are nobody.
    pub(super) fn seen(&mut self, instance: InstanceId, first_ns: u64, last_ns: u64) {
        if instance == InstanceId::FIRST {
            return;
        }
        let life = self.0.entry(instance).or_insert((first_ns, last_ns));
        *life = (life.0.min(first_ns), life.1.max(last_ns));
    }

    /// Names and times.
    pub(super) fn named<'a>(
        &'a self,
        names: &'a Tables,
    ) -> impl Iterator<Item = (&'a str, (u64, u64))> {
        let lives = self.0.iter();
        lives.map(|(instance, life)| (names.instance(*instance), *life))
    }
}

impl InboundTally {
    /// Counts a request by its serving span.
    pub(super) fn request(&mut self, node: NodeId, record: &SpanRecord) {
        let seen = self.0.entry(node).or_default();
        let weight = record.sampled().value;
        seen.load.count(record.start_ns, record.duration_ns, weight);
        let end_ns = record.end_ns();
        seen.instances
            .seen(record.instance, record.start_ns, end_ns);
    }

    /// Puts names to everything.
    pub(super) fn name_into(&self, names: &Tables, segment: &mut Segment) {
        let nodes: BTreeMap<_, _> = self.0.iter().collect();
        for (node, seen) in nodes {
            let mut load = seen.load.clone();
            for (name, life) in seen.instances.named(names) {
                load.instances.seen(name, life);
            }
            let stats = segment.nodes.entry(names.node(*node).clone());
            stats.or_default().inbound.merge(&load);
        }
    }
}
