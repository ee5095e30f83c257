//! Property 9: bounds hold for every plan that breaks no limit, whoever made it; and property 13 over random plans.

use proptest::sample::Index;

use super::laws::cases;
use super::*;

/// Area above the protection curve and cost of the waves, of waves alone, from nothing but the definition.
fn objective(input: &PlanInput, plan: &Plan, waves: &BTreeMap<String, u32>) -> (f64, f64) {
    let done = plan.options.waves_done;
    let last = waves.values().copied().max().unwrap_or(done);
    let wave = |id: &str| match input.services.get(id)?.status {
        Status::Done => Some(done),
        _ => waves.get(id).copied(),
    };
    let weights = plan.options.weights;
    let services = plan.waves.iter().flat_map(|wave| &wave.services);
    let mut area = 0.0;
    for service in services {
        // The parts of the gain that depend on the service alone are its worth in whatever wave.
        let own = service.gain.shed + service.gain.client + service.gain.exposure;
        area += own * f64::from(wave(&service.service).unwrap() - done);
    }
    let by_services: f64 = input
        .edges
        .iter()
        .filter(|edge| input.services.contains_key(&edge.caller))
        .map(|edge| edge.rate)
        .sum();
    for edge in &input.edges {
        if let (Some(caller), Some(callee)) = (wave(&edge.caller), wave(&edge.callee))
            && by_services > 0.0
        {
            area += weights.both * edge.rate / by_services * f64::from(caller.max(callee) - done);
        }
    }
    (area, area + weights.wave * f64::from(last - done))
}

/// Waves that somebody could have made by hand: services in a random order, each in the first wave from a random one on in which
/// it breaks no limit with those before it. None when one finds no place.
fn by_hand(
    input: &PlanInput,
    options: &PlanOptions,
    ids: &[String],
    late: &[u8],
) -> Option<BTreeMap<String, u32>> {
    let mut waves: BTreeMap<String, u32> = BTreeMap::new();
    for (id, late) in ids.iter().zip(late.iter().cycle()) {
        let from = options.waves_done + 1 + u32::from(*late);
        let wave = (from..from + 40).find(|wave| {
            waves.insert(id.clone(), *wave);
            let broken = revalidate(input, options, &waves);
            // Others are still missing, and gaps may still be filled.
            broken.iter().all(|violation| {
                matches!(
                    violation.code,
                    ViolationCode::NotOnce | ViolationCode::EmptyWave
                )
            })
        });
        wave?;
    }
    Some(waves)
}

/// The limits that hold without any exception, which [`revalidate`] would excuse.
fn breaks_a_limit(input: &PlanInput, plan: &Plan, waves: &BTreeMap<String, u32>) -> bool {
    let in_scope = input.services.len() - plan.unplanned.len();
    let planned: BTreeMap<&str, &PlannedService> = plan
        .waves
        .iter()
        .flat_map(|wave| &wave.services)
        .map(|service| (service.service.as_str(), service))
        .collect();
    let mut members: BTreeMap<u32, Vec<&PlannedService>> = BTreeMap::new();
    for (id, wave) in waves {
        members.entry(*wave).or_default().push(planned[id.as_str()]);
    }
    members.into_iter().any(|(wave, services)| {
        let limits = plan.options.ramp.limits(wave, in_scope);
        let touched: f64 = services.iter().map(|service| service.touched).sum();
        let alone = services.len() == 1 && !limits.ramp;
        let effort = |team: &str| -> usize {
            let of_team = services.iter().filter(|s| s.team.as_deref() == Some(team));
            of_team
                .map(|s| usize::try_from(input.services[&s.service].effort.max(1)).unwrap())
                .sum()
        };
        let crowded = |team: &str| {
            services
                .iter()
                .filter(|s| s.team.as_deref() == Some(team))
                .count()
                > 1
        };
        services.len() > limits.size
            || (touched > limits.traffic + 1e-9 && !alone)
            || services
                .iter()
                .any(|service| service.risk.score > limits.risk + 1e-9)
            || services
                .iter()
                .filter_map(|s| s.team.as_deref())
                .any(|team| effort(team) > limits.team && crowded(team))
    })
}

/// Inside a circle an order can break other arcs than the plan does; the bounds are those of its own.
fn breaks_another_arc(input: &PlanInput, plan: &Plan, waves: &BTreeMap<String, u32>) -> bool {
    let is_broken = |edge: &&PlanEdge| {
        let mut broken = plan.broken_arcs.iter();
        broken.any(|arc| (&arc.caller, &arc.callee) == (&edge.caller, &edge.callee))
    };
    let kept = input.edges.iter().filter(|edge| edge.caller != edge.callee);
    kept.filter(|edge| !is_broken(edge)).any(|edge| {
        let ends = (waves.get(&edge.caller), waves.get(&edge.callee));
        let (Some(caller), Some(callee)) = ends else {
            return false;
        };
        match plan.options.hard_order() {
            Order::Soft => false,
            Order::CalleeFirst => callee >= caller,
            Order::CallerFirst => caller >= callee,
        }
    })
}

proptest! {
    #![proptest_config(cases(32))]

    /// Property 9. Strict-only meshes are left out: there pieces of several services excuse what the plain limits here do not.
    #[test]
    fn bounds_hold_for_plans_made_by_hand(
        input in any_input(),
        options in any_options(),
        order in proptest::collection::vec(any::<Index>(), 24),
        late in proptest::collection::vec(0..3u8, 1..6),
    ) {
        let options = PlanOptions { mesh_mode: MeshMode::Permissive, ..options };
        let plan = plan(&input, &options, None).unwrap();
        let mut left: Vec<String> = assignment(&plan).into_keys().collect();
        let mut ids = Vec::new();
        for index in order {
            if !left.is_empty() {
                ids.push(left.remove(index.index(left.len())));
            }
        }
        let Some(waves) = by_hand(&input, &plan.options, &ids, &late) else {
            return Ok(());
        };
        if waves.is_empty()
            || breaks_a_limit(&input, &plan, &waves)
            || breaks_another_arc(&input, &plan, &waves)
        {
            return Ok(());
        }
        let (area, whole) = objective(&input, &plan, &waves);
        let count = waves.values().max().unwrap() - plan.options.waves_done;
        prop_assert!(plan.bounds.waves <= usize::try_from(count).unwrap(), "{} {count}", plan.bounds.waves);
        prop_assert!(plan.bounds.area <= area + 1e-9, "{} {area}", plan.bounds.area);
        prop_assert!(plan.bounds.objective <= whole + 1e-9, "{} {whole}", plan.bounds.objective);
    }

    /// Property 9: with nothing but a size to keep to, the bounds are reached.
    #[test]
    fn without_edges_and_limits_the_bounds_are_reached(
        rates in proptest::collection::vec(0.0..100.0f64, 1..30),
        cap in 1..6usize,
    ) {
        let mut input = graph(&ids(rates.len()), vec![]);
        for (service, rate) in input.services.values_mut().zip(&rates) {
            service.entry_rate = *rate;
        }
        let options = PlanOptions {
            ramp: Ramp {
                first_size: 100.0,
                size_cap: Some(cap),
                traffic_caps: vec![2.0],
                risk_ceilings: vec![1.0],
                team_cap: 100,
                ..Ramp::default()
            },
            ..quick()
        };
        let plan = plan(&input, &options, None).unwrap();
        prop_assert_eq!(plan.waves.len(), rates.len().div_ceil(cap));
        prop_assert_eq!(plan.bounds.waves, plan.waves.len());
        prop_assert!((plan.bounds.area - plan.summary.area).abs() < 1e-9, "{} {}", plan.bounds.area, plan.summary.area);
    }

    /// Property 13: whatever service of a plan is put beside a neighbour, left out, or sent against its pin, is found out.
    #[test]
    fn a_plan_that_was_spoilt_is_found_out(
        input in any_input(),
        options in any_options(),
        which in any::<Index>(),
        from in 1..30u32,
    ) {
        let plan = plan(&input, &options, None).unwrap();
        let waves = assignment(&plan);
        if waves.is_empty() {
            return Ok(());
        }
        let (id, wave) = waves.iter().nth(which.index(waves.len())).unwrap();
        let judged = |input: &PlanInput, change: &dyn Fn(&mut BTreeMap<String, u32>)| {
            let mut waves = waves.clone();
            change(&mut waves);
            codes(&revalidate(input, &plan.options, &waves))
        };
        let found = judged(&input, &|waves| _ = waves.remove(id));
        prop_assert!(found.contains(&"not_once"), "{:?}", found);
        let late = plan.options.waves_done + 6_000;
        let found = judged(&input, &|waves| _ = waves.insert(id.clone(), late));
        prop_assert!(found.contains(&"empty_wave"), "{:?}", found);
        let mut pinned = input.clone();
        pinned.services.get_mut(id).unwrap().pins = Pins {
            not_before: Some(wave + from),
            ..Pins::NONE
        };
        let found = judged(&pinned, &|_| ());
        prop_assert!(found.contains(&"too_early") || wave + from > 200, "{:?}", found);
        let edge = input.edges.iter().find(|edge| {
            let moves = waves.contains_key(&edge.caller) && waves.contains_key(&edge.callee);
            moves && edge.caller != edge.callee && waves[&edge.caller] != waves[&edge.callee]
        });
        if let Some(edge) = edge.filter(|_| plan.options.adjacent_share == 0.0) {
            let wave = waves[&edge.caller];
            let found = judged(&input, &|waves| _ = waves.insert(edge.callee.clone(), wave));
            prop_assert!(found.contains(&"adjacent"), "{:?}", found);
        }
    }
}
