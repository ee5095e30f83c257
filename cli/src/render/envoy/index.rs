//! `index.json`: which directory belongs to which service, and what is in it (`tracemesh.envoy-index/v1`).

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use tracemesh_graph::egress::{
    Absent, DestinationState, EgressKnowledge, Feature, Phase, ServiceEgress, Tuning,
};
use tracemesh_graph::hazards::HazardKind;

use super::inert::{inert, inert_inbound};
use super::plan::ServicePlan;

/// The index; its JSON is a public format.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Index {
    schema: Schema,
    /// Service node id -> its entry.
    pub(crate) services: BTreeMap<String, IndexEntry>,
}

#[derive(Debug, Serialize, Deserialize)]
enum Schema {
    #[serde(rename = "tracemesh.envoy-index/v1")]
    V1,
}

/// Phase of a service over its destinations and its inbound traffic.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum ServicePhase {
    /// All of it is defined and no more.
    Transparent,
    /// All of it has settings.
    Tuned,
    /// Some of it has.
    Mixed,
}

/// Place of a service's files in their life.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum FileState {
    /// The service was in the graph of the last run that could tell, or of one not long before.
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
    /// Number of its generation directory.
    generation: u32,
    phase: ServicePhase,
    /// Of `bootstrap.yaml` and the files of the generation.
    content_sha256: String,
    egress: EgressKnowledge,
    destinations: usize,
    clusters: usize,
    ports: usize,
    inbound_ports: usize,
    unresolved: usize,
    conflicts: usize,
    /// What a sidecar changes for it.
    hazards: Vec<HazardKind>,
    /// Features that are set or could be, and do nothing.
    inert: Vec<IdleFeature>,
    /// Features for which the evidence does not suffice.
    withheld: Vec<IdleFeature>,
    /// Addresses that the model has and the files have not.
    left_out: Vec<String>,
}

/// A feature that does not act, and where.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct IdleFeature {
    feature: Feature,
    reason: String,
    /// Node ids of destinations; that of the service itself stands for its inbound traffic.
    destinations: BTreeSet<String>,
}

impl IndexEntry {
    pub(super) fn new(
        service: &ServiceEgress,
        plan: &ServicePlan<'_>,
        directory: &str,
        content_sha256: String,
    ) -> Self {
        let own = service.id.as_str();
        let clusters = plan.clusters.iter();
        let inert_here = clusters.flat_map(|cluster| {
            let node = cluster.destination.node.as_str();
            inert(plan, cluster).into_iter().map(move |one| (node, one))
        });
        let inert_inbound = inert_inbound(plan).into_iter().map(|one| (own, one));
        let tunings = service
            .destinations
            .iter()
            .map(|destination| (destination.node.as_str(), &destination.tuning))
            .chain([(own, &service.inbound_tuning)]);
        let withheld = tunings.flat_map(|(node, tuning): (&str, &Tuning)| {
            tuning.withheld.iter().map(move |one| (node, one.clone()))
        });
        Self {
            state: match service.state {
                DestinationState::ProposedRemoval => FileState::ProposedRemoval,
                DestinationState::Active | DestinationState::Quiet => FileState::Active,
            },
            directory: directory.to_owned(),
            generation: 0,
            phase: phase(service),
            content_sha256,
            egress: service.knowledge,
            destinations: service.destinations.len(),
            clusters: plan.clusters.len(),
            ports: plan.ports.len(),
            inbound_ports: plan.inbound.len(),
            unresolved: service.unresolved.len(),
            conflicts: service.conflicts.len(),
            hazards: service.hazards.iter().map(|note| note.hazard).collect(),
            inert: by_reason(inert_here.chain(inert_inbound)),
            withheld: by_reason(withheld),
            left_out: plan.left_out.clone(),
        }
    }

    /// The same entry, of a generation.
    pub(super) fn at(mut self, generation: u32) -> Self {
        self.generation = generation;
        self
    }
}

/// Reasons repeat over destinations: each is listed once.
fn by_reason<'a>(all: impl Iterator<Item = (&'a str, Absent)>) -> Vec<IdleFeature> {
    let mut groups: BTreeMap<Absent, BTreeSet<String>> = BTreeMap::new();
    for (node, absent) in all {
        groups.entry(absent).or_default().insert(node.to_owned());
    }
    groups
        .into_iter()
        .map(|(absent, destinations)| IdleFeature {
            feature: absent.feature,
            reason: absent.reason,
            destinations,
        })
        .collect()
}

/// The phase of a service: that of its destinations, and of its inbound traffic where that has settings.
pub(super) fn phase(service: &ServiceEgress) -> ServicePhase {
    let inbound = &service.inbound_tuning;
    let has_inbound = inbound.phase == Phase::Tuned || !inbound.settings.is_empty();
    let phases: BTreeSet<Phase> = service
        .destinations
        .iter()
        .map(|destination| destination.tuning.phase)
        .chain(has_inbound.then_some(inbound.phase))
        .collect();
    match (
        phases.contains(&Phase::Transparent),
        phases.contains(&Phase::Tuned),
    ) {
        (true, true) => ServicePhase::Mixed,
        (false, true) => ServicePhase::Tuned,
        (_, false) => ServicePhase::Transparent,
    }
}

impl Index {
    pub(crate) const fn new(services: BTreeMap<String, IndexEntry>) -> Self {
        Self {
            schema: Schema::V1,
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
