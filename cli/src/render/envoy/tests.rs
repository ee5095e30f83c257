//! Properties of whole file sets; a real Envoy reads them in the end-to-end tests.

use std::collections::{BTreeMap, BTreeSet};

use tracemesh_graph::egress::{EgressOptions, derive};
use tracemesh_graph::snapshot::GraphSnapshot;

use super::*;

fn hostile() -> EgressModel {
    let text = include_str!("../../../../fixtures/egress/hostile/snapshot.json");
    let snapshot: GraphSnapshot = serde_json::from_str(text).unwrap();
    derive(&snapshot, &EgressOptions::default())
}

#[test]
fn every_service_has_a_directory_of_its_own_whatever_its_name() {
    let model = hostile();
    let directories = names::service_directories(&model.services);
    let distinct: BTreeSet<String> = directories
        .iter()
        .map(|directory| directory.to_lowercase())
        .collect();
    assert_eq!(distinct.len(), model.services.len());
    for directory in &directories {
        assert_eq!(directory.split('/').count(), 4, "{directory}");
        assert!(RelativePath::new(directory).is_ok(), "{directory}");
    }
}

#[test]
fn no_name_breaks_out_of_its_line() {
    let files = render(&hostile(), &EnvoyOptions::default());
    for (path, entry) in &files {
        let Entry::File(text) = entry else { continue };
        if path.as_str().ends_with(".yaml") {
            assert!(
                text.bytes()
                    .all(|byte| byte == b'\n' || (b' '..=b'~').contains(&byte)),
                "{path}"
            );
            let comments = text.lines().filter(|line| line.starts_with('#')).count();
            assert_eq!(comments, 1, "{path}");
        }
    }
}

#[test]
fn the_index_leads_to_every_file() {
    let model = hostile();
    let options = EnvoyOptions::default();
    let files = render(&model, &options);
    let Some(Entry::File(text)) = files.get("index.json") else {
        panic!("no index");
    };
    let index: serde_json::Value = serde_json::from_str(text).unwrap();
    let services = index["services"].as_object().unwrap();
    assert_eq!(services.len(), model.services.len());
    let mut listed = 3;
    for entry in services.values() {
        let directory = format!("{}/", entry["directory"].as_str().unwrap());
        let own = files
            .keys()
            .filter(|path| path.as_str().starts_with(&directory));
        listed += own.count();
    }
    assert_eq!(listed, files.len());
}

#[test]
fn the_content_hash_knows_nothing_of_generations_but_all_of_contents() {
    let hashes = |generation: u32, port: u16| -> Vec<String> {
        let model = hostile();
        let ids = model.services.iter().map(|service| service.id.clone());
        let options = EnvoyOptions {
            generations: ids.map(|id| (id, generation)).collect(),
            admin_port: port,
            ..EnvoyOptions::default()
        };
        let Some(Entry::File(text)) = render(&model, &options).remove("index.json") else {
            panic!("no index");
        };
        let index: serde_json::Value = serde_json::from_str(&text).unwrap();
        let services = index["services"].as_object().unwrap().values();
        services
            .map(|entry| entry["content_sha256"].to_string())
            .collect()
    };
    assert_eq!(hashes(1, 15000), hashes(7, 15000));
    let (one, other) = (hashes(1, 15000), hashes(1, 15002));
    assert!(one.iter().zip(&other).all(|(one, other)| one != other));
}

#[test]
fn ports_of_the_sidecar_are_left_out_and_reported() {
    let model = hostile();
    let options = EnvoyOptions {
        outbound_port: 8080,
        ..EnvoyOptions::default()
    };
    let left_out: BTreeMap<&str, Vec<String>> = model
        .services
        .iter()
        .map(|service| {
            (
                service.id.as_str(),
                ServicePlan::new(service, None, &options).left_out,
            )
        })
        .collect();
    let own = &left_out["service/h/00"];
    assert!(own.contains(&"port 8080 belongs to the sidecar".to_owned()));
    assert!(own.iter().any(|reason| reason.contains("capture is IPv4")));
}

fn shop() -> EgressModel {
    let text = include_str!("../../../../fixtures/egress/shop/snapshot.json");
    let snapshot: GraphSnapshot = serde_json::from_str(text).unwrap();
    derive(&snapshot, &EgressOptions::default())
}

/// One file of a service of the shop, below its directory.
fn file_of(model: &EgressModel, options: &EnvoyOptions, service: &str, path: &str) -> String {
    let path = format!("services/prod/shop/{service}/{path}");
    match render(model, options).remove(path.as_str()) {
        Some(Entry::File(text)) => text,
        other => panic!("{path}: {other:?}"),
    }
}

fn shop_clusters(service: &str) -> String {
    let options = EnvoyOptions::default();
    file_of(&shop(), &options, service, "xds/gen-0001/cds.yaml")
}

/// The lines of one cluster.
fn cluster_of<'a>(clusters: &'a str, node: &str) -> &'a str {
    let wanted = format!("to: \"{node}\"");
    let mut all = clusters.split("\n- \"@type\": ");
    all.find(|cluster| cluster.contains(&wanted)).unwrap()
}

/// Defining an edge must not make it less safe than leaving it to the passthrough.
#[test]
fn no_cluster_has_a_limit_that_the_passthrough_has_not() {
    for service in ["cart", "checkout", "frontend", "recommend"] {
        let clusters = shop_clusters(service);
        let other = ["max_connection_duration", "max_headers_count"];
        let limits = clusters.lines().filter(|line| line.contains("max_"));
        for line in limits.filter(|line| !other.iter().any(|other| line.contains(other))) {
            assert!(line.ends_with(": 1000000"), "{line}");
        }
    }
}

#[test]
fn http2_behind_kubernetes_names_renews_its_connections() {
    let clusters = shop_clusters("frontend");
    let renews = |node| {
        let cluster = cluster_of(&clusters, node);
        assert_eq!(
            cluster.contains("max_connection_duration: \"60s\""),
            cluster.contains("headless"),
            "{cluster}"
        );
        cluster.contains("max_connection_duration")
    };
    assert!(renews("service/shop/checkout"));
    assert!(!renews("service/shop/cart"));
    assert!(!renews("external/10.9.8.7:8080"));
}

/// What a service costs depends on what it dials, not on how many services there are: that is why an exact list beats
/// one that knows everything.
#[test]
fn the_files_of_a_service_grow_with_its_own_destinations_alone() {
    let size = |destinations: usize, others: usize| -> usize {
        let mut model = shop();
        let dialled = cart_destination(&model);
        let services: Vec<ServiceEgress> = (0..=others)
            .map(|index| {
                let mut service = model.services[0].clone();
                service.id = format!("service/n/{index}");
                service.name = format!("n{index}");
                service.destinations = (0..destinations)
                    .map(|index| renamed(&dialled, index))
                    .collect();
                service
            })
            .collect();
        model.services = services;
        let options = EnvoyOptions::default();
        let (_, files) = Renderer::new(&model, &options, None).render(0);
        let texts = files.beside.values().chain(files.generation.values());
        texts.map(String::len).sum()
    };
    let (empty, twenty, forty) = (size(0, 0), size(20, 0), size(40, 0));
    assert_eq!(size(20, 300), twenty);
    assert!(twenty < 200_000, "{twenty}");
    assert!(
        forty - empty < 2 * (twenty - empty) + 1000,
        "{empty} {twenty} {forty}"
    );
}

fn cart_destination(model: &EgressModel) -> tracemesh_graph::egress::Destination {
    let mut all = model
        .services
        .iter()
        .flat_map(|service| &service.destinations);
    let cart = all.find(|destination| destination.node == "service/shop/cart");
    cart.unwrap().clone()
}

/// The same destination under other names.
fn renamed(
    destination: &tracemesh_graph::egress::Destination,
    index: usize,
) -> tracemesh_graph::egress::Destination {
    let text = serde_json::to_string(destination).unwrap();
    serde_json::from_str(&text.replace("cart", &format!("cart-{index:04}"))).unwrap()
}

mod tuned;
