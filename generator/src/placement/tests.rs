use super::*;
use crate::random::Random;

fn limits() -> Vec<WaveLimits> {
    let wave = |(size, traffic, risk, ramp)| WaveLimits {
        size,
        traffic,
        risk,
        team: 2,
        ramp,
    };
    [
        (2, 0.2, 0.3, true),
        (3, 0.3, 0.6, true),
        (4, 0.5, 1.0, false),
    ]
    .map(wave)
    .to_vec()
}

fn any(seed: u64, count: usize) -> Placement {
    let mut random = Random::new(seed);
    let mut unit = || number(random.below(1000)) / 1000.0;
    let mut pieces: Vec<Piece> = (0..count)
        .map(|number| Piece {
            worth: unit(),
            bonds: Vec::new(),
            touched: unit() / 4.0,
            risk: if number == 0 { 0.1 } else { unit() * unit() },
            team: Some(number % 3),
            neighbours: Vec::new(),
            before: Vec::new(),
        })
        .collect();
    for other in 1..count {
        let first = other / 2;
        let worth = unit();
        pieces[first].bonds.push((other, worth));
        pieces[other].bonds.push((first, worth));
        pieces[first].neighbours.push(other);
        pieces[other].neighbours.push(first);
    }
    Placement {
        pieces,
        limits: limits(),
        wave_cost: 0.05,
    }
}

/// Every assignment, one by one.
fn naive(placement: &Placement) -> Option<f64> {
    let count = placement.pieces.len();
    let mut best: Option<f64> = None;
    for number in 0..count.pow(u32::try_from(count).unwrap()) {
        let mut rest = number;
        let waves: Vec<usize> = (0..count)
            .map(|_| {
                let wave = rest % count + 1;
                rest /= count;
                wave
            })
            .collect();
        if placement.faults(&waves).is_empty() {
            let cost = placement.objective(&waves);
            best = Some(best.map_or(cost, |least| least.min(cost)));
        }
    }
    best
}

#[test]
fn the_exact_placement_is_the_best_of_all() {
    let mut feasible = 0;
    for seed in 0..40 {
        let placement = any(seed, 5);
        let found = exact(&placement);
        let objective = found.as_ref().map(|waves| {
            assert!(placement.faults(waves).is_empty());
            placement.objective(waves)
        });
        match (objective, naive(&placement)) {
            (Some(found), Some(best)) => assert!((found - best).abs() < 1e-9),
            (found, best) => assert_eq!(found, best),
        }
        feasible += usize::from(objective.is_some());
    }
    assert!(feasible >= 10, "{feasible}");
}

#[test]
fn annealing_finds_the_exact_placement_of_a_few() {
    for seed in 0..6 {
        let placement = any(seed, 8);
        let Some(best) = exact(&placement) else {
            continue;
        };
        let order: Vec<usize> = (0..8).collect();
        let (start, _) = by_order(&placement, &order);
        let effort = Annealing {
            seed,
            moves: 10_000,
            rounds: 4,
        };
        let found = anneal(&placement, &start, effort).unwrap();
        let gap = placement.objective(&found) / placement.objective(&best);
        assert!(gap < 1.001, "seed {seed}: {gap}");
    }
}

#[test]
fn a_list_without_exceptions_keeps_every_limit() {
    for seed in 0..40 {
        let placement = any(seed, 12);
        let order: Vec<usize> = (0..12).rev().collect();
        let (waves, exceptions) = by_order(&placement, &order);
        assert!(waves.iter().all(|wave| *wave > 0));
        if exceptions == 0 {
            assert_eq!(placement.faults(&waves), [""; 0]);
        }
    }
}
