use super::*;
use crate::snapshot::testing::{edge, service, snapshot, target};
use crate::snapshot::{
    ClockSkew, Edge, EdgeSampling, EvidenceCounts, Relation, SampledOut, ServiceDiagnostics,
};

const WEB: &str = "service/web";
const CART: &str = "service/cart";

/// `web` calls `cart`, which calls its database: nothing is wrong.
fn healthy() -> (Vec<ServiceDiagnostics>, Vec<Edge>) {
    let services = vec![
        service(WEB, &[("server", 100), ("client", 100)]),
        service(CART, &[("server", 100), ("client", 100)]),
    ];
    let edges = vec![edge(WEB, CART, 100), edge(CART, "database/db", 100)];
    (services, edges)
}

fn examined(services: Vec<ServiceDiagnostics>, edges: Vec<Edge>) -> Report {
    examine(&snapshot(services, edges))
}

/// The only finding of a service.
fn only(report: &Report, id: &str) -> Finding {
    let service = report
        .services
        .iter()
        .find(|service| service.service == id)
        .unwrap();
    assert_eq!(service.findings.len(), 1, "{service:?}");
    assert_eq!(service.grade, service.findings[0].grade);
    service.findings[0].clone()
}

fn evidence(edge: &mut Edge, evidence: EvidenceCounts) {
    edge.evidence = evidence;
}

#[test]
fn healthy_traces_have_no_reason_against_them() {
    let (services, edges) = healthy();
    let report = examined(services, edges);
    assert_eq!(
        (report.grade, report.reasons.len(), report.blind.len()),
        (Grade::A, 0, 0),
        "{report:?}"
    );
    assert_eq!(report.services.len(), 2);
}

#[test]
fn a_service_that_serves_and_shows_no_call_is_blind_and_never_worse_than_b() {
    let (mut services, edges) = healthy();
    services[1] = service(CART, &[("server", 100)]);
    let report = examined(services, edges[..1].to_vec());
    let finding = only(&report, CART);
    assert_eq!(
        (finding.problem, finding.part, finding.grade),
        (Problem::NoClientSpans, 100, Grade::B)
    );
    assert_eq!(report.blind, [CART]);
    let reason = &report.reasons[0];
    assert_eq!(
        (reason.part, reason.whole, reason.services, reason.grade),
        (1, 2, 1, Grade::B)
    );
}

/// Dialling a broker is inferred from consumer spans; it says nothing about client libraries.
#[test]
fn a_consumer_that_only_dials_its_broker_is_blind() {
    let mut consumed = edge("broker/q", CART, 40);
    consumed.relation = Relation::Async;
    let mut produced = edge(WEB, CART, 40);
    produced.relation = Relation::Async;
    let edges = vec![consumed, produced, edge(CART, "broker/q", 40)];
    let report = examined(vec![service(CART, &[("consumer", 40)])], edges);
    assert_eq!(only(&report, CART).problem, Problem::NoClientSpans);
}

#[test]
fn calls_that_no_server_span_answered_accuse_the_thread_between_the_two() {
    let (services, mut edges) = healthy();
    let counts = EvidenceCounts {
        paired: 60,
        address: 30,
        named: 10,
        ..EvidenceCounts::default()
    };
    evidence(&mut edges[0], counts);
    let report = examined(services, edges);
    let finding = only(&report, CART);
    assert_eq!(
        (finding.problem, finding.part, finding.whole),
        (Problem::ContextLost, 40, 100)
    );
    assert_eq!(
        (finding.about[0].name.as_str(), finding.about[0].count),
        (WEB, 40)
    );
    assert_eq!(report.grade, Grade::D);
}

#[test]
fn a_called_service_without_server_spans_is_told_with_its_callers() {
    let (mut services, mut edges) = healthy();
    services[1] = service(CART, &[("client", 100)]);
    evidence(
        &mut edges[0],
        EvidenceCounts {
            named: 100,
            ..EvidenceCounts::default()
        },
    );
    let report = examined(services, edges);
    let finding = only(&report, CART);
    assert_eq!(
        (finding.problem, finding.part),
        (Problem::NoServerSpans, 100)
    );
    assert_eq!(finding.about[0].name, WEB);
}

#[test]
fn gaps_are_graded_by_their_share_and_few_cases_say_little() {
    let grade = |orphans: u64, spans: u64| {
        let mut one = service(WEB, &[("server", spans), ("client", 1)]);
        one.orphans = orphans;
        only(&examined(vec![one], vec![edge(WEB, "database/db", 1)]), WEB).grade
    };
    assert_eq!(grade(9, 1_000), Grade::A);
    assert_eq!(grade(20, 1_000), Grade::B);
    assert_eq!(grade(60, 1_000), Grade::C);
    assert_eq!(grade(300, 1_000), Grade::D);
    assert_eq!(grade(9, 9), Grade::B);
}

#[test]
fn unresolved_calls_come_with_what_the_spans_say() {
    let (mut services, edges) = healthy();
    services[0].unresolved = 100;
    services[0].unresolved_by_evidence = [
        ("rpc shop.Cart".to_owned(), 90),
        ("no address".to_owned(), 10),
    ]
    .into();
    let finding = only(&examined(services, edges), WEB);
    assert_eq!(
        (finding.problem, finding.part, finding.whole),
        (Problem::Unresolved, 100, 200)
    );
    assert_eq!(finding.about[0].name, "rpc shop.Cart");
}

#[test]
fn missing_kinds_count_also_when_everything_is_internal() {
    let of = |kinds: &[(&str, u64)]| only(&examined(vec![service(WEB, kinds)], Vec::new()), WEB);
    assert_eq!(of(&[("internal", 50)]).part, 50);
    assert_eq!(of(&[("unspecified", 50), ("client", 50)]).part, 50);
}

#[test]
fn internal_hosts_without_spans_are_told_and_public_ones_are_not() {
    for (host, is_told) in [
        ("quote", true),
        ("10.1.2.3", true),
        ("quote.svc.cluster.local", true),
        ("api.example.com", false),
        ("9.9.9.9", false),
    ] {
        let (services, mut edges) = healthy();
        let mut silent = edge(CART, "external/x", 10);
        silent.targets = vec![target(host)];
        edges.push(silent);
        let told = examined(services, edges)
            .reasons
            .iter()
            .any(|reason| reason.problem == Problem::SilentCallee);
        assert_eq!(told, is_told, "{host}");
    }
}

#[test]
fn messages_without_producer_are_a_gap() {
    let mut consumed = edge("broker/q", CART, 40);
    consumed.relation = Relation::Async;
    let edges = vec![consumed, edge(CART, "database/db", 40)];
    let report = examined(
        vec![service(CART, &[("consumer", 40), ("client", 40)])],
        edges,
    );
    let finding = only(&report, CART);
    assert_eq!(
        (finding.problem, finding.part, finding.whole, finding.grade),
        (Problem::MessagesUncorrelated, 40, 40, Grade::C)
    );
}

#[test]
fn links_duplicates_addresses_and_names_are_each_found() {
    let (mut services, mut edges) = healthy();
    services[0].unresolved_links = 3;
    services[0].duplicates = 50;
    edges[0].targets.clear();
    let mut graph = snapshot(services, edges);
    for node in &mut graph.nodes {
        if node.id == WEB {
            node.attributes
                .insert("identity".to_owned(), "no service.name".to_owned());
        }
    }
    let report = examine(&graph);
    let problems: Vec<Problem> = report.services[1]
        .findings
        .iter()
        .map(|finding| finding.problem)
        .collect();
    assert_eq!(
        problems,
        [
            Problem::Nameless,
            Problem::UnresolvedLinks,
            Problem::AddressMissing,
            Problem::Duplicates
        ]
    );
}

/// All unknown may mean no sampling at all; some unknown is a gap; earlier snapshots do not say.
#[test]
fn unknown_weights_matter_only_beside_known_ones() {
    for (web, cart, found) in [
        (Some(200), Some(200), 0),
        (Some(200), Some(0), 1),
        (None, None, 0),
        (Some(0), Some(0), 0),
    ] {
        let (mut services, edges) = healthy();
        services[0].weight_unknown = web;
        services[1].weight_unknown = cart;
        assert_eq!(
            examined(services, edges).reasons.len(),
            found,
            "{web:?} {cart:?}"
        );
    }
}

#[test]
fn what_was_lost_before_the_graph_counts() {
    let (services, edges) = healthy();
    let mut graph = snapshot(services, edges);
    graph.diagnostics.spans = 500;
    graph.diagnostics.rejected.insert("utf8".to_owned(), 100);
    graph
        .diagnostics
        .counters
        .insert("slices_closed_early".to_owned(), 1);
    let report = examine(&graph);
    let told: Vec<_> = report
        .reasons
        .iter()
        .map(|reason| (reason.problem, reason.grade))
        .collect();
    assert_eq!(
        told,
        [
            (Problem::SpansLost, Grade::D),
            (Problem::TracesCut, Grade::C)
        ]
    );
}

#[test]
fn no_spans_at_all_is_the_worst_grade() {
    let report = examined(Vec::new(), Vec::new());
    assert_eq!(
        (report.grade, report.reasons[0].problem),
        (Grade::D, Problem::NoSpans)
    );
}

#[test]
fn good_turing_and_the_rule_of_three_rest_on_sync_calls() {
    let (services, mut edges) = healthy();
    edges.push(edge(WEB, "external/once.example.com", 1));
    let mut flow = edge(WEB, "service/mail", 1);
    flow.relation = Relation::Async;
    edges.push(flow);
    let report = examined(services, edges);
    let unseen = report.services[1].unseen.unwrap();
    assert_eq!((unseen.calls, unseen.seen_once), (101, 1));
    assert!((unseen.next_is_new - 1.0 / 101.0).abs() < 1e-12);
    assert!((unseen.one_takes_at_most - 3.0 / 101.0).abs() < 1e-12);
    assert_eq!(report.unseen.unwrap().calls, 201);
}

/// A snapshot may be written by anybody: no number in it can overflow, no id must exist.
#[test]
fn hostile_numbers_and_ids_are_survived() {
    let (mut services, mut edges) = healthy();
    for service in &mut services {
        service.orphans = u64::MAX;
        service.unresolved = u64::MAX;
        service.unresolved_links = u64::MAX;
        service.duplicates = u64::MAX;
        service.spans = u64::MAX;
        service.kinds = [("server", u64::MAX), ("unspecified", u64::MAX)]
            .map(|(k, n)| (k.to_owned(), n))
            .into();
    }
    services.push(service("service/nowhere", &[]));
    for edge in &mut edges {
        edge.calls = u64::MAX;
        evidence(
            edge,
            EvidenceCounts {
                address: u64::MAX,
                named: u64::MAX,
                ..EvidenceCounts::default()
            },
        );
    }
    let mut graph = snapshot(services, edges);
    graph.diagnostics.rejected.insert("x".to_owned(), u64::MAX);
    graph.diagnostics.dropped.insert("x".to_owned(), u64::MAX);
    graph.nodes.clear();
    assert_eq!(examine(&graph).grade, Grade::D);
}

#[test]
fn orphans_that_sampling_explains_are_no_finding() {
    let found = |orphans: u64| {
        let (mut services, edges) = healthy();
        services[1].orphans = orphans;
        services[1].orphans_sampled_out = SampledOut {
            count: orphans.min(50),
            standard_error: 7,
        };
        services[1].orphan_exemplars = vec!["00aa".to_owned()];
        examined(services, edges)
    };
    for explained in [0, 50, 71] {
        assert_eq!(found(explained).grade, Grade::A, "{explained}");
    }
    let finding = only(&found(90), CART);
    assert_eq!((finding.problem, finding.part), (Problem::Orphans, 40));
    assert_eq!(finding.sampled_out, 50);
    assert_eq!(finding.exemplars, ["00aa"]);
}

#[test]
fn calls_to_a_service_that_is_sampled_less_are_not_lost_context() {
    let found = |sampled_out: SampledOut| {
        let (services, mut edges) = healthy();
        let counts = EvidenceCounts {
            paired: 40,
            address: 60,
            ..EvidenceCounts::default()
        };
        evidence(&mut edges[0], counts);
        edges[0].facts.sampling = Some(EdgeSampling {
            sampled_out,
            ..EdgeSampling::default()
        });
        examined(services, edges)
    };
    let out = |count, standard_error| SampledOut {
        count,
        standard_error,
    };
    assert_eq!(found(out(58, 5)).grade, Grade::A);
    let finding = only(&found(out(20, 5)), CART);
    assert_eq!((finding.problem, finding.part), (Problem::ContextLost, 40));
    assert_eq!(finding.sampled_out, 20);
}

#[test]
fn a_service_whose_every_request_begins_a_trace_while_it_is_dialled_breaks_the_context() {
    let (services, mut edges) = healthy();
    let by_address = EvidenceCounts {
        address: 100,
        ..EvidenceCounts::default()
    };
    evidence(&mut edges[0], by_address);
    let mut graph = snapshot(services, edges);
    let cart = graph.nodes.iter_mut().find(|node| node.id == CART).unwrap();
    cart.entry_calls = 100;
    let finding = only(&examine(&graph), CART);
    assert_eq!(
        (finding.problem, finding.part, finding.whole),
        (Problem::ContextBroken, 100, 100)
    );
    assert_eq!(finding.about[0].name, WEB);
    // Some requests with a parent, and it is a matter of some calls only.
    let cart = graph.nodes.iter_mut().find(|node| node.id == CART).unwrap();
    cart.entry_calls = 60;
    assert_eq!(only(&examine(&graph), CART).problem, Problem::ContextLost);
}

#[test]
fn clocks_that_disagree_by_more_than_noise_are_told_and_cost_little() {
    let found = |ahead_ms: i64| {
        let (mut services, edges) = healthy();
        services[1].clock_skew = Some(ClockSkew {
            other: WEB.to_owned(),
            ahead_ms,
            instance_pairs: 30,
            ..ClockSkew::default()
        });
        examined(services, edges)
    };
    assert_eq!(found(-9).grade, Grade::A);
    let finding = only(&found(-2000), CART);
    assert_eq!(
        (finding.problem, finding.part, finding.grade),
        (Problem::ClockSkew, 30, Grade::B)
    );
    assert_eq!(
        (finding.about[0].name.as_str(), finding.about[0].count),
        (WEB, 2000)
    );
    let report = found(i64::MIN);
    assert_eq!((report.reasons[0].part, report.reasons[0].whole), (1, 2));
}
