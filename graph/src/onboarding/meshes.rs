//! Several meshes: a graph is split into one plan per mesh.
//!
//! ```text
//! PlanInput + Meshes -> [MeshInput] -> plan, one by one -> Plan.mesh
//! ```
//! Services of other meshes become outside ends: calls across meshes count as external, so that only client features at the caller
//! can be switched on. It refuses to plan a service twice, and tells who is in no mesh or in two.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Span;
use jiff::civil::Date;

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
    ///
    /// An edge is in the input of the mesh of its caller and in that of its callee; in each, the other end is outside. An edge between
    /// two nodes that join nothing is in none. What was left out before is told in each.
    #[must_use]
    pub fn split(&self, input: &PlanInput, options: &PlanOptions) -> Vec<MeshInput> {
        let filled = self.meshes.iter().filter(|mesh| {
            let mut services = mesh.services.iter();
            services.any(|id| input.services.contains_key(id))
        });
        filled.map(|mesh| mesh.input(input, options)).collect()
    }
}

impl Mesh {
    fn input(&self, input: &PlanInput, options: &PlanOptions) -> MeshInput {
        let is_own = |id: &str| self.services.contains(id);
        let mut own = PlanInput {
            window: input.window,
            left_out: input.left_out.clone(),
            ..PlanInput::default()
        };
        let services = input.services.iter();
        let services = services.filter(|(id, _)| is_own(id));
        own.services = services
            .map(|(id, known)| (id.clone(), known.clone()))
            .collect();
        let edges = input.edges.iter();
        let edges = edges.filter(|edge| is_own(&edge.caller) || is_own(&edge.callee));
        own.edges = edges.cloned().collect();
        let across = own.edges.iter().filter(|edge| {
            let ends = [&edge.caller, &edge.callee];
            ends.iter().all(|end| input.services.contains_key(*end))
                && !ends.iter().all(|end| is_own(end))
        });
        let across = u64::try_from(across.count()).unwrap_or(u64::MAX);
        if across > 0 {
            let reason = "edge to or from a service of another mesh, taken as one to the outside";
            own.left_out.insert(reason.to_owned(), across);
        }
        let mut options = options.clone();
        options.calendar.start = options.calendar.start.map(|start| {
            let lag = Span::new().try_days(i64::from(self.start_lag_days));
            let later = lag.and_then(|lag| start.checked_add(lag));
            later.unwrap_or(Date::MAX)
        });
        MeshInput {
            name: self.name.clone(),
            input: own,
            options,
        }
    }
}

#[cfg(test)]
mod tests;
