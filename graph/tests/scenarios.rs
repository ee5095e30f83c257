//! Conformance scenarios against the graph crate: every row of `fixtures/scenarios`, in every order of arrival, span by
//! span beside an unrelated trace, and with everything sent twice.
//!
//! A failure prints the row, its spans, the expected and the found graph in the notation of the row. All failing rows of
//! a group are reported together. The same rows go through the binary in the end-to-end tests.

#[cfg(test)]
#[path = "scenarios/addresses.rs"]
mod addresses;
#[cfg(test)]
#[path = "scenarios/behaviour.rs"]
mod behaviour;
#[cfg(test)]
#[path = "scenarios/clocks.rs"]
mod clocks;
#[path = "scenarios/compare.rs"]
mod compare;
#[path = "scenarios/expected.rs"]
mod expected;
#[path = "scenarios/feed.rs"]
mod feed;
#[path = "scenarios/found.rs"]
mod found;
#[cfg(test)]
#[path = "scenarios/late.rs"]
mod late;
#[path = "scenarios/layout.rs"]
mod layout;
#[path = "scenarios/notation.rs"]
mod notation;
#[path = "scenarios/orders.rs"]
mod orders;
#[cfg(test)]
#[path = "scenarios/over_time.rs"]
mod over_time;
#[cfg(test)]
#[path = "scenarios/perfect.rs"]
mod perfect;
#[cfg(test)]
#[path = "scenarios/selfcheck.rs"]
mod selfcheck;
#[cfg(test)]
#[path = "scenarios/weights.rs"]
mod weights;
#[cfg(test)]
#[path = "scenarios/windows.rs"]
mod windows;

use serde_json::Value;
use tracemesh_graph::snapshot::GraphSnapshot;

use feed::Batching;
use notation::{Row, Span};

/// An unrelated trace, whose edges must not touch those of a row.
const NOISE: &str = "N1  unrelated
  noise:noise-a.C#1 noise:noise-b.S#2<1 noise:noise-b.C#3<2 noise:noise-c.S#4<3
  = noise-a -> noise-b 1
  = noise-b -> noise-c 1
";

#[test]
fn tree_logic_with_shared_ids_and_missing_halves() {
    run_group("z.txt", include_str!("../../fixtures/scenarios/z.txt"));
}

#[test]
fn hygiene_of_ids_and_trees() {
    run_group("m.txt", include_str!("../../fixtures/scenarios/m.txt"));
}

#[test]
fn pairs_virtual_peers_and_failures() {
    run_group("o.txt", include_str!("../../fixtures/scenarios/o.txt"));
}

#[test]
fn attributes_of_both_halves_databases_and_virtual_nodes() {
    run_group("t.txt", include_str!("../../fixtures/scenarios/t.txt"));
}

#[test]
fn kinds_unset_and_references() {
    run_group("j.txt", include_str!("../../fixtures/scenarios/j.txt"));
}

#[test]
fn field_cases() {
    run_group("x.txt", include_str!("../../fixtures/scenarios/x.txt"));
}

#[test]
fn proxies() {
    run_group("p.txt", include_str!("../../fixtures/scenarios/p.txt"));
}

#[test]
fn cited_rows_of_tree_logic() {
    run_group("zx.txt", include_str!("../../fixtures/scenarios/zx.txt"));
}

#[test]
fn cited_rows_of_attributes_of_both_halves() {
    run_group("tx.txt", include_str!("../../fixtures/scenarios/tx.txt"));
}

#[test]
fn behaviour_in_the_notation_of_the_rows() {
    run_group("b.txt", include_str!("../../fixtures/scenarios/b.txt"));
}

#[test]
fn cited_rows_of_field_cases() {
    run_group("xx.txt", include_str!("../../fixtures/scenarios/xx.txt"));
}

fn run_group(file: &str, text: &str) {
    let report = group_report(file, text).unwrap_or_else(|fault| fault);
    assert!(report.is_empty(), "\n{report}");
}

/// All rows of a file that fail; empty when none does.
fn group_report(file: &str, text: &str) -> Result<String, String> {
    let rows = notation::parse_rows(file, text)?;
    let noise = notation::parse_rows("noise", NOISE)?.remove(0);
    let mut failures = Vec::new();
    for row in &rows {
        if let Err(report) = run_row(row, &noise) {
            failures.push(format!("{}{report}", row.headline()));
        }
    }
    if !failures.is_empty() {
        let count = failures.len();
        failures.push(format!("{file}: {count} of {} rows failed", rows.len()));
    }
    Ok(failures.join("\n"))
}

/// The first way of sending the row that goes wrong.
fn run_row(row: &Row, noise: &Row) -> Result<(), String> {
    let spans: Vec<&Span> = row.spans.iter().collect();
    let given = feed::snapshot(&spans, Batching::OneBatch);
    compare::compare(row, &given).map_err(sent("in the given order"))?;
    same_in_every_order(&spans, &given)?;
    beside_another_trace(row, noise).map_err(sent("one by one beside an unrelated trace"))?;
    twice(row, &given)
}

fn sent(how: &str) -> impl Fn(String) -> String {
    move |report| format!("    sent      {how}\n{report}")
}

/// Not one byte of the snapshot may depend on the order of arrival.
fn same_in_every_order(spans: &[&Span], given: &GraphSnapshot) -> Result<(), String> {
    for order in orders::orders(spans.len()) {
        let ordered: Vec<&Span> = order.iter().map(|index| spans[*index]).collect();
        for batching in [Batching::OneBatch, Batching::OneByOne] {
            let found = feed::snapshot(&ordered, batching);
            same_bytes(&json(given)?, &json(&found)?).map_err(|difference| {
                let texts: Vec<&str> = ordered.iter().map(|span| span.text.as_str()).collect();
                format!(
                    "    sent      {batching:?} as {}\n{difference}",
                    texts.join(" ")
                )
            })?;
        }
    }
    Ok(())
}

fn beside_another_trace(row: &Row, noise: &Row) -> Result<(), String> {
    let mut mixed = row.clone();
    mixed
        .expected
        .edges
        .extend(noise.expected.edges.iter().cloned());
    mixed.spans.clear();
    let mut others = noise.spans.iter().cycle();
    for index in 0..row.spans.len().max(noise.spans.len()) {
        mixed.spans.extend(row.spans.get(index).cloned());
        if index < noise.spans.len() {
            mixed.spans.extend(others.next().cloned());
        }
    }
    let spans: Vec<&Span> = mixed.spans.iter().collect();
    compare::compare(&mixed, &feed::snapshot(&spans, Batching::OneByOne))
}

/// The same nodes and edges, byte for byte, and every span counted as a duplicate once.
fn twice(row: &Row, given: &GraphSnapshot) -> Result<(), String> {
    let all_again: Vec<&Span> = row.spans.iter().chain(&row.spans).collect();
    let each_again: Vec<&Span> = row.spans.iter().flat_map(|span| [span, span]).collect();
    for (how, spans) in [
        ("all of it twice", all_again),
        ("each span twice", each_again),
    ] {
        let found = feed::snapshot(&spans, Batching::OneByOne);
        let checked = compare::compare(row, &found).and_then(|()| {
            same_bytes(&graph_json(given)?, &graph_json(&found)?)?;
            let (duplicates, sent) = (found.diagnostics.duplicates, row.spans.len());
            if duplicates == sent as u64 {
                return Ok(());
            }
            Err(format!(
                "    DIFFERS   {duplicates} duplicates, not {sent}\n"
            ))
        });
        checked.map_err(sent(how))?;
    }
    Ok(())
}

fn json(snapshot: &GraphSnapshot) -> Result<String, String> {
    serde_json::to_string_pretty(snapshot).map_err(|error| error.to_string())
}

/// The snapshot without its diagnostics.
fn graph_json(snapshot: &GraphSnapshot) -> Result<String, String> {
    let mut value = serde_json::to_value(snapshot).map_err(|error| error.to_string())?;
    value["diagnostics"] = Value::Null;
    serde_json::to_string_pretty(&value).map_err(|error| error.to_string())
}

/// The first line in which two texts differ.
fn same_bytes(given: &str, found: &str) -> Result<(), String> {
    if given == found {
        return Ok(());
    }
    let lines = given.lines().zip(found.lines()).zip(1..);
    let first = lines.into_iter().find(|((a, b), _)| a != b);
    let ((a, b), number) = first.unwrap_or((("(end)", "(end)"), 0));
    Err(format!(
        "    DIFFERS   from the given order in line {number} of the snapshot: `{}`, not `{}`\n",
        b.trim(),
        a.trim()
    ))
}
