//! Measures the onboarding planner and prints what it found: distance from the best plans known, from simple orders and from
//! bounds, how much a replan moves, and what planning costs.
//!
//! ```text
//! cargo run --release -p tracemesh-graph --example onboarding_report -- [--markdown] [small|shops|circles|orders|repair|cost]...
//! ```
//! Without a section it runs all of them. It exits with 1 when a threshold of the specification is missed. Graphs follow from seeds;
//! only times differ between machines.

mod circles;
mod clock;
mod cost;
#[path = "../../tests/onboarding_quality/glue.rs"]
mod glue;
mod measures;
mod orders;
mod repair;
mod shops;
mod small;
mod table;

use std::io::{self, Write};
use std::process::ExitCode;

use table::Report;

/// A part of the report.
type Section = fn(&mut Report);

const SECTIONS: [(&str, Section); 6] = [
    ("small", small::run),
    ("shops", shops::run),
    ("circles", circles::run),
    ("orders", orders::run),
    ("repair", repair::run),
    ("cost", cost::run),
];

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let known = |name: &String| name == "--markdown" || SECTIONS.iter().any(|s| s.0 == name);
    if let Some(unknown) = arguments.iter().find(|name| !known(name)) {
        let names = SECTIONS.map(|section| section.0).join(", ");
        let message = format!("unknown section `{unknown}`; there are: {names}\n");
        return finish(io::stderr().write_all(message.as_bytes()), 2);
    }
    let mut report = Report::new(arguments.iter().any(|name| name == "--markdown"));
    report.title(
        "Quality of onboarding plans",
        "Written by `cargo run --release -p tracemesh-graph --example onboarding_report -- --markdown`. J is the objective: the mean wave in\n\
         which a unit of protection arrives, and 0.05 per wave; less is better. Graphs are made up from seeds, except for the\n\
         Online Boutique. Times are of one core of a shared machine with two.",
    );
    let chosen: Vec<&String> = arguments.iter().filter(|a| !a.starts_with("--")).collect();
    for (name, run) in SECTIONS {
        if chosen.is_empty() || chosen.iter().any(|wanted| *wanted == name) {
            run(&mut report);
        }
    }
    let failed = report.conclude();
    finish(
        io::stdout().write_all(report.text().as_bytes()),
        u8::from(failed),
    )
}

/// A closed pipe is no failure of the planner.
fn finish(written: io::Result<()>, code: u8) -> ExitCode {
    match written {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => ExitCode::from(2),
        _ => ExitCode::from(code),
    }
}
