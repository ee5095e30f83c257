//! Properties of plans over random and degenerate graphs, judged by the independent checker, and the reference graph.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

mod degenerate;
mod propagation;
mod reference;
mod snapshot;

fn service() -> PlanService {
    PlanService {
        entry_rate: 0.0,
        team: None,
        tier: Some(2),
        hazards: Vec::new(),
        status: Status::Pending,
        pins: Pins::NONE,
        effort: 1,
        health: Health::UNKNOWN,
        criticality: None,
        evidence: Evidence::FULL,
        requests: 1000,
        orphans: 0,
    }
}

fn edge(caller: &str, callee: &str, rate: f64) -> PlanEdge {
    PlanEdge {
        caller: caller.to_owned(),
        callee: callee.to_owned(),
        rate,
        attempts: None,
        hit_ratio: None,
        confidence: 0.9,
    }
}

/// A graph of services with default facts.
fn graph(ids: &[String], edges: Vec<PlanEdge>) -> PlanInput {
    PlanInput {
        services: ids.iter().map(|id| (id.clone(), service())).collect(),
        edges,
        ..PlanInput::default()
    }
}

fn ids(count: usize) -> Vec<String> {
    (0..count).map(|n| format!("service/s{n:04}")).collect()
}

/// Plans with the defaults, and lets the checker judge.
fn checked(input: &PlanInput) -> Plan {
    let plan = plan(input, &PlanOptions::default(), None).unwrap();
    assert_eq!(check(input, &plan), []);
    plan
}

fn any_service() -> impl Strategy<Value = PlanService> {
    let severity = prop_oneof![
        6 => Just(None),
        1 => Just(Some(Severity::Low)),
        1 => Just(Some(Severity::Medium)),
        1 => Just(Some(Severity::High)),
        1 => Just(Some(Severity::Blocker)),
    ];
    let status = prop_oneof![
        8 => Just(Status::Pending),
        1 => Just(Status::Done),
        1 => Just(Status::Excluded),
    ];
    (
        prop_oneof![3 => Just(0.0), 1 => 0.0..1000.0f64],
        proptest::option::of(0..3u8),
        proptest::option::of(0..5u8),
        severity,
        status,
        prop_oneof![6 => Just(None), 1 => (0..12u32).prop_map(Some)],
        0..2u64,
    )
        .prop_map(
            |(entry_rate, team, tier, severity, status, not_before, orphans)| PlanService {
                entry_rate,
                team: team.map(|number| format!("team-{number}")),
                tier,
                hazards: severity
                    .map(|severity| Hazard {
                        code: "tls-inside".to_owned(),
                        severity,
                    })
                    .into_iter()
                    .collect(),
                status,
                pins: Pins {
                    not_before,
                    ..Pins::NONE
                },
                orphans,
                ..service()
            },
        )
}

/// Up to 24 services and some ends that are none, with any edges between them: cycles, self-calls, repeated edges, zero rates.
fn any_input() -> impl Strategy<Value = PlanInput> {
    let services = proptest::collection::vec(any_service(), 0..24);
    let rate = prop_oneof![1 => Just(0.0), 9 => 0.001..1e6f64];
    let ends = (0..27usize, 0..27usize);
    let attempts = proptest::option::of(1.0..5.0f64);
    let edges = proptest::collection::vec((ends, rate, attempts), 0..80);
    (services, edges).prop_map(|(services, edges)| {
        let name = |number: usize| {
            if number < services.len() {
                format!("service/s{number:04}")
            } else {
                format!("external/x{}", number % 3)
            }
        };
        PlanInput {
            services: (0..).map(name).zip(services.clone()).collect(),
            edges: edges
                .into_iter()
                .map(|((caller, callee), rate, attempts)| PlanEdge {
                    attempts,
                    ..edge(&name(caller), &name(callee), rate)
                })
                .collect(),
            ..PlanInput::default()
        }
    })
}

/// The same plan but for the totals, which follow the unit of the rates.
fn without_totals(mut plan: Plan) -> Plan {
    plan.traffic.entry = 0.0;
    plan.traffic.by_services = 0.0;
    plan.traffic.all = 0.0;
    plan
}

proptest! {
    #[test]
    fn every_plan_passes_the_checker(input in any_input()) {
        let plan = plan(&input, &PlanOptions::default(), None).unwrap();
        prop_assert_eq!(check(&input, &plan), vec![]);
    }

    #[test]
    fn every_plan_under_other_limits_passes_the_checker(
        input in any_input(),
        first_size in 0.0..4.0f64,
        growth in 0.5..3.0f64,
        size_cap in proptest::option::of(0..6usize),
        traffic_caps in proptest::collection::vec(0.0..0.5f64, 0..5),
        risk_ceilings in proptest::collection::vec(0.0..1.0f64, 0..5),
        team_cap in 0..3usize,
    ) {
        let options = PlanOptions {
            ramp: Ramp { first_size, growth, size_cap, traffic_caps, risk_ceilings, team_cap },
            ..PlanOptions::default()
        };
        let plan = plan(&input, &options, None).unwrap();
        prop_assert_eq!(check(&input, &plan), vec![]);
    }

    #[test]
    fn the_order_of_edges_does_not_matter(input in any_input(), seed in any::<u64>()) {
        let mut shuffled = input.clone();
        let mut state = seed;
        for last in (1..shuffled.edges.len()).rev() {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let other = usize::try_from(state >> 33).unwrap() % (last + 1);
            shuffled.edges.swap(last, other);
        }
        let options = PlanOptions::default();
        prop_assert_eq!(plan(&input, &options, None).unwrap(), plan(&shuffled, &options, None).unwrap());
    }

    #[test]
    fn the_unit_of_the_rates_does_not_matter(input in any_input(), power in -20..20i32) {
        let factor = 2.0f64.powi(power);
        let mut scaled = input.clone();
        for edge in &mut scaled.edges {
            edge.rate *= factor;
        }
        for service in scaled.services.values_mut() {
            service.entry_rate *= factor;
        }
        let options = PlanOptions::default();
        let (plain, scaled) = (plan(&input, &options, None).unwrap(), plan(&scaled, &options, None).unwrap());
        prop_assert_eq!(without_totals(plain), without_totals(scaled));
    }

    #[test]
    fn names_count_only_by_their_order(input in any_input()) {
        let rename = |id: &str| id.replace("service/s", "service/tenant \"0\"/s");
        let renamed = PlanInput {
            services: input.services.iter().map(|(id, s)| (rename(id), s.clone())).collect(),
            edges: input.edges.iter().map(|e| PlanEdge {
                caller: rename(&e.caller),
                callee: rename(&e.callee),
                ..e.clone()
            }).collect(),
            ..input.clone()
        };
        let options = PlanOptions::default();
        let waves = |plan: Plan| -> Vec<Vec<String>> {
            let names = |wave: &Wave| wave.services.iter().map(|s| s.service.clone()).collect();
            plan.waves.iter().map(names).collect()
        };
        let expected: Vec<Vec<String>> = waves(plan(&input, &options, None).unwrap())
            .into_iter()
            .map(|wave| wave.iter().map(|id| rename(id)).collect())
            .collect();
        prop_assert_eq!(waves(plan(&renamed, &options, None).unwrap()), expected);
    }

    #[test]
    fn strict_implies_both_and_the_curves_end_at_the_maximum(input in any_input()) {
        let plan = plan(&input, &PlanOptions::default(), None).unwrap();
        for point in &plan.curves {
            prop_assert!(point.curves.strict <= point.curves.both + 1e-12);
            prop_assert!(point.curves.both <= point.curves.client + 1e-12);
        }
        prop_assert_eq!(plan.curves.len(), plan.waves.len() + 1);
        let mean = plan.summary.mean_wave;
        prop_assert!(mean == 0.0 || (1.0 - 1e-9..=plan.waves.len() as f64 + 1e-9).contains(&mean));
        prop_assert_eq!(plan.curves.last().map(|point| point.curves), Some(plan.maximum));
    }

    /// What each service is said to turn on is all that the curves rise by, wave by wave.
    #[test]
    fn the_flips_of_a_wave_add_up_to_the_curves(input in any_input()) {
        let plan = plan(&input, &PlanOptions::default(), None).unwrap();
        for (wave, points) in plan.waves.iter().zip(plan.curves.windows(2)) {
            let (before, after) = (points[0].curves, points[1].curves);
            let sum = |share: &dyn Fn(&TurnsOn) -> f64| -> f64 {
                wave.services.iter().map(|service| share(&service.turns_on)).sum()
            };
            let edges = |edges: &[EdgeRef]| -> f64 { edges.iter().map(|edge| edge.share).sum() };
            prop_assert!((after.shed - before.shed - sum(&|on| on.shed)).abs() < 1e-9);
            prop_assert!((after.client - before.client - sum(&|on| edges(&on.client))).abs() < 1e-9);
            prop_assert!((after.both - before.both - sum(&|on| edges(&on.both))).abs() < 1e-9);
        }
    }

    #[test]
    fn a_service_is_explained_for_every_earlier_wave(input in any_input()) {
        let plan = plan(&input, &PlanOptions::default(), None).unwrap();
        for wave in &plan.waves {
            for service in &wave.services {
                let runs = service.blocked.iter().flat_map(|run| run.from..=run.to);
                prop_assert_eq!(runs.collect::<Vec<_>>(), (1..wave.wave).collect::<Vec<_>>());
            }
        }
    }

    /// Rates, shares and attempts that are no such thing must neither panic nor leak into the numbers.
    #[test]
    fn senseless_numbers_are_counted_and_harmless(
        mut input in any_input(),
        bad in proptest::collection::vec(any::<f64>(), 80),
    ) {
        for (edge, bad) in input.edges.iter_mut().zip(&bad) {
            edge.rate = *bad;
            edge.attempts = Some(*bad);
            edge.hit_ratio = Some(*bad);
            edge.confidence = *bad;
        }
        for (service, bad) in input.services.values_mut().zip(bad.iter().rev()) {
            service.entry_rate = *bad;
            service.criticality = Some(*bad);
        }
        let plan = plan(&input, &PlanOptions::default(), None).unwrap();
        prop_assert_eq!(check(&input, &plan), vec![]);
        let json = serde_json::to_value(&plan).unwrap();
        prop_assert!(plan.summary.objective.is_finite() && json["maximum"]["shed"].is_number());
    }
}

#[test]
fn a_broken_plan_is_found_out() {
    let names = ids(3);
    let edges = vec![
        edge(&names[0], &names[1], 10.0),
        edge(&names[1], &names[2], 10.0),
    ];
    let input = graph(&names, edges);
    let good = checked(&input);

    let mut twice = good.clone();
    let first = twice.waves[0].services[0].clone();
    twice.waves.last_mut().unwrap().services.push(first.clone());
    let service = first.service.clone();
    assert!(check(&input, &twice).contains(&Violation::NotOnce { service, waves: 2 }));

    let mut together = good.clone();
    let all: Vec<PlannedService> = good.waves.iter().flat_map(|w| w.services.clone()).collect();
    together.waves[0].services = all;
    together.waves.truncate(1);
    let found = check(&input, &together);
    assert!(
        found
            .iter()
            .any(|v| matches!(v, Violation::Adjacent { wave: 1, .. }))
    );
    assert!(found.contains(&Violation::Limit {
        wave: 1,
        limit: "size"
    }));

    let mut boasting = good.clone();
    boasting.curves[1].curves.strict += 0.1;
    assert!(check(&input, &boasting).contains(&Violation::Curve {
        wave: 1,
        curve: "strict"
    }));

    let mut careless = good;
    for service in careless
        .waves
        .iter_mut()
        .flat_map(|wave| &mut wave.services)
    {
        service.retries_off.clear();
    }
    let found = check(&input, &careless);
    assert!(found.iter().any(|v| matches!(v, Violation::Retries { .. })));
}

/// Numbers may lose their last bit on the way; the plan must still be the same one, and valid.
#[test]
fn a_plan_read_from_json_passes_the_checker() {
    let input = reference::online_boutique();
    let plan = checked(&input);
    let json = serde_json::to_string(&plan).unwrap();
    let read: Plan = serde_json::from_str(&json).unwrap();
    assert_eq!(check(&input, &read), []);
    let names = |plan: &Plan| -> Vec<String> {
        let services = plan.waves.iter().flat_map(|wave| &wave.services);
        services.map(|service| service.service.clone()).collect()
    };
    assert_eq!(names(&read), names(&plan));
    assert!(!json.contains("-0.0"));
}

#[test]
fn options_reject_unknown_keys() {
    let read = serde_json::from_str::<PlanOptions>(r#"{"ramp": {"team_caps": 3}}"#);
    assert!(read.unwrap_err().to_string().contains("team_caps"));
    let read: PlanOptions = serde_json::from_str(r#"{"ramp": {"team_cap": 4}}"#).unwrap();
    assert_eq!((read.ramp.team_cap, read.ramp.first_size), (4, 2.0));
}

#[test]
fn an_empty_wave_appears_only_while_everybody_is_held_back() {
    let names = ids(2);
    let mut input = graph(&names, vec![]);
    for service in input.services.values_mut() {
        service.pins.not_before = Some(3);
    }
    let plan = checked(&input);
    let sizes: Vec<usize> = plan.waves.iter().map(|wave| wave.services.len()).collect();
    assert_eq!(sizes, [0, 0, 2]);
    input.services.get_mut(&names[0]).unwrap().pins.not_before = Some(u32::MAX);
    let late = checked(&input);
    assert_eq!(late.waves.len(), 200);
    assert!(
        late.notes
            .iter()
            .any(|note| note.contains("`not_before` above wave 200"))
    );
}

#[test]
fn a_blocking_hazard_keeps_a_service_out_and_its_callees_from_being_strict() {
    let names = ids(2);
    let mut input = graph(&names, vec![edge(&names[0], &names[1], 10.0)]);
    input.services.get_mut(&names[0]).unwrap().hazards = vec![Hazard {
        code: "raw-sockets".to_owned(),
        severity: Severity::Blocker,
    }];
    let plan = checked(&input);
    assert_eq!(
        plan.unplanned,
        [Unplanned {
            service: names[0].clone(),
            because: None,
            blockers: vec!["raw-sockets".to_owned()],
            strict_lost: vec![names[1].clone()],
        }]
    );
    assert_eq!(plan.maximum.strict, 0.0);
}

/// The facts of a plan are written per service, never echoed as options.
#[test]
fn facts_are_not_echoed() {
    let options = PlanOptions {
        facts: BTreeMap::from([("service/x".to_owned(), ServiceFacts::default())]),
        ..PlanOptions::default()
    };
    let plan = plan(&graph(&ids(1), vec![]), &options, None).unwrap();
    assert!(plan.options.facts.is_empty());
}
