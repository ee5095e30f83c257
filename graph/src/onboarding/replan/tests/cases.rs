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

/// Written by a version before portfolio and repair.
#[test]
fn a_plan_of_an_earlier_version_is_understood() {
    let input = company(30, 1);
    let first = plan(&input, &options(), None).unwrap();
    let mut json = serde_json::to_value(&first).unwrap();
    let strip = |value: &mut serde_json::Value, keys: &[&str]| {
        for key in keys {
            value.as_object_mut().unwrap().remove(*key).unwrap();
        }
    };
    strip(
        &mut json,
        &[
            "mesh",
            "bounds",
            "candidates",
            "inverted",
            "replan",
            "calendar",
            "contradictions",
        ],
    );
    strip(&mut json["summary"], &["tolerated"]);
    let ramp = json["options"]["ramp"].clone();
    let weights = json["options"]["weights"].clone();
    json["options"] = serde_json::json!({
        "ramp": ramp, "weights": weights, "rule": {"share_exponent": 0.25, "risk_exponent": 0.0},
        "assumed_attempts": 3.0, "team_attribute": null
    });
    for wave in json["waves"].as_array_mut().unwrap() {
        strip(wave, &["blast_radius", "team_load", "retries_on"]);
        wave["exceptions"] = serde_json::json!(["risk_ceiling", "traffic_cap"]);
        for service in wave["services"].as_array_mut().unwrap() {
            strip(service, &["health", "canary", "rollback"]);
        }
    }
    for point in json["curves"].as_array_mut().unwrap() {
        strip(point, &["exposure"]);
    }
    let older: Plan = serde_json::from_value(json).unwrap();
    let again = plan(&input, &options(), Some(&older)).unwrap();
    assert_eq!(again.replan.unwrap().moves, []);
    assert_eq!(older.waves[0].exceptions[0].limit, LimitName::Risk);
}
