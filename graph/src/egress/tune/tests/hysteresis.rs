//! What moves little changes nothing; what is not seen any more stays.

use proptest::prelude::*;

use super::*;
use crate::egress::{DestinationState, Phase, SettingName as Name, SettingSource};

/// More of the same traffic.
fn busier(mut snapshot: GraphSnapshot, factor: f64) -> GraphSnapshot {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "counts of an example"
    )]
    let more = |count: &mut u64| *count = (*count as f64 * factor).round() as u64;
    for edge in &mut snapshot.edges {
        for count in [&mut edge.calls, &mut edge.attempts, &mut edge.retries] {
            more(count);
        }
        edge.errors.values_mut().for_each(more);
        edge.facts.methods.values_mut().for_each(more);
        let sockets = edge
            .targets
            .iter_mut()
            .flat_map(|target| target.sockets.values_mut());
        sockets.for_each(more);
        if let Some(client) = &mut edge.latency.client {
            more(&mut client.count);
        }
        if let Some(demand) = &mut edge.facts.demand {
            more(&mut demand.calls);
            demand.calls_per_second *= factor;
            demand.calls_per_second_of_one *= factor;
            demand.concurrency_of_one *= factor;
        }
    }
    for inbound in snapshot
        .nodes
        .iter_mut()
        .filter_map(|node| node.inbound.as_mut())
    {
        more(&mut inbound.calls);
        inbound.calls_per_second *= factor;
        inbound.calls_per_second_of_one *= factor;
        inbound.concurrency_of_one *= factor;
    }
    snapshot
}

/// The example with loads, latencies and errors of any size.
fn any_example() -> impl Strategy<Value = GraphSnapshot> {
    let shape = (
        0.01_f64..1e4,
        0.01_f64..1e4,
        0.1_f64..9_000.0,
        0.0_f64..0.6,
        2_u8..12,
    );
    shape.prop_map(|(rate, concurrency, p999, faults, hosts)| {
        let mut snapshot = example();
        for edge in &mut snapshot.edges {
            let demand = edge.facts.demand.as_mut().unwrap();
            demand.calls_per_second = rate * 3.0;
            demand.calls_per_second_of_one = rate;
            demand.concurrency_of_one = concurrency;
            demand.callee_instances = f64::from(hosts);
            demand.slowest_ok_ms = Some(p999 * 1.7);
            edge.latency.client.as_mut().unwrap().p999_ms = p999;
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "a share"
            )]
            let faults = (edge.attempts as f64 * faults) as u64;
            edge.errors = counts(&[("500", faults)]);
        }
        for inbound in snapshot
            .nodes
            .iter_mut()
            .filter_map(|node| node.inbound.as_mut())
        {
            inbound.calls_per_second_of_one = rate;
        }
        snapshot
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_tenth_more_or_less_traffic_gives_the_same_bytes(snapshot in any_example(), factor in 0.9_f64..1.1) {
        let first = model(&snapshot, &tuned());
        let options = with_previous(&first);
        prop_assert_eq!(json(&model(&snapshot, &options)), json(&first));
        let moved = model(&busier(snapshot, factor), &options);
        prop_assert_eq!(json(&moved), json(&first));
        // And again from there.
        let again = model(&busier(example(), factor), &with_previous(&moved));
        prop_assert_eq!(json(&model(&busier(example(), factor), &with_previous(&again))), json(&again));
    }
}

#[test]
fn a_limit_that_moves_far_changes_and_one_that_stays_is_told_in_the_evidence() {
    let base = busier(example(), 10.0);
    let first = model(&base, &tuned());
    let limit = |model: &EgressModel| to(model, FRONTEND, CART).tuning.number(Name::MaxRequests);
    assert_eq!(limit(&first), Some(150));
    let near = model(&busier(base.clone(), 1.19), &with_previous(&first));
    assert_eq!(limit(&near), Some(150));
    let facts = &near.evidence.services[FRONTEND].destinations[CART].facts;
    assert_eq!(facts.get("computed_max_requests"), Some(&180.0));
    let far = model(&busier(base, 1.3), &with_previous(&first));
    assert_eq!(limit(&far), Some(200));
}

#[test]
fn both_tries_fit_into_the_time_of_a_call_whatever_stays() {
    for p999 in [60.0, 79.0, 81.0, 95.0, 97.0, 120.0, 400.0] {
        let first = model(&example(), &tuned());
        let slower = changed(|edge| edge.latency.client.as_mut().unwrap().p999_ms = p999);
        let tuning = cart(&slower, &with_previous(&first));
        let [route, per_try] =
            [Name::RouteTimeout, Name::PerTryTimeout].map(|name| tuning.number(name).unwrap());
        assert!(route >= 2 * per_try + 50, "{p999}: {route} {per_try}");
    }
}

/// Found by the property above: a hazard that only a rate tells flapped at its threshold.
#[test]
fn a_hazard_that_a_rate_tells_does_not_flap() {
    let with =
        |calls: f64| changed(|edge| edge.facts.demand.as_mut().unwrap().concurrency_of_one = calls);
    let told = |model: &EgressModel| {
        let frontend = model.services.iter().find(|s| s.id == FRONTEND).unwrap();
        let mut hazards = frontend.hazards.iter();
        hazards.any(|note| note.hazard == crate::hazards::HazardKind::DefaultLimits)
    };
    let (below, above) = (model(&with(99.0), &tuned()), model(&with(101.0), &tuned()));
    assert_eq!((told(&below), told(&above)), (false, true));
    let after =
        |previous: &EgressModel, calls| told(&model(&with(calls), &with_previous(previous)));
    assert!(!after(&below, 119.0) && after(&below, 121.0));
    assert!(after(&above, 81.0) && !after(&above, 79.0));
}

#[test]
fn a_threshold_does_not_flap() {
    let first = model(&example(), &tuned());
    let fewer = changed(|edge| edge.attempts = 8_500);
    assert_eq!(cart(&fewer, &tuned()).phase, Phase::Transparent);
    assert_eq!(cart(&fewer, &with_previous(&first)).phase, Phase::Tuned);
    let few = changed(|edge| edge.attempts = 7_000);
    assert_eq!(cart(&few, &with_previous(&first)).phase, Phase::Transparent);
}

#[test]
fn what_is_not_seen_any_more_keeps_its_settings() {
    let first = model(&example(), &tuned());
    let mut snapshot = example();
    snapshot.edges.retain(|edge| edge.callee != CART);
    let mut quiet = first.clone();
    let services = &mut quiet.services;
    let frontend = services
        .iter_mut()
        .find(|service| service.id == FRONTEND)
        .unwrap();
    for destination in &mut frontend.destinations {
        destination.state = DestinationState::Quiet;
    }
    let options = with_previous(&first);
    super::super::tune(&mut quiet, &snapshot, &options);
    let tuning = &to(&quiet, FRONTEND, CART).tuning;
    assert_eq!(tuning.number(Name::RouteTimeout), Some(370));
    assert_eq!(
        tuning.settings[&Name::RouteTimeout].source,
        SettingSource::Kept
    );
    let options = EgressOptions {
        phase: Phase::Transparent,
        ..options
    };
    super::super::tune(&mut quiet, &snapshot, &options);
    let tuning = &to(&quiet, FRONTEND, CART).tuning;
    assert_eq!(
        (tuning.phase, tuning.number(Name::RouteTimeout)),
        (Phase::Transparent, Some(0))
    );
}

/// Where the policy stops giving a value, the facts decide, and not what it gave.
#[test]
fn a_value_that_the_policy_no_longer_gives_is_not_kept() {
    let mut options = tuned();
    options
        .policy
        .defaults
        .settings
        .insert(Name::MaxRequests, crate::egress::SettingValue::Number(36));
    let first = model(&example(), &options);
    assert_eq!(
        cart(&example(), &with_previous(&first)).number(Name::MaxRequests),
        Some(32)
    );
}
