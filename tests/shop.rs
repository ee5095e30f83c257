//! The recorded shop against its own ground truth, edge by edge and call by call.
//!
//! `fixtures/shop/truth/calls.json` was written by the services themselves while they ran; no line of it comes from a
//! trace. What the graph says must be exactly what the services did, but for what their spans cannot tell, which is
//! listed here by name and reason.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use serde::Deserialize;
use tracemesh_graph::snapshot::{Edge, GraphSnapshot, NodeKind, Relation};

use crate::harness::{root, tracemesh_in};

/// Retried by plain sibling spans: nothing in the spans tells such a retry from a further call (inference rule 1.10).
const RETRIES_LOOK_LIKE_CALLS: [(&str, &str); 1] = [("shop/frontend", "shop/ads")];

/// The Python gRPC client names no address at all.
const CLIENT_NAMES_NO_ADDRESS: [(&str, &str); 1] = [("shop/recommendation", "shop/catalog")];

/// The Go gRPC client names the address that the name resolved to.
const CLIENT_NAMES_RESOLVED_IP: [(&str, &str); 1] = [("shop/shipping", "payments/tax")];

/// Declares its exchange once, in a span of its own: a dial of the broker that moves no message.
const FURTHER_BROKER_DIALS: [(&str, &str, u64); 1] = [("shop/checkout", "rabbitmq", 1)];

#[derive(Debug, Deserialize)]
struct Truth {
    services: Vec<TrueService>,
    edges: Vec<TrueEdge>,
    messages: Vec<TrueMessages>,
    names: BTreeMap<String, Vec<String>>,
}

#[derive(Debug, Deserialize)]
struct TrueService {
    name: String,
    namespace: String,
    instrumented: bool,
    instances: u64,
    zones: BTreeSet<String>,
    entry_calls: u64,
}

#[derive(Debug, Deserialize)]
struct TrueEdge {
    caller: String,
    callee: String,
    kind: String,
    relation: String,
    system: Option<String>,
    destination: Option<String>,
    targets: Vec<TrueTarget>,
    calls: u64,
    attempts: u64,
    failed: u64,
    failed_attempts: u64,
}

#[derive(Debug, Deserialize)]
struct TrueTarget {
    host: String,
    port: u16,
}

#[derive(Debug, Deserialize)]
struct TrueMessages {
    system: String,
    role: String,
    service: String,
    messages: u64,
}

impl TrueEdge {
    fn is_among(&self, exceptions: &[(&str, &str)]) -> bool {
        exceptions.contains(&(self.caller.as_str(), self.callee.as_str()))
    }

    /// The node id that the graph must have given the callee.
    fn callee_id(&self) -> String {
        let target = |target: &TrueTarget| {
            let host = target.host.trim_end_matches(".cluster.local");
            format!("{}:{}", host.trim_end_matches(".svc"), target.port)
        };
        match (self.kind.as_str(), self.targets.first()) {
            ("service" | "message", _) => format!("service/{}", self.callee),
            ("database", Some(first)) => {
                let system = self.system.as_deref().expect("a database has a system");
                format!("database/{system}@{}", target(first))
            }
            ("external", Some(first)) => format!("external/{}", target(first)),
            other => unreachable!("unknown kind of callee: {other:?}"),
        }
    }

    fn relation(&self) -> Relation {
        match self.relation.as_str() {
            "sync" => Relation::Sync,
            "async" => Relation::Async,
            other => unreachable!("unknown relation `{other}`"),
        }
    }
}

fn truth() -> Truth {
    let path = root().join("fixtures/shop/truth/calls.json");
    let text = fs::read_to_string(path).expect("the ground truth is readable");
    serde_json::from_str(&text).expect("the ground truth has the documented shape")
}

fn shop_graph() -> GraphSnapshot {
    let arguments = ["graph", "--traces", "fixtures/shop", "--format", "json"];
    let run = tracemesh_in(root(), &arguments, b"").expect_code(0);
    serde_json::from_str(&run.stdout).expect("the graph is a snapshot")
}

type EdgeMap<'a> = BTreeMap<(String, String, Relation), &'a Edge>;

fn edges(graph: &GraphSnapshot) -> EdgeMap<'_> {
    let key = |edge: &Edge| (edge.caller.clone(), edge.callee.clone(), edge.relation);
    graph.edges.iter().map(|edge| (key(edge), edge)).collect()
}

fn take<'a>(
    found: &mut EdgeMap<'a>,
    caller: &str,
    callee: &str,
    relation: Relation,
) -> Option<&'a Edge> {
    found.remove(&(caller.to_owned(), callee.to_owned(), relation))
}

#[test]
fn the_recorded_shop_gives_exactly_the_graph_that_its_services_wrote_down() {
    let truth = truth();
    let graph = shop_graph();
    let mut found = edges(&graph);
    let mut faults = Vec::new();
    let mut flows: BTreeMap<(String, String), (u64, BTreeMap<String, u64>)> = BTreeMap::new();
    for edge in &truth.edges {
        if edge.kind == "message" {
            // One edge of the graph carries all destinations between two services.
            let flow = flows
                .entry((edge.caller.clone(), edge.callee.clone()))
                .or_default();
            flow.0 += edge.calls;
            let destination = edge.destination.clone().unwrap_or_default();
            *flow.1.entry(destination).or_default() += edge.calls;
            continue;
        }
        let (caller, callee) = (format!("service/{}", edge.caller), edge.callee_id());
        match take(&mut found, &caller, &callee, edge.relation()) {
            Some(inferred) => compare_call_edge(edge, inferred, &truth, &mut faults),
            None => faults.push(format!("missing {caller} -> {callee}")),
        }
    }
    for ((caller, callee), (calls, _)) in &flows {
        let (caller, callee) = (format!("service/{caller}"), format!("service/{callee}"));
        match take(&mut found, &caller, &callee, Relation::Async) {
            Some(inferred) if inferred.calls == *calls && inferred.failed == 0 => {}
            inferred => faults.push(format!("{caller} => {callee}: {calls}, not {inferred:?}")),
        }
    }
    compare_broker_edges(&truth, &mut found, &mut faults);
    for key in found.keys() {
        faults.push(format!("invented {key:?}"));
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

fn compare_call_edge(edge: &TrueEdge, inferred: &Edge, truth: &Truth, faults: &mut Vec<String>) {
    let wanted = if edge.is_among(&RETRIES_LOOK_LIKE_CALLS) {
        [
            edge.attempts,
            edge.attempts,
            edge.failed_attempts,
            edge.failed_attempts,
        ]
    } else {
        [edge.calls, edge.attempts, edge.failed, edge.failed_attempts]
    };
    let got = [
        inferred.calls,
        inferred.attempts,
        inferred.failed,
        inferred.failed_attempts,
    ];
    let name = format!("{} -> {}", edge.caller, edge.callee);
    if got != wanted {
        faults.push(format!(
            "{name}: calls, attempts, failed, failed attempts {wanted:?}, not {got:?}"
        ));
    }
    let is_paired = inferred.evidence.paired == inferred.calls;
    if (edge.kind == "service") != is_paired {
        faults.push(format!("{name}: evidence {:?}", inferred.evidence));
    }
    let dialled: BTreeSet<(String, Option<u16>)> = inferred
        .targets
        .iter()
        .map(|target| (target.host.clone(), target.port))
        .collect();
    let mut wanted: BTreeSet<(String, Option<u16>)> = edge
        .targets
        .iter()
        .map(|target| (target.host.clone(), Some(target.port)))
        .collect();
    if edge.is_among(&CLIENT_NAMES_NO_ADDRESS) {
        wanted.clear();
    } else if edge.is_among(&CLIENT_NAMES_RESOLVED_IP) {
        let resolved = |(host, port): (String, _)| (truth.names[&host][0].clone(), port);
        wanted = wanted.into_iter().map(resolved).collect();
    }
    if dialled != wanted {
        faults.push(format!("{name}: dialled {wanted:?}, not {dialled:?}"));
    }
}

/// Each producer and consumer dials its broker, and each message goes in and comes out once per consumer.
fn compare_broker_edges(truth: &Truth, found: &mut EdgeMap<'_>, faults: &mut Vec<String>) {
    let mut moved: BTreeMap<(&str, &str, &str), u64> = BTreeMap::new();
    for messages in &truth.messages {
        let key = (
            messages.service.as_str(),
            messages.system.as_str(),
            messages.role.as_str(),
        );
        *moved.entry(key).or_default() += messages.messages;
    }
    let mut dials: BTreeMap<(&str, &str), u64> = BTreeMap::new();
    for ((service, system, role), messages) in moved {
        let (service_id, broker) = (format!("service/{service}"), broker(system));
        let (from, to) = match role {
            "producer" => (service_id.as_str(), broker),
            _ => (broker, service_id.as_str()),
        };
        match take(found, from, to, Relation::Async) {
            Some(leg) if leg.calls == messages => {}
            leg => faults.push(format!("{from} => {to}: {messages} messages, not {leg:?}")),
        }
        *dials.entry((service, system)).or_default() += messages;
    }
    for (service, system, further) in FURTHER_BROKER_DIALS {
        *dials.entry((service, system)).or_default() += further;
    }
    for ((service, system), calls) in dials {
        let service_id = format!("service/{service}");
        match take(found, &service_id, broker(system), Relation::Sync) {
            Some(dial) if dial.calls == calls => {}
            dial => faults.push(format!(
                "{service_id} dials {system}: {calls}, not {dial:?}"
            )),
        }
    }
}

fn broker(system: &str) -> &'static str {
    match system {
        "kafka" => "broker/kafka@kafka.shop:9092",
        "rabbitmq" => "broker/rabbitmq@rabbitmq.shop:5672",
        other => unreachable!("no broker of the shop speaks `{other}`"),
    }
}

#[test]
fn the_services_of_the_recorded_shop_are_found_with_instances_zones_and_entries() {
    let truth = truth();
    let graph = shop_graph();
    let mut services: BTreeMap<String, _> = graph
        .nodes
        .iter()
        .filter(|node| node.kind == NodeKind::Service)
        .map(|node| (node.id.clone(), node))
        .collect();
    for service in &truth.services {
        let id = format!("service/{}/{}", service.namespace, service.name);
        let node = services.remove(&id);
        assert_eq!(node.is_some(), service.instrumented, "{id}");
        let Some(node) = node else { continue };
        let zones: BTreeSet<String> = node.facets["zone"].keys().cloned().collect();
        assert_eq!(zones, service.zones, "{id}");
        assert_eq!(node.instances, service.instances, "{id}");
        assert_eq!(node.entry_calls, service.entry_calls, "{id}");
        assert_eq!(node.environment, "prod", "{id}");
    }
    assert_eq!(services.keys().collect::<Vec<_>>(), Vec::<&String>::new());
    let diagnostics = &graph.diagnostics;
    assert_eq!(diagnostics.spans, diagnostics.used);
    for service in &diagnostics.per_service {
        assert_eq!(
            service.orphans + service.unresolved + service.unresolved_links,
            0,
            "{service:?}"
        );
    }
}

#[test]
fn the_facts_for_planning_agree_with_what_the_services_of_the_recorded_shop_wrote_down() {
    let truth = truth();
    let graph = shop_graph();
    let services: BTreeMap<String, &TrueService> = truth
        .services
        .iter()
        .map(|service| (format!("{}/{}", service.namespace, service.name), service))
        .collect();
    let found = edges(&graph);
    for edge in truth.edges.iter().filter(|edge| edge.kind == "service") {
        let ids = [&edge.caller, &edge.callee].map(|name| format!("service/{name}"));
        let [caller, callee] = [&edge.caller, &edge.callee].map(|name| services[name]);
        let key = (ids[0].clone(), ids[1].clone(), edge.relation());
        let inferred = found[&key];
        let facts = &inferred.facts;
        let zones = facts.zone_pairs.iter().flat_map(|(from, to)| {
            assert!(caller.zones.contains(from), "{key:?}: {from}");
            assert!(to.keys().all(|zone| callee.zones.contains(zone)), "{key:?}");
            to.values()
        });
        assert_eq!(zones.sum::<u64>(), edge.attempts, "{key:?}: zone pairs");
        let methods = facts.methods.values().sum::<u64>();
        assert_eq!(methods, edge.attempts, "{key:?}: methods");
        assert!(
            facts.routes.values().sum::<u64>() <= edge.attempts,
            "{key:?}"
        );
        let instances = (facts.caller_instances, facts.callee_instances);
        let all = (caller.instances, callee.instances);
        assert_eq!(instances, all, "{key:?}: every instance takes part");
        let asking = facts.caller_requests.expect("services have spans");
        let requests = graph.node(&ids[0]).expect("a caller is a node").requests;
        assert!(
            0 < asking && asking <= inferred.calls.min(requests),
            "{key:?}"
        );
    }
    let traces = |id: &str| graph.node(id).expect("a node of the shop").traces;
    let gateway = services["shop/gateway"];
    assert_eq!(traces("service/shop/gateway").rooted, gateway.entry_calls);
    assert_eq!(graph.traces.seen, graph.traces.rooted);
}

#[test]
fn the_one_call_that_leaves_the_cluster_and_comes_back_is_marked() {
    let graph = shop_graph();
    let hairpins: Vec<(&str, &str, u64)> = graph
        .edges
        .iter()
        .filter_map(|edge| {
            let calls = edge.flags.get("hairpin")?;
            assert_eq!(*calls, edge.calls, "every call of the edge is one");
            Some((edge.caller.as_str(), edge.callee.as_str(), *calls))
        })
        .collect();
    let dialled = |edge: &TrueEdge| edge.targets.iter().any(|t| t.host == "shop.example.com");
    let truth = truth();
    let public = truth.edges.iter().find(|edge| dialled(edge));
    let calls = public.expect("the shop dials its public name").calls;
    assert_eq!(
        hairpins,
        [("service/shop/recommendation", "service/shop/gateway", calls)]
    );
}

#[test]
fn the_graph_of_the_recorded_shop_does_not_depend_on_how_its_files_are_named_or_ordered() {
    let files = [
        "reconciler.pb",
        "python.pb.zst",
        "node.jsonl.gz",
        "java.jsonl.zst",
        "go.pb4.gz",
    ];
    let paths = files.map(|file| format!("fixtures/shop/{file}"));
    let run = |paths: &[String]| {
        let mut arguments = vec!["graph", "--format", "json", "--traces"];
        arguments.extend(paths.iter().map(String::as_str));
        tracemesh_in(root(), &arguments, b"").expect_code(0).stdout
    };
    let forwards = run(&paths);
    let backwards: Vec<String> = paths.iter().rev().cloned().collect();
    assert!(forwards == run(&backwards), "the bytes differ");
}
