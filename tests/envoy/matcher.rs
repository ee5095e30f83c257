//! The matcher of `tracemesh verify` against a real Envoy on the same files: for every connection, the cluster whose counter
//! rises is the one that the matcher names.

mod cases;
mod stage;

use std::fs;
use std::net::{IpAddr, Ipv4Addr, SocketAddrV4, TcpListener};
use std::path::Path;

use tempfile::TempDir;
use tracemesh::output_dir::envoy::write_envoy;
use tracemesh::render::envoy::{Capture, EnvoyOptions};
use tracemesh::verify::{read_index, read_tables};
use tracemesh_graph::egress::{EgressOptions, derive};
use tracemesh_graph::snapshot::NodeKind;
use tracemesh_graph::verify::{Connection, End, SidecarTables, Speech, deliver};

use super::dns;
use super::fakes::Fake;
use super::reach::dial_each_kind;
use super::snapshots::{Dialled, Graph, node};
use crate::harness::envoy::envoy;
use crate::harness::root;
use cases::{cases_by_hand, generated_cases};
use stage::Stage;

/// An address of this process alone.
fn address(host: u8) -> Ipv4Addr {
    let [.., high, low] = std::process::id().to_be_bytes();
    Ipv4Addr::new(127, 128 | (high & 63), low, host)
}

/// The tables of the service whose files lie in a directory.
pub(super) fn tables_in(directory: &Path) -> SidecarTables {
    let own = directory.file_name().unwrap().to_str().unwrap();
    read_tables(directory.parent().unwrap(), own).unwrap()
}

/// The cluster that the matcher names for a connection, or its other answer.
pub(super) fn cluster_of(tables: &SidecarTables, to: SocketAddrV4, speech: &Speech<'_>) -> String {
    let connection = Connection {
        ip: Some(IpAddr::V4(*to.ip())),
        port: to.port(),
        speech: speech.clone(),
    };
    match deliver(tables, &connection).end {
        End::Cluster(name) => name.to_owned(),
        other => format!("{other:?}"),
    }
}

fn free_ports() -> [u16; 2] {
    let listeners = [(); 2].map(|()| TcpListener::bind("0.0.0.0:0").unwrap());
    listeners.map(|listener| listener.local_addr().unwrap().port())
}

/// The configuration of `fixtures/verify/matcher`, with its places filled in.
fn by_hand(ports: [u16; 2]) -> TempDir {
    let directory = tempfile::tempdir().unwrap();
    let own = directory.path().join("client");
    fs::create_dir_all(own.join("xds/rds")).unwrap();
    let [first, second, third, _] = address(0).octets();
    let fixture = root().join("fixtures/verify/matcher");
    for file in [
        "bootstrap.yaml",
        "xds/cds.yaml",
        "xds/lds.yaml",
        "xds/rds/http.yaml",
        "xds/rds/plain.yaml",
    ] {
        let text = fs::read_to_string(fixture.join(file)).unwrap();
        let text = text
            .replace("@NET@", &format!("{first}.{second}.{third}"))
            .replace("@CAPTURE@", &ports[0].to_string())
            .replace("@ADMIN@", &ports[1].to_string());
        fs::write(own.join(file), text).unwrap();
    }
    directory
}

#[test]
fn every_kind_of_condition_matches_as_in_envoy() {
    let Some(envoy) = envoy() else { return };
    let ports = [6379, 7777, 7778, 8080, 8081, 8443, 9000];
    let fakes: Vec<Fake> = (1..=9)
        .flat_map(|host| ports.map(|port| Fake::start(address(host), port, false)))
        .collect();
    let own = free_ports();
    let mut stage = Stage::start(envoy, by_hand(own), "client", own);
    let cases = cases_by_hand();
    assert!(cases.len() > 500, "{}", cases.len());
    let reached = stage.compare(&cases);
    // All clusters but the one whose chain wants a server name in clear text; 404, an answer of its own, and closed.
    assert_eq!(reached, 22 + 3);
    assert!(fakes.iter().any(|fake| fake.connections() > 0));
}

/// A caller with every kind of target that the generator tells apart.
fn generated() -> Graph {
    let client = node(NodeKind::Service, "client", "shop");
    let [literal, first, second, mail] = [115, 121, 122, 125].map(|host| address(host).to_string());
    let edges: [(&str, &[Dialled<'_>], &str); 4] = [
        (
            "redis-a",
            &[("redis", "redis-a.shop.svc", 6379, Some(&first))],
            "redis",
        ),
        (
            "redis-b",
            &[("redis", "redis-b.shop.svc", 6379, Some(&second))],
            "redis",
        ),
        ("kafka", &[("kafka", "kafka.shop.svc", 9092, None)], "kafka"),
        (
            "mail",
            &[("redis", "mail.shop.svc", 8443, Some(&mail))],
            "redis",
        ),
    ];
    let mut graph = Graph::default();
    dial_each_kind(&mut graph, "client", &literal);
    for (name, targets, protocol) in edges {
        let callee = node(NodeKind::Service, name, "shop");
        graph.dial(&client, &callee, targets, protocol);
    }
    graph
}

#[test]
fn generated_files_match_as_in_envoy() {
    let Some(envoy) = envoy() else { return };
    let names = [
        ("cart.shop.svc.cluster.local", 111),
        ("checkout.shop.svc.cluster.local", 112),
        ("payments.example.com", 113),
        ("search.shop.svc.cluster.local", 114),
    ];
    let names = names.map(|(name, host)| (name.to_owned(), address(host)));
    let fakes: Vec<Fake> = [111, 112, 113, 114, 115, 121, 122, 125, 129]
        .into_iter()
        .flat_map(|host| [6379, 7777, 8080, 8443, 9092, 50051].map(|port| (host, port)))
        .map(|(host, port)| Fake::start(address(host), port, false))
        .collect();
    let [outbound_port, admin_port] = free_ports();
    let [inbound_port, _] = free_ports();
    let options = EnvoyOptions {
        outbound_port,
        inbound_port,
        admin_port,
        capture: Capture::ProxyProtocol,
        dns_resolvers: vec![dns::serve(names.into())],
        ..EnvoyOptions::default()
    };
    let model = derive(
        &generated().finish(),
        &EgressOptions {
            accept_loopback: true,
            ..EgressOptions::default()
        },
    );
    let place = tempfile::tempdir().unwrap();
    write_envoy(place.path(), &model, &options).unwrap();
    let own = read_index(place.path()).unwrap()["service/shop/client"].clone();
    let mut stage = Stage::start(envoy, place, &own, [outbound_port, admin_port]);
    // Names that Kubernetes does not serve do not delay the start.
    stage.wait("an endpoint", || {
        let stats = stage.ask("/stats?filter=payments.*membership_total");
        stats.is_some_and(|text| text.contains(": 1"))
    });
    let reached = stage.compare(&generated_cases());
    assert_eq!(reached, 9 + 2, "nine destinations and two ways to pass");
    assert!(fakes.iter().any(|fake| fake.connections() > 0));
}
