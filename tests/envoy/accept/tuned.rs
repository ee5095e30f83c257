//! The tuned phase: settings that the formulas made from facts act on a real Envoy as promised, and nothing is repeated
//! that a server may have processed.
//!
//! `frontend` calls `cart`, which is headless with six pods. Each scenario has a check that returns faults; it finds none
//! on the generated files, and some on files that are spoilt in one place.

mod ejection;
mod limits;
mod repeats;
mod shedding;
mod storm;

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::path::Path;
use std::thread;

use tracemesh_graph::egress::{EgressModel, EgressOptions, Phase, derive};
use tracemesh_graph::snapshot::{
    Demand, Edge, GraphSnapshot, Inbound, Latency, LatencySummary, NodeKind, Target,
};
use tracemesh_graph::time::Timestamp;

use super::super::sidecar::{Prepared, Sidecar};
use super::super::snapshots::{Graph, node};
use super::super::{dns, reach};
use super::app::{App, Manner};
use super::client::{Connection, Request};
use super::mutations::Mutation;

const HOST: &str = "cart.shop.svc.cluster.local";
const CLUSTER: &str = "cart_shop_svc_cluster_local_8080";
const PORT: u16 = 8080;
/// Pods of cart.
const PODS: u8 = 6;

/// What was observed of the calls.
#[derive(Clone, Copy)]
struct Load {
    /// Calls in a second from one instance.
    rate: f64,
    /// Calls under way at once in one instance.
    concurrency: f64,
    /// 99.9th percentile and slowest success, in milliseconds.
    slow_ms: (f64, f64),
}

/// Long timeouts and wide limits, so that only what a scenario is about acts.
const CALM: Load = Load {
    rate: 100.0,
    concurrency: 40.0,
    slow_ms: (1000.0, 1500.0),
};

/// Cart's pods and the sidecar of frontend.
struct Stage {
    pods: Vec<App>,
    /// Where clients dial: the first of the pods.
    destination: SocketAddrV4,
    addresses: Vec<Ipv4Addr>,
}

impl Stage {
    /// Starts the pods on six addresses from this last byte on.
    fn open(first: u8) -> Self {
        let addresses: Vec<Ipv4Addr> = (first..first + PODS).map(reach::address).collect();
        let pods = addresses.iter().map(|ip| App::start(*ip, PORT)).collect();
        Self {
            pods,
            destination: SocketAddrV4::new(addresses[0], PORT),
            addresses,
        }
    }

    /// The files of frontend in a phase.
    fn prepare(&self, load: Load, phase: Phase) -> Prepared {
        let names = BTreeMap::from([(HOST.to_owned(), self.addresses.clone())]);
        let model = self.model(load, phase);
        Prepared::write(&model, "default/shop/frontend", dns::serve_all(names))
    }

    fn model(&self, load: Load, phase: Phase) -> EgressModel {
        let mut graph = Graph::default();
        let [frontend, cart] =
            ["frontend", "cart"].map(|name| node(NodeKind::Service, name, "shop"));
        graph.dial(&frontend, &cart, &[("http", HOST, PORT, None)], "http/1.1");
        let mut snapshot = graph.finish();
        for edge in &mut snapshot.edges {
            observe(edge, load);
            for target in &mut edge.targets {
                let sockets = self.addresses.iter();
                target.sockets = sockets.map(|ip| (ip.to_string(), 1000)).collect();
            }
        }
        derived(&snapshot, phase)
    }

    /// From now on every pod answers like this.
    fn behave(&self, manner: Manner) {
        for pod in &self.pods {
            pod.behave(manner);
        }
    }

    /// Requests that arrived at any pod.
    fn requests(&self) -> u64 {
        self.pods.iter().map(App::requests).sum()
    }

    /// Of these, those that must not be repeated.
    fn posts(&self) -> u64 {
        self.pods.iter().map(App::posts).sum()
    }

    /// Statuses of requests that are sent at once, each on a connection of its own; 0 for no answer.
    fn ask_together(&self, sidecar: &Sidecar, method: &'static str, count: usize) -> Vec<u16> {
        let (port, destination) = (sidecar.port(), self.destination);
        let clients = (0..count)
            .map(|_| thread::spawn(move || ask(&mut Connection::to(port, destination), method)));
        let clients: Vec<_> = clients.collect();
        clients
            .into_iter()
            .map(|client| client.join().unwrap())
            .collect()
    }
}

/// Status of one request; 0 for no answer.
fn ask(connection: &mut Connection, method: &str) -> u16 {
    let request = Request {
        method,
        host: HOST,
        body: b"x",
    };
    connection.ask(request).map_or(0, |answer| answer.status)
}

/// Name of a counter of cart's cluster.
fn counter(name: &str) -> String {
    format!("cluster.{CLUSTER}.{name}")
}

/// Statuses and how often each came.
fn tally(statuses: &[u16]) -> BTreeMap<u16, usize> {
    let mut tally = BTreeMap::new();
    for status in statuses {
        *tally.entry(*status).or_default() += 1;
    }
    tally
}

fn derived(snapshot: &GraphSnapshot, phase: Phase) -> EgressModel {
    let options = EgressOptions {
        accept_loopback: true,
        phase,
        ..EgressOptions::default()
    };
    derive(snapshot, &options)
}

/// Three weeks of calls, one in ten of which changes something.
fn observe(edge: &mut Edge, load: Load) {
    const CALLS: u64 = 1_000_000;
    let (p999_ms, max_ms) = load.slow_ms;
    (edge.calls, edge.attempts) = (CALLS, CALLS);
    edge.latency = Latency {
        client: Some(LatencySummary {
            count: CALLS,
            p50_ms: p999_ms / 10.0,
            p99_ms: p999_ms / 2.0,
            p999_ms,
            max_ms,
        }),
        ..Latency::default()
    };
    edge.facts.methods = BTreeMap::from([("GET".to_owned(), 9), ("POST".to_owned(), 1)]);
    edge.facts.demand = Some(Demand {
        calls: CALLS,
        active_days: 20,
        calls_per_second: load.rate * 4.0,
        calls_per_second_of_one: load.rate,
        concurrency_of_one: load.concurrency,
        caller_instances: 4.0,
        callee_instances: f64::from(PODS),
        callee_was_replaced: true,
        most_in_trace: 1,
        slowest_ok_ms: Some(max_ms),
    });
}

/// A service that was observed to answer on a port, a hundred times a second within 60 ms.
fn serving(port: u16) -> EgressModel {
    let mut cart = node(NodeKind::Service, "cart", "shop");
    cart.served = vec![Target {
        scheme: "http".to_owned(),
        host: HOST.to_owned(),
        port: Some(port),
        calls: 1_000_000,
        attempts: 1_000_000,
        last_seen: Timestamp(0),
        sockets: BTreeMap::new(),
    }];
    cart.inbound = Some(Inbound {
        calls: 1_000_000,
        active_days: 20,
        calls_per_second: 400.0,
        calls_per_second_of_one: 100.0,
        concurrency_of_one: 3.0,
        instances: 4.0,
        was_replaced: true,
        p50_ms: 20.0,
        p90_ms: 30.0,
        p99_ms: 60.0,
        max_ms: 200.0,
    });
    let redis = node(NodeKind::Database, "redis", "shop");
    let mut graph = Graph::default();
    graph.dial(
        &cart,
        &redis,
        &[("redis", "redis.shop.svc", 6379, None)],
        "redis",
    );
    derived(&graph.finish(), Phase::Tuned)
}

/// Asserts that a check finds nothing on the files as they are generated, and what it must on files that are spoilt.
fn prove(
    envoy: &Path,
    prepare: impl Fn() -> Prepared,
    check: impl Fn(&Sidecar) -> Vec<String>,
    mutations: &[Mutation],
) {
    let start = |prepared: Prepared| {
        let sidecar = prepared.start(envoy);
        sidecar.wait_for_endpoints();
        sidecar
    };
    let sidecar = start(prepare());
    let faults = check(&sidecar);
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    assert_eq!(sidecar.complaints(), "");
    drop(sidecar);
    for mutation in mutations {
        let prepared = prepare();
        mutation.apply(&prepared);
        mutation.assert_found(&check(&start(prepared)));
    }
}
