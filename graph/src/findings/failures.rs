//! Calls that fail: hosts that give nothing but errors, and edges on which too many calls do.
//!
//! A host that never answered is told once, as a host, and not a second time as an edge.

use std::collections::BTreeMap;

use super::model::{Cases, DeadHost, FailingEdge, Finding, Severity};
use super::select::{Draft, calls, errors, highest, permille, sum, threshold};
use crate::snapshot::{Edge, GraphSnapshot};

/// Answers of proxies on behalf of a host that is not there.
const STATUS_OF_PROXIES: [&str; 3] = ["502", "503", "504"];

/// gRPC status names that only a server, or something in its place, sends.
const GRPC_ANSWERS: [&str; 9] = [
    "ABORTED",
    "ALREADY_EXISTS",
    "DATA_LOSS",
    "FAILED_PRECONDITION",
    "INVALID_ARGUMENT",
    "NOT_FOUND",
    "OUT_OF_RANGE",
    "PERMISSION_DENIED",
    "UNAUTHENTICATED",
];

/// Attempts that all failed, without any sign that somebody listens.
pub(super) fn unreachable_host(snapshot: &GraphSnapshot) -> Option<Finding> {
    dead_hosts(snapshot, |edge| !has_answer(edge), Cases::UnreachableHost)
}

/// Attempts that all failed at a host that answers: refused, unknown paths, broken for everybody.
pub(super) fn failing_host(snapshot: &GraphSnapshot) -> Option<Finding> {
    dead_hosts(snapshot, has_answer, Cases::FailingHost)
}

/// Whether some error of an edge is an answer of its callee.
fn has_answer(edge: &Edge) -> bool {
    let is_answer = |error: &str| match error.parse::<u16>() {
        Ok(status) => (100..600).contains(&status) && !STATUS_OF_PROXIES.contains(&error),
        Err(_) => GRPC_ANSWERS.contains(&error),
    };
    edge.errors.keys().any(|error| is_answer(error))
}

fn dead_hosts(
    snapshot: &GraphSnapshot,
    choose: impl Fn(&Edge) -> bool,
    wrap: fn(Vec<DeadHost>) -> Cases,
) -> Option<Finding> {
    let mut hosts: BTreeMap<&str, Vec<&Edge>> = BTreeMap::new();
    let mut reached: BTreeMap<&str, u64> = BTreeMap::new();
    for edge in calls(snapshot).filter(|edge| edge.attempts > 0) {
        if !edge.is_never_answered() {
            *reached.entry(edge.callee.as_str()).or_default() += 1;
        } else if choose(edge) {
            hosts.entry(edge.callee.as_str()).or_default().push(edge);
        }
    }
    let attempts = |edges: &[&Edge]| sum(edges.iter().map(|edge| edge.attempts));
    let part = sum(hosts.values().map(|edges| attempts(edges)));
    let draft = Draft {
        severity: Severity::High,
        part,
        whole: sum(calls(snapshot)
            .filter(|edge| hosts.contains_key(edge.callee.as_str()))
            .map(|edge| edge.attempts)),
        cases: hosts.into_iter().collect(),
    };
    let case = |(callee, edges): (&str, Vec<&Edge>)| DeadHost {
        callee: callee.to_owned(),
        attempts: attempts(&edges),
        callers: highest(
            edges
                .iter()
                .map(|edge| (edge.caller.as_str(), edge.attempts)),
        ),
        reached_by: reached.get(callee).copied().unwrap_or(0),
        errors: errors(edges),
    };
    draft.finish(|(_, edges)| attempts(edges), case, wrap)
}

/// Edges whose calls fail although somebody answers.
pub(super) fn failing_edge(snapshot: &GraphSnapshot) -> Option<Finding> {
    let is_failing = |edge: &&Edge| {
        edge.calls >= threshold::COUNT
            && permille(edge.failed, edge.calls) >= threshold::FAILING
            && !edge.is_never_answered()
    };
    let cases: Vec<&Edge> = snapshot.edges.iter().filter(is_failing).collect();
    let draft = Draft {
        severity: Severity::High,
        part: sum(cases.iter().map(|edge| edge.failed)),
        whole: sum(cases.iter().map(|edge| edge.calls)),
        cases,
    };
    let case = |edge: &Edge| FailingEdge {
        caller: edge.caller.clone(),
        callee: edge.callee.clone(),
        failed: edge.failed,
        calls: edge.calls,
        errors: errors([edge]),
    };
    draft.finish(|edge| edge.failed, case, Cases::FailingEdge)
}
