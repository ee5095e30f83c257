//! What a wave per service comes to: the columns of the tables.

use tracemesh_generator::placement::Placement;

use crate::glue::{Judge, as_f64, mean};

/// Numbers of one plan, or means over some.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Measures {
    /// Waves.
    pub(crate) waves: f64,
    /// Objective.
    pub(crate) objective: f64,
    /// First wave after which half of the inbound traffic can be shed.
    half_shed: f64,
    /// Mean wave at which calls have both ends in.
    both: f64,
    /// Mean wave at which callees can refuse plaintext.
    pub(crate) strict: f64,
    /// Share of calls whose caller came first.
    inverted: f64,
    /// Mean waves for which calls have a caller that is in and a callee that is not.
    window: f64,
    /// Mean risk of the first tenth of the services.
    early_risk: f64,
    /// Waves in which nothing was eligible.
    exceptions: f64,
}

pub(crate) const HEAD: [&str; 11] = [
    "strategy", "T", "J", "J/bound", "S50", "B", "X", "inv", "win", "r10", "exc",
];

impl Measures {
    pub(crate) fn new(judge: &Judge, waves: &[usize], exceptions: usize) -> Self {
        let calls = || {
            judge
                .calls
                .iter()
                .map(|(a, b, share)| (waves[*a], waves[*b], *share))
        };
        let late = |caller: usize, callee: usize| as_f64(callee.saturating_sub(caller));
        let last = waves.iter().copied().max().unwrap_or(0);
        Self {
            waves: as_f64(last),
            objective: judge.placement.objective(waves),
            half_shed: as_f64(half_shed(judge, waves)),
            both: mean(calls().map(|(a, b, share)| (share, a.max(b)))),
            strict: judge.strict_mean(waves),
            // Not `sum`, whose empty sum is -0.
            inverted: calls()
                .filter(|(a, b, _)| a < b)
                .fold(0.0, |sum, call| sum + call.2),
            window: calls().map(|(a, b, share)| share * late(a, b)).sum(),
            early_risk: early_risk(&judge.placement, waves),
            exceptions: as_f64(exceptions),
        }
    }

    pub(crate) fn mean(of: &[Self]) -> Self {
        let mean = |part: fn(&Self) -> f64| of.iter().map(part).sum::<f64>() / as_f64(of.len());
        Self {
            waves: mean(|m| m.waves),
            objective: mean(|m| m.objective),
            half_shed: mean(|m| m.half_shed),
            both: mean(|m| m.both),
            strict: mean(|m| m.strict),
            inverted: mean(|m| m.inverted),
            window: mean(|m| m.window),
            early_risk: mean(|m| m.early_risk),
            exceptions: mean(|m| m.exceptions),
        }
    }

    pub(crate) fn row(&self, name: &str, bound: f64) -> Vec<String> {
        vec![
            name.to_owned(),
            format!("{:.1}", self.waves),
            format!("{:.3}", self.objective),
            format!("{:.3}", self.objective / bound),
            format!("{:.1}", self.half_shed),
            format!("{:.1}", self.both),
            format!("{:.1}", self.strict),
            format!("{:.2}", self.inverted),
            format!("{:.2}", self.window),
            format!("{:.2}", self.early_risk),
            format!("{:.1}", self.exceptions),
        ]
    }
}

fn half_shed(judge: &Judge, waves: &[usize]) -> usize {
    let last = waves.iter().copied().max().unwrap_or(0);
    let all: f64 = judge.inbound.iter().sum();
    let shed = |until: usize| -> f64 {
        let services = judge.inbound.iter().zip(waves);
        services
            .filter(|(_, wave)| **wave <= until)
            .map(|(share, _)| share)
            .sum()
    };
    (1..=last)
        .find(|wave| shed(*wave) >= all / 2.0)
        .unwrap_or(last)
}

fn early_risk(placement: &Placement, waves: &[usize]) -> f64 {
    let mut services: Vec<usize> = (0..waves.len()).collect();
    services.sort_by_key(|service| waves[*service]);
    let first = services.iter().take(waves.len().div_ceil(10));
    let risks: Vec<f64> = first
        .map(|service| placement.pieces[*service].risk)
        .collect();
    risks.iter().sum::<f64>() / as_f64(risks.len().max(1))
}
