use std::collections::BTreeSet;

use super::*;

fn ends(graph: &PlanGraph) -> BTreeSet<(usize, usize)> {
    graph
        .calls
        .iter()
        .map(|call| (call.caller, call.callee))
        .collect()
}

#[test]
fn a_large_company_has_the_shape_that_was_asked_for() {
    for seed in 1..6 {
        let graph = power_law(seed, 1000, 2750);
        assert_eq!(graph.services.len(), 1000);
        assert!(
            (2750..2780).contains(&graph.calls.len()),
            "{}",
            graph.calls.len()
        );
        let fan_in = graph.largest_fan_in();
        assert!((100..=250).contains(&fan_in), "{fan_in}");
        let teams: BTreeSet<&str> = graph.services.iter().map(|s| s.team.as_str()).collect();
        assert!((50..=63).contains(&teams.len()), "{}", teams.len());
        let ends = ends(&graph);
        let pairs = ends
            .iter()
            .filter(|(a, b)| a < b && ends.contains(&(*b, *a)));
        assert_eq!(pairs.count(), 12);
        assert!(
            graph
                .calls
                .iter()
                .all(|call| call.rate.is_finite() && call.rate >= 0.0)
        );
    }
}

#[test]
fn a_ticket_shop_has_no_cycle_and_reaches_everybody() {
    for seed in 0..50 {
        let graph = ticket_shop(seed);
        assert_eq!((graph.services.len(), graph.calls.len()), (28, 55));
        for call in &graph.calls {
            let ids = [call.caller, call.callee].map(|end| &graph.services[end].id);
            assert!(call.caller < call.callee && call.rate > 0.0, "{ids:?}");
        }
        let called: BTreeSet<usize> = graph.calls.iter().map(|call| call.callee).collect();
        assert_eq!(called.len(), 27);
    }
}

#[test]
fn graphs_follow_from_their_seed_bit_by_bit() {
    let sum = |graph: &PlanGraph| {
        let bits = graph.calls.iter().map(|call| call.rate.to_bits());
        crate::random::mix(&bits.collect::<Vec<u64>>())
    };
    let graphs = [power_law(7, 300, 825), ticket_shop(7), small(7, 9)];
    assert_eq!(
        graphs.each_ref().map(sum),
        [
            11_777_139_851_495_096_781,
            5_583_526_718_733_065_072,
            15_176_298_263_052_395_192
        ]
    );
}

#[test]
fn the_least_cut_of_a_ring_is_its_lightest_call() {
    let ring = Circle::new(3, 8, 0, Weighing::Pareto);
    let rates = ring.graph.calls.iter().map(|call| call.rate);
    let lightest = rates.fold(f64::INFINITY, f64::min);
    assert_eq!(ring.least_cut(), lightest);
}
