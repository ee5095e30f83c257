//! How right a graph is: precision by evidence class, recall, and calls that are missing or too many.

use std::collections::BTreeMap;

use tracemesh_generator::truth::{EdgeKey, Truth};
use tracemesh_generator::world::World;
use tracemesh_graph::snapshot::{Edge, EvidenceCounts, GraphSnapshot};

use super::who::{Directory, Who};

/// The evidence classes in the order of the table.
pub(crate) const CLASSES: [&str; 6] = ["paired", "parent", "link", "address", "alias", "named"];

const fn by_class(counts: EvidenceCounts) -> [u64; 6] {
    [
        counts.paired,
        counts.parent,
        counts.link,
        counts.address,
        counts.alias,
        counts.named,
    ]
}

/// Edges that claim evidence of one class.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Claims {
    pub(crate) edges: u64,
    /// Edges between nodes of which the one never called the other.
    pub(crate) wrong: u64,
    /// What is wrong, for whoever has to find out why.
    pub(crate) faults: Vec<String>,
}

/// One graph against the truth.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Score {
    pub(crate) spans: u64,
    pub(crate) claims: [Claims; 6],
    pub(crate) true_edges: u64,
    /// True edges shown between the right nodes.
    pub(crate) found_edges: u64,
    /// True edges shown, but only to the address or to the system that was dialled.
    pub(crate) addressed_edges: u64,
    /// Edges around a silent service that passed the context on.
    pub(crate) through_edges: u64,
    pub(crate) true_calls: u64,
    pub(crate) missing_calls: u64,
    pub(crate) excess_calls: u64,
    /// Calls of right edges, corrected for sampling.
    pub(crate) estimated_calls: f64,
    /// Edges that claim more paired calls than there were attempts.
    pub(crate) overclaimed: Vec<String>,
}

impl Score {
    pub(crate) fn of(world: &World, truth: &Truth, graph: &GraphSnapshot) -> Self {
        let mut score = Self {
            spans: graph.diagnostics.spans,
            true_edges: truth.edges.len() as u64,
            true_calls: truth.calls(),
            ..Self::default()
        };
        let directory = Directory::new(world, graph);
        let mut calls = Ledger::new(truth);
        // Edges that name their callee take their calls first; those that name an address share what is left.
        let (exact, vague): (Vec<&Edge>, Vec<&Edge>) = graph.edges.iter().partition(|edge| {
            let ends = [&edge.caller, &edge.callee];
            ends.iter()
                .all(|id| matches!(directory.who(id), Who::Exactly(_)))
        });
        for edge in &exact {
            score.judge(truth, &directory, edge, &mut calls);
        }
        score.found_edges = calls.found();
        for edge in &vague {
            score.judge(truth, &directory, edge, &mut calls);
        }
        score.addressed_edges = calls.found() - score.found_edges;
        score.missing_calls = calls.missing();
        score
    }

    fn judge(&mut self, truth: &Truth, directory: &Directory, edge: &Edge, calls: &mut Ledger<'_>) {
        let meanings = directory.meanings(truth, edge);
        let goes_through = meanings.is_empty() && directory.leads_through(truth, edge);
        let is_wrong = meanings.is_empty() && !goes_through;
        self.through_edges += u64::from(goes_through);
        for (claims, counted) in self.claims.iter_mut().zip(by_class(edge.evidence)) {
            if counted == 0 {
                continue;
            }
            claims.edges += 1;
            claims.wrong += u64::from(is_wrong);
            if is_wrong {
                claims.faults.push(describe(edge));
            }
        }
        let attempts: u64 = meanings
            .iter()
            .map(|key| truth.edges[key].happened.attempts)
            .sum();
        let is_direct = !is_wrong && !directory.leads_through(truth, edge);
        if is_direct && edge.evidence.paired > attempts {
            self.overclaimed
                .push(format!("{}, of {attempts} attempts", describe(edge)));
        }
        let excess = calls.take(&meanings, edge.calls);
        if !goes_through {
            self.excess_calls += excess;
        }
        if !meanings.is_empty() {
            self.estimated_calls += edge.weighted_calls;
        }
    }

    /// Adds the score of another company.
    pub(crate) fn add(&mut self, other: &Self) {
        self.spans += other.spans;
        for (claims, more) in self.claims.iter_mut().zip(&other.claims) {
            claims.edges += more.edges;
            claims.wrong += more.wrong;
            claims.faults.extend(more.faults.iter().cloned());
        }
        self.true_edges += other.true_edges;
        self.found_edges += other.found_edges;
        self.addressed_edges += other.addressed_edges;
        self.through_edges += other.through_edges;
        self.true_calls += other.true_calls;
        self.missing_calls += other.missing_calls;
        self.excess_calls += other.excess_calls;
        self.estimated_calls += other.estimated_calls;
        self.overclaimed.extend(other.overclaimed.iter().cloned());
    }
}

fn describe(edge: &Edge) -> String {
    format!(
        "{} -> {} {:?}: {} calls, {:?}, e.g. {:?}",
        edge.caller,
        edge.callee,
        edge.relation,
        edge.calls,
        edge.evidence,
        edge.exemplars.first()
    )
}

/// Which true calls no edge has claimed yet.
struct Ledger<'t> {
    truth: &'t Truth,
    left: BTreeMap<EdgeKey, u64>,
    seen: std::collections::BTreeSet<EdgeKey>,
}

impl<'t> Ledger<'t> {
    fn new(truth: &'t Truth) -> Self {
        let edges = truth.edges.iter();
        Self {
            truth,
            left: edges
                .map(|(key, edge)| (*key, edge.happened.calls))
                .collect(),
            seen: std::collections::BTreeSet::new(),
        }
    }

    /// Gives calls to the first of these edges that miss any; returns those that nobody misses.
    fn take(&mut self, keys: &[EdgeKey], mut calls: u64) -> u64 {
        for key in keys {
            self.seen.insert(*key);
            let left = self.left.entry(*key).or_default();
            let taken = calls.min(*left);
            *left -= taken;
            calls -= taken;
        }
        calls
    }

    fn found(&self) -> u64 {
        debug_assert!(self.seen.len() <= self.truth.edges.len());
        self.seen.len() as u64
    }

    fn missing(&self) -> u64 {
        self.left.values().sum()
    }
}
