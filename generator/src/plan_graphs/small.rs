//! Graphs so small that the best plan can be computed.

use std::collections::BTreeMap;

use super::{Call, PlanGraph, Service, hazards, log_uniform, name, tier, unit};
use crate::random::Random;

/// Three to `largest` services with any calls between them, cycles included, in up to three teams.
#[must_use]
pub fn small(seed: u64, largest: usize) -> PlanGraph {
    let mut random = Random::new(crate::random::mix(&[seed, 2]));
    let count = 3 + random.below(largest.saturating_sub(2));
    let services = (0..count).map(|number| Service {
        id: name(seed, number),
        entry_rate: if number == 0 || random.chance(150) {
            100.0 * log_uniform(&mut random, 4)
        } else {
            0.0
        },
        team: format!("team-{}", random.below(3)),
        tier: tier(&mut random),
        hazards: hazards(&mut random),
        evidence: if random.chance(200) {
            unit(&mut random)
        } else {
            1.0
        },
    });
    let services = services.collect();
    let mut calls = BTreeMap::new();
    for callee in 1..count {
        calls.insert((random.below(callee), callee), call(&mut random));
    }
    for _ in 0..random.below(2 * count) {
        let (caller, callee) = (random.below(count), random.below(count));
        // Against the direction in one case of five only, because real graphs are nearly acyclic.
        if caller < callee || (caller > callee && random.chance(200)) {
            calls.insert((caller, callee), call(&mut random));
        }
    }
    let calls = calls.into_iter().map(|((caller, callee), call)| Call {
        caller,
        callee,
        ..call
    });
    PlanGraph {
        services,
        calls: calls.collect(),
    }
}

fn call(random: &mut Random) -> Call {
    Call {
        caller: 0,
        callee: 0,
        rate: 100.0 * log_uniform(random, 6),
        attempts: *random.pick(&[1.0, 2.0, 3.0, 4.0]),
        hit_ratio: unit(random),
    }
}
