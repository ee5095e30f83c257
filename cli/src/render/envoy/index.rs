//! `index.json`: which directory belongs to which service, and what is in it (`tracemesh.envoy-index/v1`).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use tracemesh_graph::egress::{EgressKnowledge, ServiceEgress};

use super::plan::ServicePlan;

/// The index; its JSON is a public format.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Index {
    schema: Schema,
    phase: Phase,
    /// Service node id -> its entry.
    pub(crate) services: BTreeMap<String, IndexEntry>,
}

#[derive(Debug, Serialize, Deserialize)]
enum Schema {
    #[serde(rename = "tracemesh.envoy-index/v1")]
    V1,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Phase {
    Transparent,
}

/// Place of a service's files in their life.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum FileState {
    /// The service was in the graph of the last run that could tell.
    #[default]
    Active,
    /// It was not. The files stay until a person removes them.
    ProposedRemoval,
}

/// One service of the index.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct IndexEntry {
    #[serde(default)]
    pub(crate) state: FileState,
    pub(crate) directory: String,
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
            state: FileState::Active,
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

impl Index {
    pub(super) const fn new(services: BTreeMap<String, IndexEntry>) -> Self {
        Self {
            schema: Schema::V1,
            phase: Phase::Transparent,
            services,
        }
    }
}

/// Indented JSON with a final newline.
pub(crate) fn json(value: &impl Serialize) -> String {
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
