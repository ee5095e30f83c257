//! Spans of one resource while a shard counts them: all that every span adds to lies at one place.

use std::collections::BTreeMap;

use crate::names::{ResourceId, Tables};
use crate::record::{Marks, SpanRecord};
use crate::resolve::policy::IP_REACH_NS;
use crate::resource::Facet;
use crate::segment::stats::NodeStats;
use crate::segment::votes::Spells;
use crate::slice::Event;
use crate::span::SpanKind;

/// Marks that are counted as events.
const EVENTS: [(Marks, Event); 3] = [
    (Marks::PROXY, Event::ProxySpan),
    (Marks::SIDECAR, Event::SidecarSpan),
    (Marks::WEIGHT_MALFORMED, Event::WeightMalformed),
];

/// Spans of one resource, and when they started if it has addresses of its own.
#[derive(Debug, Default)]
pub(super) struct Spans {
    kinds: [u64; 6],
    unweighed: u64,
    events: [u64; EVENTS.len()],
    spells: Spells,
}

impl Spans {
    /// Counts a span.
    pub(super) fn count(&mut self, record: &SpanRecord, names: &Tables) {
        let marks = record.marks;
        self.kinds[record.kind as usize] += 1;
        self.unweighed += u64::from(!marks.has(Marks::WEIGHED));
        for (count, (mark, _)) in self.events.iter_mut().zip(EVENTS) {
            *count += u64::from(marks.has(mark));
        }
        if names.resource_traits(record.resource).has_addresses {
            let at = record.start_ns;
            self.spells.add(at, at, IP_REACH_NS);
        }
    }

    /// Adds other spans of the resource.
    pub(super) fn merge(&mut self, other: &Self) {
        let kinds = self.kinds.iter_mut().zip(other.kinds);
        let events = self.events.iter_mut().zip(other.events);
        kinds.chain(events).for_each(|(own, more)| *own += more);
        self.unweighed += other.unweighed;
        self.spells.merge(&other.spells, IP_REACH_NS);
    }

    /// Adds the spans, and what their resource tells, to those of their node.
    pub(super) fn name_into(&self, resource: ResourceId, names: &Tables, stats: &mut NodeStats) {
        let facts = names.resource(resource);
        let spans = self.kinds.iter().sum();
        stats.spans += spans;
        for (kind, count) in SpanKind::ALL.into_iter().zip(self.kinds) {
            add(&mut stats.kinds, kind_name(kind), count);
        }
        for ((_, event), count) in EVENTS.into_iter().zip(self.events) {
            add(&mut stats.events, event.name(), count);
        }
        add(&mut stats.events, "weight_unknown", self.unweighed);
        if !facts.instance.is_empty() {
            stats.instances.insert(facts.instance.clone());
        }
        for address in &facts.addresses {
            let seen = stats.addresses.entry(address.clone()).or_default();
            seen.merge(&self.spells, IP_REACH_NS);
        }
        for (facet, value) in facts.values() {
            match facet {
                Facet::Counted(name) => stats.facet(name, value, spans),
                Facet::Attribute(name) => stats.attribute(name, value, spans),
            }
        }
    }
}

/// Adds a count under a name, if it is one.
fn add(counts: &mut BTreeMap<String, u64>, name: &str, count: u64) {
    if count > 0 {
        *counts.entry(name.to_owned()).or_default() += count;
    }
}

/// The spelling of a kind in diagnostics.
const fn kind_name(kind: SpanKind) -> &'static str {
    match kind {
        SpanKind::Unspecified => "unspecified",
        SpanKind::Internal => "internal",
        SpanKind::Server => "server",
        SpanKind::Client => "client",
        SpanKind::Producer => "producer",
        SpanKind::Consumer => "consumer",
    }
}
