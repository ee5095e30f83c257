//! What it costs to make the graph of a large company, and to compare two of them: CPU time, memory, and a hash of the result.
//!
//! A segment of 1,000 services and 20,000 edges, as a store of two weeks merges to. `paired` has both halves of each call,
//! `mixed` lacks the server half of each third one, so that the address book has to say who answered.
//!
//! ```text
//! cargo run --release -p tracemesh-graph --example snapshot_bench -- paired|mixed [CALLS PER EDGE]
//! ```
//! Times are CPU times as Linux tells them, so that other processes do not count.
#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a benchmark measures, prints and ends at the first fault"
)]

use std::fs;
use std::io::{self, Write};
use std::sync::Arc;

use tracemesh_graph::attribute::{AttributeSet, Key, Value};
use tracemesh_graph::diff::{Options, Side, compare};
use tracemesh_graph::record::{Names, Recorder};
use tracemesh_graph::segment::Segment;
use tracemesh_graph::settings::Settings;
use tracemesh_graph::shard::Shard;
use tracemesh_graph::span::{SpanEvents, SpanId, SpanKind, SpanSink, SpanView, TraceId};

const SERVICES: u64 = 1_000;
const CALLEES: u64 = 20;
const SECOND: u64 = 1_000_000_000;
const START: u64 = 1_700_006_400 * SECOND;
const TWO_WEEKS: u64 = 14 * 86_400 * SECOND;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let (kind, calls) = match words.as_slice() {
        [kind] => (*kind, Some(40)),
        [kind, calls] => (*kind, calls.parse().ok()),
        _ => ("", None),
    };
    match (kind, calls) {
        ("paired", Some(calls)) => measure(u64::MAX, calls),
        ("mixed", Some(calls)) => measure(3, calls),
        _ => println!("snapshot_bench paired|mixed [CALLS PER EDGE]"),
    }
}

/// Every `alone`-th call of an edge lacks its server half.
fn measure(alone: u64, calls: u64) {
    let settings = Settings::default();
    let old = segment_of(alone, calls, &mut Dice(7));
    let new = segment_of(alone, calls, &mut Dice(8));
    let before = cost("snapshot", || old.snapshot(&settings));
    drop(old);
    let after = cost("snapshot", || new.snapshot(&settings));
    drop(new);
    println!("{} edges, {:016x}", after.edges.len(), hash(&after));
    let sides = (Side::of(&before), Side::of(&after));
    let difference = cost("diff", || compare(sides.0, sides.1, Options::default()));
    println!(
        "{} differ, {:016x}",
        difference.edges.len(),
        hash(&difference)
    );
    let same = cost("diff of equals", || {
        compare(sides.0, sides.0, Options::default())
    });
    assert!(!same.differ);
}

/// Runs and tells what it took.
fn cost<T>(what: &str, run: impl FnOnce() -> T) -> T {
    // Sets the peak of memory back to what is used now.
    fs::write("/proc/self/clear_refs", "5").unwrap();
    let (begun, memory) = (cpu_ms(), status_kib("VmRSS"));
    let result = run();
    println!(
        "{what}: {} ms, {} MiB on top of {} MiB at its peak, {} MiB stay",
        cpu_ms() - begun,
        (status_kib("VmHWM") - memory) >> 10,
        memory >> 10,
        status_kib("VmRSS").saturating_sub(memory) >> 10,
    );
    result
}

/// CPU time of all threads so far.
fn cpu_ms() -> u64 {
    let tasks = fs::read_dir("/proc/self/task").unwrap();
    let spent = tasks.map(|task| {
        let path = task.unwrap().path().join("schedstat");
        let text = fs::read_to_string(path).unwrap();
        text.split(' ').next().unwrap().parse::<u64>().unwrap()
    });
    spent.sum::<u64>() / 1_000_000
}

fn status_kib(field: &str) -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with(field)).unwrap();
    let number = line.split_ascii_whitespace().nth(1).unwrap();
    number.parse().unwrap()
}

/// Of the JSON: equal results have equal ones.
fn hash(value: &impl serde::Serialize) -> u64 {
    let mut hashed = Fnv(0xcbf2_9ce4_8422_2325);
    serde_json::to_writer(&mut hashed, value).unwrap();
    hashed.0
}

struct Fnv(u64);

impl Write for Fnv {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Numbers that look random and are the same in every run.
struct Dice(u64);

impl Dice {
    fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.roll() % bound
    }

    /// Some milliseconds; the sum of several powers of two has about the tail of real latency.
    fn latency_ns(&mut self) -> u64 {
        let octave = (0..6).map(|_| self.below(2)).sum::<u64>();
        (500_000 << octave) + self.below(500_000 << octave)
    }
}

fn segment_of(alone: u64, calls: u64, dice: &mut Dice) -> Segment {
    let settings = Settings {
        max_open_records: Settings::FILE_OPEN_RECORDS,
        ..Settings::default()
    };
    let names = Arc::new(Names::new(&settings));
    let mut recorder = Recorder::new(Arc::clone(&names), &settings);
    let mut shard = Shard::new(names, settings);
    for caller in 0..SERVICES {
        for nth in 0..CALLEES {
            let callee = (caller * 31 + nth * nth * 7 + nth + 1) % SERVICES;
            for call in 0..calls {
                let how = (call % 5 == 4, call % alone != alone - 1);
                emit(&mut recorder, dice, (caller, callee), how);
            }
        }
        for record in recorder.take_records() {
            shard.push(record, 0);
        }
        shard.close_all();
    }
    shard.take_segment()
}

/// A call: the span of the caller, by one of two names, and maybe that of the callee.
fn emit(
    recorder: &mut Recorder,
    dice: &mut Dice,
    (caller, callee): (u64, u64),
    (is_short, is_answered): (bool, bool),
) {
    let trace = (u128::from(dice.roll()) << 64) | u128::from(dice.roll() | 1);
    let ids = [(); 2].map(|()| SpanId((dice.roll() | 1).to_be_bytes()));
    let start_ns = START + dice.below(TWO_WEEKS);
    let took = dice.latency_ns();
    let host = match is_short {
        true => format!("service-{callee}"),
        false => format!("service-{callee}.shop.svc.cluster.local"),
    };
    let status = if dice.below(100) == 0 { 500 } else { 200 };
    let mut attributes = AttributeSet::default();
    attributes.insert(Key::ServerAddress, Value::Text(&host));
    attributes.insert(Key::ServerPort, Value::Int(8080));
    attributes.insert(Key::HttpRequestMethod, Value::Text("GET"));
    attributes.insert(Key::HttpResponseStatusCode, Value::Int(status));
    resource(recorder, dice, caller);
    let view = SpanView {
        trace_id: TraceId(trace.to_be_bytes()),
        span_id: ids[0],
        parent_id: None,
        kind: SpanKind::Client,
        start_ns,
        end_ns: start_ns + took,
        is_error: status == 500,
        flags: 0,
        trace_state: "",
        name: "GET",
        attributes: &attributes,
        events: SpanEvents::default(),
        links: &[],
    };
    recorder.span(&view);
    if !is_answered {
        return;
    }
    let mut served = attributes.clone();
    served.insert(Key::HttpRoute, Value::Text("/things/{id}"));
    resource(recorder, dice, callee);
    recorder.span(&SpanView {
        span_id: ids[1],
        parent_id: Some(ids[0]),
        kind: SpanKind::Server,
        start_ns: start_ns + took / 10,
        end_ns: start_ns + took - took / 10,
        attributes: &served,
        ..view
    });
}

fn resource(recorder: &mut Recorder, dice: &mut Dice, service: u64) {
    let name = format!("service-{service}");
    let pod = dice.below(3);
    let (instance, zone) = (format!("{name}-{pod}"), format!("zone-{pod}"));
    let mut attributes = AttributeSet::default();
    attributes.insert(Key::ServiceName, Value::Text(&name));
    attributes.insert(Key::ServiceNamespace, Value::Text("shop"));
    attributes.insert(Key::ServiceInstanceId, Value::Text(&instance));
    attributes.insert(Key::CloudAvailabilityZone, Value::Text(&zone));
    recorder.resource(&attributes);
}
