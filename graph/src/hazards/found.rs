//! The hazards of every service of a snapshot: what its calls and its own server spans show, and what only rates tell.

use std::collections::BTreeMap;

use super::{Handling, HazardEvidence, HazardKind, Sign};
use crate::snapshot::{Edge, Exposed, Exposure, GraphSnapshot, NodeKind, Relation};

/// Calls under way from one instance from which on Envoy's default limits are near: a burst is ten times the mean.
const MANY_AT_ONCE: f64 = 100.0;
/// Calls that a probe of Envoy's adaptive concurrency lets through by default.
const PROBE_CONCURRENCY: f64 = 3.0;

/// Hazards of one service.
pub type ServiceHazards = BTreeMap<HazardKind, FoundHazard>;

/// A hazard that spans of a service show, with the numbers.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct FoundHazard(pub HazardEvidence);

impl FoundHazard {
    /// Who deals with it: signs that no configuration can answer need somebody to decide.
    #[must_use]
    pub fn handling(&self) -> Handling {
        match self.0.signs.keys().any(|sign| needs_decision(*sign)) {
            true => Handling::Decision,
            false => Handling::Handled,
        }
    }

    /// True when something shows it in this way.
    pub(super) fn shows(&self, sign: Sign) -> bool {
        self.0.signs.contains_key(&sign)
    }

    fn add(&mut self, other: &str, exposure: &Exposure) {
        let evidence = &mut self.0;
        let spans = evidence.callees.entry(other.to_owned()).or_default();
        *spans = spans.saturating_add(exposure.spans);
        evidence.spans = evidence.spans.saturating_add(exposure.spans);
        for (sign, spans) in &exposure.signs {
            let of_sign = evidence.signs.entry(*sign).or_default();
            *of_sign = of_sign.saturating_add(*spans);
        }
        let exemplars = &mut evidence.exemplars;
        exemplars.extend_from_slice(&exposure.exemplars);
        exemplars.sort_unstable();
        exemplars.dedup();
        exemplars.truncate(Exposure::MAX_EXEMPLARS);
    }
}

/// True for what the owner of the service has to know and decide.
const fn needs_decision(sign: Sign) -> bool {
    matches!(
        sign,
        Sign::OtherHost
            | Sign::IpAddress
            | Sign::Ordinal
            | Sign::Sharded
            | Sign::Connect
            | Sign::UnknownMethod
            | Sign::RefusedRequest
            | Sign::Refused
            | Sign::HostList
            | Sign::GrpcFailure
    )
}

/// The hazards of every service of the snapshot that has any, by node id.
///
/// Calls count for the caller, whose sidecar they leave through; server spans for the service itself. Message flow and
/// logical edges through gateways dial nothing and do not count.
#[must_use]
pub fn hazards_of(snapshot: &GraphSnapshot) -> BTreeMap<String, ServiceHazards> {
    let mut found: BTreeMap<String, ServiceHazards> = BTreeMap::new();
    let services = snapshot.nodes.iter();
    for node in services.filter(|node| node.kind == NodeKind::Service) {
        add(&mut found, &node.id, &node.id, &node.hazards);
    }
    let mut served: BTreeMap<&str, Served> = BTreeMap::new();
    let is_service = |id: &str| {
        let node = snapshot.node(id);
        node.is_some_and(|node| node.kind == NodeKind::Service)
    };
    for edge in &snapshot.edges {
        if edge.relation != Relation::Sync {
            continue;
        }
        if is_service(&edge.caller) {
            add(&mut found, &edge.caller, &edge.callee, &edge.facts.hazards);
            let many = Exposed::from_iter(many_at_once(edge));
            add(&mut found, &edge.caller, &edge.callee, &many);
        }
        if is_service(&edge.callee) {
            served.entry(&edge.callee).or_default().add(edge);
        }
    }
    for (id, served) in served {
        let instances = snapshot.node(id).map_or(1, |node| node.instances.max(1));
        let many = Exposed::from_iter(served.exposed(instances));
        add(&mut found, id, id, &many);
    }
    found
}

fn add(
    found: &mut BTreeMap<String, ServiceHazards>,
    service: &str,
    other: &str,
    exposed: &Exposed,
) {
    for (hazard, exposure) in exposed {
        if exposure.spans > 0 {
            let hazards = found.entry(service.to_owned()).or_default();
            hazards.entry(*hazard).or_default().add(other, exposure);
        }
    }
}

/// Instances of the caller share the calls evenly, as far as one can tell.
fn many_at_once(edge: &Edge) -> Option<(HazardKind, Exposure)> {
    let peak = edge.facts.peak_concurrency?.calls;
    let per_instance = peak / edge.facts.caller_instances.max(1) as f64;
    (per_instance >= MANY_AT_ONCE).then(|| exposure(Sign::ManyAtOnce, edge.attempts, edge))
}

fn exposure(sign: Sign, spans: u64, edge: &Edge) -> (HazardKind, Exposure) {
    let mut exposure = Exposure::default();
    exposure.add(sign, spans, &edge.exemplars);
    (sign.hazard(), exposure)
}

/// Calls that a service serves.
#[derive(Debug, Default)]
struct Served {
    /// Calls under way: rate times the time that all but the slowest take (Little's law).
    under_way: f64,
    all: Exposure,
}

impl Served {
    fn add(&mut self, edge: &Edge) {
        let Some(latency) = edge.latency.server else {
            return;
        };
        let seen_ns = edge.last_seen.0.saturating_sub(edge.first_seen.0);
        let calls = edge.weighted_calls.max(edge.calls as f64);
        if seen_ns > 0 {
            let rate = calls / (seen_ns as f64 / 1e9);
            self.under_way += rate * latency.p99_ms / 1e3;
        }
        self.all
            .add(Sign::ManyServed, edge.attempts, &edge.exemplars);
    }

    fn exposed(self, instances: u64) -> Option<(HazardKind, Exposure)> {
        let is_many = self.under_way / instances as f64 > PROBE_CONCURRENCY;
        is_many.then_some((HazardKind::LatencyProbes, self.all))
    }
}
