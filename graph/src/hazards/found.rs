//! The hazards of every service of a snapshot: what its calls and its own server spans show, and what only rates tell.

use std::collections::BTreeMap;

use super::{Handling, HazardEvidence, HazardKind, HazardNote, Sign};
use crate::egress::EgressModel;
use crate::snapshot::{Edge, Exposed, Exposure, GraphSnapshot, Node, NodeKind, Relation};

/// Calls under way from one instance from which on Envoy's default limit of 1024 is near: peaks are means over a second, and
/// lower bounds.
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
    hazards_after(snapshot, None)
}

/// The same, where a hazard that only a rate tells comes and goes as slowly as a setting: what the previous model says of
/// it stays until the rate is a fifth past its threshold.
pub(super) fn hazards_after(
    snapshot: &GraphSnapshot,
    previous: Option<&EgressModel>,
) -> BTreeMap<String, ServiceHazards> {
    let before = Before::new(previous);
    let mut found: BTreeMap<String, ServiceHazards> = BTreeMap::new();
    let services = || {
        let nodes = snapshot.nodes.iter();
        nodes.filter(|node| node.kind == NodeKind::Service)
    };
    let mut traces: BTreeMap<&str, Vec<String>> = services()
        .map(|node| (node.id.as_str(), Vec::new()))
        .collect();
    let dialled = |edge: &&Edge| edge.relation == Relation::Sync;
    for edge in snapshot.edges.iter().filter(dialled) {
        for end in [&edge.caller, &edge.callee] {
            if let Some(traces) = traces.get_mut(end.as_str()) {
                traces.extend(edge.exemplars.iter().cloned());
            }
        }
        if traces.contains_key(edge.caller.as_str()) {
            add(&mut found, &edge.caller, &edge.callee, &edge.facts.hazards);
            let many = Exposed::from_iter(many_at_once(edge, &before));
            add(&mut found, &edge.caller, &edge.callee, &many);
        }
    }
    for node in services() {
        add(&mut found, &node.id, &node.id, &node.hazards);
        let traces = traces.get(node.id.as_str()).map_or(&[][..], Vec::as_slice);
        let many = Exposed::from_iter(many_served(node, traces, &before));
        add(&mut found, &node.id, &node.id, &many);
    }
    found
}

/// True when some of the exposed calls are streams, however long they took.
pub(crate) fn shows_streams(exposed: &Exposed) -> bool {
    let mut signs = exposed.values().flat_map(|exposure| exposure.signs.keys());
    signs.any(|sign| {
        matches!(
            sign,
            Sign::Stream | Sign::Upgraded | Sign::Silent | Sign::WebSocket
        )
    })
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

/// Instances of the caller share the calls, as far as one can tell. Snapshots of older versions know the peak of all only.
fn many_at_once(edge: &Edge, before: &Before<'_>) -> Option<(HazardKind, Exposure)> {
    let instances = edge.facts.caller_instances.max(1) as f64;
    let all = edge.facts.peak_concurrency;
    let of_one = match edge.facts.demand {
        Some(demand) => demand.concurrency_of_one,
        None => all?.calls / instances,
    };
    let threshold = before.threshold(&edge.caller, Sign::ManyAtOnce, MANY_AT_ONCE);
    (of_one >= threshold).then(|| exposure(Sign::ManyAtOnce, edge.attempts, &edge.exemplars))
}

/// Little's law over the calls of the busiest second and the time that all but the slowest take.
fn many_served(
    node: &Node,
    traces: &[String],
    before: &Before<'_>,
) -> Option<(HazardKind, Exposure)> {
    let inbound = node.inbound?;
    let under_way = inbound.calls_per_second_of_one * inbound.p99_ms / 1e3;
    let threshold = before.threshold(&node.id, Sign::ManyServed, PROBE_CONCURRENCY);
    (under_way > threshold).then(|| exposure(Sign::ManyServed, inbound.calls, traces))
}

/// The hazards of the services of a previous model.
struct Before<'a>(BTreeMap<&'a str, &'a [HazardNote]>);

impl<'a> Before<'a> {
    fn new(previous: Option<&'a EgressModel>) -> Self {
        let services = previous.iter().flat_map(|model| &model.services);
        Self(services.map(|s| (s.id.as_str(), &s.hazards[..])).collect())
    }

    /// The threshold of a sign, moved away from what was said before; as it is for a service of which nothing was.
    fn threshold(&self, service: &str, sign: Sign, threshold: f64) -> f64 {
        let told = self.0.get(service).map(|notes| {
            let mut notes = notes.iter();
            notes.any(|note| note.hazard == sign.hazard())
        });
        threshold * told.map_or(1.0, |told| if told { 0.8 } else { 1.2 })
    }
}

fn exposure(sign: Sign, spans: u64, traces: &[String]) -> (HazardKind, Exposure) {
    let mut exposure = Exposure::default();
    exposure.add(sign, spans, traces);
    (sign.hazard(), exposure)
}
