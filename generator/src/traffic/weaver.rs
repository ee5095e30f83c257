//! One request being woven: open spans, the clock, and what happened so far.

use super::{Request, Waiting};
use crate::random::{Random, mix};
use crate::span::{Kind, Span};
use crate::truth::{Evidence, Fact, Happened, NodeIndex, Relation};
use crate::world::{Target, World};

/// Calls per request stay below this: real requests fan out, but not without end.
const MAX_CALLS: usize = 40;

/// Calls inside calls.
const MAX_DEPTH: usize = 12;

/// Builds the spans and facts of one request.
#[derive(Debug)]
pub(super) struct Weaver<'w> {
    pub(super) world: &'w World,
    pub(super) random: Random,
    pub(super) request: Request<'w>,
    pub(super) trace: u128,
    seed: u64,
    now_us: u64,
    calls_left: usize,
    depth: usize,
    /// Number of the request that is being worked on.
    pub(super) working_for: u64,
    works: u64,
    /// Messages for readers of batches: topic, message, size of a batch.
    pub(super) sent: Vec<(usize, Waiting, usize)>,
}

/// Index of a span of the request.
pub(super) type SpanIndex = usize;

impl<'w> Weaver<'w> {
    pub(super) fn new(world: &'w World, seed: u64, now_us: u64) -> Self {
        let mut weaver = Self {
            world,
            random: Random::new(seed),
            request: Request::default(),
            trace: 0,
            seed,
            now_us,
            calls_left: MAX_CALLS,
            depth: 0,
            working_for: 0,
            works: 0,
            sent: Vec::new(),
        };
        weaver.trace = weaver.new_trace();
        weaver
    }

    pub(super) fn finish(self) -> (Request<'w>, Vec<(usize, Waiting, usize)>) {
        (self.request, self.sent)
    }

    pub(super) fn new_trace(&mut self) -> u128 {
        (u128::from(self.random.bits()) << 64) | u128::from(self.random.bits())
    }

    /// A pod of a service.
    pub(super) fn pod(&mut self, service: usize) -> usize {
        let pods = self.world.services[service].pods.clone();
        pods.start + self.random.below(pods.len())
    }

    /// Opens a span; [`close`](Self::close) sets its end.
    pub(super) fn open(
        &mut self,
        kind: Kind,
        name: &'static str,
        resource: usize,
        parent: Option<u64>,
    ) -> SpanIndex {
        self.now_us += 50;
        let number = self.request.spans.len() as u64;
        self.request.spans.push(Span {
            trace: self.trace,
            id: mix(&[self.seed, number]).max(1),
            parent,
            kind,
            name,
            resource,
            start_us: self.now_us,
            end_us: 0,
            is_error: false,
            attributes: Vec::new(),
            links: Vec::new(),
            trace_state: String::new(),
        });
        self.request.spans.len() - 1
    }

    /// Ends a span now.
    pub(super) fn close(&mut self, span: SpanIndex, has_failed: bool) {
        self.now_us += 100;
        let span = &mut self.request.spans[span];
        span.end_us = self.now_us;
        span.is_error = has_failed;
    }

    pub(super) fn id(&self, span: SpanIndex) -> u64 {
        self.request.spans[span].id
    }

    pub(super) fn span(&mut self, span: SpanIndex) -> &mut Span<'w> {
        &mut self.request.spans[span]
    }

    /// The address of whoever emits a span.
    pub(super) fn address(&self, resource: usize) -> &'w str {
        &self.world.resources[resource].address
    }

    pub(super) fn node(&self, service: usize) -> NodeIndex {
        self.world.services[service].node
    }

    /// Notes calls of the request that is being worked on.
    pub(super) fn called(
        &mut self,
        (caller, callee): (NodeIndex, NodeIndex),
        relation: Relation,
        happened: Happened,
        evidence: Evidence,
    ) {
        self.request.facts.push(Fact::Called {
            edge: (caller, callee, relation),
            happened,
            request: self.working_for,
            evidence,
        });
    }

    /// A service takes a request up, or begins one; returns the one that was being worked for.
    pub(super) fn take_up(&mut self, service: usize) -> u64 {
        self.works += 1;
        let node = self.node(service);
        self.request.facts.push(Fact::Worked(node));
        self.passed(service);
        std::mem::replace(&mut self.working_for, self.works)
    }

    pub(super) fn passed(&mut self, service: usize) {
        let passed = Fact::Passed(self.node(service), self.trace);
        self.request.facts.push(passed);
    }

    /// A request from outside reaches a service.
    pub(super) fn enter(&mut self, service: usize) {
        let entered = Fact::Entered(self.node(service));
        self.request.facts.push(entered);
        let pod = self.pod(service);
        self.serve(service, pod, None, false);
    }

    /// A browser or a job begins by itself. It has begun only if it calls anything.
    pub(super) fn begin(&mut self, service: usize) {
        let pod = self.pod(service);
        self.take_up(service);
        let span = self.open(Kind::Internal, "run", pod, None);
        self.work(service, pod, self.id(span));
        self.close(span, false);
        let node = self.node(service);
        let has_called = self.request.facts.iter().any(|fact| {
            matches!(fact, Fact::Called { edge: (caller, _, relation), request: 1, .. }
                if *caller == node && *relation == Relation::Sync)
        });
        if !has_called {
            self.request
                .facts
                .retain(|fact| *fact != Fact::Worked(node));
        }
    }

    /// Everything that a service calls while it works below a span.
    pub(super) fn work(&mut self, service: usize, pod: usize, parent: u64) {
        if self.depth >= MAX_DEPTH {
            return;
        }
        self.depth += 1;
        let world = self.world;
        let own = &world.services[service];
        // Starting anywhere, so that the last of many dependencies gets its share.
        let count = own.dependencies.len();
        let first = self.random.below(count);
        for index in 0..count {
            let dependency = &own.dependencies[(first + index) % count];
            if self.calls_left == 0 || !self.random.chance(dependency.permille) {
                continue;
            }
            let internal = own
                .has_internal_spans
                .then(|| self.open(Kind::Internal, "step", pod, Some(parent)));
            let below = internal.map_or(parent, |internal| self.id(internal));
            self.depend(service, pod, below, &dependency.to);
            if self.random.chance(150) {
                // A second call under the same parent is no retry.
                self.depend(service, pod, below, &dependency.to);
            }
            if let Some(internal) = internal {
                self.close(internal, false);
            }
        }
        self.depth -= 1;
    }

    fn depend(&mut self, service: usize, pod: usize, parent: u64, to: &'w Target) {
        self.calls_left = self.calls_left.saturating_sub(1);
        match to {
            Target::Service(call) => self.call((service, pod), parent, call),
            Target::Store(call) => self.query((service, pod), parent, *call),
            Target::External(external) => self.ask((service, pod), parent, *external),
            Target::Bucket(bucket) => self.store_object((service, pod), parent, *bucket),
            Target::Topic(topic) => self.publish((service, pod), parent, *topic),
        }
    }
}
