//! The recorded shop: what real SDKs in four languages sent becomes egress that recognises what was really dialled.
//!
//! `truth/calls.json` has the addresses as the services themselves logged them, and what the names resolve to.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use tracemesh_collector::input::Input;
use tracemesh_collector::replay::replay;
use tracemesh_graph::egress::{
    Destination, DestinationKind, EgressModel, EgressOptions, EgressTarget, TargetMatch,
    UnresolvedReason, derive,
};
use tracemesh_graph::settings::Settings;
use tracemesh_graph::snapshot::GraphSnapshot;

use super::validate::assert_valid;
use crate::harness::envoy::envoy;

#[derive(Deserialize)]
struct Truth {
    edges: Vec<TrueEdge>,
    names: BTreeMap<String, Vec<IpAddr>>,
}

#[derive(Deserialize)]
struct TrueEdge {
    caller: String,
    callee: String,
    kind: String,
    targets: Vec<TrueTarget>,
}

#[derive(Deserialize)]
struct TrueTarget {
    host: String,
    port: u16,
}

/// Two hosts that do not run: nothing ever answered there.
const DEAD: [&str; 2] = ["payments/archive", "shop/wishlist"];

fn shop() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures/shop")
}

pub(super) fn snapshot() -> GraphSnapshot {
    let files = [
        "go.pb4.gz",
        "java.jsonl.zst",
        "node.jsonl.gz",
        "python.pb.zst",
        "reconciler.pb",
    ];
    let inputs = files.map(|file| Input::Path(shop().join(file)));
    let settings = Settings::default();
    let replayed = replay(&inputs, &settings, &mut |_| {}).unwrap();
    replayed.segment.snapshot(&settings)
}

fn truth() -> Truth {
    let text = std::fs::read_to_string(shop().join("truth/calls.json")).unwrap();
    serde_json::from_str(&text).unwrap()
}

#[test]
fn every_address_that_was_dialled_is_recognised() {
    // The recording was made on one machine.
    let options = EgressOptions {
        accept_loopback: true,
        ..EgressOptions::default()
    };
    let model = derive(&snapshot(), &options);
    let truth = truth();
    let mut recognised = 0;
    for edge in truth.edges.iter().filter(|edge| edge.kind != "message") {
        let caller = format!("service/{}", edge.caller);
        for target in &edge.targets {
            let addresses = truth.names.get(&target.host).map_or(&[][..], Vec::as_slice);
            let found = recognise(&model, &caller, target, addresses);
            let what = format!(
                "{caller} -> {} at {}:{}",
                edge.callee, target.host, target.port
            );
            if DEAD.contains(&edge.callee.as_str()) {
                assert!(found.is_none(), "{what}");
                assert_suspect(&model, &caller, &target.host);
                continue;
            }
            let found = found.unwrap_or_else(|| panic!("not recognised: {what}"));
            if edge.kind == "service" {
                assert_eq!(found.node, format!("service/{}", edge.callee), "{what}");
            }
            recognised += 1;
        }
    }
    assert_eq!(recognised, 28);
    assert_nothing_else(&model, &truth);
}

/// Between services, the egress has no edge that was not called.
fn assert_nothing_else(model: &EgressModel, truth: &Truth) {
    let edges = truth.edges.iter();
    let called: BTreeSet<(String, String)> = edges
        .map(|edge| {
            (
                format!("service/{}", edge.caller),
                format!("service/{}", edge.callee),
            )
        })
        .collect();
    for service in &model.services {
        for destination in &service.destinations {
            let edge = (service.id.clone(), destination.node.clone());
            let is_false = destination.kind == DestinationKind::Mesh && !called.contains(&edge);
            assert!(!is_false, "{edge:?} never happened");
        }
    }
}

/// The destination that a sidecar would take a connection for.
fn recognise<'a>(
    model: &'a EgressModel,
    caller: &str,
    dialled: &TrueTarget,
    addresses: &[IpAddr],
) -> Option<&'a Destination> {
    let service = model.services.iter().find(|service| service.id == caller)?;
    service.destinations.iter().find(|destination| {
        let mut on_port = destination
            .targets
            .iter()
            .filter(|target| target.port == dialled.port);
        on_port.any(|target| matches(target, &dialled.host, addresses))
    })
}

fn matches(target: &EgressTarget, host: &str, addresses: &[IpAddr]) -> bool {
    let by_address = target
        .host
        .parse()
        .is_ok_and(|literal: IpAddr| addresses.contains(&literal));
    match &target.matches {
        TargetMatch::Authority(names) | TargetMatch::Sni(names) => {
            by_address || names.iter().any(|name| name == host)
        }
        TargetMatch::Addresses(ips) => ips.iter().any(|ip| addresses.contains(ip)),
        TargetMatch::WholePort => true,
    }
}

fn assert_suspect(model: &EgressModel, caller: &str, host: &str) {
    let listed = model
        .services
        .iter()
        .filter(|service| service.id == caller)
        .flat_map(|service| &service.unresolved)
        .filter(|unresolved| unresolved.reason == UnresolvedReason::Suspect)
        .any(|unresolved| unresolved.targets.iter().any(|target| target.host == host));
    assert!(listed, "{caller} -> {host} is not listed as suspect");
}

#[test]
fn the_recorded_shop_is_valid() {
    let Some(envoy) = envoy() else { return };
    assert_eq!(assert_valid(envoy, &snapshot()), 18);
}
