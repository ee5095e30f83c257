//! Tables made by hand: precedence of chains, sharing of calls, conservation.

use std::collections::BTreeMap;
use std::net::IpAddr;

use proptest::prelude::*;

use super::*;
use crate::snapshot::Target;
use crate::snapshot::testing;
use crate::time::Timestamp;

fn ip(text: &str) -> IpAddr {
    text.parse().expect("an address")
}

fn chain(name: &str, matches: ChainMatch) -> FilterChain {
    FilterChain {
        name: name.to_owned(),
        matches,
        action: ChainAction::Tcp(name.to_owned()),
    }
}

fn listener(name: &str, address: &str, port: u16, chains: Vec<FilterChain>) -> Listener {
    Listener {
        name: name.to_owned(),
        address: ip(address),
        port,
        inspectors: Inspectors {
            tls: true,
            http: true,
        },
        chains,
        default_chain: Some(chain("passthrough", ChainMatch::default())),
    }
}

fn cluster(made_for: Option<&str>, endpoints: Endpoints) -> Cluster {
    Cluster {
        made_for: made_for.map(str::to_owned),
        endpoints,
    }
}

/// A catch-all, and one listener on a port.
fn tables(port: u16, chains: Vec<FilterChain>) -> SidecarTables {
    let own = listener("port", "0.0.0.0", port, chains);
    let mut capture = listener("capture", "0.0.0.0", 15001, Vec::new());
    capture.inspectors = Inspectors::default();
    let passthrough = cluster(None, Endpoints::OriginalDestination);
    SidecarTables {
        capture,
        listeners: BTreeMap::from([((own.address, port), own)]),
        routes: BTreeMap::new(),
        clusters: BTreeMap::from([("passthrough".to_owned(), passthrough)]),
    }
}

fn names(list: &[&str]) -> Vec<String> {
    list.iter().map(|name| (*name).to_owned()).collect()
}

fn end<'t>(tables: &'t SidecarTables, ip: Option<IpAddr>, speech: Speech<'_>) -> End<'t> {
    let connection = Connection {
        ip,
        port: 443,
        speech,
    };
    deliver(tables, &connection).end
}

fn tls(server_name: &str) -> Speech<'_> {
    Speech::Tls {
        server_name: Some(server_name),
        protocols: &["h2", "http/1.1"],
    }
}

#[test]
fn server_names_win_by_length_and_an_early_match_is_never_taken_back() {
    let server_names = |list: &[&str]| ChainMatch {
        server_names: names(list),
        ..ChainMatch::default()
    };
    let plain_only = ChainMatch {
        transport_protocol: "raw_buffer".to_owned(),
        ..server_names(&["plain.example.com"])
    };
    let tables = tables(
        443,
        vec![
            chain("wide", server_names(&["*.example.com"])),
            chain("narrow", server_names(&["*.b.example.com"])),
            chain("exact", server_names(&["a.example.com"])),
            chain("plain", plain_only),
            chain("any", ChainMatch::default()),
        ],
    );
    for (name, expected) in [
        ("a.example.com", "exact"),
        ("A.EXAMPLE.com", "exact"),
        ("x.b.example.com", "narrow"),
        ("b.example.com", "wide"),
        ("x.y.b.example.com", "narrow"),
        ("example.com", "any"),
        (".example.com", "any"),
        // Its name is listed, so the chain for any name is out; and that chain wants no TLS.
        ("plain.example.com", "passthrough"),
    ] {
        assert_eq!(
            end(&tables, None, tls(name)),
            End::Cluster(expected),
            "{name}"
        );
    }
}

#[test]
fn the_longest_network_wins_and_an_unknown_address_decides_nothing() {
    let network = |base: &str, bits: u8| ChainMatch {
        prefix_ranges: vec![(ip(base), bits)],
        ..ChainMatch::default()
    };
    let tables = tables(
        443,
        vec![
            chain("ten", network("10.0.0.0", 8)),
            chain("one", network("10.0.0.1", 32)),
        ],
    );
    let at = |address: &str| end(&tables, Some(ip(address)), Speech::Opaque);
    assert_eq!(at("10.0.0.1"), End::Cluster("one"));
    assert_eq!(at("10.9.9.9"), End::Cluster("ten"));
    assert_eq!(at("11.0.0.1"), End::Cluster("passthrough"));
    assert_eq!(at("2001:db8::1"), End::NotCaptured);
    assert_eq!(end(&tables, None, Speech::Opaque), End::AddressNeeded);
}

#[test]
fn an_address_with_a_listener_of_its_own_makes_nameless_connections_undecided() {
    let mut tables = tables(443, Vec::new());
    let mut own = listener("exact", "10.0.0.1", 443, Vec::new());
    own.default_chain = Some(chain("store", ChainMatch::default()));
    tables.listeners.insert((own.address, 443), own);
    let known = |address: &str| end(&tables, Some(ip(address)), Speech::Opaque);
    assert_eq!(known("10.0.0.1"), End::Cluster("store"));
    assert_eq!(known("10.0.0.2"), End::Cluster("passthrough"));
    assert_eq!(end(&tables, None, Speech::Opaque), End::AddressNeeded);
    let named = end(&tables, None, tls("a.example.com"));
    assert_eq!(named, End::Cluster("passthrough"));
}

#[test]
fn alpn_of_tls_is_no_clear_text_http() {
    let http = ChainMatch {
        application_protocols: names(&["http/1.1", "h2c"]),
        ..ChainMatch::default()
    };
    let tables = tables(443, vec![chain("http", http)]);
    let request = Request {
        is_http2: false,
        is_grpc: false,
        authority: "a",
        method: "GET",
        path: "/",
    };
    assert_eq!(
        end(&tables, None, Speech::Http(request)),
        End::Cluster("http")
    );
    // A chain that forgets to ask for clear text takes TLS that offers HTTP: as Envoy does.
    assert_eq!(end(&tables, None, tls("a")), End::Cluster("http"));
    assert_eq!(
        end(&tables, None, Speech::Opaque),
        End::Cluster("passthrough")
    );
}

fn target(host: &str, port: u16, calls: u64, sockets: &[(&str, u64)]) -> Target {
    Target {
        scheme: "redis".to_owned(),
        host: host.to_owned(),
        port: Some(port),
        calls,
        attempts: calls,
        last_seen: Timestamp(0),
        sockets: sockets
            .iter()
            .map(|(socket, count)| ((*socket).to_owned(), *count))
            .collect(),
    }
}

/// One service that calls a store at these targets.
fn dialling(targets: Vec<Target>, calls: u64) -> GraphSnapshot {
    let mut dial = testing::edge("service/cart", "database/store", calls);
    dial.protocols = BTreeMap::from([("redis".to_owned(), calls)]);
    dial.targets = targets;
    testing::snapshot(Vec::new(), vec![dial])
}

#[test]
fn calls_are_shared_out_over_the_addresses_behind_a_name_without_loss() {
    let network = ChainMatch {
        prefix_ranges: vec![(ip("10.0.0.1"), 32)],
        ..ChainMatch::default()
    };
    let mut tables = tables(6379, vec![chain("store", network)]);
    let made = cluster(Some("database/store"), Endpoints::OriginalDestination);
    tables.clusters.insert("store".to_owned(), made);
    tables.listeners.values_mut().for_each(|listener| {
        listener.inspectors = Inspectors::default();
    });
    let sockets = [("10.0.0.1:6379", 5), ("10.0.0.2", 2), ("nonsense", 9)];
    let snapshot = dialling(vec![target("store", 6379, 10, &sockets)], 12);
    let mut verification = Verification::new(&snapshot, false);
    verification.judge("service/cart", Some(&tables));
    let report = verification.report();
    let calls = report.calls;
    // Of ten calls with seven addresses told: 5 known, 2 elsewhere, 3 untold; two calls have no target at all.
    assert_eq!(
        (calls.covered, calls.passthrough, calls.undecided),
        (5, 2, 5)
    );
    assert_eq!(calls.total(), 12);
    assert_eq!(report.edges.passthrough, 1, "{:?}", report.edges);
    assert!(report.conservation.holds());
    let reasons: Vec<Reason> = report.callers[0]
        .findings
        .iter()
        .map(|finding| finding.reason)
        .collect();
    let expected = [
        Reason::UnobservedAddress,
        Reason::AddressUnknown,
        Reason::NoAddress,
        Reason::MadeForIt,
    ];
    assert!(
        expected.iter().all(|reason| reasons.contains(reason)),
        "{reasons:?}"
    );
}

#[test]
fn callers_without_tables_and_callers_not_asked_about_are_counted_apart() {
    let snapshot = dialling(vec![target("store", 6379, 7, &[])], 7);
    let report = Verification::new(&snapshot, false).report();
    assert_eq!(report.calls.unknown_caller, 7);
    let mut verification = Verification::new(&snapshot, false);
    verification.leave_out("service/cart");
    let report = verification.report();
    assert_eq!(report.conservation.left_out, 7);
    assert_eq!((report.calls.total(), report.callers.len()), (0, 0));
    assert!(report.conservation.holds());
}

proptest! {
    /// Whatever a snapshot from elsewhere says of its targets, no call is lost or made.
    #[test]
    fn every_call_ends_in_exactly_one_class(
        calls in 0_u64..1000,
        targets in proptest::collection::vec(
            ("[a-z.:0-9 ]{0,12}", any::<u16>(), 0_u64..2000, proptest::collection::vec(("10\\.0\\.0\\.[0-9]", 0_u64..9), 0..4)),
            0..5,
        ),
    ) {
        let targets = targets
            .iter()
            .map(|(host, port, calls, sockets)| {
                let sockets: Vec<(&str, u64)> =
                    sockets.iter().map(|(socket, count)| (socket.as_str(), *count)).collect();
                target(host, *port, *calls, &sockets)
            })
            .collect();
        let snapshot = dialling(targets, calls);
        let tables = tables(443, Vec::new());
        let mut verification = Verification::new(&snapshot, false);
        verification.judge("service/cart", Some(&tables));
        let report = verification.report();
        prop_assert_eq!(report.calls.total(), calls);
        prop_assert_eq!(report.edges.total(), 1);
        prop_assert!(report.conservation.holds());
    }
}
