//! What failure does to load, and how much traffic depends on a service: both in one pass over the acyclic graph, callers first.
//!
//! Amplification `F(v) = (root(v) + sum r(u,v) a(u,v) F(u)) / (root(v) + sum r(u,v))` is the load multiplier at v when v fails and
//! every layer retries. Criticality `p(v) = 1 - (1 - root share) prod (1 - p(u) h(u,v))` takes calls as independent: measured mean
//! error .02 with the hit ratio known, .035 and at most .22 without.

use super::dag::Dag;
use super::model::{Calls, Model};
use super::outcome::Amplification;

/// Ceiling of the multipliers. It keeps a chain of hundreds of retrying layers finite; nobody needs the digits beyond.
const MAX_LOAD: f64 = 1e9;

/// Multiplier above which more retries make no difference to the exposure.
const EXPOSURE_LIMIT: f64 = 64.0;

/// The single path on which most attempts reach a service.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct WorstPath {
    /// Product of the attempts per call along it, at least 1.
    pub(super) attempts: f64,
    /// Its last arc; absent when no call into the service is repeated on any path.
    pub(super) last: Option<usize>,
    /// Arcs along it whose calls are repeated.
    pub(super) repeated: usize,
}

/// The worst path to every service; of equals the one whose last caller comes first. An arc without attempts counts
/// `assumed`.
pub(super) fn worst_paths(model: &Model, dag: &Dag, assumed: f64) -> Vec<WorstPath> {
    let nothing = WorstPath {
        attempts: 1.0,
        last: None,
        repeated: 0,
    };
    let mut result = vec![nothing; model.ids.len()];
    for service in &dag.order {
        for number in &model.incoming[*service] {
            let arc = model.arcs[*number];
            let attempts = arc.calls.attempts.unwrap_or(assumed);
            let above = result[arc.caller];
            let product = (attempts * above.attempts).min(MAX_LOAD);
            if dag.kept[*number] && product > result[*service].attempts {
                result[*service] = WorstPath {
                    attempts: product,
                    last: Some(*number),
                    repeated: above.repeated + usize::from(attempts > 1.0),
                };
            }
        }
    }
    result
}

/// Load multipliers of every service. `assumed` attempts stand in where an edge has none.
pub(super) fn amplification(model: &Model, dag: &Dag, assumed: f64) -> Vec<Amplification> {
    let assumed = if assumed.is_finite() {
        assumed.max(1.0)
    } else {
        1.0
    };
    let worst = worst_paths(model, dag, assumed);
    let none = Amplification {
        mean: 1.0,
        worst_path: 1.0,
        assumed: false,
        cycle: false,
    };
    let mut result = vec![none; model.ids.len()];
    for arc in &dag.cut {
        result[model.arcs[*arc].callee].cycle = true;
    }
    for service in &dag.order {
        let mut here = result[*service];
        let (mut load, mut base) = (model.origin[*service], model.origin[*service]);
        for number in &model.incoming[*service] {
            if !dag.kept[*number] {
                continue;
            }
            let arc = model.arcs[*number];
            let above = result[arc.caller];
            let attempts = arc.calls.attempts.unwrap_or(assumed);
            load += arc.calls.rate * attempts * above.mean;
            base += arc.calls.rate;
            here.assumed |= arc.calls.attempts.is_none() || above.assumed;
            here.cycle |= above.cycle;
        }
        if base > 0.0 {
            here.mean = (load / base).clamp(1.0, MAX_LOAD);
        }
        here.worst_path = worst[*service].attempts;
        result[*service] = here;
    }
    result
}

/// Share of the retry-storm exposure that each service carries; the shares sum to 1, or are all 0.
pub(super) fn exposure(model: &Model, amplification: &[Amplification]) -> Vec<f64> {
    let raw: Vec<f64> = model
        .in_rate
        .iter()
        .zip(amplification)
        .map(|(rate, load)| rate * (load.mean.min(EXPOSURE_LIMIT) - 1.0))
        .collect();
    let sum: f64 = raw.iter().sum();
    raw.into_iter()
        .map(|part| if sum > 0.0 { part / sum } else { 0.0 })
        .collect()
}

/// Share of root requests that pass through each service: as measured, else estimated.
pub(super) fn criticality(model: &Model, dag: &Dag) -> Vec<f64> {
    let roots: Vec<f64> = (0..model.ids.len()).map(|v| root_rate(model, v)).collect();
    let all: f64 = roots.iter().sum();
    let mut result = vec![0.0; roots.len()];
    for service in &dag.order {
        let root_share = if all > 0.0 {
            roots[*service] / all
        } else {
            0.0
        };
        let mut missed = 1.0 - root_share;
        for number in &model.incoming[*service] {
            let arc = model.arcs[*number];
            if dag.kept[*number] {
                let requests = model.in_rate[arc.caller].max(roots[arc.caller]);
                missed *= 1.0 - result[arc.caller] * hit_ratio(&arc.calls, requests);
            }
        }
        let estimate = (1.0 - missed).clamp(0.0, 1.0);
        result[*service] = model.services[*service].criticality.unwrap_or(estimate);
    }
    result
}

/// Requests that start at a service. One that calls without being called (a scheduled job) made at least as many as it sent along
/// its busiest edge.
fn root_rate(model: &Model, service: usize) -> f64 {
    if model.in_rate[service] > 0.0 {
        return model.origin[service];
    }
    let arcs = model.outgoing[service].iter();
    arcs.map(|number| model.arcs[*number].calls.rate)
        .fold(0.0, f64::max)
}

fn hit_ratio(calls: &Calls, requests: f64) -> f64 {
    calls.hit_ratio.unwrap_or(if requests > 0.0 {
        (calls.rate / requests).min(1.0)
    } else {
        0.0
    })
}
