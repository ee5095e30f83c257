//! The uncertainty that sampling brings, trace by trace.
//!
//! Spans of one trace are sampled together, so the calls of an edge in one trace are no independent draws: they are noted as
//! they are reported, and squared at the end of the slice. Calls that were surely sampled are not even noted.

use super::counts::Counts;
use super::edges::{EdgeIds, EdgeTally};
use crate::hash::IdMap;
use crate::names::{NodeId, PeerId};
use crate::segment::sampling::{TraceShare, TraceSum};
use crate::slice::Attempt;

/// Sampled calls of the slice that is being reported.
#[derive(Debug, Default)]
pub(super) struct SamplingTally {
    calls: Vec<Sampled>,
    named_callers: Vec<((PeerId, NodeId), f32)>,
}

/// One attempt. Weights and ratios of 1 add nothing.
#[derive(Debug, Clone, Copy)]
struct Sampled {
    to: EdgeIds,
    /// Its place among the edges of the tally.
    edge: u32,
    weight: f32,
    /// Server halves per client half.
    servers: f32,
    /// Client halves per server half.
    clients: f32,
}

impl SamplingTally {
    /// Notes an attempt if its sampling leaves something uncertain.
    pub(super) fn attempt(&mut self, (to, edge): (EdgeIds, u32), attempt: &Attempt) {
        let weight = match attempt.is_call {
            true => attempt.weights.of_call().value,
            false => 1.0,
        };
        let per_other = attempt.weights.per_other();
        let (servers, clients) = per_other
            .filter(|_| attempt.is_attempt)
            .unwrap_or((1.0, 1.0));
        if weight > 1.0 || servers > 1.0 || clients > 1.0 {
            self.calls.push(Sampled {
                to,
                edge,
                weight,
                servers,
                clients,
            });
        }
    }

    /// Notes a call of which only the server's word is known.
    pub(super) fn named_caller(&mut self, key: (PeerId, NodeId), weight: f32) {
        if weight > 1.0 {
            self.named_callers.push((key, weight));
        }
    }

    /// Adds what was noted to the edges, at the end of a slice.
    pub(super) fn end(
        &mut self,
        edges: &mut EdgeTally,
        named_callers: &mut IdMap<(PeerId, NodeId), Counts>,
    ) {
        self.calls.sort_unstable_by_key(|call| order(call.to));
        // Calls of one caller may turn out to have one callee, whatever each of them tells of it.
        for related in self.calls.chunk_by(|a, b| related(a.to, b.to)) {
            end_of_caller(related, edges);
        }
        self.calls.clear();
        self.named_callers.sort_unstable_by_key(|(key, _)| *key);
        for own in self.named_callers.chunk_by(|a, b| a.0 == b.0) {
            let mut sum = TraceSum::default();
            own.iter().for_each(|(_, weight)| sum.add(*weight, 1));
            if let Some(stats) = named_callers.get_mut(&own[0].0) {
                stats.add_variance(sum.variance());
            }
        }
        self.named_callers.clear();
    }
}

/// Adds the calls of one caller in one trace. What was answered by two nodes stays apart; what was not may go to any.
fn end_of_caller(calls: &[Sampled], edges: &mut EdgeTally) {
    let unanswered = calls.partition_point(|call| call.to.1.is_none());
    let anywhere = sum(&calls[..unanswered], |call| call.weight);
    for answered in calls.chunk_by(|a, b| a.to.1 == b.to.1) {
        let all = match answered[0].to.1 {
            Some(_) => anywhere.with(sum(answered, |call| call.weight)),
            None => sum(calls, |call| call.weight),
        };
        for own in answered.chunk_by(|a, b| a.to == b.to) {
            edges.counts(own[0].edge).add_trace(&TraceShare {
                own: sum(own, |call| call.weight),
                all,
                orphans: sum(own, |call| call.servers),
                unanswered: sum(own, |call| call.clients),
            });
        }
    }
}

/// Calls that may end up in one edge follow each other, those that nobody answered first.
fn order((caller, callee, peer, relation, trail): EdgeIds) -> impl Ord {
    (caller, relation, callee, peer, trail)
}

fn related(a: EdgeIds, b: EdgeIds) -> bool {
    (a.0, a.3) == (b.0, b.3)
}

fn sum(calls: &[Sampled], weight: impl Fn(&Sampled) -> f32) -> TraceSum {
    let mut sum = TraceSum::default();
    calls.iter().for_each(|call| sum.add(weight(call), 1));
    sum
}
