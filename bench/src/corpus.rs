//! A seeded corpus: the traffic of a made-up company as the OTLP requests of its exporters, and what a tool must make of it.
//!
//! ```text
//! Traffic --> more queries --> spans by pod --512 spans or 5 seconds--> request (one resource, a scope per instrumentation)
//!         \-> Truth, joins -------------------------------------------> Expected
//! ```
//! Made to be like what was measured on real systems: about 428 bytes and 9 attributes per span, 512 spans per request, a seventh
//! of the spans internal, more than half of them clients and half of these queries, a few messages, the two sides of a
//! call in different requests. Two things are not: 3 % of the spans are errors instead of 1 % (the generator's services fail
//! that often; as many have an exception with its stack trace as with 1 %), and bodies hold one resource, as SDKs send them,
//! where a collector in between would send several.

mod encode;
mod later;
mod sdk;

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap};

use tracemesh_generator::random::mix;
use tracemesh_generator::span::{Kind, Span};
use tracemesh_generator::traffic::{EPOCH_US, Request, Traffic};
use tracemesh_generator::truth::{Evidence, Fact, Happened, NodeIndex, Relation, Truth};
use tracemesh_generator::world::{Options, World};

use sdk::Subject;

/// Spans of a request at most, the default of the SDKs' batch processors.
const BATCH: usize = 512;

/// Longest wait for a batch to fill, the default of the SDKs' batch processors.
const PERIOD_US: u64 = 5_000_000;

/// Spans per second of a pod, over all pods: busy, so that batches fill up.
const RATE: u64 = 1_000;

/// Times that a query is repeated at most, until half of the client spans are queries.
const MAX_REPEATS: u64 = 3;

/// Requests of exporters, in the order of their arrival.
#[derive(Debug)]
pub struct Corpus {
    /// Encoded `ExportTraceServiceRequest`s.
    pub requests: Vec<Vec<u8>>,
    /// When each of them arrives, in milliseconds since the traffic began.
    pub arrivals_ms: Vec<u64>,
    /// Spans in all of them.
    pub spans: u64,
    /// Attributes of all spans.
    pub attributes: u64,
    /// What must be made of them.
    pub expected: Expected,
}

/// What happened, as far as benchmarks check it; counted where it was made up, not in the requests.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Expected {
    /// Edges of the true graph.
    pub edges: u64,
    /// Calls and messages on them.
    pub calls: u64,
    /// Those of which both ends emit spans of one trace.
    pub paired: u64,
    /// Client and producer spans that a server or consumer span names as its parent: what the simplest join finds.
    pub joins: u64,
    /// Names of caller and callee, as their resources say them, of all calls between services.
    pub pairs: BTreeSet<(String, String)>,
    /// Traces.
    pub traces: u64,
}

impl Corpus {
    /// The traffic of so many services, of at least so many spans.
    #[must_use]
    pub fn of(seed: u64, services: usize, spans: usize) -> Self {
        Self::made(seed, services, spans, false)
    }

    /// The traffic of a company of which the mix of spans is the usual one; see the table in the source.
    #[must_use]
    pub fn usual(services: usize, spans: usize) -> Self {
        Self::of(usual_seed(services), services, spans)
    }

    /// [`usual`](Self::usual), with one pod for each service: large companies fill requests with less traffic.
    #[must_use]
    pub fn usual_one_pod(services: usize, spans: usize) -> Self {
        Self::made(usual_seed(services), services, spans, true)
    }

    fn made(seed: u64, services: usize, spans: usize, is_one_pod: bool) -> Self {
        let world = World::new(&Options::plain(seed, services));
        let mut queries = Queries::new(&world);
        let mut truth = Truth::default();
        let mut joins = 0;
        let mut pods = Pods::new(&world, seed, is_one_pod);
        for mut request in Traffic::new(&world, seed, usize::MAX) {
            queries.repeat(&mut request);
            truth.add(&request);
            joins += joins_of(&request);
            pods.take(request.spans);
            if pods.corpus.spans + pods.waiting >= spans as u64 {
                break;
            }
        }
        pods.export_all();
        let mut corpus = pods.corpus;
        corpus.expected = expected(&world, &truth, joins);
        corpus
    }

    /// Bytes of all requests.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        let lengths = self.requests.iter().map(|request| request.len() as u64);
        lengths.sum()
    }

    /// Milliseconds from the first arrival to just after the last.
    #[must_use]
    pub fn length_ms(&self) -> u64 {
        let (first, last) = (self.arrivals_ms.first(), self.arrivals_ms.last());
        first.zip(last).map_or(0, |(first, last)| last - first + 1)
    }

    /// What the corpus is like, in a line.
    #[must_use]
    pub fn told(&self) -> String {
        let per_span = |count: u64| count as f64 / self.spans.max(1) as f64;
        format!(
            "{} spans in {} requests and {} traces, {:.0} B and {:.2} attributes per span, {} edges, {} calls",
            self.spans,
            self.requests.len(),
            self.expected.traces,
            per_span(self.bytes()),
            per_span(self.attributes),
            self.expected.edges,
            self.expected.calls,
        )
    }
}

/// Small companies differ a lot from each other; these seeds make those that come close to the measured mix of kinds, with
/// some 25 spans per trace.
const fn usual_seed(services: usize) -> u64 {
    match services {
        20 => 127,
        100 => 54,
        1_000 => 9,
        5_000 => 4,
        _ => 7,
    }
}

/// Services ask a database several times where the generator lets them ask once.
struct Queries {
    stores: BTreeMap<String, NodeIndex>,
    callers: Vec<NodeIndex>,
    clients: u64,
    queries: u64,
}

impl Queries {
    fn new(world: &World) -> Self {
        let stores = world.stores.iter();
        Self {
            stores: stores
                .map(|store| (store.host.clone(), store.node))
                .collect(),
            callers: (0..world.resources.len())
                .map(|resource| world.node_of(resource))
                .collect(),
            clients: 0,
            queries: 0,
        }
    }

    fn repeat(&mut self, request: &mut Request<'_>) {
        for at in 0..request.spans.len() {
            let span = &request.spans[at];
            self.clients += u64::from(span.kind == Kind::Client);
            self.queries += u64::from(Subject::of(span) == Subject::Query);
            let Some(store) = self.store_of(span) else {
                continue;
            };
            let caller = self.callers[span.resource];
            let mut copies = 0;
            // One that follows a failed one could be the same call again.
            while !request.spans[at].is_error
                && copies < MAX_REPEATS
                && self.queries * 2 < self.clients
            {
                copies += 1;
                let mut copy = request.spans[at].clone();
                copy.id = mix(&[copy.id, copies]).max(1);
                request.spans.push(copy);
                request.facts.push(Fact::Called {
                    edge: (caller, store, Relation::Sync),
                    happened: Happened::once(false),
                    request: 0,
                    evidence: Evidence::Address,
                });
                self.clients += 1;
                self.queries += 1;
            }
        }
    }

    fn store_of(&self, span: &Span<'_>) -> Option<NodeIndex> {
        let is_query = span.kind == Kind::Client && span.name == "SELECT";
        let host = span.attribute("server.address").filter(|_| is_query)?;
        self.stores.get(host).copied()
    }
}

/// Spans that wait in the exporters of pods.
struct Pods<'w> {
    world: &'w World,
    /// Whose exporter takes the spans of a resource.
    exporter: Vec<usize>,
    buffers: Vec<Vec<Span<'w>>>,
    due: BinaryHeap<Reverse<(u64, usize)>>,
    now_us: u64,
    step_us: f64,
    moved_us: f64,
    waiting: u64,
    corpus: Corpus,
}

impl<'w> Pods<'w> {
    fn new(world: &'w World, seed: u64, is_one_pod: bool) -> Self {
        let resources = 0..world.resources.len();
        let first_pod = |resource: usize| {
            let service = world.resources[resource].service;
            world.services[service].pods.start
        };
        let exporter: Vec<usize> = match is_one_pod {
            true => resources.clone().map(first_pod).collect(),
            false => resources.clone().collect(),
        };
        let pods: BTreeSet<usize> = exporter.iter().copied().collect();
        let phase = |pod: usize| mix(&[seed, pod as u64]) % PERIOD_US;
        Self {
            world,
            buffers: resources.map(|_| Vec::new()).collect(),
            due: pods
                .iter()
                .map(|pod| Reverse((EPOCH_US + phase(*pod), *pod)))
                .collect(),
            now_us: EPOCH_US,
            step_us: 1e6 / (RATE as f64 * pods.len().max(1) as f64),
            moved_us: 0.0,
            exporter,
            waiting: 0,
            corpus: Corpus {
                requests: Vec::new(),
                arrivals_ms: Vec::new(),
                spans: 0,
                attributes: 0,
                expected: Expected::default(),
            },
        }
    }

    /// The spans of one request of a user. The generator lets them follow each other too slowly to fill batches.
    fn take(&mut self, spans: Vec<Span<'w>>) {
        let Some(began_us) = spans.first().map(|span| span.start_us) else {
            return;
        };
        self.moved_us += self.step_us * spans.len() as f64;
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a sum of positive steps, far below 2^53"
        )]
        let moved_us = self.moved_us as u64;
        self.now_us = EPOCH_US + moved_us;
        while let Some(Reverse((at_us, pod))) = self.due.peek().copied()
            && at_us <= self.now_us
        {
            self.due.pop();
            self.due.push(Reverse((at_us + PERIOD_US, pod)));
            self.export(pod);
        }
        for mut span in spans {
            span.start_us = span.start_us - began_us + self.now_us;
            span.end_us = span.end_us - began_us + self.now_us;
            let pod = self.exporter[span.resource];
            self.buffers[pod].push(span);
            self.waiting += 1;
            if self.buffers[pod].len() == BATCH {
                self.export(pod);
            }
        }
    }

    fn export_all(&mut self) {
        for pod in 0..self.buffers.len() {
            self.export(pod);
        }
    }

    fn export(&mut self, pod: usize) {
        let mut batch = std::mem::take(&mut self.buffers[pod]);
        if batch.is_empty() {
            return;
        }
        batch.sort_by_key(|span| (span.end_us, span.id));
        let corpus = &mut self.corpus;
        let (request, attributes) = encode::request(self.world, pod, &batch);
        corpus.requests.push(request);
        corpus.arrivals_ms.push((self.now_us - EPOCH_US) / 1_000);
        corpus.attributes += attributes;
        corpus.spans += batch.len() as u64;
        self.waiting -= batch.len() as u64;
        batch.clear();
        self.buffers[pod] = batch;
    }
}

/// Client and producer spans with an answer of any kind.
fn joins_of(request: &Request<'_>) -> u64 {
    let spans = request.spans.iter();
    let asking: BTreeSet<(u128, u64)> = spans
        .clone()
        .filter(|span| matches!(span.kind, Kind::Client | Kind::Producer))
        .map(|span| (span.trace, span.id))
        .collect();
    let answered: BTreeSet<(u128, u64)> = spans
        .filter(|span| matches!(span.kind, Kind::Server | Kind::Consumer))
        .filter_map(|span| span.parent.map(|parent| (span.trace, parent)))
        .filter(|asked| asking.contains(asked))
        .collect();
    answered.len() as u64
}

fn expected(world: &World, truth: &Truth, joins: u64) -> Expected {
    let mut names: BTreeMap<NodeIndex, &str> = BTreeMap::new();
    for service in &world.services {
        let mut attributes = world.resources[service.pods.start].attributes.iter();
        if let Some((_, name)) = attributes.find(|(key, _)| *key == "service.name") {
            names.insert(service.node, name);
        }
    }
    let mut expected = Expected {
        edges: truth.edges.len() as u64,
        calls: truth.calls(),
        joins,
        traces: truth.traces,
        ..Expected::default()
    };
    for ((caller, callee, relation), edge) in &truth.edges {
        let paired = edge.evidence.get(&Evidence::Paired);
        expected.paired += paired.copied().unwrap_or_default();
        if *relation == Relation::Sync
            && let (Some(caller), Some(callee)) = (names.get(caller), names.get(callee))
        {
            let pair = ((*caller).to_owned(), (*callee).to_owned());
            expected.pairs.insert(pair);
        }
    }
    expected
}

#[cfg(test)]
mod tests;
