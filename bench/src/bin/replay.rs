//! The way of a span stage by stage, on one thread: wire scanner, recorder, trace slices, graph.
//!
//! ```text
//! cargo run --release -p tracemesh-bench --bin replay -- [SERVICES] [SPANS] [ROUNDS]
//! ```
//! Prints processor time per span of each stage on top of the ones before, the least of the rounds and the median, and what came out, so
//! that a broken fast path cannot look fast. For instruction counts, run it with one round under callgrind.
#![expect(clippy::print_stdout, reason = "a benchmark prints what it measured")]

use std::sync::Arc;

use tracemesh_bench::corpus::Corpus;
use tracemesh_bench::cpu_ns;
use tracemesh_collector::decode::decode_protobuf;
use tracemesh_graph::attribute::AttributeSet;
use tracemesh_graph::record::{Names, Recorder};
use tracemesh_graph::settings::Settings;
use tracemesh_graph::shard::Shard;
use tracemesh_graph::span::{RejectReason, SpanSink, SpanView};

/// What came out, in words; made after the clock was read.
type Outcome = Box<dyn FnOnce() -> String>;

/// A part of the way of a span, from its beginning to some place.
type Stage = fn(&Corpus) -> Outcome;

/// Counts, and looks at nothing.
#[derive(Default)]
struct Null {
    spans: u64,
    rejected: u64,
}

impl SpanSink for Null {
    fn resource(&mut self, _attributes: &AttributeSet<'_>) {}

    fn span(&mut self, span: &SpanView<'_>) {
        self.spans += 1;
        std::hint::black_box(span);
    }

    fn rejected(&mut self, _reason: RejectReason) {
        self.rejected += 1;
    }
}

fn main() {
    let mut arguments = std::env::args().skip(1).map(|text| text.parse::<usize>());
    let mut next = |default| match arguments.next() {
        Some(Ok(number)) => number,
        _ => default,
    };
    let (services, spans, rounds) = (next(20), next(262_144), next(5).max(1));
    let corpus = Corpus::of(7, services, spans);
    println!(
        "{} services, {} spans in {} requests, {:.0} B and {:.2} attributes per span",
        services,
        corpus.spans,
        corpus.requests.len(),
        corpus.bytes() as f64 / corpus.spans as f64,
        corpus.attributes as f64 / corpus.spans as f64,
    );
    let stages: [(&str, Stage); 4] = [
        ("read all bytes", floor),
        ("scan", scan),
        ("scan, record", record),
        ("scan, record, infer", infer),
    ];
    let mut times = vec![Vec::new(); stages.len()];
    let mut outcomes = vec![String::new(); stages.len()];
    for _ in 0..rounds {
        for (stage, (_, run)) in stages.iter().enumerate() {
            let began = cpu_ns();
            let outcome = run(&corpus);
            times[stage].push((cpu_ns() - began) / corpus.spans);
            outcomes[stage] = outcome();
        }
    }
    println!(
        "{:22} {:>8} {:>8}  outcome",
        "ns per span", "least", "median"
    );
    for ((name, _), (times, outcome)) in stages.iter().zip(times.iter_mut().zip(outcomes)) {
        times.sort_unstable();
        println!(
            "{name:22} {:>8} {:>8}  {outcome}",
            times[0],
            times[times.len() / 2]
        );
    }
}

fn floor(corpus: &Corpus) -> Outcome {
    let sum = corpus.requests.iter().map(|request| {
        let words = request.chunks_exact(8);
        words.fold(0_u64, |sum, word| {
            sum.wrapping_add(u64::from_le_bytes(word.try_into().unwrap_or_default()))
        })
    });
    let sum = sum.fold(0, u64::wrapping_add);
    Box::new(move || format!("sum {sum:016x}"))
}

fn scan(corpus: &Corpus) -> Outcome {
    let mut sink = Null::default();
    for request in &corpus.requests {
        decode_protobuf(request, &mut sink).expect("the corpus is sound");
    }
    assert_eq!(sink.spans, corpus.spans);
    Box::new(move || format!("{} spans, {} rejected", sink.spans, sink.rejected))
}

fn record(corpus: &Corpus) -> Outcome {
    let settings = Settings::default();
    let mut recorder = Recorder::new(Arc::new(Names::new(&settings)), &settings);
    let mut records = 0;
    for request in &corpus.requests {
        decode_protobuf(request, &mut recorder).expect("the corpus is sound");
        records += recorder.take_records().len() as u64;
    }
    assert_eq!(records, corpus.spans);
    Box::new(move || format!("{records} records"))
}

/// As a receiver would: slices close when idle, by a clock that moves with the requests.
fn infer(corpus: &Corpus) -> Outcome {
    let settings = Settings {
        max_open_records: Settings::FILE_OPEN_RECORDS,
        max_nodes: 20_000,
        ..Settings::default()
    };
    let names = Arc::new(Names::new(&settings));
    let mut recorder = Recorder::new(Arc::clone(&names), &settings);
    let mut shard = Shard::new(names, settings);
    for (nth, request) in corpus.requests.iter().enumerate() {
        let now_ms = nth as u64 * 50;
        decode_protobuf(request, &mut recorder).expect("the corpus is sound");
        for record in recorder.take_records() {
            shard.push(record, now_ms);
        }
        shard.tick(now_ms);
    }
    shard.close_all();
    let segment = shard.take_segment();
    Box::new(move || {
        let graph = segment.snapshot(&Settings::default());
        let calls: u64 = graph.edges.iter().map(|edge| edge.calls).sum();
        format!("{} edges, {calls} calls", graph.edges.len())
    })
}
