//! What flows along calls, recomputed: retry amplification, criticality, exposure, and the risk with all its parts.
//!
//! The formulas are those of the specification, the walk is its own. It needs the arcs that were left out to break circles; that
//! those break all circles, and only circles, is judged as well.

use std::collections::BTreeSet;

use petgraph::algo::toposort;
use petgraph::graph::{DiGraph, NodeIndex};

use super::super::input::{Severity, clean_share};
use super::super::outcome::EdgeRef;
use super::super::risk::{Risk, RiskFactor};
use super::close;
use super::graph::{Call, Graph};

/// Load multipliers end here, and those that count as exposure there.
const MAX_LOAD: f64 = 1e9;
const MAX_EXPOSED: f64 = 64.0;

/// What follows from the graph for every service.
#[derive(Debug)]
pub(super) struct Flow {
    pub(super) criticality: Vec<f64>,
    pub(super) mean: Vec<f64>,
    pub(super) worst_path: Vec<f64>,
    /// Shares of the exposure to retry storms: they sum to 1, or are all 0.
    pub(super) exposure: Vec<f64>,
    /// In the order of [`FACTORS`].
    pub(super) parts: Vec<[f64; 7]>,
}

/// The parts of a risk in their order.
pub(super) const FACTORS: [(RiskFactor, f64); 7] = [
    (RiskFactor::Criticality, 0.25),
    (RiskFactor::Hazards, 0.25),
    (RiskFactor::Traffic, 0.15),
    (RiskFactor::FanIn, 0.10),
    (RiskFactor::Amplification, 0.10),
    (RiskFactor::Evidence, 0.10),
    (RiskFactor::Tier, 0.05),
];

/// Numbers of the calls with these ends.
pub(super) fn numbers(graph: &Graph<'_>, arcs: &[EdgeRef]) -> BTreeSet<usize> {
    let ends = |arc: &EdgeRef| Some((graph.number(&arc.caller)?, graph.number(&arc.callee)?));
    let number = |ends: (usize, usize)| {
        let calls = &graph.calls;
        calls
            .binary_search_by_key(&ends, |call| (call.caller, call.callee))
            .ok()
    };
    arcs.iter().filter_map(ends).filter_map(number).collect()
}

/// Services in an order that the calls outside of `cut` respect, callers first; none when a circle is left.
pub(super) fn callers_first(graph: &Graph<'_>, cut: &BTreeSet<usize>) -> Option<Vec<usize>> {
    let mut left: DiGraph<(), (), usize> = DiGraph::with_capacity(graph.count(), 0);
    for _ in 0..graph.count() {
        left.add_node(());
    }
    for (number, call) in graph.calls.iter().enumerate() {
        if call.caller != call.callee && !cut.contains(&number) {
            left.add_edge(NodeIndex::new(call.caller), NodeIndex::new(call.callee), ());
        }
    }
    let order = toposort(&left, None).ok()?;
    Some(order.into_iter().map(NodeIndex::index).collect())
}

impl Flow {
    /// None when the calls outside of `cut` still make a circle.
    pub(super) fn new(graph: &Graph<'_>, cut: &BTreeSet<usize>, assumed: f64) -> Option<Self> {
        let order = callers_first(graph, cut)?;
        let assumed = if assumed.is_finite() {
            assumed.max(1.0)
        } else {
            1.0
        };
        let count = graph.count();
        let mut flow = Self {
            criticality: vec![0.0; count],
            mean: vec![1.0; count],
            worst_path: vec![1.0; count],
            exposure: vec![0.0; count],
            parts: Vec::new(),
        };
        let roots: Vec<f64> = (0..count)
            .map(|service| root_rate(graph, service))
            .collect();
        let root_sum: f64 = roots.iter().sum();
        for service in order {
            let calls = graph.incoming[service]
                .iter()
                .filter(|number| !cut.contains(number));
            let calls = calls.map(|number| graph.calls[*number]);
            let calls: Vec<Call> = calls.filter(|call| call.caller != service).collect();
            flow.amplify(graph, service, &calls, assumed);
            let root_share = if root_sum > 0.0 {
                roots[service] / root_sum
            } else {
                0.0
            };
            let mut passes_by = 1.0 - root_share;
            for call in &calls {
                let requests = graph.requests[call.caller].max(roots[call.caller]);
                passes_by *= 1.0 - flow.criticality[call.caller] * hit_ratio(call, requests);
            }
            let known = graph.services[service].criticality.map(clean_share);
            flow.criticality[service] = known.unwrap_or((1.0 - passes_by).clamp(0.0, 1.0));
        }
        flow.expose(graph);
        flow.parts = (0..count)
            .map(|service| flow.risk(graph, service))
            .collect();
        Some(flow)
    }

    fn amplify(&mut self, graph: &Graph<'_>, service: usize, calls: &[Call], assumed: f64) {
        let (mut sent, mut repeated) = (graph.origin[service], graph.origin[service]);
        for call in calls {
            let attempts = call.attempts.unwrap_or(assumed);
            sent += call.rate;
            repeated += call.rate * attempts * self.mean[call.caller];
            let path = (attempts * self.worst_path[call.caller]).min(MAX_LOAD);
            self.worst_path[service] = self.worst_path[service].max(path);
        }
        if sent > 0.0 {
            self.mean[service] = (repeated / sent).clamp(1.0, MAX_LOAD);
        }
    }

    fn expose(&mut self, graph: &Graph<'_>) {
        let rates = graph.requests.iter().zip(&self.mean);
        let raw: Vec<f64> = rates
            .map(|(rate, mean)| rate * (mean.min(MAX_EXPOSED) - 1.0))
            .collect();
        let sum: f64 = raw.iter().sum();
        if sum > 0.0 {
            self.exposure = raw.into_iter().map(|part| part / sum).collect();
        }
    }

    fn risk(&self, graph: &Graph<'_>, service: usize) -> [f64; 7] {
        let known = graph.services[service];
        let safe = |severity: Severity| match severity {
            Severity::Low => 0.9,
            Severity::Medium => 0.7,
            Severity::High | Severity::Blocker => 0.4,
        };
        let unharmed: f64 = known
            .hazards
            .iter()
            .map(|hazard| safe(hazard.severity))
            .product();
        let incoming = graph.incoming[service].iter();
        let callers = incoming
            .filter(|call| graph.calls[**call].caller != service)
            .count()
            + graph.outside_callers[service].len();
        let shown = &known.evidence;
        let shares = [
            shown.requests,
            shown.days,
            shown.confidence,
            shown.known_peers,
        ];
        let evidence = shares.into_iter().map(clean_share).fold(1.0, f64::min);
        let tier = match known.tier {
            None => 0.5,
            Some(0) => 1.0,
            Some(1) => 0.66,
            Some(2) => 0.33,
            Some(_) => 0.0,
        };
        [
            self.criticality[service],
            1.0 - unharmed,
            graph.touched(service) / 0.1,
            (1.0 + callers as f64).log2() / 5.0,
            self.mean[service].ln() / 27.0_f64.ln(),
            1.0 - evidence,
            tier,
        ]
        .map(clean_share)
    }

    pub(super) fn score(&self, service: usize) -> f64 {
        let parts = self.parts[service].iter().zip(FACTORS);
        parts
            .map(|(value, (_, points))| value * points)
            .sum::<f64>()
            .min(1.0)
    }

    /// What differs in a stated risk.
    pub(super) fn differs(&self, service: usize, stated: &Risk) -> Option<&'static str> {
        let mut sum = 0.0;
        for (part, (factor, points)) in stated.parts.iter().zip(FACTORS) {
            if part.factor != factor || !close(part.points, part.value * points) {
                return Some("a part does not have the points of its factor");
            }
            sum += part.points;
        }
        let values = stated.parts.iter().map(|part| part.value);
        let mut known = values.zip(self.parts[service]);
        if stated.parts.len() != FACTORS.len() {
            Some("a part is missing or too many")
        } else if !close(sum, stated.score) {
            Some("the parts do not sum to the score")
        } else if known.any(|(stated, known)| !close(stated, known)) {
            Some("a part is not what the graph says")
        } else {
            None
        }
    }
}

/// Requests that start at a service; one that nobody calls made as many as its busiest call at least.
fn root_rate(graph: &Graph<'_>, service: usize) -> f64 {
    if graph.requests[service] > 0.0 {
        return graph.origin[service];
    }
    let calls = graph.outgoing[service].iter();
    calls
        .map(|call| graph.calls[*call].rate)
        .fold(0.0, f64::max)
}

fn hit_ratio(call: &Call, requests: f64) -> f64 {
    match call.hit_ratio {
        Some(ratio) => ratio,
        None if requests > 0.0 => (call.rate / requests).min(1.0),
        None => 0.0,
    }
}
