//! What the attempts of one edge add up to, while a shard counts them.
//!
//! Nearly all attempts of an edge agree in everything but their times: kind, evidence, weight, error, flags, hazards. That is
//! their *shape*. An attempt finds its shape and adds one; what a shape means for the statistics is worked out once per
//! flush. Whoever makes up many shapes fills a bounded list over and over, which is then summed up early.

use std::collections::BTreeMap;

use crate::hazards::Signs;
use crate::names::{LabelId, Tables};
use crate::sampling::Weights;
use crate::segment::exemplars::Exemplars;
use crate::segment::sampling::{SamplingStats, TraceShare, fixed};
use crate::segment::stats::{EdgeStats, add_counts};
use crate::sketch::Sketch;
use crate::slice::{Attempt, AttemptFlags, Found};

/// What attempts have in common.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Shape {
    signs: Signs,
    weights: Weights,
    error: LabelId,
    found: Found,
    flags: AttemptFlags,
    is_call: bool,
    is_attempt: bool,
    has_failed: bool,
}

impl Shape {
    fn of(attempt: &Attempt) -> Self {
        Self {
            signs: attempt.signs,
            weights: attempt.weights,
            error: attempt.error,
            found: attempt.found,
            flags: attempt.flags,
            is_call: attempt.is_call,
            is_attempt: attempt.is_attempt,
            has_failed: attempt.has_failed,
        }
    }
}

/// Attempts of one shape.
#[derive(Debug, Clone)]
struct Same {
    shape: Shape,
    attempts: u64,
    traces: Exemplars,
}

/// An attempt, reduced to what its edge counts.
#[derive(Debug, Clone, Copy)]
pub(super) struct Told {
    shape: Shape,
    lost_attempts: u32,
    client_ns: Option<u64>,
    server_ns: Option<u64>,
    start_ns: u64,
    end_ns: u64,
    trace: u128,
}

impl Told {
    pub(super) fn of(attempt: &Attempt) -> Self {
        Self {
            shape: Shape::of(attempt),
            lost_attempts: attempt.lost_attempts,
            client_ns: attempt.client_ns,
            server_ns: attempt.server_ns,
            start_ns: attempt.start_ns,
            end_ns: attempt.end_ns,
            trace: attempt.trace_id.as_u128(),
        }
    }

    /// Calls that it is: one or none.
    pub(super) fn calls(&self) -> u64 {
        u64::from(self.shape.is_call)
    }
}

/// Sums over the attempts of one edge.
#[derive(Debug, Clone, Default)]
pub(super) struct Counts {
    shapes: Vec<Same>,
    lost_attempts: u64,
    client: Sketch,
    server: Sketch,
    window: Option<(u64, u64)>,
    /// What sampling leaves uncertain; nothing in most traffic.
    uncertain: Option<Box<SamplingStats>>,
    /// Sums of shapes for which there was no room.
    summed: Option<Box<Summed>>,
}

/// Sums of shapes; errors by label, because their names are looked up last.
#[derive(Debug, Clone, Default)]
struct Summed {
    stats: EdgeStats,
    errors: BTreeMap<LabelId, u64>,
}

/// Shapes told apart before they are summed up.
const MAX_SHAPES: usize = 16;

impl Counts {
    pub(super) fn count(&mut self, told: &Told) {
        let mut shapes = self.shapes.iter_mut();
        match shapes.find(|same| same.shape == told.shape) {
            Some(same) => {
                same.attempts += 1;
                same.traces.insert(told.trace);
            }
            None => {
                let mut traces = Exemplars::default();
                traces.insert(told.trace);
                self.first_of_shape(Same {
                    shape: told.shape,
                    attempts: 1,
                    traces,
                });
            }
        }
        self.lost_attempts += u64::from(told.lost_attempts);
        if let Some(took_ns) = told.client_ns {
            self.client.record(took_ns);
        }
        if let Some(took_ns) = told.server_ns {
            self.server.record(took_ns);
        }
        let (first, last) = self.window.unwrap_or((told.start_ns, told.end_ns));
        self.window = Some((first.min(told.start_ns), last.max(told.end_ns)));
    }

    fn first_of_shape(&mut self, same: Same) {
        if self.shapes.len() >= MAX_SHAPES {
            let summed = self.summed.get_or_insert_default();
            self.shapes.drain(..).for_each(|same| summed.add(&same));
        }
        if self.shapes.is_empty() {
            // Most edges have one shape, and there may be many edges.
            self.shapes.reserve_exact(1);
        }
        self.shapes.push(same);
    }

    /// Adds the attempts that another tally counted on the same edge.
    pub(super) fn merge(&mut self, other: &Self) {
        for more in &other.shapes {
            let mut shapes = self.shapes.iter_mut();
            match shapes.find(|same| same.shape == more.shape) {
                Some(same) => {
                    same.attempts += more.attempts;
                    same.traces.merge(&more.traces);
                }
                None => self.first_of_shape(more.clone()),
            }
        }
        self.lost_attempts += other.lost_attempts;
        self.client.merge(&other.client);
        self.server.merge(&other.server);
        self.window = match (self.window, other.window) {
            (Some(a), Some(b)) => Some((a.0.min(b.0), a.1.max(b.1))),
            (a, b) => a.or(b),
        };
        if let Some(uncertain) = &other.uncertain {
            let own = self.uncertain.get_or_insert_default();
            own.merge(uncertain);
        }
        if let Some(summed) = &other.summed {
            self.summed.get_or_insert_default().merge(summed);
        }
    }

    /// Adds the uncertainty that one trace brings.
    pub(super) fn add_trace(&mut self, share: &TraceShare) {
        self.uncertain.get_or_insert_default().add_trace(share);
    }

    /// Adds a variance in fixed point.
    pub(super) fn add_variance(&mut self, variance: u128) {
        let uncertain = self.uncertain.get_or_insert_default();
        uncertain.add_variance(variance);
    }

    /// The statistics, with the names of errors.
    pub(super) fn into_stats(self, names: &Tables) -> EdgeStats {
        let mut summed = self.summed.map_or_else(Summed::default, |summed| *summed);
        self.shapes.iter().for_each(|same| summed.add(same));
        let mut stats = summed.stats;
        stats.attempts += self.lost_attempts;
        stats.client = self.client;
        stats.server = self.server;
        if let Some((first_ns, last_ns)) = self.window {
            stats.see(first_ns, last_ns);
        }
        if let Some(uncertain) = self.uncertain {
            stats.sampling.merge(&uncertain);
        }
        for (error, attempts) in summed.errors {
            let error = match names.label(error) {
                "" => "error",
                error => error,
            };
            *stats.errors.entry(error.to_owned()).or_default() += attempts;
        }
        stats
    }
}

impl Summed {
    fn merge(&mut self, other: &Self) {
        self.stats.merge(&other.stats);
        add_counts(&mut self.errors, &other.errors);
    }

    fn add(&mut self, same: &Same) {
        let (shape, stats) = (&same.shape, &mut self.stats);
        let calls = u64::from(shape.is_call) * same.attempts;
        let attempts = u64::from(shape.is_attempt) * same.attempts;
        stats.calls += calls;
        stats.attempts += attempts;
        if shape.has_failed {
            stats.failed += calls;
            stats.failed_attempts += attempts;
        }
        // A 4xx that only the client calls an error is no failure, but stays visible (B42).
        if shape.has_failed || shape.error != LabelId::FIRST {
            *self.errors.entry(shape.error).or_default() += same.attempts;
        }
        if shape.is_call {
            stats.weight += fixed(shape.weights.of_call().value) * u128::from(calls);
            stats.sampling.count(shape.weights, calls);
            *stats.found.entry(shape.found).or_default() += calls;
        }
        for name in flag_names(shape.flags) {
            *stats.flags.entry(name.to_owned()).or_default() += same.attempts;
        }
        for sign in shape.signs.each() {
            stats.exposures.add(sign, same.attempts, same.traces.ids());
        }
        for trace in same.traces.ids() {
            stats.exemplar(shape.found, trace);
        }
    }
}

fn flag_names(flags: AttemptFlags) -> impl Iterator<Item = &'static str> {
    let names = [
        (flags.is_mirror, "mirror"),
        (flags.is_multi, "multi"),
        (flags.is_redirect, "redirect"),
        (flags.is_upkeep, "upkeep"),
        (flags.is_socket, "socket"),
    ];
    let set = names.into_iter().filter(|(is_set, _)| *is_set);
    set.map(|(_, name)| name)
}

#[cfg(test)]
mod tests;
