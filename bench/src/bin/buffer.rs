//! What a buffered span costs: bytes, time of a push, the longest push, and what a flush of it all costs.
//!
//! ```text
//! cargo run --release -p tracemesh-bench --bin buffer -- [SPANS] [SPANS_PER_TRACE] [TRACES_AT_ONCE]
//! ```
//! Spans come trace by trace, but those of many traces in turn, as from real exporters; none of their slices closes. Processor time,
//! and the longest push by the wall clock among those during which the thread was not interrupted.
#![expect(clippy::print_stdout, reason = "a benchmark prints what it measured")]

use std::process::ExitCode;
use std::sync::Arc;

use tracemesh_bench::{cpu_ns, numbers, peak_mib, resident_bytes, turns, wall_ns};
use tracemesh_graph::attribute::{AttributeSet, Key, Value};
use tracemesh_graph::record::{Names, Recorder, SpanRecord};
use tracemesh_graph::settings::Settings;
use tracemesh_graph::shard::Shard;
use tracemesh_graph::span::{SpanEvents, SpanId, SpanKind, SpanSink, SpanView, TraceId};

/// Records made at a time.
const BATCH: usize = 4_096;

/// A flush in steps takes so many records at a time, as that of a receiver does.
const STEP: usize = 2_048;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match numbers(&arguments, [1_000_000, 9, 50_000]) {
        Ok([spans, per_trace, at_once]) => {
            measure(spans.max(1), per_trace.max(1), at_once.max(1));
            ExitCode::SUCCESS
        }
        Err(fault) => {
            println!("{fault}\nbuffer [SPANS] [SPANS_PER_TRACE] [TRACES_AT_ONCE]");
            ExitCode::from(2)
        }
    }
}

fn measure(spans: usize, per_trace: usize, at_once: usize) {
    let settings = Settings {
        max_open_records: usize::MAX,
        max_buffered_bytes: usize::MAX,
        slice_idle_ms: u64::MAX,
        slice_max_ms: u64::MAX,
        ..Settings::default()
    };
    let names = Arc::new(Names::new(&settings));
    let mut source = Source {
        recorder: Recorder::new(Arc::clone(&names), &settings),
        per_trace,
        at_once,
        random: 0x9e37_79b9_7f4a_7c15,
    };
    let mut shard = Shard::new(names, settings);
    drop(source.records(0));
    let before = resident_bytes();
    let pushed = push(&mut shard, &mut source, spans);
    let bytes = resident_bytes().saturating_sub(before);
    assert_eq!(shard.open_records(), spans);
    let per = |bytes: usize| bytes as f64 / spans as f64;
    let usage = shard.usage();
    println!(
        "{spans} spans in {} slices: {:.1} B per span counted, {:.1} held, {:.1} resident",
        usage.open_slices,
        per(usage.open_bytes),
        per(usage.held_bytes),
        per(bytes),
    );
    println!(
        "push: {} ns of processor time per span, the longest {:.3} ms",
        pushed.cpu_ns / spans as u64,
        pushed.longest_ns as f64 / 1e6
    );
    flush(&mut shard, spans);
    println!("{} MiB resident at most", peak_mib());
}

struct Pushed {
    cpu_ns: u64,
    longest_ns: u64,
}

fn push(shard: &mut Shard, source: &mut Source, spans: usize) -> Pushed {
    let mut pushed = Pushed {
        cpu_ns: 0,
        longest_ns: 0,
    };
    let mut done = 0;
    while done < spans {
        let records = source.records(done);
        let count = records.len().min(spans - done);
        let now_ms = done as u64 / 100;
        let mut turn = turns();
        let began = cpu_ns();
        for record in records.into_iter().take(count) {
            let at = wall_ns();
            shard.push(record, now_ms);
            let took = wall_ns() - at;
            if took > pushed.longest_ns.max(1_000) {
                let now = turns();
                if now == turn {
                    pushed.longest_ns = took;
                }
                turn = now;
            }
        }
        pushed.cpu_ns += cpu_ns() - began;
        done += count;
    }
    pushed
}

/// As a receiver makes it.
fn flush(shard: &mut Shard, spans: usize) {
    let (mut steps, mut longest_ns) = (0, 0);
    let began = cpu_ns();
    shard.begin_flush();
    let flush = loop {
        let (turn, at) = (turns(), wall_ns());
        let flush = shard.step_flush(STEP);
        let took = wall_ns() - at;
        steps += 1;
        if let Some(flush) = flush {
            println!("flush: the last step {:.3} ms", took as f64 / 1e6);
            break flush;
        }
        if turns() == turn {
            longest_ns = longest_ns.max(took);
        }
    };
    let cpu = cpu_ns() - began;
    println!(
        "flush: {} ns of processor time per span, {steps} steps, the longest but for the last {:.3} ms",
        cpu / spans as u64,
        longest_ns as f64 / 1e6
    );
    drop(flush);
}

/// Makes records.
struct Source {
    recorder: Recorder,
    per_trace: usize,
    at_once: usize,
    random: u64,
}

impl Source {
    /// The next records, after so many.
    fn records(&mut self, done: usize) -> Vec<SpanRecord> {
        const SERVICES: [&str; 8] = [
            "cart", "shop", "pay", "mail", "ads", "stock", "users", "search",
        ];
        let service = SERVICES[done / BATCH % SERVICES.len()];
        let mut resource = AttributeSet::default();
        resource.insert(Key::ServiceName, Value::Text(service));
        self.recorder.resource(&resource);
        for nth in done..done + BATCH {
            let target = SERVICES[nth % SERVICES.len()];
            self.record(nth, target);
        }
        self.recorder.take_records()
    }

    fn record(&mut self, nth: usize, target: &str) {
        let mut attributes = AttributeSet::default();
        attributes.insert(Key::ServerAddress, Value::Text(target));
        attributes.insert(Key::HttpRequestMethod, Value::Text("GET"));
        let random = self.next_random();
        let turn = usize::try_from(random % self.at_once as u64).unwrap_or(0);
        let trace = (nth / self.per_trace + turn) as u64;
        // Ids of real tracers are random.
        let low = (trace + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let trace_id = u128::from(!low) << 64 | u128::from(low);
        let start_ns = 1_700_000_000_000_000_000 + nth as u64 * 1_000;
        self.recorder.span(&SpanView {
            trace_id: TraceId(trace_id.to_be_bytes()),
            span_id: SpanId((random | 1).to_be_bytes()),
            parent_id: Some(SpanId((random.rotate_left(7) | 1).to_be_bytes())),
            kind: match nth % 2 {
                0 => SpanKind::Client,
                _ => SpanKind::Server,
            },
            start_ns,
            end_ns: start_ns + random % 50_000_000,
            is_error: false,
            flags: 0x101,
            trace_state: "",
            name: "GET",
            attributes: &attributes,
            events: SpanEvents::default(),
            links: &[],
        });
    }

    /// xorshift64: the same numbers in every run.
    fn next_random(&mut self) -> u64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        self.random
    }
}
