//! The shop recorded again with one set of semantic conventions throughout: the old ones, and the stable ones.
//!
//! The services and what they write down are the same; what their spans say about the other end is not. Either way the
//! graph must be what the services did.

use tracemesh_graph::snapshot::GraphSnapshot;

use super::compare::{Exceptions, MIXED, faults};
use super::truth::Truth;
use crate::harness::recording::requests;
use crate::harness::{root, tracemesh_in};

/// Keys of the old conventions that have another name in the stable ones.
const OLD_KEYS: [&str; 4] = ["http.method", "http.url", "net.host.name", "db.statement"];

fn graph_of(recording: &str) -> GraphSnapshot {
    let arguments = ["graph", "--traces", recording, "--format", "json"];
    let run = tracemesh_in(root(), &arguments, b"").expect_code(0);
    serde_json::from_str(&run.stdout).expect("the graph is a snapshot")
}

#[track_caller]
fn expect_the_truth(recording: &str, exceptions: Exceptions) {
    let (truth, graph) = (Truth::of(&root().join(recording)), graph_of(recording));
    let faults = faults(&truth, &graph, exceptions);
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    let diagnostics = &graph.diagnostics;
    assert_eq!(diagnostics.spans, diagnostics.used);
    for service in &diagnostics.per_service {
        let lost = service.orphans + service.unresolved + service.unresolved_links;
        assert_eq!(lost, 0, "{service:?}");
    }
}

/// The old keys that a recording uses.
fn old_keys(recording: &str) -> Vec<&'static str> {
    let bodies = requests(&root().join(recording))
        .into_iter()
        .map(|request| request.body().1);
    let all: Vec<u8> = bodies.flatten().collect();
    let is_used = |key: &str| all.windows(key.len()).any(|part| part == key.as_bytes());
    OLD_KEYS.into_iter().filter(|key| is_used(key)).collect()
}

#[test]
fn each_recording_speaks_the_conventions_it_is_named_after() {
    assert_eq!(old_keys("fixtures/shop-old"), OLD_KEYS);
    assert_eq!(old_keys("fixtures/shop-stable"), Vec::<&str>::new());
}

#[test]
fn under_the_old_conventions_the_graph_is_exactly_what_the_services_wrote_down() {
    expect_the_truth("fixtures/shop-old", MIXED);
}

#[test]
fn under_the_stable_conventions_the_graph_is_exactly_what_the_services_wrote_down() {
    expect_the_truth("fixtures/shop-stable", MIXED);
}
