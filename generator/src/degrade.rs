//! What happens to spans on their way: loss, silence, missing kinds, shared and short ids, sampling, repetition, clocks.
//!
//! Steps compose, in the order given. All but one decide by what a span is about (its service, instance, id, time), never
//! by its place in the stream: degrading is the same however requests are batched.

mod ids;
mod silence;

use std::collections::BTreeMap;

use crate::random::{is_chosen, mix};
use crate::span::{Kind, Span};
use crate::traffic::Request;
use crate::world::{Role, World};

/// One thing that goes wrong. Shares are in thousandths.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Single spans are lost.
    LoseSpans(u64),
    /// Export requests are lost: all spans of one instance in a stretch of five seconds.
    LoseBatches(u64),
    /// Services that emit nothing, and pass the context that they received on as it came.
    SilencePassingContext(u64),
    /// Services that emit nothing, and pass no context on: what they call begins a new trace.
    SilenceLosingContext(u64),
    /// Services whose spans have no kind.
    ForgetKinds(u64),
    /// Services whose server spans take the id of the client span, as B3 tracers do.
    ShareIds(u64),
    /// Services that know only the low half of trace ids.
    ShortenTraceIds(u64),
    /// Each service samples at its own rate, consistently: all, half, a quarter or an eighth.
    Sample,
    /// Export requests are sent again.
    Repeat(u64),
    /// The clock of each instance is off by up to so many microseconds, either way.
    Skew(u64),
}

/// Steps to apply to one request after the other.
#[derive(Debug)]
pub struct Degradation<'w> {
    world: &'w World,
    steps: Vec<Step>,
    seed: u64,
    /// Traces that sends moved to when their service lost its context, for the links to them.
    moved: BTreeMap<u64, u128>,
}

/// An export request leaves every so often.
pub(crate) const EXPORT_PERIOD_US: u64 = 5_000_000;

impl<'w> Degradation<'w> {
    /// Steps in order.
    #[must_use]
    pub fn new(world: &'w World, seed: u64, steps: &[Step]) -> Self {
        Self {
            world,
            steps: steps.to_vec(),
            seed,
            moved: BTreeMap::new(),
        }
    }

    /// What arrives of a request.
    #[must_use]
    pub fn apply(&mut self, mut request: Request<'w>) -> Request<'w> {
        for (number, step) in self.steps.clone().into_iter().enumerate() {
            let chance = Chance {
                world: self.world,
                seed: mix(&[self.seed, number as u64]),
            };
            self.step(step, chance, &mut request);
        }
        request
    }

    fn step(&mut self, step: Step, chance: Chance<'w>, request: &mut Request<'w>) {
        let spans = &mut request.spans;
        match step {
            Step::LoseSpans(share) => spans.retain(|span| !chance.is_span_chosen(span, share)),
            Step::LoseBatches(share) => spans.retain(|span| !chance.is_batch_chosen(span, share)),
            Step::SilencePassingContext(share) => {
                silence::passing_context(self.world, request, |span| {
                    chance.is_emitter_silent(span, share)
                });
            }
            Step::SilenceLosingContext(share) => {
                silence::losing_context(request, &mut self.moved, |span| {
                    chance.is_emitter_silent(span, share)
                });
            }
            Step::ForgetKinds(share) => {
                for span in spans
                    .iter_mut()
                    .filter(|span| chance.is_service_chosen(span, share))
                {
                    span.kind = Kind::Unspecified;
                }
            }
            Step::ShareIds(share) => {
                ids::share(spans, |span| chance.is_service_chosen(span, share));
            }
            Step::ShortenTraceIds(share) => {
                for span in spans
                    .iter_mut()
                    .filter(|span| chance.is_service_chosen(span, share))
                {
                    span.trace &= u128::from(u64::MAX);
                }
            }
            Step::Sample => sample(self.world, self.seed, spans),
            Step::Repeat(share) => {
                let again = spans
                    .iter()
                    .filter(|span| chance.is_batch_chosen(span, share));
                let again: Vec<Span<'w>> = again.cloned().collect();
                spans.extend(again);
            }
            Step::Skew(most_us) => {
                for span in spans {
                    let off = mix(&[chance.seed, span.resource as u64]) % (2 * most_us);
                    span.start_us = span.start_us + off - most_us;
                    span.end_us = span.end_us + off - most_us;
                }
            }
        }
    }

    /// The share of its traces that a service samples, as one in so many. The seed is that of the degradation.
    #[must_use]
    pub fn one_in(&self, service: usize) -> u64 {
        one_in(self.seed, service)
    }
}

/// The choices of one step.
#[derive(Debug, Clone, Copy)]
struct Chance<'w> {
    world: &'w World,
    seed: u64,
}

impl Chance<'_> {
    fn is_span_chosen(self, span: &Span<'_>, share: u64) -> bool {
        is_chosen(&[self.seed, span.id, span.kind as u64], share)
    }

    fn is_batch_chosen(self, span: &Span<'_>, share: u64) -> bool {
        let batch = span.end_us / EXPORT_PERIOD_US;
        is_chosen(&[self.seed, span.resource as u64, batch], share)
    }

    fn is_service_chosen(self, span: &Span<'_>, share: u64) -> bool {
        let service = self.world.resources[span.resource].service;
        is_chosen(&[self.seed, service as u64], share)
    }

    /// Sidecars, gateways and browsers do not share the fate of the applications that nobody instrumented.
    fn is_emitter_silent(self, span: &Span<'_>, share: u64) -> bool {
        let emitter = &self.world.resources[span.resource];
        let role = self.world.services[emitter.service].role;
        let is_application = matches!(role, Role::Application | Role::Job);
        is_application && !emitter.is_sidecar && self.is_service_chosen(span, share)
    }
}

fn one_in(seed: u64, service: usize) -> u64 {
    1 << (mix(&[seed, service as u64, 77]) % 4)
}

/// Consistent probability sampling of the OpenTelemetry specification: a trace's randomness against the threshold of each
/// service.
fn sample(world: &World, seed: u64, spans: &mut Vec<Span<'_>>) {
    const SPACE: u64 = 1 << 56;
    for span in spans.iter_mut() {
        let low = u64::try_from(span.trace & u128::from(u64::MAX)).unwrap_or_default();
        let randomness = mix(&[seed, low]) % SPACE;
        let one_in = one_in(seed, world.resources[span.resource].service);
        let threshold = SPACE - SPACE / one_in;
        if randomness < threshold {
            span.trace_state = "dropped".to_owned();
            continue;
        }
        let digits = format!("{threshold:014x}");
        let digits = match digits.trim_end_matches('0') {
            "" => "0",
            digits => digits,
        };
        span.trace_state = format!("ot=th:{digits};rv:{randomness:014x}");
    }
    spans.retain(|span| span.trace_state != "dropped");
}
