//! What is missing is said, and nothing is set without it.

use super::*;
use crate::egress::{Phase, SettingName as Name, SettingSource, TargetMatch};
use crate::inventory::{Addressing, Endpoint};
use crate::policy::Thresholds;
use crate::snapshot::Demand;

fn demand(edge: &mut Edge) -> &mut Demand {
    edge.facts.demand.as_mut().unwrap()
}

fn is_untouched(tuning: &Tuning) -> bool {
    let mut settings = tuning.settings.values();
    tuning.phase == Phase::Transparent
        && settings.all(|setting| setting.source == SettingSource::Constant)
        && tuning.number(Name::RouteTimeout) == Some(0)
        && tuning.number(Name::MaxRequests) == Some(1_000_000)
        && tuning.number(Name::SafeRetries).is_none()
}

#[test]
fn too_little_evidence_leaves_the_transparent_phase_and_says_what_is_missing() {
    type Change = fn(&mut Edge);
    let cases: [(Change, &str); 6] = [
        (|edge| edge.attempts = 9_999, "too few calls were seen"),
        (
            |edge| demand(edge).active_days = 13,
            "calls were seen on too few days",
        ),
        (
            |edge| demand(edge).callee_was_replaced = false,
            "no deploy of the callee",
        ),
        (
            |edge| edge.facts.demand = None,
            "the days with calls are unknown",
        ),
        (
            |edge| demand(edge).calls = edge.calls / 3,
            "the days with calls are unknown",
        ),
        (
            |edge| {
                edge.attempts = 3;
                demand(edge).active_days = 1;
            },
            "too few calls were seen; calls were seen on too few days",
        ),
    ];
    for (change, missing) in cases {
        let tuning = cart(&changed(change), &tuned());
        assert!(is_untouched(&tuning), "{missing}: {tuning:#?}");
        for feature in [
            Feature::Timeouts,
            Feature::Retries,
            Feature::CircuitBreakers,
            Feature::OutlierDetection,
            Feature::LeastRequest,
        ] {
            let reasons = why(&tuning, feature);
            assert!(reasons[0].starts_with(missing), "{feature:?}: {reasons:?}");
        }
    }
}

#[test]
fn two_versions_are_a_deploy_too() {
    let mut snapshot = changed(|edge| demand(edge).callee_was_replaced = false);
    let mut nodes = snapshot.nodes.iter_mut();
    let node = nodes.find(|node| node.id == CART).unwrap();
    node.facets
        .insert("version".to_owned(), counts(&[("1", 5), ("2", 5)]));
    assert_eq!(cart(&snapshot, &tuned()).phase, Phase::Tuned);
}

#[test]
fn without_being_asked_for_nothing_is_tuned() {
    let tuning = cart(&example(), &EgressOptions::default());
    assert!(is_untouched(&tuning));
    assert!(why(&tuning, Feature::Timeouts)[0].contains("the evidence suffices"));
}

#[test]
fn the_number_of_addresses_decides_what_can_act() {
    type Change = fn(&mut Edge);
    let sockets: [(Change, Option<u64>, bool); 3] = [
        (
            |edge| {
                edge.targets
                    .iter_mut()
                    .for_each(|target| target.sockets.clear())
            },
            None,
            false,
        ),
        (
            |edge| {
                let one = counts(&[("10.0.0.1:8080", 990), ("10.0.0.2:8080", 5), ("junk", 7)]);
                edge.targets
                    .iter_mut()
                    .for_each(|target| target.sockets = one.clone());
            },
            None,
            true,
        ),
        (|edge| demand(edge).callee_instances = 2.0, Some(50), false),
    ];
    for (change, percent, is_inert) in sockets {
        let tuning = cart(&changed(change), &tuned());
        assert_eq!(tuning.number(Name::MaxEjectionPercent), percent);
        let inert = tuning
            .inert
            .iter()
            .any(|absent| absent.feature == Feature::LeastRequest);
        assert_eq!(inert, is_inert, "{tuning:#?}");
    }
}

#[test]
fn zones_need_hosts_and_clients_whose_zone_is_known() {
    let mut snapshot = example();
    let tune = |snapshot: &GraphSnapshot, zones: &[&str]| {
        let mut model = model(snapshot, &tuned());
        let services = &mut model.services;
        let frontend = services
            .iter_mut()
            .find(|service| service.id == FRONTEND)
            .unwrap();
        let mut destinations = frontend.destinations.iter_mut();
        let to_cart = destinations.find(|to| to.node == CART).unwrap();
        for target in &mut to_cart.targets {
            assert!(matches!(target.matches, TargetMatch::Authority(_)));
            target.addressing = Some(Addressing::Headless);
            let endpoints = zones.iter().zip(1..).map(|(zone, host)| Endpoint {
                address: [10, 0, 0, host].into(),
                port: 8080,
                zone: (!zone.is_empty()).then(|| (*zone).to_owned()),
            });
            target.endpoints = endpoints.collect();
        }
        super::super::tune(&mut model, snapshot, &tuned());
        to(&model, FRONTEND, CART).tuning.clone()
    };
    let zones = ["a", "a", "b", "b"];
    let unknown = tune(&snapshot, &zones);
    assert!(why(&unknown, Feature::ZoneAware)[0].contains("caller's instances"));
    let mut nodes = snapshot.nodes.iter_mut();
    let node = nodes.find(|node| node.id == FRONTEND).unwrap();
    node.facets
        .insert("zone".to_owned(), counts(&[("a", 9), ("b", 9)]));
    let even = tune(&snapshot, &zones);
    assert_eq!(even.number(Name::ZoneAwareMinHosts), Some(4));
    assert_eq!(even.inert, []);
    let uneven = tune(&snapshot, &["a", "a", "a", "a", "a", "b", "b"]);
    assert_eq!(uneven.number(Name::ZoneAwareMinHosts), Some(6));
    assert!(
        uneven
            .inert
            .iter()
            .any(|absent| absent.reason.starts_with("in part"))
    );
    for (zones, missing) in [
        (&["a", "b", "b"][..], "fewer than two hosts"),
        (&["a", "a", "", "b"][..], "zones of the hosts"),
    ] {
        let tuning = tune(&snapshot, zones);
        assert_eq!(tuning.number(Name::ZoneAwareMinHosts), None);
        assert!(
            why(&tuning, Feature::ZoneAware)[0].contains(missing),
            "{tuning:#?}"
        );
    }
}

#[test]
fn calls_that_last_get_no_timeout() {
    let tuning = cart(
        &changed(|edge| demand(edge).slowest_ok_ms = Some(61_000.0)),
        &tuned(),
    );
    assert_eq!(tuning.number(Name::RouteTimeout), Some(0));
    assert_eq!(tuning.number(Name::PerTryTimeout), None);
    assert!(
        tuning
            .inert
            .iter()
            .any(|absent| absent.feature == Feature::Timeouts)
    );
}

#[test]
fn a_callee_that_mostly_fails_is_not_ejected() {
    let tuning = cart(
        &changed(|edge| edge.errors = counts(&[("500", edge.attempts / 2)])),
        &tuned(),
    );
    assert_eq!(tuning.number(Name::Consecutive5xx), None);
    assert!(why(&tuning, Feature::OutlierDetection)[0].contains("failures in a row tell nothing"));
    let fails = |percent: u64| {
        let change =
            |edge: &mut Edge| edge.errors = counts(&[("500", edge.attempts * percent / 100)]);
        cart(&changed(change), &tuned())
            .number(Name::Consecutive5xx)
            .unwrap()
    };
    assert!(fails(10) > fails(1) && fails(20) > fails(10));
}

#[test]
fn a_part_of_the_calls_is_scaled_up_to_all() {
    let whole = changed(|edge| demand(edge).concurrency_of_one = 100.0);
    let half = changed(|edge| {
        demand(edge).concurrency_of_one = 50.0;
        demand(edge).calls = edge.calls / 2;
    });
    let limit = |snapshot: &GraphSnapshot| cart(snapshot, &tuned()).number(Name::MaxRequests);
    assert_eq!(limit(&whole), Some(300));
    assert_eq!(limit(&half), limit(&whole));
}

#[test]
fn thresholds_are_those_of_the_policy() {
    let mut options = tuned();
    options.policy.thresholds = Thresholds {
        tuned_calls: 100,
        tuned_days: 2,
        ..Thresholds::default()
    };
    let few = changed(|edge| {
        edge.attempts = 100;
        edge.latency.client.as_mut().unwrap().count = 100;
        demand(edge).active_days = 2;
    });
    assert_eq!(cart(&few, &options).phase, Phase::Tuned);
    assert_eq!(cart(&few, &tuned()).phase, Phase::Transparent);
}

#[test]
fn inbound_is_not_shed_where_latency_says_nothing_of_load() {
    type Change = fn(&mut crate::snapshot::Inbound);
    let cases: [(Change, &str); 3] = [
        (
            |inbound| inbound.p99_ms = 61.0,
            "fast and slow calls are mixed",
        ),
        (
            |inbound| inbound.max_ms = 60_000.0,
            "streams, or calls of a minute",
        ),
        (|inbound| inbound.calls = 10, "too few calls"),
    ];
    for (change, missing) in cases {
        let mut snapshot = example();
        let mut nodes = snapshot.nodes.iter_mut();
        let node = nodes.find(|node| node.id == CART).unwrap();
        change(node.inbound.as_mut().unwrap());
        let model = model(&snapshot, &tuned());
        let tuning = &example::find(&model, CART).inbound_tuning;
        assert_eq!(tuning.number(Name::MinConcurrency), None);
        let reasons = why(tuning, Feature::AdaptiveConcurrency);
        assert!(reasons[0].starts_with(missing), "{reasons:?}");
    }
}
