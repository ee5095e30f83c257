//! One edge from several that lead from one node to another.

use std::collections::BTreeMap;

use super::nodes::{add_hazards, merged_targets};
use crate::snapshot::{Edge, EdgeFacts, EdgeSampling, EvidenceCounts, Latency};

/// Example traces kept, of an edge and of each class of evidence.
const MAX_EXEMPLARS: usize = 3;

/// The edge that stands for all of them, which have caller, callee and relation in common; one alone stays as it is.
pub(super) fn merged(mut edges: Vec<Edge>) -> Option<Edge> {
    if edges.len() <= 1 {
        return edges.pop();
    }
    let first = edges.first()?;
    let mut sum = Edge {
        latency: Latency::default(),
        targets: merged_targets(edges.iter().flat_map(|edge| &edge.targets)),
        confidence: confidence(&edges),
        facts: facts(&edges),
        ..first.clone()
    };
    for edge in edges.get(1..)? {
        add(&mut sum, edge);
    }
    sum.exemplars.sort_unstable();
    sum.exemplars.dedup();
    sum.exemplars.truncate(MAX_EXEMPLARS);
    for exemplars in sum.exemplars_by_evidence.values_mut() {
        exemplars.sort_unstable();
        exemplars.dedup();
        exemplars.truncate(MAX_EXEMPLARS);
    }
    Some(sum)
}

fn add(sum: &mut Edge, edge: &Edge) {
    for (sum, add) in [
        (&mut sum.calls, edge.calls),
        (&mut sum.attempts, edge.attempts),
        (&mut sum.failed, edge.failed),
        (&mut sum.failed_attempts, edge.failed_attempts),
        (&mut sum.retries, edge.retries),
    ] {
        *sum = sum.saturating_add(add);
    }
    sum.weighted_calls += edge.weighted_calls;
    add_evidence(&mut sum.evidence, edge.evidence);
    add_counts(&mut sum.protocols, &edge.protocols);
    add_counts(&mut sum.destination, &edge.destination);
    add_counts(&mut sum.errors, &edge.errors);
    add_counts(&mut sum.flags, &edge.flags);
    sum.first_seen = sum.first_seen.min(edge.first_seen);
    sum.last_seen = sum.last_seen.max(edge.last_seen);
    sum.exemplars.extend_from_slice(&edge.exemplars);
    for (class, exemplars) in &edge.exemplars_by_evidence {
        let known = sum.exemplars_by_evidence.entry(class.clone()).or_default();
        known.extend_from_slice(exemplars);
    }
}

const fn add_evidence(sum: &mut EvidenceCounts, add: EvidenceCounts) {
    sum.paired = sum.paired.saturating_add(add.paired);
    sum.parent = sum.parent.saturating_add(add.parent);
    sum.address = sum.address.saturating_add(add.address);
    sum.alias = sum.alias.saturating_add(add.alias);
    sum.named = sum.named.saturating_add(add.named);
    sum.link = sum.link.saturating_add(add.link);
}

fn add_counts(sum: &mut BTreeMap<String, u64>, add: &BTreeMap<String, u64>) {
    for (name, count) in add {
        let known = sum.entry(name.clone()).or_default();
        *known = known.saturating_add(*count);
    }
}

/// The mean, weighted by what each is the confidence of: its calls.
#[expect(
    clippy::cast_precision_loss,
    reason = "a share of counts far below 2^53"
)]
fn confidence(edges: &[Edge]) -> f64 {
    let weight = |edge: &Edge| edge.calls.max(1) as f64;
    let whole: f64 = edges.iter().map(weight).sum();
    let sum: f64 = edges
        .iter()
        .map(|edge| edge.confidence * weight(edge))
        .sum();
    sum / whole
}

/// Facts that add up. Distinct requests and instances do not, nor do peaks.
fn facts(edges: &[Edge]) -> EdgeFacts {
    let mut facts = EdgeFacts {
        sampling: sampling(edges),
        ..EdgeFacts::default()
    };
    for edge in edges {
        for (caller_zone, callee_zones) in &edge.facts.zone_pairs {
            let known = facts.zone_pairs.entry(caller_zone.clone()).or_default();
            add_counts(known, callee_zones);
        }
        add_counts(&mut facts.methods, &edge.facts.methods);
        add_counts(&mut facts.routes, &edge.facts.routes);
        add_hazards(&mut facts.hazards, &edge.facts.hazards);
        if let Some(operations) = edge.facts.operations {
            let known = facts.operations.get_or_insert_default();
            *known = known.saturating_add(operations);
        }
    }
    facts
}

/// Estimates added. Calls of one trace are sampled together, so errors add up as they are: never too small.
fn sampling(edges: &[Edge]) -> Option<EdgeSampling> {
    let all: Option<Vec<EdgeSampling>> = edges.iter().map(|edge| edge.facts.sampling).collect();
    let all = all?;
    let sum = |field: fn(&EdgeSampling) -> Option<f64>| all.iter().map(field).sum::<Option<f64>>();
    let mut total = EdgeSampling {
        client_estimate: sum(|one| one.client_estimate),
        server_estimate: sum(|one| one.server_estimate),
        pair_estimate: sum(|one| one.pair_estimate),
        standard_error: sum(|one| one.standard_error),
        enough_for_rates: all.iter().any(|one| one.enough_for_rates),
        ..EdgeSampling::default()
    };
    for one in &all {
        let out = &mut total.sampled_out;
        for (sum, add) in [
            (&mut total.sampled_calls, one.sampled_calls),
            (&mut total.weight_unknown, one.weight_unknown),
            (&mut out.count, one.sampled_out.count),
            (&mut out.standard_error, one.sampled_out.standard_error),
        ] {
            *sum = sum.saturating_add(add);
        }
    }
    Some(total)
}
