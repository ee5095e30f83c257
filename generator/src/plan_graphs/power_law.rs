//! Large companies: layers, a few services that everybody calls, heavy-tailed rates, some pairs that call each other.

use std::collections::BTreeSet;

use super::{Call, PlanGraph, Service, hazards, name, tier, unit};
use crate::random::Random;

/// Shares of the services per layer, in percent; calls go to deeper layers.
const LAYERS: [usize; 7] = [3, 9, 17, 23, 22, 16, 10];

/// Of a thousand services, so many have a team of their own size.
const TEAMS_PERMILLE: usize = 63;

/// Of a thousand services, so many pairs call each other.
const PAIRS_PERMILLE: usize = 12;

/// `services` services with `calls` calls between them, and a few more that answer back.
///
/// The number of callers follows a power law: at 1000 services and 2750 calls the most popular one has between 100 and 250.
#[must_use]
pub fn power_law(seed: u64, services: usize, calls: usize) -> PlanGraph {
    let mut random = Random::new(crate::random::mix(&[seed, 1]));
    let layers = layers(services);
    let popular: Vec<u64> = (0..services).map(|_| popularity(&mut random)).collect();
    let ends = ends(&mut random, &layers, &popular, calls);
    let mut graph = PlanGraph {
        services: facts(&mut random, seed, &layers),
        calls: Vec::new(),
    };
    propagate(&mut random, &mut graph, &ends);
    answer_back(&mut random, &mut graph);
    graph
}

/// Layer of each service, ascending.
fn layers(services: usize) -> Vec<usize> {
    let mut layers = Vec::with_capacity(services);
    let mut until = 0;
    for (layer, share) in LAYERS.iter().enumerate() {
        until += share * services;
        while layers.len() * 100 < until {
            layers.push(layer);
        }
    }
    layers
}

/// Pareto with exponent 1, cut so that nobody is called by everybody.
fn popularity(random: &mut Random) -> u64 {
    let rank = u64::try_from(random.below(2000)).unwrap_or_default();
    20_000 / (rank + 5)
}

/// Callers and callees. Every service below the first layer has a caller.
fn ends(
    random: &mut Random,
    layers: &[usize],
    popular: &[u64],
    calls: usize,
) -> Vec<(usize, usize)> {
    let mut ends = BTreeSet::new();
    for (callee, layer) in layers.iter().enumerate() {
        let above = layers.partition_point(|other| other < layer);
        if above > 0 {
            ends.insert((random.below(above), callee));
        }
    }
    let mut sums: Vec<u64> = Vec::with_capacity(popular.len());
    let mut sum = 0;
    for weight in popular {
        sum += weight;
        sums.push(sum);
    }
    // Bounded, because a tiny graph cannot hold as many calls.
    for _ in 0..calls * 40 {
        if ends.len() >= calls {
            break;
        }
        let caller = random.below(layers.len());
        let below = layers.partition_point(|other| *other <= layers[caller]);
        let base = if below == 0 { 0 } else { sums[below - 1] };
        if base == sum {
            continue;
        }
        let at = base + random.bits() % (sum - base);
        ends.insert((caller, sums.partition_point(|sum| *sum <= at)));
    }
    ends.into_iter().collect()
}

fn facts(random: &mut Random, seed: u64, layers: &[usize]) -> Vec<Service> {
    let teams = (layers.len() * TEAMS_PERMILLE / 1000).max(4);
    let service = |(number, layer): (usize, &usize)| {
        // A random number below a random bound: a few large teams, many small ones.
        let largest = random.below(teams) + 1;
        let rank = f64::from(u32::try_from(random.below(100)).unwrap_or_default()) + 1.0;
        Service {
            id: name(seed, number),
            entry_rate: if *layer == 0 { 10_000.0 / rank } else { 0.0 },
            team: format!("team-{:03}", random.below(largest)),
            tier: tier(random),
            hazards: hazards(random),
            evidence: if random.chance(100) {
                unit(random)
            } else {
                1.0
            },
        }
    };
    layers.iter().enumerate().map(service).collect()
}

/// Rates from the entries down: a service makes each of its calls in some of its requests, and then once or a few times.
fn propagate(random: &mut Random, graph: &mut PlanGraph, ends: &[(usize, usize)]) {
    let mut requests: Vec<f64> = graph.services.iter().map(|s| s.entry_rate).collect();
    for (caller, callee) in ends {
        let hit_ratio = unit(random) * unit(random);
        let times = *random.pick(&[1.0, 1.0, 1.0, 1.0, 1.0, 2.0, 2.0, 3.0, 5.0]);
        let rate = requests[*caller] * hit_ratio * times;
        requests[*callee] += rate;
        graph.calls.push(Call {
            caller: *caller,
            callee: *callee,
            rate,
            attempts: *random.pick(&[1.0, 2.0, 3.0, 3.0, 4.0]),
            hit_ratio,
        });
    }
}

/// Some callees call their caller for a twentieth of what they are asked.
fn answer_back(random: &mut Random, graph: &mut PlanGraph) {
    let pairs = (graph.services.len() * PAIRS_PERMILLE / 1000).max(1);
    let mut chosen = BTreeSet::new();
    for _ in 0..pairs * 4 {
        if chosen.len() < pairs && !graph.calls.is_empty() {
            chosen.insert(random.below(graph.calls.len()));
        }
    }
    for number in chosen {
        let asked = graph.calls[number];
        graph.calls.push(Call {
            caller: asked.callee,
            callee: asked.caller,
            rate: asked.rate / 20.0,
            attempts: 2.0,
            hit_ratio: 0.05,
        });
    }
}
