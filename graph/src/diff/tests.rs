use super::*;
use crate::snapshot::testing::{edge, snapshot, target};
use crate::snapshot::{Edge, EdgeSampling, GraphSnapshot, LatencySummary, Relation};

mod laws;
mod noise;

const HOUR: f64 = 3600.0;

/// Ten edges that stay as they are, so that the common spread is that of counting.
fn steady() -> Vec<Edge> {
    let callee = |index: u64| format!("service/steady-{index}");
    (0..10)
        .map(|index| edge("service/web", &callee(index), 10_000 + index))
        .collect()
}

fn graph(edges: Vec<Edge>) -> GraphSnapshot {
    let mut all = steady();
    all.extend(edges);
    snapshot(Vec::new(), all)
}

fn hourly(before: &GraphSnapshot, after: &GraphSnapshot) -> Difference {
    over(before, HOUR, after, HOUR)
}

fn over(before: &GraphSnapshot, old: f64, after: &GraphSnapshot, new: f64) -> Difference {
    let side = |snapshot, seconds| Side {
        snapshot,
        seconds: Some(seconds),
    };
    compare(side(before, old), side(after, new), Options::default())
}

fn cart(calls: u64) -> Edge {
    edge("service/web", "service/cart", calls)
}

/// What is told about the one edge that differs.
#[track_caller]
fn only(difference: &Difference) -> &EdgeChange {
    assert_eq!(difference.edges.len(), 1, "{:#?}", difference.edges);
    &difference.edges[0]
}

/// What changed from one cart edge to another.
fn told(before: Edge, after: Edge) -> Vec<What> {
    let difference = hourly(&graph(vec![before]), &graph(vec![after]));
    assert_eq!(difference.differ, !difference.edges.is_empty());
    let edges = difference.edges.iter();
    edges
        .flat_map(|edge| edge.details.iter().map(|detail| detail.what))
        .collect()
}

#[test]
fn a_new_destination_is_certain_when_it_was_called_often_and_not_when_rarely() {
    let difference = hourly(&graph(vec![]), &graph(vec![cart(40)]));
    let found = only(&difference);
    assert_eq!((found.change, found.certain), (Change::Added, true));
    assert_eq!(found.egress, [EgressEffect::NewDestination]);
    assert!(difference.differ);
    let node = &difference.nodes[0];
    assert_eq!(
        (node.id.as_str(), node.presence, node.certain),
        ("service/cart", Presence::Added, true)
    );

    let difference = hourly(&graph(vec![]), &graph(vec![cart(3)]));
    let found = only(&difference);
    // Two sides of the chance that three calls all fall into one of two hours.
    assert_eq!((found.certain, found.p_value), (false, Some(0.25)));
    assert!(!difference.differ);
}

/// 40 calls in an hour are 0.4 in the minute and a half before it: nothing says that they are new.
#[test]
fn what_a_short_window_missed_is_not_certainly_new() {
    let (before, after) = (graph(vec![]), graph(vec![cart(40)]));
    let difference = over(&before, 36.0, &after, HOUR);
    let cart = difference
        .edges
        .iter()
        .find(|edge| edge.callee.ends_with("cart"));
    assert!(!cart.expect("it is told all the same").certain);
}

/// One request that makes 40 calls is one event.
#[test]
fn calls_of_one_request_are_not_independent() {
    let mut burst = cart(40);
    burst.facts.caller_requests = Some(1);
    let difference = hourly(&graph(vec![burst]), &graph(vec![]));
    let found = only(&difference);
    assert_eq!((found.change, found.certain), (Change::Gone, false));
    assert_eq!(found.egress, [EgressEffect::UnusedDestination]);
}

/// Before, the caller's spans were sampled at 1 %: of 40 calls, 0.4 would have been seen.
#[test]
fn what_sampling_hid_is_not_certainly_new() {
    let mut before = graph(vec![]);
    for edge in &mut before.edges {
        edge.weighted_calls = 100.0 * edge.calls as f64;
    }
    let mut after = graph(vec![cart(40)]);
    for edge in &mut after.edges {
        if edge.callee.contains("steady") {
            edge.calls *= 100;
        }
    }
    let difference = hourly(&before, &after);
    let found = only(&difference);
    assert_eq!((found.change, found.certain), (Change::Added, false));
}

#[test]
fn volumes_are_rates_and_errors_shares() {
    assert_eq!(told(cart(1000), cart(2000)), [What::Volume]);
    assert_eq!(told(cart(1000), cart(1100)), []);
    let difference = over(
        &graph(vec![cart(1000)]),
        HOUR,
        &graph(vec![cart(1000)]),
        2.0 * HOUR,
    );
    assert!(difference.traffic.changed, "all are half as many");
    assert_eq!(difference.traffic.typical_ratio, Some(0.5));
    assert_eq!(difference.edges, [], "cart did as all did");

    let failing = |failed| Edge {
        failed,
        ..cart(1000)
    };
    assert_eq!(told(failing(10), failing(40)), [What::ErrorRate]);
    assert_eq!(told(failing(10), failing(14)), []);
    assert_eq!(
        told(failing(0), failing(3)),
        [],
        "three of a thousand happen"
    );
    assert_eq!(told(failing(500), failing(750)), [What::ErrorRate]);
    let few = |failed| Edge { failed, ..cart(20) };
    assert_eq!(
        told(few(0), few(20)),
        [],
        "fewer than 30 calls are not judged"
    );
}

fn slow(p50_ms: f64, p99_ms: f64, count: u64) -> Edge {
    let mut edge = cart(count);
    edge.latency.client = Some(LatencySummary {
        count,
        p50_ms,
        p99_ms,
        p999_ms: p99_ms * 1.5,
        max_ms: p99_ms * 2.0,
    });
    edge
}

#[test]
fn latencies_need_calls_beyond_the_percentile_and_a_difference_that_matters() {
    let (calm, late) = (slow(10.0, 50.0, 5000), slow(10.0, 150.0, 5000));
    assert_eq!(told(calm.clone(), late), [What::ClientP99]);
    let both = slow(30.0, 150.0, 5000);
    assert_eq!(told(calm.clone(), both), [What::ClientP50, What::ClientP99]);
    assert_eq!(told(calm, slow(10.5, 53.0, 5000)), []);
    assert_eq!(told(slow(10.0, 50.0, 500), slow(10.0, 150.0, 500)), []);
    assert_eq!(
        told(slow(0.1, 0.3, 5000), slow(0.2, 0.6, 5000)),
        [],
        "fractions of a millisecond"
    );
    let broken = slow(-1.0, f64::INFINITY, 5000);
    assert_eq!(told(broken, slow(10.0, 50.0, 5000)), []);
}

#[test]
fn addresses_protocols_and_evidence_that_come_or_go_are_told_with_their_meaning() {
    let mut moved = cart(1000);
    moved.targets = vec![target("new.shop")];
    moved.targets[0].calls = 1000;
    moved.protocols.insert("grpc".to_owned(), 1000);
    moved.evidence.address = std::mem::take(&mut moved.evidence.paired);
    let mut old = cart(1000);
    old.targets[0].calls = 1000;
    let difference = hourly(&graph(vec![old]), &graph(vec![moved]));
    let found = only(&difference);
    assert!(found.certain);
    let told: Vec<_> = found
        .details
        .iter()
        .map(|detail| {
            (
                detail.what,
                detail.presence.unwrap(),
                detail.value.as_deref().unwrap(),
            )
        })
        .collect();
    use Presence::{Added, Gone};
    assert_eq!(
        told,
        [
            (What::Target, Added, "http://new.shop:80"),
            (What::Target, Gone, "http://host.shop:80"),
            (What::Protocol, Added, "grpc"),
            (What::Evidence, Added, "address"),
            (What::Evidence, Gone, "paired"),
        ]
    );
    use EgressEffect::{NewAddress, OtherProtocol, UnusedAddress};
    assert_eq!(found.egress, [NewAddress, UnusedAddress, OtherProtocol]);
}

/// One call in a thousand went elsewhere: the other hour may have had none.
#[test]
fn a_rare_address_is_told_as_uncertain_and_makes_no_difference() {
    let mut after = cart(1000);
    after.targets[0].calls = 999;
    after.targets.push(target("rare.shop"));
    let mut before = cart(1000);
    before.targets[0].calls = 1000;
    let difference = hourly(&graph(vec![before.clone()]), &graph(vec![after.clone()]));
    let found = only(&difference);
    assert!(!found.certain && !found.details[0].certain && !difference.differ);
    // A capped list proves no absence, however often the address was dialled.
    before.targets.push(target("other"));
    before.targets[1].scheme.clear();
    before.targets[1].port = None;
    after.targets[1].calls = 900;
    let difference = hourly(&graph(vec![before]), &graph(vec![after]));
    assert!(!only(&difference).details[0].certain);
}

#[test]
fn the_same_address_under_another_name_is_a_renamed_destination() {
    let before = graph(vec![edge("service/web", "external/host.shop:80", 500)]);
    let after = graph(vec![cart(500)]);
    let difference = hourly(&before, &after);
    let told: Vec<_> = difference
        .edges
        .iter()
        .map(|edge| {
            (
                edge.change,
                edge.same_address_as.as_deref(),
                edge.egress.as_slice(),
            )
        })
        .collect();
    let effect = [EgressEffect::RenamedDestination];
    assert_eq!(
        told,
        [
            (Change::Added, Some("external/host.shop:80"), &effect[..]),
            (Change::Gone, Some("service/cart"), &effect[..]),
        ]
    );
}

#[test]
fn flows_of_messages_mean_nothing_to_egress() {
    let flow = Edge {
        relation: Relation::Async,
        ..cart(500)
    };
    let difference = hourly(&graph(vec![]), &graph(vec![flow]));
    assert_eq!(only(&difference).egress, []);
}

/// Each of 20 observed calls stands for 100: without the error of the estimate, 2000 against 4000 would be certain.
#[test]
fn the_error_of_sampled_volumes_counts() {
    let sampled = |calls: u64| {
        let mut edge = cart(calls);
        edge.weighted_calls = 100.0 * calls as f64;
        edge.facts.sampling = Some(EdgeSampling {
            standard_error: Some((calls as f64 * 100.0 * 99.0).sqrt()),
            ..EdgeSampling::default()
        });
        edge
    };
    assert_eq!(told(sampled(20), sampled(40)), []);
    assert_eq!(told(sampled(200), sampled(400)), [What::Volume]);
}

#[test]
fn graphs_without_windows_are_compared_by_shares_of_their_calls() {
    let (before, after) = (graph(vec![cart(5000)]), graph(vec![cart(20_000)]));
    let difference = compare(Side::of(&before), Side::of(&after), Options::default());
    assert_eq!(difference.noise.rates_per, RatesPer::Call);
    assert_eq!(difference.traffic.ratio, None);
    assert_eq!(only(&difference).details[0].what, What::Volume);
    let empty = snapshot(Vec::new(), Vec::new());
    let difference = compare(Side::of(&empty), Side::of(&after), Options::default());
    assert_eq!(difference.edges.len(), 11);
    let nothing = compare(Side::of(&empty), Side::of(&empty), Options::default());
    assert!(!nothing.differ && nothing.noise.tests == 0);
}
