//! What holds for every plan of every graph, by the number of the property in the specification.

use super::*;

/// Debug builds plan slowly: few cases by default, more with `PROPTEST_CASES`.
pub(super) fn cases(most: u32) -> ProptestConfig {
    let default = ProptestConfig::default();
    let is_asked_for = default.cases != 256;
    ProptestConfig {
        cases: if is_asked_for { default.cases } else { most },
        failure_persistence: None,
        ..default
    }
}

/// The same plan but for the totals, which follow the unit of the rates.
fn without_totals(mut plan: Plan) -> Plan {
    plan.traffic.entry = 0.0;
    plan.traffic.by_services = 0.0;
    plan.traffic.all = 0.0;
    plan
}

fn shuffled(input: &PlanInput, seed: u64) -> PlanInput {
    let mut shuffled = input.clone();
    let mut state = seed;
    for last in (1..shuffled.edges.len()).rev() {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        let other = usize::try_from(state >> 33).unwrap() % (last + 1);
        shuffled.edges.swap(last, other);
    }
    shuffled
}

fn scaled(input: &PlanInput, power: i32) -> PlanInput {
    let factor = 2.0f64.powi(power);
    let mut scaled = input.clone();
    for edge in &mut scaled.edges {
        edge.rate *= factor;
    }
    for service in scaled.services.values_mut() {
        service.entry_rate *= factor;
    }
    scaled
}

fn rename(id: &str) -> String {
    id.replace("service/s", "service/tenant \"0\"/s")
}

fn renamed(input: &PlanInput, options: &PlanOptions) -> (PlanInput, PlanOptions) {
    let services = input.services.iter();
    let input = PlanInput {
        services: services.map(|(id, s)| (rename(id), s.clone())).collect(),
        edges: input
            .edges
            .iter()
            .map(|e| PlanEdge {
                caller: rename(&e.caller),
                callee: rename(&e.callee),
                ..e.clone()
            })
            .collect(),
        ..input.clone()
    };
    let mut options = options.clone();
    for (first, then) in &mut options.groups.before {
        (*first, *then) = (rename(first), rename(then));
    }
    let groups = &mut options.groups;
    for group in groups.together.iter_mut().chain(&mut groups.apart) {
        group.iter_mut().for_each(|id| *id = rename(id));
    }
    for freeze in &mut options.freezes {
        freeze.services.iter_mut().for_each(|id| *id = rename(id));
    }
    (input, options)
}

proptest! {
    #![proptest_config(cases(48))]

    /// Properties 1 to 4, 6, 7, 8 and 14: the judge knows them all.
    #[test]
    fn every_plan_passes_the_checker(input in any_input(), options in any_options()) {
        let plan = plan(&input, &options, None).unwrap();
        prop_assert_eq!(check(&input, &plan), vec![]);
        prop_assert_eq!(revalidate(&input, &plan.options, &assignment(&plan)), vec![]);
    }

    /// Property 11: pins, groups and freezes hold, or two of them are named that cannot.
    #[test]
    fn every_plan_keeps_to_what_people_asked_for((input, options) in any_wishes()) {
        match plan(&input, &options, None) {
            Ok(plan) => {
                prop_assert_eq!(check(&input, &plan), vec![]);
                prop_assert_eq!(revalidate(&input, &plan.options, &assignment(&plan)), vec![]);
            }
            Err(PlanError::Pins { first, second }) => {
                prop_assert!(first.contains('`') && !second.is_empty(), "{} {}", first, second);
            }
        }
    }
}

proptest! {
    #![proptest_config(cases(16))]

    /// Property 5: neither the order of edges nor the unit of rates counts, and names only by their order.
    #[test]
    fn one_graph_has_one_plan(
        (input, options) in any_wishes(),
        seed in any::<u64>(),
        power in -20..20i32,
    ) {
        let original = plan(&input, &options, None);
        let of_shuffled = plan(&shuffled(&input, seed), &options, None);
        prop_assert_eq!(&original, &of_shuffled);
        let Ok(original) = original else {
            return Ok(());
        };
        let json = |plan: &Plan| serde_json::to_string(plan).unwrap();
        prop_assert_eq!(json(&original), json(&of_shuffled.unwrap()));
        let of_scaled = plan(&scaled(&input, power), &options, None).unwrap();
        let (other, other_options) = renamed(&input, &options);
        let of_renamed = plan(&other, &other_options, None).unwrap();
        let expected = members(&original).into_iter();
        let expected: Vec<Vec<String>> =
            expected.map(|wave| wave.iter().map(|id| rename(id)).collect()).collect();
        prop_assert_eq!(members(&of_renamed), expected);
        prop_assert_eq!(without_totals(original), without_totals(of_scaled));
    }

    /// Property 6: strict implies both, both implies client; the curves end at the maximum, in as many points as waves.
    #[test]
    fn strict_implies_both_and_the_curves_end_at_the_maximum(input in any_input(), options in any_options()) {
        let plan = plan(&input, &options, None).unwrap();
        for point in &plan.curves {
            prop_assert!(point.curves.strict <= point.curves.both + 1e-12);
            prop_assert!(point.curves.both <= point.curves.client + 1e-12);
        }
        prop_assert_eq!(plan.curves.len(), plan.waves.len() + 1);
        let mean = plan.summary.mean_wave;
        prop_assert!(mean == 0.0 || (1.0 - 1e-9..=plan.waves.len() as f64 + 1e-9).contains(&mean));
        prop_assert_eq!(plan.curves.last().map(|point| point.curves), Some(plan.maximum));
    }

    /// Property 6: what each service is said to turn on is all that the curves rise by, wave by wave.
    #[test]
    fn the_flips_of_a_wave_add_up_to_the_curves(input in any_input(), options in any_options()) {
        let plan = plan(&input, &options, None).unwrap();
        for (wave, points) in plan.waves.iter().zip(plan.curves.windows(2)) {
            let (before, after) = (points[0].curves, points[1].curves);
            let sum = |share: &dyn Fn(&TurnsOn) -> f64| -> f64 {
                wave.services.iter().map(|service| share(&service.turns_on)).sum()
            };
            let edges = |edges: &[EdgeRef]| -> f64 { edges.iter().map(|edge| edge.share).sum() };
            prop_assert!((after.shed - before.shed - sum(&|on| on.shed)).abs() < 1e-9);
            prop_assert!((after.client - before.client - sum(&|on| edges(&on.client))).abs() < 1e-9);
            // Ends that join in one wave both name the calls between them.
            let calls: BTreeMap<(&str, &str), f64> = wave
                .services
                .iter()
                .flat_map(|service| &service.turns_on.both)
                .map(|edge| ((edge.caller.as_str(), edge.callee.as_str()), edge.share))
                .collect();
            prop_assert!((after.both - before.both - calls.values().sum::<f64>()).abs() < 1e-9);
        }
    }

    /// Property 8: exposure never rises, and none is left where every service joins.
    #[test]
    fn exposure_ends(input in any_input(), options in any_options()) {
        let plan = plan(&input, &options, None).unwrap();
        for points in plan.curves.windows(2) {
            prop_assert!(points[1].exposure <= points[0].exposure + 1e-12);
        }
        if let (true, Some(last)) = (plan.unplanned.is_empty(), plan.curves.last()) {
            prop_assert!(last.exposure.abs() < 1e-9);
        }
    }

    /// Property 10: no pass of the portfolio has fewer exceptions, or as many and a smaller objective.
    #[test]
    fn no_candidate_is_better_than_the_plan(input in any_input(), options in any_options()) {
        let plan = plan(&input, &options, None).unwrap();
        prop_assert_eq!(plan.candidates.iter().filter(|candidate| candidate.chosen).count(), 1);
        for candidate in &plan.candidates {
            prop_assert!(plan.summary.exceptions <= candidate.exceptions, "{}", candidate.rule);
            let is_beaten = plan.summary.objective <= candidate.objective + 1e-9;
            // A goal of its own may cost something.
            let is_other = plan.options.goal == Goal::StrictMtls;
            let has_fewer = plan.summary.exceptions < candidate.exceptions;
            prop_assert!(is_beaten || is_other || has_fewer, "{}", candidate.rule);
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
        let plan = plan(&input, &quick(), None).unwrap();
        prop_assert_eq!(check(&input, &plan), vec![]);
        let json = serde_json::to_value(&plan).unwrap();
        prop_assert!(plan.summary.objective.is_finite() && json["maximum"]["shed"].is_number());
    }
}
