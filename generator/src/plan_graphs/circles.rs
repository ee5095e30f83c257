//! Strongly connected graphs, and the least weight that has to be cut to leave no cycle.

use std::collections::BTreeMap;

use super::{Call, PlanGraph, Service, name, unit};
use crate::random::Random;

/// How calls of a circle are weighed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Weighing {
    /// Heavy-tailed: `1 / u`.
    Pareto,
    /// Between 0 and 1.
    Uniform,
}

/// A strongly connected graph with at most 16 services.
#[derive(Debug, Clone)]
pub struct Circle {
    /// The graph.
    pub graph: PlanGraph,
}

impl Circle {
    /// A ring of `services` with `chords` more calls.
    #[must_use]
    pub fn new(seed: u64, services: usize, chords: usize, weighing: Weighing) -> Self {
        let mut random = Random::new(crate::random::mix(&[seed, 4]));
        let mut rates = BTreeMap::new();
        let rate = |random: &mut Random| {
            let uniform = unit(random).max(1e-3);
            match weighing {
                Weighing::Pareto => 1.0 / uniform,
                Weighing::Uniform => uniform,
            }
        };
        for caller in 0..services {
            rates.insert((caller, (caller + 1) % services), rate(&mut random));
        }
        while rates.len() < (services + chords).min(services * services.saturating_sub(1)) {
            let ends = (random.below(services), random.below(services));
            if ends.0 != ends.1 {
                rates.entry(ends).or_insert_with(|| rate(&mut random));
            }
        }
        let service = |number: usize| Service {
            id: name(seed, number),
            entry_rate: if number == 0 { 1.0 } else { 0.0 },
            team: format!("team-{number}"),
            tier: 3,
            hazards: Vec::new(),
            evidence: 1.0,
        };
        let calls = rates.into_iter().map(|((caller, callee), rate)| Call {
            caller,
            callee,
            rate,
            attempts: 3.0,
            hit_ratio: 1.0,
        });
        Self {
            graph: PlanGraph {
                services: (0..services).map(service).collect(),
                calls: calls.collect(),
            },
        }
    }

    /// Least rate of calls whose removal leaves no cycle, over all orders of the services: dynamic programming over the set of
    /// services that come first.
    #[must_use]
    pub fn least_cut(&self) -> f64 {
        let count = self.graph.services.len();
        let mut weight = vec![vec![0.0; count]; count];
        for call in &self.graph.calls {
            weight[call.caller][call.callee] += call.rate;
        }
        let mut best = vec![f64::INFINITY; 1 << count];
        best[0] = 0.0;
        for set in 0..best.len() {
            for next in (0..count).filter(|next| set & (1 << next) == 0) {
                let back: f64 = (0..count)
                    .filter(|earlier| set & (1 << earlier) != 0)
                    .map(|earlier| weight[next][earlier])
                    .sum();
                let cost = best[set] + back;
                let with = set | (1 << next);
                best[with] = best[with].min(cost);
            }
        }
        best.last().copied().unwrap_or_default()
    }
}
