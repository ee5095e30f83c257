//! Nothing missing, nothing added, nothing counted differently.

use std::collections::{BTreeMap, BTreeSet};

use tracemesh_generator::truth::{EdgeKey, Evidence, Happened, TrueEdge, Truth};
use tracemesh_generator::world::World;
use tracemesh_graph::snapshot::{Edge, GraphSnapshot, TraceCounts};

use super::who::{Directory, Who, relation};

/// Everything that an edge says of its calls.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct Said {
    happened: Happened,
    evidence: BTreeMap<Evidence, u64>,
    /// Other evidence than the best there is.
    weaker: u64,
    requests: Option<u64>,
}

impl Said {
    fn found(edge: &Edge) -> Self {
        let classes = edge.evidence;
        let best = [
            (Evidence::Paired, classes.paired),
            (Evidence::Address, classes.address),
            (Evidence::Link, classes.link),
        ];
        Self {
            happened: Happened {
                calls: edge.calls,
                attempts: edge.attempts,
                failed: edge.failed,
                failed_attempts: edge.failed_attempts,
            },
            evidence: best.into_iter().filter(|(_, calls)| *calls > 0).collect(),
            weaker: classes.parent + classes.named + classes.alias,
            requests: edge.facts.caller_requests,
        }
    }
}

/// Edges with their counts and evidence, entries, requests, traces.
#[track_caller]
pub(crate) fn assert_exact(world: &World, truth: &Truth, graph: &GraphSnapshot, setup: &str) {
    let directory = Directory::new(world, graph);
    let mut found: BTreeMap<EdgeKey, Said> = BTreeMap::new();
    let mut faults: Vec<String> = Vec::new();
    for edge in &graph.edges {
        let ends = (directory.who(&edge.caller), directory.who(&edge.callee));
        let (Who::Exactly(caller), Who::Exactly(callee)) = ends else {
            faults.push(format!(
                "{} -> {}: {} calls lead to no node",
                edge.caller, edge.callee, edge.calls
            ));
            continue;
        };
        let key = (*caller, *callee, relation(edge.relation));
        found.insert(key, Said::found(edge));
    }
    let keys: BTreeSet<&EdgeKey> = truth.edges.keys().chain(found.keys()).collect();
    for key in keys {
        let found = found.get(key);
        let expected = truth.edges.get(key).map(|edge| Said {
            happened: edge.happened,
            evidence: edge.evidence.clone(),
            weaker: 0,
            requests: requests(world, key, edge, found),
        });
        if expected.as_ref() != found {
            let name = |node: usize| &world.nodes[node].name;
            faults.push(format!(
                "{} -> {} {:?}:\n  found    {found:?}\n  expected {expected:?}",
                name(key.0),
                name(key.1),
                key.2,
            ));
        }
    }
    assert!(
        faults.is_empty(),
        "{setup}: {} faults of {} edges\n{}",
        faults.len(),
        truth.edges.len(),
        faults
            .iter()
            .take(12)
            .cloned()
            .collect::<Vec<_>>()
            .join("\n")
    );
    assert_nodes(&directory, truth, graph, setup);
}

/// The requests that made the calls. One that found a virtual callee in two ways (a broker named here, not there) counts
/// twice, at most once per call; messages have none.
fn requests(world: &World, key: &EdgeKey, edge: &TrueEdge, found: Option<&Said>) -> Option<u64> {
    let found = found?.requests?;
    let is_bound = (edge.requests..=edge.happened.calls).contains(&found);
    if world.nodes[key.1].kind != "service" && is_bound {
        return Some(found);
    }
    Some(edge.requests)
}

#[track_caller]
fn assert_nodes(directory: &Directory, truth: &Truth, graph: &GraphSnapshot, setup: &str) {
    for node in &graph.nodes {
        let Who::Exactly(own) = directory.who(&node.id) else {
            continue;
        };
        let of = |counts: &BTreeMap<usize, u64>| counts.get(own).copied().unwrap_or_default();
        let expected = (of(&truth.entries), of(&truth.requests));
        let found = (node.entry_calls, node.requests);
        assert_eq!(
            found, expected,
            "{setup}: entries and requests of {}",
            node.id
        );
        assert_traces(of(&truth.passed), node.traces, &node.id);
    }
    assert_traces(truth.traces, graph.traces, setup);
}

/// All of the generated traces have their beginning.
#[track_caller]
fn assert_traces(expected: u64, found: TraceCounts, whose: &str) {
    let counts = (found.seen, found.rooted, found.weighted_rooted);
    assert_eq!(
        counts,
        (expected, expected, expected as f64),
        "traces of {whose}"
    );
}
