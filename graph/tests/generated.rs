//! Generated companies with a known true graph: exact when everything arrives, never false when things are lost.
//!
//! The generator (`world`, `traffic`, `degrade`) is independent of inference: it only knows what SDKs emit.

#[path = "generated/degrade.rs"]
mod degrade;
#[path = "generated/feed.rs"]
mod feed;
#[path = "generated/traffic.rs"]
mod traffic;
#[path = "generated/world.rs"]
mod world;

use std::collections::{BTreeMap, BTreeSet};

use tracemesh_graph::snapshot::{Edge, GraphSnapshot, Relation, TraceCounts};

use traffic::{Happened, MadeSpan, Traffic, Truth};
use world::{Random, World};

type Edges = BTreeMap<(String, String, bool), Happened>;

fn company(seed: u64) -> (World, Traffic) {
    let world = World::new(seed, 60);
    let traffic = traffic::simulate(&world, seed ^ 0xface, 400);
    (world, traffic)
}

fn found(graph: &GraphSnapshot) -> Edges {
    let edges = graph.edges.iter().map(|edge| {
        let key = (
            edge.caller.clone(),
            edge.callee.clone(),
            edge.relation == Relation::Async,
        );
        let happened = Happened {
            calls: edge.calls,
            attempts: edge.attempts,
            failed: edge.failed,
        };
        (key, happened)
    });
    edges.collect()
}

#[track_caller]
fn assert_exact(truth: &Truth, graph: &GraphSnapshot, setup: &str) {
    let found = found(graph);
    let keys = truth.edges.keys().chain(found.keys());
    let faults: Vec<String> = keys
        .filter(|key| truth.edges.get(*key) != found.get(*key))
        .map(|key| {
            format!(
                "{key:?}: {:?}, not {:?}",
                truth.edges.get(key),
                found.get(key)
            )
        })
        .collect();
    assert!(
        faults.is_empty(),
        "{setup}: {} faults\n{}",
        faults.len(),
        faults.join("\n")
    );
    for node in &graph.nodes {
        let entries = truth.entries.get(&node.id).copied().unwrap_or_default();
        assert_eq!(node.entry_calls, entries, "{setup}: entries of {}", node.id);
        let requests = truth.requests.get(&node.id).copied().unwrap_or_default();
        assert_eq!(node.requests, requests, "{setup}: requests of {}", node.id);
        let passed = truth.passed.iter().filter(|(id, _)| *id == node.id).count();
        assert_traces(passed, node.traces, setup);
    }
    let traces: BTreeSet<u128> = truth.passed.iter().map(|(_, trace)| *trace).collect();
    assert_traces(traces.len(), graph.traces, setup);
    assert_requests_are_exact(truth, graph, setup);
}

/// All of the generated traces have their beginning.
#[track_caller]
fn assert_traces(expected: usize, found: TraceCounts, setup: &str) {
    let counts = (found.seen, found.rooted, found.weighted_rooted);
    let all = expected as u64;
    assert_eq!(counts, (all, all, expected as f64), "{setup}: traces");
}

/// Which of its requests made a call, edge by edge.
#[track_caller]
fn assert_requests_are_exact(truth: &Truth, graph: &GraphSnapshot, setup: &str) {
    let mut asked: BTreeMap<(&str, &str), u64> = BTreeMap::new();
    for (caller, callee, _) in &truth.asked {
        *asked.entry((caller, callee)).or_default() += 1;
    }
    for edge in &graph.edges {
        let ends = (edge.caller.as_str(), edge.callee.as_str());
        let requests = match edge.relation {
            Relation::Sync => asked.get(&ends).copied(),
            _ => None,
        };
        assert_eq!(edge.facts.caller_requests, requests, "{setup}: {ends:?}");
    }
}

/// Every edge that claims a pair between services exists in truth, and claims no more calls than there were attempts.
#[track_caller]
fn assert_pairs_are_true(truth: &Truth, graph: &GraphSnapshot, setup: &str) {
    let is_claim = |edge: &&Edge| edge.evidence.paired > 0;
    for edge in graph.edges.iter().filter(is_claim) {
        let key = (
            edge.caller.clone(),
            edge.callee.clone(),
            edge.relation == Relation::Async,
        );
        let happened = truth.edges.get(&key).copied().unwrap_or_default();
        assert!(
            edge.evidence.paired <= happened.attempts,
            "{setup}: {key:?} claims {} pairs of {happened:?}",
            edge.evidence.paired
        );
    }
}

fn without_order(spans: &[MadeSpan], seed: u64) -> Vec<MadeSpan> {
    let mut random = Random::new(seed);
    let mut spans = spans.to_vec();
    for place in (1..spans.len()).rev() {
        spans.swap(place, random.below(place + 1));
    }
    spans
}

#[test]
fn with_everything_there_edges_calls_attempts_and_failures_are_exact() {
    for seed in 1..=8 {
        let (world, traffic) = company(seed);
        let graph = feed::graph(&world, &traffic.spans);
        assert!(traffic.spans.len() > 2_000, "{} spans", traffic.spans.len());
        assert_exact(&traffic.truth, &graph, &format!("seed {seed}"));
    }
}

#[test]
fn order_duplicates_shared_ids_and_skew_change_nothing() {
    let (world, traffic) = company(21);
    let cases = [
        ("shuffled", without_order(&traffic.spans, 1)),
        ("a tenth sent again", degrade::repeated(&traffic.spans, 100)),
        ("B3 shared ids", degrade::shared_ids(&traffic.spans)),
        (
            "clocks 3 s apart",
            degrade::skewed(&traffic.spans, 3_000_000),
        ),
    ];
    for (setup, spans) in cases {
        assert_exact(&traffic.truth, &feed::graph(&world, &spans), setup);
    }
}

#[test]
fn a_paired_edge_is_never_false_whatever_is_lost() {
    for seed in 31..=36 {
        let (world, traffic) = company(seed);
        let spans = &traffic.spans;
        let cases = [
            ("one span in ten lost", degrade::lossy(spans, seed, 100)),
            ("half of all spans lost", degrade::lossy(spans, seed, 500)),
            (
                "a third of the services without kinds",
                degrade::kindless(spans, 3),
            ),
            ("a third of the services silent", degrade::silent(spans, 3)),
            (
                "lossy, kindless, shared ids, repeated, skewed",
                degrade::skewed(
                    &degrade::repeated(
                        &degrade::shared_ids(&degrade::kindless(
                            &degrade::lossy(spans, seed, 200),
                            4,
                        )),
                        100,
                    ),
                    2_000_000,
                ),
            ),
        ];
        for (setup, spans) in cases {
            let setup = format!("seed {seed}, {setup}");
            let graph = feed::graph(&world, &without_order(&spans, seed));
            assert_pairs_are_true(&traffic.truth, &graph, &setup);
        }
    }
}

#[test]
fn every_span_is_accounted_for_whatever_is_lost() {
    let (world, traffic) = company(41);
    let spans = degrade::repeated(&degrade::lossy(&traffic.spans, 5, 300), 200);
    let diagnostics = feed::graph(&world, &spans).diagnostics;
    let fragments = diagnostics
        .counters
        .get("fragment")
        .copied()
        .unwrap_or_default();
    assert_eq!(diagnostics.spans, spans.len() as u64);
    assert_eq!(
        diagnostics.used + diagnostics.duplicates + fragments,
        diagnostics.spans
    );
    let orphans: u64 = diagnostics.per_service.iter().map(|s| s.orphans).sum();
    assert!(orphans > 0, "a lost parent leaves orphans");
}
