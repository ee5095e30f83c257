//! Pins that contradict each other are named so that a person knows which one to take back.

use super::super::*;

fn id(number: usize) -> String {
    format!("service/s{number}")
}

/// A chain of calls of four services.
fn chain() -> PlanInput {
    let edge = |number: usize| PlanEdge {
        caller: id(number),
        callee: id(number + 1),
        rate: 10.0,
        attempts: None,
        hit_ratio: None,
        confidence: 1.0,
    };
    PlanInput {
        services: (0..4).map(|n| (id(n), PlanService::unknown())).collect(),
        edges: (0..3).map(edge).collect(),
        ..PlanInput::default()
    }
}

fn pins(change: impl Fn(&mut Pins)) -> Pins {
    let mut pins = Pins::NONE;
    change(&mut pins);
    pins
}

fn refused(input: &PlanInput, options: &PlanOptions) -> (String, String) {
    match plan(input, options, None) {
        Err(PlanError::Pins { first, second }) => (first, second),
        Ok(plan) => panic!("planned: {:?}", plan.waves),
    }
}

fn assert_named(found: &(String, String), parts: [&str; 2]) {
    let (first, second) = found;
    let is_named = (first.contains(parts[0]) && second.contains(parts[1]))
        || (second.contains(parts[0]) && first.contains(parts[1]));
    assert!(is_named, "{first}; {second}");
}

#[test]
fn pins_of_one_service_contradict_each_other() {
    let cases = [
        (
            pins(|p| (p.not_before, p.not_after) = (Some(5), Some(3))),
            [
                "`service/s0` not after wave 3",
                "`service/s0` not before wave 5",
            ],
        ),
        (
            pins(|p| (p.wave, p.not_before) = (Some(2), Some(3))),
            ["`service/s0` in wave 2", "`service/s0` not before wave 3"],
        ),
        (
            pins(|p| (p.first, p.last) = (true, true)),
            ["`service/s0` first", "`service/s0` last"],
        ),
    ];
    for (pins, parts) in cases {
        let mut input = chain();
        input.services.get_mut(&id(0)).unwrap().pins = pins;
        assert_named(&refused(&input, &PlanOptions::default()), parts);
    }
}

#[test]
fn a_pin_to_a_wave_that_is_over_is_refused() {
    let mut input = chain();
    input.services.get_mut(&id(0)).unwrap().pins.wave = Some(2);
    let options = PlanOptions {
        waves_done: 4,
        ..PlanOptions::default()
    };
    let parts = ["`service/s0` in wave 2", "waves before wave 5 are over"];
    assert_named(&refused(&input, &options), parts);
}

#[test]
fn an_excluded_service_has_no_wave_and_one_that_is_in_needs_none() {
    let mut input = chain();
    let service = input.services.get_mut(&id(0)).unwrap();
    service.pins.wave = Some(2);
    service.status = Status::Excluded;
    let parts = ["`service/s0` is excluded", "pinned to wave 2"];
    assert_named(&refused(&input, &PlanOptions::default()), parts);
    input.services.get_mut(&id(0)).unwrap().status = Status::Done;
    assert!(plan(&input, &PlanOptions::default(), None).is_ok());
}

#[test]
fn pins_contradict_groups() {
    let pair = |a: usize, b: usize| (id(a), id(b));
    let groups = |change: &dyn Fn(&mut Groups)| {
        let mut groups = Groups::default();
        change(&mut groups);
        groups
    };
    let none = |_: &mut PlanInput| {};
    let wave = |service: usize, wave: u32| {
        move |input: &mut PlanInput| {
            input.services.get_mut(&id(service)).unwrap().pins.wave = Some(wave)
        }
    };
    type Change = Box<dyn Fn(&mut PlanInput)>;
    let cases: Vec<(Groups, Change, [&str; 2])> = vec![
        (
            groups(&|g| g.before = vec![pair(0, 2), pair(2, 0)]),
            Box::new(none),
            [
                "`service/s2` before `service/s0`",
                "`service/s0` before `service/s2`",
            ],
        ),
        (
            groups(&|g| {
                g.together = vec![vec![id(0), id(2)]];
                g.apart = vec![vec![id(2), id(0)]];
            }),
            Box::new(none),
            ["`service/s0` and `service/s2` together", "apart"],
        ),
        (
            groups(&|g| {
                g.together = vec![vec![id(0), id(2)]];
                g.before = vec![pair(0, 2)];
            }),
            Box::new(none),
            ["`service/s0` before `service/s2`", "in one wave"],
        ),
        (
            groups(&|g| g.together = vec![vec![id(0), id(2)]]),
            Box::new(move |input: &mut PlanInput| {
                wave(0, 2)(input);
                wave(2, 3)(input);
            }),
            ["`service/s0` in wave 2", "`service/s2` in wave 3"],
        ),
        (
            groups(&|g| g.before = vec![pair(0, 2)]),
            Box::new(move |input: &mut PlanInput| {
                wave(0, 4)(input);
                wave(2, 3)(input);
            }),
            [
                "`service/s0` in wave 4, and `service/s0` before `service/s2`",
                "`service/s2` in wave 3",
            ],
        ),
        (
            Groups::default(),
            Box::new(move |input: &mut PlanInput| {
                wave(0, 2)(input);
                wave(1, 2)(input);
            }),
            ["`service/s0` in wave 2", "call each other"],
        ),
    ];
    for (groups, change, parts) in cases {
        let mut input = chain();
        change(&mut input);
        let options = PlanOptions {
            groups,
            ..PlanOptions::default()
        };
        assert_named(&refused(&input, &options), parts);
    }
}

#[test]
fn a_hard_order_leaves_no_room_for_a_pin() {
    let mut input = chain();
    input.services.get_mut(&id(0)).unwrap().pins.wave = Some(2);
    let options = PlanOptions {
        order: Order::CalleeFirst,
        ..PlanOptions::default()
    };
    let parts = ["`service/s0` in wave 2", "before wave 1 are over"];
    assert_named(&refused(&input, &options), parts);
}

#[test]
fn services_that_nobody_knows_are_counted() {
    let options = PlanOptions {
        groups: Groups {
            before: vec![("service/none".to_owned(), id(0))],
            ..Groups::default()
        },
        ..PlanOptions::default()
    };
    let plan = plan(&chain(), &options, None).unwrap();
    assert_eq!(
        plan.left_out["unknown service in a group of the options"],
        1
    );
}

/// A pin that no limit allows holds all the same, and the wave says so.
#[test]
fn a_risky_service_pinned_to_the_first_wave_is_an_exception() {
    let mut input = chain();
    let service = input.services.get_mut(&id(1)).unwrap();
    service.pins.wave = Some(1);
    let plan = plan(&input, &PlanOptions::default(), None).unwrap();
    let names: Vec<&str> = plan.waves[0]
        .services
        .iter()
        .map(|s| s.service.as_str())
        .collect();
    assert_eq!(names, [id(1)]);
    let services = vec![id(1)];
    let because = ExceptionCause::Pinned { services };
    assert!(
        plan.waves[0]
            .exceptions
            .iter()
            .any(|e| e.because == because)
    );
    assert_eq!(check(&input, &plan), []);
}

/// Together, two services make a circle of the hard order around a third one: the lighter call gives way and is named.
#[test]
fn services_together_break_an_arc_of_a_hard_order() {
    let options = PlanOptions {
        order: Order::CalleeFirst,
        groups: Groups {
            together: vec![vec![id(0), id(2)]],
            ..Groups::default()
        },
        ..PlanOptions::default()
    };
    let plan = plan(&chain(), &options, None).unwrap();
    assert_eq!(plan.broken_arcs.len(), 1);
}

/// What moves in one piece and is pinned into the ramp is excused by the pin: others could have joined.
#[test]
fn a_circle_pinned_to_the_first_wave_is_excused_by_its_pin() {
    let mut input = chain();
    input.edges.push(PlanEdge {
        caller: id(3),
        callee: id(0),
        ..input.edges[0].clone()
    });
    input.services.insert(id(4), PlanService::unknown());
    input.services.get_mut(&id(2)).unwrap().pins.not_after = Some(1);
    let options = PlanOptions {
        mesh_mode: MeshMode::StrictOnly,
        ..PlanOptions::default()
    };
    let plan = plan(&input, &options, None).unwrap();
    let services: Vec<String> = (0..4).map(id).collect();
    let because = ExceptionCause::Pinned { services };
    let mut exceptions = plan.waves[0].exceptions.iter();
    assert!(exceptions.any(|e| e.limit == LimitName::Size && e.because == because));
    assert_eq!(check(&input, &plan), []);
}

/// The search must not put anybody beside a service that is an exception because it is pinned first.
#[test]
fn a_risky_service_pinned_first_stays_alone() {
    let mut input = chain();
    for number in 4..9 {
        let service = PlanService {
            tier: Some(3),
            ..PlanService::unknown()
        };
        input.services.insert(id(number), service);
    }
    let first = input.services.get_mut(&id(1)).unwrap();
    first.pins.first = true;
    let plan = plan(&input, &PlanOptions::default(), None).unwrap();
    assert_eq!(plan.waves[0].services.len(), 1);
    assert!(!plan.waves[0].exceptions.is_empty());
    assert_eq!(check(&input, &plan), []);
}
