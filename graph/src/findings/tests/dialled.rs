//! What is dialled: public names of internal services, names that several share, addresses.

use super::*;
use crate::egress::AddressSource;

/// `a` goes around by a public name; `others` dial the callee at these hosts.
fn around(others: &[(&str, &str)], served: &[&str]) -> GraphSnapshot {
    let mut leaving = edge("service/a", "service/gw", 30);
    leaving.flags.insert("hairpin".to_owned(), 20);
    leaving.targets = vec![at("shop.example.com", 443, 20)];
    let mut edges = vec![leaving];
    for (caller, host) in others {
        let mut other = edge(caller, "service/gw", 5);
        other.targets = vec![at(host, 8080, 5)];
        edges.push(other);
    }
    let mut graph = only(edges);
    for id in ["service/a", "service/gw"] {
        facet(&mut graph, id, "kube_namespace", &["shop"]);
    }
    let served = served.iter().map(|host| at(host, 8080, 1));
    node(&mut graph, "service/gw").served = served.collect();
    graph
}

fn inside(graph: &GraphSnapshot) -> Vec<(String, AddressSource)> {
    let found = cases!(graph, Hairpin, "hairpin");
    assert_eq!((found[0].calls, found[0].of), (20, 30));
    assert_eq!(found[0].public.listed.len(), 1);
    assert_eq!(found[0].public.listed[0].host, "shop.example.com");
    let inside = found[0].inside.listed.iter();
    inside
        .map(|name| (name.host.clone(), name.source))
        .collect()
}

#[test]
fn a_hairpin_tells_the_internal_name_that_was_seen_and_never_makes_one_up() {
    use AddressSource::{DialledByOthers, ServedByCallee};
    let name = |host: &str, source| vec![(host.to_owned(), source)];
    assert_eq!(inside(&around(&[], &[])), []);
    assert_eq!(inside(&around(&[], &["shop.example.com", "10.0.0.7"])), []);
    assert_eq!(
        inside(&around(&[("service/b", "www.example.org")], &[])),
        []
    );
    let by_others = around(&[("service/b", "gw.shop")], &["gw"]);
    assert_eq!(inside(&by_others), name("gw.shop", DialledByOthers));
    let served = around(&[], &["shop.example.com", "gw"]);
    assert_eq!(inside(&served), name("gw", ServedByCallee));
    let complete = around(&[("service/b", "gw.shop.svc.cluster.local")], &[]);
    assert_eq!(
        inside(&complete),
        name("gw.shop.svc.cluster.local", DialledByOthers)
    );
}

/// `gw` alone means another service in the namespace of the caller.
#[test]
fn a_short_name_of_another_namespace_is_no_internal_address() {
    let mut graph = around(&[("service/b", "gw")], &[]);
    facet(&mut graph, "service/b", "kube_namespace", &["other"]);
    assert_eq!(inside(&graph), []);
    facet(&mut graph, "service/b", "kube_namespace", &["shop"]);
    assert_eq!(inside(&graph).len(), 1);
}

#[test]
fn a_shared_host_tells_who_stands_behind_it_and_who_calls() {
    let shared = |caller: &str, calls| {
        let mut edge = edge(caller, "shared_host/lb.shop:443", calls);
        edge.evidence.paired = 0;
        edge
    };
    let mut seen = edge("service/c", "service/x", 40);
    seen.targets = vec![at("lb.shop.svc", 443, 25), at("x.shop", 443, 15)];
    let mut other = edge("service/c", "service/y", 5);
    other.targets = vec![at("lb.shop.svc.cluster.local", 443, 5)];
    let mut graph = only(vec![
        shared("service/a", 30),
        shared("service/b", 70),
        seen,
        other,
    ]);
    node(&mut graph, "shared_host/lb.shop:443").address = Some("lb.shop:443".to_owned());
    let found = of(&graph, "shared_host");
    assert_eq!((found.part, found.whole), (100, 145));
    let hosts = cases!(&graph, SharedHost, "shared_host");
    assert_eq!((hosts[0].calls, hosts[0].answered), (100, 30));
    assert_eq!(
        names(&hosts[0].callers),
        [("service/b", 70), ("service/a", 30)]
    );
    assert_eq!(
        names(&hosts[0].behind),
        [("service/x", 25), ("service/y", 5)]
    );
    // The same private name in another environment is another thing.
    node(&mut graph, "shared_host/lb.shop:443").environment = "prod".to_owned();
    let hosts = cases!(&graph, SharedHost, "shared_host");
    assert_eq!(hosts[0].behind.listed, []);
}

#[test]
fn calls_by_ip_tell_the_name_that_others_dial() {
    let mut by_ip = edge("service/a", "service/b", 40);
    by_ip.targets = vec![at("10.0.0.7", 80, 30), at("b.shop", 80, 10)];
    let mut six = edge("service/a", "external/2001:db8::1", 9);
    six.targets = vec![at("2001:db8::1", 443, 9)];
    let mut metadata = edge("service/a", "service/meta", 9);
    metadata.targets = vec![at("169.254.169.254", 80, 9)];
    let mut graph = only(vec![by_ip, six, metadata]);
    node(&mut graph, "service/meta").kind = crate::snapshot::NodeKind::Metadata;
    let found = of(&graph, "calls_by_ip");
    assert_eq!((found.part, found.whole), (39, 58));
    let edges = cases!(&graph, CallsByIp, "calls_by_ip");
    assert_eq!(edges.len(), 2);
    assert_eq!((edges[0].calls, edges[0].of), (30, 40));
    assert_eq!(edges[0].addresses.listed[0].host, "10.0.0.7");
    assert_eq!(edges[0].names.listed[0].host, "b.shop");
    assert_eq!(
        edges[0].names.listed[0].source,
        AddressSource::DialledByCaller
    );
    assert_eq!(edges[1].names.listed, []);
}
