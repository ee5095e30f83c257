//! Property 12: what a new plan may change, and that it says what it changed.

use super::laws::cases;
use super::*;

/// What the judge says of a plan that repairs another one.
fn judged(input: &PlanInput, previous: &Plan, plan: &Plan) -> Vec<Violation> {
    let mut found = check(input, plan);
    let planned = planned_before(plan);
    found.extend(revalidate_repair(
        input,
        &plan.options,
        &assignment(plan),
        &planned,
    ));
    found.extend(check_moves(previous, plan));
    found
}

proptest! {
    #![proptest_config(cases(32))]

    /// With unchanged input nothing moves, and a new service that nobody calls moves nobody.
    #[test]
    fn nothing_moves_without_a_reason(input in any_input(), options in any_options()) {
        let first = plan(&input, &options, None).unwrap();
        let second = plan(&input, &options, Some(&first)).unwrap();
        prop_assert_eq!(assignment(&first), assignment(&second));
        prop_assert_eq!(judged(&input, &first, &second), vec![]);
        prop_assert_eq!(&second.replan.as_ref().unwrap().moves, &vec![]);
        let mut grown = input.clone();
        grown.services.insert("service/z-new".to_owned(), service());
        // The size of waves is a share of the services: it must not change.
        let before = first.options.ramp.limits(u32::MAX, input.services.len());
        let after = first.options.ramp.limits(u32::MAX, grown.services.len());
        let third = plan(&grown, &options, Some(&first)).unwrap();
        prop_assert_eq!(judged(&grown, &first, &third), vec![]);
        let was_empty = first.waves.iter().any(|wave| wave.services.is_empty());
        // Nor may an exception end because there is now somebody who keeps to the limits.
        if before.size == after.size && !was_empty && first.summary.exceptions == 0 {
            let moved: Vec<&Move> = third.replan.iter().flat_map(|replan| &replan.moves).collect();
            prop_assert!(moved.iter().all(|one| one.reason == MoveReason::New), "{:?}", moved);
        }
    }

    /// Weeks later: some waves are over, rates moved, a service was excluded, an edge came. Limits hold, done services never move,
    /// and every difference is among the moves.
    #[test]
    fn every_difference_is_among_the_moves(
        input in any_input(),
        options in any_options(),
        over in 0..3usize,
        slips in any::<proptest::sample::Index>(),
        noise in proptest::collection::vec(0.8..1.25f64, 60),
        ends in (0..20usize, 0..20usize),
    ) {
        let first = plan(&input, &options, None).unwrap();
        let mut later = input.clone();
        for (edge, noise) in later.edges.iter_mut().zip(&noise) {
            edge.rate *= noise;
        }
        later.edges.push(edge(&id(ends.0), &id(ends.1), 10.0));
        let mut done = std::collections::BTreeSet::new();
        let over: Vec<&Wave> = first.waves.iter().take(over).collect();
        for service in over.iter().flat_map(|wave| &wave.services) {
            done.insert(service.service.clone());
        }
        if let Some(slipped) = (!done.is_empty()).then(|| done.iter().nth(slips.index(done.len())).cloned()) {
            done.remove(&slipped.unwrap());
        }
        for id in &done {
            later.services.get_mut(id).unwrap().status = Status::Done;
        }
        let options = PlanOptions {
            waves_done: waves_over(&first, &done),
            ..options
        };
        let second = plan(&later, &options, Some(&first)).unwrap();
        prop_assert_eq!(judged(&later, &first, &second), vec![]);
        prop_assert!(assignment(&second).keys().all(|id| !done.contains(id)));
        let json = |plan: &Plan| serde_json::to_string(plan).unwrap();
        let read: Plan = serde_json::from_str(&json(&first)).unwrap();
        prop_assert_eq!(assignment(&plan(&later, &options, Some(&read)).unwrap()), assignment(&second));
    }
}

/// A new service ends an exception of wave 1, whoever had it moves on, and three waves in flight keep its neighbour back: the gap that
/// this leaves is closed.
#[test]
fn a_gap_that_a_new_service_makes_is_closed() {
    let names = ids(5);
    let edges = vec![
        edge(&names[1], &names[0], 400_628.6),
        edge(&names[2], &names[3], 230_069.9),
        edge(&names[0], &names[4], 664_201.6),
    ];
    let mut input = graph(&names, edges);
    for service in input.services.values_mut() {
        service.tier = None;
    }
    input.services.get_mut(&names[3]).unwrap().status = Status::Done;
    input.services.get_mut(&names[0]).unwrap().evidence.days = 0.0;
    let options = PlanOptions {
        in_flight: InFlight { ramp: 0, after: 3 },
        ..quick()
    };
    let first = plan(&input, &options, None).unwrap();
    input.services.insert("service/z-new".to_owned(), service());
    let second = plan(&input, &options, Some(&first)).unwrap();
    assert_eq!(judged(&input, &first, &second), []);
}
