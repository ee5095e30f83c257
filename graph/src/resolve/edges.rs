//! Resolved edges while they are being summed, and their final form.

use std::collections::{BTreeMap, HashMap};

use super::NodeRef;
use super::classes::{Classes, trace_hex};
use super::destination::{Evidence, Known};
use super::hazards::{Dialled, EdgeHazards, Mixed};
use super::numbers::Numbers;
use super::shares;
use crate::peer::{Category, Peer};
use crate::segment::planning::EdgeFacts;
use crate::segment::sampling::{Seen, TraceSum};
use crate::segment::stats::{EdgeStats, add_capped, add_counts};
use crate::settings::Settings;
use crate::snapshot::{self, Edge, Latency, Relation, Target};
use crate::time::Timestamp;

/// Numbers of the caller and of the callee.
type Ends = (usize, usize, Relation);

/// Hears the sums behind an edge, by the ids of its ends.
pub(super) type Tell<'t> = &'t mut dyn FnMut((&str, &str, Relation), &EdgeStats);

/// Edges by (caller, callee, relation).
#[derive(Debug)]
pub(super) struct EdgeTable<'a> {
    nodes: Numbers,
    numbers: HashMap<Ends, usize>,
    /// By number. Boxed, so that a growing table does not move what it holds.
    edges: Vec<(Ends, Box<Sum<'a>>)>,
    max_values: usize,
    min_sampled_calls: u64,
}

/// Everything that was resolved to one edge.
#[derive(Debug, Default)]
struct Sum<'a> {
    /// What was resolved to the edge, summed up when the edge is finished: then there is one sum at a time.
    parts: Vec<&'a EdgeStats>,
    /// Messages.
    stats: EdgeStats,
    /// Sum of the standard deviations of everything that was resolved to the edge, in its order.
    deviations: f64,
    /// The trace of the last message and the messages of that trace so far.
    messages: Option<(u128, TraceSum)>,
    facts: Vec<&'a EdgeFacts>,
    /// Requests of the caller that the facts count.
    requests: u64,
    classes: Classes,
    targets: BTreeMap<(String, String, Option<u16>), TargetSum>,
    protocols: BTreeMap<String, u64>,
    destination: BTreeMap<String, u64>,
    ambiguous: u64,
    hairpins: u64,
    /// Spans that sent or consumed messages.
    operations: u64,
    hazards: EdgeHazards,
}

#[derive(Debug, Default)]
struct TargetSum {
    calls: u64,
    attempts: u64,
    last_ns: u64,
    sockets: BTreeMap<String, u64>,
}

impl<'a> EdgeTable<'a> {
    pub(super) fn new(settings: &Settings) -> Self {
        Self {
            nodes: Numbers::default(),
            numbers: HashMap::new(),
            edges: Vec::new(),
            max_values: settings.max_facet_values,
            min_sampled_calls: settings.min_sampled_calls,
        }
    }

    /// Every node that an edge touches.
    pub(super) fn nodes(&self) -> &[NodeRef] {
        self.nodes.nodes()
    }

    /// Adds calls and what they dialled.
    pub(super) fn add(
        &mut self,
        caller: &NodeRef,
        to: &Known,
        relation: Relation,
        peer: &Peer,
        stats: &'a EdgeStats,
    ) {
        let max_values = self.max_values;
        let sum = self.sum(caller, to, relation);
        sum.count(to, stats);
        sum.dialled(peer, stats, max_values);
        sum.describe(peer, stats, max_values);
    }

    /// Notes how the calls of an edge show hazards.
    pub(super) fn note_dialled(
        &mut self,
        ends: (&NodeRef, &NodeRef, Relation),
        dialled: &Dialled<'_>,
        stats: &EdgeStats,
    ) {
        let max_values = self.max_values;
        if let Some(sum) = self.find(ends) {
            sum.hazards.add(dialled, stats, max_values);
        }
    }

    /// Counts calls of an edge that leave the cluster and come back.
    pub(super) fn mark_hairpin(
        &mut self,
        caller: &NodeRef,
        to: &Known,
        relation: Relation,
        calls: u64,
    ) {
        self.sum(caller, to, relation).hairpins += calls;
    }

    /// Adds spans that moved the messages of an edge.
    pub(super) fn add_operations(&mut self, from: &NodeRef, to: &NodeRef, operations: u64) {
        if let Some(sum) = self.find((from, to, Relation::Async)) {
            sum.operations += operations;
        }
    }

    /// Adds facts for planning to an edge, with the requests that count for it. Facts of calls that made no edge have no
    /// place.
    pub(super) fn add_facts(
        &mut self,
        ends: (&NodeRef, &NodeRef, Relation),
        facts: &'a EdgeFacts,
        requests: u64,
    ) {
        if let Some(sum) = self.find(ends) {
            sum.facts.push(facts);
            sum.requests += requests;
        }
    }

    /// Bounds what was counted once for each way in which a request found its callee by the requests that the caller had.
    pub(super) fn bound_requests(&mut self, requests: impl Fn(&NodeRef) -> u64) {
        let most: Vec<u64> = self.nodes.nodes().iter().map(requests).collect();
        for ((caller, _, _), sum) in &mut self.edges {
            sum.requests = sum.requests.min(most[*caller]);
        }
    }

    /// Adds messages, which dial nothing. Those of one trace, which are sampled together, must follow each other.
    pub(super) fn add_messages(
        &mut self,
        from: &NodeRef,
        to: &Known,
        relation: Relation,
        peer: &Peer,
        stats: &EdgeStats,
    ) {
        let max_values = self.max_values;
        let sum = self.sum(from, to, relation);
        sum.count_messages(to.evidence, stats);
        sum.describe(peer, stats, max_values);
    }

    /// An edge that is there.
    fn find(&mut self, ends: (&NodeRef, &NodeRef, Relation)) -> Option<&mut Sum<'a>> {
        let ends = (self.nodes.find(ends.0)?, self.nodes.find(ends.1)?, ends.2);
        let number = self.numbers.get(&ends)?;
        self.edges.get_mut(*number).map(|(_, sum)| &mut **sum)
    }

    fn sum(&mut self, caller: &NodeRef, to: &Known, relation: Relation) -> &mut Sum<'a> {
        let number = self.number(caller, &to.node, relation);
        let sum = &mut self.edges[number].1;
        sum.ambiguous += u64::from(to.is_ambiguous);
        sum
    }

    /// The number of an edge. A node is described by the first call of each of its edges, the best of these stays.
    fn number(&mut self, caller: &NodeRef, callee: &NodeRef, relation: Relation) -> usize {
        let known = self.nodes.find(caller).zip(self.nodes.find(callee));
        let number = known.and_then(|(a, b)| self.numbers.get(&(a, b, relation)));
        if let Some(number) = number {
            return *number;
        }
        let nodes = &mut self.nodes;
        let ends = (nodes.number(caller), nodes.number(callee), relation);
        let next = self.edges.len();
        self.numbers.insert(ends, next);
        self.edges.push((ends, Box::default()));
        next
    }

    /// The edges in their final order. `tell` hears the sums behind each, in any order.
    pub(super) fn finish(self, ids: &BTreeMap<NodeRef, String>, tell: Tell<'_>) -> Vec<Edge> {
        let bounds = (self.max_values, self.min_sampled_calls);
        let edges = self.edges.iter();
        let mixed = Mixed::of(edges.map(|((_, callee, _), sum)| (*callee, &sum.hazards)));
        let nodes = self.nodes.nodes().iter();
        let ids: Vec<&str> = nodes.map(|node| ids[node].as_str()).collect();
        let edges = self.edges.into_iter();
        let edges = edges.map(|((caller, callee, relation), mut sum)| {
            let facts = sum.add_up();
            let told = (&sum.stats, facts.as_ref(), sum.classes.counts());
            let hazards = sum
                .hazards
                .exposed(told, |target| mixed.contains(callee, target));
            tell((ids[caller], ids[callee], relation), &sum.stats);
            let mut edge = sum.finish((ids[caller], ids[callee], relation), facts, bounds);
            edge.facts.hazards = hazards;
            edge
        });
        let mut edges: Vec<Edge> = edges.collect();
        edges.sort_by(|a, b| {
            (&a.caller, &a.callee, a.relation).cmp(&(&b.caller, &b.callee, b.relation))
        });
        edges
    }
}

impl<'a> Sum<'a> {
    fn count(&mut self, to: &Known, stats: &'a EdgeStats) {
        self.parts.push(stats);
        self.deviations += stats.sampling.deviation();
        self.classes.count_calls(&stats.found, to.evidence);
        for (found, trace) in stats.exemplars() {
            self.classes.call_exemplar(found, to.evidence, trace);
        }
    }

    fn count_messages(&mut self, evidence: Evidence, stats: &EdgeStats) {
        self.stats.merge(stats);
        self.classes.count_messages(stats.calls, evidence);
        for (_, trace) in stats.exemplars() {
            self.classes.message_exemplar(evidence, trace);
            self.message_of(trace, stats);
        }
    }

    /// Notes the messages of an operation; those of the trace before are complete when another begins.
    fn message_of(&mut self, trace: u128, stats: &EdgeStats) {
        if self.messages.is_some_and(|(before, _)| before != trace) {
            self.end_messages();
        }
        let (_, sum) = self.messages.get_or_insert((trace, TraceSum::default()));
        sum.add_fixed(stats.weight, stats.calls);
    }

    fn end_messages(&mut self) {
        if let Some((_, sum)) = self.messages.take() {
            self.stats.sampling.add_variance(sum.variance());
            // The sum over traces stands; the messages of different traces are no parts of one.
            self.deviations = f64::INFINITY;
        }
    }

    fn dialled(&mut self, peer: &Peer, stats: &EdgeStats, max_values: usize) {
        let attempts = stats.attempts;
        let first = peer.best_address();
        for address in first.into_iter().chain(&peer.also) {
            let key = (peer.scheme.clone(), address.host.clone(), address.port);
            let is_room = self.targets.len() < max_values || self.targets.contains_key(&key);
            let key = if is_room {
                key
            } else {
                (String::new(), "other".to_owned(), None)
            };
            let target = self.targets.entry(key).or_default();
            target.calls += stats.calls;
            target.attempts += attempts;
            target.last_ns = target.last_ns.max(stats.last_ns());
            if let (Some(socket), true) = (&peer.socket, peer.address.is_some()) {
                let one = BTreeMap::from([(socket.to_string(), attempts.max(1))]);
                add_capped(&mut target.sockets, one, max_values);
            }
        }
    }

    fn describe(&mut self, peer: &Peer, stats: &EdgeStats, max_values: usize) {
        if !peer.protocol.is_empty() && stats.attempts > 0 {
            *self.protocols.entry(peer.protocol.clone()).or_default() += stats.attempts;
        }
        let destination = match &peer.category {
            Category::Database { namespace, .. } => namespace,
            Category::Messaging { destination, .. } => destination,
            _ => return,
        };
        if !destination.is_empty() {
            let one = BTreeMap::from([(destination.clone(), stats.calls)]);
            add_capped(&mut self.destination, one, max_values);
        }
    }

    /// Sums up what was resolved to the edge.
    fn add_up(&mut self) -> Option<EdgeFacts> {
        for part in std::mem::take(&mut self.parts) {
            self.stats.merge(part);
        }
        let parts = std::mem::take(&mut self.facts);
        let mut facts = (!parts.is_empty()).then(EdgeFacts::default)?;
        parts.iter().for_each(|part| facts.merge(part));
        facts.caller_requests = self.requests;
        Some(facts)
    }

    fn finish(
        mut self,
        (caller, callee, relation): (&str, &str, Relation),
        facts: Option<EdgeFacts>,
        bounds: (usize, u64),
    ) -> Edge {
        self.end_messages();
        let stats = &self.stats;
        let (max_values, min_calls) = bounds;
        let evidence = self.classes.counts();
        let sampling = stats.sampling.shown(Seen {
            calls: stats.calls,
            unjoined: evidence.unjoined(),
            deviations: self.deviations,
            min_calls,
        });
        let mut flags = BTreeMap::new();
        add_counts(&mut flags, &stats.flags);
        if caller == callee {
            flags.insert("self".to_owned(), stats.calls);
        }
        if self.hairpins > 0 {
            flags.insert("hairpin".to_owned(), self.hairpins);
        }
        if self.ambiguous > 0 {
            flags.insert("ambiguous_name".to_owned(), self.ambiguous);
        }
        Edge {
            caller: caller.to_owned(),
            callee: callee.to_owned(),
            relation,
            calls: stats.calls,
            attempts: stats.attempts,
            failed: stats.failed,
            failed_attempts: stats.failed_attempts,
            retries: stats.attempts.saturating_sub(stats.calls),
            weighted_calls: stats.weighted_calls(),
            evidence,
            confidence: self.classes.mean_confidence(),
            targets: targets(self.targets),
            protocols: self.protocols,
            latency: Latency {
                client: stats.client.summary(),
                server: stats.server.summary(),
                wait: stats.wait.summary(),
            },
            destination: self.destination,
            first_seen: Timestamp(stats.first_ns()),
            last_seen: Timestamp(stats.last_ns()),
            exemplars: exemplars(stats),
            exemplars_by_evidence: self.classes.exemplars(),
            errors: stats.errors.clone(),
            flags,
            facts: snapshot::EdgeFacts {
                sampling: Some(sampling),
                operations: (self.operations > 0).then_some(self.operations),
                ..told_facts(facts, stats, max_values)
            },
        }
    }
}

fn targets(sums: BTreeMap<(String, String, Option<u16>), TargetSum>) -> Vec<Target> {
    let sums = sums.into_iter();
    sums.map(|((scheme, host, port), sum)| Target {
        scheme,
        host,
        port,
        calls: sum.calls,
        attempts: sum.attempts,
        last_seen: Timestamp(sum.last_ns),
        sockets: sum.sockets,
    })
    .collect()
}

/// A request that makes a call makes at least one.
fn told_facts(
    facts: Option<EdgeFacts>,
    stats: &EdgeStats,
    max_values: usize,
) -> snapshot::EdgeFacts {
    let Some(mut facts) = facts else {
        return snapshot::EdgeFacts::default();
    };
    facts.cap(max_values);
    snapshot::EdgeFacts {
        caller_requests: Some(facts.caller_requests.min(stats.calls)),
        // Facts are counted by what was dialled: where late halves tell that several answered, those of more attempts than the edge
        // has may come to it.
        caller_instances: facts.caller_instances.count().min(stats.attempts),
        callee_instances: facts.callee_instances.count().min(stats.attempts),
        peak_concurrency: facts.concurrency.peak(),
        demand: facts.demand.shown(&facts.concurrency),
        zone_pairs: shares::of_pairs(facts.zones, stats.attempts),
        methods: shares::of(facts.methods, stats.attempts),
        routes: shares::of(facts.routes, stats.attempts),
        ..snapshot::EdgeFacts::default()
    }
}

/// Trace ids in hex, as every tracing UI wants them.
fn exemplars(stats: &EdgeStats) -> Vec<String> {
    let mut traces: Vec<u128> = stats.exemplars().map(|(_, trace)| trace).collect();
    traces.sort_unstable();
    traces.dedup();
    traces.into_iter().map(trace_hex).collect()
}
