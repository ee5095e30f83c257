//! Two live instances with one store, sent the recorded shop span by span in turn: no trace is whole in either.

use std::collections::BTreeMap;

use tracemesh_graph::snapshot::GraphSnapshot;

use super::place;
use crate::harness::process::{Collector, post};
use crate::harness::recording::requests;
use crate::harness::{root, tracemesh_in};

/// Calls and failures between services and to what they dial, by the ends of the edge.
fn calls(arguments: &[&str], directory: &std::path::Path) -> BTreeMap<String, (u64, u64)> {
    let run = tracemesh_in(directory, arguments, b"").expect_code(0);
    let graph: GraphSnapshot = serde_json::from_str(&run.stdout).expect("a snapshot");
    let edges = graph.edges.iter().map(|edge| {
        let ends = format!("{} {} {:?}", edge.caller, edge.callee, edge.relation);
        (ends, (edge.calls, edge.failed))
    });
    edges.collect()
}

/// What takes a trace as a whole: resends that are one call, spans that wrap others, and what a gateway passes on. The
/// reasons stand beside the same list in the collector's own test.
const APART: [&str; 6] = [
    "broker/kafka@kafka.shop:9092 service/payments/accounting Async",
    "service/payments/reconciler broker/rabbitmq@rabbitmq.shop:5672 Async",
    "service/payments/reconciler broker/rabbitmq@rabbitmq.shop:5672 Sync",
    "service/shop/checkout service/shop/shipping Sync",
    "service/shop/recommendation service/shop/pricing Proxied",
    "service/shop/shipping external/quote.shop:8080 Sync",
];

#[test]
fn two_collectors_without_trace_affinity_give_the_calls_of_one() {
    let place = place();
    let store = place.path().join("data");
    let collectors = ["one", "two"].map(|name| Collector::start(&store, &["--instance", name]));
    let mut turn = 0;
    for request in requests(&root().join("fixtures/shop")) {
        for (part, collector) in request.in_turn(&mut turn).iter().zip(&collectors) {
            let (media_type, body) = part.body();
            let status = post(&collector.http, media_type, &body);
            assert!(status.ends_with("200 OK"), "{status}");
        }
    }
    for collector in collectors {
        let said = collector.terminate();
        assert!(!said.contains("received 0 spans"), "{said}");
    }
    let stored = ["graph", "--store", "data", "--format", "json"];
    let merged = calls(&stored, place.path());
    let files = ["graph", "--traces", "fixtures/shop", "--format", "json"];
    let whole = calls(&files, root());
    let different = whole
        .iter()
        .filter(|(ends, calls)| merged.get(*ends) != Some(calls));
    let different: Vec<&str> = different.map(|(ends, _)| ends.as_str()).collect();
    assert_eq!(different, APART);
    let new = merged.keys().filter(|ends| !whole.contains_key(*ends));
    assert_eq!(new.collect::<Vec<_>>(), Vec::<&String>::new());
}
