//! The worked example: frontend -> cart (HTTP/1.1, headless), frontend -> checkout (gRPC, virtual address), checkout ->
//! payments.example.com (TLS), cart -> redis. The facts are those that its finished files were made from.

use std::collections::BTreeMap;

use crate::egress::{
    Destination, EgressModel, EgressOptions, Feature, Phase, ServiceEgress, SettingName as Name,
    Tuning, derive,
};
use crate::snapshot::testing::{self, service};
use crate::snapshot::{Demand, Edge, GraphSnapshot, Inbound, Latency, LatencySummary, Target};

pub(super) const FRONTEND: &str = "service/shop/frontend";
pub(super) const CART: &str = "service/shop/cart";
pub(super) const CHECKOUT: &str = "service/shop/checkout";

/// Rate, concurrency, hosts; p50, p99, p99.9, slowest success; share of errors, share of resends, samples.
#[derive(Clone, Copy)]
struct Numbers {
    load: (f64, f64, f64),
    ms: (f64, f64, f64, f64),
    errors: f64,
    retries: f64,
    samples: u64,
}

fn edge(from: &str, to: &str, dialled: &[(&str, &str, u16)], numbers: Numbers) -> Edge {
    let Numbers {
        load, ms, samples, ..
    } = numbers;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "small shares"
    )]
    let share = |share: f64| (samples as f64 * share) as u64;
    let mut edge = testing::edge(from, to, samples);
    edge.retries = share(numbers.retries);
    edge.errors = BTreeMap::from([("503".to_owned(), share(numbers.errors))]);
    edge.targets = dialled
        .iter()
        .map(|(scheme, host, port)| Target {
            scheme: (*scheme).to_owned(),
            port: Some(*port),
            calls: samples,
            attempts: samples,
            ..testing::target(host)
        })
        .collect();
    edge.latency = Latency {
        client: Some(LatencySummary {
            count: samples,
            p50_ms: ms.0,
            p99_ms: ms.1,
            p999_ms: ms.2,
            max_ms: ms.3,
        }),
        ..Latency::default()
    };
    edge.facts.demand = Some(Demand {
        calls: samples,
        active_days: 20,
        calls_per_second: load.0 * 4.0,
        calls_per_second_of_one: load.0,
        concurrency_of_one: load.1,
        caller_instances: 4.0,
        callee_instances: load.2,
        callee_was_replaced: true,
        most_in_trace: 0,
        slowest_ok_ms: Some(ms.3),
    });
    edge
}

fn methods(edge: &mut Edge, methods: &[(&str, u64)]) {
    let methods = methods
        .iter()
        .map(|(name, count)| ((*name).to_owned(), *count));
    edge.facts.methods = methods.collect();
}

fn sockets(edge: &mut Edge, hosts: u8) {
    for target in &mut edge.targets {
        target.sockets = (1..=hosts)
            .map(|host| (format!("10.0.0.{host}"), 100))
            .collect();
    }
}

fn inbound(rate: f64, p50_ms: f64, p90_ms: f64, p99_ms: f64) -> Option<Inbound> {
    Some(Inbound {
        calls: 1_000_000,
        active_days: 20,
        calls_per_second: rate * 4.0,
        calls_per_second_of_one: rate,
        concurrency_of_one: 3.0,
        instances: 4.0,
        was_replaced: true,
        p50_ms,
        p90_ms,
        p99_ms,
        max_ms: 4.0 * p99_ms,
    })
}

fn edges() -> Vec<Edge> {
    let cart_names = [
        ("http", "cart", 8080),
        ("http", "cart.shop.svc.cluster.local", 8080),
    ];
    let mut to_cart = edge(
        FRONTEND,
        CART,
        &cart_names,
        Numbers {
            load: (80.0, 5.0, 6.0),
            ms: (7.0, 30.0, 80.0, 140.0),
            errors: 0.002,
            retries: 0.0,
            samples: 1_200_000,
        },
    );
    to_cart.protocols = BTreeMap::from([("http/1.1".to_owned(), 1_200_000)]);
    methods(&mut to_cart, &[("GET", 9), ("POST", 1)]);
    sockets(&mut to_cart, 6);
    let mut to_checkout = edge(
        FRONTEND,
        CHECKOUT,
        &[("grpc", "checkout.shop", 50051)],
        Numbers {
            load: (40.0, 12.0, 3.0),
            ms: (36.0, 230.0, 600.0, 1900.0),
            errors: 0.004,
            retries: 0.0,
            samples: 600_000,
        },
    );
    to_checkout.protocols = BTreeMap::from([("grpc".to_owned(), 600_000)]);
    methods(&mut to_checkout, &[("shop.Checkout/Place", 9)]);
    sockets(&mut to_checkout, 1);
    let payments = [("https", "payments.example.com", 443)];
    let to_payments = edge(
        CHECKOUT,
        "external/payments.example.com:443",
        &payments,
        Numbers {
            load: (10.0, 8.0, 2.0),
            ms: (120.0, 700.0, 1800.0, 4200.0),
            errors: 0.01,
            retries: 0.02,
            samples: 150_000,
        },
    );
    let redis = [("redis", "redis.shop.svc.cluster.local", 6379)];
    let to_redis = edge(
        CART,
        "database/redis",
        &redis,
        Numbers {
            load: (300.0, 4.0, 1.0),
            ms: (0.4, 3.0, 9.0, 40.0),
            errors: 0.0,
            retries: 0.0,
            samples: 5_000_000,
        },
    );
    vec![to_cart, to_checkout, to_payments, to_redis]
}

pub(super) fn example() -> GraphSnapshot {
    let kinds = [("server", 9), ("client", 9)];
    let services = [FRONTEND, CART, CHECKOUT]
        .map(|id| service(id, &kinds))
        .to_vec();
    let mut snapshot = testing::snapshot(services, edges());
    let language = |name: &str| BTreeMap::from([(name.to_owned(), 9)]);
    for node in &mut snapshot.nodes {
        node.namespace = "shop".to_owned();
        let (name, load) = match node.id.as_str() {
            FRONTEND => ("nodejs", inbound(120.0, 18.0, 40.0, 90.0)),
            CART => ("python", inbound(80.0, 6.0, 12.0, 25.0)),
            CHECKOUT => ("go", inbound(40.0, 35.0, 80.0, 220.0)),
            _ => continue,
        };
        node.facets.insert("language".to_owned(), language(name));
        node.inbound = load;
        let port = if node.id == CHECKOUT { 50051 } else { 8080 };
        let scheme = if node.id == CHECKOUT { "grpc" } else { "http" };
        node.served = vec![Target {
            scheme: scheme.to_owned(),
            port: Some(port),
            ..testing::target(&node.name)
        }];
    }
    snapshot
}

pub(super) fn tuned() -> EgressOptions {
    EgressOptions {
        phase: Phase::Tuned,
        ..EgressOptions::default()
    }
}

pub(super) fn find<'a>(model: &'a EgressModel, id: &str) -> &'a ServiceEgress {
    let mut services = model.services.iter();
    services.find(|service| service.id == id).unwrap()
}

pub(super) fn to<'a>(model: &'a EgressModel, from: &str, callee: &str) -> &'a Destination {
    let service = find(model, from);
    let mut all = service.destinations.iter();
    all.find(|destination| destination.node == callee)
        .unwrap_or_else(|| panic!("{callee} in {service:#?}"))
}

fn numbers(tuning: &Tuning, expected: &[(Name, u64)]) {
    for (name, number) in expected {
        let found = tuning.number(*name);
        assert_eq!(found, Some(*number), "{} in {tuning:#?}", name.as_str());
    }
}

fn inert(tuning: &Tuning) -> Vec<Feature> {
    tuning.inert.iter().map(|absent| absent.feature).collect()
}

fn withheld(tuning: &Tuning) -> Vec<Feature> {
    tuning
        .withheld
        .iter()
        .map(|absent| absent.feature)
        .collect()
}

#[test]
fn a_headless_service_over_http1_gets_everything_but_zones() {
    let model = derive(&example(), &tuned());
    let cart = &to(&model, FRONTEND, CART).tuning;
    assert_eq!(cart.phase, Phase::Tuned);
    numbers(
        cart,
        &[
            (Name::ConnectTimeout, 1000),
            (Name::RouteTimeout, 370),
            (Name::PerTryTimeout, 160),
            (Name::SafeRetries, 1),
            (Name::UnsentRetries, 1),
            (Name::RetryBudget, 20),
            (Name::RetryMinConcurrency, 1),
            (Name::MaxRequests, 32),
            (Name::MaxPendingRequests, 32),
            (Name::MaxConnections, 64),
            (Name::Consecutive5xx, 5),
            (Name::EjectionInterval, 10_000),
            (Name::BaseEjection, 30_000),
            (Name::MaxEjection, 300_000),
            (Name::MaxEjectionPercent, 17),
            (Name::SlowStart, 60_000),
            (Name::UpstreamIdle, 1600),
        ],
    );
    assert!(cart.flag(Name::LeastRequest) && cart.flag(Name::AlwaysEjectOneHost));
    // The finished files have it off, but 80 calls a second to 6 hosts are 133 for each in 10 s.
    assert!(cart.flag(Name::SuccessRateEjection));
    assert_eq!(withheld(cart), [Feature::ZoneAware]);
    assert_eq!(inert(cart), []);
}

/// The finished files say 2850 ms and 92 requests; times and limits are rounded up to two digits here.
#[test]
fn grpc_behind_a_virtual_address_gets_limits_and_short_lived_connections() {
    let model = derive(&example(), &tuned());
    let checkout = &to(&model, FRONTEND, CHECKOUT).tuning;
    numbers(
        checkout,
        &[
            (Name::RouteTimeout, 2900),
            (Name::MaxRequests, 93),
            (Name::MaxConnections, 64),
            (Name::RetryMinConcurrency, 2),
            (Name::MaxConnectionDuration, 60_000),
            (Name::UnsentRetries, 1),
        ],
    );
    for absent in [
        Name::PerTryTimeout,
        Name::SafeRetries,
        Name::UpstreamIdle,
        Name::Consecutive5xx,
    ] {
        assert_eq!(checkout.number(absent), None, "{}", absent.as_str());
    }
    let inert = inert(checkout);
    for feature in [
        Feature::OutlierDetection,
        Feature::LeastRequest,
        Feature::SlowStart,
        Feature::ZoneAware,
    ] {
        assert!(inert.contains(&feature), "{feature:?}");
    }
}

/// The finished files limit connections to 64 here too; spans do not tell how many a pool keeps open, so nothing is limited.
#[test]
fn opaque_connections_are_defined_and_not_limited() {
    let model = derive(&example(), &tuned());
    let payments = &to(&model, CHECKOUT, "external/payments.example.com:443").tuning;
    let redis = &to(&model, CART, "database/redis").tuning;
    for tuning in [payments, redis] {
        numbers(tuning, &[(Name::MaxConnections, 1_000_000)]);
        assert_eq!(tuning.number(Name::RouteTimeout), None);
        assert!(withheld(tuning).contains(&Feature::CircuitBreakers));
    }
    numbers(payments, &[(Name::ConnectTimeout, 5000)]);
}

#[test]
fn inbound_sheds_from_what_each_service_can_take() {
    let model = derive(&example(), &tuned());
    let cases = [
        (FRONTEND, [13, 130, 120, 62]),
        (CART, [3, 100, 80, 50]),
        (CHECKOUT, [11, 110, 50, 65]),
    ];
    for (id, [least, most, measured, buffer]) in cases {
        numbers(
            &find(&model, id).inbound_tuning,
            &[
                (Name::MinConcurrency, least),
                (Name::MaxConcurrency, most),
                (Name::MinRttRequests, measured),
                (Name::MinRttInterval, 60_000),
                (Name::RttBuffer, buffer),
            ],
        );
    }
}

/// The finished files retry here what was certainly not sent, although the client retries; hazard 4 says why not.
#[test]
fn a_client_that_retries_gets_no_retries_from_its_sidecar() {
    let mut snapshot = example();
    let mut edges = snapshot.edges.iter_mut();
    let edge = edges.find(|edge| edge.callee == CHECKOUT).unwrap();
    edge.retries = edge.attempts * 3 / 100;
    let model = derive(&snapshot, &tuned());
    let checkout = &to(&model, FRONTEND, CHECKOUT).tuning;
    assert_eq!(checkout.number(Name::UnsentRetries), None);
    numbers(
        checkout,
        &[(Name::RetryBudget, 20), (Name::RouteTimeout, 2900)],
    );
    assert!(withheld(checkout).contains(&Feature::Retries));
}

#[test]
fn every_cited_fact_is_in_the_evidence() {
    let model = derive(&example(), &tuned());
    for service in &model.services {
        let evidence = &model.evidence.services[&service.id];
        let known = |tuning: &Tuning, facts: &BTreeMap<String, f64>| {
            for fact in tuning.settings.values().flat_map(|setting| &setting.facts) {
                assert!(facts.contains_key(fact), "{fact} of {}", service.id);
            }
        };
        known(&service.inbound_tuning, &evidence.inbound_facts);
        for destination in &service.destinations {
            let facts = &evidence.destinations[&destination.node].facts;
            known(&destination.tuning, facts);
        }
    }
}
