//! The graph as the checker reads it: cleaned and indexed anew, without the code that plans.

use std::collections::BTreeMap;

use petgraph::algo::kosaraju_scc;
use petgraph::graph::{DiGraph, NodeIndex};

use super::super::input::{PlanInput, PlanService, Severity, Status, clean_rate, clean_share};

/// Calls from one service to another, all edges of the input with these ends together.
#[derive(Debug, Clone, Copy)]
pub(super) struct Call {
    pub(super) caller: usize,
    pub(super) callee: usize,
    pub(super) rate: f64,
    pub(super) attempts: Option<f64>,
    pub(super) hit_ratio: Option<f64>,
}

/// Services by number, in the order of their ids, with what surrounds them.
#[derive(Debug)]
pub(super) struct Graph<'a> {
    pub(super) ids: Vec<&'a str>,
    pub(super) services: Vec<&'a PlanService>,
    /// Sorted by ends.
    pub(super) calls: Vec<Call>,
    /// Calls by caller, and by callee: numbers.
    pub(super) outgoing: Vec<Vec<usize>>,
    pub(super) incoming: Vec<Vec<usize>>,
    /// By service: callees that are no services.
    pub(super) exits: Vec<Vec<&'a str>>,
    /// By service: callers that are no services.
    pub(super) outside_callers: Vec<Vec<&'a str>>,
    /// By service: rate of requests from outside, of all requests, and of calls.
    pub(super) origin: Vec<f64>,
    pub(super) requests: Vec<f64>,
    pub(super) out: Vec<f64>,
    pub(super) to_outside: f64,
    /// Calls by services, and those with the requests from outside.
    pub(super) by_services: f64,
    pub(super) all: f64,
    /// Number of the circle of calls that a service is part of; alone in it when it is in none.
    pub(super) circle: Vec<usize>,
}

impl<'a> Graph<'a> {
    pub(super) fn new(input: &'a PlanInput) -> Self {
        let count = input.services.len();
        let entry = |service: &PlanService| clean_rate(service.entry_rate).unwrap_or(0.0);
        let mut graph = Self {
            ids: input.services.keys().map(String::as_str).collect(),
            services: input.services.values().collect(),
            calls: Vec::new(),
            outgoing: vec![Vec::new(); count],
            incoming: vec![Vec::new(); count],
            exits: vec![Vec::new(); count],
            outside_callers: vec![Vec::new(); count],
            origin: input.services.values().map(entry).collect(),
            requests: vec![0.0; count],
            out: vec![0.0; count],
            to_outside: 0.0,
            by_services: 0.0,
            all: 0.0,
            circle: Vec::new(),
        };
        graph.read_edges(input);
        graph.add_up();
        let arcs = graph.calls.iter().map(|call| (call.caller, call.callee));
        graph.circle = circles(count, arcs);
        graph
    }

    fn read_edges(&mut self, input: &'a PlanInput) {
        let mut merged: BTreeMap<(&str, &str), Call> = BTreeMap::new();
        for edge in &input.edges {
            let ends = (edge.caller.as_str(), edge.callee.as_str());
            let sum = merged.entry(ends).or_insert(Call {
                caller: usize::MAX,
                callee: usize::MAX,
                rate: 0.0,
                attempts: None,
                hit_ratio: None,
            });
            sum.rate += clean_rate(edge.rate).unwrap_or(0.0);
            // The ceiling is that of the planner: more attempts than a thousand say nothing more.
            let attempts = edge.attempts.filter(|attempts| !attempts.is_nan());
            sum.attempts = most(sum.attempts, attempts.map(|a| a.clamp(1.0, 1000.0)));
            sum.hit_ratio = most(sum.hit_ratio, edge.hit_ratio.map(clean_share));
        }
        for ((caller, callee), call) in merged {
            match (self.number(caller), self.number(callee)) {
                (Some(caller), Some(callee)) => {
                    self.outgoing[caller].push(self.calls.len());
                    self.incoming[callee].push(self.calls.len());
                    self.calls.push(Call {
                        caller,
                        callee,
                        ..call
                    });
                }
                (Some(caller), None) => {
                    self.exits[caller].push(callee);
                    self.out[caller] += call.rate;
                    self.to_outside += call.rate;
                }
                (None, Some(callee)) => {
                    self.outside_callers[callee].push(caller);
                    self.origin[callee] += call.rate;
                }
                (None, None) => {}
            }
        }
    }

    fn add_up(&mut self) {
        self.requests.clone_from(&self.origin);
        for call in &self.calls {
            self.requests[call.callee] += call.rate;
            self.out[call.caller] += call.rate;
        }
        self.by_services = self.out.iter().sum();
        self.all = self.by_services + self.origin.iter().sum::<f64>();
    }

    pub(super) fn count(&self) -> usize {
        self.ids.len()
    }

    pub(super) fn number(&self, id: &str) -> Option<usize> {
        self.ids.binary_search(&id).ok()
    }

    /// Whether a service has to be in a wave.
    pub(super) fn moves(&self, service: usize) -> bool {
        self.services[service].status == Status::Pending && !self.is_blocked(service)
    }

    pub(super) fn is_done(&self, service: usize) -> bool {
        self.services[service].status == Status::Done
    }

    /// Rate of requests from outside the traces, without those of known callers that are no services.
    pub(super) fn entry(&self, service: usize) -> f64 {
        clean_rate(self.services[service].entry_rate).unwrap_or(0.0)
    }

    fn is_blocked(&self, service: usize) -> bool {
        let mut hazards = self.services[service].hazards.iter();
        hazards.any(|hazard| hazard.severity == Severity::Blocker)
    }

    /// Services that are in or move.
    pub(super) fn in_scope(&self) -> usize {
        let services = 0..self.count();
        services
            .filter(|s| self.is_done(*s) || self.moves(*s))
            .count()
    }

    pub(super) fn share_of_all(&self, rate: f64) -> f64 {
        share(rate, self.all)
    }

    pub(super) fn share_of_calls(&self, rate: f64) -> f64 {
        share(rate, self.by_services)
    }

    pub(super) fn touched(&self, service: usize) -> f64 {
        self.share_of_all(self.requests[service] + self.out[service])
    }
}

fn share(part: f64, whole: f64) -> f64 {
    if whole > 0.0 { part / whole } else { 0.0 }
}

fn most(a: Option<f64>, b: Option<f64>) -> Option<f64> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.max(b)),
        (a, b) => a.or(b),
    }
}

/// Number of the circle that each node is part of; a node that is in none has a number for itself.
pub(super) fn circles(count: usize, arcs: impl Iterator<Item = (usize, usize)>) -> Vec<usize> {
    let mut graph: DiGraph<(), (), usize> = DiGraph::with_capacity(count, 0);
    for _ in 0..count {
        graph.add_node(());
    }
    for (from, to) in arcs {
        graph.add_edge(NodeIndex::new(from), NodeIndex::new(to), ());
    }
    let mut circle = vec![0; count];
    for (number, members) in kosaraju_scc(&graph).into_iter().enumerate() {
        for member in members {
            circle[member.index()] = number;
        }
    }
    circle
}
