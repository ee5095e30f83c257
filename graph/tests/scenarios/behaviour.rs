//! Group B of the scenarios, where a row needs more than its notation can say: times, trace ids, weights, identity of
//! nodes, many pods. The spans are our reading of the descriptions.

use tracemesh_graph::snapshot::{Edge, GraphSnapshot, NodeKind};
use tracemesh_graph::span::TraceId;

use super::compare::compare;
use super::feed::{self, Batching};
use super::notation::{Row, Span, parse_rows};

pub(super) fn row(text: &str) -> Row {
    parse_rows("behaviour", &format!("B  behaviour\n{text}"))
        .unwrap()
        .remove(0)
}

pub(super) fn graph(spans: &[Span]) -> GraphSnapshot {
    let spans: Vec<&Span> = spans.iter().collect();
    let given = feed::snapshot(&spans, Batching::OneByOne);
    let reversed: Vec<&Span> = spans.iter().rev().copied().collect();
    assert_eq!(given, feed::snapshot(&reversed, Batching::OneBatch));
    given
}

pub(super) fn check(row: &Row) -> GraphSnapshot {
    let graph = graph(&row.spans);
    if let Err(report) = compare(row, &graph) {
        panic!("\n{}{report}", row.headline());
    }
    graph
}

pub(super) fn edge<'a>(graph: &'a GraphSnapshot, caller: &str, callee: &str) -> &'a Edge {
    let mut edges = graph.edges.iter();
    let is_it = |edge: &&Edge| edge.caller.ends_with(caller) && edge.callee.ends_with(callee);
    edges.find(is_it).expect("the edge is there")
}

fn unidentified(graph: &GraphSnapshot) -> usize {
    let nodes = graph.nodes.iter();
    nodes
        .filter(|node| node.kind == NodeKind::Unidentified)
        .count()
}

/// A 64-bit tracer leaves the high half of the id empty.
fn cut_high_half(span: &mut Span) {
    span.trace_id.0[..8].fill(0);
}

#[test]
fn b10_a_64_bit_trace_id_is_the_low_half_of_a_padded_one() {
    for short in [0, 1] {
        let mut row = row("  a.C#1 b.S#2<1\n  = a -> b 1\n  = exact");
        cut_high_half(&mut row.spans[short]);
        check(&row);
    }
}

#[test]
fn b60_fragments_of_one_trace_show_the_longest_id() {
    let mut row = row("  a.C#1 b.S#2<1 b.C#3<2 c.S#4<3\n  = a -> b 1\n  = b -> c 1\n  = exact");
    cut_high_half(&mut row.spans[0]);
    cut_high_half(&mut row.spans[3]);
    let whole = row.spans[1].trace_id;
    let graph = check(&row);
    for edge in &graph.edges {
        assert_eq!(edge.exemplars, [format!("{:032x}", whole.as_u128())]);
    }
}

#[test]
fn traces_that_share_a_low_half_only_stay_apart() {
    let mut row = row("  t1:a.C#1 t1:b.S#2<1\n  = no edge\n  = unres(a) 1\n  = orphan(b) 1");
    let mut other = row.spans[1].trace_id.0;
    other[0] ^= 0xff;
    row.spans[1].trace_id = TraceId(other);
    check(&row);
}

/// Also B18: a ratio attribute weighs as 1/p.
#[test]
fn b16_a_pair_weighs_as_its_rarer_half() {
    for (client, server, weight) in [
        ("ts=ot=th:c", "ts=ot=th:8", 4.0),
        ("ts=ot=th:8", "ts=ot=th:c", 2.0),
        ("sampler.param=0.5", "ts=ot=th:0", 2.0),
        ("ts=ot=th:0", "ts=ot=th:0", 1.0),
        ("ts=ot=th:nonsense", "ts=ot=th:8", 1.0),
    ] {
        let row = row(&format!(
            "  a.C#1{{{client}}} b.S#2<1{{{server}}}\n  = a -> b 1\n  = exact"
        ));
        let weighted = edge(&check(&row), "/a", "/b").weighted_calls;
        // Calls are the client's estimate where client spans exist (rule 1.11), whatever the server's.
        assert!(
            (weighted - weight).abs() < 1e-6,
            "{client} {server}: {weighted}"
        );
    }
}

#[test]
fn a_call_known_from_its_server_half_alone_weighs_as_that_half() {
    let row = row("  a.S#1{ts=ot=th:0} b.S#2<1{ts=ot=th:8}\n  = a -> b 1 ?parent");
    let weighted = edge(&check(&row), "/a", "/b").weighted_calls;
    assert!((weighted - 2.0).abs() < 1e-6, "{weighted}");
}

#[test]
fn b28_the_missing_side_of_an_edge_has_no_latency() {
    let row = row("  t1:a.C#1{sa=x.example,sp=443} t2:c.S#1 t2:b.S#2<1
  = a -> external(x.example:443) 1 ?addr
  = c -> b 1 ?parent");
    let graph = check(&row);
    let dialled = edge(&graph, "/a", "x.example:443");
    assert!(dialled.latency.client.is_some() && dialled.latency.server.is_none());
    let served = edge(&graph, "/c", "/b");
    assert!(served.latency.client.is_none() && served.latency.server.is_some());
}

#[test]
fn b31_a_server_without_name_is_its_workload_and_not_the_peer_it_names() {
    let row = row(
        "  a.C#1 -.S#2<1{ps=external-peer,@service.name=,@k8s.deployment.name=web}
  = a -> web 1",
    );
    let graph = graph(&row.spans);
    let found = edge(&graph, "/a", "/web");
    assert_eq!((found.calls, found.evidence.paired), (1, 1));
    assert_eq!(graph.edges.len(), 1);
    assert!(
        !graph
            .nodes
            .iter()
            .any(|node| node.name.contains("external"))
    );
    let web = graph.node(&found.callee).expect("a node");
    assert!(web.attributes.contains_key("identity"), "flagged");
}

#[test]
fn b32_default_names_of_two_deployments_are_two_flagged_nodes() {
    let row = row("  t1:unknown_service:java.S#1{@k8s.deployment.name=cart}
  t2:unknown_service:java.S#1{@k8s.deployment.name=ads}
  = no edge");
    let graph = graph(&row.spans);
    let names: Vec<&str> = graph.nodes.iter().map(|node| node.name.as_str()).collect();
    assert_eq!(names, ["ads", "cart"]);
    for node in &graph.nodes {
        assert!(node.attributes.contains_key("identity"), "{}", node.id);
        assert_eq!(node.entry_calls, 1);
    }
}

/// Client-side load balancing dials pods. Of the calls to each pod half lack their server half; every tenth pod is
/// known by the address in its own resource alone.
#[test]
fn b33_fifty_pods_dialled_by_ip_are_one_service() {
    let mut text = String::new();
    for pod in 0..50 {
        let client = format!("a.C#1{{sa=10.0.0.{pod},sp=8080}}");
        let server = format!("b.S#2<1{{@k8s.pod.ip=10.0.0.{pod}}}@pod{pod}");
        if pod % 10 == 9 {
            text.push_str(&format!("  p{pod}:{client} q{pod}:{client}\n"));
            text.push_str(&format!(
                "  r{pod}:b.I#3{{@k8s.pod.ip=10.0.0.{pod}}}@pod{pod}\n"
            ));
        } else {
            text.push_str(&format!(
                "  p{pod}:{client} p{pod}:{server} q{pod}:{client}\n"
            ));
        }
    }
    let row = row(&format!(
        "{text}  = a -> b 100 paired=45 ?addr=55\n  = exact"
    ));
    check(&row);
}

#[test]
fn a_pod_address_that_two_services_claim_names_neither() {
    let row = row(
        "  t1:b.S#1{@k8s.pod.ip=10.0.0.1} t2:c.S#1{@k8s.pod.ip=10.0.0.1}
  t3:a.C#1{npa=10.0.0.1,nppo=8080}
  = no edge
  = unres(a) 1",
    );
    check(&row);
}

#[test]
fn b43_the_error_of_a_call_that_never_arrived_is_kept() {
    let row = row(
        "  t1:a.C#1{sa=b,sp=80} t1:b.S#2<1 t2:a.C#1{sa=b,sp=80,error.type=ECONNREFUSED}!
  = a -> b 2/1e paired=1 ?addr=1",
    );
    let graph = check(&row);
    assert_eq!(edge(&graph, "/a", "/b").errors["ECONNREFUSED"], 1);
}

#[test]
fn b37_a_target_is_one_in_every_spelling() {
    let row = row(
        "  t1:a.C#1{url=https://Api.X.com:443/} t2:a.C#1{sa=api.x.com} t3:a.C#1{sa=API.x.com.}
  t4:a.C#1{sa=[::ffff:10.0.0.7]:6379} t5:a.C#1{sa=10.0.0.7:6379}
  = a -> external(api.x.com:443) 3 ?addr
  = a -> external(10.0.0.7:6379) 2 ?addr",
    );
    for edge in &check(&row).edges {
        assert_eq!(edge.targets.len(), 1, "{:?}", edge.targets);
    }
}

#[test]
fn a_host_with_two_ports_lends_neither() {
    let row = row("  t1:a.C#1{sa=h,sp=80} t2:a.C#1{sa=h,sp=81} t3:a.C#1{sa=h}
  = a -> external(h:80) 1 ?addr
  = a -> external(h:81) 1 ?addr
  = a -> external(h) 1 ?addr");
    check(&row);
}

#[test]
fn b42_a_4xx_that_only_the_client_calls_an_error_stays_visible() {
    let row = row(
        "  a.C#1{http.response.status_code=404}! b.S#2<1{http.response.status_code=404}
  = a -> b 1/0e",
    );
    let graph = check(&row);
    assert_eq!(edge(&graph, "/a", "/b").errors.get("404"), Some(&1));
}

#[test]
fn b54_a_resource_without_spans_has_no_effect() {
    assert!(graph(&[]).nodes.is_empty());
}

#[test]
fn b58_a_fragment_of_a_span_is_no_node() {
    for fragments in ["-.U#1 -.U#2<1", "-.C#1 -.S#2<1", "-.U#2", "b.U#2<1"] {
        let row = row(&format!(
            "  a.C#1{{sa=b,sp=80}} b.S#2<1 {fragments}\n  = a -> b 1\n  = exact"
        ));
        let graph = check(&row);
        assert_eq!(unidentified(&graph), 0, "{fragments}");
    }
}

/// Z8: what was sent to one broker and taken from another was mirrored between them, though no span says so.
#[test]
fn brokers_that_differ_on_the_two_sides_of_a_message_are_a_bridge() {
    let row = row(
        "  p.P#1{ps=kafka1} c.Q#2<1{ps=kafka2} t2:p.P#1{ps=kafka1} t2:d.Q#2<1{ps=kafka1}
  = p => c 1\n  = p => d 1",
    );
    let graph = check(&row);
    let [bridge] = graph.diagnostics.bridges.as_slice() else {
        panic!("not one bridge: {:?}", graph.diagnostics.bridges)
    };
    assert!(bridge.from.ends_with("kafka1") && bridge.to.ends_with("kafka2"));
    assert_eq!(bridge.messages, 1);
}
