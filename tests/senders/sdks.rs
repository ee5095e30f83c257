//! The SDKs of four languages, each over every protocol and compression that its exporters have.

use std::time::Duration;

use super::company::{
    SPANS_PER_CALL, arguments, eventually, expect_graph, expect_received, graph_of,
};
use super::tools::{Sdk, expect_success};
use crate::harness::process::Collector;

const CALLS: u64 = 50;

/// A company for each way to send, all at once.
#[track_caller]
fn expect_every_way_to_arrive(sdk: Sdk) {
    let place = tempfile::tempdir().expect("a temporary directory");
    let store = place.path().join("data");
    let collector = Collector::start(&store, &[]);
    let named = sdk.ways().iter().map(|(protocol, compression)| {
        let name = format!("{}-{compression}", protocol.replace('/', "-"));
        (name, *protocol, *compression)
    });
    let companies: Vec<_> = named.collect();
    let endpoint = |protocol: &str| match protocol {
        "grpc" => collector.grpc.clone(),
        _ => collector.http.clone(),
    };
    let arguments = arguments(CALLS, Duration::ZERO, &companies, endpoint);
    let Some(sender) = sdk.start(&arguments) else {
        return;
    };
    expect_success(sender);
    let names: Vec<String> = companies.into_iter().map(|(name, ..)| name).collect();
    let spans = names.len() as u64 * CALLS * SPANS_PER_CALL;
    let counters = eventually(&collector, |counters| counters.accepted_spans() >= spans);
    expect_received(&counters, spans);
    let turned_away = counters.value("tracemesh_requests_total{outcome=\"turned_away\"}");
    assert_eq!(turned_away, 0);
    let said = collector.terminate();
    assert!(
        said.contains("0 rejected; 0 requests refused, 0 turned away"),
        "{said}"
    );
    expect_graph(&graph_of(&store), &names, CALLS);
}

#[test]
fn every_way_to_send_of_the_python_sdk_gives_the_exact_graph() {
    expect_every_way_to_arrive(Sdk::Python);
}

#[test]
fn every_way_to_send_of_the_node_sdk_gives_the_exact_graph() {
    expect_every_way_to_arrive(Sdk::Node);
}

#[test]
fn every_way_to_send_of_the_go_sdk_gives_the_exact_graph() {
    expect_every_way_to_arrive(Sdk::Go);
}

#[test]
fn every_way_to_send_of_the_java_sdk_gives_the_exact_graph() {
    expect_every_way_to_arrive(Sdk::Java);
}
