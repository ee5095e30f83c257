//! Single cases of repairs, and what they cost on larger graphs.

use super::*;

/// The table of the specification on graphs of 300 services: run with `--ignored --nocapture`.
#[test]
#[ignore = "a report, not a test"]
fn report_of_moves_and_objective() {
    for seed in 1..=3 {
        let input = company(300, seed);
        let first = plan(&input, &options(), None).unwrap();
        let mut random = Random(seed);
        let noise = noisy(&input, &mut random);
        let wires = rewired(&input, &mut random);
        let new = grown(&input, 3, &mut random);
        let mut later = grown(&rewired(&noise, &mut random), 3, &mut random);
        in_mesh(&mut later, &first, 4);
        let mut back = input.clone();
        in_mesh(&mut back, &first, 4);
        for service in first.waves[3].services.iter().step_by(4) {
            back.services.get_mut(&service.service).unwrap().status = Status::Pending;
        }
        let cases = [
            ("noise", noise, 0),
            ("edges", wires, 0),
            ("new", new, 0),
            ("later", later, 4),
            ("back", back, 4),
        ];
        for (name, today, waves_done) in cases {
            for tolerance in [0.0, 0.05] {
                let mut options = PlanOptions {
                    waves_done,
                    ..options()
                };
                options.replanning.tolerance = tolerance;
                let second = plan(&today, &options, Some(&first)).unwrap();
                let replan = second.replan.as_ref().unwrap();
                let pending = second.summary.planned as f64;
                println!(
                    "{seed} {name:6} {tolerance:4} moved {:5.1} % (fresh {:5.1} %) gap {:.3} waves {} exceptions {} tolerated {}",
                    100.0 * moved(&replan.moves) as f64 / pending,
                    100.0 * replan.fresh_moves as f64 / pending,
                    replan.gap,
                    second.summary.waves,
                    second.summary.exceptions,
                    second.summary.tolerated,
                );
            }
        }
    }
}

fn moved(moves: &[Move]) -> usize {
    let facts = |reason: &MoveReason| matches!(reason, MoveReason::New | MoveReason::Done);
    moves.iter().filter(|change| !facts(&change.reason)).count()
}
