//! Generations switched under load, and which requests survive that.
//!
//! One rename switches all files, but Envoy reads them one by one, routes before clusters or the other way round. What
//! both generations define is never lost. What one of them lacks is answered 503 for some milliseconds, unless the
//! clusters of both are there before the routes change.

use std::io::{Read, Write};
use std::net::SocketAddrV4;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use tracemesh_graph::egress::{EgressModel, EgressOptions, derive};
use tracemesh_graph::snapshot::NodeKind;

use super::super::fakes::dial;
use super::super::snapshots::{Graph, node};
use super::super::{dns, reach, sidecar::Sidecar};
use super::app::App;
use super::client::{Connection, Request};
use crate::harness::envoy::envoy;

/// A client that asks one request after the other until it is stopped.
struct Client {
    what: String,
    seen: Arc<Seen>,
    thread: JoinHandle<()>,
}

/// What a client saw.
#[derive(Default)]
struct Seen {
    stop: AtomicBool,
    answered: AtomicU64,
    lost: Mutex<Vec<String>>,
}

impl Client {
    /// Keeps its connection, or connects for each request.
    fn start(sidecar: u16, host: Host, keeps: bool) -> Self {
        let (name, address, port) = host;
        let destination = SocketAddrV4::new(reach::address(address), port);
        let seen = Arc::new(Seen::default());
        let own = Arc::clone(&seen);
        let thread = thread::spawn(move || {
            let mut connection = Connection::to(sidecar, destination);
            while !own.stop.load(Ordering::Relaxed) {
                own.ask(&mut connection, name);
                if !keeps {
                    connection.close();
                }
                thread::sleep(Duration::from_millis(2));
            }
        });
        let manner = if keeps { "kept" } else { "new connections" };
        let what = format!("{name}, {manner}");
        Self { what, seen, thread }
    }

    fn answered(&self) -> u64 {
        self.seen.answered.load(Ordering::Relaxed)
    }

    /// Ends it and returns what it lost.
    fn stop(self) -> Vec<String> {
        self.seen.stop.store(true, Ordering::Relaxed);
        self.thread.join().unwrap();
        let lost = self.seen.lost.lock().unwrap();
        lost.iter()
            .map(|lost| format!("{}: {lost}", self.what))
            .collect()
    }
}

impl Seen {
    fn ask(&self, connection: &mut Connection, host: &str) {
        let request = Request {
            method: "POST",
            host,
            body: host.as_bytes(),
        };
        match connection.ask(request) {
            Ok(answer) if answer.status == 200 && answer.body == host.as_bytes() => {
                self.answered.fetch_add(1, Ordering::Relaxed);
            }
            other => self.lost.lock().unwrap().push(format!("{other:?}")),
        }
    }
}

/// Waits until the clients have got this many more answers together.
fn wait_for_answers(clients: &[Client], more: u64) {
    let answered = || clients.iter().map(Client::answered).sum::<u64>();
    let before = answered();
    for _ in 0..1000 {
        if answered() >= before + more {
            return;
        }
        thread::sleep(Duration::from_millis(10));
    }
    panic!("the clients get no answers");
}

fn model(hosts: &[Host]) -> EgressModel {
    let hub = node(NodeKind::Service, "hub", "shop");
    let mut graph = Graph::default();
    for (name, _, port) in hosts {
        let callee = node(NodeKind::Service, name, "shop");
        graph.dial(&hub, &callee, &[("http", name, *port, None)], "http/1.1");
    }
    let options = EgressOptions {
        accept_loopback: true,
        ..EgressOptions::default()
    };
    derive(&graph.finish(), &options)
}

/// Name, last byte of the address, port.
type Host = (&'static str, u8, u16);

const OLD: Host = ("old.shop.svc.cluster.local", 40, 8080);
const NEW: Host = ("new.shop.svc.cluster.local", 41, 8080);
const ON_NEW_PORT: Host = ("far.shop.svc.cluster.local", 42, 8090);
const ALL: [Host; 3] = [OLD, NEW, ON_NEW_PORT];

/// A port that no generation knows, with a connection that outlives them.
const LONG: u16 = 7000;

/// A sidecar that knows one host, and something that answers at each.
fn stage(envoy: &std::path::Path) -> Sidecar {
    static FAKES: std::sync::Once = std::sync::Once::new();
    FAKES.call_once(|| {
        for (_, host, port) in ALL {
            App::start(reach::address(host), port);
        }
        App::start(reach::address(OLD.1), LONG);
    });
    let names = ALL.map(|(name, host, _)| (name.to_owned(), reach::address(host)));
    Sidecar::start(
        envoy,
        &model(&[OLD]),
        "default/shop/hub",
        dns::serve(names.into()),
    )
}

/// What both generations define, and what neither does, is served throughout by one rename.
#[test]
fn nothing_that_stays_is_lost_by_a_switch() {
    let Some(envoy) = envoy() else { return };
    let sidecar = stage(envoy);
    let mut stream = dial(
        sidecar.port(),
        SocketAddrV4::new(reach::address(OLD.1), LONG),
    )
    .unwrap();
    let clients = [true, false].map(|keeps| Client::start(sidecar.port(), OLD, keeps));
    for round in 0..6_u8 {
        sidecar.switch_to(&model(if round % 2 == 0 { &ALL } else { &[OLD] }));
        wait_for_answers(&clients, 50);
        let mut echo = [0];
        stream.write_all(&[round]).unwrap();
        stream.read_exact(&mut echo).unwrap();
        assert_eq!(echo, [round]);
    }
    let lost = clients.map(Client::stop).concat();
    assert!(lost.is_empty(), "{} lost\n{}", lost.len(), lost.join("\n"));
}

/// What comes and goes is served throughout as well, when clusters come before routes and go after them.
#[test]
fn nothing_that_comes_or_goes_is_lost_by_a_hand_over() {
    let Some(envoy) = envoy() else { return };
    let sidecar = stage(envoy);
    let both = ALL.map(|host| [true, false].map(|keeps| (host, keeps)));
    let clients: Vec<Client> = both
        .into_iter()
        .flatten()
        .map(|(host, keeps)| Client::start(sidecar.port(), host, keeps))
        .collect();
    for hosts in [&ALL[..], &[OLD], &ALL, &[OLD], &ALL] {
        sidecar.hand_over_to(&model(hosts));
        wait_for_answers(&clients, 150);
    }
    for (name, _, port) in ALL {
        let cluster = format!("{}_{port}", name.replace('.', "_"));
        sidecar.wait_for_route(&cluster);
        let counter = format!("cluster.{cluster}.upstream_rq_total");
        sidecar.wait_for_count(&counter, sidecar.count(&counter) + 1);
    }
    let lost: Vec<String> = clients.into_iter().flat_map(Client::stop).collect();
    assert!(lost.is_empty(), "{} lost\n{}", lost.len(), lost.join("\n"));
    assert_eq!(sidecar.complaints(), "");
}
