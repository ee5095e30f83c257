//! A day in a small Istio mesh, as its proxies and services would report it, against what was done.
//!
//! `fixtures/istio/generate.py` counts the calls where it makes them. Some applications have spans beside those of their
//! sidecar, some only pass headers on, some have no sidecar; gateways have CLIENT spans, SERVER spans, or both.

use std::collections::BTreeMap;
use std::fs;

use serde::Deserialize;
use serde_json::{Value, json};
use tracemesh_graph::snapshot::{Edge, GraphSnapshot};

use crate::harness::{root, tracemesh_in};

#[derive(Debug, Deserialize)]
struct Truth {
    edges: Vec<Value>,
    entries: BTreeMap<String, u64>,
}

fn truth() -> Truth {
    let path = root().join("fixtures/istio/truth.json");
    let text = fs::read_to_string(path).expect("the truth is readable");
    serde_json::from_str(&text).expect("the truth has the shape that its generator gives it")
}

fn graph() -> GraphSnapshot {
    let spans = "fixtures/istio/spans.jsonl.gz";
    let arguments = ["graph", "--traces", spans, "--format", "json"];
    let run = tracemesh_in(root(), &arguments, b"").expect_code(0);
    serde_json::from_str(&run.stdout).expect("the graph is a snapshot")
}

/// An edge in the words of the truth.
fn told(edge: &Edge) -> Value {
    let evidence = match &edge.evidence {
        only if only.paired == edge.calls => "paired",
        only if only.parent == edge.calls => "parent",
        only if only.address == edge.calls => "address",
        _ => "mixed",
    };
    let targets = edge.targets.iter().map(|target| {
        let port = target.port.expect("every target of the mesh has a port");
        (format!("{}:{port}", target.host), target.calls)
    });
    json!({
        "caller": edge.caller,
        "callee": edge.callee,
        "relation": edge.relation,
        "calls": edge.calls,
        "attempts": edge.attempts,
        "failed": edge.failed,
        "failed_attempts": edge.failed_attempts,
        "evidence": evidence,
        "targets": targets.collect::<BTreeMap<_, _>>(),
    })
}

fn by_ends(edges: impl Iterator<Item = Value>) -> BTreeMap<String, Value> {
    let name = |edge: &Value| format!("{} {} {}", edge["caller"], edge["relation"], edge["callee"]);
    edges.map(|edge| (name(&edge), edge)).collect()
}

#[test]
fn the_graph_of_the_mesh_is_exactly_what_was_done() {
    let (truth, graph) = (truth(), graph());
    let mut found = by_ends(graph.edges.iter().map(told));
    let mut faults = Vec::new();
    for (ends, wanted) in by_ends(truth.edges.into_iter()) {
        match found.remove(&ends) {
            Some(got) if got == wanted => {}
            got => faults.push(format!("{ends}\n  wanted {wanted}\n  got    {got:?}")),
        }
    }
    faults.extend(found.keys().map(|ends| format!("invented {ends}")));
    assert!(faults.is_empty(), "{}", faults.join("\n"));

    let entries = graph.nodes.iter().filter(|node| node.entry_calls > 0);
    let entries: BTreeMap<String, u64> = entries
        .map(|node| (node.id.clone(), node.entry_calls))
        .collect();
    assert_eq!(entries, truth.entries);
}

#[test]
fn nothing_of_the_mesh_is_lost_or_left_open() {
    let graph = graph();
    let diagnostics = &graph.diagnostics;
    assert_eq!(diagnostics.spans, diagnostics.used);
    let counters: Vec<&String> = diagnostics.counters.keys().collect();
    assert_eq!(counters, ["weight_unknown"]);
    for service in &diagnostics.per_service {
        assert_eq!(service.orphans + service.unresolved, 0, "{service:?}");
    }
}

/// A sidecar's resource has neither zone nor instance, and its spans no route.
#[test]
fn the_application_beside_a_sidecar_tells_zone_instance_and_route() {
    let graph = graph();
    let ends = ("service/shop/orders", "service/shop/catalog");
    let is_it = |edge: &&Edge| (edge.caller.as_str(), edge.callee.as_str()) == ends;
    let edge = graph.edges.iter().find(is_it).expect("orders call catalog");
    let facts = &edge.facts;
    assert_eq!(facts.zone_pairs["eu-west-1b"]["eu-west-1c"], edge.calls);
    assert_eq!((facts.caller_instances, facts.callee_instances), (1, 1));
    assert_eq!(facts.routes["/"], edge.calls);
}

#[test]
fn the_generator_writes_the_committed_files() {
    let out = tempfile::tempdir().expect("a temporary directory");
    let run = std::process::Command::new("python3")
        .arg(root().join("fixtures/istio/generate.py"))
        .arg(out.path())
        .status();
    assert!(run.expect("Python runs").success());
    let unpacked = |path: &std::path::Path| {
        let file = fs::File::open(path.join("spans.jsonl.gz")).expect("a file");
        std::io::read_to_string(flate2::read::GzDecoder::new(file)).expect("gzip")
    };
    let committed = root().join("fixtures/istio");
    assert!(unpacked(out.path()) == unpacked(&committed), "the spans");
    let truth = |path: &std::path::Path| fs::read_to_string(path.join("truth.json")).expect("text");
    assert_eq!(truth(out.path()), truth(&committed));
}

/// Who has a sidecar shows in its spans, whether it has spans of its own or not; gateways stand beside nobody.
#[test]
fn spans_of_sidecars_are_counted_for_the_services_that_have_one() {
    let graph = graph();
    let with = graph.nodes.iter().filter(|node| node.sidecar_spans > 0);
    let with: Vec<&str> = with.map(|node| node.id.as_str()).collect();
    assert_eq!(
        with,
        [
            "service/billing.shop",
            "service/bookinfo/details",
            "service/bookinfo/ratings",
            "service/nightly.shop",
            "service/productpage.bookinfo",
            "service/reviews.bookinfo",
            "service/shop/catalog",
            "service/shop/orders",
        ]
    );
}
