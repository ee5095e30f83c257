//! What holds for any two graphs.

use proptest::prelude::*;

use super::*;

fn any_latency() -> impl Strategy<Value = Option<LatencySummary>> {
    let number = prop_oneof![Just(0.0), 0.001..1e6, Just(f64::MAX), Just(-3.0)];
    let summary = (any::<u64>(), number.clone(), number.clone(), number);
    proptest::option::of(
        summary.prop_map(|(count, p50_ms, p99_ms, p999_ms)| LatencySummary {
            count,
            p50_ms,
            p99_ms,
            p999_ms,
            max_ms: p999_ms,
        }),
    )
}

fn any_count() -> impl Strategy<Value = u64> {
    prop_oneof![0_u64..50, 0_u64..1_000_000, any::<u64>()]
}

prop_compose! {
    fn any_edge()(
        ends in (0..4_u8, 0..4_u8),
        relation in prop_oneof![Just(Relation::Sync), Just(Relation::Async)],
        calls in any_count(),
        failed in any_count(),
        weight in prop_oneof![Just(0.0), Just(f64::INFINITY), 1.0..1e9],
        units in proptest::option::of(any_count()),
        hosts in proptest::collection::vec(0..4_u8, 0..3),
        client in any_latency(),
        error in proptest::option::of(0.0..1e9),
    ) -> Edge {
        let name = |index: u8| format!("service/s{index}");
        let mut edge = edge(&name(ends.0), &name(ends.1), calls);
        edge.relation = relation;
        edge.failed = failed;
        edge.weighted_calls = weight * calls as f64;
        edge.targets = hosts.iter().map(|host| target(&format!("h{host}"))).collect();
        edge.facts.caller_requests = units;
        edge.facts.sampling = error.map(|error| EdgeSampling {
            standard_error: Some(error),
            ..EdgeSampling::default()
        });
        edge.latency.client = client;
        edge
    }
}

fn any_graph() -> impl Strategy<Value = GraphSnapshot> {
    proptest::collection::vec(any_edge(), 0..24).prop_map(|mut edges| {
        edges.sort_by(|a, b| {
            (&a.caller, &a.callee, a.relation).cmp(&(&b.caller, &b.callee, b.relation))
        });
        edges.dedup_by(|a, b| {
            (&a.caller, &a.callee, a.relation) == (&b.caller, &b.callee, b.relation)
        });
        snapshot(Vec::new(), edges)
    })
}

fn any_seconds() -> impl Strategy<Value = Option<f64>> {
    proptest::option::of(prop_oneof![0.001..1e7, Just(0.0), Just(f64::NAN)])
}

fn swapped(presence: Presence) -> Presence {
    match presence {
        Presence::Added => Presence::Gone,
        Presence::Gone => Presence::Added,
    }
}

/// What must be the same in both directions, in one order.
fn essence(difference: &Difference, is_swapped: bool) -> Vec<String> {
    let turn = |presence| match is_swapped {
        true => swapped(presence),
        false => presence,
    };
    let change = |change: Change| match change {
        Change::Added => Some(turn(Presence::Added)),
        Change::Gone => Some(turn(Presence::Gone)),
        Change::Changed => None,
    };
    let nodes = difference.nodes.iter().map(|node| {
        format!(
            "{} {:?} {} {}",
            node.id,
            turn(node.presence),
            node.certain,
            node.calls
        )
    });
    let edges = difference.edges.iter().map(|edge| {
        let mut details: Vec<String> = edge
            .details
            .iter()
            .map(|detail| {
                let ends = match is_swapped {
                    true => (detail.after, detail.before),
                    false => (detail.before, detail.after),
                };
                let presence = detail.presence.map(turn);
                format!(
                    "{:?} {:?} {presence:?} {ends:?} {}",
                    detail.what, detail.value, detail.certain
                )
            })
            .collect();
        details.sort();
        let same = &edge.same_address_as;
        let ends = (&edge.caller, &edge.callee, edge.relation);
        format!(
            "{ends:?} {:?} {} {same:?} {details:?}",
            change(edge.change),
            edge.certain
        )
    });
    let mut all: Vec<String> = nodes.chain(edges).collect();
    all.sort();
    all
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_graph_does_not_differ_from_itself(graph in any_graph(), seconds in any_seconds()) {
        let side = Side { snapshot: &graph, seconds };
        let difference = compare(side, side, Options::default());
        prop_assert!(!difference.differ);
        prop_assert_eq!(difference.nodes, []);
        prop_assert_eq!(difference.edges, []);
    }

    #[test]
    fn swapping_the_sides_mirrors_the_difference(
        (before, after) in (any_graph(), any_graph()),
        (old, new) in (any_seconds(), any_seconds()),
    ) {
        let before = Side { snapshot: &before, seconds: old };
        let after = Side { snapshot: &after, seconds: new };
        let there = compare(before, after, Options::default());
        let back = compare(after, before, Options::default());
        prop_assert_eq!(there.differ, back.differ);
        prop_assert_eq!(essence(&there, false), essence(&back, true));
    }

    /// Every number can be written as JSON, where there is no infinity.
    #[test]
    fn all_numbers_are_finite(
        (before, after) in (any_graph(), any_graph()),
        (old, new) in (any_seconds(), any_seconds()),
    ) {
        let before = Side { snapshot: &before, seconds: old };
        let after = Side { snapshot: &after, seconds: new };
        let found = compare(before, after, Options::default());
        for detail in found.edges.iter().flat_map(|edge| &edge.details) {
            let numbers = [detail.before, detail.after, detail.p_value, detail.ratio.unwrap_or(1.0)];
            prop_assert!(numbers.iter().all(|number| number.is_finite()), "{detail:?}");
        }
        let p_values = found.nodes.iter().map(|node| node.p_value);
        let mut p_values = p_values.chain(found.edges.iter().filter_map(|edge| edge.p_value));
        prop_assert!(p_values.all(|p| (0.0..=1.0).contains(&p)));
    }
}
