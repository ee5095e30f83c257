//! The egress model on the shop and on hostile names; small cases are built by hand.

use std::collections::BTreeSet;

use super::*;
use crate::snapshot::GraphSnapshot;

fn fixture(text: &str) -> GraphSnapshot {
    serde_json::from_str(text).expect("fixtures are snapshots")
}

pub(super) fn shop() -> GraphSnapshot {
    fixture(include_str!("../../../fixtures/egress/shop/snapshot.json"))
}

fn hostile() -> GraphSnapshot {
    fixture(include_str!(
        "../../../fixtures/egress/hostile/snapshot.json"
    ))
}

pub(super) fn service<'a>(model: &'a EgressModel, name: &str) -> &'a ServiceEgress {
    model
        .services
        .iter()
        .find(|service| service.name == name)
        .unwrap()
}

pub(super) fn destination<'a>(service: &'a ServiceEgress, node: &str) -> &'a Destination {
    service
        .destinations
        .iter()
        .find(|destination| destination.node == node)
        .unwrap_or_else(|| panic!("{node} in {:#?}", service.destinations))
}

pub(super) fn edge_to<'a>(
    snapshot: &'a mut GraphSnapshot,
    callee: &str,
) -> &'a mut crate::snapshot::Edge {
    let mut edges = snapshot.edges.iter_mut();
    edges.find(|edge| edge.callee == callee).unwrap()
}

fn reason(service: &ServiceEgress, node: &str) -> UnresolvedReason {
    service
        .unresolved
        .iter()
        .find(|unresolved| unresolved.node == node)
        .unwrap()
        .reason
}

fn authorities(target: &EgressTarget) -> &[String] {
    match &target.matches {
        TargetMatch::Authority(names) => names,
        other => panic!("{other:?}"),
    }
}

#[test]
fn every_edge_ends_in_exactly_one_class() {
    for snapshot in [shop(), hostile()] {
        let conservation = derive(&snapshot, &EgressOptions::default()).conservation;
        assert_eq!(conservation.edges, snapshot.edges.len() as u64);
        assert_eq!(
            conservation.edges,
            conservation.accounted(),
            "{conservation:?}"
        );
    }
    let shop = derive(&shop(), &EgressOptions::default()).conservation;
    assert_eq!((shop.asynchronous, shop.proxied, shop.suspect), (1, 1, 1));
    assert_eq!((shop.caller_is_no_service, shop.unresolved), (1, 3));
}

#[test]
fn ten_per_cent_more_traffic_changes_the_evidence_but_not_the_model() {
    for mut snapshot in [shop(), hostile()] {
        let before = derive(&snapshot, &EgressOptions::default());
        let more = |count: &mut u64| *count += *count / 10 + 1;
        for edge in &mut snapshot.edges {
            let failing = edge.failed_attempts == edge.attempts;
            for count in [&mut edge.calls, &mut edge.attempts] {
                more(count);
            }
            edge.failed_attempts = if failing { edge.attempts } else { 0 };
            edge.last_seen.0 += 1_000_000_000;
            edge.targets.iter_mut().for_each(|target| {
                more(&mut target.calls);
                target.last_seen.0 += 1;
                target.sockets.values_mut().for_each(more);
            });
            edge.protocols.values_mut().for_each(more);
        }
        let after = derive(&snapshot, &EgressOptions::default());
        let json = |model: &EgressModel| serde_json::to_string_pretty(model).unwrap();
        assert_eq!(json(&before), json(&after));
        assert_ne!(before.evidence, after.evidence);
    }
}

#[test]
fn the_model_survives_its_own_json() {
    let mut model = derive(&hostile(), &EgressOptions::default());
    let text = serde_json::to_string(&model).unwrap();
    let evidence = std::mem::take(&mut model.evidence);
    assert_eq!(serde_json::from_str::<EgressModel>(&text).unwrap(), model);
    let text = serde_json::to_string(&evidence).unwrap();
    let back: EgressEvidence = serde_json::from_str(&text).unwrap();
    assert_eq!(back.services, evidence.services);
}

#[test]
fn every_name_form_of_a_kubernetes_service_is_one_target_address() {
    let model = derive(&shop(), &EgressOptions::default());
    let cart = destination(service(&model, "frontend"), "service/shop/cart");
    assert_eq!(cart.kind, DestinationKind::Mesh);
    assert_eq!(cart.protocol, DestinationProtocol::Http1);
    assert_eq!(cart.confidence, Confidence::High);
    for target in &cart.targets {
        assert_eq!(target.dns.as_deref(), Some("cart.shop.svc.cluster.local"));
        assert!(target.dns_is_absolute);
        let forms: BTreeSet<&str> = authorities(target).iter().map(String::as_str).collect();
        let expected = [
            "cart",
            "cart.shop",
            "cart.shop.svc",
            "cart.shop.svc.cluster.local",
        ];
        assert_eq!(forms, BTreeSet::from(expected));
        assert_eq!(authorities(target)[0], target.host);
    }
}

#[test]
fn a_caller_that_names_no_address_gets_that_of_others_or_of_the_callee() {
    let model = derive(&shop(), &EgressOptions::default());
    let checkout = service(&model, "checkout");
    let cart = destination(checkout, "service/shop/cart");
    assert_eq!(cart.address_source, AddressSource::DialledByOthers);
    assert_eq!(cart.targets.len(), 1);
    assert_eq!(cart.targets[0].host, "cart.shop.svc.cluster.local");
    let ledger = destination(checkout, "service/billing/ledger");
    assert_eq!(ledger.address_source, AddressSource::ServedByCallee);
    assert_eq!(ledger.targets[0].port, 50052);
    // The caller lives in another namespace: the bare name means something else there.
    assert!(!authorities(&ledger.targets[0]).contains(&"ledger".to_owned()));
    let search = service(&model, "search");
    assert_eq!(
        reason(search, "service/shop/worker"),
        UnresolvedReason::OnlyInstanceAddresses
    );
}

#[test]
fn two_stores_on_one_port_are_told_apart_by_address_or_left_alone() {
    let model = derive(&shop(), &EgressOptions::default());
    let recommend = service(&model, "recommend");
    let first = destination(recommend, "database/redis@redis-a:6379");
    assert_eq!(
        first.targets[0].matches,
        TargetMatch::Addresses(vec!["10.96.0.31".parse().unwrap()])
    );
    assert_eq!(
        reason(recommend, "database/redis@redis-c:6379"),
        UnresolvedReason::SharedPortWithoutAddresses
    );
}

#[test]
fn an_opaque_destination_alone_on_its_port_is_known_by_address_else_by_port() {
    let mut snapshot = shop();
    let model = derive(&snapshot, &EgressOptions::default());
    let redis = |model: &EgressModel| {
        let cart = service(model, "cart");
        destination(cart, "database/redis@redis:6379").targets[0].clone()
    };
    assert_eq!(
        redis(&model).matches,
        TargetMatch::Addresses(vec!["10.96.0.20".parse().unwrap()])
    );
    for sockets in [vec![], vec!["[2001:db8::1]:6379"]] {
        let edge = edge_to(&mut snapshot, "database/redis@redis:6379");
        let sockets = sockets.into_iter().map(|socket| (socket.to_owned(), 1));
        edge.targets[0].sockets = sockets.collect();
        let model = derive(&snapshot, &EgressOptions::default());
        assert_eq!(redis(&model).matches, TargetMatch::WholePort);
        let json = serde_json::to_string(&redis(&model)).unwrap();
        assert!(json.contains(r#""matches":{"by":"port_only"}"#), "{json}");
    }
}

/// Two callers of one broker; what one of them dials is of no use to a sidecar.
#[test]
fn a_caller_whose_own_addresses_are_unusable_gets_those_of_others() {
    let mut snapshot = shop();
    let mut edge = edge_to(&mut snapshot, "broker/kafka@kafka:9092").clone();
    edge.caller = "service/shop/cart".to_owned();
    edge.targets.truncate(1);
    edge.targets[0].host = "127.0.3.16".to_owned();
    snapshot.edges.push(edge);
    let model = derive(&snapshot, &EgressOptions::default());
    let cart = service(&model, "cart");
    let kafka = destination(cart, "broker/kafka@kafka:9092");
    assert_eq!(kafka.address_source, AddressSource::DialledByOthers);
    assert_eq!(kafka.targets.len(), 2);
    // What was refused stays on record.
    assert_eq!(
        reason(cart, "broker/kafka@kafka:9092"),
        UnresolvedReason::Loopback
    );
}

/// MySQL greets its clients: an inspector on its port would wait for them to speak.
#[test]
fn a_port_of_a_server_that_speaks_first_is_not_inspected_unless_addresses_tell() {
    let mut snapshot = shop();
    let mut edge = edge_to(&mut snapshot, "database/redis@redis:6379").clone();
    edge.caller = "service/shop/frontend".to_owned();
    edge.targets[0].scheme = "mysql".to_owned();
    edge.targets[0].port = Some(8080);
    snapshot.edges.push(edge);
    let node = "database/redis@redis:6379";
    let told = derive(&snapshot, &EgressOptions::default());
    destination(service(&told, "frontend"), node);
    destination(service(&told, "frontend"), "service/shop/cart");
    snapshot
        .edges
        .last_mut()
        .unwrap()
        .targets
        .iter_mut()
        .for_each(|target| target.sockets.clear());
    let model = derive(&snapshot, &EgressOptions::default());
    let frontend = service(&model, "frontend");
    assert_eq!(
        reason(frontend, "service/shop/cart"),
        UnresolvedReason::PortNotInspected
    );
    let on_port = frontend.destinations.iter().flat_map(|one| &one.targets);
    assert!(on_port.into_iter().all(|target| target.port != 8080));
    assert!(frontend.conflicts.iter().any(|conflict| {
        conflict.reason == ConflictReason::ServerSpeaksFirst
            && conflict.kept == node
            && conflict.lost == "service/shop/cart"
    }));
    let conservation = model.conservation;
    assert_eq!(conservation.edges, conservation.accounted());
}

#[test]
fn hosts_that_never_answered_and_loopback_get_no_egress() {
    let model = derive(&shop(), &EgressOptions::default());
    let frontend = service(&model, "frontend");
    assert_eq!(
        reason(frontend, "external/legacy.example.com:9999"),
        UnresolvedReason::Suspect
    );
    assert_eq!(
        reason(service(&model, "cart"), "external/localhost:4318"),
        UnresolvedReason::Loopback
    );
}

#[test]
fn a_service_without_outgoing_spans_is_unknown_not_silent() {
    let model = derive(&shop(), &EgressOptions::default());
    let knowledge = |name| service(&model, name).knowledge;
    assert_eq!(knowledge("mailer"), EgressKnowledge::Unknown);
    assert_eq!(knowledge("ledger"), EgressKnowledge::Unknown);
    // Only unresolved calls, but calls.
    assert_eq!(knowledge("search"), EgressKnowledge::Observed);
}

#[test]
fn a_contested_name_stays_with_the_destination_that_is_dialled_more() {
    let mut snapshot = shop();
    let mut rival = snapshot
        .edges
        .iter()
        .find(|edge| edge.callee == "service/shop/cart" && !edge.targets.is_empty())
        .unwrap()
        .clone();
    rival.callee = "service/shop/search".to_owned();
    rival.targets.truncate(1);
    rival.targets[0].calls = 1;
    snapshot.edges.push(rival);
    let model = derive(&snapshot, &EgressOptions::default());
    let frontend = service(&model, "frontend");
    assert!(frontend.conflicts.iter().any(|conflict| {
        conflict.value == "cart"
            && conflict.kept == "service/shop/cart"
            && conflict.lost == "service/shop/search"
            && conflict.reason == ConflictReason::SameAuthority
    }));
    assert_eq!(
        reason(frontend, "service/shop/search"),
        UnresolvedReason::LostConflict
    );
    assert_eq!(model.conservation.lost_conflict, 1);
}

#[test]
fn one_host_and_port_with_two_protocols_keeps_the_more_frequent() {
    let mut snapshot = shop();
    let edge = snapshot
        .edges
        .iter_mut()
        .find(|edge| edge.callee == "database/redis@redis:6379")
        .unwrap();
    let mut odd = edge.targets[0].clone();
    odd.scheme = "http".to_owned();
    odd.calls = 3;
    edge.targets.push(odd);
    let model = derive(&snapshot, &EgressOptions::default());
    let cart = service(&model, "cart");
    assert_eq!(cart.conflicts[0].reason, ConflictReason::TwoProtocols);
    let redis = destination(cart, "database/redis@redis:6379");
    assert_eq!(redis.protocol, DestinationProtocol::Tcp);
    assert_eq!(redis.targets.len(), 1);
}

/// A bare name may be found by any entry of the pod's search list; only a traced service shows which one.
#[test]
fn bare_names_of_untraced_hosts_are_left_to_the_search_list() {
    let model = derive(&shop(), &EgressOptions::default());
    let redis = destination(service(&model, "cart"), "database/redis@redis:6379");
    assert_eq!(redis.targets[0].dns.as_deref(), Some("redis"));
    assert!(!redis.targets[0].dns_is_absolute);
}

/// `redis` is dialled by its bare name in namespace `shop`; in `billing` that is another host.
#[test]
fn a_short_name_is_not_lent_to_another_namespace() {
    let mut snapshot = shop();
    let redis = |edge: &&crate::snapshot::Edge| edge.callee.starts_with("database/redis@redis:");
    let mut edge = snapshot.edges.iter().find(redis).unwrap().clone();
    edge.targets.clear();
    for caller in ["service/billing/ledger", "service/shop/search"] {
        edge.caller = caller.to_owned();
        snapshot.edges.push(edge.clone());
    }
    let model = derive(&snapshot, &EgressOptions::default());
    let search = destination(service(&model, "search"), "database/redis@redis:6379");
    assert_eq!(search.address_source, AddressSource::DialledByOthers);
    let ledger = service(&model, "ledger");
    assert_eq!(
        reason(ledger, "database/redis@redis:6379"),
        UnresolvedReason::NoAddress
    );
}

/// Completing `cart` to a name that does not exist would break the call, so nothing is completed without a sign that
/// the namespace exists.
#[test]
fn short_names_stay_as_dialled_where_nothing_shows_kubernetes() {
    let mut snapshot = shop();
    for node in &mut snapshot.nodes {
        node.facets.clear();
        node.served.clear();
    }
    for edge in &mut snapshot.edges {
        edge.targets
            .retain(|target| !target.host.ends_with(".svc.cluster.local"));
    }
    let bare = derive(&snapshot, &EgressOptions::default());
    let cart = destination(service(&bare, "frontend"), "service/shop/cart");
    assert_eq!(cart.targets[0].dns.as_deref(), Some("cart"));
    assert!(!cart.targets[0].dns_is_absolute);
    let mut assumed = EgressOptions {
        assume_kubernetes: true,
        ..EgressOptions::default()
    };
    let told = derive(&snapshot, &assumed);
    let cart = destination(service(&told, "frontend"), "service/shop/cart");
    assert_eq!(cart.targets[0].dns.as_deref(), Some("cart.shop"));
    assert!(!cart.targets[0].dns_is_absolute && !cart.targets[0].assumed);
    assumed.cluster_domain = Some("k8s.example".to_owned());
    let told = derive(&snapshot, &assumed);
    let cart = destination(service(&told, "frontend"), "service/shop/cart");
    assert_eq!(
        cart.targets[0].dns.as_deref(),
        Some("cart.shop.svc.k8s.example")
    );
    assert!(cart.targets[0].dns_is_absolute && cart.targets[0].assumed);
}

#[test]
fn only_valid_hosts_reach_the_model() {
    let model = derive(&hostile(), &EgressOptions::default());
    let all = model
        .services
        .iter()
        .flat_map(|service| &service.destinations);
    for target in all.flat_map(|destination| &destination.targets) {
        let reread = Host::parse(&target.host, false).expect("emitted hosts are valid");
        assert_eq!(reread.to_string(), target.host);
        assert!(target.port != 0 && target.port != 15001);
    }
    let inbound = model.services.iter().flat_map(|service| &service.inbound);
    assert!(inbound.into_iter().all(|inbound| inbound.port == 8080));
}

#[test]
fn the_order_of_nodes_edges_and_targets_does_not_matter() {
    for snapshot in [shop(), hostile()] {
        let forwards = derive(&snapshot, &EgressOptions::default());
        let mut turned = snapshot;
        turned.nodes.reverse();
        turned.edges.reverse();
        for edge in &mut turned.edges {
            edge.targets.reverse();
        }
        let mut backwards = derive(&turned, &EgressOptions::default());
        backwards.evidence = forwards.evidence.clone();
        assert_eq!(forwards, backwards);
    }
}

mod domain;

mod any_target {
    use proptest::prelude::*;

    use super::*;

    fn host() -> impl Strategy<Value = String> {
        prop_oneof![
            any::<String>(),
            "[a-c._:\\[\\]*-]{0,6}",
            "(10|127|0|224)\\.0\\.0\\.[0-9]",
            "[ab](\\.shop(\\.svc(\\.cluster\\.local\\.?)?)?)?",
        ]
    }

    fn scheme() -> impl Strategy<Value = String> {
        prop_oneof![any::<String>(), "(http|https|grpc|redis|tcp|)"]
    }

    fn port() -> impl Strategy<Value = Option<u16>> {
        prop_oneof![any::<Option<u16>>(), (79_u16..82).prop_map(Some)]
    }

    proptest! {
        /// Whatever spans name: no panic, nothing lost, one owner for every name and address of a port.
        #[test]
        fn is_emitted_once_or_listed(
            dialled in prop::collection::vec((0_usize..12, scheme(), host(), port(), host(), 0_u64..9), 0..40)
        ) {
            let mut snapshot = shop();
            let template = snapshot.edges[0].targets[0].clone();
            for (edge, scheme, host, port, socket, calls) in dialled {
                let mut target = template.clone();
                (target.scheme, target.host, target.port, target.calls) = (scheme, host, port, calls);
                target.sockets.insert(socket, 1);
                snapshot.edges[edge].targets.push(target);
            }
            let model = derive(&snapshot, &EgressOptions::default());
            prop_assert_eq!(model.conservation.edges, model.conservation.accounted());
            for service in &model.services {
                let mut owners = std::collections::BTreeMap::new();
                for destination in &service.destinations {
                    for target in &destination.targets {
                        prop_assert!(Host::parse(&target.host, false).is_ok());
                        for claimed in claims(target) {
                            let owner = owners.entry(claimed).or_insert(&destination.node);
                            prop_assert_eq!(*owner, &destination.node);
                        }
                    }
                }
            }
        }
    }

    fn claims(target: &EgressTarget) -> Vec<(u16, &'static str, String)> {
        let all = |kind, values: &[String]| {
            let claimed = values
                .iter()
                .map(|value| (target.port, kind, value.clone()));
            claimed.collect()
        };
        match &target.matches {
            TargetMatch::Authority(names) => all("authority", names),
            TargetMatch::Sni(names) => all("sni", names),
            TargetMatch::Addresses(ips) => {
                let texts: Vec<String> = ips.iter().map(ToString::to_string).collect();
                all("address", &texts)
            }
            TargetMatch::WholePort => all("port", &[String::new()]),
        }
    }
}
