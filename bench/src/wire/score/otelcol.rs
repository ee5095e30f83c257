//! The graph of the OpenTelemetry Collector's service graph connector, from the metrics that it writes.
//!
//! Its nodes are bare service names, names of databases, and values of the peer attributes that it was told to use. Whatever a name
//! can mean, it is taken to mean.

use std::collections::BTreeMap;

use tracemesh_generator::truth::{NodeIndex, Relation};
use tracemesh_generator::world::World;

use super::Claim;
use crate::wire::metrics::Sample;

/// What the connector calls a peer that no attribute names.
const UNKNOWN: &str = "unknown";

/// What it calls whoever calls from outside.
const OUTSIDE: &str = "user";

/// The edges of a page of metrics, and how many of them lead to something unknown.
#[must_use]
pub fn claims(world: &World, samples: &[Sample]) -> (Vec<Claim>, u64) {
    let mut edges: BTreeMap<(&str, &str, &str), f64> = BTreeMap::new();
    for sample in samples {
        if sample.name == "traces_service_graph_request_total" {
            let ends = (sample.label("client"), sample.label("server"));
            let key = (ends.0, ends.1, sample.label("connection_type"));
            *edges.entry(key).or_default() += sample.value;
        }
    }
    let mut claims = Vec::new();
    let mut unnamed = 0;
    for ((client, server, connection), attempts) in edges {
        if server == UNKNOWN {
            unnamed += 1;
            continue;
        }
        let is_entry = client == OUTSIDE && connection == "virtual_node";
        claims.push(Claim {
            callers: match is_entry {
                true => Vec::new(),
                false => services(world, client),
            },
            callees: match connection {
                "" | "messaging_system" => services(world, server),
                "database" => databases(world, server),
                _ => peers(world, server),
            },
            relation: match connection {
                "messaging_system" => Relation::Async,
                _ => Relation::Sync,
            },
            attempts,
            text: format!("{client} -> {server} [{connection}]"),
        });
    }
    (claims, unnamed)
}

/// All that send this service name.
fn services(world: &World, name: &str) -> Vec<NodeIndex> {
    let resources = world.resources.iter();
    let named = resources.enumerate().filter(|(_, resource)| {
        let mut attributes = resource.attributes.iter();
        attributes.any(|(key, value)| *key == "service.name" && value == name)
    });
    let mut nodes: Vec<NodeIndex> = named.map(|(at, _)| world.node_of(at)).collect();
    nodes.dedup();
    nodes
}

/// Those of a system of this name; all of them for the name of a database, which every one of them has.
fn databases(world: &World, name: &str) -> Vec<NodeIndex> {
    let of_system: Vec<NodeIndex> = world
        .stores
        .iter()
        .filter(|store| store.systems.contains(&name))
        .map(|store| store.node)
        .collect();
    if of_system.is_empty() {
        return world.stores.iter().map(|store| store.node).collect();
    }
    of_system
}

/// Whoever stands behind a host, has this name, or is a database of this system.
fn peers(world: &World, name: &str) -> Vec<NodeIndex> {
    let mut nodes: Vec<NodeIndex> = world.behind("", name).collect();
    if nodes.is_empty() {
        nodes = services(world, name);
    }
    if nodes.is_empty() {
        let stores = world.stores.iter();
        let of_system = stores.filter(|store| store.systems.contains(&name));
        nodes = of_system.map(|store| store.node).collect();
    }
    nodes
}
