//! One edge in full.

use std::collections::BTreeMap;

use tracemesh_graph::explain::ExplainedEdge;
use tracemesh_graph::snapshot::{Edge, LatencySummary, Relation};

use super::{NAME, way};
use crate::render::page::Page;
use crate::render::table::{arrow, target};
use crate::render::{estimate, evidence_classes, seconds, whole};
use crate::text::{clip, count_of, counted, percent, thousands};

/// Values listed per line; the JSON has all.
const SHOWN: usize = 8;

/// Every fact about an edge, each on a line of its own.
pub(super) fn tell(page: &mut Page, explained: &ExplainedEdge) {
    let edge = &explained.edge;
    page.heading(&format!(
        "{} {} {}",
        clip(&edge.caller, NAME),
        arrow(edge.relation),
        clip(&edge.callee, NAME)
    ));
    page.fact(
        "confidence",
        &format!("{:.0} of 100, by evidence:", edge.confidence * 100.0),
    );
    evidence(page, edge);
    page.fact("dialled", &dialled(edge));
    page.fact("calls", &calls(edge));
    if let Some(estimate) = estimate(edge) {
        page.fact("stand for", &sampled(edge, &estimate));
    }
    for (name, side) in [
        ("at caller", edge.latency.client),
        ("at callee", edge.latency.server),
    ] {
        let shown = side.map_or_else(|| "latency not seen".to_owned(), |side| latency(&side));
        page.fact(name, &shown);
    }
    for (name, values) in [
        ("errors", &edge.errors),
        ("protocols", &edge.protocols),
        ("destination", &edge.destination),
        ("flags", &edge.flags),
    ] {
        if !values.is_empty() {
            page.fact(name, &counts(values));
        }
    }
    page.fact(
        "seen",
        &format!(
            "from {} to {}",
            seconds(edge.first_seen),
            seconds(edge.last_seen)
        ),
    );
    if explained.raise.is_empty() {
        page.fact(
            "to raise it",
            "nothing: such an edge cannot be known better",
        );
    }
    for raise in &explained.raise {
        page.fact("to raise it", way(*raise));
    }
}

/// Classes with calls or example traces, strongest first.
fn evidence(page: &mut Page, edge: &Edge) {
    let mut is_empty = true;
    for (class, count) in evidence_classes(edge.evidence) {
        let traces = edge.exemplars_by_evidence.get(class);
        if count == 0 && traces.is_none() {
            continue;
        }
        is_empty = false;
        let calls = counted(count, "call", "calls");
        page.fact("", &format!("{class}: {calls}, {}", meaning(class)));
        for trace in traces.into_iter().flatten() {
            page.fact("", &format!("  trace {}", clip(trace, NAME)));
        }
    }
    // Snapshots of earlier versions do not say which class a trace is an example of.
    if edge.exemplars_by_evidence.is_empty() {
        for trace in edge.exemplars.iter().take(SHOWN) {
            page.fact("", &format!("  trace {}", clip(trace, NAME)));
        }
    }
    if is_empty {
        page.fact("", "connections only: no call was seen on them");
    }
}

/// What a class of evidence is.
fn meaning(class: &str) -> &'static str {
    match class {
        "paired" => "both halves seen and joined by ids",
        "link" => "joined by a span link",
        "parent" => "a child span in the callee, without the proper kinds",
        "address" => "destination known by the dialled address",
        "alias" => "destination known by a learnt alias",
        _ => "destination known by a name that the spans give",
    }
}

fn dialled(edge: &Edge) -> String {
    if edge.targets.is_empty() && edge.relation != Relation::Sync {
        return "nothing: what dials is an edge of its own".to_owned();
    }
    if edge.targets.is_empty() {
        return "no address: the caller's spans name none".to_owned();
    }
    let mut by_calls: Vec<_> = edge.targets.iter().collect();
    by_calls.sort_by_key(|target| std::cmp::Reverse(target.calls));
    let shown = by_calls.iter().take(SHOWN);
    let mut shown: Vec<String> = shown
        .map(|one| format!("{} ({})", clip(&target(one), NAME), thousands(one.calls)))
        .collect();
    push_more(&mut shown, by_calls.len());
    shown.join(", ")
}

fn calls(edge: &Edge) -> String {
    format!(
        "{} in {}: {}, {} failed ({} %)",
        counted(edge.calls, "call", "calls"),
        counted(edge.attempts, "attempt", "attempts"),
        counted(edge.retries, "retry", "retries"),
        thousands(edge.failed),
        percent(edge.failed, edge.calls)
    )
}

/// What is known about an edge whose calls stand for more than themselves.
fn sampled(edge: &Edge, estimate: &str) -> String {
    let sampling = edge.facts.sampling.unwrap_or_default();
    let mut text = format!("{estimate} calls (one standard error)");
    let halves = [
        ("client spans", sampling.client_estimate),
        ("server spans", sampling.server_estimate),
        ("pairs", sampling.pair_estimate),
    ];
    let told: Vec<String> = halves
        .iter()
        .filter_map(|(what, sum)| Some(format!("{} by {what}", whole((*sum)?))))
        .collect();
    if !told.is_empty() {
        text.push_str(&format!("; {}", told.join(", ")));
    }
    if sampling.weight_unknown > 0 {
        text.push_str(&format!(
            "; {} of {} say not how many they stand for, so the error is unknown",
            thousands(sampling.weight_unknown),
            counted(edge.calls, "call", "calls")
        ));
    }
    if !sampling.enough_for_rates {
        text.push_str("; too few were seen to derive settings from rates");
    }
    text
}

fn latency(side: &LatencySummary) -> String {
    format!(
        "p50 {:.1}, p99 {:.1}, p99.9 {:.1}, max {:.1} ms of {}",
        side.p50_ms,
        side.p99_ms,
        side.p999_ms,
        side.max_ms,
        counted(side.count, "span", "spans")
    )
}

/// Values with their counts, most frequent first.
fn counts(values: &BTreeMap<String, u64>) -> String {
    let mut values: Vec<_> = values.iter().collect();
    values.sort_by(|a, b| b.1.cmp(a.1).then_with(|| a.0.cmp(b.0)));
    let shown = values.iter().take(SHOWN);
    let mut shown: Vec<String> = shown
        .map(|(name, count)| format!("{} ({})", clip(name, NAME), thousands(**count)))
        .collect();
    push_more(&mut shown, values.len());
    shown.join(", ")
}

/// Says how many values are not shown.
pub(super) fn push_more(shown: &mut Vec<String>, all: usize) {
    if let Some(more @ 1..) = all.checked_sub(shown.len()) {
        shown.push(format!("{} more", thousands(count_of(more))));
    }
}
