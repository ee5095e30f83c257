//! Additive statistics: the values of a segment's tables. Merging two of them is commutative and associative.

use std::collections::{BTreeMap, BTreeSet};

use super::demand::InboundLoad;
use super::exemplars::Exemplars;
use super::halves::OpenServer;
use super::hazards::Exposures;
use super::planning::TraceStats;
use super::sampling::{SamplingStats, fixed, unfixed};
use super::votes::Spells;
use crate::peer::Address;
use crate::resolve::policy::IP_REACH_NS;
use crate::sampling::Weights;
use crate::sketch::Sketch;
use crate::slice::Found;

/// Calls of one kind from one caller to one destination.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct EdgeStats {
    pub(crate) calls: u64,
    pub(crate) attempts: u64,
    pub(crate) failed: u64,
    pub(crate) failed_attempts: u64,
    pub(crate) weight: u128,
    pub(crate) sampling: SamplingStats,
    /// Calls by how they were found.
    pub(crate) found: BTreeMap<Found, u64>,
    pub(crate) client: Sketch,
    pub(crate) server: Sketch,
    /// From the end of a send to the start of its first consume; 0 where clocks turn them round.
    pub(crate) wait: Sketch,
    /// Earliest start and latest end; `None` while nothing was counted.
    pub(super) window: Option<(u64, u64)>,
    pub(crate) errors: BTreeMap<String, u64>,
    pub(crate) flags: BTreeMap<String, u64>,
    /// Attempts exposed to hazards.
    pub(crate) exposures: Exposures,
    /// Example traces by how their calls were found.
    pub(super) exemplars: BTreeMap<Found, Exemplars>,
}

impl EdgeStats {
    /// Adds the server half of a call of which only the outgoing half was known.
    pub(crate) fn answered_by(&mut self, server: &OpenServer, found: Found) {
        let calls = self.found.remove(&Found::Alone).unwrap_or_default();
        *self.found.entry(found).or_default() += calls;
        if let Some(traces) = self.exemplars.remove(&Found::Alone) {
            self.exemplars.entry(found).or_default().merge(&traces);
        }
        self.exposures.answered();
        self.server.record(server.duration_ns);
        let end_ns = server.start_ns.saturating_add(server.duration_ns);
        self.see(server.start_ns, end_ns);
        // A 4xx that only the client calls an error is no failure (B42); its status is its label.
        if !server.has_failed && self.errors.keys().all(|error| is_client_fault(error)) {
            (self.failed, self.failed_attempts) = (0, 0);
        }
        if server.has_failed && self.failed_attempts == 0 {
            self.failed = self.calls;
            self.failed_attempts = self.attempts;
            let error = match server.error.as_str() {
                "" => "error",
                error => error,
            };
            *self.errors.entry(error.to_owned()).or_default() += 1;
        }
    }

    /// True when nothing was counted: no attempt, and no sign of the edge either.
    pub(crate) fn is_blank(&self) -> bool {
        self.window.is_none()
    }

    /// Takes back that the halves of these calls belong together; that the one follows from the other stays.
    pub(crate) fn unpair(&mut self) {
        let calls = self.found.remove(&Found::Paired).unwrap_or_default();
        *self.found.entry(Found::Parent).or_default() += calls;
        if let Some(traces) = self.exemplars.remove(&Found::Paired) {
            let kept = self.exemplars.entry(Found::Parent).or_default();
            kept.merge(&traces);
        }
    }

    /// Adds an example trace.
    pub(crate) fn exemplar(&mut self, found: Found, trace_id: u128) {
        self.exemplars.entry(found).or_default().insert(trace_id);
    }

    /// Adds another edge's counts.
    pub(crate) fn merge(&mut self, other: &Self) {
        self.calls += other.calls;
        self.attempts += other.attempts;
        self.failed += other.failed;
        self.failed_attempts += other.failed_attempts;
        self.weight += other.weight;
        self.sampling.merge(&other.sampling);
        if let Some((first_ns, last_ns)) = other.window {
            self.see(first_ns, last_ns);
        }
        self.client.merge(&other.client);
        self.server.merge(&other.server);
        self.wait.merge(&other.wait);
        add_counts(&mut self.found, &other.found);
        add_counts(&mut self.errors, &other.errors);
        add_counts(&mut self.flags, &other.flags);
        self.exposures.merge(&other.exposures);
        for (found, traces) in &other.exemplars {
            self.exemplars.entry(*found).or_default().merge(traces);
        }
    }

    /// Widens the window to these times.
    pub(crate) fn see(&mut self, start_ns: u64, end_ns: u64) {
        let (first, last) = self.window.unwrap_or((start_ns, end_ns));
        self.window = Some((first.min(start_ns), last.max(end_ns)));
    }

    /// Earliest start of a span that counted; 0 when none did.
    pub(crate) fn first_ns(&self) -> u64 {
        self.window.map_or(0, |(first, _)| first)
    }

    /// Latest end of a span that counted; 0 when none did.
    pub(crate) fn last_ns(&self) -> u64 {
        self.window.map_or(0, |(_, last)| last)
    }

    /// Calls corrected for sampling.
    pub(crate) fn weighted_calls(&self) -> f64 {
        unfixed(self.weight)
    }

    /// Example traces by how their calls were found.
    pub(crate) fn exemplars(&self) -> impl Iterator<Item = (Found, u128)> + '_ {
        let classes = self.exemplars.iter();
        classes.flat_map(|(found, traces)| traces.ids().map(|trace| (*found, trace)))
    }

    /// Notes how long a message waited. It is the one time here that two clocks take part in: where they disagree by more,
    /// it is 0 and flagged.
    pub(crate) fn waited(&mut self, sent_ns: u64, consumed_ns: u64) {
        self.wait.record(consumed_ns.saturating_sub(sent_ns));
        if consumed_ns < sent_ns {
            *self.flags.entry("wait_clamped".to_owned()).or_default() += 1;
        }
    }

    /// The statistics of flows that a snapshot computes: one message with its deliveries.
    pub(crate) fn of_flow(flow: &Flow) -> Self {
        let mut sampling = SamplingStats::default();
        sampling.count(flow.weights, flow.messages);
        let mut traces = Exemplars::default();
        traces.insert(flow.trace_id);
        Self {
            sampling,
            calls: flow.messages,
            attempts: flow.deliveries,
            failed: u64::from(flow.has_failed) * flow.messages,
            failed_attempts: flow.failed_deliveries,
            weight: fixed(flow.weights.of_call().value) * u128::from(flow.messages),
            window: Some((flow.first_ns, flow.last_ns)),
            exemplars: BTreeMap::from([(Found::Paired, traces)]),
            ..Self::default()
        }
    }
}

/// True for the label of an HTTP status from 400 to 499.
fn is_client_fault(error: &str) -> bool {
    error.len() == 3 && error.starts_with('4') && error.bytes().all(|byte| byte.is_ascii_digit())
}

/// One message, or the messages of one operation, between two ends.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Flow {
    pub(crate) messages: u64,
    pub(crate) deliveries: u64,
    pub(crate) has_failed: bool,
    pub(crate) failed_deliveries: u64,
    pub(crate) weights: Weights,
    pub(crate) first_ns: u64,
    pub(crate) last_ns: u64,
    pub(crate) trace_id: u128,
}

/// Adds counts key by key.
pub(crate) fn add_counts<K: Ord + Clone>(into: &mut BTreeMap<K, u64>, from: &BTreeMap<K, u64>) {
    for (key, count) in from {
        *into.entry(key.clone()).or_default() += count;
    }
}

/// What is known about one node.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct NodeStats {
    pub(crate) spans: u64,
    /// Requests served, and one per trace that called from outside of any.
    pub(crate) requests: u64,
    /// Traces that passed through it.
    pub(crate) traces: TraceStats,
    /// Spans by kind.
    pub(crate) kinds: BTreeMap<String, u64>,
    /// Spans that it served, exposed to hazards.
    pub(crate) exposures: Exposures,
    /// Counted events by name.
    pub(crate) events: BTreeMap<String, u64>,
    /// Traces in which a parent was missing.
    pub(crate) orphan_exemplars: Exemplars,
    /// Instances seen.
    pub(crate) instances: BTreeSet<String>,
    /// Own addresses of its instances, as their resources tell, and when their spans started.
    pub(crate) addresses: BTreeMap<Address, Spells>,
    /// Facet -> value -> spans.
    pub(crate) facets: BTreeMap<String, BTreeMap<String, u64>>,
    /// Attribute -> value -> spans.
    pub(crate) attributes: BTreeMap<String, BTreeMap<String, u64>>,
    /// Load of its server spans.
    pub(crate) inbound: InboundLoad,
}

impl NodeStats {
    /// Counts a value of a facet.
    pub(crate) fn facet(&mut self, name: &str, value: &str, count: u64) {
        count_value(&mut self.facets, name, value, count);
    }

    /// Counts a value of an attribute that should have one value per node.
    pub(crate) fn attribute(&mut self, name: &str, value: &str, count: u64) {
        count_value(&mut self.attributes, name, value, count);
    }

    /// Adds another node's counts. Nothing is capped here: folding on the way would make the order of merges visible.
    pub(crate) fn merge(&mut self, other: Self) {
        self.spans += other.spans;
        self.requests += other.requests;
        self.traces.merge(other.traces);
        self.inbound.merge(&other.inbound);
        add_counts(&mut self.kinds, &other.kinds);
        self.exposures.merge(&other.exposures);
        add_counts(&mut self.events, &other.events);
        self.orphan_exemplars.merge(&other.orphan_exemplars);
        self.instances.extend(other.instances);
        for (address, spells) in &other.addresses {
            let own = self.addresses.entry(address.clone()).or_default();
            own.merge(spells, IP_REACH_NS);
        }
        for (facet, values) in &other.facets {
            add_counts(self.facets.entry(facet.clone()).or_default(), values);
        }
        for (attribute, values) in &other.attributes {
            add_counts(
                self.attributes.entry(attribute.clone()).or_default(),
                values,
            );
        }
    }

    /// Keeps instances and the values of each facet within bounds; what is left over goes to `other`.
    pub(crate) fn cap(&mut self, max_values: usize) {
        let max_instances = max_values.saturating_mul(INSTANCES_PER_VALUE);
        while self.instances.len() > max_instances {
            self.instances.pop_last();
        }
        while self.addresses.len() > max_instances {
            self.addresses.pop_last();
        }
        self.addresses.values_mut().for_each(Spells::cap);
        let facets = self.facets.values_mut();
        for values in facets.chain(self.attributes.values_mut()) {
            cap_values(values, max_values);
        }
    }
}

fn count_value(
    table: &mut BTreeMap<String, BTreeMap<String, u64>>,
    name: &str,
    value: &str,
    count: u64,
) {
    let values = table.entry(name.to_owned()).or_default();
    *values.entry(value.to_owned()).or_default() += count;
}

/// A service has many more instances than zones or versions.
const INSTANCES_PER_VALUE: usize = 32;

/// Keeps the most frequent values, the smaller one of equals, and adds the others up as `other`.
pub(crate) fn cap_values(values: &mut BTreeMap<String, u64>, max_values: usize) {
    if values.len() <= max_values {
        return;
    }
    let mut ranked: Vec<(u64, String)> = std::mem::take(values)
        .into_iter()
        .map(|(value, count)| (count, value))
        .collect();
    ranked.sort_by(|a, b| b.0.cmp(&a.0).then_with(|| a.1.cmp(&b.1)));
    let rest = ranked.split_off(max_values);
    values.extend(ranked.into_iter().map(|(count, value)| (value, count)));
    let other: u64 = rest.iter().map(|(count, _)| count).sum();
    *values.entry("other".to_owned()).or_default() += other;
}

/// Adds counts in the order of the values; values past the cap go to `other`.
pub(crate) fn add_capped(
    into: &mut BTreeMap<String, u64>,
    from: BTreeMap<String, u64>,
    cap: usize,
) {
    for (value, count) in from {
        let is_room = into.len() < cap || into.contains_key(&value);
        let key = if is_room { value } else { "other".to_owned() };
        *into.entry(key).or_default() += count;
    }
}

/// Addresses a node was called by, as its own server spans tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct ServedStats {
    pub(crate) spans: u64,
    pub(crate) last_ns: u64,
}

impl ServedStats {
    pub(crate) fn merge(&mut self, other: Self) {
        self.spans += other.spans;
        self.last_ns = self.last_ns.max(other.last_ns);
    }
}
