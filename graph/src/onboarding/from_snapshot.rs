//! From the snapshot to the input of the plan: which nodes can join, which calls a sidecar would carry, and how far to trust both.
//!
//! Only nodes of kind service can join. Synchronous edges count. Asynchronous ones do not: producer and consumer share no connection,
//! and whoever dials the broker has a synchronous edge to it. Logical edges through a gateway do not count either, because their
//! physical edges are there as well. What is left out is counted.

mod health;

use std::collections::BTreeMap;

use super::input::{Evidence, Hazard, PlanEdge, PlanInput, PlanService, Severity};
use super::options::{PlanOptions, ServiceFacts};
use crate::hazards::{FoundHazard, Handling, HazardKind, ServiceHazards, hazards_of};
use crate::snapshot::{
    Edge, GraphSnapshot, Node, NodeKind, Relation, ServiceDiagnostics, TraceCounts,
};

/// Final failures from which the attempts per failing call are taken as observed.
const ENOUGH_FAILURES: u64 = 10;
/// Most attempts per call that an observation can claim.
const MAX_OBSERVED_ATTEMPTS: f64 = 10.0;
/// Requests at which the evidence of a count is one half.
const HALF_EVIDENCE: f64 = 30.0;
/// Observed time at which the evidence of days is full.
const WEEK_NS: f64 = 7.0 * 86_400.0 * 1e9;

impl PlanInput {
    /// The plan input of a snapshot, with the facts of `options` laid over it.
    ///
    /// Rates are `weighted_calls`, or `calls` where that is 0. Entry calls are scaled by the sampling weight of the service's own
    /// edges. Attempts count as observed from ten final failures on (attempts that failed per call that failed, which is an upper
    /// bound when some calls recovered). Facts for ids that are no service of the snapshot are counted in `left_out`.
    #[must_use]
    pub fn from_snapshot(snapshot: &GraphSnapshot, options: &PlanOptions) -> Self {
        let mut input = Self {
            window: snapshot.window,
            ..Self::default()
        };
        let diagnostics: BTreeMap<&str, &ServiceDiagnostics> = snapshot
            .diagnostics
            .per_service
            .iter()
            .map(|service| (service.service.as_str(), service))
            .collect();
        let seen = seen(snapshot);
        let nothing = Seen::default();
        let exposed = hazards_of(snapshot);
        let answers = health::answers(snapshot);
        for node in &snapshot.nodes {
            if node.kind != NodeKind::Service {
                let reason = format!("node of kind {} cannot join", node.kind.as_str());
                *input.left_out.entry(reason).or_default() += 1;
                continue;
            }
            let id = node.id.as_str();
            let seen = seen.get(id).unwrap_or(&nothing);
            let mut service = service(node, seen, diagnostics.get(id).copied(), snapshot);
            service.hazards = exposed.get(id).map(hazards).unwrap_or_default();
            let answers = answers.get(id).copied().unwrap_or_default();
            service.health = health::health(node, answers, service.entry_rate, snapshot.window);
            let service = with_facts(service, node, options);
            input.services.insert(node.id.clone(), service);
        }
        for edge in &snapshot.edges {
            match edge.relation {
                // No egress cluster is generated for it, so nothing can be switched on.
                Relation::Sync if edge.is_never_answered() => {
                    let reason = "edge that nobody ever answered";
                    *input.left_out.entry(reason.to_owned()).or_default() += 1;
                }
                Relation::Sync => {
                    let requests = snapshot.node(&edge.caller).map(|caller| caller.requests);
                    let mut made = plan_edge(edge, requests);
                    // What was seen counts more than what was declared.
                    let declared = || options.facts.get(&edge.caller)?.attempts;
                    made.attempts = made.attempts.or_else(declared);
                    input.edges.push(made);
                }
                Relation::Async | Relation::Proxied => {
                    let reason = format!("{} edge", edge.relation.as_str());
                    *input.left_out.entry(reason).or_default() += 1;
                }
            }
        }
        for id in options.facts.keys() {
            if !input.services.contains_key(id) {
                let reason = "facts about a service that is not in the graph";
                *input.left_out.entry(reason.to_owned()).or_default() += 1;
            }
        }
        input
    }
}

/// What the edges say about one service.
#[derive(Debug, Default)]
struct Seen {
    calls_in: u64,
    calls_out: u64,
    /// Observed and corrected calls of all its edges: their ratio is the sampling weight.
    calls: f64,
    weighted: f64,
    /// Calls with other services, plain and times confidence.
    inner: f64,
    confident: f64,
    first: Option<u64>,
    last: Option<u64>,
}

fn seen(snapshot: &GraphSnapshot) -> BTreeMap<&str, Seen> {
    let mut seen: BTreeMap<&str, Seen> = BTreeMap::new();
    let is_service = |id: &str| {
        snapshot
            .node(id)
            .is_some_and(|node| node.kind == NodeKind::Service)
    };
    for edge in &snapshot.edges {
        if edge.relation != Relation::Sync {
            continue;
        }
        let inner =
            edge.caller != edge.callee && is_service(&edge.caller) && is_service(&edge.callee);
        for (id, outgoing) in [(&edge.caller, true), (&edge.callee, false)] {
            let service = seen.entry(id.as_str()).or_default();
            service.add(edge, outgoing, inner);
        }
    }
    seen
}

impl Seen {
    fn add(&mut self, edge: &Edge, outgoing: bool, inner: bool) {
        let calls = if outgoing {
            &mut self.calls_out
        } else {
            &mut self.calls_in
        };
        *calls = calls.saturating_add(edge.calls);
        self.calls += edge.calls as f64;
        self.weighted += rate(edge);
        if inner {
            self.inner += rate(edge);
            self.confident += rate(edge) * edge.confidence;
        }
        let (first, last) = (edge.first_seen.0, edge.last_seen.0);
        self.first = Some(self.first.map_or(first, |known| known.min(first)));
        self.last = Some(self.last.map_or(last, |known| known.max(last)));
    }

    /// Sampling weight of the service's traffic, 1 when it has no edge.
    fn weight(&self) -> f64 {
        if self.calls > 0.0 && self.weighted > 0.0 {
            self.weighted / self.calls
        } else {
            1.0
        }
    }
}

fn service(
    node: &Node,
    seen: &Seen,
    diagnostics: Option<&ServiceDiagnostics>,
    snapshot: &GraphSnapshot,
) -> PlanService {
    let arrived = seen.calls_in.saturating_add(node.entry_calls);
    // Older snapshots do not count requests. What a service calls is no measure of them: a consumer makes several calls
    // per message.
    let requests = match (node.requests, arrived) {
        (0, 0) => seen.calls_out,
        (0, arrived) => arrived,
        (requests, _) => requests,
    };
    let count = requests as f64;
    let first = seen.first.or(snapshot.window.start.map(|time| time.0));
    let last = seen.last.or(snapshot.window.end.map(|time| time.0));
    let seen_ns = last.unwrap_or(0).saturating_sub(first.unwrap_or(0));
    let unresolved = diagnostics.map_or(0.0, |known| known.unresolved as f64);
    let dialled = unresolved + seen.calls_out as f64;
    PlanService {
        entry_rate: node.entry_calls as f64 * seen.weight(),
        team: None,
        tier: node
            .attributes
            .get("service.criticality")
            .and_then(|text| tier(text)),
        hazards: Vec::new(),
        status: super::input::Status::Pending,
        pins: super::input::Pins::NONE,
        effort: 1,
        criticality: criticality(node.traces, snapshot.traces),
        evidence: Evidence {
            requests: count / (count + HALF_EVIDENCE),
            days: (seen_ns as f64 / WEEK_NS).min(1.0),
            confidence: ratio(seen.confident, seen.inner),
            known_peers: ratio(seen.calls_out as f64, dialled),
        },
        requests,
        orphans: diagnostics.map_or(0, |known| known.orphans),
        health: super::input::Health::UNKNOWN,
    }
}

/// What the generated configuration deals with is unlikely to be noticed; what somebody has to decide needs a look.
fn hazards(found: &ServiceHazards) -> Vec<Hazard> {
    let hazard = |(hazard, found): (&HazardKind, &FoundHazard)| Hazard {
        code: hazard.as_str().to_owned(),
        severity: match found.handling() {
            Handling::Handled => Severity::Low,
            Handling::Decision => Severity::Medium,
        },
    };
    found.iter().map(hazard).collect()
}

/// `part / whole`, or 1 when there is nothing to doubt.
fn ratio(part: f64, whole: f64) -> f64 {
    if whole > 0.0 { part / whole } else { 1.0 }
}

/// Tier of the values that the semantic conventions give `service.criticality`.
fn tier(criticality: &str) -> Option<u8> {
    match criticality {
        "critical" => Some(0),
        "high" => Some(1),
        "medium" => Some(2),
        "low" => Some(3),
        _ => None,
    }
}

fn with_facts(mut service: PlanService, node: &Node, options: &PlanOptions) -> PlanService {
    let attribute = options.team_attribute.as_ref();
    service.team = attribute
        .and_then(|key| node.attributes.get(key))
        .filter(|team| !team.is_empty())
        .cloned();
    let Some(facts) = options.facts.get(&node.id) else {
        return service;
    };
    let ServiceFacts {
        team,
        tier,
        hazards,
        fixed,
        status,
        pins,
        effort,
        criticality,
        attempts: _,
    } = facts.clone();
    service.team = team.or(service.team);
    service.tier = tier.or(service.tier);
    // Who knows better than the traces names the same code.
    service.hazards.retain(|seen| {
        hazards.iter().all(|told| told.code != seen.code) && !fixed.contains(&seen.code)
    });
    service.hazards.extend(hazards);
    service.status = status;
    service.pins = pins;
    service.effort = effort.unwrap_or(1).max(1);
    service.criticality = criticality.or(service.criticality);
    service
}

fn rate(edge: &Edge) -> f64 {
    if edge.weighted_calls > 0.0 {
        edge.weighted_calls
    } else {
        edge.calls as f64
    }
}

/// Attempts that one call of this edge makes while its callee fails, as far as enough calls failed to tell: those that
/// failed per call that failed, an upper bound when other calls recovered.
pub(crate) fn attempts_while_failing(edge: &Edge) -> Option<f64> {
    let attempts = edge.failed_attempts as f64 / edge.failed.max(1) as f64;
    (edge.failed >= ENOUGH_FAILURES).then(|| attempts.clamp(1.0, MAX_OBSERVED_ATTEMPTS))
}

/// `requests` are those of the caller.
pub(super) fn plan_edge(edge: &Edge, requests: Option<u64>) -> PlanEdge {
    PlanEdge {
        caller: edge.caller.clone(),
        callee: edge.callee.clone(),
        rate: rate(edge),
        attempts: attempts_while_failing(edge),
        hit_ratio: hit_ratio(edge.facts.caller_requests, requests),
        confidence: edge.confidence,
    }
}

/// Share of the caller's requests that make such a call, where both were counted.
fn hit_ratio(asking: Option<u64>, requests: Option<u64>) -> Option<f64> {
    let requests = requests.filter(|requests| *requests > 0)?;
    Some((asking? as f64 / requests as f64).min(1.0))
}

/// Share of all traces that pass through a service. Counted among traces whose beginning was seen, so it is left to the
/// estimate for a service most of whose traces lack theirs: a gateway that passes trace ids on without spans of its own
/// takes the beginning from every trace behind it.
fn criticality(own: TraceCounts, all: TraceCounts) -> Option<f64> {
    let is_known = own.rooted > 0 && own.seen - own.rooted.min(own.seen) <= own.rooted;
    let share = own.weighted_rooted / all.weighted_rooted;
    (is_known && share.is_finite()).then(|| share.clamp(0.0, 1.0))
}
