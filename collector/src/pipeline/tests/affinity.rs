//! Two instances that are sent spans one by one in turn, so that no trace and hardly any call is whole in either.

use std::collections::BTreeSet;
use std::fs::File;
use std::path::Path;

use tracemesh_graph::snapshot::GraphSnapshot;

use super::*;
use crate::input::ReadLimits;
use crate::input::directory::{Entry, walk};
use crate::input::reader::TraceReader;

/// What an instance infers from the spans of the recorded shop whose number is its own.
fn instance(is_mine: impl Fn(usize) -> bool) -> Segment {
    let settings = Settings {
        max_start_off_ms: u64::MAX,
        ..Settings::default()
    };
    let shards = NonZeroUsize::new(2).unwrap();
    let pipeline = Pipeline::start(&settings, shards, 1_000_000).unwrap();
    let mut recorder = pipeline.recorder();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let mut number = 0;
    for entry in walk(&root.join("fixtures/shop")).unwrap() {
        let Entry::File(path) = entry else { continue };
        let raw = Box::new(File::open(path).unwrap());
        let Ok(mut reader) = TraceReader::open(raw, ReadLimits::default()) else {
            continue;
        };
        while let Ok(Some(_)) = reader.next(&mut recorder) {}
        for record in recorder.take_records() {
            number += 1;
            if is_mine(number) {
                pipeline.submit(vec![record], &BTreeMap::new()).unwrap();
            }
        }
    }
    pipeline.drain()
}

/// What a graph says of calls by caller, callee and relation: how many, how many failed, and how they were found.
fn calls(graph: &GraphSnapshot) -> BTreeMap<String, String> {
    let edges = graph.edges.iter().map(|edge| {
        let ends = format!("{} {} {:?}", edge.caller, edge.callee, edge.relation);
        let (calls, failed, evidence) = (edge.calls, edge.failed, edge.evidence);
        (ends, format!("{calls} {failed} {evidence:?}"))
    });
    edges.collect()
}

/// What takes a trace as a whole, so that no two halves of a call tell it.
const APART: [&str; 6] = [
    // Two consuming spans inside each other: each takes the message.
    "broker/kafka@kafka.shop:9092 service/payments/accounting Async",
    // A sending span that wraps another: each dials the broker.
    "service/payments/reconciler broker/rabbitmq@rabbitmq.shop:5672 Async",
    "service/payments/reconciler broker/rabbitmq@rabbitmq.shop:5672 Sync",
    // Resends: each is a call.
    "service/shop/checkout service/shop/shipping Sync",
    // Through a gateway, which takes both sides of the gateway.
    "service/shop/recommendation service/shop/pricing Proxied",
    // Resends again.
    "service/shop/shipping external/quote.shop:8080 Sync",
];

#[test]
fn two_instances_without_trace_affinity_give_the_calls_of_one() {
    let settings = Settings::default();
    let whole = calls(&instance(|_| true).snapshot(&settings));
    let mut merged = instance(|number| number % 2 == 0);
    merged.merge(instance(|number| number % 2 == 1));
    let merged = calls(&merged.snapshot(&settings));
    let ends: BTreeSet<&String> = whole.keys().chain(merged.keys()).collect();
    let different = ends
        .into_iter()
        .filter(|ends| whole.get(*ends) != merged.get(*ends));
    let different: Vec<&str> = different.map(String::as_str).collect();
    assert_eq!(different, APART);
    assert_eq!(whole.len(), 55);
}
