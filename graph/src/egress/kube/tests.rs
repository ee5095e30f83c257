//! Addresses from an inventory and from a template, where exactly one fits, and where not.

use std::collections::BTreeMap;

use crate::egress::{
    AddressSource, EgressModel, EgressOptions, EgressTarget, ServiceEgress, TargetProtocol,
    UnresolvedReason, derive,
};
use crate::inventory::{
    Addressing, Inventory, InventoryNoteKind, KubeObjects, KubeService, KubeWorkload, ServicePort,
};
use crate::policy::NamingTemplate;
use crate::snapshot::testing::{edge, service as diagnosed, snapshot};
use crate::snapshot::{GraphSnapshot, Node};

const WEB: &str = "service/shop/web";
const CART: &str = "service/shop/cart";

/// `web` calls `cart` over these protocols, and no span names an address.
fn graph(protocols: &[&str]) -> GraphSnapshot {
    let mut nameless = edge(WEB, CART, 7);
    nameless.targets.clear();
    nameless.protocols = protocols
        .iter()
        .map(|name| ((*name).to_owned(), 7))
        .collect();
    let mut made = snapshot(vec![diagnosed(WEB, &[("client", 7)])], vec![nameless]);
    for node in &mut made.nodes {
        node.namespace = "shop".to_owned();
        node.facets
            .insert("kube_namespace".to_owned(), [("shop".to_owned(), 9)].into());
    }
    made
}

fn cart(graph: &mut GraphSnapshot) -> &mut Node {
    graph.nodes.iter_mut().find(|node| node.id == CART).unwrap()
}

fn labels(app: &str) -> BTreeMap<String, String> {
    [("app".to_owned(), app.to_owned())].into()
}

fn service(name: &str, ports: &[(u16, Option<&str>)]) -> KubeService {
    let ports = ports.iter().map(|(port, protocol)| ServicePort {
        name: Some(format!("p{port}")),
        port: *port,
        app_protocol: protocol.map(str::to_owned),
        target: None,
    });
    KubeService {
        namespace: "shop".to_owned(),
        name: name.to_owned(),
        addressing: Addressing::VirtualIp,
        cluster_ips: vec!["10.96.0.5".parse().unwrap()],
        external_name: None,
        ports: ports.collect(),
        selector: labels("cart"),
    }
}

fn workload(kind: &str, name: &str) -> KubeWorkload {
    KubeWorkload {
        kind: kind.to_owned(),
        namespace: "shop".to_owned(),
        name: name.to_owned(),
        pod_labels: labels("cart"),
        selector: labels("cart"),
        has_expressions: false,
        ..KubeWorkload::default()
    }
}

fn with(
    graph: &GraphSnapshot,
    services: Vec<KubeService>,
    workloads: Vec<KubeWorkload>,
) -> EgressModel {
    let inventory = Inventory::new(KubeObjects {
        services,
        workloads,
        ..KubeObjects::default()
    });
    let options = EgressOptions {
        inventory: Some(inventory),
        ..EgressOptions::default()
    };
    derive(graph, &options)
}

fn web(model: &EgressModel) -> &ServiceEgress {
    model
        .services
        .iter()
        .find(|service| service.id == WEB)
        .unwrap()
}

fn target(model: &EgressModel) -> &EgressTarget {
    &web(model).destinations[0].targets[0]
}

fn refused(model: &EgressModel) -> UnresolvedReason {
    assert!(web(model).destinations.is_empty());
    assert_eq!(model.conservation.edges, model.conservation.accounted());
    web(model).unresolved[0].reason
}

#[test]
fn the_only_service_of_the_workload_gives_the_address() {
    let graph = graph(&["grpc"]);
    let one = service("cart-api", &[(80, None)]);
    let model = with(&graph, vec![one], vec![workload("Deployment", "cart")]);
    assert_eq!(
        web(&model).destinations[0].address_source,
        AddressSource::Inventory
    );
    let found = target(&model);
    assert_eq!((found.host.as_str(), found.port), ("cart-api.shop.svc", 80));
    assert_eq!(found.protocol, TargetProtocol::Grpc);
    assert_eq!(found.kube_service.as_deref(), Some("shop/cart-api"));
    // No domain was seen, so none is made up; but in this cluster the short names mean this service.
    assert!(!found.dns_is_absolute && !found.assumed);
    let expected = ["cart-api.shop.svc", "cart-api.shop", "cart-api"].map(str::to_owned);
    assert_eq!(
        found.matches,
        crate::egress::TargetMatch::Authority(expected.into())
    );
}

#[test]
fn two_services_two_workloads_or_none_are_not_guessed_between() {
    let graph = graph(&["http/1.1"]);
    let ports = [(80, None)];
    let both = || vec![service("cart", &ports), service("cart-api", &ports)];
    let deployment = || vec![workload("Deployment", "cart")];
    let model = with(&graph, both(), deployment());
    assert_eq!(refused(&model), UnresolvedReason::AmbiguousInventory);
    let hosts: Vec<&str> = web(&model).unresolved[0]
        .targets
        .iter()
        .map(|raw| raw.host.as_str())
        .collect();
    assert_eq!(hosts, ["cart-api.shop.svc", "cart.shop.svc"]);
    let two = vec![
        workload("Deployment", "cart"),
        workload("StatefulSet", "cart"),
    ];
    let model = with(&graph, vec![service("cart", &ports)], two);
    assert_eq!(refused(&model), UnresolvedReason::NoAddress);
    let model = with(&graph, vec![service("cart", &ports)], Vec::new());
    assert_eq!(
        refused(&model),
        UnresolvedReason::NoAddress,
        "a name alone proves nothing"
    );
    let elsewhere = vec![workload("Deployment", "basket")];
    let model = with(&graph, vec![service("cart", &ports)], elsewhere);
    assert_eq!(refused(&model), UnresolvedReason::NoAddress);
}

#[test]
fn attributes_name_the_workload_whatever_the_service_is_called() {
    let mut graph = graph(&["http/1.1"]);
    let attributes = &mut cart(&mut graph).attributes;
    attributes.insert("k8s.deployment.name".to_owned(), "basket".to_owned());
    let workloads = || {
        vec![
            workload("Deployment", "basket"),
            workload("StatefulSet", "cart"),
        ]
    };
    let model = with(&graph, vec![service("x", &[(80, None)])], workloads());
    assert_eq!(target(&model).host, "x.shop.svc");
    let found = model
        .services
        .iter()
        .find(|service| service.id == CART)
        .unwrap();
    let found_workload = found.workload.as_ref().unwrap();
    assert_eq!(
        (found_workload.name.as_str(), found_workload.confirmed),
        ("basket", true)
    );
    assert_eq!(
        found.inventory_notes[0].note,
        InventoryNoteKind::SharedSelector
    );
    let missing = with(
        &graph,
        vec![service("x", &[(80, None)])],
        vec![workload("StatefulSet", "cart")],
    );
    assert_eq!(refused(&missing), UnresolvedReason::NoAddress);
    let found = missing
        .services
        .iter()
        .find(|service| service.id == CART)
        .unwrap();
    assert_eq!(
        found.inventory_notes[0].note,
        InventoryNoteKind::UnknownWorkload
    );
    assert!(!found.workload.as_ref().unwrap().confirmed);
}

#[test]
fn of_several_ports_the_one_that_fits_what_was_seen_is_taken() {
    let deployment = || vec![workload("Deployment", "cart")];
    let ports = [
        (80, Some("http")),
        (81, Some("kubernetes.io/h2c")),
        (6379, Some("redis")),
    ];
    let model = with(
        &graph(&["redis"]),
        vec![service("cart", &ports)],
        deployment(),
    );
    assert_eq!(
        (target(&model).port, target(&model).protocol),
        (6379, TargetProtocol::Tcp)
    );
    let address = "10.96.0.5".parse().unwrap();
    assert_eq!(
        target(&model).matches,
        crate::egress::TargetMatch::Addresses(vec![address])
    );
    let mut http = graph(&["http/1.1"]);
    let model = with(&http, vec![service("cart", &ports)], deployment());
    assert_eq!(refused(&model), UnresolvedReason::AmbiguousInventory);
    let mut served = crate::snapshot::testing::target("10.1.0.7");
    served.port = Some(81);
    cart(&mut http).served.push(served);
    let model = with(&http, vec![service("cart", &ports)], deployment());
    assert_eq!(target(&model).port, 81);
    let secure = [(443, Some("https"))];
    let model = with(&http, vec![service("cart", &secure)], deployment());
    assert_eq!(
        target(&model).protocol,
        TargetProtocol::Tls,
        "spans say nothing of TLS"
    );
}

#[test]
fn in_a_graph_of_several_clusters_addresses_of_one_are_not_used() {
    let mut graph = graph(&["redis"]);
    let clusters = [("east".to_owned(), 1), ("west".to_owned(), 1)];
    cart(&mut graph)
        .facets
        .insert("cluster".to_owned(), clusters.into());
    let one = service("cart", &[(6379, Some("redis"))]);
    let model = with(&graph, vec![one], vec![workload("Deployment", "cart")]);
    assert_eq!(
        target(&model).matches,
        crate::egress::TargetMatch::WholePort
    );
    let notes = &web(&model).inventory_notes;
    assert_eq!(notes[0].note, InventoryNoteKind::SeveralClusters);
}

#[test]
fn a_template_fills_in_names_that_are_labels_and_marks_what_it_makes_as_assumed() {
    let template = |host: &str| {
        let mut options = EgressOptions::default();
        options.policy.naming = Some(NamingTemplate {
            host: host.to_owned(),
            port: 8080,
            protocol: None,
        });
        options
    };
    let plain = graph(&["http/1.1"]);
    let options = template("{service}.{namespace}.svc.example.internal");
    let model = derive(&plain, &options);
    assert_eq!(
        web(&model).destinations[0].address_source,
        AddressSource::Assumed
    );
    assert_eq!(target(&model).host, "cart.shop.svc.example.internal");
    assert!(target(&model).assumed);
    for host in [
        "{service}.{environment}",
        "{service}.{cluster_domain}",
        "{other}",
        "{service",
    ] {
        assert_eq!(
            refused(&derive(&plain, &template(host))),
            UnresolvedReason::NoAddress,
            "{host}"
        );
    }
    for name in ["cart.evil.example", "ca rt", "", "*", "../x"] {
        let mut hostile = graph(&["http/1.1"]);
        cart(&mut hostile).name = name.to_owned();
        assert_eq!(
            refused(&derive(&hostile, &options)),
            UnresolvedReason::NoAddress,
            "{name}"
        );
    }
}
