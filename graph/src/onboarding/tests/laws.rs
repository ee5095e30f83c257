//! What holds for every plan of every graph, by the number of the property in the specification.

use super::*;

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
        let expected: Vec<Vec<String>> = members(&plan(&input, &options, None).unwrap())
            .into_iter()
            .map(|wave| wave.iter().map(|id| rename(id)).collect())
            .collect();
        prop_assert_eq!(members(&plan(&renamed, &options, None).unwrap()), expected);
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
