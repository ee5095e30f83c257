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

fn reason<'a>(plan: &'a Plan, service: &str) -> Option<&'a MoveReason> {
    let moves = plan.replan.iter().flat_map(|replan| &replan.moves);
    let mut own = moves.filter(|change| change.service == service);
    own.next().map(|change| &change.reason)
}

fn first_of(plan: &Plan, wave: usize) -> String {
    plan.waves[wave].services[0].service.clone()
}

/// One part of the last wave was rolled back, one service joined early, one is new, one is excluded, one is gone.
#[test]
fn what_happened_is_what_the_moves_say() {
    let mut input = company(60, 7);
    let first = plan(&input, &options(), None).unwrap();
    let done = in_mesh(&mut input, &first, 2);
    let slipped = first_of(&first, 1);
    let early = first_of(&first, 4);
    let excluded = first_of(&first, 3);
    let gone = first_of(&first, 5);
    let status = |input: &mut PlanInput, id: &str, status| {
        input.services.get_mut(id).unwrap().status = status;
    };
    status(&mut input, &slipped, Status::Pending);
    status(&mut input, &early, Status::Done);
    status(&mut input, &excluded, Status::Excluded);
    input.services.remove(&gone);
    input
        .services
        .insert("service/new".to_owned(), PlanService::unknown());
    let over = PlanOptions {
        waves_done: waves_over(&first, &done),
        ..options()
    };
    assert_eq!(over.waves_done, 2);
    let second = plan(&input, &over, Some(&first)).unwrap();
    assert_eq!(reason(&second, &slipped), Some(&MoveReason::Slipped));
    assert_eq!(reason(&second, &early), Some(&MoveReason::Done));
    assert_eq!(reason(&second, &excluded), Some(&MoveReason::NotPlanned));
    assert_eq!(reason(&second, &gone), Some(&MoveReason::NotPlanned));
    assert_eq!(reason(&second, "service/new"), Some(&MoveReason::New));
    assert_eq!(second.waves[0].wave, 3);

    // Later it leaves the mesh again.
    status(&mut input, &early, Status::Pending);
    let third = plan(&input, &over, Some(&second)).unwrap();
    assert_eq!(reason(&third, &early), Some(&MoveReason::RolledBack));
    assert_eq!(check_moves(&second, &third), vec![]);
}

#[test]
fn a_new_call_inside_a_wave_moves_one_end_and_names_the_other() {
    let mut input = company(60, 7);
    let first = plan(&input, &options(), None).unwrap();
    let wave = first
        .waves
        .iter()
        .find(|wave| wave.wave > 2 && wave.services.len() > 1)
        .unwrap();
    let ends = [&wave.services[0].service, &wave.services[1].service];
    input.edges.push(edge(ends[0], ends[1], 0.001));
    let second = plan(&input, &options(), Some(&first)).unwrap();
    let moved: Vec<&Move> = second.replan.as_ref().unwrap().moves.iter().collect();
    let cause = moved
        .iter()
        .find(|change| ends.contains(&&change.service))
        .unwrap();
    let other = if &cause.service == ends[0] {
        ends[1]
    } else {
        ends[0]
    };
    assert_eq!(
        cause.reason,
        MoveReason::NewEdge {
            service: other.clone()
        }
    );
}

#[test]
fn a_pin_moves_a_service_and_says_so() {
    let mut input = company(60, 7);
    let first = plan(&input, &options(), None).unwrap();
    let early = first_of(&first, 0);
    input.services.get_mut(&early).unwrap().pins.not_before = Some(4);
    let second = plan(&input, &options(), Some(&first)).unwrap();
    assert_eq!(reason(&second, &early), Some(&MoveReason::Pin));
    assert_eq!(check(&input, &second), vec![]);
}

/// A service grows until its wave is 2 % above the cap: a later wave keeps it and says so, one of the next two does not.
#[test]
fn the_tolerance_holds_for_later_waves_only() {
    let input = company(60, 7);
    let first = plan(&input, &options(), None).unwrap();
    let full = first
        .waves
        .iter()
        .skip(3)
        .filter(|wave| wave.services.len() > 1);
    let wave = full.max_by(|a, b| a.touched.total_cmp(&b.touched)).unwrap();
    let mut options = options();
    let cap = wave.touched / 1.02;
    options.ramp.traffic_caps = vec![0.05, 0.10, 0.20, cap];
    let tolerant = plan(&input, &options, Some(&first)).unwrap();
    let same = tolerant
        .waves
        .iter()
        .find(|other| other.wave == wave.wave)
        .unwrap();
    let cause = same.exceptions.first().map(|exception| &exception.because);
    assert_eq!(cause, Some(&ExceptionCause::PlannedBefore));
    assert_eq!(check(&input, &tolerant), vec![]);
    assert!(tolerant.summary.tolerated > 0 && tolerant.summary.exceptions == 0);
    options.replanning.frozen_waves = 100;
    let strict = plan(&input, &options, Some(&first)).unwrap();
    assert_eq!(strict.summary.tolerated, 0);
    let limit = LimitName::Traffic;
    let moves = strict.replan.unwrap().moves;
    assert!(
        moves
            .iter()
            .any(|change| change.reason == MoveReason::Cap { limit })
    );
}

#[test]
fn a_wave_whose_services_are_all_gone_closes() {
    let mut input = company(60, 7);
    let first = plan(&input, &options(), None).unwrap();
    let wave = &first.waves[4];
    for service in &wave.services {
        input.services.get_mut(&service.service).unwrap().status = Status::Excluded;
    }
    let second = plan(&input, &options(), Some(&first)).unwrap();
    assert_eq!(check(&input, &second), vec![]);
    assert!(second.waves.iter().all(|wave| !wave.services.is_empty()));
    assert!(second.summary.waves < first.summary.waves);
}

#[test]
fn waves_are_over_when_half_of_them_and_of_all_before_is_in() {
    let first = plan(&company(60, 7), &options(), None).unwrap();
    let services = |wave: usize| -> Vec<String> {
        first.waves[wave]
            .services
            .iter()
            .map(|service| service.service.clone())
            .collect()
    };
    let over =
        |done: &[&[String]]| waves_over(&first, &done.iter().copied().flatten().cloned().collect());
    let waves: Vec<Vec<String>> = (0..first.waves.len()).map(services).collect();
    assert_eq!(over(&[]), 0);
    assert_eq!(over(&[&waves[0][..1]]), 1);
    assert_eq!(over(&[&waves[0], &waves[1]]), 2);
    assert_eq!(
        over(&[&waves[0], &waves[1][..1], &waves[6][..1]]),
        1,
        "early joiners do not count"
    );
    assert_eq!(
        over(&[&waves[0], &waves[2], &waves[3]]),
        4,
        "a wave that was skipped is over with the next"
    );
    let later = Plan {
        options: PlanOptions {
            waves_done: 2,
            ..options()
        },
        ..first.clone()
    };
    assert_eq!(
        waves_over(&later, &BTreeSet::new()),
        2,
        "what was over stays over"
    );
}

#[test]
fn an_earlier_plan_of_other_services_is_replaced() {
    let input = company(30, 7);
    let mut other = PlanInput::default();
    other
        .services
        .insert("service/elsewhere".to_owned(), PlanService::unknown());
    let first = plan(&other, &options(), None).unwrap();
    let second = plan(&input, &options(), Some(&first)).unwrap();
    let replan = second.replan.as_ref().unwrap();
    assert!(replan.replaced && replan.common == 0 && replan.gap == 1.0);
    assert_eq!(replan.moves.len(), 31);
    assert!(second.notes.iter().any(|note| note.contains("fresh")));
}

/// A pinned service of the wave does not break the limit by itself: its pin is no reason for an exception.
#[test]
fn what_is_tolerated_beside_a_pinned_service_is_no_exception_for_its_pin() {
    let mut input = company(60, 7);
    let first = plan(&input, &options(), None).unwrap();
    let full = first
        .waves
        .iter()
        .skip(3)
        .filter(|wave| wave.services.len() > 2);
    let wave = full.max_by(|a, b| a.touched.total_cmp(&b.touched)).unwrap();
    let pinned = input.services.get_mut(&wave.services[0].service).unwrap();
    pinned.pins.wave = Some(wave.wave);
    let mut options = options();
    options.ramp.traffic_caps = vec![0.05, 0.10, 0.20, wave.touched / 1.02];
    let second = plan(&input, &options, Some(&first)).unwrap();
    let same = second
        .waves
        .iter()
        .find(|other| other.wave == wave.wave)
        .unwrap();
    let cause = same.exceptions.first().map(|exception| &exception.because);
    assert_eq!(cause, Some(&ExceptionCause::PlannedBefore));
    assert_eq!(check(&input, &second), vec![]);
}

/// If it left the first wave, all others would have to come later.
#[test]
fn what_is_pinned_first_stays_alone_when_it_becomes_too_risky() {
    let mut input = company(60, 7);
    let first = plan(&input, &options(), None).unwrap();
    let pinned = first_of(&first, 0);
    let known = input.services.get_mut(&pinned).unwrap();
    known.pins.first = true;
    known.hazards = vec![
        Hazard {
            code: "worse".to_owned(),
            severity: Severity::High
        };
        3
    ];
    let second = plan(&input, &options(), Some(&first)).unwrap();
    assert_eq!(check(&input, &second), vec![]);
    assert_eq!(reason(&second, &pinned), None);
    assert_eq!(second.waves[0].services.len(), 1);
    assert!(second.replan.unwrap().moves.len() < 10);
}
