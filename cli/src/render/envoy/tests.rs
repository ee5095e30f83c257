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
    let files = render(&model, &EnvoyOptions::default());
    let Some(Entry::File(text)) = files.get("index.json") else {
        panic!("no index");
    };
    let index: serde_json::Value = serde_json::from_str(text).unwrap();
    let services = index["services"].as_object().unwrap();
    assert_eq!(services.len(), model.services.len());
    let mut listed = 3;
    for entry in services.values() {
        let directory = format!("{}/", entry["directory"].as_str().unwrap());
        let own: FileSet = files
            .iter()
            .filter(|(path, _)| path.as_str().starts_with(&directory))
            .map(|(path, entry)| (path.clone(), entry.clone()))
            .collect();
        assert_eq!(entry["content_sha256"], content_hash(&own));
        listed += own.len();
    }
    assert_eq!(listed, files.len());
}

#[test]
fn ports_of_the_sidecar_are_withheld_and_reported() {
    let model = hostile();
    let options = EnvoyOptions {
        outbound_port: 8080,
        ..EnvoyOptions::default()
    };
    let withheld: BTreeMap<&str, Vec<String>> = model
        .services
        .iter()
        .map(|service| {
            (
                service.id.as_str(),
                ServicePlan::new(service, &options).withheld,
            )
        })
        .collect();
    let own = &withheld["service/h/00"];
    assert!(own.contains(&"port 8080 belongs to the sidecar".to_owned()));
    assert!(own.iter().any(|reason| reason.contains("capture is IPv4")));
}

fn shop_clusters(service: &str) -> String {
    let text = include_str!("../../../../fixtures/egress/shop/snapshot.json");
    let snapshot: GraphSnapshot = serde_json::from_str(text).unwrap();
    let model = derive(&snapshot, &EgressOptions::default());
    let path = format!("services/prod/shop/{service}/xds/gen-0001/cds.yaml");
    match render(&model, &EnvoyOptions::default()).remove(path.as_str()) {
        Some(Entry::File(text)) => text,
        other => panic!("{other:?}"),
    }
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
        let limits = clusters.lines().filter(|line| line.contains("max_"));
        for line in limits.filter(|line| !line.contains("max_connection_duration")) {
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
