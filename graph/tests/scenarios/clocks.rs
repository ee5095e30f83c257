//! Clocks and waits of group B.

use tracemesh_graph::snapshot::{ClockSkew, GraphSnapshot};

use super::behaviour::{check, edge, row};
use super::notation::Row;

const SECOND_NS: u64 = 1_000_000_000;
const HOUR_NS: u64 = 3_600 * SECOND_NS;

fn skew<'a>(graph: &'a GraphSnapshot, name: &str) -> Option<&'a ClockSkew> {
    let services = &graph.diagnostics.per_service;
    let service = services.iter().find(|one| one.service.ends_with(name));
    service.expect("it sends spans").clock_skew.as_ref()
}

fn shift_back(row: &mut Row, span: usize, by_ns: u64) {
    row.spans[span].start_ns -= by_ns;
    row.spans[span].end_ns -= by_ns;
}

#[test]
fn b12_a_server_that_starts_before_its_client_is_paired_and_its_clock_behind() {
    let mut row = row("  a.C#1@i1 b.S#2<1@i2\n  = a -> b 1\n  = exact");
    shift_back(&mut row, 1, 2 * SECOND_NS);
    let graph = check(&row);
    let callee = skew(&graph, "/b").expect("two seconds are no noise");
    assert_eq!(callee.ahead_ms, -1999, "the layout starts it 1 ms after");
    assert_eq!(
        (callee.instance.as_str(), callee.other_instance.as_str()),
        ("i2", "i1")
    );
    assert!(callee.other.ends_with("/a"));
    let caller = skew(&graph, "/a").expect("the same from the other end");
    assert_eq!((caller.ahead_ms, caller.instance_pairs), (1999, 1));
    let server = graph.edges[0].latency.server.expect("a server half");
    assert!(server.max_ms < 10.0, "of one clock: {}", server.max_ms);
}

#[test]
fn the_worst_pair_of_instances_is_told_and_all_are_counted() {
    let text = "  t1:a.C#1@i1 t1:b.S#2<1@i2 t2:a.C#1@i1 t2:b.S#2<1@i3 t3:a.C#1@i1 t3:b.S#2<1@i4
  = a -> b 3
  = exact";
    let mut row = row(text);
    shift_back(&mut row, 1, SECOND_NS);
    shift_back(&mut row, 3, 3 * SECOND_NS);
    let graph = check(&row);
    let callee = skew(&graph, "/b").expect("two of its clocks are behind");
    assert_eq!((callee.ahead_ms, callee.instance_pairs), (-2999, 2));
    assert_eq!(callee.instance, "i3");
}

#[test]
fn clocks_that_may_agree_are_not_held_to_differ() {
    for text in [
        "  a.C#1 b.S#2<1\n  = a -> b 1",
        "  a.C#1! b.S#2<1\n  = a -> b 1/1e",
        "  a.P#1{ms=kafka,md=T} b.Q#2<1{ms=kafka,md=T}\n  = a => b 1",
    ] {
        let mut row = row(text);
        // The server goes on after the client gave up, or the answer is streamed.
        row.spans[1].end_ns += 7 * SECOND_NS;
        let graph = check(&row);
        assert_eq!((skew(&graph, "/a"), skew(&graph, "/b")), (None, None));
    }
}

#[test]
fn b13_a_wait_that_clocks_turn_round_is_none_and_counted() {
    let mut row = row("  a.P#1{ms=kafka,md=T} b.Q#2<1{ms=kafka,md=T}\n  = a => b 1\n  = exact");
    let start_ns = row.spans[0].start_ns;
    row.spans[0].end_ns = start_ns + 5 * SECOND_NS;
    row.spans[1].start_ns = start_ns + 3 * SECOND_NS;
    row.spans[1].end_ns = start_ns + 4 * SECOND_NS;
    let graph = check(&row);
    let flow = edge(&graph, "/a", "/b");
    let wait = flow.latency.wait.expect("waits are kept");
    assert_eq!((wait.count, flow.flags["wait_clamped"]), (1, 1));
    assert!(wait.max_ms.abs() < 1e-9, "{}", wait.max_ms);
    assert!(flow.latency.client.is_none() && flow.latency.server.is_none());
}

#[test]
fn b14_a_linked_consumer_may_be_hours_late() {
    let mut row = row(
        "  t1:a.P#1{ms=kafka,md=T} t2:b.Q#2~t1/1{ms=kafka,md=T}\n  = a => b 1 ?link\n  = exact",
    );
    row.spans[1].start_ns = row.spans[0].end_ns + 6 * HOUR_NS;
    row.spans[1].end_ns = row.spans[1].start_ns + SECOND_NS;
    let graph = check(&row);
    let flow = edge(&graph, "/a", "/b");
    assert_eq!(
        flow.last_seen.0, row.spans[1].end_ns,
        "the window of the flow reaches to its consumer"
    );
    let wait = flow.latency.wait.expect("waits are kept");
    assert!((wait.max_ms - 6.0 * 3_600_000.0).abs() < 1e-6);
    assert!(!flow.flags.contains_key("wait_clamped"));
}
