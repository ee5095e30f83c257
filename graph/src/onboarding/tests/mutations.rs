//! Property 13: a plan with one thing changed for the worse is found out, with the right code.

use super::*;

/// Three services in a row, which need three waves.
fn chain() -> (PlanInput, Plan) {
    let names = ids(3);
    let edges = vec![
        edge(&names[0], &names[1], 10.0),
        edge(&names[1], &names[2], 10.0),
    ];
    let input = graph(&names, edges);
    let plan = checked(&input);
    (input, plan)
}

/// Codes after a change.
fn after(change: impl FnOnce(&mut Plan)) -> Vec<&'static str> {
    let (input, mut plan) = chain();
    change(&mut plan);
    codes(&check(&input, &plan))
}

fn has(found: &[&str], code: &str) -> bool {
    found.contains(&code)
}

#[test]
fn a_service_in_two_waves_or_in_none_is_found() {
    let found = after(|plan| {
        let first = plan.waves[0].services[0].clone();
        plan.waves.last_mut().unwrap().services.push(first);
    });
    assert!(has(&found, "not_once"), "{found:?}");
    let found = after(|plan| plan.waves[0].services.clear());
    assert!(has(&found, "not_once"), "{found:?}");
}

#[test]
fn services_that_must_not_move_are_found() {
    let (mut input, plan) = chain();
    for status in [Status::Done, Status::Excluded] {
        input.services.get_mut(&id(1)).unwrap().status = status;
        let found = codes(&check(&input, &plan));
        assert!(has(&found, "must_not_move"), "{found:?}");
    }
    let found = after(|plan| plan.waves[0].services[0].service = "service/nobody".to_owned());
    assert!(
        has(&found, "must_not_move") && has(&found, "not_once"),
        "{found:?}"
    );
}

#[test]
fn everybody_in_one_wave_breaks_size_and_adjacency() {
    let found = after(|plan| {
        let all = plan.waves.iter().flat_map(|w| w.services.clone()).collect();
        plan.waves[0].services = all;
        plan.waves.truncate(1);
    });
    assert!(has(&found, "adjacent") && has(&found, "size"), "{found:?}");
}

#[test]
fn wrong_wave_numbers_are_found() {
    for number in [0, 7, u32::MAX] {
        let found = after(|plan| plan.waves[1].wave = number);
        assert!(has(&found, "wave_numbers"), "{number} {found:?}");
    }
}

#[test]
fn invented_numbers_are_found() {
    type Change = fn(&mut Plan);
    let changes: [(&str, Change); 15] = [
        ("curve", |plan| plan.curves[1].curves.strict += 0.1),
        ("curve", |plan| plan.curves[1].exposure = 0.0),
        ("curve", |plan| plan.maximum.shed = 0.5),
        ("summary", |plan| plan.summary.objective -= 0.1),
        ("summary", |plan| plan.summary.planned = 7),
        ("summary", |plan| plan.inverted.clear()),
        ("summary", |plan| plan.done.push("service/s0001".to_owned())),
        ("summary", |plan| {
            plan.schema = "tracemesh.onboarding/v9".to_owned()
        }),
        ("bound", |plan| {
            plan.bounds.waves = 9;
            plan.waves
                .iter_mut()
                .for_each(|wave| wave.exceptions.clear());
        }),
        ("wave_facts", |plan| plan.waves[0].touched = 0.0),
        ("wave_facts", |plan| plan.waves[0].limits.size = 9),
        ("risk_parts", |plan| {
            plan.waves[0].services[0].risk.score = 0.0
        }),
        ("risk_parts", |plan| {
            _ = plan.waves[0].services[0].risk.parts.pop()
        }),
        ("service_facts", |plan| {
            plan.waves[1].services[0].turns_on.both.clear()
        }),
        ("service_facts", |plan| {
            plan.waves[1].services[0].blocked.clear()
        }),
    ];
    for (code, change) in changes {
        let found = after(change);
        assert!(has(&found, code), "{code} {found:?}");
    }
}

#[test]
fn careless_promises_are_found() {
    let each = |change: fn(&mut PlannedService)| {
        after(|plan| {
            let services = plan.waves.iter_mut().flat_map(|wave| &mut wave.services);
            services.for_each(change);
        })
    };
    let found = each(|service| service.retries_off.clear());
    assert!(has(&found, "retries"), "{found:?}");
    let found = each(|service| service.rollback.clear());
    assert!(has(&found, "rollback"), "{found:?}");
    let found = each(|service| {
        service.strict = Strict::Ready {
            wave: 1,
            waits_for: Vec::new(),
        };
    });
    assert!(has(&found, "strict"), "{found:?}");
    let found = after(|plan| {
        let waves = plan.waves.iter_mut();
        waves.for_each(|wave| wave.strict_ready.clear());
    });
    assert!(has(&found, "strict"), "{found:?}");
}

#[test]
fn exceptions_need_a_limit_and_a_cause() {
    let found = after(|plan| {
        plan.waves[0].exceptions = vec![Exception {
            limit: LimitName::Size,
            because: ExceptionCause::NothingEligible,
        }];
    });
    assert!(has(&found, "false_exception"), "{found:?}");
}

/// A circle of three in hard order: one arc is broken, and the plan has to name it.
#[test]
fn broken_arcs_are_named_and_lie_in_circles() {
    let names = ids(4);
    let mut edges: Vec<PlanEdge> = (0..3)
        .map(|n| edge(&names[n], &names[(n + 1) % 3], 10.0 + n as f64))
        .collect();
    edges.push(edge(&names[2], &names[3], 1.0));
    let input = graph(&names, edges);
    let options = PlanOptions {
        order: Order::CalleeFirst,
        ..quick()
    };
    let plan = plan(&input, &options, None).unwrap();
    assert_eq!(check(&input, &plan), []);
    let mut silent = plan.clone();
    silent.cut_arcs.clear();
    let found = codes(&check(&input, &silent));
    assert!(has(&found, "broken_arc"), "{found:?}");
    let mut stubborn = plan.clone();
    stubborn.broken_arcs.clear();
    let found = codes(&check(&input, &stubborn));
    assert!(has(&found, "order"), "{found:?}");
    let sound = EdgeRef {
        caller: names[2].clone(),
        callee: names[3].clone(),
        share: 0.0,
        confidence: 1.0,
    };
    type List = fn(&mut Plan) -> &mut Vec<EdgeRef>;
    let lists: [List; 2] = [|plan| &mut plan.cut_arcs, |plan| &mut plan.broken_arcs];
    for list in lists {
        let mut boasting = plan.clone();
        list(&mut boasting).push(sound.clone());
        let found = codes(&check(&input, &boasting));
        assert!(has(&found, "broken_arc"), "{found:?}");
    }
}

/// Waves of hand-edited plans alone.
fn judged(input: &PlanInput, options: &PlanOptions, waves: &[u32]) -> Vec<&'static str> {
    let entries = waves.iter().enumerate();
    let assignment = entries.map(|(number, wave)| (id(number), *wave)).collect();
    codes(&revalidate(input, options, &assignment))
}

/// No limit but what a test sets.
fn unlimited() -> PlanOptions {
    PlanOptions {
        ramp: Ramp {
            first_size: 100.0,
            size_cap: Some(100),
            traffic_caps: vec![9.0],
            risk_ceilings: vec![1.0],
            team_cap: 100,
            ..Ramp::default()
        },
        ..quick()
    }
}

#[test]
fn pins_and_groups_of_edited_waves_are_judged() {
    let mut input = graph(&ids(4), vec![]);
    let mut options = unlimited();
    assert!(judged(&input, &options, &[1, 1, 1, 1]).is_empty());
    let mut pinned = |pins: Pins, waves: &[u32]| {
        input.services.get_mut(&id(0)).unwrap().pins = pins;
        judged(&input, &unlimited(), waves)
    };
    let none = Pins::NONE;
    let pin = Pins {
        wave: Some(2),
        ..none.clone()
    };
    assert_eq!(pinned(pin, &[1, 1, 1, 2]), ["not_pinned_wave"]);
    let pin = Pins {
        not_before: Some(2),
        ..none.clone()
    };
    assert_eq!(pinned(pin, &[1, 1, 1, 2]), ["too_early"]);
    let pin = Pins {
        not_after: Some(1),
        ..none.clone()
    };
    assert_eq!(pinned(pin, &[2, 1, 1, 2]), ["too_late"]);
    let pin = Pins {
        first: true,
        ..none.clone()
    };
    assert_eq!(pinned(pin, &[2, 1, 2, 2]), ["first"]);
    let pin = Pins { last: true, ..none };
    assert_eq!(pinned(pin, &[1, 1, 1, 2]), ["last"]);
    input.services.get_mut(&id(0)).unwrap().pins = Pins::NONE;
    options.groups.apart = vec![vec![id(0), id(1), id(2)]];
    assert_eq!(judged(&input, &options, &[1, 2, 2, 1]), ["apart"]);
    options.groups = Groups {
        together: vec![vec![id(0), id(1)], vec![id(1), id(2)]],
        ..Groups::default()
    };
    assert_eq!(judged(&input, &options, &[1, 2, 2, 1]), ["together"]);
    options.groups = Groups {
        before: vec![(id(0), id(1))],
        ..Groups::default()
    };
    assert_eq!(judged(&input, &options, &[1, 1, 1, 1]), ["before"]);
}

#[test]
fn limits_of_edited_waves_are_judged() {
    let mut input = graph(&ids(4), vec![]);
    for service in input.services.values_mut() {
        service.entry_rate = 1.0;
        service.team = Some("web".to_owned());
    }
    let with = |change: fn(&mut Ramp)| {
        let mut options = unlimited();
        change(&mut options.ramp);
        options
    };
    let size = with(|ramp| ramp.size_cap = Some(3));
    assert_eq!(judged(&input, &size, &[1, 1, 1, 1]), ["size"]);
    let team = with(|ramp| ramp.team_cap = 3);
    assert_eq!(judged(&input, &team, &[1, 1, 1, 1]), ["team"]);
    let traffic = with(|ramp| ramp.traffic_caps = vec![0.6]);
    assert_eq!(judged(&input, &traffic, &[1, 1, 1, 2]), ["traffic"]);
    assert!(judged(&input, &traffic, &[1, 1, 2, 2]).is_empty());
    // Nobody keeps to a ceiling that all are above: one may go alone, two may not.
    let risk = with(|ramp| ramp.risk_ceilings = vec![0.001]);
    assert!(judged(&input, &risk, &[1, 2, 3, 4]).is_empty());
    assert_eq!(judged(&input, &risk, &[1, 1, 2, 3]), ["risk"]);
    // While somebody does, nobody else may be above it.
    let ramp = with(|ramp| {
        ramp.risk_ceilings = vec![0.5];
        ramp.traffic_caps = vec![1.0];
    });
    input.services.get_mut(&id(0)).unwrap().hazards = vec![
        Hazard {
            code: "x".to_owned(),
            severity: Severity::High
        };
        4
    ];
    input.services.get_mut(&id(0)).unwrap().criticality = Some(1.0);
    assert_eq!(judged(&input, &ramp, &[1, 2, 2, 2]), ["risk"]);
    assert!(judged(&input, &ramp, &[2, 1, 1, 1]).is_empty());
    // A pin asks for it.
    input.services.get_mut(&id(0)).unwrap().pins.wave = Some(1);
    assert!(judged(&input, &ramp, &[1, 2, 2, 2]).is_empty());
}

#[test]
fn order_and_flight_of_edited_waves_are_judged() {
    let names = ids(3);
    let edges = vec![
        edge(&names[0], &names[1], 1.0),
        edge(&names[1], &names[2], 1.0),
    ];
    let input = graph(&names, edges);
    let mut options = unlimited();
    assert!(judged(&input, &options, &[1, 2, 1]).is_empty());
    assert_eq!(judged(&input, &options, &[1, 1, 2]), ["adjacent"]);
    options.in_flight.after = 2;
    assert_eq!(judged(&input, &options, &[1, 2, 1]), ["adjacent"]);
    assert!(judged(&input, &options, &[1, 3, 1]).is_empty());
    options.in_flight.after = 1;
    options.order = Order::CalleeFirst;
    assert_eq!(judged(&input, &options, &[1, 2, 1]), ["order"]);
    assert!(judged(&input, &options, &[3, 2, 1]).is_empty());
    options.order = Order::CallerFirst;
    assert!(judged(&input, &options, &[1, 2, 3]).is_empty());
    options.order = Order::Soft;
    assert_eq!(judged(&input, &options, &[1, 3, 1]), ["empty_wave"]);
    assert_eq!(judged(&input, &options, &[1, 2]), ["not_once"]);
}

/// A file can say anything: no number makes the judge panic or loop.
#[test]
fn hostile_waves_are_only_violations() {
    let input = graph(&ids(3), vec![edge(&id(0), &id(1), 1.0)]);
    let found = judged(&input, &unlimited(), &[u32::MAX, 0, 1, 4]);
    assert!(
        has(&found, "wave_numbers") && has(&found, "empty_wave") && has(&found, "must_not_move"),
        "{found:?}"
    );
    let mut options = unlimited();
    options.waves_done = u32::MAX;
    options.in_flight = InFlight {
        ramp: u32::MAX,
        after: u32::MAX,
    };
    let found = judged(&input, &options, &[u32::MAX, u32::MAX, 1]);
    assert!(has(&found, "adjacent"), "{found:?}");
}

/// A file with the same waves over and over, with names and numbers that are none.
#[test]
fn hostile_plans_are_only_violations() {
    let (input, plan) = chain();
    let mut hostile = plan.clone();
    for copy in 0..2_000 {
        let mut wave = plan.waves[copy % plan.waves.len()].clone();
        wave.wave = [0, 1, u32::MAX, 4_000_000_000][copy % 4];
        wave.touched = f64::NAN;
        wave.services[0].blocked.clear();
        if copy % 3 == 0 {
            wave.services[0].service = format!("service/\u{202e}{copy}`");
        }
        hostile.waves.push(wave);
        hostile.curves.push(CurvePoint {
            wave: u32::MAX,
            ..plan.curves[0]
        });
    }
    hostile.options.waves_done = u32::MAX;
    let found = codes(&check(&input, &hostile));
    assert!(
        has(&found, "wave_numbers") && has(&found, "curve"),
        "{found:?}"
    );
    assert!(!check_moves(&plan, &hostile).is_empty());
}

/// A repaired wave has one cause. What is in one piece may be far above the size there; what is not, only by the tolerance.
#[test]
fn a_repaired_wave_is_above_its_size_for_one_piece_only() {
    let names = ids(8);
    let edges = (0..8).map(|n| edge(&names[n], &names[(n + 1) % 8], 1.0));
    let input = graph(&names, edges.collect());
    let mut options = unlimited();
    options.ramp.size_cap = Some(3);
    options.mesh_mode = MeshMode::StrictOnly;
    options.replanning.frozen_waves = 0;
    let first = plan(&input, &options, None).unwrap();
    let mut second = plan(&input, &options, Some(&first)).unwrap();
    assert_eq!(second.waves[0].services.len(), 8);
    for exception in &mut second.waves[0].exceptions {
        exception.because = ExceptionCause::PlannedBefore;
    }
    let is_judged = |plan: &Plan| {
        let found = codes(&check(&input, plan));
        has(&found, "size") || has(&found, "needless_exception")
    };
    assert!(!is_judged(&second));
    second.options.mesh_mode = MeshMode::Permissive;
    second.broken_arcs.clear();
    assert!(is_judged(&second));
}

/// A service that has to join until wave 4, and may not in waves 3 and 4 because of a freeze, is pinned to wave 2.
#[test]
fn a_freeze_brings_a_deadline_forward() {
    let mut input = graph(&ids(4), vec![edge(&id(0), &id(1), 0.001)]);
    let late = input.services.get_mut(&id(1)).unwrap();
    late.team = Some("pay".to_owned());
    late.pins.not_after = Some(4);
    late.evidence.days = 0.0;
    late.hazards = vec![Hazard {
        code: "tls-inside".to_owned(),
        severity: Severity::High,
    }];
    let mut options = quick();
    options.calendar.start = Some(jiff::civil::date(2026, 1, 5));
    options.freezes = vec![Freeze {
        name: "close of the year".to_owned(),
        from: jiff::civil::date(2026, 2, 10),
        to: jiff::civil::date(2026, 3, 31),
        services: Vec::new(),
        teams: vec!["pay".to_owned()],
    }];
    let plan = plan(&input, &options, None).unwrap();
    assert!(
        plan.waves[1]
            .services
            .iter()
            .any(|service| service.service == id(1))
    );
    assert_eq!(check(&input, &plan), []);
    let mut undated = plan;
    undated.calendar = None;
    assert!(has(&codes(&check(&input, &undated)), "dates"));
}
