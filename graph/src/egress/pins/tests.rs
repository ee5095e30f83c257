//! Decisions of the policy on the shop; helpers are those of the tests of the model.

use jiff::civil::{Date, date};

use crate::egress::tests::{destination, edge_to, service, shop};
use crate::egress::*;
use crate::policy::*;
use crate::snapshot::GraphSnapshot;

const TODAY: Date = date(2026, 11, 20);
const LEGACY: &str = "external/legacy.example.com:9999";

fn pattern(text: &str) -> ServicePattern {
    ServicePattern(text.to_owned())
}

fn node(text: &str) -> PinDestination {
    PinDestination::Node(pattern(text))
}

fn at(host: &str, port: u16, protocol: Option<TargetProtocol>) -> PinnedAddress {
    PinnedAddress {
        host: host.to_owned(),
        port,
        protocol,
    }
}

fn address(host: &str, port: u16, protocol: TargetProtocol) -> PinDestination {
    PinDestination::Address(at(host, port, Some(protocol)))
}

fn pin(caller: &str, destination: PinDestination, action: PinAction) -> Pin {
    Pin {
        caller: pattern(caller),
        destination,
        action,
        reason: "told to".to_owned(),
        owner: "team-shop".to_owned(),
        expires: date(2026, 12, 31),
        line: 3,
    }
}

fn infra(name: &str, host: &str, port: u16, protocol: TargetProtocol) -> InfraDestination {
    InfraDestination {
        name: name.to_owned(),
        address: at(host, port, Some(protocol)),
        callers: Vec::new(),
    }
}

fn derived(snapshot: &GraphSnapshot, policy: Policy) -> EgressModel {
    let options = EgressOptions {
        policy,
        today: Some(TODAY),
        ..EgressOptions::default()
    };
    let model = derive(snapshot, &options);
    let sums = model.conservation;
    assert_eq!(sums.edges, sums.accounted(), "{sums:?}");
    model
}

fn pinned(pins: Vec<Pin>) -> EgressModel {
    let policy = Policy {
        pins,
        ..Policy::default()
    };
    derived(&shop(), policy)
}

fn nodes(service: &ServiceEgress) -> Vec<&str> {
    let all = service.destinations.iter();
    all.map(|destination| destination.node.as_str()).collect()
}

#[test]
fn a_destination_pinned_out_is_listed_with_who_answers_for_it() {
    let payments = "external/payments.example.com:443";
    for what in [
        node("*payments*"),
        PinDestination::Address(at("payments.example.com", 443, None)),
    ] {
        let model = pinned(vec![pin("checkout", what, PinAction::Exclude)]);
        let checkout = service(&model, "checkout");
        assert!(!nodes(checkout).contains(&payments));
        let [out] = checkout.pinned_out.as_slice() else {
            panic!("{:?}", checkout.pinned_out);
        };
        assert_eq!((out.node.as_str(), out.targets.len()), (payments, 1));
        assert_eq!(out.pin.owner, "team-shop");
        assert_eq!(out.pin.expires, "2026-12-31");
        assert_eq!(model.conservation.pinned_out, 1);
    }
}

#[test]
fn one_address_pinned_out_in_any_form_leaves_the_others_defined() {
    let excluded = PinDestination::Address(at("kafka-1.kafka", 9092, None));
    let model = pinned(vec![pin("checkout", excluded, PinAction::Exclude)]);
    let checkout = service(&model, "checkout");
    let kafka = destination(checkout, "broker/kafka@kafka:9092");
    assert_eq!(kafka.targets.len(), 1);
    assert_eq!(model.conservation.pinned_out, 0);
    assert_eq!(checkout.pinned_out[0].targets[0].host, "kafka-1.kafka");
    // `cart` and `cart.shop` are one address.
    let excluded = PinDestination::Address(at("cart.shop.svc", 8080, None));
    let model = pinned(vec![pin("frontend", excluded, PinAction::Exclude)]);
    let frontend = service(&model, "frontend");
    assert!(!nodes(frontend).contains(&"service/shop/cart"));
    assert_eq!(frontend.pinned_out[0].targets.len(), 3);
    assert_eq!(model.conservation.pinned_out, 1);
}

#[test]
fn an_expired_pin_has_no_effect_from_the_day_after() {
    for (last_day, is_out) in [(date(2026, 11, 20), true), (date(2026, 11, 19), false)] {
        let mut pin = pin("*", node("database/*"), PinAction::Exclude);
        pin.expires = last_day;
        let model = pinned(vec![pin]);
        assert_eq!(model.conservation.pinned_out > 0, is_out, "{last_day}");
    }
}

/// Nobody gives a day: that of the last span counts, so that the same input gives the same bytes.
#[test]
fn without_a_day_pins_are_judged_by_the_end_of_the_window() {
    for (last_day, is_out) in [(date(2026, 11, 15), true), (date(2026, 11, 14), false)] {
        let mut pin = pin("*", node("database/*"), PinAction::Exclude);
        pin.expires = last_day;
        let mut options = EgressOptions::default();
        options.policy.pins.push(pin);
        let model = derive(&shop(), &options);
        assert_eq!(model.conservation.pinned_out > 0, is_out, "{last_day}");
    }
}

#[test]
fn an_address_pinned_in_is_defined_although_nobody_dialled_it() {
    let backup = address("payments-dr.example.com", 443, TargetProtocol::Tls);
    let model = pinned(vec![pin("checkout", backup, PinAction::Include)]);
    let checkout = service(&model, "checkout");
    let backup = destination(checkout, "pinned/payments-dr.example.com:443");
    assert_eq!(backup.address_source, AddressSource::Policy);
    assert_eq!(backup.state, DestinationState::Active);
    assert_eq!(backup.kind, DestinationKind::External);
    assert_eq!(backup.confidence, Confidence::Low);
    assert_eq!(
        backup.pinned.as_ref().map(|pin| pin.reason.as_str()),
        Some("told to")
    );
    assert_eq!(
        backup.targets[0].matches,
        TargetMatch::Sni(vec!["payments-dr.example.com".to_owned()])
    );
}

#[test]
fn an_address_pinned_in_that_others_dial_is_their_callee() {
    let known = address("payments.example.com", 443, TargetProtocol::Tls);
    let model = pinned(vec![pin("cart", known, PinAction::Include)]);
    let payments = destination(service(&model, "cart"), "external/payments.example.com:443");
    assert!(payments.evidence.is_empty());
    assert!(payments.pinned.is_some());
}

#[test]
fn a_pin_marks_what_is_dialled_anyway_and_adds_nothing() {
    let before = derived(&shop(), Policy::default());
    let cart = address("cart.shop", 8080, TargetProtocol::Grpc);
    let model = pinned(vec![pin("frontend", cart, PinAction::Include)]);
    let find = |model| destination(service(model, "frontend"), "service/shop/cart").clone();
    let mut marked = find(&model);
    assert!(marked.pinned.take().is_some());
    assert_eq!(marked, find(&before));
}

#[test]
fn a_node_pinned_in_gets_the_addresses_that_others_dial() {
    let model = pinned(vec![pin("mailer", node("cart"), PinAction::Include)]);
    let cart = destination(service(&model, "mailer"), "service/shop/cart");
    assert_eq!(cart.address_source, AddressSource::DialledByOthers);
    assert!(cart.pinned.is_some());
    // A pattern keeps what was seen, and gives nobody what was not.
    let model = pinned(vec![pin("mailer", node("c*"), PinAction::Include)]);
    assert!(service(&model, "mailer").destinations.is_empty());
}

#[test]
fn a_pin_overrules_the_suspicion_that_nothing_answers() {
    let model = pinned(vec![pin("frontend", node(LEGACY), PinAction::Include)]);
    destination(service(&model, "frontend"), LEGACY);
    assert_eq!(model.conservation.suspect, 0);
}

#[test]
fn infrastructure_is_defined_for_everyone_and_takes_over_what_was_dialled_there() {
    let policy = Policy {
        infra: vec![
            infra(
                "otel-collector",
                "otel.observability",
                4317,
                TargetProtocol::Grpc,
            ),
            infra("payments", "payments.example.com", 443, TargetProtocol::Tls),
        ],
        ..Policy::default()
    };
    let model = derived(&shop(), policy);
    for service in &model.services {
        let collector = destination(service, "infra/otel-collector");
        assert_eq!(collector.kind, DestinationKind::Infra);
        assert_eq!(collector.name, "otel-collector");
    }
    let payments = destination(service(&model, "checkout"), "infra/payments");
    assert_eq!(payments.address_source, AddressSource::DialledByCaller);
    assert_eq!(payments.evidence, [EvidenceClass::Address]);
    assert_eq!(model.conservation.infra, 1);
}

#[test]
fn what_is_pinned_out_is_no_infrastructure_either() {
    let excluded = PinDestination::Address(at("otel.observability", 4317, None));
    let policy = Policy {
        pins: vec![pin("cart", excluded, PinAction::Exclude)],
        infra: vec![infra(
            "otel",
            "otel.observability",
            4317,
            TargetProtocol::Grpc,
        )],
        ..Policy::default()
    };
    let model = derived(&shop(), policy);
    assert!(!nodes(service(&model, "cart")).contains(&"infra/otel"));
    assert_eq!(service(&model, "cart").pinned_out[0].node, "infra/otel");
    assert!(nodes(service(&model, "frontend")).contains(&"infra/otel"));
}

/// Two stores share a port; the one that is pinned out is dialled there all the same.
#[test]
fn what_is_pinned_out_still_makes_its_port_ambiguous() {
    let mut snapshot = shop();
    for edge in &mut snapshot.edges {
        edge.targets
            .iter_mut()
            .for_each(|target| target.sockets.clear());
    }
    let out = |name: &str| pin("recommend", node(name), PinAction::Exclude);
    let policy = Policy {
        pins: vec![
            out("database/redis@redis-a:6379"),
            out("database/redis@redis-b:6379"),
        ],
        ..Policy::default()
    };
    let model = derived(&snapshot, policy);
    let unresolved = &service(&model, "recommend").unresolved;
    assert!(unresolved.iter().any(|entry| {
        entry.node == "database/redis@redis-c:6379"
            && entry.reason == UnresolvedReason::SharedPortWithoutAddresses
    }));
}

/// MySQL on a port that is looked into for HTTP: without a definition its clients would wait for the inspector.
#[test]
fn a_server_that_speaks_first_is_spared_when_it_is_pinned_out() {
    let mut snapshot = shop();
    let store = "database/redis@redis:6379";
    let edge = snapshot.edges.iter().find(|edge| edge.callee == store);
    let mut edge = edge.unwrap().clone();
    edge.caller = "service/shop/frontend".to_owned();
    edge.targets[0].scheme = "mysql".to_owned();
    edge.targets[0].port = Some(8080);
    snapshot.edges.push(edge);
    let policy = Policy {
        pins: vec![pin("frontend", node(store), PinAction::Exclude)],
        ..Policy::default()
    };
    let model = derived(&snapshot, policy);
    let frontend = service(&model, "frontend");
    let on_port = frontend.destinations.iter().flat_map(|one| &one.targets);
    assert!(on_port.into_iter().all(|target| target.port != 8080));
}

/// A pinned store by name would make the port of an observed one ambiguous: what was seen stays.
#[test]
fn nothing_that_was_seen_is_lost_to_a_pin() {
    let mut snapshot = shop();
    let edge = edge_to(&mut snapshot, "database/redis@redis:6379");
    edge.targets[0].sockets.clear();
    let pins = vec![
        pin(
            "cart",
            address("other-redis", 6379, TargetProtocol::Tcp),
            PinAction::Include,
        ),
        pin(
            "cart",
            address("web.example.com", 6379, TargetProtocol::Http1),
            PinAction::Include,
        ),
        pin(
            "cart",
            address("fine.example.com", 443, TargetProtocol::Tls),
            PinAction::Include,
        ),
        pin(
            "cart",
            address("10.0.0.1", 15001, TargetProtocol::Tcp),
            PinAction::Include,
        ),
    ];
    let policy = Policy {
        pins,
        ..Policy::default()
    };
    let model = derived(&snapshot, policy);
    let cart = service(&model, "cart");
    let redis = destination(cart, "database/redis@redis:6379");
    assert_eq!(redis.targets[0].matches, TargetMatch::WholePort);
    destination(cart, "pinned/fine.example.com:443");
    let reasons: Vec<_> = cart
        .unresolved
        .iter()
        .filter(|entry| entry.node.starts_with("pinned/"))
        .map(|entry| (entry.node.as_str(), entry.reason))
        .collect();
    assert_eq!(
        reasons,
        [
            ("pinned/10.0.0.1:15001", UnresolvedReason::ReservedPort),
            (
                "pinned/other-redis:6379",
                UnresolvedReason::SharedPortWithoutAddresses
            ),
            (
                "pinned/web.example.com:6379",
                UnresolvedReason::LostConflict
            ),
        ]
    );
}

#[test]
fn few_attempts_label_an_edge_and_delete_nothing() {
    let mut options = EgressOptions::default();
    let confidence = |options: &EgressOptions| {
        let model = derive(&shop(), options);
        let found = destination(service(&model, "frontend"), "service/shop/cart").confidence;
        (found, model)
    };
    let (found, model) = confidence(&options);
    assert_eq!(found, Confidence::High);
    let emitted = model.conservation.emitted;
    options.policy.thresholds.low_evidence_calls = 1001;
    let (found, strict) = confidence(&options);
    assert_eq!(found, Confidence::Low);
    assert_eq!(strict.conservation.emitted, emitted);
    // Seen often enough once: a quieter week does not take that back.
    options.previous = Some(Box::new(model));
    assert_eq!(confidence(&options).0, Confidence::High);
}

mod any_policy {
    use proptest::prelude::*;

    use super::*;

    fn some_pattern() -> impl Strategy<Value = ServicePattern> {
        prop_oneof![
            Just("*"),
            Just("cart"),
            Just("shop/*"),
            Just("service/shop/checkout"),
            Just("database/*"),
            Just("external/*"),
            Just("infra/*"),
            Just("recommend"),
        ]
        .prop_map(pattern)
    }

    fn some_address() -> impl Strategy<Value = PinnedAddress> {
        let host = prop_oneof![
            "(cart|checkout|redis|redis-a|search)(\\.shop(\\.svc)?)?",
            Just("payments.example.com".to_owned()),
            "10\\.(9\\.8\\.7|96\\.0\\.(20|31))",
            any::<String>(),
        ];
        let port = prop_oneof![
            Just(8080_u16),
            Just(6379),
            Just(443),
            Just(50051),
            any::<u16>()
        ];
        let protocol = prop_oneof![
            Just(Some(TargetProtocol::Tcp)),
            Just(Some(TargetProtocol::Http1)),
            Just(Some(TargetProtocol::Tls)),
            Just(None),
        ];
        (host, port, protocol).prop_map(|(host, port, protocol)| at(&host, port, protocol))
    }

    fn some_pin() -> impl Strategy<Value = Pin> {
        let destination = prop_oneof![
            some_pattern().prop_map(PinDestination::Node),
            some_address().prop_map(PinDestination::Address),
        ];
        let action = prop_oneof![Just(PinAction::Include), Just(PinAction::Exclude)];
        (some_pattern(), destination, action, any::<bool>()).prop_map(
            |(caller, destination, action, expired)| {
                let mut pin = pin(&caller.0, destination, action);
                if expired {
                    pin.expires = date(2020, 1, 1);
                }
                pin
            },
        )
    }

    fn some_policy() -> impl Strategy<Value = Policy> {
        let infra = prop::collection::vec(some_address(), 0..4).prop_map(|addresses| {
            let named = addresses.into_iter().enumerate();
            let infra = named.map(|(index, address)| InfraDestination {
                name: format!("infra-{index}"),
                address,
                callers: Vec::new(),
            });
            infra.collect::<Vec<_>>()
        });
        (prop::collection::vec(some_pin(), 0..8), infra).prop_map(|(pins, infra)| Policy {
            pins,
            infra,
            ..Policy::default()
        })
    }

    proptest! {
        /// Whatever the policy: every edge in one class, and only a pin takes away what would be defined without it.
        #[test]
        fn every_edge_ends_in_exactly_one_class(
            policy in some_policy(),
            dialled in prop::collection::vec((0_usize..12, some_address()), 0..12),
        ) {
            let mut snapshot = shop();
            let template = snapshot.edges[0].targets[0].clone();
            for (edge, address) in dialled {
                let mut target = template.clone();
                (target.host, target.port) = (address.host, Some(address.port));
                snapshot.edges[edge].targets.push(target);
            }
            let without = derived(&snapshot, Policy::default());
            let with = derived(&snapshot, policy);
            prop_assert_eq!(with.conservation.edges, snapshot.edges.len() as u64);
            for (before, after) in without.services.iter().zip(&with.services) {
                let listed = |node: &str| {
                    let renamed = after.destinations.iter().any(|one| one.node.starts_with("infra/"));
                    renamed
                        || nodes(after).contains(&node)
                        || after.pinned_out.iter().any(|out| out.node == node)
                        || after.conflicts.iter().any(|conflict| conflict.lost == node)
                        || after.unresolved.iter().any(|entry| entry.node == node)
                };
                for node in nodes(before) {
                    prop_assert!(listed(node), "{node} of {}", before.id);
                }
            }
        }
    }
}
