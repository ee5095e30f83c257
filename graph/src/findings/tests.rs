use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::snapshot::testing::{edge, service, snapshot, target};
use crate::snapshot::{Edge, GraphSnapshot, Node, Relation, Target};

fn rules(snapshot: &GraphSnapshot) -> Vec<&'static str> {
    let findings = find(snapshot);
    findings
        .iter()
        .map(|finding| finding.cases.rule())
        .collect()
}

fn only(edges: Vec<Edge>) -> GraphSnapshot {
    snapshot(Vec::new(), edges)
}

/// The finding of a rule, which must be there.
#[track_caller]
fn of(snapshot: &GraphSnapshot, rule: &str) -> Finding {
    let mut findings = find(snapshot).into_iter();
    let found = findings.find(|finding| finding.cases.rule() == rule);
    found.unwrap_or_else(|| panic!("{:?}", rules(snapshot)))
}

/// The cases of a rule.
macro_rules! cases {
    ($snapshot:expr, $rule:ident, $name:literal) => {
        match of($snapshot, $name).cases {
            Cases::$rule(cases) => cases,
            other => panic!("{other:?}"),
        }
    };
}

mod broken;
mod dialled;

fn at(host: &str, port: u16, calls: u64) -> Target {
    Target {
        port: Some(port),
        calls,
        ..target(host)
    }
}

fn dead(caller: &str, callee: &str, attempts: u64, error: &str) -> Edge {
    let mut dead = edge(caller, callee, attempts);
    dead.evidence.paired = 0;
    dead.evidence.address = attempts;
    dead.failed = attempts;
    dead.failed_attempts = attempts;
    dead.errors = BTreeMap::from([(error.to_owned(), attempts)]);
    dead
}

/// An edge whose calls are all repeated so often, without any that fail for good.
fn retried(caller: &str, callee: &str, calls: u64, attempts: u64) -> Edge {
    let mut retried = edge(caller, callee, calls);
    retried.attempts = attempts;
    retried.retries = attempts - calls;
    retried.failed_attempts = attempts - calls;
    retried
}

fn node<'a>(snapshot: &'a mut GraphSnapshot, id: &str) -> &'a mut Node {
    let mut nodes = snapshot.nodes.iter_mut();
    nodes.find(|node| node.id == id).unwrap()
}

fn facet(snapshot: &mut GraphSnapshot, id: &str, name: &str, values: &[&str]) {
    let values = values.iter().map(|value| ((*value).to_owned(), 1));
    let facets = &mut node(snapshot, id).facets;
    facets.insert(name.to_owned(), values.collect());
}

fn names(list: &Top<Counted>) -> Vec<(&str, u64)> {
    let listed = list.listed.iter();
    listed.map(|one| (one.name.as_str(), one.count)).collect()
}

#[test]
fn a_healthy_graph_has_no_findings() {
    let healthy = only(vec![edge("service/a", "service/b", 1_000)]);
    assert_eq!(find(&healthy), []);
    assert_eq!(find(&only(Vec::new())), []);
}

#[test]
fn a_dead_host_is_told_once_for_all_its_callers() {
    let mut graph = only(vec![
        dead("service/a", "external/gone:80", 30, "ConnectionError"),
        dead("service/b", "external/gone:80", 40, "503"),
        dead("service/b", "external/rare:80", 1, "timeout"),
    ]);
    assert_eq!(rules(&graph), ["unreachable_host"]);
    let found = of(&graph, "unreachable_host");
    assert_eq!(
        (found.part, found.whole, found.severity),
        (71, 71, Severity::High)
    );
    let hosts = cases!(&graph, UnreachableHost, "unreachable_host");
    assert_eq!(hosts[0].callee, "external/gone:80");
    assert_eq!(
        names(&hosts[0].callers),
        [("service/b", 40), ("service/a", 30)]
    );
    assert_eq!(
        names(&hosts[0].errors),
        [("503", 40), ("ConnectionError", 30)]
    );
    assert_eq!(hosts[1].attempts, 1);
    // Somebody else gets through: the way is at fault, not the host.
    let mut reached = edge("service/c", "external/gone:80", 5);
    reached.evidence.paired = 0;
    graph.edges.push(reached);
    let hosts = cases!(&graph, UnreachableHost, "unreachable_host");
    assert_eq!((hosts[0].reached_by, hosts[1].reached_by), (1, 0));
    assert_eq!(of(&graph, "unreachable_host").whole, 76);
}

#[test]
fn a_host_that_answers_with_nothing_but_errors_is_failing_and_not_unreachable() {
    for (error, rule) in [
        ("404", "failing_host"),
        ("500", "failing_host"),
        ("PERMISSION_DENIED", "failing_host"),
        ("502", "unreachable_host"),
        ("UNAVAILABLE", "unreachable_host"),
        ("99999999", "unreachable_host"),
    ] {
        let graph = only(vec![dead(
            "service/a",
            "external/api.example:443",
            12,
            error,
        )]);
        assert_eq!(rules(&graph), [rule], "{error}");
    }
}

/// Every failing edge is told by exactly one rule, whatever shows that somebody answers.
#[test]
fn an_edge_on_which_everything_fails_at_a_callee_that_was_seen_is_a_failing_edge() {
    let mut failing = dead("service/a", "service/b", 40, "500");
    failing.evidence.paired = 1;
    assert_eq!(rules(&only(vec![failing.clone()])), ["failing_edge"]);
    failing.evidence.paired = 0;
    failing.latency.server = Some(crate::snapshot::LatencySummary {
        count: 1,
        p50_ms: 1.0,
        p99_ms: 1.0,
        p999_ms: 1.0,
        max_ms: 1.0,
    });
    let graph = only(vec![failing]);
    assert_eq!(rules(&graph), ["failing_edge"]);
    let edges = cases!(&graph, FailingEdge, "failing_edge");
    assert_eq!((edges[0].failed, edges[0].calls), (40, 40));
}

#[test]
fn few_calls_prove_nothing() {
    let mut rare = retried("service/a", "service/b", 5, 8);
    rare.failed = 4;
    assert_eq!(find(&only(vec![rare])), []);
}

#[test]
fn retries_are_told_per_edge_with_what_one_call_becomes_while_the_callee_fails() {
    let mut hot = retried("service/a", "service/b", 100, 150);
    hot.failed = 10;
    hot.failed_attempts = 40;
    let graph = only(vec![hot, retried("service/a", "service/c", 100, 300)]);
    let edges = cases!(&graph, RetryAmplification, "retry_amplification");
    assert_eq!(edges[0].callee, "service/c");
    assert_eq!(
        (edges[0].attempts_per_call, edges[0].attempts_while_failing),
        (3.0, None)
    );
    assert_eq!(
        (edges[1].attempts_per_call, edges[1].attempts_while_failing),
        (1.5, Some(4.0))
    );
    let found = of(&graph, "retry_amplification");
    assert_eq!((found.part, found.whole), (250, 450));
    // Both edges start at one caller: nothing multiplies.
    assert!(!rules(&graph).contains(&"retry_path"));
}

#[test]
fn retries_on_top_of_retries_multiply_along_the_worst_path() {
    let graph = only(vec![
        edge("service/web", "service/a", 100),
        retried("service/a", "service/b", 100, 200),
        edge("service/b", "service/c", 100),
        retried("service/c", "database/db", 100, 300),
        retried("service/x", "database/db", 100, 400),
    ]);
    let paths = cases!(&graph, RetryPath, "retry_path");
    assert_eq!(paths.len(), 1, "{paths:?}");
    let path = &paths[0];
    assert_eq!(
        (path.destination.as_str(), path.attempts),
        ("database/db", 6.0)
    );
    assert!(!path.may_be_more);
    let steps: Vec<(&str, f64)> = path
        .steps
        .listed
        .iter()
        .map(|step| (step.caller.as_str(), step.attempts))
        .collect();
    assert_eq!(
        steps,
        [("service/a", 2.0), ("service/b", 1.0), ("service/c", 3.0)]
    );
    let found = of(&graph, "retry_path");
    assert_eq!((found.part, found.whole, found.more), (1, 4, 0));
}

#[test]
fn a_circle_above_a_path_is_cut_and_said_so() {
    let graph = only(vec![
        retried("service/a", "service/b", 100, 200),
        retried("service/b", "service/a", 10, 30),
        retried("service/b", "service/c", 100, 200),
    ]);
    let paths = cases!(&graph, RetryPath, "retry_path");
    assert_eq!((paths[0].attempts, paths[0].may_be_more), (4.0, true));
}

#[test]
fn a_long_path_keeps_its_end() {
    let id = |number: usize| format!("service/{number:03}");
    let edges = (0..200).map(|number| retried(&id(number), &id(number + 1), 100, 200));
    let graph = only(edges.collect());
    let found = of(&graph, "retry_path");
    assert_eq!((found.part, found.more), (199, 99));
    let paths = cases!(&graph, RetryPath, "retry_path");
    assert_eq!(paths.len(), 100);
    // Beyond the ceiling of the multiplier more layers make no difference.
    assert_eq!(paths[0].attempts, 1e9);
    let steps = &paths[0].steps;
    assert_eq!(steps.listed.len(), 10);
    assert_eq!(steps.listed[9].callee, paths[0].destination);
}

#[test]
fn circles_are_made_of_synchronous_calls_to_others() {
    let mut message = edge("service/c", "service/d", 50);
    message.relation = Relation::Async;
    let graph = only(vec![
        edge("service/a", "service/b", 100),
        edge("service/b", "service/c", 90),
        edge("service/c", "service/a", 7),
        edge("service/d", "service/c", 50),
        edge("service/e", "service/e", 3),
        message,
    ]);
    assert_eq!(rules(&graph), ["sync_cycle", "self_calls"]);
    let cycles = cases!(&graph, SyncCycle, "sync_cycle");
    assert_eq!(cycles.len(), 1);
    assert_eq!(
        cycles[0].services.listed,
        ["service/a", "service/b", "service/c"]
    );
    assert_eq!((cycles[0].edges, cycles[0].calls), (3, 197));
    let weakest = &cycles[0].weakest.listed;
    assert_eq!(weakest.len(), 1);
    assert_eq!(
        (weakest[0].caller.as_str(), weakest[0].calls),
        ("service/c", 7)
    );
    let found = of(&graph, "sync_cycle");
    assert_eq!((found.part, found.whole), (197, 250));
    let own = cases!(&graph, SelfCalls, "self_calls");
    assert_eq!((own[0].name.as_str(), own[0].count), ("service/e", 3));
}

#[test]
fn zones_are_told_with_how_many_are_known() {
    let mut zoned = edge("service/a", "service/b", 100);
    let count = |pairs: &[(&str, u64)]| -> BTreeMap<String, u64> {
        pairs
            .iter()
            .map(|(zone, count)| ((*zone).to_owned(), *count))
            .collect()
    };
    zoned.facts.zone_pairs = BTreeMap::from([
        (
            "z1".to_owned(),
            count(&[("z1", 10), ("z2", 30), ("unknown", 5)]),
        ),
        ("unknown".to_owned(), count(&[("unknown", 7), ("z2", 3)])),
    ]);
    let graph = only(vec![
        zoned,
        edge("service/a", "service/c", 60),
        edge("service/a", "database/db", 60),
    ]);
    let zones = report(&graph).locality.zones;
    assert_eq!((zones.total, zones.known, zones.crossing), (160, 40, 30));
    let found = of(&graph, "cross_zone");
    assert_eq!(
        (found.part, found.whole, found.severity),
        (30, 40, Severity::Info)
    );
    let edges = cases!(&graph, CrossZone, "cross_zone");
    assert_eq!(
        (edges[0].crossing, edges[0].known, edges[0].attempts),
        (30, 40, 100)
    );
    let pair = &edges[0].pairs.listed[0];
    assert_eq!(
        (pair.from.as_str(), pair.to.as_str(), pair.attempts),
        ("z1", "z2", 30)
    );
}

#[test]
fn clusters_count_only_for_services_that_run_in_one() {
    let mut graph = only(vec![
        edge("service/a", "service/b", 100),
        edge("service/a", "service/c", 50),
        edge("service/a", "service/d", 20),
        edge("service/a", "service/e", 10),
    ]);
    for (id, clusters) in [
        ("service/a", &["east"][..]),
        ("service/b", &["west"]),
        ("service/c", &["east"]),
        ("service/d", &["east", "west"]),
    ] {
        facet(&mut graph, id, "cluster", clusters);
    }
    let clusters = report(&graph).locality.clusters;
    assert_eq!(
        (clusters.total, clusters.known, clusters.crossing),
        (180, 150, 100)
    );
    let edges = cases!(&graph, CrossCluster, "cross_cluster");
    assert_eq!(edges.len(), 1);
    assert_eq!(
        (edges[0].from.as_str(), edges[0].to.as_str()),
        ("east", "west")
    );
}

#[test]
fn a_wide_gap_comes_before_everything() {
    let gap = |spans, unresolved| {
        let mut service = service("service/a", &[("client", spans)]);
        service.unresolved = unresolved;
        service
    };
    let failing = dead("service/a", "external/gone:80", 30, "503");
    let narrow = snapshot(vec![gap(100, 20)], vec![failing.clone()]);
    assert_eq!(rules(&narrow), ["unreachable_host", "unresolved_calls"]);
    let mut wide = snapshot(vec![gap(100, 30)], vec![failing]);
    assert_eq!(rules(&wide), ["unresolved_calls", "unreachable_host"]);
    wide.diagnostics.dropped = BTreeMap::from([("open_records".to_owned(), 200)]);
    assert_eq!(rules(&wide)[0], "spans_lost");
    wide.diagnostics.counters = BTreeMap::from([
        ("slices_closed_early".to_owned(), 2),
        ("names_folded".to_owned(), 1),
    ]);
    assert_eq!(rules(&wide)[0], "traces_cut");
    let bounds = bounds_reached(&wide);
    let bounds: Vec<&str> = bounds.iter().map(|finding| finding.cases.rule()).collect();
    assert_eq!(bounds, ["traces_cut", "names_folded"]);
}

#[test]
fn everything_of_one_rule_is_counted_and_the_worst_are_listed() {
    let edges = (0..250_u64).map(|number| {
        let mut failing = edge("service/a", &format!("service/{number:03}"), 1_000);
        failing.failed = 100 + number;
        failing
    });
    let graph = only(edges.collect());
    let found = of(&graph, "failing_edge");
    assert_eq!(
        (found.part, found.whole, found.more),
        (56_125, 250_000, 150)
    );
    let edges = cases!(&graph, FailingEdge, "failing_edge");
    assert_eq!(
        (edges.len(), edges[0].failed, edges[99].failed),
        (100, 349, 250)
    );
}
