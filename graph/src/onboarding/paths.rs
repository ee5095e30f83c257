//! Paths and cycles of synchronous calls by name, for whoever tells about them: the same graph without cycles, and the same
//! multipliers, that the plan is made from.
//!
//! Here every node counts, because retries storm a database as well. What was not seen is not assumed: a call without
//! observed retries counts one attempt, where the plan assumes more.

use std::collections::BTreeMap;

use super::dag::Dag;
use super::from_snapshot::plan_edge;
use super::input::{PlanEdge, PlanInput, PlanService};
use super::load;
use super::model::Model;
use crate::snapshot::{Edge, GraphSnapshot, Relation};

/// The synchronous calls of a snapshot that somebody answers, indexed.
#[derive(Debug)]
pub(crate) struct CallPaths {
    model: Model,
    dag: Dag,
}

/// Nodes that call each other in a circle.
#[derive(Debug, PartialEq)]
pub(crate) struct Cycle {
    /// Node ids, sorted.
    pub(crate) nodes: Vec<String>,
    /// Caller and callee of every edge between them, self-calls aside.
    pub(crate) edges: Vec<(String, String)>,
    /// Edges without which no circle is left: the lightest, found heavy-first.
    pub(crate) weakest: Vec<(String, String)>,
}

/// Retries that multiply on the way to one destination.
#[derive(Debug, PartialEq)]
pub(crate) struct RetryPath {
    /// Attempts at the destination per call at the start of the path.
    pub(crate) attempts: f64,
    /// Caller, callee and attempts per call, from the first call that is repeated to the destination.
    pub(crate) steps: Vec<(String, String, f64)>,
    /// Whether it may be more, because a circle was cut above.
    pub(crate) is_cut: bool,
}

impl CallPaths {
    /// Indexes the calls; `attempts` says how many one call of an edge makes, and counts at least 1.
    pub(crate) fn new(snapshot: &GraphSnapshot, attempts: impl Fn(&Edge) -> f64) -> Self {
        let is_call = |edge: &&Edge| edge.relation == Relation::Sync && !edge.is_never_answered();
        let edges = snapshot.edges.iter().filter(is_call);
        let edges: Vec<PlanEdge> = edges
            .map(|edge| PlanEdge {
                attempts: Some(attempts(edge)),
                ..plan_edge(edge, None)
            })
            .collect();
        let ends = edges.iter().flat_map(|edge| [&edge.caller, &edge.callee]);
        let services: BTreeMap<String, PlanService> = ends
            .map(|id| (id.clone(), PlanService::unknown()))
            .collect();
        let model = Model::new(&PlanInput {
            services,
            edges,
            ..PlanInput::default()
        });
        let dag = Dag::new(&model);
        Self { model, dag }
    }

    /// Every set of nodes that call each other in a circle, by the first of them. A node that calls itself makes none.
    pub(crate) fn cycles(&self) -> Vec<Cycle> {
        let components = self.dag.components.iter().enumerate();
        let circles = components.filter(|(_, nodes)| nodes.len() > 1);
        let mut circle_of = vec![None; self.model.ids.len()];
        for (circle, nodes) in circles.clone() {
            for node in nodes {
                circle_of[*node] = Some(circle);
            }
        }
        let mut cycles: BTreeMap<usize, Cycle> = circles
            .map(|(circle, nodes)| (circle, Cycle::of(&self.model, nodes)))
            .collect();
        for (number, arc) in self.model.arcs.iter().enumerate() {
            let is_inside = circle_of[arc.caller] == circle_of[arc.callee];
            let circle = circle_of[arc.caller].filter(|_| is_inside && arc.caller != arc.callee);
            if let Some(cycle) = circle.and_then(|circle| cycles.get_mut(&circle)) {
                cycle.edges.push(self.ends(number));
                if !self.dag.kept[number] {
                    cycle.weakest.push(self.ends(number));
                }
            }
        }
        let mut cycles: Vec<Cycle> = cycles.into_values().collect();
        cycles.sort_by(|a, b| a.nodes.cmp(&b.nodes));
        cycles
    }

    /// For each destination the path on which most attempts reach it, where at least two calls of the path are repeated:
    /// the worst `limit` of them (equals by id), and how many there are.
    pub(crate) fn multiplying(&self, limit: usize) -> (Vec<RetryPath>, usize) {
        let worst = load::worst_paths(&self.model, &self.dag, 1.0);
        let loads = load::amplification(&self.model, &self.dag, 1.0);
        let mut found: Vec<usize> = (0..worst.len())
            .filter(|node| worst[*node].repeated > 1)
            .collect();
        found.sort_by(|a, b| worst[*b].attempts.total_cmp(&worst[*a].attempts));
        let path = |node: &usize| RetryPath {
            attempts: worst[*node].attempts,
            steps: self.steps(*node, &worst),
            is_cut: loads[*node].cycle,
        };
        let paths = found.iter().take(limit).map(path).collect();
        (paths, found.len())
    }

    /// The path to a node, without the calls before the first that is repeated.
    fn steps(&self, node: usize, worst: &[load::WorstPath]) -> Vec<(String, String, f64)> {
        let mut steps = Vec::new();
        let mut at = node;
        while let Some(number) = worst[at].last {
            let arc = self.model.arcs[number];
            let (caller, callee) = self.ends(number);
            steps.push((caller, callee, arc.calls.attempts.unwrap_or(1.0)));
            at = arc.caller;
        }
        steps.reverse();
        steps
    }

    fn ends(&self, number: usize) -> (String, String) {
        let arc = self.model.arcs[number];
        let id = |node: usize| self.model.ids[node].clone();
        (id(arc.caller), id(arc.callee))
    }
}

impl Cycle {
    fn of(model: &Model, nodes: &[usize]) -> Self {
        let mut nodes: Vec<String> = nodes.iter().map(|node| model.ids[*node].clone()).collect();
        nodes.sort();
        Self {
            nodes,
            edges: Vec::new(),
            weakest: Vec::new(),
        }
    }
}
