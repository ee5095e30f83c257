//! Property 12 of the specification, and that caps hold in every repair.

use super::*;

/// Number of services and seed: a failure that prints the whole graph says nothing.
fn any_company() -> impl Strategy<Value = (usize, u64)> {
    (20..45usize, any::<u64>())
}

fn any_order() -> impl Strategy<Value = Order> {
    prop_oneof![3 => Just(Order::Soft), 1 => Just(Order::CalleeFirst), 1 => Just(Order::CallerFirst)]
}

fn without_replan(mut plan: Plan) -> Plan {
    plan.replan = None;
    plan
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 6, ..ProptestConfig::default() })]

    #[test]
    fn unchanged_input_leaves_the_plan_as_it_is(
        (size, seed) in any_company(),
        order in any_order(),
        in_flight in 1..3u32,
    ) {
        let input = company(size, seed);
        let in_flight = InFlight { ramp: 1, after: in_flight };
        let options = PlanOptions { order, in_flight, ..options() };
        let first = plan(&input, &options, None).unwrap();
        let again = plan(&input, &options, Some(&first)).unwrap();
        let replan = again.replan.clone().unwrap();
        prop_assert_eq!(&replan.moves, &[]);
        prop_assert!(!replan.advise_full && !replan.replaced && replan.gap == 1.0);
        prop_assert_eq!(without_replan(again), first);
    }

    #[test]
    fn noise_keeps_caps_and_names_every_move(
        (size, seed) in any_company(),
        order in any_order(),
        tolerance in prop_oneof![Just(0.0), Just(0.05)],
    ) {
        let mut options = PlanOptions { order, ..options() };
        options.replanning.tolerance = tolerance;
        let input = company(size, seed);
        let first = plan(&input, &options, None).unwrap();
        let noisy = noisy(&input, &mut Random(seed));
        let second = plan(&noisy, &options, Some(&first)).unwrap();
        prop_assert_eq!(check(&noisy, &second), vec![]);
        moves_are_complete(&first, &second)?;
        let third = plan(&noisy, &options, Some(&second)).unwrap();
        prop_assert_eq!(&third.replan.as_ref().unwrap().moves, &[]);
        prop_assert_eq!(&third.waves, &second.waves);
    }

    #[test]
    fn whatever_happened_meanwhile_caps_hold_and_every_move_is_named(
        (size, seed) in any_company(),
        order in any_order(),
        over in 0..4u32,
        new in 0..4usize,
        strict in any::<bool>(),
    ) {
        let (input, mut random) = (company(size, seed), Random(seed));
        let mut options = PlanOptions { order, ..options() };
        let first = plan(&input, &options, None).unwrap();
        let mut today = rewired(&noisy(&input, &mut random), &mut random);
        today = grown(&today, new, &mut random);
        let done = in_mesh(&mut today, &first, over);
        for (number, id) in done.iter().enumerate() {
            if number % 4 == 3 {
                today.services.get_mut(id).unwrap().status = Status::Pending;
            }
        }
        let gone = id(random.below(input.services.len()));
        today.services.remove(&gone);
        options.waves_done = over;
        options.replanning.frozen_waves = if strict { 100 } else { 1 };
        let second = plan(&today, &options, Some(&first)).unwrap();
        prop_assert_eq!(check(&today, &second), vec![]);
        moves_are_complete(&first, &second)?;
        let frozen = over + 1..=over + options.replanning.frozen_waves;
        for change in &second.replan.as_ref().unwrap().moves {
            let by_worth = matches!(change.reason, MoveReason::Displaced { .. });
            let was_exception = |wave: u32| first.waves.iter().any(|w| w.wave == wave && !w.exceptions.is_empty());
            let was_frozen = change.from.is_some_and(|from| frozen.contains(&from) && !was_exception(from));
            prop_assert!(!(by_worth && was_frozen), "{change:?}");
        }
    }

    #[test]
    fn a_new_service_without_calls_moves_nobody((size, seed) in any_company(), entry in 0.0..500.0f64) {
        let input = company(size, seed);
        let first = plan(&input, &options(), None).unwrap();
        prop_assume!(first.summary.exceptions == 0);
        let mut today = input.clone();
        let new = PlanService { entry_rate: entry, ..PlanService::unknown() };
        today.services.insert("service/alone".to_owned(), new);
        let second = plan(&today, &options(), Some(&first)).unwrap();
        let moves = second.replan.unwrap().moves;
        prop_assert_eq!(moves.len(), 1);
        prop_assert_eq!(&moves[0].reason, &MoveReason::New);
    }

    /// The earlier plan is a file: any service in any wave, twice or unknown, with limits broken at will.
    #[test]
    fn a_spoilt_plan_neither_panics_nor_breaks_caps(
        (size, seed) in any_company(),
        order in any_order(),
        wave_numbers in proptest::collection::vec(
            prop_oneof![4 => 0..12u32, 1 => Just(u32::MAX), 1 => any::<u32>()], 12),
        waves_done in 0..4u32,
    ) {
        let (input, mut random) = (company(size, seed), Random(seed));
        let mut options = PlanOptions { order, waves_done, ..options() };
        let mut spoilt = plan(&input, &options, None).unwrap();
        let services: Vec<PlannedService> =
            spoilt.waves.iter().flat_map(|wave| wave.services.clone()).collect();
        for (wave, number) in spoilt.waves.iter_mut().zip(wave_numbers) {
            wave.wave = number;
            wave.services.extend(services.get(random.below(services.len())).cloned());
            wave.touched = 1e9;
            wave.services[0].service = format!("service/{}", random.below(99));
            let limit = [LimitName::Size, LimitName::Traffic, LimitName::Risk, LimitName::Adjacent][random.below(4)];
            wave.exceptions.push(Exception { limit, because: ExceptionCause::NothingEligible });
        }
        spoilt.done.push(id(random.below(20)));
        spoilt.options.waves_done = u32::MAX;
        options.replanning.tolerance = 0.0;
        let repaired = plan(&input, &options, Some(&spoilt)).unwrap();
        prop_assert_eq!(check(&input, &repaired), vec![]);
        prop_assert!(waves_over(&spoilt, &spoilt.done.iter().cloned().collect()) < u32::MAX);
    }

    #[test]
    fn wishes_of_people_hold_in_repairs((size, seed) in any_company(), over in 0..3u32, order in any_order()) {
        let (mut input, mut random) = (company(size, seed), Random(seed));
        let mut options = PlanOptions { order, ..wishes(&mut input, &mut random) };
        let Ok(first) = plan(&input, &options, None) else {
            return Ok(());
        };
        // What a fresh plan does not keep is no fault of the repair.
        let is_sound = check(&input, &first).is_empty();
        let again = plan(&input, &options, Some(&first)).unwrap();
        let replan = again.replan.clone().unwrap();
        prop_assert!(!is_sound || (replan.moves.is_empty() && !replan.replaced), "{replan:?}");
        let exceptions = |plan: &Plan| -> Vec<Vec<Exception>> {
            plan.waves.iter().map(|wave| wave.exceptions.clone()).collect()
        };
        prop_assert!(!is_sound || exceptions(&again) == exceptions(&first));
        prop_assert!(!is_sound || without_replan(again) == first);

        let mut today = rewired(&noisy(&input, &mut random), &mut random);
        today = grown(&today, 2, &mut random);
        in_mesh(&mut today, &first, over);
        for service in today.services.values_mut() {
            if random.below(30) == 0 {
                service.pins = Pins::NONE;
            } else if random.below(30) == 0 {
                service.pins.not_before = Some(3 + over);
            }
        }
        options.waves_done = over;
        let Ok(second) = plan(&today, &options, Some(&first)) else {
            return Ok(());
        };
        let fresh = plan(&today, &options, None).unwrap();
        if check(&today, &fresh).is_empty() {
            prop_assert_eq!(check(&today, &second), vec![]);
        }
        moves_are_complete(&first, &second)?;
    }
}
