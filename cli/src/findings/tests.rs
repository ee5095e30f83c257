use super::*;
use crate::render::sample::{edge, node, shop, snapshot};
use tracemesh_graph::findings::report;
use tracemesh_graph::snapshot::{Edge, NodeKind, Target};

fn all(snapshot: &GraphSnapshot) -> Vec<Told> {
    told(&report(snapshot))
}

fn only(edge: Edge) -> GraphSnapshot {
    let nodes = ["a", "b", "c"].map(|name| node(NodeKind::Service, "", name));
    let lb = node(NodeKind::SharedHost, "", "lb:443");
    snapshot(nodes.into_iter().chain([lb]).collect(), vec![edge])
}

fn dial(edge: &mut Edge, host: &str, port: u16) {
    edge.targets = vec![Target {
        host: host.to_owned(),
        port: Some(port),
        ..edge.targets[0].clone()
    }];
}

#[test]
fn a_healthy_graph_has_nothing_to_tell() {
    assert_eq!(all(&only(edge("service/a", "service/b", 1_000))), []);
}

#[test]
fn the_shop_lists_failures_before_retries_before_gaps_before_routing() {
    let rules: Vec<&str> = all(&shop()).iter().map(|told| told.rule).collect();
    assert_eq!(
        rules,
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
fn sentences_carry_the_numbers_they_rest_on() {
    let texts: Vec<String> = all(&shop()).into_iter().map(|told| told.text).collect();
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
fn the_worst_case_is_named_and_the_others_are_counted() {
    let mut graph = shop();
    for (index, failed) in [(0, 30_000), (1, 40_000)] {
        let mut more = edge("service/x", &format!("service/y{index}"), 100_000);
        more.failed = failed;
        graph.edges.push(more);
    }
    let text = &all(&graph)[0].text;
    assert!(
        text.contains("service/y1 failed (40.0 %); the same with 2 more edges"),
        "{text}"
    );
}

#[test]
fn a_hairpin_is_told_with_the_address_to_use_or_that_none_is_known() {
    let mut around = edge("service/a", "service/b", 30);
    around.flags.insert("hairpin".to_owned(), 20);
    dial(&mut around, "shop.example.com", 443);
    let mut graph = only(around);
    let told = &all(&graph)[0];
    assert_eq!(
        told.text,
        "20 of 30 calls from service/a to service/b leave the cluster by shop.example.com:443 and come back"
    );
    assert!(
        told.advice.ends_with("these traces show no such name"),
        "{}",
        told.advice
    );
    let mut inside = edge("service/c", "service/b", 5);
    dial(&mut inside, "b.shop.svc", 8080);
    graph.edges.push(inside);
    let told = &all(&graph)[0];
    assert_eq!(
        told.advice,
        "dial `b.shop.svc:8080` instead: other callers reach it there"
    );
}

#[test]
fn retries_and_circles_are_told_with_path_and_way_out() {
    let retried = |caller: &str, callee: &str| {
        let mut edge = edge(caller, callee, 100);
        (edge.attempts, edge.retries) = (250, 150);
        edge
    };
    let mut graph = only(retried("service/a", "service/b"));
    graph.edges.push(retried("service/b", "service/c"));
    graph.edges.push(edge("service/c", "service/a", 7));
    let all = all(&graph);
    let told = |rule: &str| all.iter().find(|told| told.rule == rule).unwrap();
    assert_eq!(
        told("retry_path").text,
        "one call can become 6.25 or more attempts at service/c while it fails: service/a -> service/b (2.50) -> service/c (2.50)"
    );
    assert_eq!(
        told("sync_cycle").text,
        "3 services wait for each other in a circle of 207 calls: service/a, service/b, service/c"
    );
    let advice = &told("sync_cycle").advice;
    assert!(
        advice.contains("the call from service/c to service/a (7 calls) would break"),
        "{advice}"
    );
}

#[test]
fn a_host_that_others_reach_points_at_the_way_and_not_at_the_host() {
    let mut dead = edge("service/a", "external/x:80", 40);
    dead.evidence.paired = 0;
    (dead.failed, dead.failed_attempts) = (40, 40);
    let mut graph = only(dead.clone());
    assert!(all(&graph)[0].advice.starts_with("a wrong address"));
    dead.caller = "service/b".to_owned();
    (dead.failed, dead.failed_attempts) = (1, 1);
    graph.edges.push(dead);
    let advice = &all(&graph)[0].advice;
    assert!(
        advice.starts_with("1 other caller gets through there"),
        "{advice}"
    );
}

#[test]
fn bounds_that_were_reached_are_told_alone() {
    let mut graph = shop();
    assert_eq!(bounds_reached(&graph), []);
    graph
        .diagnostics
        .counters
        .insert("slices_closed_early".to_owned(), 2);
    let bounds = bounds_reached(&graph);
    assert_eq!(
        bounds[0].text,
        "2 traces were cut short to stay within memory: calls between their parts are missing"
    );
}
