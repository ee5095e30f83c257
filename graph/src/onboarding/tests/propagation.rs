//! Amplification, criticality and cycle cutting against plain definitions.

use super::super::{dag::Dag, load, model::Model};
use super::*;

/// Random acyclic graph: every edge goes from a smaller to a larger number.
fn any_dag() -> impl Strategy<Value = PlanInput> {
    let entries = proptest::collection::vec(0.0..50.0f64, 2..9);
    let edges =
        proptest::collection::vec((0..9usize, 0..9usize, 0.1..100.0f64, 1.0..4.0f64), 0..20);
    (entries, edges).prop_map(|(entries, edges)| {
        let names = ids(entries.len());
        let mut input = graph(&names, vec![]);
        for (service, entry) in input.services.values_mut().zip(&entries) {
            service.entry_rate = *entry;
        }
        for (caller, callee, rate, attempts) in edges {
            if caller < callee && callee < names.len() {
                input.edges.push(PlanEdge {
                    attempts: Some(attempts),
                    ..edge(&names[caller], &names[callee], rate)
                });
            }
        }
        input
    })
}

/// The mean over all paths into `service` of the product of their attempts, each path weighted by its share of the traffic.
fn over_all_paths(model: &Model, service: usize) -> f64 {
    let base = model.in_rate[service];
    if base == 0.0 {
        return 1.0;
    }
    let arcs = model.incoming[service]
        .iter()
        .map(|number| &model.arcs[*number]);
    let through: f64 = arcs
        .map(|arc| {
            let attempts = arc.calls.attempts.unwrap_or(3.0);
            arc.calls.rate / base * attempts * over_all_paths(model, arc.caller)
        })
        .sum();
    model.origin[service] / base + through
}

fn loads(input: &PlanInput) -> Vec<f64> {
    let model = Model::new(input);
    let dag = Dag::new(&model);
    let loads = load::amplification(&model, &dag, 3.0);
    loads.into_iter().map(|load| load.mean).collect()
}

proptest! {
    #[test]
    fn amplification_equals_the_enumeration_of_paths(input in any_dag()) {
        let model = Model::new(&input);
        for (service, load) in loads(&input).into_iter().enumerate() {
            let expected = over_all_paths(&model, service);
            prop_assert!((load - expected).abs() <= 1e-9 * expected, "{load} {expected}");
            prop_assert!(load >= 1.0);
        }
    }

    #[test]
    fn more_attempts_never_lower_the_amplification(input in any_dag(), edge in any::<proptest::sample::Index>()) {
        let before = loads(&input);
        let mut more = input.clone();
        if !more.edges.is_empty() {
            let edge = edge.index(more.edges.len());
            more.edges[edge].attempts = Some(5.0);
        }
        for (before, after) in before.into_iter().zip(loads(&more)) {
            prop_assert!(after >= before - 1e-9 * before);
        }
    }

    #[test]
    fn what_is_left_after_cutting_has_no_cycle(input in any_input()) {
        let model = Model::new(&input);
        let dag = Dag::new(&model);
        let mut rank = vec![0; model.ids.len()];
        for (position, service) in dag.order.iter().enumerate() {
            rank[*service] = position;
        }
        for (number, arc) in model.arcs.iter().enumerate() {
            if dag.kept[number] {
                prop_assert!(rank[arc.caller] < rank[arc.callee]);
            } else {
                prop_assert!(arc.caller == arc.callee || dag.cut.contains(&number));
                // Every cut arc closes a cycle of the whole graph.
                prop_assert!(reaches(&model, arc.callee, arc.caller));
            }
        }
    }

    #[test]
    fn an_acyclic_graph_loses_nothing(input in any_dag()) {
        let dag = Dag::new(&Model::new(&input));
        prop_assert!(dag.cut.is_empty() && dag.kept.iter().all(|kept| *kept));
    }

    #[test]
    fn criticality_is_a_share(input in any_input()) {
        let model = Model::new(&input);
        let dag = Dag::new(&model);
        prop_assert!(load::criticality(&model, &dag).iter().all(|p| (0.0..=1.0).contains(p)));
    }

    #[test]
    fn exposure_sums_to_one_or_nothing(input in any_input()) {
        let model = Model::new(&input);
        let dag = Dag::new(&model);
        let loads = load::amplification(&model, &dag, 3.0);
        let sum: f64 = load::exposure(&model, &loads).iter().sum();
        prop_assert!(sum == 0.0 || (sum - 1.0).abs() < 1e-9);
    }
}

fn reaches(model: &Model, from: usize, to: usize) -> bool {
    let mut seen = vec![false; model.ids.len()];
    let mut open = vec![from];
    while let Some(service) = open.pop() {
        if service == to {
            return true;
        }
        if !std::mem::replace(&mut seen[service], true) {
            open.extend(
                model.outgoing[service]
                    .iter()
                    .map(|arc| model.arcs[*arc].callee),
            );
        }
    }
    false
}

/// A calls B on every request and C on a tenth of them; C calls D always.
#[test]
fn criticality_follows_the_hit_ratio() {
    let names = ids(4);
    let mut input = graph(
        &names,
        vec![
            edge(&names[0], &names[1], 500.0),
            edge(&names[0], &names[2], 10.0),
            edge(&names[2], &names[3], 10.0),
        ],
    );
    input.services.get_mut(&names[0]).unwrap().entry_rate = 100.0;
    let model = Model::new(&input);
    let dag = Dag::new(&model);
    let near = |estimate: &[f64], expected: [f64; 4]| {
        for (estimate, expected) in estimate.iter().zip(expected) {
            assert!((estimate - expected).abs() < 1e-12, "{estimate} {expected}");
        }
    };
    near(&load::criticality(&model, &dag), [1.0, 1.0, 0.1, 0.1]);
    input.edges[0].hit_ratio = Some(0.4);
    let model = Model::new(&input);
    near(&load::criticality(&model, &dag), [1.0, 0.4, 0.1, 0.1]);
}

/// Nobody calls a scheduled job, yet what it calls depends on it.
#[test]
fn a_service_that_nobody_calls_is_a_root() {
    let names = ids(2);
    let model = Model::new(&graph(&names, vec![edge(&names[0], &names[1], 10.0)]));
    let dag = Dag::new(&model);
    assert_eq!(load::criticality(&model, &dag), [1.0, 1.0]);
}
