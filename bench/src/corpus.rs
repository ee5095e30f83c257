//! A seeded corpus: the traffic of a made-up company as the OTLP requests of its exporters, and what a tool must make of it.
//!
//! ```text
//! Traffic --> more queries --> spans by pod --512 spans or 5 seconds--> request (one resource, a scope per instrumentation)
//!         \-> Truth, joins -------------------------------------------> Expected
//! ```
//! Made to be like what was measured on real systems: about 428 bytes and 9 attributes per span, 512 spans per request, a seventh
//! of the spans internal, more than half of them clients and half of these queries, a few messages, the two sides of a
//! call in different requests. Two things are not: 2 to 3 % of the spans are errors instead of 1 % (the generator's services fail
//! that often; as many have an exception with its stack trace as with 1 %), and bodies hold one resource, as SDKs send them,
//! where a collector in between would send several.

mod encode;
mod later;
mod pods;
mod queries;
mod sdk;

use std::collections::{BTreeMap, BTreeSet};

use tracemesh_generator::span::Kind;
use tracemesh_generator::traffic::{Request, Traffic};
use tracemesh_generator::truth::{Evidence, NodeIndex, Relation, Truth};
use tracemesh_generator::world::{Options, World};

pub(crate) use encode::request as encoded;
use pods::Pods;
use queries::Queries;

/// Spans of a request at most, the default of the SDKs' batch processors.
const BATCH: usize = 512;

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
        Self::made(seed, services, spans, BATCH)
    }

    /// The traffic of a company of which the mix of spans is the usual one; see the table in the source.
    #[must_use]
    pub fn usual(services: usize, spans: usize) -> Self {
        Self::of(usual_seed(services), services, spans)
    }

    /// [`usual`](Self::usual), with so many spans in a request at most: the many pods of a large company fill requests with
    /// more traffic than fits in memory, and companies compare by requests of the same size only.
    #[must_use]
    pub fn usual_in_batches(services: usize, spans: usize, batch: usize) -> Self {
        Self::made(usual_seed(services), services, spans, batch.max(1))
    }

    fn made(seed: u64, services: usize, spans: usize, batch: usize) -> Self {
        let world = World::new(&Options::plain(seed, services));
        let mut queries = Queries::new(&world);
        let mut truth = Truth::default();
        let mut joins = 0;
        let mut pods = Pods::new(&world, seed, batch);
        let requests = requests_for(&world, seed, spans);
        for mut request in Traffic::new(&world, seed, requests) {
            queries.repeat(&mut request);
            truth.add(&request);
            joins += joins_of(&request);
            pods.take(request.spans);
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

/// Requests from outside that make at least so many spans. Traffic has to end by itself: who cut it off would leave messages
/// unread, of which some only their readers know the broker.
fn requests_for(world: &World, seed: u64, spans: usize) -> usize {
    let mut queries = Queries::new(world);
    let (mut from_outside, mut made) = (0, 0);
    for mut request in Traffic::new(world, seed, usize::MAX) {
        queries.repeat(&mut request);
        made += request.spans.len();
        let first = request.spans.first();
        let is_reader = first.is_some_and(|span| span.kind == Kind::Consumer);
        from_outside += usize::from(!is_reader);
        if made >= spans {
            break;
        }
    }
    from_outside
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
