//! Calls through a real Envoy on generated files: observed addresses reach their cluster, all others the passthrough.
//!
//! The kernel's redirect is replaced by a PROXY protocol header, names resolve to fakes on 127/8 with the real ports;
//! everything else is as generated. The proof is in the cluster counters: with a wrong route the calls would still
//! succeed, through the passthrough.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::path::Path;

use tracemesh_graph::egress::{EgressModel, EgressOptions, derive};
use tracemesh_graph::snapshot::NodeKind;

use super::dns;
use super::fakes::{Fake, Speech, call};
use super::sidecar::Sidecar;
use super::snapshots::{Dialled, Graph, node};
use crate::harness::envoy::envoy;

/// An address of this process alone, so that several test runs can share a machine. Hosts up to 39 are of this file.
pub(super) fn address(host: u8) -> Ipv4Addr {
    let [.., high, low] = std::process::id().to_be_bytes();
    Ipv4Addr::new(127, 64 | (high & 63), low, host)
}

fn names(pairs: &[(&str, u8)]) -> BTreeMap<String, Ipv4Addr> {
    pairs
        .iter()
        .map(|(name, host)| ((*name).to_owned(), address(*host)))
        .collect()
}

fn derived(graph: Graph) -> EgressModel {
    let options = EgressOptions {
        accept_loopback: true,
        ..EgressOptions::default()
    };
    derive(&graph.finish(), &options)
}

/// Last byte of a fake's address, and its port.
type Place = (u8, u16);

/// A sidecar with the fakes that it can reach.
struct Stage {
    sidecar: Sidecar,
    fakes: BTreeMap<Place, Fake>,
}

impl Stage {
    /// Starts the fakes, the resolver and the sidecar of `service`; `greeters` speak first.
    fn start(
        envoy: &Path,
        (service, graph): (&str, Graph),
        known: &[(&str, u8)],
        listeners: &[Place],
        greeters: &[Place],
    ) -> Self {
        let resolver = dns::serve(names(known));
        let fakes = listeners
            .iter()
            .map(|place| (place, false))
            .chain(greeters.iter().map(|place| (place, true)))
            .map(|(&(host, port), greets)| ((host, port), Fake::start(address(host), port, greets)))
            .collect();
        let model = derived(graph);
        let sidecar = Sidecar::start(envoy, &model, service, resolver);
        Self { sidecar, fakes }
    }

    /// Calls a place and checks that exactly this cluster counted it, and that the fake of the place was connected.
    fn reaches(&self, (host, port): Place, speech: &Speech<'_>, cluster: &str) {
        let fake = &self.fakes[&(host, port)];
        let destination = SocketAddrV4::new(address(host), port);
        let before = fake.connections();
        let reached = self
            .sidecar
            .reached_by(|| call(self.sidecar.port(), destination, speech));
        let expected = BTreeMap::from([(cluster.to_owned(), 1)]);
        assert_eq!(reached, expected, "{destination}");
        assert!(fake.connections() > before, "{destination}: no connection");
        assert!(
            fake.heard(speech),
            "{destination}: the protocol was changed"
        );
    }

    /// The same for a call that must be reported as drift, in a line with these parts.
    fn drifts(&self, place: Place, speech: &Speech<'_>, cluster: &str, parts: &[&str]) {
        self.reaches(place, speech, cluster);
        self.sidecar.wait_for_drift(parts);
    }

    fn assert_no_drift_yet(&self) {
        let drift = self.sidecar.drift();
        assert!(drift.is_empty(), "observed calls are no drift: {drift:#?}");
    }
}

fn frontend(literal: &str) -> Graph {
    let mut graph = Graph::default();
    dial_each_kind(&mut graph, "frontend", literal);
    graph
}

/// Adds a caller that dials HTTP/1, gRPC, TLS, HTTP on the port of TLS, and a literal address.
pub(super) fn dial_each_kind(graph: &mut Graph, caller: &str, literal: &str) {
    let caller = node(NodeKind::Service, caller, "shop");
    let cart = [
        ("http", "cart", 8080, None),
        ("http", "cart.shop.svc.cluster.local", 8080, None),
    ];
    let edges: [(&str, &[Dialled<'_>], &str); 5] = [
        ("cart", &cart, "http/1.1"),
        (
            "checkout",
            &[("grpc", "checkout.shop", 50051, None)],
            "grpc",
        ),
        (
            "pay",
            &[("https", "payments.example.com", 8443, None)],
            "http/1.1",
        ),
        ("search", &[("http", "search.shop", 8443, None)], "http/1.1"),
        ("literal", &[("http", literal, 8080, None)], "http"),
    ];
    for (name, targets, protocol) in edges {
        let callee = node(NodeKind::Service, name, "shop");
        graph.dial(&caller, &callee, targets, protocol);
    }
}

#[test]
fn names_in_http_and_tls_lead_to_their_clusters() {
    let Some(envoy) = envoy() else { return };
    let literal = address(15).to_string();
    let known = [
        ("cart.shop.svc.cluster.local", 11),
        ("checkout.shop.svc.cluster.local", 12),
        ("payments.example.com", 13),
        ("search.shop.svc.cluster.local", 14),
    ];
    let observed = [(11, 8080), (12, 50051), (13, 8443), (14, 8443), (15, 8080)];
    let unknown = [(19, 8080), (19, 8443)];
    let stage = Stage::start(
        envoy,
        ("default/shop/frontend", frontend(&literal)),
        &known,
        &[&observed[..], &unknown].concat(),
        &[(19, 7777)],
    );
    stage.sidecar.wait_for_endpoint("payments_example_com_8443");
    // Every name form, with and without port, in any case, with a trailing dot.
    for host in [
        "cart",
        "cart:8080",
        "cart.shop",
        "CART.shop:8080",
        "cart.shop.svc",
        "cart.shop.svc.cluster.local:8080",
        "cart.shop.svc.cluster.local.",
    ] {
        stage.reaches(
            (11, 8080),
            &Speech::Http1(host),
            "cart_shop_svc_cluster_local_8080",
        );
    }
    let grpc = Speech::Grpc("checkout.shop:50051");
    stage.reaches((12, 50051), &grpc, "checkout_shop_svc_cluster_local_50051");
    // TLS and HTTP on one port.
    let tls = Speech::Tls("payments.example.com");
    stage.reaches((13, 8443), &tls, "payments_example_com_8443");
    let http = Speech::Http1("search.shop:8443");
    stage.reaches((14, 8443), &http, "search_shop_svc_cluster_local_8443");
    let literal_cluster = format!("{}_8080", literal.replace('.', "_"));
    stage.reaches((15, 8080), &Speech::Http1(&literal), &literal_cluster);
    // Known by its address, so by any name; but a name that is known wins.
    let any_name = Speech::Http1("never.seen.example.com");
    stage.reaches((15, 8080), &any_name, &literal_cluster);
    stage.assert_no_drift_yet();

    let authority = Speech::Http1("surprise.example.com");
    let parts = ["surprise.example.com", "\"where\":\"http\""];
    stage.drifts((19, 8080), &authority, "passthrough_http", &parts);
    let server_name = Speech::Tls("surprise.example.org");
    let parts = ["surprise.example.org", "\"where\":\"tcp\""];
    stage.drifts((19, 8443), &server_name, "passthrough", &parts);
    // A port never seen, with a server that speaks first.
    let port = format!("{}:7777", address(19));
    stage.drifts((19, 7777), &Speech::Silent, "passthrough", &[&port]);
    assert_eq!(stage.sidecar.complaints(), "");
}

fn cart() -> Graph {
    let cart = node(NodeKind::Service, "cart", "shop");
    let [first, second, mail, store] = [21, 22, 25, 26].map(|host| address(host).to_string());
    let edges: [(&str, &str, u16, Option<&str>, &str); 6] = [
        ("redis", "redis-a.shop.svc", 6379, Some(&first), "redis"),
        ("redis", "redis-b.shop.svc", 6379, Some(&second), "redis"),
        ("kafka", "kafka.shop.svc", 9092, None, "kafka"),
        (
            "postgresql",
            "postgres.shop.svc",
            5432,
            Some(&store),
            "postgresql",
        ),
        ("http", "web.shop.svc", 2525, None, "http/1.1"),
        ("smtp", "mail.shop.svc", 2525, Some(&mail), "smtp"),
    ];
    let mut graph = Graph::default();
    for (scheme, host, port, socket, protocol) in edges {
        let callee = node(NodeKind::Database, host, "shop");
        graph.dial(&cart, &callee, &[(scheme, host, port, socket)], protocol);
    }
    graph
}

#[test]
fn opaque_connections_are_told_apart_by_address_or_port() {
    let Some(envoy) = envoy() else { return };
    let observed = [(21, 6379), (22, 6379), (23, 9092), (24, 2525), (26, 5432)];
    let stage = Stage::start(
        envoy,
        ("default/shop/cart", cart()),
        &[("web.shop.svc", 24)],
        &[&observed[..], &[(29, 6379), (29, 5432)]].concat(),
        &[(25, 2525)],
    );
    stage.reaches((21, 6379), &Speech::Opaque, "redis-a_shop_svc_6379");
    stage.reaches((22, 6379), &Speech::Opaque, "redis-b_shop_svc_6379");
    stage.reaches((23, 9092), &Speech::Opaque, "kafka_shop_svc_9092");
    let kafka = format!("{}:9092", address(23));
    stage.sidecar.wait_for_attribution(&kafka);
    stage.reaches((26, 5432), &Speech::Opaque, "postgres_shop_svc_5432");
    let http = Speech::Http1("web.shop.svc:2525");
    stage.reaches((24, 2525), &http, "web_shop_svc_2525");
    // Its address has a listener of its own: no inspector waits for the client of a server that speaks first.
    stage.reaches((25, 2525), &Speech::Silent, "mail_shop_svc_2525");
    stage.assert_no_drift_yet();

    let third = format!("{}:6379", address(29));
    stage.drifts((29, 6379), &Speech::Opaque, "passthrough", &[&third]);
    // Alone on its port, but at a known address: another address is another destination.
    let third = format!("{}:5432", address(29));
    stage.drifts((29, 5432), &Speech::Opaque, "passthrough", &[&third]);
    assert_eq!(stage.sidecar.complaints(), "");
}

/// What comes in on a port that the service's spans do not name reaches it all the same, apart from what goes out.
#[test]
fn unknown_inbound_ports_pass_through_and_are_logged_as_inbound() {
    let Some(envoy) = envoy() else { return };
    let place = (27, 7778);
    let stage = Stage::start(envoy, ("default/shop/cart", cart()), &[], &[], &[place]);
    let destination = SocketAddrV4::new(address(place.0), place.1);
    let reached = stage.sidecar.reached_by(|| {
        call(stage.sidecar.inbound_port(), destination, &Speech::Silent);
    });
    let expected = BTreeMap::from([("inbound_passthrough".to_owned(), 1)]);
    assert_eq!(reached, expected);
    let parts = ["\"where\":\"inbound\"", &destination.to_string()];
    stage.sidecar.wait_for_drift(&parts);
    assert_eq!(stage.sidecar.complaints(), "");
}

/// A destination seen for the first time: unmanaged before the switch, managed after it, without a restart.
#[test]
fn a_new_generation_takes_over_by_one_rename() {
    let Some(envoy) = envoy() else { return };
    let hub = node(NodeKind::Service, "hub", "shop");
    let graph = |hosts: &[&str]| {
        let mut graph = Graph::default();
        for host in hosts {
            let callee = node(NodeKind::Service, host, "shop");
            graph.dial(&hub, &callee, &[("http", host, 8080, None)], "http/1.1");
        }
        graph
    };
    let (old, new) = ("old.shop.svc.cluster.local", "new.shop.svc.cluster.local");
    let stage = Stage::start(
        envoy,
        ("default/shop/hub", graph(&[old])),
        &[(old, 31), (new, 32)],
        &[(31, 8080), (32, 8080)],
        &[],
    );
    let to_new = Speech::Http1("new.shop");
    stage.drifts((32, 8080), &to_new, "passthrough_http", &["new.shop"]);
    stage.sidecar.switch_to(&derived(graph(&[old, new])));
    stage
        .sidecar
        .wait_for_endpoint("new_shop_svc_cluster_local_8080");
    stage
        .sidecar
        .wait_for_route("new_shop_svc_cluster_local_8080");
    stage.reaches((32, 8080), &to_new, "new_shop_svc_cluster_local_8080");
    stage.reaches(
        (31, 8080),
        &Speech::Http1("old"),
        "old_shop_svc_cluster_local_8080",
    );
    assert_eq!(stage.sidecar.complaints(), "");
}
