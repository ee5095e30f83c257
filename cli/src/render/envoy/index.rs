//! `index.json`: which directory belongs to which service, and what is in it (`tracemesh.envoy-index/v1`).

use std::collections::BTreeMap;

use serde::Serialize;
use tracemesh_graph::egress::{EgressKnowledge, ServiceEgress};

use super::plan::ServicePlan;

#[derive(Serialize)]
struct Index<'a> {
    schema: &'static str,
    phase: &'static str,
    services: BTreeMap<&'a str, &'a IndexEntry>,
}

/// One service of the index.
#[derive(Serialize)]
pub(super) struct IndexEntry {
    #[serde(skip)]
    id: String,
    directory: String,
    generation: u32,
    content_sha256: String,
    egress: EgressKnowledge,
    destinations: usize,
    clusters: usize,
    ports: usize,
    inbound_ports: usize,
    unresolved: usize,
    conflicts: usize,
    withheld: Vec<String>,
}

impl IndexEntry {
    pub(super) fn new(
        service: &ServiceEgress,
        plan: &ServicePlan,
        directory: &str,
        (generation, content_sha256): (u32, String),
    ) -> Self {
        Self {
            id: service.id.clone(),
            directory: directory.to_owned(),
            generation,
            content_sha256,
            egress: service.knowledge,
            destinations: service.destinations.len(),
            clusters: plan.clusters.len(),
            ports: plan.ports.len(),
            inbound_ports: plan.inbound.len(),
            unresolved: service.unresolved.len(),
            conflicts: service.conflicts.len(),
            withheld: plan.withheld.clone(),
        }
    }
}

/// The text of the index.
pub(super) fn render(entries: &[IndexEntry]) -> String {
    json(&Index {
        schema: "tracemesh.envoy-index/v1",
        phase: "transparent",
        services: entries
            .iter()
            .map(|entry| (entry.id.as_str(), entry))
            .collect(),
    })
}

/// Indented JSON with a final newline.
pub(super) fn json(value: &impl Serialize) -> String {
    let mut text = serde_json::to_string_pretty(value)
        .expect("these types have string keys and no failing serializers");
    text.push('\n');
    text
}

/// The spelling that a unit enum has in JSON.
pub(super) fn spelling(value: &impl Serialize) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(text)) => text,
        _ => unreachable!("only unit enums are spelt"),
    }
}
