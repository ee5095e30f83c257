//! Hazards from spans to the egress model: each with spans that expose a service to it, counted and with their trace, and with
//! spans that look alike and do not.
//!
//! What single spans show is tested in `record/signs.rs`; here it goes through slices, segments and the snapshot, together with
//! what only neighbours or all calls of an edge show.

#[path = "hazards/spans.rs"]
mod spans;

#[path = "hazards/edges.rs"]
mod edges;

use tracemesh_graph::egress::{EgressOptions, derive};
use tracemesh_graph::hazards::{Handling, HazardEvidence, HazardKind};
use tracemesh_graph::snapshot::GraphSnapshot;

use spans::{Given, SECOND, graph, graph_of_parts};

/// The numbers of a hazard of a service, if it has it.
fn found(snapshot: &GraphSnapshot, service: &str, hazard: HazardKind) -> Option<HazardEvidence> {
    let model = derive(snapshot, &EgressOptions::default());
    let id = format!("service/{service}");
    let noted = model.services.iter().find(|found| found.id == id)?;
    let is_noted = noted.hazards.iter().any(|note| note.hazard == hazard);
    let numbers = model.evidence.services[&id].hazards.get(&hazard).cloned();
    assert_eq!(is_noted, numbers.is_some(), "model and evidence agree");
    numbers
}

/// Spans exposed, and the first example trace.
fn shown(snapshot: &GraphSnapshot, service: &str, hazard: HazardKind) -> Option<(u64, String)> {
    let numbers = found(snapshot, service, hazard)?;
    let trace = numbers.exemplars.first().cloned().unwrap_or_default();
    Some((numbers.spans, trace))
}

/// Spans of one hazard, all of them exposed, and how it is handled.
struct Case {
    hazard: HazardKind,
    handling: Handling,
    spans: Vec<Given>,
}

fn case(hazard: HazardKind, handling: Handling, spans: Vec<Given>) -> Case {
    Case {
        hazard,
        handling,
        spans,
    }
}

/// One kind of span for each hazard that a span shows by itself.
fn cases() -> Vec<Case> {
    use HazardKind as Kind;
    let get = || Given::client("a").url("http://b.shop/x");
    let handled = |kind, spans| case(kind, Handling::Handled, spans);
    let decision = |kind, spans| case(kind, Handling::Decision, spans);
    let database = |system| {
        Given::client("a")
            .with("db.system", system)
            .with("net.peer.name", "db")
    };
    vec![
        handled(
            Kind::LongCalls,
            vec![get().took(13 * SECOND), get().took(14 * SECOND)],
        ),
        handled(
            Kind::IdleStreams,
            vec![get().with("http.status_code", "101")],
        ),
        handled(
            Kind::UnsafeRetries,
            vec![get().method("POST"), get().method("PATCH")],
        ),
        handled(
            Kind::HostForms,
            vec![Given::client("a").url("http://b.shop:8080/x")],
        ),
        handled(
            Kind::PinnedMembers,
            vec![
                Given::client("a").url("http://10.1.2.3/x"),
                database("mongodb"),
            ],
        ),
        decision(
            Kind::PinnedMembers,
            vec![get().header("host", "other.shop")],
        ),
        handled(Kind::HeaderCase, vec![get().header("X-Mixed", "1")]),
        handled(Kind::Http10, vec![get().with("http.flavor", "1.0")]),
        handled(
            Kind::LargeHeaders,
            vec![get().header("cookie", &"x".repeat(60_000))],
        ),
        handled(
            Kind::AddedHeaders,
            vec![get().header("x-hub-signature-256", "sha256=0")],
        ),
        handled(
            Kind::Upgrades,
            vec![Given::client("a").url("ws://b.shop/chat")],
        ),
        decision(Kind::Upgrades, vec![get().method("CONNECT")]),
        handled(
            Kind::ExpectContinue,
            vec![get().method("PUT").header("expect", "100-continue")],
        ),
        decision(Kind::StrictParsing, vec![get().method("_OTHER")]),
        decision(
            Kind::RefusedConnects,
            vec![
                get().failed("ECONNREFUSED"),
                get().exception("ConnectionRefusedError"),
            ],
        ),
        handled(Kind::ServerFirst, vec![database("mysql")]),
        decision(
            Kind::GrpcTrailers,
            vec![
                Given::client("a")
                    .grpc("Get")
                    .with("server.address", "b.shop")
                    .with("rpc.grpc.status_code", "13")
                    .failed(""),
            ],
        ),
        handled(Kind::UnresolvableNames, vec![get().failed("EAI_AGAIN")]),
    ]
}

#[test]
fn every_hazard_that_single_spans_show_is_counted_with_its_trace() {
    for Case {
        hazard,
        handling,
        spans,
    } in cases()
    {
        let count = spans.len() as u64;
        // A plain call beside them, which is not exposed.
        let plain = Given::client("a").url("http://c.shop/x").trace(1);
        let spans = spans
            .into_iter()
            .zip(7..)
            .map(|(span, trace)| span.trace(trace));
        let all: Vec<Given> = spans.chain([plain]).collect();
        let snapshot = graph(&all);
        let seen = shown(&snapshot, "a", hazard);
        assert_eq!(seen, Some((count, format!("{:032x}", 7))), "{hazard:?}");
        let model = derive(&snapshot, &EgressOptions::default());
        let note = model.services[0]
            .hazards
            .iter()
            .find(|note| note.hazard == hazard)
            .unwrap();
        assert_eq!(note.handling, handling, "{hazard:?}: {}", note.how);
        let has_count = note.how.bytes().any(|byte| byte.is_ascii_digit());
        let constants = [
            HazardKind::LongCalls,
            HazardKind::LargeHeaders,
            HazardKind::ExpectContinue,
            HazardKind::Http10,
        ];
        assert!(
            !has_count || constants.contains(&hazard),
            "no volatile number: {}",
            note.how
        );
    }
}

#[test]
fn plain_calls_expose_nobody() {
    let plain = [
        Given::client("a").url("http://b.shop/x"),
        Given::server("b").url("http://b.shop/x"),
        Given::client("b")
            .with("db.system", "postgresql")
            .with("net.peer.name", "db"),
    ];
    let model = derive(&graph(&plain), &EgressOptions::default());
    assert!(
        model
            .services
            .iter()
            .all(|service| service.hazards.is_empty()),
        "{model:?}"
    );
}

#[test]
fn order_does_not_matter_and_examples_are_the_smallest_traces() {
    let mut all: Vec<Given> = cases().into_iter().flat_map(|case| case.spans).collect();
    for (trace, span) in (1..).zip(&mut all) {
        *span = span.clone().trace(trace);
    }
    let forwards = graph(&all);
    all.reverse();
    assert_eq!(graph(&all), forwards);
    let text = serde_json::to_string(&forwards).unwrap();
    let again: GraphSnapshot = serde_json::from_str(&text).unwrap();
    assert_eq!(again, forwards, "the snapshot file keeps them");
    let (some, others) = all.split_at(all.len() / 2);
    assert_eq!(graph_of_parts(&[some, others]), forwards, "segments add up");
    assert_eq!(graph_of_parts(&[others, some]), forwards);
}

/// The sidecar of a service takes part in what it serves, too.
#[test]
fn server_spans_expose_the_service_itself() {
    let spans = [
        Given::client("a")
            .url("http://b.shop/x")
            .id(1)
            .trace(3)
            .took(20 * SECOND),
        Given::server("b")
            .url("http://b.shop/x")
            .parent(1)
            .trace(3)
            .took(20 * SECOND),
        Given::server("b")
            .url("http://b.shop/x")
            .trace(2)
            .with("http.flavor", "1.0")
            .method("POST"),
    ];
    let snapshot = graph(&spans);
    let long = found(&snapshot, "b", HazardKind::LongCalls).unwrap();
    assert_eq!((long.spans, long.callees["service/b"]), (1, 1));
    assert_eq!(
        shown(&snapshot, "b", HazardKind::Http10),
        Some((1, format!("{:032x}", 2)))
    );
    assert_eq!(
        found(&snapshot, "b", HazardKind::UnsafeRetries),
        None,
        "it resends nothing"
    );
    let caller = found(&snapshot, "a", HazardKind::LongCalls).unwrap();
    assert_eq!(caller.callees, [("service/b".to_owned(), 1)].into());
}
