//! How long it takes to open two weeks of a large company, and how many bytes they need.
//!
//! Makes a store of 1,000 services and 20,000 edges, written by the store itself: 14 segments of a day, every edge in each of them, and
//! for a `fresh` one 24 of an hour and 60 of a minute that nobody compacted yet. Then reads it as `tracemesh graph` does. `write DIR
//! compacted|fresh` makes it, `read DIR topology|everything` reads it; two processes, so that the peak of memory is that of reading.
//!
//! ```text
//! cargo run --release -p tracemesh-bench --bin store -- write DIR compacted|fresh [SERVICES] [CALLEES]
//! cargo run --release -p tracemesh-bench --bin store -- read DIR topology|everything [SERVICES] [CALLEES]
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
use std::process::ExitCode;
use std::time::Instant;

use tracemesh_bench::company::{Company, DAY, Dice, Period, SECOND, START};
use tracemesh_bench::{numbers, peak_mib, process_cpu_ms};
use tracemesh_collector::store::{Location, Store, Wanted, read};
use tracemesh_graph::segment::Segment;
use tracemesh_graph::segment::tables::Detail;
use tracemesh_graph::settings::Settings;
use tracemesh_graph::snapshot::Window;
use tracemesh_graph::time::Timestamp;

/// (segments, length of each, calls of every edge in each): days that were compacted, hours and minutes that were not.
const DAYS: (u64, u64, u64) = (14, DAY, 40);
const HOURS: (u64, u64, u64) = (24, 3_600 * SECOND, 6);
const MINUTES: (u64, u64, u64) = (60, 60 * SECOND, 1);

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if ran(&arguments).is_none() {
        println!(
            "store write DIR compacted|fresh | read DIR topology|everything, each [SERVICES] [CALLEES]"
        );
        return ExitCode::from(2);
    }
    ExitCode::SUCCESS
}

/// None when it was not understood.
fn ran(arguments: &[String]) -> Option<()> {
    let [what, directory, how, rest @ ..] = arguments else {
        return None;
    };
    let [services, callees] = numbers(rest, [1_000, 20]).ok()?;
    let company = Company {
        services: services as u64,
        callees: callees as u64,
    };
    let directory = Path::new(directory);
    match (what.as_str(), how.as_str()) {
        ("write", "compacted") => write(directory, company, &[DAYS]),
        ("write", "fresh") => write(directory, company, &[DAYS, HOURS, MINUTES]),
        ("read", "topology") => measure(directory, company, Detail::Topology),
        ("read", "everything") => measure(directory, company, Detail::Everything),
        _ => return None,
    }
    Some(())
}

fn write(directory: &Path, company: Company, kinds: &[(u64, u64, u64)]) {
    let mut store = Store::open(&Location::from(directory), "bench", Timestamp(START)).unwrap();
    let mut dice = Dice(7);
    let (mut calls, mut segments) = (0, 0);
    for (kind, (count, length, calls_per_edge)) in (0..).zip(kinds) {
        let first = match kind {
            0 => START,
            later => START + (13 + later) * DAY,
        };
        for nth in 0..*count {
            let period = Period {
                start: first + nth * length,
                length: *length,
                calls_per_edge: *calls_per_edge,
                unanswered: u64::MAX,
            };
            let segment = company.segment(&period, &mut dice);
            calls += calls_per_edge * company.edges();
            segments += 1;
            let window = Window {
                start: Some(Timestamp(period.start)),
                end: Some(Timestamp(period.start + length)),
            };
            store.append(&segment, &Segment::default(), window).unwrap();
        }
    }
    println!("{calls} calls in {segments} segments");
    tell_sizes(directory, company.edges() * segments);
}

/// Bytes of all tables, and for each edge and segment.
fn tell_sizes(directory: &Path, rows: u64) {
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
    println!(
        "{} KiB, {} bytes per edge and segment",
        total >> 10,
        total / rows
    );
    for (name, bytes) in largest.iter().take(10) {
        println!("{:>10} KiB  {name}", bytes >> 10);
    }
}

fn measure(directory: &Path, company: Company, detail: Detail) {
    let begun = Instant::now();
    let wanted = Wanted {
        detail,
        ..Wanted::default()
    };
    let contents = read(&Location::from(directory), &wanted).unwrap();
    let (merged, merged_ms) = (begun.elapsed(), process_cpu_ms());
    let merged_mib = peak_mib();
    let graph = contents.segment.snapshot(&Settings::default());
    let (opened, opened_ms) = (begun.elapsed(), process_cpu_ms());
    let segments = contents.segments;
    let fresh = [HOURS, MINUTES].map(|(count, _, calls)| count * calls);
    let mut calls_per_edge = DAYS.0 * DAYS.2;
    if segments as u64 > DAYS.0 {
        calls_per_edge += fresh.iter().sum::<u64>();
    }
    let calls: u64 = graph.edges.iter().map(|edge| edge.calls).sum();
    assert_eq!(contents.skipped, []);
    assert_eq!(graph.nodes.len() as u64, company.services);
    assert_eq!(calls, calls_per_edge * company.edges());
    let peak_mib = peak_mib();
    println!(
        "{detail:?}: {segments} segments, {} edges, {calls} calls",
        graph.edges.len()
    );
    println!("read and merged in {merged:.2?}, {merged_ms} ms of processors, {merged_mib} MiB");
    println!("opened in {opened:.2?}, {opened_ms} ms of processors, {peak_mib} MiB");
}
