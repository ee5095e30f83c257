//! Where each service stands: what people, the cluster and spans say, put together.
//!
//! ```text
//! status file > policy (excluded) > inventory (labels, containers) > sidecar spans -> Statuses -> PlanOptions
//!                                                                                \-> contradictions
//! ```
//! The first source that knows wins; whoever disagrees with it is told. Nothing is guessed: a service that nobody knows of is
//! pending.

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use super::input::Status;
use super::options::PlanOptions;
use super::outcome::{Contradiction, Plan};
use crate::inventory::Inventory;
use crate::policy::Policy;
use crate::policy::onboarding::{Exclusion, Services};
use crate::snapshot::{GraphSnapshot, Node};

mod cluster;
mod opinion;
mod spans;
#[cfg(test)]
mod tests;
mod told;

use cluster::Cluster;
use opinion::Opinion;
use told::ToldByService;

/// What people say about the status of services. Read by the CLI; the format is `docs/schemas/onboarding-status.json`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct StatusFile {
    /// Waves that were carried out, when said.
    pub waves_done: Option<u32>,
    /// Services, in the order of the file.
    pub services: Vec<ToldStatus>,
}

/// What people say about one service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ToldStatus {
    /// Node id, `namespace/name`, or name.
    pub service: String,
    /// Where it stands.
    pub status: Told,
    /// Wave in which it joined.
    pub wave: Option<u32>,
    /// Day since when it stands there.
    pub since: Option<Date>,
    /// Why.
    pub reason: Option<String>,
    /// Line in the file, for messages.
    pub line: usize,
}

/// A word of the status file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Told {
    /// In the mesh.
    Done,
    /// Not yet.
    Pending,
    /// Will not join.
    Excluded,
    /// Was in the mesh, and is not any more.
    RolledBack,
}

/// Everything that says something about status.
#[derive(Debug, Clone, Copy)]
pub struct StatusSources<'a> {
    /// The graph, whose sidecar spans count.
    pub snapshot: &'a GraphSnapshot,
    /// Exclusions, labels of sidecars.
    pub policy: &'a Policy,
    /// The status file.
    pub file: Option<&'a StatusFile>,
    /// The cluster.
    pub inventory: Option<&'a Inventory>,
}

/// Where every service stands.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Statuses {
    /// By node id; every service of the graph.
    pub services: BTreeMap<String, Standing>,
    /// Sources that disagree, by service.
    pub contradictions: Vec<Contradiction>,
    /// Entries of the status file that mean no service of the graph, or several: line and what is wrong, in words.
    pub unmatched: Vec<(usize, String)>,
    /// Waves that were carried out: as the status file says, else the latest wave of a service that is or was done.
    pub waves_done: Option<u32>,
    /// Services that were in the mesh and are not any more.
    pub rolled_back: BTreeSet<String>,
}

/// Where one service stands, and who says so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// Where.
    pub status: Status,
    /// Who says so; nobody when it is only taken for pending.
    pub source: Option<StatusSource>,
    /// Wave in which it joined.
    pub wave: Option<u32>,
    /// Day since when.
    pub since: Option<Date>,
    /// Why.
    pub reason: Option<String>,
}

/// Who says where a service stands, best known first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StatusSource {
    /// People, in the status file.
    File,
    /// People, in the policy.
    Policy,
    /// The cluster.
    Inventory,
    /// Spans of sidecars.
    Spans,
}

/// Puts together what the sources say.
///
/// The first source in the order of [`StatusSource`] that knows a service decides. Takes time in services plus edges.
#[must_use]
pub fn statuses(sources: &StatusSources<'_>) -> Statuses {
    let services = Services::of(sources.snapshot);
    let nothing = StatusFile::default();
    let file = sources.file.unwrap_or(&nothing);
    let told = ToldByService::new(file, &services);
    let exclusions = sources.policy.onboarding.exclusions(&services);
    let cluster = sources.inventory;
    let cluster = cluster.map(|inventory| Cluster::new(inventory, sources.policy));
    let in_mesh = spans::called_from_mesh(sources.snapshot);
    let mut made = Statuses {
        waves_done: file.waves_done.or_else(|| latest_wave(&told)),
        ..Statuses::default()
    };
    for node in services.iter() {
        let entry = told.entries.get(&node.id).copied();
        let exclusion = exclusions.get(&node.id);
        let mut opinions: Vec<Opinion> = entry.map(told::opinion).into_iter().collect();
        opinions.extend(exclusion.map(|exclusion| excluded(exclusion)));
        opinions.extend(cluster.as_ref().and_then(|cluster| cluster.opinion(node)));
        opinions.extend(spans::opinion(node));
        let status = opinions
            .first()
            .map_or(Status::Pending, |first| first.status);
        if status == Status::Done {
            opinions.extend(spans::absence(node, &in_mesh));
        }
        made.contradictions.extend(contradiction(node, &opinions));
        if entry.is_some_and(|entry| entry.status == Told::RolledBack) {
            made.rolled_back.insert(node.id.clone());
        }
        let reason = match opinions.first().map(|first| first.source) {
            Some(StatusSource::File) => entry.and_then(|entry| entry.reason.clone()),
            Some(StatusSource::Policy) => exclusion.map(ToString::to_string),
            _ => None,
        };
        let standing = Standing {
            status,
            source: opinions.first().map(|first| first.source),
            wave: entry.and_then(|entry| entry.wave),
            since: entry.and_then(|entry| entry.since),
            reason,
        };
        made.services.insert(node.id.clone(), standing);
    }
    made.unmatched = told.unmatched;
    made
}

fn excluded(exclusion: &Exclusion) -> Opinion {
    Opinion {
        source: StatusSource::Policy,
        status: Status::Excluded,
        words: format!("policy: excluded, {exclusion}"),
        is_torn: false,
    }
}

/// Everything that was said about a service, when it does not agree.
fn contradiction(node: &Node, opinions: &[Opinion]) -> Option<Contradiction> {
    let first = opinions.first()?;
    let is_torn = opinions.iter().any(|opinion| opinion.is_torn);
    let disagrees = opinions.iter().any(|opinion| first.disagrees(opinion));
    (is_torn || disagrees).then(|| Contradiction {
        service: node.id.clone(),
        taken: first.status,
        says: opinions
            .iter()
            .map(|opinion| opinion.words.clone())
            .collect(),
    })
}

/// The latest wave of a service that is or was in the mesh.
fn latest_wave(told: &ToldByService<'_>) -> Option<u32> {
    let entries = told.entries.values();
    let were_in = entries.filter(|entry| matches!(entry.status, Told::Done | Told::RolledBack));
    were_in.filter_map(|entry| entry.wave).max()
}

impl Statuses {
    /// Lays the statuses over the facts of a plan, and the waves done over its own unless these are set.
    pub fn apply(&self, options: &mut PlanOptions) {
        for (id, standing) in &self.services {
            options.facts.entry(id.clone()).or_default().status = standing.status;
        }
        if options.waves_done == 0 {
            options.waves_done = self.waves_done.unwrap_or(0);
        }
    }

    /// Says in a plan why its excluded services are, where people told.
    pub fn explain_exclusions(&self, plan: &mut Plan) {
        for service in &mut plan.unplanned {
            let standing = self.services.get(&service.service);
            let excluded = standing.filter(|standing| standing.status == Status::Excluded);
            service.because = excluded.and_then(|standing| standing.reason.clone());
        }
    }
}
