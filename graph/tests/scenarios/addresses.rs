//! The address book where a row needs times, many hosts or many pods (rules 1.5.1, 1.5.2 and 1.7; B34, B47).

use tracemesh_graph::segment::Segment;
use tracemesh_graph::settings::Settings;
use tracemesh_graph::snapshot::{Edge, GraphSnapshot, Node, NodeKind};

use super::compare::compare;
use super::feed::{self, Batching};
use super::notation::{Row, Scalar, Span, parse_rows};

const SECOND_NS: u64 = 1_000_000_000;
const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;

/// Traces with the second at which each starts, and what they must give.
fn timed(traces: &[(u64, &str)], expected: &str) -> Row {
    let mut text = String::from("B  addresses\n");
    for (index, (_, spans)) in traces.iter().enumerate() {
        let spans = spans.split_whitespace();
        let spans: Vec<String> = spans.map(|span| format!("t{index}:{span}")).collect();
        text.push_str(&format!("  {}\n", spans.join(" ")));
    }
    text.push_str(expected);
    let mut row = parse_rows("addresses", &text).unwrap().remove(0);
    for (index, (second, spans)) in traces.iter().enumerate() {
        let prefix = format!("t{index}:");
        let mut own: Vec<&mut Span> = row
            .spans
            .iter_mut()
            .filter(|span| span.text.starts_with(&prefix))
            .collect();
        assert_eq!(own.len(), spans.split_whitespace().count());
        let first = own.iter().map(|span| span.start_ns).min().unwrap();
        // 2026-01-01T00:00:05Z, off the borders of minutes.
        let start = 1_767_225_605_000_000_000 + second * SECOND_NS;
        for span in &mut own {
            span.start_ns = span.start_ns - first + start;
            span.end_ns = span.end_ns - first + start;
        }
    }
    row
}

fn check(row: &Row) -> GraphSnapshot {
    let spans: Vec<&Span> = row.spans.iter().collect();
    let graph = feed::snapshot(&spans, Batching::OneByOne);
    let reversed: Vec<&Span> = row.spans.iter().rev().collect();
    assert_eq!(graph, feed::snapshot(&reversed, Batching::OneBatch));
    assert_eq!(graph, merged(&row.spans));
    if let Err(report) = compare(row, &graph) {
        panic!("\n{}{report}", row.headline());
    }
    graph
}

/// Every trace in a segment of its own, merged from the last to the first.
fn merged(spans: &[Span]) -> GraphSnapshot {
    let settings = Settings::default();
    let mut traces: Vec<Vec<&Span>> = Vec::new();
    for span in spans {
        let known = traces
            .iter_mut()
            .find(|trace| trace[0].trace_id == span.trace_id);
        match known {
            Some(trace) => trace.push(span),
            None => traces.push(vec![span]),
        }
    }
    let mut all = Segment::default();
    for trace in traces.iter().rev() {
        all.merge(feed::segment(trace, &settings));
    }
    all.snapshot(&settings)
}

fn node(graph: &GraphSnapshot, kind: NodeKind) -> Vec<&Node> {
    let nodes = graph.nodes.iter();
    nodes.filter(|node| node.kind == kind).collect()
}

fn edge<'a>(graph: &'a GraphSnapshot, callee: &str) -> &'a Edge {
    let mut edges = graph.edges.iter();
    let found = edges.find(|edge| edge.callee.ends_with(callee));
    found.expect("the edge is there")
}

const B: &str = "a.C#1{npa=10.1.2.3,nppo=8080} b.S#2<1";
const C: &str = "a.C#1{npa=10.1.2.3,nppo=8080} c.S#2<1";
const LOST: &str = "a.C#1{npa=10.1.2.3,nppo=8080}";

#[test]
fn b34_an_address_that_changes_hands_is_each_owners_in_its_time() {
    let row = timed(
        &[
            (0, B),
            (2 * MINUTE, LOST),
            (5 * MINUTE, B),
            (6 * MINUTE, LOST),
            (7 * MINUTE, C),
            (8 * MINUTE, LOST),
            (30 * MINUTE, C),
            (31 * MINUTE, LOST),
        ],
        "  = a -> b 3 paired=2 ?addr=1\n  = a -> c 4 paired=2 ?addr=2\n  = unres(a) 1\n  = exact",
    );
    check(&row);
}

#[test]
fn b34_the_same_where_the_address_is_dialled_and_not_only_its_socket() {
    let (b, c, lost) = (
        B.replace("npa=", "sa=").replace("nppo=", "sp="),
        C.replace("npa=", "sa=").replace("nppo=", "sp="),
        LOST.replace("npa=", "sa=").replace("nppo=", "sp="),
    );
    let row = timed(
        &[
            (0, &b),
            (MINUTE, &lost),
            (2 * MINUTE, &b),
            (3 * MINUTE, &lost),
            (4 * MINUTE, &c),
            (5 * MINUTE, &lost),
        ],
        "  = a -> b 3 paired=2 ?addr=1\n  = a -> c 2 paired=1 ?addr=1\n  = unres(a) 1\n  = exact",
    );
    check(&row);
}

#[test]
fn while_two_services_answer_at_one_address_its_calls_are_nobodys() {
    let row = timed(
        &[
            (0, B),
            (4 * MINUTE, C),
            (6 * MINUTE, LOST),
            (8 * MINUTE, B),
            (12 * MINUTE, C),
            (13 * MINUTE, LOST),
        ],
        "  = a -> b 2\n  = a -> c 3 paired=2 ?addr=1\n  = unres(a) 1\n  = exact",
    );
    check(&row);
}

#[test]
fn a_vote_for_an_address_holds_for_ten_minutes_either_way() {
    let row = timed(
        &[
            (0, LOST),
            (2 * MINUTE, LOST),
            (11 * MINUTE, B),
            (20 * MINUTE, LOST),
            (22 * MINUTE, LOST),
        ],
        "  = a -> b 3 paired=1 ?addr=2\n  = unres(a) 2\n  = exact",
    );
    check(&row);
}

#[test]
fn what_pods_say_of_their_own_addresses_has_its_time_as_well() {
    let row = timed(
        &[
            (0, "b.S#1{@k8s.pod.ip=10.1.2.3}"),
            (MINUTE, LOST),
            (20 * MINUTE, LOST),
            (40 * MINUTE, "c.S#1{@k8s.pod.ip=10.1.2.3}"),
            (41 * MINUTE, LOST),
        ],
        "  = a -> b 1 ?addr\n  = a -> c 1 ?addr\n  = unres(a) 1\n  = exact orphan",
    );
    check(&row);
}

/// Votes reach ten minutes, unless another node claims the address before.
#[test]
fn the_next_pod_that_claims_an_address_ends_the_votes_for_the_last_one() {
    let row = timed(
        &[
            (0, B),
            (5 * MINUTE, "c.S#1{@k8s.pod.ip=10.1.2.3}"),
            (8 * MINUTE, LOST),
            (16 * MINUTE, LOST),
            (16 * MINUTE, "c.S#1{@k8s.pod.ip=10.1.2.3}"),
        ],
        "  = a -> b 1\n  = a -> c 2 ?addr\n  = exact orphan",
    );
    check(&row);
}

#[test]
fn a_sidecar_that_claims_the_address_of_its_pod_is_not_the_next_owner() {
    let claim = "{@k8s.pod.ip=10.1.2.3}";
    let answered = format!("a.C#1{{npa=10.1.2.3,nppo=8080}} b.S#2<1{claim}");
    let beside = format!("mesh.S#1{claim}");
    let row = timed(
        &[
            (0, &beside),
            (MINUTE, &answered),
            (2 * MINUTE, &beside),
            (9 * MINUTE, LOST),
            (9 * MINUTE, &beside),
        ],
        "  = a -> b 2 paired=1 ?addr=1\n  = exact orphan",
    );
    check(&row);
}

#[test]
fn a_shared_name_is_single_again_after_a_day_without_the_second_service() {
    let (b, c) = ("a.C#1{sa=api,sp=80} b.S#2<1", "a.C#1{sa=api,sp=80} c.S#2<1");
    let lost = "a.C#1{sa=api,sp=80}";
    let early = [(0, b), (HOUR, c), (2 * HOUR, lost)];
    let late = [
        (2 * DAY, b),
        (2 * DAY + 1, b),
        (2 * DAY + 2, b),
        (2 * DAY + HOUR, lost),
    ];
    let both: Vec<(u64, &str)> = early.iter().chain(&late).copied().collect();
    check(&timed(
        &both,
        "  = a -> b 5 paired=4 ?addr=1\n  = a -> c 1\n  = a -> shared_host(api:80) 1 ?addr\n  = exact",
    ));
    // Two votes could be an accident.
    let few: Vec<(u64, &str)> = early.iter().chain(&late[2..]).copied().collect();
    check(&timed(
        &few,
        "  = a -> b 2\n  = a -> c 1\n  = a -> shared_host(api:80) 2 ?addr\n  = exact",
    ));
}

#[test]
fn a_name_is_forgotten_after_a_week() {
    let row = timed(
        &[
            (0, "a.C#1{sa=api,sp=80,ps=pay} b.S#2<1"),
            (6 * DAY, "a.C#1{sa=api,sp=80}"),
            (6 * DAY, "c.C#1{ps=pay}"),
            (8 * DAY, "a.C#1{sa=api,sp=80}"),
            (8 * DAY, "c.C#1{ps=pay}"),
        ],
        "  = a -> b 2 paired=1 ?addr=1
  = c -> b 1 ?alias
  = a -> external(api:80) 1 ?addr
  = c -> external(pay) 1 ?named
  = exact",
    );
    check(&row);
}

/// A tenth of a vote each, and a name of its own only if nobody else is called by it.
#[test]
fn the_host_that_servers_are_called_by_is_a_weak_vote() {
    let served = |service: &str, spans: usize| -> Vec<(u64, String)> {
        let span = format!("{service}.S#1{{sa=shop.example,sp=443}}");
        (0..spans as u64)
            .map(|second| (second, span.clone()))
            .collect()
    };
    let call = (100, "a.C#1{sa=shop.example,sp=443}".to_owned());
    let database = (
        101,
        "a.C#1{sa=shop.example,sp=443,dbs=elasticsearch}".to_owned(),
    );
    let expect = |traces: Vec<(u64, String)>, expected: &str| {
        let traces: Vec<(u64, &str)> = traces.iter().map(|(s, t)| (*s, t.as_str())).collect();
        check(&timed(&traces, expected));
    };
    let unknown = "  = a -> external(shop.example:443) 1 ?addr";
    let mut traces = served("fe", 10);
    traces.extend([call.clone(), database]);
    expect(
        traces,
        "  = a -> fe 1 ?addr\n  = a -> database(elasticsearch@shop.example:443) 1 ?addr",
    );
    let mut traces = served("fe", 9);
    traces.push(call.clone());
    expect(traces, unknown);
    let mut traces = served("fe", 10);
    traces.extend(served("other", 1));
    traces.push(call);
    expect(traces, unknown);
}

/// Rule 1.7: a socket behind many dialled names is a proxy.
#[test]
fn a_socket_behind_many_names_is_not_learnt() {
    let names = |count: usize| {
        let mut traces: Vec<(u64, String)> = (0..count as u64)
            .map(|n| {
                let call = format!("a.C#1{{sa=n{n}.example,sp=443,npa=10.0.0.9,nppo=3128}}");
                (n, call)
            })
            .collect();
        traces.push((20, "d.C#1{npa=10.0.0.9,nppo=3128} b.S#2<1".to_owned()));
        traces.push((21, "d.C#1{npa=10.0.0.9,nppo=3128}".to_owned()));
        traces
    };
    for (count, expected) in [
        (8, "  = d -> b 2 paired=1 ?addr=1\n"),
        (9, "  = d -> b 1\n  = unres(d) 1\n"),
    ] {
        let traces = names(count);
        let traces: Vec<(u64, &str)> = traces.iter().map(|(s, t)| (*s, t.as_str())).collect();
        let mut text = expected.to_owned();
        for n in 0..count {
            text.push_str(&format!("  = a -> external(n{n}.example:443) 1 ?addr\n"));
        }
        check(&timed(&traces, &text));
    }
}

#[test]
fn an_ambiguous_name_and_a_shared_host_list_their_candidates() {
    let row = timed(
        &[
            (0, "a.C#1{spn=billing}"),
            (1, "billing.S#1{@service.namespace=x}"),
            (2, "billing.S#1{@service.namespace=y}"),
            (3, "a.C#1{sa=api,sp=80} b.S#2<1"),
            (4, "a.C#1{sa=api,sp=80} c.S#2<1"),
            (5, "a.C#1{sa=api,sp=80}"),
        ],
        "  = a -> external(billing) 1 ?named flag=ambiguous_name
  = a -> b 1\n  = a -> c 1\n  = a -> shared_host(api:80) 1 ?addr",
    );
    let graph = check(&row);
    let candidates = |kind| node(&graph, kind)[0].attributes["candidates"].as_str();
    assert_eq!(
        candidates(NodeKind::External),
        "service/x/billing, service/y/billing"
    );
    assert_eq!(candidates(NodeKind::SharedHost), "service/b, service/c");
}

/// One call to each tenant, every one in a trace of its own.
fn tenants(count: u64) -> Vec<Span> {
    let row = parse_rows("tenants", "B  tenant\n  a.C#1{sa=x,sp=443}\n  = no edge").unwrap();
    let tenant = |number: u64| {
        let mut span = row[0].spans[0].clone();
        span.trace_id.0[8..].copy_from_slice(&(number + 1).to_be_bytes());
        let host = format!("t{number}.x.example");
        span.attributes[0].1 = Scalar::Text(host);
        span
    };
    (0..count).map(tenant).collect()
}

#[test]
fn b47_ten_thousand_tenants_are_one_node() {
    let mut row = parse_rows(
        "tenants",
        "B  tenants
  a.C#1{sa=api.y.example,sp=443}
  = a -> external(*.x.example:443) 10000 ?addr
  = a -> external(api.y.example:443) 1 ?addr",
    )
    .unwrap()
    .remove(0);
    row.spans.extend(tenants(10_000));
    let spans: Vec<&Span> = row.spans.iter().collect();
    let graph = feed::snapshot(&spans, Batching::OneBatch);
    compare(&row, &graph).unwrap_or_else(|report| panic!("\n{report}"));
    let reversed: Vec<&Span> = row.spans.iter().rev().collect();
    assert_eq!(graph, feed::snapshot(&reversed, Batching::OneByOne));
    let wildcard = node(&graph, NodeKind::External);
    assert_eq!(wildcard[0].name, "*.x.example");
    assert_eq!(wildcard[0].facets["hosts"]["distinct"], 10_000);
    let targets = &edge(&graph, "*.x.example").targets;
    assert!(targets.len() <= 33, "{} targets", targets.len());
    let calls: u64 = targets.iter().map(|target| target.calls).sum();
    assert_eq!(calls, 10_000);
    assert!(targets.iter().any(|target| target.host == "other"));
}

/// The table of peers is full long before the last tenant: what does not fit is still a host below the domain.
#[test]
fn b47_a_full_table_of_peers_still_knows_the_domain() {
    let tenants = tenants(300);
    let settings = Settings {
        max_peers: 160,
        ..Settings::default()
    };
    let spans: Vec<&Span> = tenants.iter().collect();
    let graph = feed::segment(&spans, &settings).snapshot(&settings);
    let calls = edge(&graph, "*.x.example").calls;
    assert_eq!(calls, 300);
    assert_eq!(graph.edges.len(), 1, "nothing is unresolved");
    assert_eq!(graph.diagnostics.counters["names_folded"], 140);
}

#[test]
fn words_past_the_share_of_a_host_are_counted_and_say_nothing() {
    let mut text = String::from("B  words\n");
    for word in 0..70 {
        let letter = char::from(b'a' + word % 26);
        let word = format!("{letter}{}", word / 26);
        text.push_str(&format!("  {word}:a.C#1{{url=http://api/{word}}}\n"));
    }
    text.push_str("  = a -> external(api:80) 70 ?addr\n  = counter(path_words_refused) 6\n");
    let row = parse_rows("words", &text).unwrap().remove(0);
    let spans: Vec<&Span> = row.spans.iter().collect();
    let graph = feed::snapshot(&spans, Batching::OneByOne);
    compare(&row, &graph).unwrap_or_else(|report| panic!("\n{report}"));
}

/// What is kept apart to find a destination must not count a request twice once it is found.
#[test]
fn a_request_that_calls_two_paths_of_one_host_is_one_request() {
    let row = timed(
        &[
            (
                0,
                "a.S#1 a.C#2<1{url=http://x.example/one} a.C#3<1{url=http://x.example/two}",
            ),
            (
                1,
                "a.S#1 a.C#2<1{sa=y.example,rsys=grpc,rsv=p.One} a.C#3<1{sa=y.example,rsys=grpc,rsv=p.Two}",
            ),
            (2, "a.S#1 a.C#2<1{url=http://x.example/two}"),
        ],
        "  = a -> external(x.example:80) 3 ?addr\n  = a -> external(y.example) 2 ?addr\n  = entry(a) 3",
    );
    let graph = check(&row);
    assert_eq!(edge(&graph, "x.example:80").facts.caller_requests, Some(2));
    assert_eq!(edge(&graph, "y.example").facts.caller_requests, Some(1));
}

/// Edges are scarce: calls that differ only in their time or path are counted together before any is given up.
#[test]
fn near_the_cap_on_edges_trails_are_given_up_before_calls() {
    let mut text = String::from("B  scarce\n");
    for word in [
        "one", "two", "three", "four", "five", "six", "seven", "eight",
    ] {
        text.push_str(&format!("  {word}:a.C#1{{url=http://api/{word}}}\n"));
    }
    text.push_str("  = a -> external(api:80) 8 ?addr\n");
    let row = parse_rows("scarce", &text).unwrap().remove(0);
    let settings = Settings {
        max_edges: 4,
        ..Settings::default()
    };
    let spans: Vec<&Span> = row.spans.iter().collect();
    let graph = feed::segment(&spans, &settings).snapshot(&settings);
    compare(&row, &graph).unwrap_or_else(|report| panic!("\n{report}"));
    assert!(graph.diagnostics.dropped.is_empty());
    assert_eq!(graph.diagnostics.counters["trails_folded"], 5);
}

#[test]
fn a_list_of_addresses_is_one_services_whichever_answered() {
    let mut row = timed(
        &[
            (0, "a.C#1{sa=list} b.S#2<1"),
            (1, "a.C#1{npa=10.0.0.2,nppo=50051}"),
            (2, "c.C#1{sa=list}"),
        ],
        "  = a -> b 2 paired=1 ?addr=1\n  = c -> b 1 ?addr\n  = exact",
    );
    for span in &mut row.spans {
        for (_, value) in &mut span.attributes {
            if *value == Scalar::Text("list".to_owned()) {
                *value = Scalar::Text("ipv4:10.0.0.1:50051,10.0.0.2:50051".to_owned());
            }
        }
    }
    check(&row);
}

/// The caller of a root server span is named by the server: an ambiguous name lists what it could be.
#[test]
fn an_ambiguous_caller_lists_its_candidates() {
    let row = timed(
        &[
            (0, "web.S#1{ps=front}"),
            (1, "front.S#1{@service.namespace=x}"),
            (2, "front.S#1{@service.namespace=y}"),
        ],
        "  = external(front) -> web 1 ?any",
    );
    let graph = check(&row);
    assert_eq!(
        node(&graph, NodeKind::External)[0].attributes["candidates"],
        "service/x/front, service/y/front"
    );
}
