//! Proves the measuring tool: the notation says what it should, and the comparison lets a right graph pass and catches
//! each way of being wrong.

use std::collections::BTreeMap;

use tracemesh_graph::snapshot::{
    Diagnostics, Edge, EvidenceCounts, GraphSnapshot, Latency, Node, NodeKind, SCHEMA,
    ServiceDiagnostics, Target, Window,
};
use tracemesh_graph::span::SpanKind;
use tracemesh_graph::time::Timestamp;

use super::compare::compare;
use super::expected::{Count, Evidence, ExpectedEdge};
use super::notation::{Row, Scalar, parse_rows, parse_span};

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

/// The snapshot that a perfect graph crate would give for a row.
fn perfect(row: &Row) -> GraphSnapshot {
    let mut nodes = BTreeMap::new();
    let mut per_service = Vec::new();
    let services = row.spans.iter().filter_map(|span| span.service.as_deref());
    let ends = row.expected.edges.iter();
    let ends = ends.flat_map(|edge| [edge.key.caller.as_str(), edge.key.callee.as_str()]);
    for label in services.chain(ends) {
        nodes.insert(label.to_owned(), node(label));
    }
    for ((count, name), number) in &row.expected.counts {
        let mut diagnostics = ServiceDiagnostics {
            service: name.clone(),
            ..ServiceDiagnostics::default()
        };
        match count {
            Count::Entry => nodes.get_mut(name).unwrap().entry_calls = *number,
            Count::Unresolved => diagnostics.unresolved = *number,
            Count::Orphan => diagnostics.orphans = *number,
        }
        per_service.push(diagnostics);
    }
    let mut edges: Vec<Edge> = row.expected.edges.iter().map(edge).collect();
    edges.sort_by_key(|edge| (edge.caller.clone(), edge.callee.clone(), edge.relation));
    GraphSnapshot {
        schema: SCHEMA.to_owned(),
        window: Window::default(),
        nodes: nodes.into_values().collect(),
        edges,
        diagnostics: Diagnostics {
            counters: row.expected.counters.clone(),
            per_service,
            ..Diagnostics::default()
        },
    }
}

fn node(label: &str) -> Node {
    let kinds = [
        NodeKind::External,
        NodeKind::Database,
        NodeKind::Broker,
        NodeKind::SharedHost,
        NodeKind::Genai,
        NodeKind::Unidentified,
    ];
    let word = label.split('(').next().unwrap();
    let kind = kinds.into_iter().find(|kind| kind.as_str() == word);
    let inner = label
        .split_once('(')
        .map_or(label, |(_, rest)| rest.trim_end_matches(')'));
    let (system, address) = match inner.split_once('@') {
        Some((system, address)) => (Some(system.to_owned()), Some(address.to_owned())),
        None => (None, inner.contains(':').then(|| inner.to_owned())),
    };
    Node {
        id: label.to_owned(),
        kind: kind.unwrap_or(NodeKind::Service),
        name: inner.to_owned(),
        namespace: String::new(),
        environment: String::new(),
        address,
        system,
        entry_calls: 0,
        instances: 0,
        facets: BTreeMap::new(),
        attributes: BTreeMap::new(),
        served: Vec::new(),
    }
}

fn edge(expected: &ExpectedEdge) -> Edge {
    let (calls, failed) = expected.calls.unwrap_or((1, 0));
    let number = |name: &str, usual| expected.numbers.get(name).copied().unwrap_or(usual);
    let ones = |names: &[String]| names.iter().map(|name| (name.clone(), 1)).collect();
    let targets = expected.targets.iter().map(|target| {
        let (host, port) = target.split_once(':').unwrap();
        Target {
            scheme: String::new(),
            host: host.to_owned(),
            port: port.parse().ok(),
            calls,
            last_seen: Timestamp(0),
            sockets: BTreeMap::new(),
        }
    });
    Edge {
        caller: expected.key.caller.clone(),
        callee: expected.key.callee.clone(),
        relation: expected.key.relation,
        calls,
        attempts: number("attempts", calls),
        failed,
        failed_attempts: number("failed_attempts", failed),
        retries: number("retries", 0),
        weighted_calls: 0.0,
        evidence: match expected.evidence {
            Evidence::Exactly(evidence) => evidence,
            Evidence::Any => EvidenceCounts {
                paired: calls,
                ..EvidenceCounts::default()
            },
        },
        confidence: 1.0,
        targets: targets.collect(),
        protocols: BTreeMap::new(),
        latency: Latency::default(),
        destination: ones(&expected.destinations),
        first_seen: Timestamp(0),
        last_seen: Timestamp(0),
        exemplars: Vec::new(),
        errors: BTreeMap::new(),
        flags: ones(&expected.flags),
    }
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
