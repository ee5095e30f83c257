//! Names are completed with a domain that was dialled or given, and with no other.

use super::*;
use crate::snapshot::Edge;

/// The shop, dialled under this domain instead of `cluster.local`.
fn shop_in(domain: &str) -> GraphSnapshot {
    let text = include_str!("../../../../fixtures/egress/shop/snapshot.json");
    fixture(&text.replace(".svc.cluster.local", &format!(".svc.{domain}")))
}

fn cart_edge(snapshot: &mut GraphSnapshot) -> &mut Edge {
    snapshot
        .edges
        .iter_mut()
        .find(|edge| edge.caller.ends_with("/frontend") && edge.callee.ends_with("/cart"))
        .unwrap()
}

/// The names to resolve for what the frontend dials at the cart, and whether they are complete.
fn resolved(snapshot: &GraphSnapshot, options: &EgressOptions) -> BTreeSet<(String, bool)> {
    let model = derive(snapshot, options);
    let cart = destination(service(&model, "frontend"), "service/shop/cart");
    let names = cart.targets.iter();
    names
        .map(|target| (target.dns.clone().unwrap(), target.dns_is_absolute))
        .collect()
}

fn only(name: &str, absolute: bool) -> BTreeSet<(String, bool)> {
    BTreeSet::from([(name.to_owned(), absolute)])
}

#[test]
fn the_domain_is_the_one_that_was_dialled() {
    let options = EgressOptions::default();
    let full = only("cart.shop.svc.corp.internal", true);
    assert_eq!(resolved(&shop_in("corp.internal"), &options), full);
}

#[test]
fn without_a_domain_the_most_qualified_dialled_form_is_used() {
    let mut snapshot = shop();
    cart_edge(&mut snapshot)
        .targets
        .retain(|target| !target.host.contains(".svc"));
    for node in &mut snapshot.nodes {
        node.served.clear();
    }
    let options = EgressOptions::default();
    assert_eq!(resolved(&snapshot, &options), only("cart.shop", false));
    let model = derive(&snapshot, &options);
    let cart = destination(service(&model, "frontend"), "service/shop/cart");
    for target in &cart.targets {
        assert!(target.kubernetes && !target.assumed);
        assert_eq!(authorities(target), [target.host.as_str()]);
    }
    let told = EgressOptions {
        cluster_domain: Some("k8s.example".to_owned()),
        ..options
    };
    let full = only("cart.shop.svc.k8s.example", true);
    assert_eq!(resolved(&snapshot, &told), full);
}

/// Two clusters in one data set: a short name belongs to one of them, and nothing tells which.
#[test]
fn with_two_domains_short_names_stay_as_dialled() {
    let mut snapshot = shop();
    let edge = cart_edge(&mut snapshot);
    let mut other = edge.targets[0].clone();
    other.host = "cart.shop.svc.second.example".to_owned();
    edge.targets.push(other);
    let expected = BTreeSet::from([
        ("cart.shop".to_owned(), false),
        ("cart.shop.svc.cluster.local".to_owned(), true),
        ("cart.shop.svc.second.example".to_owned(), true),
    ]);
    assert_eq!(resolved(&snapshot, &EgressOptions::default()), expected);
}

#[test]
fn a_domain_under_which_nobody_ever_answered_is_not_learnt() {
    let mut snapshot = shop();
    let dead = snapshot
        .edges
        .iter_mut()
        .find(|edge| edge.callee.contains("legacy"))
        .unwrap();
    dead.targets[0].host = "legacy.shop.svc.typo".to_owned();
    let full = only("cart.shop.svc.cluster.local", true);
    assert_eq!(resolved(&snapshot, &EgressOptions::default()), full);
}

/// A top-level domain is not a namespace, and a resolver may complete what looks complete.
#[test]
fn names_outside_kubernetes_are_never_completed() {
    let mut snapshot = shop();
    let edge = snapshot
        .edges
        .iter_mut()
        .find(|edge| edge.callee.contains("payments"))
        .unwrap();
    let mut short = edge.targets[0].clone();
    short.host = "www.shop".to_owned();
    edge.targets.push(short);
    let model = derive(&snapshot, &EgressOptions::default());
    let payments = destination(
        service(&model, "checkout"),
        "external/payments.example.com:443",
    );
    assert_eq!(payments.targets.len(), 2);
    for target in &payments.targets {
        assert_eq!(target.dns.as_deref(), Some(target.host.as_str()));
        assert!(!target.dns_is_absolute && !target.kubernetes);
    }
}

#[test]
fn what_is_no_label_of_kubernetes_is_not_taken_for_one() {
    for host in ["_grpc.shop", "9cart.shop", "a.b.cart.shop", "cart_1"] {
        let mut snapshot = shop();
        let edge = cart_edge(&mut snapshot);
        edge.targets.truncate(1);
        edge.targets[0].host = host.to_owned();
        let options = EgressOptions::default();
        assert_eq!(resolved(&snapshot, &options), only(host, false), "{host}");
    }
}
