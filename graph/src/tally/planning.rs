//! Facts for planning while a shard counts them, keyed by interned ids.
//!
//! Distinct counts need a whole slice at once: calls are noted as they are reported, and counted at the end of the slice,
//! one per request and destination.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::EdgeIds;
use super::inbound::Alive;
use super::together::Together;
use super::trail::TrailIds;
use crate::names::{NodeId, OperationId, Tables};
use crate::segment::planning::{DestinationKey, EdgeFacts, TraceStats};
use crate::segment::{Caller, EdgeKey, Segment};
use crate::settings::Settings;
use crate::slice::{Attempt, End, PeerRef};
use crate::snapshot::Relation;

/// Facts since the last flush.
#[derive(Debug, Default)]
pub(super) struct PlanningTally {
    /// At most one entry per edge of the tally.
    facts: HashMap<EdgeIds, Seen>,
    requests: HashMap<NodeId, u64>,
    all_traces: TraceStats,
    traces: HashMap<NodeId, TraceStats>,
    /// Calls of the slice that is being reported.
    calls: Vec<Call>,
    /// Attempts of the slice that is being reported.
    together: Together,
}

/// Facts of one edge. Operations and instances stay ids until the flush, because every attempt touches them.
#[derive(Debug, Default)]
struct Seen {
    facts: EdgeFacts,
    /// Operations of the caller's and of the callee's span -> attempts.
    operations: BTreeMap<(OperationId, OperationId), u64>,
    callers: Alive,
    callees: Alive,
}

/// A call, by the request of its caller that made it.
#[derive(Debug, Clone, Copy)]
struct Call {
    request: Option<usize>,
    to: EdgeIds,
}

impl PlanningTally {
    /// Notes an attempt of the slice that is being reported.
    pub(super) fn attempt(&mut self, attempt: &Attempt, trail: TrailIds, names: &Tables) {
        let to = destination(attempt, trail);
        if attempt.is_attempt {
            self.facts.entry(to).or_default().count(attempt, names);
            self.together.attempt(to, attempt);
        }
        if attempt.is_call {
            let request = attempt.request;
            self.calls.push(Call { request, to });
        }
    }

    /// Counts a request that a node served.
    pub(super) fn request(&mut self, node: NodeId) {
        *self.requests.entry(node).or_default() += 1;
    }

    /// Counts a trace and the nodes that it passed through.
    pub(super) fn trace(&mut self, nodes: &BTreeSet<NodeId>, root_weight: Option<f32>) {
        self.all_traces.count(root_weight);
        for node in nodes {
            self.traces.entry(*node).or_default().count(root_weight);
        }
    }

    /// Counts what was noted, at the end of a slice.
    pub(super) fn end(&mut self, names: &Tables) {
        let mut calls = std::mem::take(&mut self.calls);
        calls.sort_by(|a, b| order(a, b, names));
        calls.dedup_by(|a, b| order(a, b, names) == Ordering::Equal);
        let mut outside = None;
        let mut before: Option<&Call> = None;
        for call in &calls {
            let seen = self.facts.entry(call.to).or_default();
            seen.facts.caller_requests += 1;
            // Sorted: calls to one host follow each other.
            let is_first = before.is_none_or(|before| !is_same_host(before, call, names));
            seen.facts.first_requests += u64::from(is_first);
            before = Some(call);
            // Sorted: the calls of one node outside of any request follow each other.
            let caller = call.to.0;
            if call.request.is_none() && outside != Some(caller) {
                outside = Some(caller);
                self.request(caller);
            }
        }
        calls.clear();
        self.calls = calls;
        for (edge, most) in self.together.take() {
            let seen = self.facts.entry(edge).or_default();
            seen.facts.demand.together(most);
        }
    }

    /// Puts names to everything.
    pub(super) fn name_into(&self, names: &Tables, settings: &Settings, segment: &mut Segment) {
        self.facts
            .iter()
            .for_each(|((caller, callee, peer, relation, trail), seen)| {
                let key = EdgeKey {
                    caller: Caller::Node(names.node(*caller).clone()),
                    callee: callee.map(|callee| names.node(callee).clone()),
                    peer: DestinationKey::of(*peer, names).to_peer(),
                    relation: *relation,
                    trail: trail.named(names),
                };
                segment
                    .facts
                    .entry(key)
                    .or_default()
                    .merge(&seen.named(names));
            });
        for facts in segment.facts.values_mut() {
            facts.cap(settings.max_facet_values.saturating_mul(VALUES_PER_FLUSH));
        }
        let requests: BTreeMap<_, _> = self.requests.iter().collect();
        for (node, requests) in requests {
            let stats = segment.nodes.entry(names.node(*node).clone());
            stats.or_default().requests += requests;
        }
        let traces: BTreeMap<_, _> = self.traces.iter().collect();
        for (node, traces) in traces {
            let stats = segment.nodes.entry(names.node(*node).clone());
            stats.or_default().traces.merge(*traces);
        }
        segment.traces.merge(self.all_traces);
    }
}

/// A segment keeps more values than a snapshot shows: what is rare in one flush may be frequent in a day.
const VALUES_PER_FLUSH: usize = 8;

impl Seen {
    fn count(&mut self, attempt: &Attempt, names: &Tables) {
        let took_ns = attempt.client_ns.or(attempt.server_ns).unwrap_or(0);
        let weight = attempt.weights.of_call().value;
        let concurrency = &mut self.facts.concurrency;
        concurrency.count(attempt.start_ns, took_ns, weight);
        let served = attempt.to.map_or(OperationId::FIRST, |to| to.operation);
        let operations = (attempt.from.operation, served);
        *self.operations.entry(operations).or_default() += 1;
        let (start_ns, end_ns) = (attempt.start_ns, attempt.end_ns.max(attempt.start_ns));
        self.callers.seen(attempt.from.instance, start_ns, end_ns);
        self.demand(attempt, took_ns, weight);
        let Some(to) = attempt.to else {
            return;
        };
        self.callees.seen(to.instance, start_ns, end_ns);
        if attempt.found.is_pair() {
            let zone = |end: End| names.resource(end.resource).zone();
            self.facts.zone_pair(zone(attempt.from), zone(to));
        }
    }

    /// Resends are no demand, so a call counts once, where its last attempt begins.
    fn demand(&mut self, attempt: &Attempt, took_ns: u64, weight: f32) {
        let demand = &mut self.facts.demand;
        demand.count((attempt.start_ns, took_ns), weight, attempt.is_call);
        if let (Some(took_ns), false) = (attempt.client_ns, attempt.has_failed) {
            demand.succeeded(took_ns);
        }
    }

    /// The caller knows its method best; what it does not say, the callee's span may.
    fn named(&self, names: &Tables) -> EdgeFacts {
        let mut facts = self.facts.clone();
        for ((asked, served), attempts) in &self.operations {
            let (asked, served) = (names.operation(*asked), names.operation(*served));
            let methods = [&asked.method, &served.method];
            if let Some(method) = methods.into_iter().find(|method| !method.is_empty()) {
                *facts.methods.entry(method.to_string()).or_default() += attempts;
            }
            if !served.route.is_empty() {
                *facts.routes.entry(served.route.to_string()).or_default() += attempts;
            }
        }
        for (name, life) in self.callers.named(names) {
            facts.caller_instances.insert(name);
            facts.demand.callers.seen(name, life);
        }
        for (name, life) in self.callees.named(names) {
            facts.callee_instances.insert(name);
            facts.demand.callees.seen(name, life);
        }
        facts
    }
}

/// Where an attempt went, as far as one slice knows. What was dialled does not matter when somebody answered.
fn destination(attempt: &Attempt, trail: TrailIds) -> EdgeIds {
    let peer = match attempt.callee {
        Some(_) => PeerRef::NONE,
        None => attempt.peer,
    };
    (
        attempt.caller,
        attempt.callee,
        peer,
        attempt.relation,
        trail,
    )
}

/// Equal for calls of one request to one destination.
fn order(a: &Call, b: &Call, names: &Tables) -> Ordering {
    let key = |call: &Call| DestinationKey::of(call.to.2, names);
    ends(a)
        .cmp(&ends(b))
        .then_with(|| match a.to.2 == b.to.2 {
            true => Ordering::Equal,
            false => key(a).cmp(&key(b)),
        })
        .then_with(|| a.to.4.order(b.to.4, names))
}

fn ends(call: &Call) -> (Option<usize>, NodeId, Option<NodeId>, Relation) {
    (call.request, call.to.0, call.to.1, call.to.3)
}

/// True for calls of one request to one host, whatever tells services behind it apart.
fn is_same_host(a: &Call, b: &Call, names: &Tables) -> bool {
    let host = |call: &Call| DestinationKey::of(call.to.2, names).host();
    ends(a) == ends(b) && (a.to.2 == b.to.2 || host(a) == host(b))
}
