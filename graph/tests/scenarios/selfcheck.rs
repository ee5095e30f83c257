//! Proves the measuring tool: the notation says what it should, and the comparison lets a right graph pass and catches
//! each way of being wrong.

use tracemesh_graph::snapshot::{Edge, EvidenceCounts, NodeKind, ServiceDiagnostics};
use tracemesh_graph::span::SpanKind;

use super::compare::compare;
use super::expected::{Count, Evidence};
use super::notation::{Row, Scalar, parse_rows, parse_span};
use super::orders::orders;
use super::perfect::{edge, node, perfect};

const GROUPS: &[(&str, &str, usize)] = &[
    (
        "z.txt",
        include_str!("../../../fixtures/scenarios/z.txt"),
        20,
    ),
    (
        "m.txt",
        include_str!("../../../fixtures/scenarios/m.txt"),
        4,
    ),
    (
        "o.txt",
        include_str!("../../../fixtures/scenarios/o.txt"),
        3,
    ),
    (
        "t.txt",
        include_str!("../../../fixtures/scenarios/t.txt"),
        8,
    ),
    (
        "j.txt",
        include_str!("../../../fixtures/scenarios/j.txt"),
        6,
    ),
    (
        "x.txt",
        include_str!("../../../fixtures/scenarios/x.txt"),
        40,
    ),
];

fn all_rows() -> Vec<Row> {
    let rows = GROUPS.iter().flat_map(|(file, text, count)| {
        let rows = parse_rows(file, text).unwrap_or_else(|fault| panic!("{fault}"));
        assert_eq!(rows.len(), *count, "rows of {file}");
        rows
    });
    rows.collect()
}

/// A field, and a way to make it wrong.
type Spoiler = (&'static str, fn(&mut Edge));

#[test]
fn the_right_graph_of_every_row_passes() {
    for row in all_rows() {
        let snapshot = perfect(&row);
        assert_eq!(compare(&row, &snapshot), Ok(()), "{}", row.id);
    }
}

#[test]
fn every_way_of_being_wrong_is_caught_in_every_row() {
    let wrong: &[Spoiler] = &[
        ("calls", |edge| {
            edge.calls += 1;
            edge.attempts += 1;
            edge.evidence.paired += 1;
        }),
        ("failed", |edge| {
            edge.failed ^= 1;
            edge.failed_attempts = edge.attempts;
        }),
        ("evidence", |edge| {
            edge.evidence = EvidenceCounts {
                alias: edge.calls,
                ..EvidenceCounts::default()
            };
        }),
        ("attempts", |edge| edge.attempts += 7),
        ("flags", |edge| edge.flags.clear()),
        ("targets", |edge| edge.targets.clear()),
        ("destination", |edge| edge.destination.clear()),
    ];
    for row in all_rows() {
        let right = perfect(&row);
        for expected in &row.expected.edges {
            let place = right.edges.iter().position(|edge| {
                (&edge.caller, edge.relation, &edge.callee)
                    == (
                        &expected.key.caller,
                        expected.key.relation,
                        &expected.key.callee,
                    )
            });
            for (what, spoil) in wrong {
                let is_stated = match *what {
                    "calls" | "failed" => expected.calls.is_some(),
                    "evidence" => expected.evidence != Evidence::Any,
                    "attempts" => expected.numbers.contains_key("attempts"),
                    "flags" => !expected.flags.is_empty(),
                    "targets" => !expected.targets.is_empty(),
                    _ => !expected.destinations.is_empty(),
                };
                let mut snapshot = right.clone();
                spoil(&mut snapshot.edges[place.unwrap()]);
                let result = compare(&row, &snapshot);
                assert_eq!(
                    result.is_err(),
                    is_stated,
                    "{} {what} {}",
                    row.id,
                    expected.key
                );
            }
            let mut snapshot = right.clone();
            snapshot.edges.remove(place.unwrap());
            assert!(
                compare(&row, &snapshot).is_err(),
                "{} without {}",
                row.id,
                expected.key
            );
        }
    }
}

#[test]
fn invented_edges_nodes_and_counts_are_caught_in_every_row() {
    for row in all_rows() {
        let right = perfect(&row);
        let service = right
            .nodes
            .iter()
            .find(|node| node.kind == NodeKind::Service);
        let service = service.unwrap().id.clone();

        let mut snapshot = right.clone();
        let rows = parse_rows(
            "t",
            &format!("A  b\n  a.C#1\n  = {service} -> external(zzz) 1"),
        )
        .unwrap();
        snapshot.nodes.push(node("external(zzz)"));
        snapshot.nodes.sort_by(|a, b| a.id.cmp(&b.id));
        snapshot.edges.push(edge(&rows[0].expected.edges[0]));
        snapshot
            .edges
            .sort_by_key(|edge| (edge.caller.clone(), edge.callee.clone(), edge.relation));
        assert!(
            compare(&row, &snapshot).unwrap_err().contains("extra: "),
            "{}",
            row.id
        );

        let mut snapshot = right.clone();
        snapshot.nodes.push(node("zzz"));
        assert!(
            compare(&row, &snapshot)
                .unwrap_err()
                .contains("extra service node zzz")
        );

        for count in &row.expected.exact {
            let mut snapshot = right.clone();
            let mut extra = ServiceDiagnostics {
                service: service.clone(),
                ..ServiceDiagnostics::default()
            };
            match count {
                Count::Entry => snapshot
                    .nodes
                    .iter_mut()
                    .for_each(|node| node.entry_calls += 1),
                Count::Unresolved => extra.unresolved = 1,
                Count::Orphan => extra.orphans = 1,
            }
            snapshot.diagnostics.per_service.push(extra);
            assert!(
                compare(&row, &snapshot).is_err(),
                "{} {}",
                row.id,
                count.word()
            );
        }

        let mut snapshot = right;
        snapshot.diagnostics.spans = 1;
        assert!(
            compare(&row, &snapshot)
                .unwrap_err()
                .contains("accounted for")
        );
    }
}

#[test]
fn a_span_is_read_with_all_its_marks() {
    let span =
        parse_span("t2:a-b.Q#7<6~t1/1~t3/x{ms=kafka,sp=80,@k8s.pod.ip=10.0.0.1,name=get}!^@i1%9")
            .unwrap();
    assert_eq!(span.service.as_deref(), Some("a-b"));
    assert_eq!(span.kind, SpanKind::Consumer);
    assert_eq!(span.span_id.0, *b"7\0\0\0\0\0\0\0");
    assert_eq!(span.parent_id.unwrap().0, *b"6\0\0\0\0\0\0\0");
    assert_eq!(span.links.len(), 2);
    assert_eq!(span.within.unwrap().0, *b"9\0\0\0\0\0\0\0");
    assert_eq!(span.name, "get");
    assert!(span.is_error);
    let kafka = Scalar::Text("kafka".to_owned());
    assert_eq!(span.attributes[0], ("messaging.system".to_owned(), kafka));
    assert_eq!(
        span.attributes[1],
        ("server.port".to_owned(), Scalar::Int(80))
    );
    let keys: Vec<&str> = span.resource.iter().map(|(key, _)| key.as_str()).collect();
    assert_eq!(keys, ["service.name", "service.instance.id", "k8s.pod.ip"]);
}

#[test]
fn children_lie_inside_their_parents_and_siblings_follow_each_other() {
    for row in all_rows() {
        for span in &row.spans {
            assert!(
                0 < span.start_ns && span.start_ns < span.end_ns,
                "{} {}",
                row.id,
                span.text
            );
        }
        for pair in row.spans.windows(2) {
            let same_parent = pair[0].parent_id == pair[1].parent_id
                && pair[0].span_id != pair[1].span_id
                && pair[0].parent_id.is_some()
                && pair[0].trace_id == pair[1].trace_id
                && pair[1].within.is_none();
            if same_parent && row.id != "M2" {
                assert!(
                    pair[0].end_ns < pair[1].start_ns,
                    "{} {}",
                    row.id,
                    pair[1].text
                );
            }
        }
    }
    let rows = parse_rows("t", "A  b\n  a.C#1 b.S#2<1 a.C#3<1 a.I#4<1%3\n  = a -> b 1").unwrap();
    let [call, answer, next, socket] = rows[0].spans.as_slice() else {
        panic!("four spans")
    };
    assert!(call.start_ns < answer.start_ns && next.end_ns < call.end_ns);
    assert!(next.start_ns < socket.start_ns && socket.end_ns < next.end_ns);
}

#[test]
fn a_mistake_in_a_file_is_an_error_that_names_the_line() {
    let faults = [
        ("  a.C#1", "t:1: a line before the first row"),
        ("A b", "t:1: a row starts with"),
        ("A  b\n  a.X#1", "t:2: span `a.X#1`: the kind"),
        ("A  b\n  a.C#", "t:2: span `a.C#`: `` is no id"),
        ("A  b\n  a.C#1{ps=b", "no `}`"),
        ("A  b\n  a.C#1{ps}", "no `=`"),
        ("A  b\n  a.C#1!x", "means nothing"),
        (
            "A  b\n  a.C#1\n  = a -> b 1 wrong=2",
            "`wrong=2` is no option",
        ),
        ("A  b\n  a.C#1\n  = a -> b one", "`one` is no number"),
        ("A  b\n  a.C#1\n  = a > b 1", "none of"),
        ("A  b\n  a.C#1\n  = entries(a) 1", "no count"),
        ("A  b\n  a.C#1\n  later: soon", "no expectation"),
        ("A  b\n  a.C#1", "row `A`: it expects nothing"),
        ("A  b\n  = no edge", "row `A`: it has no spans"),
        (
            "A  b\n  a.C#1\n  = exact",
            "`no edge` is for rows without edges",
        ),
        (
            "A  b\n  a.C#1%2\n  = no edge",
            "within a span that is not there",
        ),
        (
            "A  b\n  a.C#1\n  = no edge\nA  c",
            "t:4: row `A` exists already",
        ),
    ];
    for (text, fault) in faults {
        let found = parse_rows("t", text).unwrap_err();
        assert!(found.contains(fault), "{text:?} gave {found}");
    }
}

#[test]
fn small_rows_arrive_in_every_order_and_larger_ones_in_a_hundred() {
    for (count, distinct) in [(1, 1), (3, 6), (5, 120), (6, 100), (7, 100)] {
        let mut orders = orders(count);
        orders.sort();
        orders.dedup();
        // Two draws out of 720 or 5,040 orders may coincide.
        assert!(orders.len() + 12 > distinct && orders.len() <= distinct);
        for mut order in orders {
            order.sort_unstable();
            assert!(order.into_iter().eq(0..count));
        }
    }
}
