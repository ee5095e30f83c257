//! Mesh retries: on which calls they have to stay off, when they may be switched on, and what they multiply where the caller comes first.
//!
//! Without a retry budget a retry is safe only where the callee can shed. A budget holds retries by itself, so they may be on as soon as
//! the caller is in.

use super::super::options::PlanOptions;
use super::super::outcome::{EdgeRef, Inverted, RetriesOff};
use super::{Explainer, arc_ref, edge_ref, exits_of};

/// Attempts that sidecars make per call where nobody told them otherwise: two retries.
const MESH_ATTEMPTS: f64 = 3.0;

/// The share of calls that the mesh may retry, if there is a limit on it.
pub(in super::super) fn budget(options: &PlanOptions) -> Option<f64> {
    let budget = options.retry_budget;
    budget.filter(|budget| budget.is_finite() && *budget > 0.0)
}

impl Explainer<'_> {
    pub(super) fn budget(&self) -> Option<f64> {
        budget(self.board.problem.options)
    }

    /// Calls on which retries may be switched on after a wave. Those of its members to callees that are in already are not among them:
    /// they start with retries.
    pub(super) fn retries_on(&self, wave: u32, members: &[usize]) -> Vec<EdgeRef> {
        if self.budget().is_some() {
            let unshielded = members.iter().flat_map(|service| self.unshielded(*service));
            return unshielded.collect();
        }
        let arcs = self.model.arcs.iter().enumerate();
        let now = arcs.filter(|(_, arc)| {
            let caller = self.place(arc.caller).wave();
            self.place(arc.callee).wave() == Some(wave) && caller.is_some_and(|c| c < wave)
        });
        now.map(|(number, _)| arc_ref(self.model, number)).collect()
    }

    /// Calls of a service on which the mesh must not retry when it joins.
    pub(super) fn retries_off(&self, number: usize) -> Vec<RetriesOff> {
        if self.budget().is_some() {
            return Vec::new();
        }
        let wave = |callee: &str| {
            let callee = self.model.index(callee)?;
            self.place(callee).wave()
        };
        let unshielded = self.unshielded(number).into_iter();
        unshielded
            .map(|edge| RetriesOff {
                until: wave(&edge.callee),
                callee: edge.callee,
            })
            .collect()
    }

    /// Calls of a service to callees that cannot shed when it joins, by callee.
    fn unshielded(&self, number: usize) -> Vec<EdgeRef> {
        let model = self.model;
        let own = self.place(number).wave().unwrap_or(0);
        let arcs = model.outgoing[number].iter();
        let later = arcs.filter(|arc| !self.place(model.arcs[**arc].callee).by(own));
        let mut edges: Vec<EdgeRef> = later.map(|arc| arc_ref(model, *arc)).collect();
        let exits = exits_of(model, number);
        edges.extend(exits.map(|exit| edge_ref(model, number, &exit.callee, &exit.calls)));
        edges.sort_by(|a, b| a.callee.cmp(&b.callee));
        edges
    }

    /// Calls between services whose caller joins before its callee.
    pub(in super::super) fn inverted(&self, assumed: f64) -> Vec<Inverted> {
        let mesh = self.budget().map_or(MESH_ATTEMPTS, |budget| 1.0 + budget);
        let arcs = self.model.arcs.iter();
        let inverted = arcs.filter_map(|arc| {
            let caller = self.place(arc.caller).wave().filter(|wave| *wave > 0)?;
            let callee = self.place(arc.callee).wave();
            if callee.is_some_and(|callee| callee <= caller) {
                return None;
            }
            let attempts = arc.calls.attempts.unwrap_or(assumed);
            Some(Inverted {
                caller: self.model.ids[arc.caller].clone(),
                callee: self.model.ids[arc.callee].clone(),
                waves: (caller, callee),
                share: self.model.share_of_calls(arc.calls.rate),
                attempts,
                assumed: arc.calls.attempts.is_none(),
                with_mesh_retries: attempts * mesh,
            })
        });
        inverted.collect()
    }
}
