//! Clocks and waits of group B.

use tracemesh_graph::snapshot::{ClockSkew, GraphSnapshot};

use super::behaviour::{SECOND_NS, check, row};
use super::notation::Row;

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
