//! What the company decides wins, the more special rule over the more general.

use super::*;
use crate::egress::{Phase, SettingName as Name, SettingSource, SettingValue};
use crate::policy::{EdgeRule, Overrides, ServicePattern, ServiceRule};

fn overrides(phase: Option<Phase>, settings: &[(Name, SettingValue)]) -> Overrides {
    Overrides {
        phase,
        settings: settings.iter().copied().collect(),
    }
}

fn service(pattern: &str, overrides: Overrides) -> ServiceRule {
    ServiceRule {
        service: ServicePattern(pattern.to_owned()),
        overrides,
        keepalive_ms: None,
        owner: None,
    }
}

fn edge(caller: &str, callee: &str, overrides: Overrides) -> EdgeRule {
    EdgeRule {
        caller: ServicePattern(caller.to_owned()),
        callee: ServicePattern(callee.to_owned()),
        overrides,
    }
}

const fn number(number: u64) -> SettingValue {
    SettingValue::Number(number)
}

#[test]
fn defaults_yield_to_services_and_services_to_edges() {
    let mut options = tuned();
    let names = [Name::MaxRequests, Name::RouteTimeout, Name::ConnectTimeout];
    options.policy.defaults = overrides(None, &names.map(|name| (name, number(1))));
    options.policy.services = vec![
        service(
            "frontend",
            overrides(
                None,
                &[
                    (Name::MaxRequests, number(2)),
                    (Name::RouteTimeout, number(2)),
                ],
            ),
        ),
        service("cart", overrides(None, &[(Name::MaxRequests, number(9))])),
    ];
    options.policy.edges = vec![
        edge(
            "*",
            "shop/cart",
            overrides(None, &[(Name::MaxRequests, number(3))]),
        ),
        edge(
            "cart",
            "*",
            overrides(None, &[(Name::MaxRequests, number(9))]),
        ),
    ];
    let tuning = cart(&example(), &options);
    assert_eq!(
        names.map(|name| tuning.number(name)),
        [Some(3), Some(2), Some(1)]
    );
    for (name, place) in
        names
            .iter()
            .zip(["edge `*` -> `shop/cart`", "service `frontend`", "defaults"])
    {
        let setting = &tuning.settings[name];
        assert_eq!(setting.source, SettingSource::Policy);
        assert_eq!(setting.formula, format!("policy: {place}"));
    }
    // What depends on a given value uses it.
    assert_eq!(tuning.number(Name::MaxConnections), Some(64));
}

#[test]
fn a_given_value_needs_no_evidence_and_brings_no_others() {
    let few = changed(|edge| edge.attempts = 10);
    let mut options = tuned();
    let given = [(Name::MaxRequests, number(7))];
    options.policy.edges = vec![edge("frontend", "cart", overrides(None, &given))];
    let tuning = cart(&few, &options);
    assert_eq!(tuning.phase, Phase::Tuned);
    assert_eq!(tuning.number(Name::MaxRequests), Some(7));
    assert_eq!(tuning.number(Name::SafeRetries), None);
    assert_eq!(tuning.number(Name::RouteTimeout), Some(0));
    assert!(why(&tuning, Feature::Timeouts)[0].contains("too few calls"));
}

#[test]
fn the_policy_may_waive_time_but_not_calls_and_may_hold_an_edge_back() {
    let mut options = tuned();
    options.policy.defaults = overrides(Some(Phase::Tuned), &[]);
    let young = changed(|edge| edge.facts.demand.as_mut().unwrap().active_days = 1);
    let tuning = cart(&young, &options);
    assert_eq!(tuning.number(Name::RouteTimeout), Some(370));
    let few = cart(&changed(|edge| edge.attempts = 50), &options);
    assert_eq!(
        (few.phase, few.number(Name::RouteTimeout)),
        (Phase::Tuned, Some(0))
    );
    options.policy.services = vec![service(
        "frontend",
        overrides(Some(Phase::Transparent), &[(Name::SafeRetries, number(2))]),
    )];
    let held = cart(&example(), &options);
    assert_eq!(held.phase, Phase::Transparent);
    assert_eq!(held.number(Name::SafeRetries), None);
    let reasons = why(&held, Feature::Retries);
    assert!(
        reasons
            .iter()
            .any(|why| why.contains("policy keeps it transparent"))
    );
    assert!(
        reasons
            .iter()
            .any(|why| why.contains("wait for the tuned phase"))
    );
    // The furthest phase is that of the run.
    let options = EgressOptions {
        phase: Phase::Transparent,
        ..options
    };
    assert_eq!(cart(&young, &options).phase, Phase::Transparent);
}

#[test]
fn impossible_values_are_refused_by_name() {
    let mut options = tuned();
    options.policy.defaults = overrides(
        None,
        &[
            (Name::RetryBudget, number(101)),
            (Name::LeastRequest, number(1)),
            (Name::MaxRequests, SettingValue::Flag(true)),
            (Name::ConnectTimeout, number(u64::MAX)),
        ],
    );
    let tuning = cart(&example(), &options);
    assert_eq!(tuning.number(Name::RetryBudget), Some(20));
    assert!(tuning.flag(Name::LeastRequest));
    assert_eq!(tuning.number(Name::ConnectTimeout), Some(1000));
    let refused = tuning
        .withheld
        .iter()
        .filter(|absent| absent.reason.contains("no possible value"));
    assert_eq!(refused.count(), 4);
}

#[test]
fn the_callee_says_when_it_closes_connections() {
    let mut options = tuned();
    let mut rule = service("cart", Overrides::default());
    rule.keepalive_ms = Some(60_000);
    options.policy.services = vec![rule];
    assert_eq!(
        cart(&example(), &options).number(Name::UpstreamIdle),
        Some(48_000)
    );
    let mut snapshot = example();
    let mut nodes = snapshot.nodes.iter_mut();
    let node = nodes.find(|node| node.id == CART).unwrap();
    node.facets
        .insert("language".to_owned(), counts(&[("cobol", 1)]));
    let unknown = cart(&snapshot, &tuned());
    assert_eq!(unknown.number(Name::UpstreamIdle), None);
    assert!(why(&unknown, Feature::Connections)[0].contains("`keepalive`"));
}

#[test]
fn inbound_takes_inbound_settings_only() {
    let mut options = tuned();
    let given = [
        (Name::MinConcurrency, number(50)),
        (Name::MaxRequests, number(5)),
    ];
    options.policy.services = vec![service("cart", overrides(None, &given))];
    let model = model(&example(), &options);
    let inbound = &example::find(&model, CART).inbound_tuning;
    assert_eq!(inbound.number(Name::MinConcurrency), Some(50));
    assert_eq!(inbound.number(Name::MaxConcurrency), Some(500));
    assert_eq!(inbound.number(Name::MaxRequests), None);
    let redis = &to(&model, CART, "database/redis").tuning;
    assert_eq!(redis.number(Name::MaxRequests), Some(5));
    assert_eq!(redis.number(Name::MinConcurrency), None);
}

/// A destination that is not seen any more keeps its settings. In the transparent phase that must not put the policy's values
/// in force, which wait for the tuned phase where the destination is seen.
#[test]
fn values_of_the_policy_wait_for_the_tuned_phase_also_where_nothing_is_seen() {
    let transparent = EgressOptions {
        phase: Phase::Transparent,
        ..EgressOptions::default()
    };
    let first = model(&example(), &transparent);
    let mut options = EgressOptions {
        phase: Phase::Transparent,
        ..with_previous(&first)
    };
    options.policy.defaults = overrides(None, &[(Name::MaxRequests, number(5))]);
    let mut unseen = example();
    unseen.edges.retain(|edge| edge.callee != CART);
    for snapshot in [example(), unseen.clone()] {
        let tuning = cart(&snapshot, &options);
        assert_eq!(tuning.phase, Phase::Transparent);
        assert_eq!(tuning.number(Name::MaxRequests), Some(1_000_000));
        let reasons = why(&tuning, Feature::CircuitBreakers);
        let waits = |why: &&str| why.contains("wait for the tuned phase");
        assert!(reasons.iter().any(waits), "{reasons:?}");
    }
    options.phase = Phase::Tuned;
    let tuning = cart(&unseen, &options);
    assert_eq!(tuning.phase, Phase::Tuned);
    assert_eq!(tuning.number(Name::MaxRequests), Some(5));
}
