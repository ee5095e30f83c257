//! The input in indexed, cleaned, sorted form: what all calculations share.
//!
//! Services are numbered in the order of their ids and arcs in the order of their ends, so that every sum has one order, whatever
//! the order of the input. Edges with the same ends are merged. A value that makes no sense is replaced and counted.

use std::collections::BTreeMap;

use super::input::{PlanEdge, PlanInput, PlanService, clean_rate, clean_share};

/// Attempts per call that are taken at their word; beyond it the multiplier says nothing more.
const MAX_ATTEMPTS: f64 = 1000.0;

/// Merged calls between two services.
#[derive(Debug, Clone, Copy)]
pub(super) struct Arc {
    pub(super) caller: usize,
    pub(super) callee: usize,
    pub(super) calls: Calls,
}

/// Merged calls from a service to a node that cannot join.
#[derive(Debug, Clone)]
pub(super) struct Exit {
    pub(super) caller: usize,
    pub(super) callee: String,
    pub(super) calls: Calls,
}

/// What is known about merged calls.
#[derive(Debug, Clone, Copy)]
pub(super) struct Calls {
    pub(super) rate: f64,
    pub(super) attempts: Option<f64>,
    pub(super) hit_ratio: Option<f64>,
    pub(super) confidence: f64,
}

/// The indexed graph.
#[derive(Debug, Default)]
pub(super) struct Model {
    pub(super) ids: Vec<String>,
    pub(super) services: Vec<PlanService>,
    /// Sorted by (caller, callee), which are unique.
    pub(super) arcs: Vec<Arc>,
    /// Sorted by (caller, callee), which are unique.
    pub(super) exits: Vec<Exit>,
    /// Arcs into each service, self-calls included.
    pub(super) incoming: Vec<Vec<usize>>,
    /// Arcs out of each service, self-calls included.
    pub(super) outgoing: Vec<Vec<usize>>,
    /// Other services with a call to or from each service.
    pub(super) neighbours: Vec<Vec<usize>>,
    /// Callers that are no services, per service.
    pub(super) outside_callers: Vec<Vec<String>>,
    /// Rate into each service from outside: entry traffic and outside callers.
    pub(super) origin: Vec<f64>,
    /// All calls into each service.
    pub(super) in_rate: Vec<f64>,
    /// All calls by each service.
    pub(super) out_rate: Vec<f64>,
    /// Calls by services.
    pub(super) by_services: f64,
    /// Calls by services and into services from outside.
    pub(super) all: f64,
    /// What was replaced or left out: reason -> count.
    pub(super) left_out: BTreeMap<String, u64>,
}

impl Model {
    pub(super) fn new(input: &PlanInput) -> Self {
        let mut model = Self {
            ids: input.services.keys().cloned().collect(),
            left_out: input.left_out.clone(),
            ..Self::default()
        };
        let count = model.ids.len();
        for service in input.services.values() {
            let service = model.cleaned(service);
            model.origin.push(service.entry_rate);
            model.services.push(service);
        }
        model.incoming = vec![Vec::new(); count];
        model.outgoing = vec![Vec::new(); count];
        model.neighbours = vec![Vec::new(); count];
        model.outside_callers = vec![Vec::new(); count];
        model.in_rate = vec![0.0; count];
        model.out_rate = vec![0.0; count];
        model.add_edges(&input.edges);
        model.add_rates();
        model
    }

    /// Number of the service with this id.
    pub(super) fn index(&self, id: &str) -> Option<usize> {
        self.ids
            .binary_search_by(|known| known.as_str().cmp(id))
            .ok()
    }

    /// `part / all`, or 0 when there is no traffic.
    pub(super) fn share_of_all(&self, part: f64) -> f64 {
        share(part, self.all)
    }

    /// `part / by_services`, or 0 when services make no calls.
    pub(super) fn share_of_calls(&self, part: f64) -> f64 {
        share(part, self.by_services)
    }

    /// Share of all traffic that enters or leaves any of some services; calls between them count once.
    pub(super) fn touched_by(&self, services: &[usize]) -> f64 {
        if let [only] = services {
            return self.touched(*only);
        }
        let rates = services
            .iter()
            .map(|s| self.in_rate[*s] + self.out_rate[*s]);
        let inner = services.iter().flat_map(|service| {
            let arcs = self.outgoing[*service].iter().map(|arc| self.arcs[*arc]);
            arcs.filter(|arc| services.contains(&arc.callee))
        });
        let twice = total(inner.map(|arc| arc.calls.rate));
        self.share_of_all((total(rates) - twice).max(0.0))
    }

    /// Share of all traffic that enters or leaves a service.
    pub(super) fn touched(&self, service: usize) -> f64 {
        self.share_of_all(self.in_rate[service] + self.out_rate[service])
    }

    fn count(&mut self, reason: &str) {
        *self.left_out.entry(reason.to_owned()).or_default() += 1;
    }

    fn cleaned(&mut self, service: &PlanService) -> PlanService {
        let mut service = service.clone();
        service.entry_rate = clean_rate(service.entry_rate).unwrap_or_else(|| {
            self.count("entry rate is no rate, read as 0");
            0.0
        });
        service.criticality = service.criticality.map(clean_share);
        service
    }

    fn add_edges(&mut self, edges: &[PlanEdge]) {
        let mut by_ends: BTreeMap<(&str, &str), Vec<Calls>> = BTreeMap::new();
        for edge in edges {
            let rate = clean_rate(edge.rate).unwrap_or_else(|| {
                self.count("edge rate is no rate, read as 0");
                0.0
            });
            let attempts = edge.attempts.filter(|attempts| !attempts.is_nan());
            let calls = Calls {
                rate,
                attempts: attempts.map(|attempts| attempts.clamp(1.0, MAX_ATTEMPTS)),
                hit_ratio: edge.hit_ratio.map(clean_share),
                confidence: clean_share(edge.confidence),
            };
            let ends = (edge.caller.as_str(), edge.callee.as_str());
            by_ends.entry(ends).or_default().push(calls);
        }
        for ((caller, callee), calls) in by_ends {
            let calls = merged(calls);
            match (self.index(caller), self.index(callee)) {
                (Some(caller), Some(callee)) => self.arcs.push(Arc {
                    caller,
                    callee,
                    calls,
                }),
                (Some(caller), None) => self.exits.push(Exit {
                    caller,
                    callee: callee.to_owned(),
                    calls,
                }),
                (None, Some(callee)) => {
                    self.outside_callers[callee].push(caller.to_owned());
                    self.origin[callee] += calls.rate;
                }
                (None, None) => self.count("edge between nodes that cannot join"),
            }
        }
    }

    fn add_rates(&mut self) {
        self.in_rate.clone_from(&self.origin);
        for (number, arc) in self.arcs.iter().enumerate() {
            self.incoming[arc.callee].push(number);
            self.outgoing[arc.caller].push(number);
            self.in_rate[arc.callee] += arc.calls.rate;
            self.out_rate[arc.caller] += arc.calls.rate;
            self.by_services += arc.calls.rate;
            if arc.caller != arc.callee {
                self.neighbours[arc.caller].push(arc.callee);
                self.neighbours[arc.callee].push(arc.caller);
            }
        }
        for exit in &self.exits {
            self.out_rate[exit.caller] += exit.calls.rate;
            self.by_services += exit.calls.rate;
        }
        for neighbours in &mut self.neighbours {
            neighbours.sort_unstable();
            neighbours.dedup();
        }
        self.all = self.by_services + total(self.origin.iter().copied());
    }
}

/// A sum that is a plain 0 when there is nothing to add (the one of the standard library is -0).
pub(super) fn total(parts: impl Iterator<Item = f64>) -> f64 {
    parts.fold(0.0, |sum, part| sum + part)
}

fn share(part: f64, whole: f64) -> f64 {
    if whole > 0.0 { part / whole } else { 0.0 }
}

/// One entry for several with the same ends: rates add up, attempts and hit ratio are the largest, confidence is the smallest.
fn merged(mut calls: Vec<Calls>) -> Calls {
    calls.sort_by(|a, b| a.rate.total_cmp(&b.rate));
    let larger = |a: Option<f64>, b: Option<f64>| match (a, b) {
        (Some(a), Some(b)) => Some(a.max(b)),
        (a, b) => a.or(b),
    };
    let nothing = Calls {
        rate: 0.0,
        attempts: None,
        hit_ratio: None,
        confidence: 1.0,
    };
    calls.into_iter().fold(nothing, |sum, next| Calls {
        rate: sum.rate + next.rate,
        attempts: larger(sum.attempts, next.attempts),
        hit_ratio: larger(sum.hit_ratio, next.hit_ratio),
        confidence: sum.confidence.min(next.confidence),
    })
}
