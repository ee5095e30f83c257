//! The whole drawing of the reference graph, and hostile names.

use super::super::plot::tests::{expect, hostile, reference};
use super::*;

#[test]
fn graph_by_wave_of_the_reference_graph() {
    let (input, plan) = reference();
    expect("online-boutique.dot", &dot(&plan, &input));
}

/// Every statement that [`dot`] writes begins in one of these ways, outside of quotes.
#[test]
fn no_name_leaves_its_quotes() {
    let (input, plan) = hostile();
    let text = dot(&plan, &input);
    assert!(text.chars().all(|c| c == '\n' || !c.is_control()));
    for line in text.lines() {
        let begins = [
            "//", "digraph", "}", "graph [", "node [", "edge [", "subgraph", "{ rank", "\"",
        ];
        let line = line.trim_start();
        assert!(begins.iter().any(|begin| line.starts_with(begin)), "{line}");
        let quotes = line
            .replace("\\\\", "")
            .replace("\\\"", "")
            .matches('"')
            .count();
        assert!(quotes.is_multiple_of(2), "{line}");
    }
}

#[test]
fn states_are_told_in_words_and_calls_by_their_order() {
    let (input, plan) = hostile();
    let text = dot(&plan, &input);
    for words in [
        "in already",
        "not planned",
        "fix its hazard first",
        "wave 1",
        "that cannot join",
    ] {
        assert!(text.contains(words), "{words}");
    }
    let inverted = plan
        .inverted
        .iter()
        .filter(|edge| edge.caller != edge.callee);
    assert_eq!(
        text.matches("caller joins before callee").count(),
        inverted.count()
    );
}

/// Numbers of waves need not begin with 1, and one wave has a colour too.
#[test]
fn the_palette_spans_the_waves_of_the_plan() {
    let (input, mut plan) = reference();
    let text = dot(&plan, &input);
    assert!(text.contains(PALETTE[0].0) && text.contains(PALETTE[7].0));
    plan.waves.truncate(1);
    assert!(dot(&plan, &input).contains(PALETTE[0].0));
}
