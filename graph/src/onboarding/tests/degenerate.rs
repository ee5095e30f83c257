//! Graphs at the edges of what a graph can be.

use super::*;

fn sizes(plan: &Plan) -> Vec<usize> {
    plan.waves.iter().map(|wave| wave.services.len()).collect()
}

#[test]
fn an_empty_graph_has_an_empty_plan() {
    let plan = checked(&PlanInput::default());
    assert!(plan.waves.is_empty());
    assert_eq!(plan.curves.len(), 1);
    assert_eq!(plan.summary.objective, 0.0);
}

#[test]
fn one_service_is_one_wave() {
    assert_eq!(sizes(&checked(&graph(&ids(1), vec![]))), [1]);
}

#[test]
fn without_edges_the_ramp_alone_decides() {
    assert_eq!(
        sizes(&checked(&graph(&ids(100), vec![])))[..4],
        [2, 4, 5, 5]
    );
}

#[test]
fn a_service_that_calls_itself_is_planned() {
    let names = ids(1);
    let plan = checked(&graph(&names, vec![edge(&names[0], &names[0], 5.0)]));
    assert_eq!(sizes(&plan), [1]);
    assert_eq!(plan.maximum.both, 1.0);
    assert_eq!(plan.maximum.strict, 1.0);
    assert!(plan.cut_arcs.is_empty());
}

#[test]
fn a_star_of_a_thousand_is_planned_with_its_hub_in_a_wave_of_its_own() {
    let names = ids(1001);
    let edges = names[1..]
        .iter()
        .map(|leaf| edge(&names[0], leaf, 1.0))
        .collect();
    let plan = checked(&graph(&names, edges));
    let hub = plan
        .waves
        .iter()
        .find(|wave| wave.services.iter().any(|s| s.service == names[0]))
        .unwrap();
    assert_eq!(hub.services.len(), 1);
}

#[test]
fn a_clique_of_twelve_needs_twelve_waves() {
    let names = ids(12);
    let mut edges = Vec::new();
    for caller in &names {
        for callee in &names {
            if caller != callee {
                edges.push(edge(caller, callee, 1.0));
            }
        }
    }
    let plan = checked(&graph(&names, edges));
    assert_eq!(plan.waves.len(), 12);
    assert_eq!(plan.cut_arcs.len(), 66);
}

#[test]
fn a_ring_loses_its_lightest_call_only() {
    let names = ids(6);
    let edges = (0..6)
        .map(|n| {
            edge(
                &names[n],
                &names[(n + 1) % 6],
                if n == 3 { 1.0 } else { 5.0 },
            )
        })
        .collect();
    let plan = checked(&graph(&names, edges));
    assert_eq!(plan.cut_arcs.len(), 1);
    assert_eq!(plan.cut_arcs[0].caller, names[3]);
    let marked = plan.waves.iter().flat_map(|wave| &wave.services);
    assert!(
        marked
            .into_iter()
            .all(|service| service.amplification.cycle)
    );
}

/// Thirty services that all depend on each other, with a cap of five: spread over waves, because a permissive mesh allows it.
#[test]
fn one_component_is_spread_over_waves() {
    let names = ids(30);
    let mut edges: Vec<PlanEdge> = (0..30)
        .map(|n| edge(&names[n], &names[(n + 1) % 30], 3.0))
        .collect();
    edges.extend((0..30).map(|n| edge(&names[n], &names[(n + 7) % 30], 1.0)));
    let plan = checked(&graph(&names, edges));
    assert!(plan.waves.len() >= 6);
    assert!(plan.waves.iter().all(|wave| wave.services.len() <= 5));
}

#[test]
fn zero_rates_still_keep_neighbours_apart() {
    let names = ids(4);
    let edges = (1..4).map(|n| edge(&names[0], &names[n], 0.0)).collect();
    let plan = checked(&graph(&names, edges));
    assert_eq!(plan.summary.planned, 4);
    assert_eq!(plan.maximum.shed, 0.0);
    assert!(plan.summary.objective.is_finite());
}

#[test]
fn disconnected_parts_share_waves() {
    let names = ids(4);
    let edges = vec![
        edge(&names[0], &names[1], 1.0),
        edge(&names[2], &names[3], 1.0),
    ];
    assert_eq!(checked(&graph(&names, edges)).summary.planned, 4);
}

#[test]
fn one_name_in_two_namespaces_is_two_services() {
    let names = ["service/a/cart", "service/b/cart"].map(str::to_owned);
    let plan = checked(&graph(&names, vec![edge(&names[0], &names[1], 1.0)]));
    assert_eq!(plan.summary.planned, 2);
    assert_eq!(plan.waves.len(), 2);
}

#[test]
fn an_excluded_hub_leaves_its_neighbours_without_both() {
    let names = ids(5);
    let edges = (1..5)
        .flat_map(|n| {
            [
                edge(&names[0], &names[n], 1.0),
                edge(&names[n], &names[0], 1.0),
            ]
        })
        .collect();
    let mut input = graph(&names, edges);
    input.services.get_mut(&names[0]).unwrap().status = Status::Excluded;
    let plan = checked(&input);
    assert_eq!(plan.summary.planned, 4);
    assert_eq!((plan.maximum.both, plan.maximum.strict), (0.0, 0.0));
    assert_eq!(plan.unplanned[0].strict_lost.len(), 4);
}

/// A chain so deep that a recursive walk would overflow the stack, and the load multiplier the number range.
#[test]
fn a_chain_of_five_thousand_is_planned() {
    let names = ids(5000);
    let edges: Vec<PlanEdge> = (1..5000)
        .map(|n| edge(&names[n - 1], &names[n], 1.0))
        .chain([edge(&names[4999], &names[0], 0.5)])
        .collect();
    let plan = plan(&graph(&names, edges), &PlanOptions::default(), None).unwrap();
    assert_eq!(plan.summary.planned, 5000);
    let mut loads = plan.waves.iter().flat_map(|wave| &wave.services);
    assert!(loads.all(|service| service.amplification.worst_path <= 1e9));
}

/// Property 14: without a permissive mode thirty services that all depend on each other join in one wave, and the plan says why it is
/// that large.
#[test]
fn a_circle_joins_as_one_where_the_mesh_is_strict_only() {
    let names = ids(30);
    let edges = (0..30)
        .map(|n| edge(&names[n], &names[(n + 1) % 30], 3.0))
        .collect();
    let input = graph(&names, edges);
    let options = PlanOptions {
        mesh_mode: MeshMode::StrictOnly,
        ..quick()
    };
    let plan = plan(&input, &options, None).unwrap();
    assert_eq!(check(&input, &plan), []);
    let full = plan.waves.iter().find(|wave| !wave.services.is_empty());
    let full = full.unwrap();
    assert_eq!(full.services.len(), 30);
    let because = ExceptionCause::InOnePiece { services: names };
    let limit = LimitName::Size;
    assert!(full.exceptions.contains(&Exception { limit, because }));
}

fn shapes() -> Vec<PlanInput> {
    let names = ids(8);
    let all = |keep: &dyn Fn(usize, usize) -> bool| {
        let pairs = (0..8).flat_map(|a| (0..8).map(move |b| (a, b)));
        let kept = pairs.filter(|(a, b)| keep(*a, *b));
        let edges = kept.map(|(a, b)| edge(&names[a], &names[b], 1.0 + (a + b) as f64));
        graph(&names, edges.collect())
    };
    let mut zero = all(&|a, b| b == a + 1);
    for edge in &mut zero.edges {
        edge.rate = 0.0;
    }
    let mut without_hub = all(&|a, b| (a == 0) != (b == 0));
    without_hub.services.get_mut(&names[0]).unwrap().status = Status::Excluded;
    let mut in_already = all(&|a, b| b == (a + 1) % 8);
    for service in in_already.services.values_mut() {
        service.status = Status::Done;
    }
    vec![
        PlanInput::default(),
        graph(&names[..1], vec![]),
        graph(&names, vec![]),
        all(&|a, b| a == b),
        all(&|a, b| a == 0 && b > 0),
        all(&|a, b| a > 0 && b == 0),
        all(&|a, b| a != b),
        all(&|a, b| b == (a + 1) % 8),
        all(&|a, b| a / 4 == b / 4 && a < b),
        zero,
        without_hub,
        in_already,
    ]
}

/// Nothing, one service, no edge, self-calls, stars, a clique, a ring, two parts, no traffic, an excluded hub, all in already: under
/// every goal and order, with one wave in flight and with two.
#[test]
fn every_shape_is_planned_under_every_goal_and_order() {
    let goals = [Goal::Balanced, Goal::StrictMtls, Goal::RiskAverse];
    let orders = [Order::Soft, Order::CalleeFirst, Order::CallerFirst];
    for (number, input) in shapes().into_iter().enumerate() {
        for (goal, order) in goals.into_iter().zip(orders) {
            for (mesh_mode, after) in [(MeshMode::Permissive, 2), (MeshMode::StrictOnly, 1)] {
                let options = PlanOptions {
                    goal,
                    order,
                    mesh_mode,
                    in_flight: InFlight { ramp: 1, after },
                    ..quick()
                };
                let plan = plan(&input, &options, None).unwrap();
                assert_eq!(check(&input, &plan), [], "{number} {goal:?} {mesh_mode:?}");
            }
        }
    }
}
