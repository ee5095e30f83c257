//! Hazards that need neighbours, or all calls of an edge.

use tracemesh_graph::hazards::{HazardKind as Kind, Sign};
use tracemesh_graph::snapshot::Inbound;

use super::spans::{Given, SECOND, graph, graph_of_parts};
use super::{found, shown};

const HOUR: u64 = 3600 * SECOND;

fn trace(number: u64) -> String {
    format!("{number:032x}")
}

/// `GET`s of `a` at `b`, each in its own trace and answered, the first of them with span id 101.
fn answered(traces: impl Iterator<Item = u64>) -> Vec<Given> {
    traces
        .flat_map(|trace| {
            let id = 100 + trace;
            let client = Given::client("a")
                .url("http://b.shop/x")
                .id(id)
                .trace(trace);
            let server = Given::server("b")
                .url("http://b.shop/x")
                .parent(id)
                .trace(trace);
            [client, server]
        })
        .collect()
}

#[test]
fn clients_that_send_again_are_seen_by_count_by_siblings_and_by_two_answers() {
    let get = || Given::client("a").url("http://b.shop/x");
    let counted = [get().trace(5).with("http.request.resend_count", "2")];
    let numbers = found(&graph(&counted), "a", Kind::RetriesOnRetries).unwrap();
    assert_eq!((numbers.spans, numbers.signs[&Sign::Resent]), (1, 1));
    let parent = || Given::server("a").url("http://a.shop/y").id(1);
    let siblings = [
        parent().trace(5).took(SECOND),
        get().trace(5).parent(1).failed("500"),
        get().trace(5).parent(1).after(10_000_000),
    ];
    let numbers = found(&graph(&siblings), "a", Kind::RetriesOnRetries).unwrap();
    assert_eq!((numbers.spans, numbers.signs[&Sign::Repeated]), (1, 1));
    let twice = [
        get().trace(5).id(2).took(SECOND),
        Given::server("b").trace(5).parent(2).failed("503"),
        Given::server("b").trace(5).parent(2).after(10_000_000),
    ];
    let numbers = found(&graph(&twice), "a", Kind::RetriesOnRetries).unwrap();
    assert_eq!((numbers.spans, numbers.signs[&Sign::AnsweredTwice]), (1, 1));
    assert_eq!(numbers.exemplars, [trace(5)]);
    let in_turn = [
        parent().trace(5).took(SECOND),
        get().trace(5).parent(1),
        get().trace(5).parent(1).after(10_000_000),
    ];
    assert_eq!(found(&graph(&in_turn), "a", Kind::RetriesOnRetries), None);
    let missing = |span: Given| span.with("http.response.status_code", "404");
    let others = [
        parent().trace(5).took(SECOND),
        missing(get().trace(5).parent(1).failed("404")),
        get().trace(5).parent(1).after(10_000_000),
        get()
            .method("POST")
            .trace(5)
            .parent(1)
            .after(20_000_000)
            .failed("500"),
        Given::client("a")
            .url("http://c.shop/x")
            .method("POST")
            .trace(5)
            .parent(1)
            .after(30_000_000),
    ];
    assert_eq!(
        found(&graph(&others), "a", Kind::RetriesOnRetries),
        None,
        "other calls"
    );
}

#[test]
fn a_closed_connection_shows_where_server_spans_are_the_rule() {
    let dead = || {
        Given::client("a")
            .url("http://b.shop/x")
            .took(1_000_000)
            .failed("ECONNRESET")
    };
    let mut all = answered(1..5);
    all.push(dead().trace(9));
    assert_eq!(
        shown(&graph(&all), "a", Kind::StaleKeepalive),
        Some((1, trace(9)))
    );
    all.push(Given::server("b").trace(9).parent(2));
    let last = all.len() - 2;
    all[last] = dead().trace(9).id(2);
    assert_eq!(
        found(&graph(&all), "a", Kind::StaleKeepalive),
        None,
        "somebody answered"
    );
    let untraced = [dead().trace(9)];
    assert_eq!(found(&graph(&untraced), "a", Kind::StaleKeepalive), None);
    let mut slow = answered(1..5);
    slow.push(dead().took(SECOND).trace(9));
    assert_eq!(found(&graph(&slow), "a", Kind::StaleKeepalive), None);
}

/// The server span went to another instance of the receiver: only who reads both knows that somebody answered.
#[test]
fn an_answer_elsewhere_takes_the_sign_of_a_closed_connection_back() {
    let dead = Given::client("a")
        .url("http://b.shop/x")
        .took(1_000_000)
        .failed("ECONNRESET");
    let mut here = answered(1..5);
    here.push(dead.trace(9).id(2));
    assert_eq!(
        shown(&graph(&here), "a", Kind::StaleKeepalive),
        Some((1, trace(9)))
    );
    let there = [Given::server("b").trace(9).parent(2)];
    for parts in [[&here[..], &there[..]], [&there[..], &here[..]]] {
        assert_eq!(
            found(&graph_of_parts(&parts), "a", Kind::StaleKeepalive),
            None
        );
    }
}

#[test]
fn requests_that_were_refused_before_the_server_are_told_from_those_it_refused() {
    for (status, hazard) in [("400", Kind::StrictParsing), ("431", Kind::LargeHeaders)] {
        let refused = || {
            Given::client("a")
                .url("http://b.shop/x")
                .with("http.response.status_code", status)
        };
        let mut all = answered(1..5);
        all.push(refused().trace(8));
        assert_eq!(
            shown(&graph(&all), "a", hazard),
            Some((1, trace(8))),
            "{status}"
        );
        let mut by_server = answered(1..5);
        by_server.push(refused().trace(8).id(2));
        by_server.push(
            Given::server("b")
                .trace(8)
                .parent(2)
                .with("http.response.status_code", status),
        );
        assert_eq!(found(&graph(&by_server), "a", hazard), None, "{status}");
        assert_eq!(
            found(&graph(&[refused()]), "a", hazard),
            None,
            "nobody there is traced"
        );
    }
}

/// gRPC calls to one socket address, answered by these instances.
fn pinned(socket: &str, instances: &[(&str, Option<&str>)]) -> Vec<Given> {
    (1..)
        .zip(instances)
        .flat_map(|(trace, (instance, pod_ip))| {
            let client = Given::client("a")
                .grpc("Get")
                .with("server.address", "b.shop");
            let client = client
                .with("network.peer.address", socket)
                .id(100 + trace)
                .trace(trace);
            let server = Given::server("b")
                .grpc("Get")
                .parent(100 + trace)
                .trace(trace);
            [client, server.on(instance, *pod_ip)]
        })
        .collect()
}

#[test]
fn one_address_before_several_instances_is_virtual_and_that_of_a_pod_is_not() {
    let virtual_one = pinned(
        "10.96.0.9",
        &[("x", Some("10.1.0.1")), ("y", Some("10.1.0.2"))],
    );
    assert_eq!(
        shown(&graph(&virtual_one), "a", Kind::PinnedHttp2),
        Some((2, trace(1)))
    );
    let restarted = pinned(
        "10.1.0.1",
        &[("x", Some("10.1.0.1")), ("y", Some("10.1.0.1"))],
    );
    assert_eq!(found(&graph(&restarted), "a", Kind::PinnedHttp2), None);
    let one = pinned("10.96.0.9", &[("x", None), ("x", None)]);
    assert_eq!(found(&graph(&one), "a", Kind::PinnedHttp2), None);
    let mut balanced = pinned("10.1.0.1", &[("x", None)]);
    let second = pinned("10.1.0.2", &[("y", None)]).into_iter();
    balanced.extend(second.map(|span| span.trace(2)));
    assert_eq!(found(&graph(&balanced), "a", Kind::PinnedHttp2), None);
}

#[test]
fn several_names_of_one_destination_are_forms_and_two_destinations_are_not() {
    let call = |host: &str, number: u64| {
        let url = format!("http://{host}/x");
        let client = Given::client("a").url(&url).id(100 + number).trace(number);
        [
            client,
            Given::server("b")
                .url(&url)
                .parent(100 + number)
                .trace(number),
        ]
    };
    let forms = [
        call("b", 1),
        call("b.shop", 2),
        call("b.shop.svc.cluster.local", 3),
    ]
    .concat();
    let numbers = found(&graph(&forms), "a", Kind::HostForms).unwrap();
    assert_eq!((numbers.spans, numbers.signs[&Sign::SeveralNames]), (3, 3));
    let one = [call("b.shop", 1), call("b.shop", 2)].concat();
    assert_eq!(found(&graph(&one), "a", Kind::HostForms), None);
    let two = [
        Given::client("a").url("http://b.shop/x").trace(1),
        Given::client("a").url("http://c.shop/x").trace(2),
    ];
    assert_eq!(found(&graph(&two), "a", Kind::HostForms), None);
}

#[test]
fn two_versions_on_one_port_are_a_mix_and_on_two_ports_they_are_not() {
    let call = |caller, url: &str, version: &str, number: u64| {
        let client = Given::client(caller)
            .url(url)
            .with("network.protocol.version", version);
        let server = Given::server("b").parent(100 + number).trace(number);
        [client.id(100 + number).trace(number), server]
    };
    let mixed = [
        call("a", "http://b.shop:8080/x", "1.1", 1),
        call("c", "http://b.shop:8080/x", "2", 2),
    ];
    let snapshot = graph(&mixed.concat());
    assert_eq!(
        shown(&snapshot, "a", Kind::ProtocolMix),
        Some((1, trace(1)))
    );
    assert_eq!(
        shown(&snapshot, "c", Kind::ProtocolMix),
        Some((1, trace(2)))
    );
    let apart = [
        call("a", "http://b.shop:8080/x", "1.1", 1),
        call("a", "http://b.shop:9090/x", "2", 2),
        call("a", "http://b.shop:8080/x", "1.0", 3),
    ];
    assert_eq!(found(&graph(&apart.concat()), "a", Kind::ProtocolMix), None);
    let encrypted = [
        call("a", "https://b.shop:8443/x", "1.1", 1),
        call("c", "https://b.shop:8443/x", "2", 2),
    ];
    assert_eq!(
        found(&graph(&encrypted.concat()), "a", Kind::ProtocolMix),
        None
    );
}

#[test]
fn idle_connections_show_by_pools_and_by_silence_of_an_hour() {
    let query = |number| {
        Given::client("a")
            .with("db.system", "postgresql")
            .with("net.peer.name", "db")
            .trace(number)
    };
    let gap = [query(1), query(2).after(3 * HOUR)];
    let numbers = found(&graph(&gap), "a", Kind::IdleTcp).unwrap();
    assert_eq!((numbers.spans, numbers.signs[&Sign::Gap]), (2, 2));
    let busy: Vec<Given> = (0..200)
        .map(|n| query(n + 1).after(n * 60 * SECOND))
        .collect();
    assert_eq!(found(&graph(&busy), "a", Kind::IdleTcp), None);
    let pool = [query(1), query(2).named("pg-pool.connect")];
    let numbers = found(&graph(&pool), "a", Kind::IdleTcp).unwrap();
    assert_eq!((numbers.spans, numbers.signs[&Sign::Pool]), (1, 1));
    assert_eq!(numbers.exemplars, [trace(2)]);
    let http = |number| Given::client("a").url("http://b.shop/x").trace(number);
    let quiet = [http(1), http(2).after(3 * HOUR)];
    assert_eq!(found(&graph(&quiet), "a", Kind::IdleTcp), None);
}

#[test]
fn many_calls_at_once_from_one_instance_are_near_the_default_limits() {
    let calls = |count: u64, instances: u64| -> Vec<Given> {
        let call = |n: u64| {
            let instance = (n % instances).to_string();
            Given::client("a")
                .url("http://b.shop/x")
                .trace(n + 1)
                .took(4 * SECOND)
                .on(&instance, None)
        };
        (0..count).map(call).collect()
    };
    let numbers = found(&graph(&calls(150, 1)), "a", Kind::DefaultLimits).unwrap();
    assert_eq!(
        (numbers.spans, numbers.signs[&Sign::ManyAtOnce]),
        (150, 150)
    );
    assert_eq!(
        found(&graph(&calls(150, 10)), "a", Kind::DefaultLimits),
        None
    );
    assert_eq!(found(&graph(&calls(50, 1)), "a", Kind::DefaultLimits), None);
}

#[test]
fn a_probe_sheds_from_a_service_that_serves_more_than_it_lets_through() {
    let serve = |calls_per_second_of_one, p99_ms| {
        let mut snapshot = graph(&answered(1..3));
        let b = snapshot
            .nodes
            .iter_mut()
            .find(|node| node.name == "b")
            .unwrap();
        b.inbound = Some(Inbound {
            calls: 1000,
            calls_per_second_of_one,
            p99_ms,
            ..Inbound::default()
        });
        snapshot
    };
    let busy = shown(&serve(100.0, 50.0), "b", Kind::LatencyProbes);
    assert_eq!(busy, Some((1000, trace(1))));
    assert_eq!(found(&serve(100.0, 30.0), "b", Kind::LatencyProbes), None);
}

#[test]
fn streams_are_told_from_calls_by_their_messages() {
    let watch = |messages| {
        Given::client("a")
            .grpc("Get")
            .with("server.address", "b.shop")
            .messages(messages)
    };
    let streams = [watch(2).trace(1), watch(40).trace(2)];
    assert_eq!(
        shown(&graph(&streams), "a", Kind::LongCalls),
        Some((1, trace(2)))
    );
    assert_eq!(found(&graph(&streams[..1]), "a", Kind::LongCalls), None);
}
