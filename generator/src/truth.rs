//! What really happened, as a tool that saw everything should tell it.
//!
//! Facts name nodes of the world, never span ids or attributes: nothing here can be inferred from spans by accident. What
//! a degradation hides stays true.

use std::collections::{BTreeMap, BTreeSet};

use crate::traffic::Request;

/// Index into [`World::nodes`](crate::world::World::nodes).
pub type NodeIndex = usize;

/// How a call travels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Relation {
    /// The caller dials the callee.
    Sync,
    /// A message goes from one to the other.
    Async,
    /// Through a gateway that has edges of its own.
    Proxied,
}

/// The best evidence that complete spans hold for a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Evidence {
    /// Both ends emit spans of one trace.
    Paired,
    /// The other end emits none, but was dialled by an address.
    Address,
    /// The other end names the first in a span link.
    Link,
}

/// Calls between two nodes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Happened {
    /// Logical calls or messages.
    pub calls: u64,
    /// Attempts on the wire.
    pub attempts: u64,
    /// Calls whose last attempt failed.
    pub failed: u64,
    /// Attempts that failed.
    pub failed_attempts: u64,
}

impl Happened {
    /// One call that took one attempt.
    #[must_use]
    pub fn once(has_failed: bool) -> Self {
        Self {
            calls: 1,
            attempts: 1,
            failed: u64::from(has_failed),
            failed_attempts: u64::from(has_failed),
        }
    }

    /// Adds other calls.
    pub const fn add(&mut self, other: Self) {
        self.calls += other.calls;
        self.attempts += other.attempts;
        self.failed += other.failed;
        self.failed_attempts += other.failed_attempts;
    }
}

/// Caller, callee and how.
pub type EdgeKey = (NodeIndex, NodeIndex, Relation);

/// One thing that happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fact {
    /// A call, made while working on this request of the caller.
    Called {
        /// Who called whom.
        edge: EdgeKey,
        /// How often and how it ended.
        happened: Happened,
        /// Number of the caller's request, unique per trace.
        request: u64,
        /// What complete spans can show of it.
        evidence: Evidence,
    },
    /// The node was called from outside the traces.
    Entered(NodeIndex),
    /// The node took a request or a message up, or began one itself.
    Worked(NodeIndex),
    /// The trace passed through the node.
    Passed(NodeIndex, u128),
}

/// Everything known about one edge.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TrueEdge {
    /// Sum of all calls.
    pub happened: Happened,
    /// Squares of the calls of each trace: what the variance of an estimate from sampled traces is made of.
    pub squared_calls: u64,
    /// Requests of the caller that made at least one of the calls.
    pub requests: u64,
    /// Calls by the best evidence for them.
    pub evidence: BTreeMap<Evidence, u64>,
}

/// The true graph of some requests.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Truth {
    /// Edges.
    pub edges: BTreeMap<EdgeKey, TrueEdge>,
    /// Calls from outside.
    pub entries: BTreeMap<NodeIndex, u64>,
    /// Requests and messages worked on.
    pub requests: BTreeMap<NodeIndex, u64>,
    /// Traces that passed through.
    pub passed: BTreeMap<NodeIndex, u64>,
    /// All traces.
    pub traces: u64,
    /// (caller, node reached) around a service that emits nothing and passes the caller's context on as it came.
    pub through: BTreeSet<(NodeIndex, NodeIndex)>,
}

impl Truth {
    /// Adds what happened in one request.
    pub fn add(&mut self, request: &Request<'_>) {
        let mut calls: BTreeMap<EdgeKey, u64> = BTreeMap::new();
        let mut asking: BTreeSet<(EdgeKey, u64)> = BTreeSet::new();
        let mut passed: BTreeSet<(NodeIndex, u128)> = BTreeSet::new();
        for fact in &request.facts {
            match *fact {
                Fact::Called {
                    edge,
                    happened,
                    request,
                    evidence,
                } => {
                    let known = self.edges.entry(edge).or_default();
                    known.happened.add(happened);
                    *known.evidence.entry(evidence).or_default() += happened.calls;
                    *calls.entry(edge).or_default() += happened.calls;
                    asking.insert((edge, request));
                }
                Fact::Entered(node) => *self.entries.entry(node).or_default() += 1,
                Fact::Worked(node) => *self.requests.entry(node).or_default() += 1,
                Fact::Passed(node, trace) => {
                    passed.insert((node, trace));
                }
            }
        }
        for (edge, calls) in calls {
            self.edges.entry(edge).or_default().squared_calls += calls * calls;
        }
        for (edge, _) in asking {
            self.edges.entry(edge).or_default().requests += 1;
        }
        let traces: BTreeSet<u128> = passed.iter().map(|(_, trace)| *trace).collect();
        self.traces += u64::try_from(traces.len()).unwrap_or(u64::MAX);
        for (node, _) in passed {
            *self.passed.entry(node).or_default() += 1;
        }
        self.through.extend(&request.through);
    }

    /// Calls of all edges.
    #[must_use]
    pub fn calls(&self) -> u64 {
        self.edges.values().map(|edge| edge.happened.calls).sum()
    }
}
