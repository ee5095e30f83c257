//! Load that grows when a callee is weakest: retries on an edge, retries that multiply along a path, and services that wait
//! for each other in a circle.
//!
//! Paths and circles are those that the onboarding plan works with ([`CallPaths`]); here no retry is assumed, only what was
//! seen counts.

use std::collections::BTreeMap;

use super::model::{
    Cases, EdgeCalls, Finding, RetriedEdge, RetryPath, RetryStep, Severity, SyncCycle, Top,
};
use super::select::{Draft, MAX_CASES, all_calls, beyond, permille, sum, threshold};
use crate::onboarding::{CallPaths, Cycle, attempts_while_failing};
use crate::snapshot::{Edge, GraphSnapshot, Relation};

/// Attempts per call from which on an edge counts as repeating its calls on a path: retries above the threshold.
const REPEATED: f64 = 1.0 + threshold::RETRIES as f64 / 1000.0;

/// Edges whose callers retry.
pub(super) fn edges(snapshot: &GraphSnapshot) -> Option<Finding> {
    let is_hot = |edge: &&Edge| {
        edge.calls >= threshold::COUNT && permille(edge.retries, edge.calls) >= threshold::RETRIES
    };
    let cases: Vec<&Edge> = snapshot.edges.iter().filter(is_hot).collect();
    let draft = Draft {
        severity: Severity::Medium,
        part: sum(cases.iter().map(|edge| edge.retries)),
        whole: sum(cases.iter().map(|edge| edge.attempts)),
        cases,
    };
    let case = |edge: &Edge| RetriedEdge {
        caller: edge.caller.clone(),
        callee: edge.callee.clone(),
        calls: edge.calls,
        attempts: edge.attempts,
        retries: edge.retries,
        attempts_per_call: attempts_per_call(edge),
        attempts_while_failing: attempts_while_failing(edge),
    };
    let by_factor = |edge: &&Edge| permille(edge.attempts, edge.calls);
    draft.finish(by_factor, case, Cases::RetryAmplification)
}

/// At least 1.
fn attempts_per_call(edge: &Edge) -> f64 {
    (edge.attempts as f64 / edge.calls.max(1) as f64).max(1.0)
}

/// Attempts that a call makes at worst, as far as seen; 1 for what is too rare to tell.
fn observed_attempts(edge: &Edge) -> f64 {
    let attempts = attempts_per_call(edge).max(attempts_while_failing(edge).unwrap_or(1.0));
    if edge.calls >= threshold::COUNT && attempts >= REPEATED {
        attempts
    } else {
        1.0
    }
}

/// Destinations at which the retries of several layers meet.
pub(super) fn paths(snapshot: &GraphSnapshot) -> Option<Finding> {
    let (found, all) = CallPaths::new(snapshot, observed_attempts).multiplying(MAX_CASES);
    let cases: Vec<RetryPath> = found
        .into_iter()
        .filter_map(|path| {
            Some(RetryPath {
                destination: path.steps.last()?.1.clone(),
                attempts: path.attempts,
                may_be_more: path.is_cut,
                steps: Top::last(path.steps.into_iter().map(step).collect()),
            })
        })
        .collect();
    let mut destinations: Vec<&str> = snapshot
        .edges
        .iter()
        .filter(|edge| edge.relation == Relation::Sync)
        .map(|edge| edge.callee.as_str())
        .collect();
    destinations.sort_unstable();
    destinations.dedup();
    (!cases.is_empty()).then(|| Finding {
        severity: Severity::Medium,
        part: beyond(all, 0),
        whole: beyond(destinations.len(), 0),
        more: beyond(all, cases.len()),
        cases: Cases::RetryPath(cases),
    })
}

fn step((caller, callee, attempts): (String, String, f64)) -> RetryStep {
    RetryStep {
        caller,
        callee,
        attempts,
    }
}

/// Services that wait for each other in a circle; messages close none.
pub(super) fn cycles(snapshot: &GraphSnapshot) -> Option<Finding> {
    let calls_of: BTreeMap<(&str, &str), u64> = snapshot
        .edges
        .iter()
        .filter(|edge| edge.relation == Relation::Sync)
        .map(|edge| ((edge.caller.as_str(), edge.callee.as_str()), edge.calls))
        .collect();
    let calls = |(caller, callee): &(String, String)| {
        let ends = (caller.as_str(), callee.as_str());
        calls_of.get(&ends).copied().unwrap_or(0)
    };
    let inside = |cycle: &Cycle| sum(cycle.edges.iter().map(calls));
    let cases = CallPaths::new(snapshot, |_| 1.0).cycles();
    let draft = Draft {
        severity: Severity::Medium,
        part: sum(cases.iter().map(inside)),
        whole: all_calls(snapshot),
        cases,
    };
    let case = |cycle: Cycle| {
        let edges = beyond(cycle.edges.len(), 0);
        let inside = inside(&cycle);
        let weakest = cycle.weakest.into_iter().map(|ends| EdgeCalls {
            calls: calls(&ends),
            caller: ends.0,
            callee: ends.1,
        });
        let mut weakest: Vec<EdgeCalls> = weakest.collect();
        weakest.sort();
        SyncCycle {
            services: Top::first(cycle.nodes),
            edges,
            calls: inside,
            weakest: Top::first(weakest),
        }
    };
    draft.finish(inside, case, Cases::SyncCycle)
}
