//! The recorded shop against its own ground truth, edge by edge and call by call.
//!
//! `fixtures/shop/truth/calls.json` was written by the services themselves while they ran; no line of it comes from a
//! trace. What the graph says must be exactly what the services did, but for what their spans cannot tell, which is
//! listed in `shop/compare.rs` by name and reason.

pub(crate) mod compare;
mod conventions;
pub(crate) mod truth;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use tracemesh_graph::snapshot::{GraphSnapshot, NodeKind};

use crate::harness::{root, tracemesh_in};
use compare::{MIXED, edges, faults};
use truth::{TrueEdge, TrueService, Truth};

fn recording() -> PathBuf {
    root().join("fixtures/shop")
}

fn shop_graph() -> GraphSnapshot {
    let arguments = ["graph", "--traces", "fixtures/shop", "--format", "json"];
    let run = tracemesh_in(root(), &arguments, b"").expect_code(0);
    serde_json::from_str(&run.stdout).expect("the graph is a snapshot")
}

#[test]
fn the_recorded_shop_gives_exactly_the_graph_that_its_services_wrote_down() {
    let faults = faults(&Truth::of(&recording()), &shop_graph(), MIXED);
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn the_services_of_the_recorded_shop_are_found_with_instances_zones_and_entries() {
    let truth = Truth::of(&recording());
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
    let truth = Truth::of(&recording());
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
    let truth = Truth::of(&recording());
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
