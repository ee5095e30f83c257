//! Calls estimated from samples against the calls that really happened.

use std::collections::BTreeMap;

use tracemesh_generator::degrade::{Degradation, Step};
use tracemesh_generator::truth::Relation;
use tracemesh_generator::world::{Options, World};
use tracemesh_graph::snapshot::Edge;

use super::cases::Case;
use super::run::run;
use super::who::{Directory, Who};

const SAMPLED: Case = Case {
    name: "sampled",
    steps: &[Step::Sample],
    is_late: false,
};

/// Below this many observed calls nobody should trust an estimate.
const MIN_CALLS: u64 = 30;

/// Of every edge with enough observed calls: (estimate, true calls, standard error by the truth), and the edge.
fn estimates(seed: u64) -> Vec<(f64, f64, f64, Edge)> {
    let world = World::new(&Options::plain(seed, 60));
    let run = run(&world, seed, 900, &SAMPLED);
    let sampler = Degradation::new(&world, seed, SAMPLED.steps);
    let one_in: BTreeMap<usize, u64> = (0..world.services.len())
        .map(|service| (world.services[service].node, sampler.one_in(service)))
        .collect();
    let directory = Directory::new(&world, &run.graph);
    let mut found = Vec::new();
    for edge in &run.graph.edges {
        let ends = (directory.who(&edge.caller), directory.who(&edge.callee));
        let (Who::Exactly(caller), Who::Exactly(callee)) = ends else {
            continue;
        };
        let truth = run.truth.edges.get(&(*caller, *callee, Relation::Sync));
        let (Some(truth), true) = (truth, edge.calls >= MIN_CALLS) else {
            continue;
        };
        if edge.relation == tracemesh_graph::snapshot::Relation::Sync {
            let variance = truth.squared_calls * (one_in[caller] - 1);
            found.push((
                edge.weighted_calls,
                truth.happened.calls as f64,
                (variance as f64).sqrt(),
                edge.clone(),
            ));
        }
    }
    found
}

/// The error of an estimate is normal, so one in 370 may lie further out.
#[track_caller]
fn assert_within(found: &[(f64, f64, f64)]) {
    let outside: Vec<_> = found
        .iter()
        .filter(|(estimate, calls, error)| (estimate - calls).abs() > 3.0 * error + 1e-6)
        .collect();
    assert!(found.len() > 80, "{} edges", found.len());
    assert!(outside.len() * 100 <= found.len(), "{outside:?}");
    // Not only noise: the sum over all edges is close.
    let sum = |part: fn(&(f64, f64, f64)) -> f64| found.iter().map(part).sum::<f64>();
    let ratio = sum(|found| found.0) / sum(|found| found.1);
    assert!((0.9..1.1).contains(&ratio), "all estimates: {ratio}");
}

#[test]
fn estimates_from_samples_are_within_three_standard_errors() {
    let found: Vec<_> = (71..74).flat_map(estimates).collect();
    let found: Vec<_> = found.iter().map(|(a, b, c, _)| (*a, *b, *c)).collect();
    assert_within(&found);
}

#[test]
fn the_standard_error_that_edges_tell_covers_the_truth() {
    let told = |edge: &Edge| edge.facts.sampling.as_ref()?.standard_error;
    let found: Vec<_> = (71..74).flat_map(estimates).collect();
    let found: Vec<_> = found
        .iter()
        .map(|(estimate, calls, _, edge)| {
            (
                *estimate,
                *calls,
                told(edge).expect("every weight is known"),
            )
        })
        .collect();
    assert_within(&found);
}
