//! What it costs to make the graph of a large company, and to compare two of them: processor time, memory, and a hash of the result.
//!
//! A segment of 1,000 services and 20,000 edges, as a store of two weeks merges to. `paired` has both halves of each call,
//! `mixed` lacks the server half of each third one, so that the address book has to say who answered.
//!
//! ```text
//! cargo run --release -p tracemesh-bench --bin snapshot -- paired|mixed [CALLS PER EDGE] [SERVICES] [CALLEES]
//! ```
#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a benchmark measures, prints and ends at the first fault"
)]

use std::fmt::Write as _;
use std::fs;
use std::process::ExitCode;

use tracemesh_bench::company::{Company, DAY, Dice, Period, START};
use tracemesh_bench::{numbers, peak_mib, process_cpu_ms, resident_bytes};
use tracemesh_graph::diff::{Options, Side, compare};
use tracemesh_graph::settings::Settings;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (word, rest) = match arguments.split_first() {
        Some((word, rest)) => (word.as_str(), rest),
        None => ("", &[][..]),
    };
    let unanswered = match word {
        "paired" => Some(u64::MAX),
        "mixed" => Some(3),
        _ => None,
    };
    match (unanswered, numbers(rest, [40, 1_000, 20])) {
        (Some(unanswered), Ok([calls, services, callees])) => {
            let company = Company {
                services: services as u64,
                callees: callees as u64,
            };
            measure(company, unanswered, calls as u64);
            ExitCode::SUCCESS
        }
        _ => {
            println!("snapshot paired|mixed [CALLS PER EDGE] [SERVICES] [CALLEES]");
            ExitCode::from(2)
        }
    }
}

fn measure(company: Company, unanswered: u64, calls_per_edge: u64) {
    let settings = Settings::default();
    let period = Period {
        start: START,
        length: 14 * DAY,
        calls_per_edge,
        unanswered,
    };
    let old = company.segment(&period, &mut Dice(7));
    let new = company.segment(&period, &mut Dice(8));
    let before = cost("snapshot", || old.snapshot(&settings));
    drop(old);
    let after = cost("snapshot", || new.snapshot(&settings));
    drop(new);
    for graph in [&before, &after] {
        let calls: u64 = graph.edges.iter().map(|edge| edge.calls).sum();
        assert_eq!(graph.edges.len() as u64, company.edges());
        assert_eq!(calls, company.edges() * calls_per_edge);
    }
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
    let (began, before_mib) = (process_cpu_ms(), resident_bytes() >> 20);
    let result = run();
    println!(
        "{what}: {} ms, {} MiB on top of {before_mib} MiB at its peak, {} MiB stay",
        process_cpu_ms() - began,
        peak_mib().saturating_sub(before_mib),
        (resident_bytes() >> 20).saturating_sub(before_mib),
    );
    result
}

/// Of all fields: equal results have equal ones.
fn hash(value: &impl std::fmt::Debug) -> u64 {
    let mut hashed = Fnv(0xcbf2_9ce4_8422_2325);
    write!(hashed, "{value:?}").unwrap();
    hashed.0
}

struct Fnv(u64);

impl std::fmt::Write for Fnv {
    fn write_str(&mut self, text: &str) -> std::fmt::Result {
        for byte in text.bytes() {
            self.0 = (self.0 ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
        Ok(())
    }
}
