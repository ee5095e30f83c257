use super::*;
use crate::render::sample::{edge, node, shop, snapshot};
use std::collections::BTreeMap;

fn rules(snapshot: &GraphSnapshot) -> Vec<&'static str> {
    find(snapshot).iter().map(|finding| finding.rule).collect()
}

fn only(edge: Edge) -> GraphSnapshot {
    let nodes = vec![
        node(NodeKind::Service, "", "a"),
        node(NodeKind::SharedHost, "", "lb:443"),
    ];
    snapshot(nodes, vec![edge])
}

#[test]
fn a_healthy_graph_has_no_findings() {
    assert_eq!(find(&only(edge("service/a", "service/b", 1_000))), []);
}

#[test]
fn the_shop_lists_failures_before_retries_before_gaps_before_routing() {
    assert_eq!(
        rules(&shop()),
        [
            "failing_edge",
            "retry_amplification",
            "unresolved_calls",
            "orphaned_spans",
            "nameless_spans",
            "shared_host"
        ]
    );
}

#[test]
fn findings_carry_the_numbers_they_rest_on() {
    let texts: Vec<String> = find(&shop())
        .into_iter()
        .map(|finding| finding.text)
        .collect();
    assert_eq!(
        texts[..3],
        [
            "90 of 1,100 calls from service/shop/checkout to service/money/payment failed (8.1 %)",
            "service/shop/checkout turns 1,100 calls to service/money/payment into 1,400 attempts (1.27 each)",
            "1,000 of 4,000 outgoing spans of service/shop/cart name no destination (25.0 %)",
        ]
    );
}

#[test]
fn a_wide_gap_comes_before_everything() {
    let mut shop = shop();
    shop.diagnostics.per_service[0].unresolved = 3_000;
    assert_eq!(rules(&shop)[0], "unresolved_calls");
    shop.diagnostics.dropped = BTreeMap::from([("open_records".to_owned(), 200_000)]);
    assert_eq!(rules(&shop)[0], "spans_lost");
}

/// A dead host is told once, as unreachable, and not a second time as failing.
#[test]
fn a_host_that_never_answered_is_unreachable_rather_than_failing() {
    let mut dead = edge("service/a", "external/gone:80", 40);
    dead.evidence.paired = 0;
    dead.evidence.address = 40;
    dead.failed = 40;
    dead.failed_attempts = 40;
    assert_eq!(rules(&only(dead.clone())), ["unreachable_host"]);
    dead.evidence.paired = 1;
    assert_eq!(rules(&only(dead)), ["failing_edge"]);
}

#[test]
fn few_calls_prove_nothing() {
    let mut rare = edge("service/a", "service/b", 5);
    rare.failed = 4;
    rare.failed_attempts = 4;
    rare.retries = 3;
    assert_eq!(find(&only(rare)), []);
}

#[test]
fn hairpins_and_shared_hosts_are_told_with_their_calls() {
    let mut around = edge("service/a", "service/b", 30);
    around.flags.insert("hairpin".to_owned(), 20);
    assert!(find(&only(around))[0].text.starts_with("20 of 30 calls"));
    let shared = edge("service/a", "shared_host/lb:443", 30);
    assert_eq!(rules(&only(shared)), ["shared_host"]);
}

#[test]
fn the_worst_case_is_named_and_the_others_are_counted() {
    let mut graph = shop();
    for (index, failed) in [(0, 30_000), (1, 40_000)] {
        let mut more = edge("service/x", &format!("service/y{index}"), 100_000);
        more.failed = failed;
        graph.edges.push(more);
    }
    let text = &find(&graph)[0].text;
    assert!(
        text.contains("service/y1 failed (40.0 %); the same with 2 more edges"),
        "{text}"
    );
}
