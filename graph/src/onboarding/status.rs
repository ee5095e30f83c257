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
use super::outcome::Contradiction;
use crate::inventory::Inventory;
use crate::policy::Policy;
use crate::snapshot::GraphSnapshot;

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
#[must_use]
pub fn statuses(_sources: &StatusSources<'_>) -> Statuses {
    Statuses::default()
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
}
