//! Differences of plans.

use super::*;
use crate::onboarding::{
    Hazard, PlanEdge, PlanInput, PlanOptions, PlanService, Severity, Status, plan,
};

fn company() -> PlanInput {
    let mut input = PlanInput::default();
    for number in 0..12 {
        let mut service = PlanService::unknown();
        service.entry_rate = if number == 0 { 100.0 } else { 0.0 };
        input
            .services
            .insert(format!("service/s{number:02}"), service);
        if number > 0 {
            input.edges.push(PlanEdge {
                caller: format!("service/s{:02}", number / 2),
                callee: format!("service/s{number:02}"),
                rate: 10.0 * f64::from(number),
                attempts: None,
                hit_ratio: None,
                confidence: 1.0,
            });
        }
    }
    input
}

#[test]
fn a_plan_does_not_differ_from_itself() {
    let first = plan(&company(), &PlanOptions::default(), None).unwrap();
    let found = difference(&first, &first);
    assert!(found.is_empty());
    assert_eq!(found.curves.len(), first.curves.len());
    assert!(found.curves.iter().all(|point| point.before == point.after));
    let json = serde_json::to_string(&found).unwrap();
    let read: PlanDifference = serde_json::from_str(&json).unwrap();
    assert_eq!(read.schema, DIFFERENCE_SCHEMA);
    assert!(read.is_empty());
}

#[test]
fn every_kind_of_change_is_told() {
    let mut input = company();
    let options = PlanOptions::default();
    let first = plan(&input, &options, None).unwrap();
    for service in &first.waves[0].services {
        input.services.get_mut(&service.service).unwrap().status = Status::Done;
    }
    let last = &first.waves.last().unwrap().services[0].service;
    input.services.get_mut(last).unwrap().hazards = vec![Hazard {
        code: "server-speaks-first".to_owned(),
        severity: Severity::Blocker,
    }];
    let extra = PlanService::unknown();
    input.services.insert("service/new".to_owned(), extra);
    let mut options = PlanOptions {
        waves_done: 1,
        ..options
    };
    options.ramp.team_cap = 2;
    let second = plan(&input, &options, Some(&first)).unwrap();
    let found = difference(&first, &second);

    let names: Vec<&str> = found.options.iter().map(|o| o.option.as_str()).collect();
    assert_eq!(names, ["ramp.team_cap", "waves_done"]);
    assert_eq!(
        (
            found.options[0].before.as_str(),
            found.options[0].after.as_str()
        ),
        ("3", "2")
    );
    let of = |id: &str| {
        found
            .services
            .iter()
            .find(|change| change.service == id)
            .unwrap()
    };
    assert_eq!(of("service/new").change, Direction::New);
    assert_eq!(of("service/new").reason, Some(MoveReason::New));
    assert_eq!(of(last).change, Direction::Gone);
    assert_eq!(
        of(&first.waves[0].services[0].service).change,
        Direction::Joined
    );
    assert_eq!(found.hazards[0].came, ["server-speaks-first"]);
    assert_eq!(found.hazards[0].blocked, (false, true));
    assert!(
        found
            .waves
            .iter()
            .any(|wave| wave.wave == 1 && wave.after.is_none())
    );

    let back = difference(&second, &first);
    let of = |id: &str| {
        back.services
            .iter()
            .find(|change| change.service == id)
            .unwrap()
    };
    assert_eq!(
        of(&first.waves[0].services[0].service).change,
        Direction::RolledBack
    );
    assert!(back.services.iter().all(|change| change.reason.is_none()));
}
