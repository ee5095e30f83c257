//! Progress over the Online Boutique, whose plan is known: {payment, shipping} {ad, checkout} {email, recommendation} ...

use super::super::{PlanOptions, plan};
use super::*;

fn boutique() -> PlanInput {
    let text = include_str!("../../../../fixtures/onboarding/online-boutique.json");
    serde_json::from_str(text).unwrap()
}

fn first_plan() -> Plan {
    plan(&boutique(), &PlanOptions::default(), None).unwrap()
}

/// The boutique with these services in.
fn with(joined: &[&str]) -> PlanInput {
    let mut input = boutique();
    for name in joined {
        let service = input.services.get_mut(&format!("service/{name}"));
        service.unwrap().status = Status::Done;
    }
    input
}

/// Names of the services of the first waves.
fn members(plan: &Plan, waves: u32) -> Vec<&str> {
    let waves = plan.waves.iter().filter(|wave| wave.wave <= waves);
    let services = waves.flat_map(|wave| &wave.services);
    services
        .map(|s| s.service.strip_prefix("service/").unwrap())
        .collect()
}

#[test]
fn a_rollout_that_keeps_to_its_plan_is_where_the_plan_says() {
    let plan = first_plan();
    for over in 0..=7 {
        let told = progress(&plan, &with(&members(&plan, over)), Due::Waves { over });
        assert!(!told.is_behind && told.gate.is_open, "{told:#?}");
        assert_eq!((told.missing.len(), told.unexpected.len()), (0, 0));
        assert_eq!(told.gate.wave, (over < 7).then_some(over + 1));
        for curve in CurveName::ALL {
            let [planned, expected, actual] =
                [told.planned, told.expected, told.actual].map(|point| curve.of(&point.curves));
            assert!((planned - actual).abs() < 1e-12 && (expected - actual).abs() < 1e-12);
        }
        assert!((told.planned.exposure - told.actual.exposure).abs() < 1e-12);
        let waves = told
            .waves
            .iter()
            .filter(|wave| wave.state == WaveState::Over);
        assert_eq!(waves.count(), over as usize);
        for wave in told.waves.iter().filter(|wave| wave.wave <= over) {
            let actual = wave.actual.unwrap();
            assert!((actual.both - wave.planned.both).abs() < 1e-12);
        }
    }
}

#[test]
fn who_is_missing_is_named_with_its_wave_and_closes_the_gate_by_what_it_carries() {
    let plan = first_plan();
    let mut joined = members(&plan, 5);
    joined.retain(|name| *name != "frontend");
    let told = progress(&plan, &with(&joined), Due::Waves { over: 5 });
    let missing = Missing {
        wave: 5,
        service: "service/frontend".to_owned(),
        status: Status::Pending,
    };
    assert_eq!(told.missing, [missing]);
    assert!(told.is_behind && !told.gate.is_open);
    let short: Vec<CurveName> = told.gate.short.iter().map(|short| short.curve).collect();
    assert!(short.contains(&CurveName::Client), "{short:?}");
    assert_eq!(told.waves[4].state, WaveState::Late);
    // A small service is missed as well, although the coverage hardly shows it.
    let mut joined = members(&plan, 2);
    joined.retain(|name| *name != "payment");
    let told = progress(&plan, &with(&joined), Due::Waves { over: 2 });
    assert!(told.is_behind && told.gate.is_open);
}

#[test]
fn who_is_in_too_early_or_against_the_plan_is_named() {
    let mut plan = first_plan();
    plan.unplanned.push(super::super::Unplanned {
        service: "service/email".to_owned(),
        because: None,
        blockers: Vec::new(),
        strict_lost: Vec::new(),
    });
    for wave in &mut plan.waves {
        wave.services.retain(|s| s.service != "service/email");
    }
    let mut input = with(&["payment", "shipping", "cart", "email"]);
    let newcomer = input.services["service/cart"].clone();
    input.services.insert("service/new".to_owned(), newcomer);
    let told = progress(&plan, &input, Due::Waves { over: 1 });
    let said: Vec<(&str, PlanSays)> = told
        .unexpected
        .iter()
        .map(|found| (found.service.as_str(), found.plan))
        .collect();
    assert_eq!(
        said,
        [
            ("service/cart", PlanSays::Wave { wave: 7 }),
            ("service/email", PlanSays::Unplanned),
            ("service/new", PlanSays::Nothing),
        ]
    );
}

#[test]
fn what_was_in_before_the_plan_and_is_not_any_more_is_missing_too() {
    let earlier = with(&["ad"]);
    let plan = plan(&earlier, &PlanOptions::default(), None).unwrap();
    let told = progress(&plan, &boutique(), Due::Waves { over: 0 });
    assert_eq!(told.missing.len(), 1);
    assert_eq!(
        (told.missing[0].wave, told.missing[0].service.as_str()),
        (0, "service/ad")
    );
}

#[test]
fn a_changed_graph_and_a_missing_service_are_told_apart() {
    let plan = first_plan();
    let mut input = with(&members(&plan, 4));
    // Calls to the catalogue, which is in, fall to a tenth: nobody is missing, and yet less is protected than promised.
    for edge in &mut input.edges {
        if edge.callee == "service/productcatalog" {
            edge.rate /= 10.0;
        }
    }
    let told = progress(&plan, &input, Due::Waves { over: 4 });
    assert_eq!(told.missing, []);
    assert_eq!(told.expected, told.actual);
    assert!(!told.gate.is_open && told.is_behind);
}

#[test]
fn without_dates_the_waves_that_are_over_are_those_that_were_left_behind() {
    let plan = first_plan();
    let over = |joined: &[&str]| progress(&plan, &with(joined), Due::Status).over;
    assert_eq!(over(&[]), 0);
    assert_eq!(over(&["payment"]), 0, "half a wave is not over");
    assert_eq!(over(&["payment", "shipping"]), 1);
    assert_eq!(over(&["payment", "shipping", "ad"]), 1);
    assert_eq!(
        over(&["payment", "ad", "checkout"]),
        1,
        "the second wave follows the first"
    );
    assert_eq!(over(&members(&plan, 7)), 7);
    let by_day = Due::Calendar {
        today: jiff::civil::date(2026, 1, 1),
    };
    let told = progress(&plan, &with(&["payment", "shipping"]), by_day);
    assert_eq!((told.due, told.over), (Due::Status, 1));
}

#[test]
fn a_hostile_plan_file_is_compared_without_harm() {
    let mut plan = first_plan();
    let mut last = plan.waves[0].clone();
    last.wave = u32::MAX;
    plan.waves.push(last);
    let mut zero = plan.waves[1].clone();
    zero.wave = 0;
    plan.waves.insert(0, zero);
    plan.curves.clear();
    plan.done.push("service/nobody".to_owned());
    plan.options.in_flight.ramp = u32::MAX;
    for due in [Due::Waves { over: u32::MAX }, Due::Status] {
        let told = progress(&plan, &with(&["cart"]), due);
        assert_eq!(told.gone, ["service/nobody"]);
        let json = serde_json::to_string(&told).unwrap();
        assert_eq!(
            serde_json::from_str::<Progress>(&json).unwrap().waves.len(),
            told.waves.len()
        );
    }
    let told = progress(&plan, &PlanInput::default(), Due::Status);
    assert_eq!(told.services, 0);
    assert_eq!(told.gone.len(), 11);
}
