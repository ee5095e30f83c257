//! Senders that are turned away and come back: nothing is lost, nothing is doubled.

use std::io;
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use super::company::{
    Counters, SPANS_PER_CALL, arguments, eventually, expect_diagnostics, expect_graph,
    expect_received, graph_of,
};
use super::hog::{Hog, SMALL};
use super::tools::{Sdk, expect_success};
use crate::harness::process::Collector;

const CALLS: u64 = 20;

/// Turned away so often before there is room: once for each of the three exporters, when all are equally fast.
const REFUSALS: u64 = 3;

/// A receiver without room, until the sender was turned away by it.
#[track_caller]
fn expect_to_come_back(sdk: Sdk, protocol: &'static str) {
    let place = tempfile::tempdir().expect("a temporary directory");
    let store = place.path().join("data");
    let collector = Collector::start(&store, &SMALL);
    let hog = Hog::fill(&collector);
    let before = Counters::of(&collector).not_taken("busy");
    let companies = [("company".to_owned(), protocol, "none")];
    let endpoint = |protocol: &str| match protocol {
        "grpc" => collector.grpc.clone(),
        _ => collector.http.clone(),
    };
    let arguments = arguments(CALLS, Duration::ZERO, &companies, endpoint);
    let Some(sender) = sdk.start(&arguments) else {
        return;
    };
    let is_turned_away = |counters: &Counters| counters.not_taken("busy") >= before + REFUSALS;
    let refused = eventually(&collector, is_turned_away);
    assert_eq!(refused.accepted_spans(), 0, "there was no room");
    drop(hog);
    expect_success(sender);
    let spans = CALLS * SPANS_PER_CALL;
    let counters = eventually(&collector, |counters| counters.accepted_spans() >= spans);
    expect_received(&counters, spans);
    collector.terminate();
    expect_graph(&graph_of(&store), &["company".to_owned()], CALLS);
}

#[test]
fn spans_of_the_python_sdk_survive_a_receiver_over_its_budget() {
    expect_to_come_back(Sdk::Python, "grpc");
    expect_to_come_back(Sdk::Python, "http/protobuf");
}

#[test]
fn spans_of_the_node_sdk_survive_a_receiver_over_its_budget() {
    expect_to_come_back(Sdk::Node, "http/protobuf");
    expect_to_come_back(Sdk::Node, "http/json");
}

/// Its exporter over gRPC takes no `UNAVAILABLE` for an invitation to come back: what is lost, the receiver's counters show.
#[test]
fn what_the_node_sdk_gives_up_over_grpc_is_counted_as_turned_away() {
    let place = tempfile::tempdir().expect("a temporary directory");
    let collector = Collector::start(&place.path().join("data"), &SMALL);
    let hog = Hog::fill(&collector);
    let turned_away =
        |counters: &Counters| counters.value("tracemesh_requests_total{outcome=\"turned_away\"}");
    let before = turned_away(&Counters::of(&collector));
    let companies = [("company".to_owned(), "grpc", "none")];
    let arguments = arguments(CALLS, Duration::ZERO, &companies, |_| {
        collector.grpc.clone()
    });
    let Some(sender) = Sdk::Node.start(&arguments) else {
        return;
    };
    let ended = sender.wait_with_output().expect("the sender ends");
    assert_eq!(ended.status.code(), Some(1), "it comes back by now");
    let said = String::from_utf8_lossy(&ended.stderr);
    assert!(said.contains("too many requests to decode"), "{said}");
    let counters = Counters::of(&collector);
    assert_eq!(counters.accepted_spans(), 0);
    assert!(turned_away(&counters) >= before + REFUSALS);
    drop(hog);
    collector.terminate();
}

#[test]
fn spans_of_the_go_sdk_survive_a_receiver_over_its_budget() {
    expect_to_come_back(Sdk::Go, "grpc");
    expect_to_come_back(Sdk::Go, "http/protobuf");
}

#[test]
fn spans_of_the_java_sdk_survive_a_receiver_over_its_budget() {
    expect_to_come_back(Sdk::Java, "grpc");
    expect_to_come_back(Sdk::Java, "http/protobuf");
}

/// An address that stays, before instances that come and go, as a virtual address in a cluster does.
#[derive(Debug)]
struct Front {
    address: String,
    instance: Arc<Mutex<Option<String>>>,
}

impl Front {
    fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("the listener is bound");
        let instance = Arc::new(Mutex::new(None::<String>));
        let current = Arc::clone(&instance);
        // Ends with the process, like its connections.
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let target = current.lock().expect("nobody panics with it").clone();
                let instance = target.and_then(|address| TcpStream::connect(address).ok());
                // Without an instance the connection is closed at once.
                if let Some(instance) = instance {
                    join(&stream, &instance);
                }
            }
        });
        Self {
            address: address.to_string(),
            instance,
        }
    }

    fn lead_to(&self, instance: Option<&str>) {
        *self.instance.lock().expect("nobody panics with it") = instance.map(str::to_owned);
    }
}

/// Copies both ways, each until its end.
fn join(one: &TcpStream, other: &TcpStream) {
    for (from, to) in [(one, other), (other, one)] {
        let mut from = from.try_clone().expect("a handle");
        let mut to = to.try_clone().expect("a handle");
        thread::spawn(move || {
            // Either side may break; then so does the other.
            drop(io::copy(&mut from, &mut to));
            drop(to.shutdown(Shutdown::Write));
        });
    }
}

/// An instance stops as an orchestrator stops it, with a sender in full swing; for a while there is none; the next takes
/// over with the same store.
#[test]
fn spans_survive_an_instance_that_stops_before_the_next_is_there() {
    const CALLS: u64 = 300;
    let place = tempfile::tempdir().expect("a temporary directory");
    let store = place.path().join("data");
    let first = Collector::start(&store, &["--instance", "first"]);
    let front = Front::new();
    front.lead_to(Some(&first.grpc));
    let companies = [("company".to_owned(), "grpc", "gzip")];
    let pause = Duration::from_millis(20);
    let arguments = arguments(CALLS, pause, &companies, |_| front.address.clone());
    let Some(sender) = Sdk::Go.start(&arguments) else {
        return;
    };
    eventually(&first, |counters| counters.accepted_spans() > 100);
    first.signal();
    front.lead_to(None);
    let (code, said) = first.wait();
    assert_eq!(code, Some(0), "{said}");
    let before = received(&said);
    let second = Collector::start(&store, &["--instance", "second"]);
    front.lead_to(Some(&second.grpc));
    expect_success(sender);
    let spans = CALLS * SPANS_PER_CALL;
    let rest = spans.checked_sub(before).expect("nothing is doubled");
    assert!(rest > 0, "the first instance stopped too late");
    let counters = eventually(&second, |counters| counters.accepted_spans() >= rest);
    expect_received(&counters, rest);
    second.terminate();
    let graph = graph_of(&store);
    expect_diagnostics(&graph, spans);
    expect_graph(&graph, &["company".to_owned()], CALLS);
}

/// The spans of a collector's last words.
fn received(said: &str) -> u64 {
    let (_, rest) = said.split_once("received ").expect("the last words");
    let (count, _) = rest.split_once(" spans").expect("a count");
    count.replace(',', "").parse().expect("a number")
}
