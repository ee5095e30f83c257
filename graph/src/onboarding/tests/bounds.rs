//! The bounds are exact where nothing but size limits, and below every plan that keeps all limits.

use super::strategies::{any_input, any_options};
use super::*;

fn config() -> ProptestConfig {
    ProptestConfig {
        cases: ProptestConfig::default().cases.min(48),
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn without_calls_and_other_limits_than_size_the_bounds_are_exact(
        rates in proptest::collection::vec(0.0..1000.0f64, 1..30),
        cap in 1..8usize,
    ) {
        let service = |rate: f64| PlanService { entry_rate: rate, ..PlanService::unknown() };
        let services: BTreeMap<String, PlanService> =
            (0..).map(|n| format!("service/s{n:04}")).zip(rates.iter().map(|r| service(*r))).collect();
        let count = services.len();
        let input = PlanInput { services, ..PlanInput::default() };
        let options = PlanOptions {
            ramp: Ramp {
                first_size: 1e9,
                growth: 1.0,
                size_cap: Some(cap),
                traffic_caps: vec![1.0],
                risk_ceilings: vec![1.0],
                team_cap: usize::MAX,
            },
            ..PlanOptions::default()
        };
        let plan = plan(&input, &options, None).unwrap();
        prop_assert_eq!(plan.summary.waves, count.div_ceil(cap));
        prop_assert_eq!(plan.bounds.waves, plan.summary.waves);
        prop_assert!((plan.bounds.area - plan.summary.area).abs() < 1e-9);
    }

    #[test]
    fn no_rule_without_an_exception_beats_the_bounds(input in any_input(), options in any_options()) {
        let plan = plan(&input, &options, None).unwrap();
        for candidate in plan.candidates.iter().filter(|candidate| candidate.exceptions == 0) {
            prop_assert!(candidate.waves >= plan.bounds.waves, "{:?} {:?}", candidate, plan.bounds);
            prop_assert!(candidate.objective >= plan.bounds.objective - 1e-9, "{:?} {:?}", candidate, plan.bounds);
        }
    }

    #[test]
    fn the_plan_is_the_best_of_all_rules(input in any_input(), options in any_options()) {
        let plan = plan(&input, &options, None).unwrap();
        let chosen: Vec<&CandidatePlan> = plan.candidates.iter().filter(|c| c.chosen).collect();
        prop_assert_eq!(chosen.len(), 1);
        let least = plan.candidates.iter().map(|c| c.exceptions).min();
        prop_assert_eq!(least, Some(chosen[0].exceptions));
        prop_assert!((chosen[0].objective - plan.summary.objective).abs() < 1e-9);
        let equal = plan.candidates.iter().filter(|c| c.exceptions == chosen[0].exceptions);
        if plan.options.goal != Goal::StrictMtls {
            prop_assert!(equal.clone().all(|c| c.objective >= chosen[0].objective - 1e-9));
        }
    }
}
