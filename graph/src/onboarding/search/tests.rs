//! The search against the best plan there is, on graphs so small that every plan can be tried.

use super::super::board::{Board, NOWHERE};
use super::super::problem::Problem;
use super::super::value::Value;
use super::super::*;
use super::random::Random;

/// Seven services that call each other at random.
fn small(seed: u64) -> PlanInput {
    let mut random = Random::new(seed);
    let id = |number: usize| format!("service/s{number}");
    let mut input = PlanInput::default();
    for number in 0..7 {
        let service = PlanService {
            entry_rate: if number < 2 { 50.0 } else { 0.0 },
            team: Some(format!("team-{}", random.below(3))),
            ..PlanService::unknown()
        };
        input.services.insert(id(number), service);
    }
    for _ in 0..9 {
        let (a, b) = (random.below(7), random.below(7));
        if a != b {
            input.edges.push(PlanEdge {
                caller: id(a.min(b)),
                callee: id(a.max(b)),
                rate: (1 + random.below(100)) as f64,
                attempts: Some(2.0),
                hit_ratio: None,
                confidence: 1.0,
            });
        }
    }
    input
}

/// A ramp that leaves room for choice on seven services.
fn options() -> PlanOptions {
    PlanOptions {
        ramp: Ramp {
            traffic_caps: vec![0.3, 0.4],
            risk_ceilings: vec![1.0],
            ..Ramp::default()
        },
        ..PlanOptions::default()
    }
}

fn best(board: &mut Board<'_>, item: usize, last: u32, least: &mut f64) {
    if item == board.wave_of.len() {
        if board.is_justified() && board.exceptional().is_empty() {
            *least = least.min(board.objective());
        }
        return;
    }
    for wave in board.problem.first_wave()..=last {
        if board.fits(item, wave) {
            board.place(item, wave);
            if board.area() < *least {
                best(board, item + 1, last, least);
            }
            board.remove(item);
        }
    }
    debug_assert_eq!(board.wave_of[item], NOWHERE);
}

/// The least objective of all plans without an exception.
fn optimum(input: &PlanInput, options: &PlanOptions) -> f64 {
    let model = Model::new(input);
    let dag = Dag::new(&model);
    let facts = facts(&model, &dag, options);
    let exposure = load::exposure(&model, &facts.amplification);
    let value = Value::new(&model, &exposure, options.weights);
    let risks: Vec<f64> = facts.risks.iter().map(|risk| risk.score).collect();
    let problem = Problem::new(&model, &dag, (&value, &risks), places(&model), options).unwrap();
    let mut least = f64::INFINITY;
    best(&mut Board::new(&problem), 0, 7, &mut least);
    least
}

#[test]
fn small_plans_are_the_best_there_are() {
    for seed in 0..6 {
        for order in [Order::Soft, Order::CalleeFirst] {
            let (input, options) = (small(seed), PlanOptions { order, ..options() });
            let plan = plan(&input, &options, None).unwrap();
            let least = optimum(&input, &options);
            if plan.summary.exceptions > 0 {
                assert!(
                    least.is_infinite(),
                    "seed {seed}: an exception without need"
                );
                continue;
            }
            let ratio = plan.summary.objective / least;
            assert!(ratio < 1.0 + 1e-9, "seed {seed} {order:?}: {ratio}");
            assert!(
                plan.bounds.objective <= least + 1e-9,
                "seed {seed} {order:?}"
            );
        }
    }
}
