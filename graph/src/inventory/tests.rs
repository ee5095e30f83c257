//! Questions to an inventory and what makes them have no answer.

use super::*;

fn labels(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    let pairs = pairs.iter();
    pairs
        .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
        .collect()
}

fn service(name: &str, ip: Option<&str>, app: &str) -> KubeService {
    KubeService {
        namespace: "shop".to_owned(),
        name: name.to_owned(),
        addressing: match ip {
            Some(_) => Addressing::VirtualIp,
            None => Addressing::Headless,
        },
        cluster_ips: ip.iter().map(|ip| ip.parse().unwrap()).collect(),
        external_name: None,
        ports: vec![ServicePort {
            name: None,
            port: 8080,
            app_protocol: None,
            target: None,
        }],
        selector: labels(&[("app", app)]),
    }
}

fn workload(name: &str, app: &str) -> KubeWorkload {
    KubeWorkload {
        kind: "Deployment".to_owned(),
        namespace: "shop".to_owned(),
        name: name.to_owned(),
        pod_labels: labels(&[("app", app), ("version", "3")]),
        selector: labels(&[("app", app)]),
        has_expressions: false,
        ..KubeWorkload::default()
    }
}

fn slice(name: &str, port: u16, ready: bool) -> KubeSlice {
    KubeSlice {
        namespace: "shop".to_owned(),
        name: name.to_owned(),
        service: "cart".to_owned(),
        ports: vec![SlicePort {
            name: None,
            port: Some(port),
            is_tcp: true,
        }],
        endpoints: vec![KubeEndpoint {
            addresses: vec!["10.1.0.7".parse().unwrap()],
            ready,
            zone: None,
            node: Some("n1".to_owned()),
        }],
    }
}

#[test]
fn a_virtual_address_of_two_services_belongs_to_none() {
    let inventory = Inventory::new(KubeObjects {
        services: vec![
            service("a", Some("10.96.0.1"), "a"),
            service("b", Some("10.96.0.1"), "b"),
            service("c", Some("10.96.0.2"), "c"),
        ],
        ..KubeObjects::default()
    });
    let at = |ip: &str| inventory.service_at(ip.parse().unwrap());
    assert_eq!(at("10.96.0.1"), None);
    assert_eq!(at("10.96.0.2").unwrap().name, "c");
    assert!(inventory.lists_services_of("shop"));
    assert!(!inventory.lists_services_of("sho"));
    assert!(!inventory.lists_services_of("shopping"));
}

#[test]
fn services_and_workloads_are_joined_by_labels_only() {
    let mut empty = service("empty", None, "cart");
    empty.selector.clear();
    let inventory = Inventory::new(KubeObjects {
        services: vec![
            service("cart", None, "cart"),
            service("cart-web", Some("10.96.0.1"), "cart"),
            empty,
        ],
        workloads: vec![workload("cart-v1", "cart"), workload("cart-v2", "cart")],
        ..KubeObjects::default()
    });
    let first = inventory.workload("Deployment", "shop", "cart-v1").unwrap();
    let names: Vec<&str> = inventory
        .services_of(first)
        .iter()
        .map(|service| service.name.as_str())
        .collect();
    assert_eq!(names, ["cart", "cart-web"]);
    let others = inventory.others_selected(&first.selector, first);
    assert_eq!(others.len(), 1);
    assert_eq!(others[0].name, "cart-v2");
}

#[test]
fn endpoints_are_given_only_where_all_ready_ones_have_the_dialled_port() {
    let with = |slices: Vec<KubeSlice>| {
        let inventory = Inventory::new(KubeObjects {
            services: vec![service("cart", None, "cart")],
            slices,
            nodes: vec![KubeNode {
                name: "n1".to_owned(),
                zone: Some("za".to_owned()),
            }],
            ..KubeObjects::default()
        });
        let cart = inventory.service("shop", "cart").unwrap();
        inventory.headless_endpoints(cart, 8080)
    };
    let good = with(vec![slice("x", 8080, true)]).unwrap();
    assert_eq!(good.len(), 1);
    assert_eq!(good[0].zone.as_deref(), Some("za"));
    assert_eq!(
        with(vec![slice("x", 8080, true), slice("y", 9090, true)]),
        None
    );
    assert_eq!(
        with(vec![slice("x", 8080, true), slice("y", 9090, false)]),
        Some(good)
    );
    assert_eq!(with(vec![slice("x", 8080, false)]), Some(Vec::new()));
}
