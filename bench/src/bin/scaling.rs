//! How the cost of a span grows with the number of services, and how the rate of spans grows with that of cores.
//!
//! ```text
//! cargo run --release -p tracemesh-bench --bin scaling -- services [SERVICES] [SPANS] [ROUNDS] [BATCH]
//! cargo run --release -p tracemesh-bench --bin scaling -- cores [SPANS] [ROUNDS]
//! ```
//! `services` feeds traffic of so many services and of 20 in turn, through a receiver each. The first feed meets every name and edge
//! for the first time; the further ones are the steady state, with traces that are new. BATCH is the number of spans
//! in a request at most: the pods of 5,000 services fill requests of 512 spans with more traffic than memory is to spare.
//!
//! `cores` runs pipelines as the collector makes them, with one decoding thread and one shard on one core, and with two of each on
//! two, in processes of their own, in turn. Needs `taskset`.
#![expect(clippy::print_stdout, reason = "a benchmark prints what it measured")]

use std::process::{Command, ExitCode};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tracemesh_bench::ab::Ratio;
use tracemesh_bench::corpus::Corpus;
use tracemesh_bench::receive::{Cost, Receiver};
use tracemesh_bench::stages::checked_graph;
use tracemesh_bench::{numbers, process_cpu_ms, wall_ns};
use tracemesh_collector::decode::decode_protobuf;
use tracemesh_collector::pipeline::Pipeline;
use tracemesh_graph::settings::Settings;

/// Records that may wait between decoders and shards.
const QUEUE: usize = 65_536;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (word, rest) = match arguments.split_first() {
        Some((word, rest)) => (word.as_str(), rest),
        None => ("", &[][..]),
    };
    let ran = match word {
        "services" => services(rest),
        "cores" => cores(rest),
        "run" => run(rest),
        _ => Err("`services` or `cores` is wanted".to_owned()),
    };
    match ran {
        Ok(()) => ExitCode::SUCCESS,
        Err(fault) => {
            println!(
                "{fault}\nscaling services [SERVICES] [SPANS] [ROUNDS] [BATCH] | cores [SPANS] [ROUNDS]"
            );
            ExitCode::from(2)
        }
    }
}

fn services(arguments: &[String]) -> Result<(), String> {
    let [services, spans, rounds, batch] = numbers(arguments, [1_000, 524_288, 9, 128])?;
    let made = |services, spans| Corpus::usual_in_batches(services, spans, batch);
    let mut small = made(20, spans.min(262_144));
    let mut large = made(services, spans);
    println!("20 services: {}", small.told());
    println!("{services} services: {}", large.told());
    let (mut few, mut many) = (Receiver::default(), Receiver::default());
    let first = (few.feed(&mut small), many.feed(&mut large));
    let steady: Vec<(Cost, Cost)> = (0..rounds.max(1))
        .map(|_| (few.feed(&mut small), many.feed(&mut large)))
        .collect();
    let few_told = few.checked(&small);
    let many_told = many.checked(&large);
    println!(
        "ns of processor time per span  first feed  +flush  steady (least-most)  +flush (least-most)"
    );
    let (of_few, of_many) = (
        steady.iter().map(|pair| pair.0),
        steady.iter().map(|pair| pair.1),
    );
    tell(20, first.0, of_few, &few_told);
    tell(services, first.1, of_many, &many_told);
    let feeds = steady.iter().map(|(few, many)| many.feed_ns / few.feed_ns);
    let whole = |cost: &Cost| cost.feed_ns + cost.flush_ns;
    let wholes = steady.iter().map(|(few, many)| whole(many) / whole(few));
    if let (Some(feeds), Some(wholes)) = (Ratio::of(feeds), Ratio::of(wholes)) {
        println!(
            "{services} services / 20: first feed {:.2}, steady {feeds}, with flush {wholes}",
            first.1.feed_ns / first.0.feed_ns
        );
    }
    Ok(())
}

fn tell(services: usize, first: Cost, steady: impl Iterator<Item = Cost> + Clone, outcome: &str) {
    let feed = Ratio::of(steady.clone().map(|cost| cost.feed_ns));
    let flush = Ratio::of(steady.map(|cost| cost.flush_ns));
    if let (Some(feed), Some(flush)) = (feed, flush) {
        println!(
            "{services:>6} services  {:.0}  {:.0}  {feed}  {flush}  {outcome}",
            first.feed_ns, first.flush_ns
        );
    }
}

/// What one process measured.
struct Run {
    wall_ns: f64,
    cpu_ns: f64,
}

fn cores(arguments: &[String]) -> Result<(), String> {
    let [spans, rounds] = numbers(arguments, [1_000_000, 5])?;
    let mut runs = Vec::new();
    for _ in 0..rounds.max(1) {
        runs.push((child(1, "0", spans)?, child(2, "0,1", spans)?));
    }
    println!("per span: ns by the clock, ns of processor time; least of {rounds} rounds in turn");
    for (cores, of_cores) in [
        (1, runs.iter().map(|run| &run.0).collect::<Vec<_>>()),
        (2, runs.iter().map(|run| &run.1).collect()),
    ] {
        let wall = Ratio::of(of_cores.iter().map(|run| run.wall_ns));
        let cpu = Ratio::of(of_cores.iter().map(|run| run.cpu_ns));
        if let (Some(wall), Some(cpu)) = (wall, cpu) {
            println!("{cores} cores: {:.0}, {:.0}", wall.least, cpu.least);
        }
    }
    let rate = runs.iter().map(|(one, two)| one.wall_ns / two.wall_ns);
    let spent = runs.iter().map(|(one, two)| two.cpu_ns / one.cpu_ns);
    if let (Some(rate), Some(spent)) = (Ratio::of(rate), Ratio::of(spent)) {
        println!("spans per second, 2 cores / 1: {rate}");
        println!(
            "processor time per span, 2 cores / 1: {spent}; with both cores free that is {:.2} times the rate",
            2.0 / spent.median
        );
    }
    Ok(())
}

fn child(cores: usize, places: &str, spans: usize) -> Result<Run, String> {
    let own = std::env::current_exe().map_err(|error| format!("where is this program: {error}"))?;
    let mut command = Command::new("taskset");
    command.args(["-c", places]).arg(own);
    command.args(["run", &cores.to_string(), &spans.to_string()]);
    let ran = command
        .output()
        .map_err(|error| format!("taskset, of util-linux, does not run: {error}"))?;
    let told = String::from_utf8_lossy(&ran.stdout);
    let mut numbers = told.split_whitespace().map(str::parse);
    match (ran.status.success(), numbers.next(), numbers.next()) {
        (true, Some(Ok(wall_ns)), Some(Ok(cpu_ns))) => Ok(Run { wall_ns, cpu_ns }),
        _ => Err(format!(
            "{cores} cores: {told}{}",
            String::from_utf8_lossy(&ran.stderr)
        )),
    }
}

/// One pipeline: nanoseconds per span by the clock and of processor time.
fn run(arguments: &[String]) -> Result<(), String> {
    let [cores, spans] = numbers(arguments, [1, 262_144])?;
    let corpus = Corpus::usual(20, spans);
    let settings = Settings {
        max_open_records: usize::MAX,
        max_waiting_records: usize::MAX,
        max_buffered_bytes: usize::MAX,
        ..Settings::default()
    };
    let shards = cores.try_into().map_err(|_zero| "no cores".to_owned())?;
    let pipeline = Pipeline::start(&settings, shards, QUEUE).map_err(|error| error.to_string())?;
    let (began_ns, began_ms) = (wall_ns(), process_cpu_ms());
    let next = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..cores {
            scope.spawn(|| decode(&pipeline, &corpus, &next));
        }
    });
    let segment = pipeline.drain();
    let (wall, cpu_ms) = (wall_ns() - began_ns, process_cpu_ms() - began_ms);
    let graph = segment.snapshot(&Settings::default());
    let told = checked_graph(&graph, &corpus.expected, 1);
    let per_span = |ns: u64| ns as f64 / corpus.spans.max(1) as f64;
    println!(
        "{:.1} {:.1} {told}",
        per_span(wall),
        per_span(cpu_ms * 1_000_000)
    );
    Ok(())
}

/// Takes requests until none is left.
fn decode(pipeline: &Pipeline, corpus: &Corpus, next: &AtomicUsize) {
    let mut recorder = pipeline.recorder();
    while let Some(request) = corpus.requests.get(next.fetch_add(1, Ordering::Relaxed)) {
        decode_protobuf(request, &mut recorder).expect("the corpus is sound");
        let records = recorder.take_records();
        let rejected = recorder.take_rejected();
        // A receiver would refuse, and its client try again.
        while pipeline.queued_records() + records.len() > QUEUE / 2 {
            std::thread::sleep(Duration::from_micros(100));
        }
        let taken = pipeline.submit(records, &rejected);
        taken.expect("half of the queue is free, and all decoders need less");
    }
}
