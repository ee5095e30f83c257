//! Sampling weights of group B: estimates with their error, and halves that were sampled out.

use tracemesh_graph::snapshot::{EdgeSampling, GraphSnapshot, SampledOut, ServiceDiagnostics};

use super::behaviour::{check, edge, graph, row};

fn sampling(graph: &GraphSnapshot, caller: &str, callee: &str) -> EdgeSampling {
    let edge = edge(graph, caller, callee);
    edge.facts.sampling.expect("new snapshots have it")
}

fn service<'a>(graph: &'a GraphSnapshot, name: &str) -> &'a ServiceDiagnostics {
    let mut services = graph.diagnostics.per_service.iter();
    let is_it = |service: &&ServiceDiagnostics| service.service.ends_with(name);
    services.find(is_it).expect("the service sends spans")
}

fn about(estimate: Option<f64>, expected: f64) {
    let estimate = estimate.expect("there is an estimate");
    assert!(
        (estimate - expected).abs() < 1e-3,
        "{estimate}, not {expected}"
    );
}

/// One trace of the set reaches both, another only the server, which is sampled twice as often.
#[test]
fn b16_server_halves_whose_client_was_sampled_out_are_no_gap() {
    let row = row(
        "  t1:a.C#1{ts=ot=th:c} t1:b.S#2<1{ts=ot=th:8} t2:b.S#4<3{ts=ot=th:8}
  = a -> b 1
  = orphan(b) 1",
    );
    let graph = check(&row);
    let found = sampling(&graph, "/a", "/b");
    about(found.client_estimate, 4.0);
    about(found.server_estimate, 2.0);
    about(found.pair_estimate, 4.0);
    about(found.standard_error, 12_f64.sqrt());
    assert_eq!((found.sampled_calls, found.enough_for_rates), (1, false));
    let callee = service(&graph, "/b");
    assert_eq!((callee.orphans, callee.orphans_sampled_out.count), (1, 1));
    assert_eq!(callee.orphan_exemplars.len(), 1);
    let caller = service(&graph, "/a");
    assert_eq!(
        caller.without_server_half_sampled_out,
        SampledOut::default()
    );
}

#[test]
fn b16_turned_round_explains_calls_without_server_half() {
    let row = row(
        "  t1:a.C#1{sa=b,ts=ot=th:8} t1:b.S#2<1{ts=ot=th:c} t2:a.C#3{sa=b,ts=ot=th:8}
  = a -> b 2 paired=1 ?addr=1",
    );
    let graph = check(&row);
    let found = sampling(&graph, "/a", "/b");
    about(found.client_estimate, 4.0);
    about(found.pair_estimate, 4.0);
    about(found.standard_error, 2.0);
    let caller = service(&graph, "/a");
    assert_eq!(caller.without_server_half, 1);
    assert_eq!(caller.without_server_half_sampled_out.count, 1);
}

#[test]
fn halves_of_unknown_weight_explain_nothing_and_have_no_error() {
    for (client, server) in [("sp=1", "ts=ot=th:8"), ("ts=ot=th:c", "sp=1")] {
        let row = row(&format!(
            "  t1:a.C#1{{{client}}} t1:b.S#2<1{{{server}}} t2:b.S#4<3{{{server}}}\n  = a -> b 1"
        ));
        let graph = graph(&row.spans);
        assert_eq!(service(&graph, "/b").orphans_sampled_out.count, 0);
        let found = sampling(&graph, "/a", "/b");
        let is_client_known = client.starts_with("ts");
        assert_eq!(found.standard_error.is_some(), is_client_known);
        assert_eq!(found.weight_unknown, u64::from(!is_client_known));
    }
}

/// Three calls of one trace stand and fall together, whichever way each of them was found.
#[test]
fn calls_of_one_trace_are_combined_as_if_they_were_one_draw() {
    let client = |id: u8| format!("a.C#{id}{{sa=b,ts=ot=th:c}}");
    let row = row(&format!(
        "  {} b.S#9<1{{ts=ot=th:c}} {} {}
  = a -> b 3 paired=1 ?addr=2",
        client(1),
        client(2),
        client(3)
    ));
    let error = sampling(&check(&row), "/a", "/b").standard_error;
    about(error, (9.0 * 12_f64).sqrt());
}

#[test]
fn calls_of_several_traces_are_draws_of_their_own() {
    let spans: Vec<String> = (0..30)
        .map(|trace| format!("t{trace}:a.C#1{{sa=b,ts=ot=th:c}} t{trace}:b.S#2<1{{ts=ot=th:c}}"))
        .collect();
    let row = row(&format!("  {}\n  = a -> b 30\n  = exact", spans.join(" ")));
    let found = sampling(&check(&row), "/a", "/b");
    about(found.client_estimate, 120.0);
    about(found.standard_error, (30.0 * 12_f64).sqrt());
    assert!(found.enough_for_rates);
}

/// Pods behind one name: one call to each in as many traces is no more uncertain than as many calls to one.
#[test]
fn ways_to_one_callee_do_not_add_up_where_no_trace_took_two_of_them() {
    let spans: Vec<String> = (0..16)
        .map(|pod| {
            let address = format!("sa=10.0.0.{pod},sp=80,ts=ot=th:c");
            let server = format!("b.S#2<1{{@k8s.pod.ip=10.0.0.{pod},ts=ot=th:c}}");
            format!("p{pod}:a.C#1{{{address}}} p{pod}:{server} q{pod}:a.C#1{{{address}}}")
        })
        .collect();
    let graph = check(&row(&format!(
        "  {}\n  = a -> b 32 paired=16 ?addr=16",
        spans.join(" ")
    )));
    about(
        sampling(&graph, "/a", "/b").standard_error,
        (32.0 * 12_f64).sqrt(),
    );
}

#[test]
fn messages_weigh_as_their_sends_and_their_consumers_as_themselves() {
    let row = row(
        "  t1:a.P#1{ms=kafka,md=T,sa=k,ts=ot=th:c} t2:b.Q#2~t1/1{ms=kafka,md=T,sa=k,ts=ot=th:8}
  = a => b 1 ?link",
    );
    let graph = graph(&row.spans);
    let flow = sampling(&graph, "/a", "/b");
    about(flow.client_estimate, 4.0);
    about(flow.server_estimate, 2.0);
    about(flow.standard_error, 12_f64.sqrt());
    let broker = &graph
        .edges
        .iter()
        .find(|edge| edge.caller.starts_with("broker"));
    let leg = broker.expect("a leg out of the broker");
    assert!(
        (leg.weighted_calls - 2.0).abs() < 1e-3,
        "{}",
        leg.weighted_calls
    );
}

#[test]
fn a_graph_without_sampling_has_no_error_to_speak_of() {
    let all = row("  a.C#1{ts=ot=th:0} b.S#2<1{ts=ot=th:0}\n  = a -> b 1");
    about(sampling(&check(&all), "/a", "/b").standard_error, 0.0);
    let untold = row("  a.C#1 b.S#2<1\n  = a -> b 1");
    let found = sampling(&check(&untold), "/a", "/b");
    assert_eq!((found.standard_error, found.weight_unknown), (None, 1));
}
