//! Retries and steps back on a chain `a -> b -> c`, whose order pins decide.

use super::super::input::{PlanEdge, PlanInput, PlanService};
use super::super::options::{MeshMode, PlanOptions};
use super::super::outcome::{Plan, PlannedService, RollbackStep};
use super::super::plan;

/// Every service of the chain in the wave of its place.
fn chain(waves: [u32; 3], options: &PlanOptions) -> Plan {
    let ids = ["service/a", "service/b", "service/c"];
    let edge = |caller: &str, callee: &str| PlanEdge {
        caller: caller.to_owned(),
        callee: callee.to_owned(),
        rate: 10.0,
        attempts: Some(2.0),
        hit_ratio: None,
        confidence: 1.0,
    };
    let mut input = PlanInput {
        edges: vec![
            edge(ids[0], ids[1]),
            edge(ids[1], ids[2]),
            edge(ids[1], "database/pg"),
        ],
        ..PlanInput::default()
    };
    for (id, wave) in ids.into_iter().zip(waves) {
        let mut service = PlanService::unknown();
        service.pins.wave = Some(wave);
        service.requests = 600;
        input.services.insert(id.to_owned(), service);
    }
    plan(&input, options, None).unwrap()
}

fn of<'a>(plan: &'a Plan, id: &str) -> &'a PlannedService {
    let mut services = plan.waves.iter().flat_map(|wave| &wave.services);
    services.find(|service| service.service == id).unwrap()
}

fn callees(service: &PlannedService) -> Vec<(&str, Option<u32>)> {
    let off = service.retries_off.iter();
    off.map(|off| (off.callee.as_str(), off.until)).collect()
}

#[test]
fn retries_wait_for_a_callee_that_sheds() {
    let plan = chain([1, 2, 3], &PlanOptions::default());
    assert_eq!(callees(of(&plan, "service/a")), [("service/b", Some(2))]);
    assert_eq!(
        callees(of(&plan, "service/b")),
        [("database/pg", None), ("service/c", Some(3))]
    );
    let on: Vec<usize> = plan
        .waves
        .iter()
        .map(|wave| wave.retries_on.len())
        .collect();
    assert_eq!(on, [0, 1, 1]);
    let multiplied: Vec<f64> = plan.inverted.iter().map(|i| i.with_mesh_retries).collect();
    assert_eq!(multiplied, [6.0, 6.0]);
}

#[test]
fn a_retry_budget_lets_retries_be_on_from_the_start() {
    let options = PlanOptions {
        retry_budget: Some(0.2),
        ..PlanOptions::default()
    };
    let plan = chain([1, 2, 3], &options);
    assert!(of(&plan, "service/b").retries_off.is_empty());
    let on: Vec<usize> = plan
        .waves
        .iter()
        .map(|wave| wave.retries_on.len())
        .collect();
    assert_eq!(on, [1, 2, 0]);
    assert!((plan.inverted[0].with_mesh_retries - 2.4).abs() < 1e-12);
    let steps = &of(&plan, "service/b").rollback;
    assert!(
        !steps
            .iter()
            .any(|s| matches!(s, RollbackStep::RetriesOff { .. }))
    );
}

#[test]
fn nobody_leaves_before_what_depends_on_it_is_undone() {
    let plan = chain([3, 2, 1], &PlanOptions::default());
    let (a, b, c) = ("service/a", "service/b", "service/c");
    let permissive = |callee: &str, from| RollbackStep::Permissive {
        callee: callee.to_owned(),
        from,
    };
    assert_eq!(
        of(&plan, b).rollback,
        [
            permissive(c, 2),
            permissive(b, 3),
            RollbackStep::RetriesOff {
                caller: a.to_owned(),
                from: 3
            },
            RollbackStep::PlaintextAgain {
                caller: a.to_owned(),
                from: 3
            },
            RollbackStep::RemoveLabel,
        ]
    );
}

#[test]
fn in_a_mesh_without_a_permissive_mode_callees_leave_first() {
    let options = PlanOptions {
        mesh_mode: MeshMode::StrictOnly,
        ..PlanOptions::default()
    };
    let plan = chain([1, 2, 3], &options);
    let first = RollbackStep::CalleeFirst {
        callee: "service/c".to_owned(),
        from: 3,
    };
    assert_eq!(of(&plan, "service/b").rollback[0], first);
    let steps = plan.waves.iter().flat_map(|wave| &wave.services);
    let mut steps = steps.flat_map(|service| &service.rollback);
    assert!(!steps.any(|step| matches!(step, RollbackStep::Permissive { .. })));
}

#[test]
fn few_requests_tell_nothing_of_what_was_not_seen() {
    let plan = chain([1, 2, 3], &PlanOptions::default());
    assert_eq!(of(&plan, "service/a").unseen, Some(0.005));
    assert_eq!(super::unseen(3), None);
}
