//! From made-up graphs to plan inputs, and from inputs to the placing problem that plans are judged by.
//!
//! The worth of services and calls is calculated here a second time, from the specification; the plan gives risks, load multipliers,
//! options and cut arcs only. Shared by the tests and the report.

use std::collections::BTreeSet;

use tracemesh_generator::placement::{Piece, Placement, WaveLimits, exact};
use tracemesh_generator::plan_graphs::PlanGraph;
use tracemesh_graph::onboarding::{
    Evidence, Hazard, Order, Plan, PlanEdge, PlanInput, PlanService, Severity,
};

/// Input of the planner for a made-up graph.
pub(crate) fn input(graph: &PlanGraph) -> PlanInput {
    let services = graph.services.iter().map(|service| {
        let hazard = |severity: &u8| Hazard {
            code: format!("made-up-{severity}"),
            severity: match severity {
                1 => Severity::Low,
                2 => Severity::Medium,
                _ => Severity::High,
            },
        };
        let facts = PlanService {
            entry_rate: service.entry_rate,
            team: Some(service.team.clone()),
            tier: Some(service.tier),
            hazards: service.hazards.iter().map(hazard).collect(),
            evidence: Evidence {
                requests: service.evidence,
                ..Evidence::FULL
            },
            ..PlanService::unknown()
        };
        (service.id.clone(), facts)
    });
    let edges = graph.calls.iter().map(|call| PlanEdge {
        caller: graph.services[call.caller].id.clone(),
        callee: graph.services[call.callee].id.clone(),
        rate: call.rate,
        attempts: Some(call.attempts),
        hit_ratio: Some(call.hit_ratio),
        confidence: 1.0,
    });
    PlanInput {
        services: services.collect(),
        edges: edges.collect(),
        ..PlanInput::default()
    }
}

/// What a plan over pending services is judged by: no exits, no services that are in already.
pub(crate) struct Judge {
    /// Node ids, sorted; services are numbered in this order.
    pub(crate) ids: Vec<String>,
    /// The placing problem.
    pub(crate) placement: Placement,
    /// Caller, callee, and share of all calls between services.
    pub(crate) calls: Vec<(usize, usize, f64)>,
    /// Share of inbound traffic of each service, which it sheds when it is in.
    pub(crate) inbound: Vec<f64>,
    /// Whether callers from outside keep a service from refusing plaintext.
    is_open: Vec<bool>,
}

impl Judge {
    pub(crate) fn new(input: &PlanInput, plan: &Plan) -> Self {
        let ids: Vec<String> = input.services.keys().cloned().collect();
        let index = |id: &str| {
            ids.binary_search_by(|known| known.as_str().cmp(id))
                .expect("every end is a service")
        };
        let ends = |edge: &PlanEdge| (index(&edge.caller), index(&edge.callee), edge.rate);
        let calls: Vec<(usize, usize, f64)> = input.edges.iter().map(ends).collect();
        let entry: Vec<f64> = input.services.values().map(|s| s.entry_rate).collect();
        let between: f64 = calls.iter().map(|call| call.2).sum();
        let all = between + entry.iter().sum::<f64>();
        let (mut incoming, mut outgoing) = (entry.clone(), vec![0.0; ids.len()]);
        for (caller, callee, rate) in &calls {
            outgoing[*caller] += rate;
            incoming[*callee] += rate;
        }
        let weights = plan.options.weights;
        let exposure = exposure(plan, &index, &incoming);
        let pieces = pieces(input, plan, &index);
        let mut pieces: Vec<Piece> = pieces
            .into_iter()
            .enumerate()
            .map(|(number, piece)| Piece {
                worth: weights.shed * incoming[number] / all
                    + weights.client * outgoing[number] / between
                    + weights.exposure * exposure[number],
                touched: (incoming[number] + outgoing[number]) / all,
                ..piece
            })
            .collect();
        for (caller, callee, rate) in &calls {
            let worth = weights.both * rate / between;
            pieces[*caller].bonds.push((*callee, worth));
            pieces[*callee].bonds.push((*caller, worth));
        }
        let share = |(caller, callee, rate)| (caller, callee, rate / between);
        Self {
            placement: Placement {
                limits: limits(plan, ids.len()),
                wave_cost: weights.wave,
                pieces,
            },
            calls: calls.into_iter().map(share).collect(),
            inbound: incoming.iter().map(|rate| rate / all).collect(),
            is_open: entry.iter().map(|rate| *rate > 0.0).collect(),
            ids,
        }
    }

    /// Wave of each service.
    pub(crate) fn waves(&self, plan: &Plan) -> Vec<usize> {
        let mut waves = vec![0; self.ids.len()];
        for wave in &plan.waves {
            for service in &wave.services {
                let number = self
                    .ids
                    .binary_search(&service.service)
                    .expect("the plan moves services of its input");
                waves[number] = usize::try_from(wave.wave).expect("a wave fits");
            }
        }
        waves
    }

    /// Mean wave after which calls go to callees that can refuse plaintext, over calls to callees that ever can.
    pub(crate) fn strict_mean(&self, waves: &[usize]) -> f64 {
        let mut from = waves.to_vec();
        for (caller, callee, _) in &self.calls {
            from[*callee] = from[*callee].max(waves[*caller]);
        }
        let calls = self
            .calls
            .iter()
            .filter(|(_, callee, _)| !self.is_open[*callee]);
        let parts = calls.map(|(_, callee, share)| (*share, from[*callee]));
        mean(parts)
    }
}

/// Whether the bounds of a plan are below the fewest waves, the least area and the least objective that any placement has, each on
/// its own. True when no placement keeps all limits.
pub(crate) fn bounds_hold(judge: &Judge, plan: &Plan) -> bool {
    let least = |wave_cost: f64| {
        let placement = Placement {
            wave_cost,
            ..judge.placement.clone()
        };
        exact(&placement)
    };
    let bounds = plan.bounds;
    let objective = least(judge.placement.wave_cost).map(|w| judge.placement.objective(&w));
    let area = least(0.0).map(|waves| judge.placement.area(&waves));
    let waves = least(1e6).and_then(|waves| waves.into_iter().max());
    objective.is_none_or(|least| bounds.objective <= least + 1e-9)
        && area.is_none_or(|least| bounds.area <= least + 1e-9)
        && waves.is_none_or(|least| bounds.waves <= least)
}

/// Mean wave, weighted.
pub(crate) fn mean(parts: impl Iterator<Item = (f64, usize)>) -> f64 {
    let (sum, weight) = parts.fold((0.0, 0.0), |(sum, all), (weight, wave)| {
        (sum + weight * as_f64(wave), all + weight)
    });
    if weight > 0.0 { sum / weight } else { 0.0 }
}

/// A count to calculate with.
pub(crate) fn as_f64(count: usize) -> f64 {
    f64::from(u32::try_from(count).expect("no count here is large"))
}

fn exposure(plan: &Plan, index: &dyn Fn(&str) -> usize, incoming: &[f64]) -> Vec<f64> {
    let mut raw = vec![0.0; incoming.len()];
    for service in plan.waves.iter().flat_map(|wave| &wave.services) {
        let number = index(&service.service);
        raw[number] = incoming[number] * (service.amplification.mean.min(64.0) - 1.0);
    }
    let sum: f64 = raw.iter().sum();
    let share = |part: f64| if sum > 0.0 { part / sum } else { 0.0 };
    raw.into_iter().map(share).collect()
}

/// Pieces without their worth.
fn pieces(input: &PlanInput, plan: &Plan, index: &dyn Fn(&str) -> usize) -> Vec<Piece> {
    let teams: BTreeSet<&String> = input
        .services
        .values()
        .filter_map(|s| s.team.as_ref())
        .collect();
    let teams: Vec<&String> = teams.into_iter().collect();
    let piece = |service: &PlanService| Piece {
        worth: 0.0,
        bonds: Vec::new(),
        touched: 0.0,
        risk: 0.0,
        team: service
            .team
            .as_ref()
            .and_then(|team| teams.binary_search(&team).ok()),
        neighbours: Vec::new(),
        before: Vec::new(),
    };
    let mut pieces: Vec<Piece> = input.services.values().map(piece).collect();
    for service in plan.waves.iter().flat_map(|wave| &wave.services) {
        pieces[index(&service.service)].risk = service.risk.score;
    }
    let cut: BTreeSet<(usize, usize)> = plan
        .cut_arcs
        .iter()
        .map(|arc| (index(&arc.caller), index(&arc.callee)))
        .collect();
    for edge in &input.edges {
        let (caller, callee) = (index(&edge.caller), index(&edge.callee));
        pieces[caller].neighbours.push(callee);
        pieces[callee].neighbours.push(caller);
        match plan.options.order {
            _ if cut.contains(&(caller, callee)) => {}
            Order::Soft => {}
            Order::CalleeFirst => pieces[caller].before.push(callee),
            Order::CallerFirst => pieces[callee].before.push(caller),
        }
    }
    pieces
}

/// As far as the ramp changes.
fn limits(plan: &Plan, services: usize) -> Vec<WaveLimits> {
    let wave = |wave: u32| {
        let limits = plan.options.ramp.limits(wave, services);
        WaveLimits {
            size: limits.size,
            traffic: limits.traffic,
            risk: limits.risk,
            team: limits.team,
            ramp: limits.ramp,
        }
    };
    (1..=40).map(wave).collect()
}
