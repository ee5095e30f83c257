//! Compares a snapshot with what a row demands, and says the difference in the notation of the row.

use std::collections::BTreeSet;

use tracemesh_graph::snapshot::{Edge, GraphSnapshot, NodeKind};

use super::expected::{Count, Evidence, Expected, ExpectedEdge};
use super::found::{Found, classes, show, show_evidence, targets};
use super::notation::{Row, Span};

/// `Ok` when the snapshot is what the row demands; else the row, what was expected, what was found, and how they differ.
pub(crate) fn compare(row: &Row, snapshot: &GraphSnapshot) -> Result<(), String> {
    let found = Found::new(&row.expected, snapshot);
    let mut differences = broken_promises(snapshot);
    differences.extend(service_differences(row, snapshot));
    differences.extend(edge_differences(&row.expected, &found));
    differences.extend(count_differences(&row.expected, &found));
    if differences.is_empty() {
        return Ok(());
    }
    let mut report = String::new();
    for line in &row.expected.lines {
        report.push_str(&format!("    expected  {line}\n"));
    }
    for line in found.lines() {
        report.push_str(&format!("    found     {line}\n"));
    }
    for line in differences {
        report.push_str(&format!("    DIFFERS   {line}\n"));
    }
    Err(report)
}

/// What every snapshot promises, whatever the row.
fn broken_promises(snapshot: &GraphSnapshot) -> Vec<String> {
    let mut faults = Vec::new();
    if !snapshot.nodes.is_sorted_by(|a, b| a.id < b.id) {
        faults.push("nodes are not sorted by id, or two share one".to_owned());
    }
    let key = |edge: &Edge| (edge.caller.clone(), edge.callee.clone(), edge.relation);
    if !snapshot.edges.is_sorted_by(|a, b| key(a) < key(b)) {
        faults.push(
            "edges are not sorted by (caller, callee, relation), or two share one".to_owned(),
        );
    }
    for edge in &snapshot.edges {
        let about = format!("{} to {}", edge.caller, edge.callee);
        let sum: u64 = classes(&edge.evidence).iter().map(|(_, calls)| calls).sum();
        if sum != edge.calls {
            faults.push(format!(
                "{about}: evidence sums to {sum} of {} calls",
                edge.calls
            ));
        }
        let ordered = edge.calls <= edge.attempts
            && edge.failed <= edge.calls
            && edge.failed <= edge.failed_attempts
            && edge.failed_attempts <= edge.attempts;
        if !ordered {
            faults.push(format!(
                "{about}: calls, attempts and failures contradict each other"
            ));
        }
    }
    let diagnostics = &snapshot.diagnostics;
    let rejected: u64 = diagnostics.rejected.values().sum();
    let dropped: u64 = diagnostics.dropped.values().sum();
    let fragments = diagnostics.counters.get("fragment");
    let accounted = diagnostics.used
        + diagnostics.duplicates
        + rejected
        + dropped
        + fragments.copied().unwrap_or_default();
    if diagnostics.spans != accounted {
        faults.push(format!(
            "{} spans, but {accounted} accounted for",
            diagnostics.spans
        ));
    }
    faults
}

/// Every service of the row is a node, seen or not, and nothing else is one. A sidecar named `app.namespace` is none
/// where its application has spans: it is its application.
fn service_differences(row: &Row, snapshot: &GraphSnapshot) -> Vec<String> {
    let has_spans = |name: &str| {
        let mut spans = row.spans.iter();
        spans.any(|span| span.service.as_deref() == Some(name))
    };
    let is_sidecar = |span: &&Span| {
        let is_proxy = span.attributes.iter().any(|(key, _)| key == "component");
        let name = span
            .service
            .as_deref()
            .and_then(|name| name.split_once('.'));
        is_proxy && name.is_some_and(|(application, _)| has_spans(application))
    };
    let applications = row.spans.iter().filter(|span| !is_sidecar(span));
    let services = applications.filter_map(|span| span.service.as_deref());
    let expected: BTreeSet<&str> = services.collect();
    let services = snapshot
        .nodes
        .iter()
        .filter(|node| node.kind == NodeKind::Service);
    let found: BTreeSet<&str> = services.map(|node| node.name.as_str()).collect();
    let missing = expected
        .difference(&found)
        .map(|name| format!("no service node {name}"));
    let extra = found
        .difference(&expected)
        .map(|name| format!("extra service node {name}"));
    missing.chain(extra).collect()
}

fn edge_differences(expected: &Expected, found: &Found<'_>) -> Vec<String> {
    let mut differences = Vec::new();
    for edge in &expected.edges {
        let same: Vec<&Edge> = found
            .edges
            .iter()
            .filter(|(key, _)| *key == edge.key)
            .map(|(_, edge)| *edge)
            .collect();
        match same.as_slice() {
            [] => differences.push(format!("missing: {}", edge.key)),
            [found] => differences.extend(edge_faults(edge, found)),
            _ => differences.push(format!("{} edges are called {}", same.len(), edge.key)),
        }
    }
    for (key, edge) in &found.edges {
        let listed = expected.edges.iter().chain(&expected.later);
        let is_listed = listed.into_iter().any(|edge| edge.key == *key);
        let is_excused = !expected.is_exact_about_brokers
            && [&key.caller, &key.callee]
                .iter()
                .any(|end| end.starts_with("broker("));
        if !is_listed && !is_excused {
            differences.push(format!("extra: {}", show(key, edge)));
        }
    }
    differences
}

fn edge_faults(expected: &ExpectedEdge, found: &Edge) -> Vec<String> {
    let mut faults = Vec::new();
    let mut check = |is_right: bool, what: String| {
        if !is_right {
            faults.push(format!("{}: {what}", expected.key));
        }
    };
    match expected.calls {
        None => check(found.calls > 0, "no calls".to_owned()),
        Some((calls, failed)) => {
            check(
                found.calls == calls,
                format!("calls {}, not {calls}", found.calls),
            );
            check(
                found.failed == failed,
                format!("failed {}, not {failed}", found.failed),
            );
        }
    }
    if let Evidence::Exactly(evidence) = &expected.evidence {
        let what = format!(
            "evidence{}, not{}",
            show_evidence(&found.evidence),
            show_evidence(evidence)
        );
        check(found.evidence == *evidence, what);
    }
    let numbers = [
        ("attempts", found.attempts),
        ("failed_attempts", found.failed_attempts),
        ("retries", found.retries),
        ("operations", found.facts.operations.unwrap_or_default()),
    ];
    for (name, number) in numbers {
        if let Some(expected) = expected.numbers.get(name) {
            check(
                number == *expected,
                format!("{name} {number}, not {expected}"),
            );
        }
    }
    for flag in &expected.flags {
        check(found.flags.contains_key(flag), format!("no flag {flag}"));
    }
    for name in &expected.destinations {
        check(
            found.destination.contains_key(name),
            format!("no destination {name}"),
        );
    }
    for target in &expected.targets {
        check(
            targets(found).contains(target),
            format!("no target {target}"),
        );
    }
    faults
}

fn count_differences(expected: &Expected, found: &Found<'_>) -> Vec<String> {
    let mut differences = Vec::new();
    let mut keys: BTreeSet<&(Count, String)> = expected.counts.keys().collect();
    let exact = |key: &&(Count, String)| expected.exact.contains(&key.0);
    keys.extend(found.counts.keys().filter(exact));
    for key in keys {
        let wanted = expected.counts.get(key).copied().unwrap_or_default();
        let number = found.counts.get(key).copied().unwrap_or_default();
        if number != wanted {
            let (count, name) = key;
            differences.push(format!("{}({name}) {number}, not {wanted}", count.word()));
        }
    }
    for (name, wanted) in &expected.counters {
        let number = found.counters.get(name).copied().unwrap_or_default();
        if number != *wanted {
            differences.push(format!("counter({name}) {number}, not {wanted}"));
        }
    }
    differences
}
