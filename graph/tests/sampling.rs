//! Estimates against a known truth: many traces, sampled consistently with a rate per service, as the OpenTelemetry
//! probability samplers do. Seeds are fixed, so a failure can be repeated.

use std::collections::BTreeMap;
use std::sync::Arc;

use tracemesh_graph::attribute::{AttributeSet, Key, Value};
use tracemesh_graph::record::{Names, Recorder};
use tracemesh_graph::sampling::SamplingRules;
use tracemesh_graph::segment::Segment;
use tracemesh_graph::settings::Settings;
use tracemesh_graph::shard::Shard;
use tracemesh_graph::snapshot::{Edge, EdgeSampling, GraphSnapshot};
use tracemesh_graph::span::{SpanEvents, SpanId, SpanKind, SpanSink, SpanView, TraceId};

const SERVICES: [&str; 4] = ["front", "cart", "stock", "price"];

/// Who calls whom, and how many times at most in one request.
const CALLS: [(usize, usize, u64); 4] = [(0, 1, 4), (1, 2, 3), (1, 3, 1), (0, 3, 2)];

/// Marsaglia's xorshift: enough to draw from, and the same everywhere.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    fn below(&mut self, bound: u64) -> u64 {
        (self.next() >> 11) % bound
    }
}

/// Sampling rates in thousandths as rejection thresholds of 56 bits.
fn thresholds(rates: [u64; 4]) -> [u64; 4] {
    rates.map(|rate| (1000 - rate) * ((1 << 56) / 1000))
}

struct World {
    recorder: Recorder,
    shard: Shard,
    random: Random,
    thresholds: [u64; 4],
    /// Randomness of the current trace; a span is sampled when its service's threshold is not above it.
    randomness: u64,
    /// False when spans do not tell their threshold.
    is_told: bool,
    trace: u128,
    spans: u64,
    truth: BTreeMap<(usize, usize), u64>,
}

impl World {
    fn new(seed: u64, rates: [u64; 4]) -> Self {
        Self::with_settings(seed, rates, Settings::default())
    }

    fn with_settings(seed: u64, rates: [u64; 4], settings: Settings) -> Self {
        let names = Arc::new(Names::new(&settings));
        Self {
            recorder: Recorder::new(Arc::clone(&names), &settings),
            shard: Shard::new(names, settings),
            random: Random(seed | 1),
            thresholds: thresholds(rates),
            randomness: 0,
            is_told: true,
            trace: u128::from(seed) << 64,
            spans: 0,
            truth: BTreeMap::new(),
        }
    }

    fn run(mut self, traces: u64) -> (Segment, BTreeMap<(usize, usize), u64>) {
        for _ in 0..traces {
            self.trace += 1;
            self.randomness = self.random.next() >> 8;
            self.serve(0, None);
        }
        for record in self.recorder.take_records() {
            self.shard.push(record, 0);
        }
        self.shard.close_all();
        (self.shard.take_segment(), self.truth)
    }

    /// A request at a service, with the calls that it makes.
    fn serve(&mut self, service: usize, parent: Option<u64>) {
        let server = self.span(service, SpanKind::Server, parent, None);
        for (caller, callee, most) in CALLS {
            if caller != service {
                continue;
            }
            for _ in 0..self.random.below(most + 1) {
                *self.truth.entry((caller, callee)).or_default() += 1;
                let client = self.span(service, SpanKind::Client, Some(server), Some(callee));
                self.serve(callee, Some(client));
            }
        }
    }

    fn span(
        &mut self,
        service: usize,
        kind: SpanKind,
        parent: Option<u64>,
        to: Option<usize>,
    ) -> u64 {
        self.spans += 1;
        if self.randomness < self.thresholds[service] {
            return self.spans;
        }
        let mut resource = AttributeSet::default();
        resource.insert(Key::ServiceName, Value::Text(SERVICES[service]));
        self.recorder.resource(&resource);
        let mut attributes = AttributeSet::default();
        if let Some(to) = to {
            attributes.insert(Key::ServerAddress, Value::Text(SERVICES[to]));
        }
        let state = match self.is_told {
            true => format!("ot=th:{:014x}", self.thresholds[service]),
            false => String::new(),
        };
        self.recorder.span(&SpanView {
            trace_id: TraceId(self.trace.to_be_bytes()),
            span_id: SpanId(self.spans.to_be_bytes()),
            parent_id: parent.map(|id| SpanId(id.to_be_bytes())),
            kind,
            start_ns: self.spans,
            end_ns: self.spans + 1,
            is_error: false,
            flags: 0,
            trace_state: &state,
            name: "GET",
            attributes: &attributes,
            events: SpanEvents::default(),
            links: &[],
        });
        self.spans
    }
}

fn edge(graph: &GraphSnapshot, caller: usize, callee: usize) -> &Edge {
    let id = |service: usize| format!("service/{}", SERVICES[service]);
    let (caller, callee) = (id(caller), id(callee));
    let mut edges = graph.edges.iter();
    edges
        .find(|edge| edge.caller == caller && edge.callee == callee)
        .expect("an edge")
}

fn sampling(edge: &Edge) -> EdgeSampling {
    edge.facts.sampling.expect("a new snapshot has it")
}

/// In thousandths, per service.
const RATES: [[u64; 4]; 6] = [
    [250; 4],
    [100; 4],
    [500, 250, 500, 125],
    [100, 400, 200, 800],
    [1000, 200, 1000, 50],
    [300, 1000, 300, 1000],
];

/// Several calls of an edge in one trace, and a rate of its own for each service. The errors must be neither too small
/// nor so large that they say nothing.
#[test]
fn estimates_lie_within_three_standard_errors_of_the_truth() {
    let (mut squares, mut count) = (0.0, 0.0);
    for rates in RATES {
        for seed in [11, 23, 47, 101, 997] {
            let (segment, truth) = World::new(seed, rates).run(1500);
            let graph = segment.snapshot(&Settings::default());
            for ((caller, callee), calls) in truth {
                let edge = edge(&graph, caller, callee);
                let error = sampling(edge).standard_error.expect("weights are known");
                let off = edge.weighted_calls - calls as f64;
                if rates[caller] == 1000 {
                    assert!(off.abs() < 1e-6 && error < 1e-6, "{off} +/- {error}");
                    continue;
                }
                assert!(
                    off.abs() <= 3.0 * error,
                    "{rates:?} seed {seed} {caller}->{callee}: {off} +/- {error} of {calls}"
                );
                squares += (off / error).powi(2);
                count += 1.0;
            }
        }
    }
    let spread = (squares / count).sqrt();
    assert!((0.6..1.2).contains(&spread), "{spread} standard errors");
}

/// A pair weighs as its rarer half; with consistent sampling every such half is there, so the estimate holds for edges
/// whose callee is sampled less than its caller, too.
#[test]
fn the_estimate_from_pairs_needs_no_address() {
    for (seed, rates) in [(5, [500, 250, 500, 125]), (7, [100, 400, 200, 800])] {
        let (segment, truth) = World::new(seed, rates).run(4000);
        let graph = segment.snapshot(&Settings::default());
        for ((caller, callee), calls) in truth {
            let pairs = sampling(edge(&graph, caller, callee)).pair_estimate;
            let off = pairs.expect("pairs were seen") / calls as f64 - 1.0;
            assert!(off.abs() < 0.15, "{rates:?} {caller}->{callee}: {off}");
        }
    }
}

/// B16 in the large: what lacks its other half only because that was sampled out is no gap.
#[test]
fn sampling_explains_the_halves_that_it_tore_apart() {
    for rates in RATES {
        for seed in [3, 77] {
            let (segment, _) = World::new(seed, rates).run(3000);
            let graph = segment.snapshot(&Settings::default());
            for service in &graph.diagnostics.per_service {
                for (what, seen, out) in [
                    ("orphans", service.orphans, service.orphans_sampled_out),
                    (
                        "unanswered",
                        service.without_server_half,
                        service.without_server_half_sampled_out,
                    ),
                ] {
                    assert!(out.count <= seen, "{what}: {out:?} of {seen}");
                    assert!(
                        seen - out.count <= 3 * out.standard_error,
                        "{rates:?} seed {seed} {} {what}: {out:?} of {seen}",
                        service.service
                    );
                }
            }
        }
    }
}

/// Sums of weights, variances and explained halves do not depend on where the stream was cut, nor on the order of merging.
#[test]
fn segments_merge_in_any_order_to_the_same_estimates() {
    let parts: Vec<Segment> = (1..=3)
        .map(|seed| World::new(seed * 1000, [100, 400, 200, 800]).run(200).0)
        .collect();
    let merged = |order: [usize; 3]| {
        let mut all = Segment::default();
        order
            .iter()
            .for_each(|part| all.merge(parts[*part].clone()));
        all.snapshot(&Settings::default())
    };
    let first = merged([0, 1, 2]);
    for order in [[2, 1, 0], [1, 0, 2]] {
        assert_eq!(first, merged(order));
    }
    let mut nested = parts[1].clone();
    nested.merge(parts[2].clone());
    let mut all = parts[0].clone();
    all.merge(nested);
    assert_eq!(first, all.snapshot(&Settings::default()));
}

/// Rates that a user gives stand in for what spans do not tell, and come to the same.
#[test]
fn rates_configured_per_service_give_the_same_estimates_as_told_ones() {
    let rates = [250, 500, 125, 1000];
    let graph = |rules: &[&str], is_told| {
        let rules: Vec<String> = rules.iter().map(|rule| (*rule).to_owned()).collect();
        let settings = Settings {
            sampling: SamplingRules::new(&[], &[], &rules).expect("sound rules"),
            ..Settings::default()
        };
        let mut world = World::with_settings(9, rates, settings);
        // Thresholds that are exact in floating point.
        world.thresholds = rates.map(|rate| ((1000 - rate) / 125) << 53);
        world.is_told = is_told;
        world.run(300).0.snapshot(&Settings::default())
    };
    let all = ["front=0.25", "cart=0.5", "stock=0.125", "price=1"];
    assert_eq!(graph(&[], true), graph(&all, false));
    let unknown = graph(&all[1..], false).diagnostics.per_service;
    let front = unknown.iter().find(|one| one.service.ends_with("/front"));
    let front = front.expect("it sends spans");
    assert_eq!(front.weight_unknown, Some(front.spans));
}
