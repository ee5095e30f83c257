//! How long it takes to open two weeks of a large company, and how many bytes they need.
//!
//! Makes a store of 1,000 services and 20,000 edges, written by the store itself: 14 segments of a day, every edge in each of them, and
//! for a `fresh` one 24 of an hour and 60 of a minute that nobody compacted yet. Then reads it as `tracemesh graph` does. `write DIR
//! compacted|fresh` makes it, `read DIR topology|everything` reads it; two processes, so that the peak of memory is that of reading.
//!
//! ```text
//! cargo run --release -p tracemesh-bench --bin store -- write /tmp/store compacted
//! cargo run --release -p tracemesh-bench --bin store -- read /tmp/store topology
//! ```
#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a benchmark measures, prints and ends at the first fault"
)]

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use tracemesh_bench as _;
use tracemesh_collector::store::{Location, Store, Wanted, read};
use tracemesh_graph::attribute::{AttributeSet, Key, Value};
use tracemesh_graph::record::{Names, Recorder};
use tracemesh_graph::segment::Segment;
use tracemesh_graph::segment::tables::Detail;
use tracemesh_graph::settings::Settings;
use tracemesh_graph::shard::Shard;
use tracemesh_graph::snapshot::Window;
use tracemesh_graph::span::{SpanEvents, SpanId, SpanKind, SpanSink, SpanView, TraceId};
use tracemesh_graph::time::Timestamp;

const SERVICES: u64 = 1_000;
const CALLEES: u64 = 20;
const SECOND: u64 = 1_000_000_000;
const START: u64 = 1_700_006_400 * SECOND;
const DAY: u64 = 86_400 * SECOND;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["write", directory, "compacted"] => write(Path::new(directory), false),
        ["write", directory, "fresh"] => write(Path::new(directory), true),
        ["read", directory, "topology"] => measure(Path::new(directory), Detail::Topology),
        ["read", directory, "everything"] => measure(Path::new(directory), Detail::Everything),
        _ => println!("store write DIR compacted|fresh | read DIR topology|everything"),
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

fn write(directory: &Path, fresh: bool) {
    let mut store = Store::open(&Location::from(directory), "bench", Timestamp(START)).unwrap();
    let mut dice = Dice(7);
    let days = (0..14).map(|day| (START + day * DAY, DAY, 40));
    let today = START + 14 * DAY;
    let (hours, minutes) = if fresh { (24, 60) } else { (0, 0) };
    let hours = (0..hours).map(|hour| (today + hour * 3_600 * SECOND, 3_600 * SECOND, 6));
    let tomorrow = today + DAY;
    let minutes = (0..minutes).map(|minute| (tomorrow + minute * 60 * SECOND, 60 * SECOND, 1));
    let (mut calls, mut segments) = (0, 0);
    for (start, length, calls_per_edge) in days.chain(hours).chain(minutes) {
        let segment = segment_of(start, length, calls_per_edge, &mut dice);
        calls += calls_per_edge * SERVICES * CALLEES;
        segments += 1;
        let window = Window {
            start: Some(Timestamp(start)),
            end: Some(Timestamp(start + length)),
        };
        store.append(&segment, &Segment::default(), window).unwrap();
    }
    println!("{calls} calls in {segments} segments");
    tell_sizes(directory);
}

fn segment_of(start: u64, length: u64, calls_per_edge: u64, dice: &mut Dice) -> Segment {
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
            for call in 0..calls_per_edge {
                let began = start + dice.below(length);
                emit(
                    &mut recorder,
                    dice,
                    (caller, callee),
                    (began, call % 5 == 4),
                );
            }
        }
        for record in recorder.take_records() {
            shard.push(record, 0);
        }
        shard.close_all();
    }
    shard.take_segment()
}

/// A call: the span of the caller and that of the callee.
fn emit(
    recorder: &mut Recorder,
    dice: &mut Dice,
    ends: (u64, u64),
    (start_ns, is_other): (u64, bool),
) {
    let (caller, callee) = ends;
    let trace = (u128::from(dice.roll()) << 64) | u128::from(dice.roll() | 1);
    let trace = TraceId(trace.to_be_bytes());
    let mut id = || SpanId((dice.roll() | 1).to_be_bytes());
    let (client, server) = (id(), id());
    let took = dice.latency_ns();
    let is_error = dice.below(100) == 0;
    let host = match is_other {
        true => format!("service-{callee}"),
        false => format!("service-{callee}.shop.svc.cluster.local"),
    };
    let status = if is_error { 500 } else { 200 };
    let mut attributes = AttributeSet::default();
    attributes.insert(Key::ServerAddress, Value::Text(&host));
    attributes.insert(Key::ServerPort, Value::Int(8080));
    attributes.insert(Key::HttpRequestMethod, Value::Text("GET"));
    attributes.insert(Key::HttpResponseStatusCode, Value::Int(status));
    resource(recorder, dice, caller);
    let view = SpanView {
        trace_id: trace,
        span_id: client,
        parent_id: None,
        kind: SpanKind::Client,
        start_ns,
        end_ns: start_ns + took,
        is_error,
        flags: 0,
        trace_state: "",
        name: "GET",
        attributes: &attributes,
        events: SpanEvents::default(),
        links: &[],
    };
    recorder.span(&view);
    let mut served = attributes.clone();
    served.insert(Key::HttpRoute, Value::Text("/things/{id}"));
    resource(recorder, dice, callee);
    recorder.span(&SpanView {
        span_id: server,
        parent_id: Some(client),
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

/// Bytes of all tables, and for each edge and segment.
fn tell_sizes(directory: &Path) {
    let mut tables: BTreeMap<String, u64> = BTreeMap::new();
    for segment in fs::read_dir(directory.join("segments")).unwrap() {
        for file in fs::read_dir(segment.unwrap().path()).unwrap() {
            let file = file.unwrap();
            let name = file.file_name().to_string_lossy().into_owned();
            *tables.entry(name).or_default() += file.metadata().unwrap().len();
        }
    }
    let total: u64 = tables.values().sum();
    let mut largest: Vec<_> = tables.into_iter().collect();
    largest.sort_by_key(|(_, bytes)| std::cmp::Reverse(*bytes));
    let rows = 98 * SERVICES * CALLEES;
    println!(
        "{} KiB, {} bytes per edge and segment",
        total >> 10,
        total / rows
    );
    for (name, bytes) in largest.iter().take(10) {
        println!("{:>10} KiB  {name}", bytes >> 10);
    }
}

/// Time that this process kept processors busy, which other processes disturb less than they do the clock.
fn processor_s() -> f64 {
    let stat = fs::read_to_string("/proc/self/stat").unwrap();
    // Behind the name of the program, user and system time are the 12th and 13th field, in ticks of 10 ms.
    let (_, fields) = stat.rsplit_once(')').unwrap();
    let ticks = fields.split_whitespace().skip(11).take(2);
    let ticks: u32 = ticks.map(|ticks| ticks.parse::<u32>().unwrap()).sum();
    f64::from(ticks) / 100.0
}

fn measure(directory: &Path, detail: Detail) {
    let begun = Instant::now();
    let wanted = Wanted {
        detail,
        ..Wanted::default()
    };
    let contents = read(&Location::from(directory), &wanted).unwrap();
    let (merged, merged_s) = (begun.elapsed(), processor_s());
    let merged_mib = peak_mib();
    let graph = contents.segment.snapshot(&Settings::default());
    let (opened, opened_s) = (begun.elapsed(), processor_s());
    assert_eq!(contents.skipped, []);
    assert_eq!(graph.nodes.len() as u64, SERVICES);
    let calls: u64 = graph.edges.iter().map(|edge| edge.calls).sum();
    let segments = contents.segments;
    if segments == 98 {
        assert_eq!(calls, (14 * 40 + 24 * 6 + 60) * SERVICES * CALLEES);
    }
    let peak_mib = peak_mib();
    println!(
        "{detail:?}: {segments} segments, {} edges, {calls} calls",
        graph.edges.len()
    );
    println!("read and merged in {merged:.2?}, {merged_s:.2} s of processors, {merged_mib} MiB");
    println!("opened in {opened:.2?}, {opened_s:.2} s of processors, {peak_mib} MiB");
}

/// Most memory that this process had so far.
fn peak_mib() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = peak.unwrap().trim().trim_end_matches(" kB");
    kib.parse::<u64>().unwrap() >> 10
}
