//! tracemesh and the OpenTelemetry Collector side by side: the same requests, what each needed for them, and how true their graphs are.
//!
//! ```text
//! side_by_side TRACEMESH OTELCOL [SPANS] [ROUNDS]
//! ```
//! `bench/side-by-side/run` builds what it needs and starts it. Two parts: everything sent at once, for processor time and memory, with
//! each server on one core and the client on another; and the pace of real exporters, with up to ten seconds between the two
//! sides of a call, for the graphs alone. The graphs of both parts are judged against what really happened.
#![expect(clippy::print_stdout, reason = "a benchmark prints what it measured")]

mod contender;
mod table;

use std::path::PathBuf;
use std::sync::Arc;
use std::thread;

use tracemesh_bench::wire::Fault;
use tracemesh_bench::wire::client::Pace;
use tracemesh_bench::wire::load::{Load, Protocol};
use tracemesh_bench::wire::process::stay_on;
use tracemesh_bench::wire::recording::{Company, Delivery, Recording, now_ns};

use contender::{Binaries, Contender, Outcome, Stage};

const SERVER_CORE: usize = 0;
const CLIENT_CORE: usize = 1;
const CONNECTIONS: usize = 4;

/// The paced part: some ninety seconds of traffic. The other has the same company and more spans.
const PACED: Company = Company {
    seed: 11,
    services: 50,
    spans: 100_000,
};

/// Beside the five seconds for which exporters gather.
const MAX_DELAY_MS: u64 = 5_000;

fn main() -> Result<(), Fault> {
    let mut arguments = std::env::args().skip(1);
    let usage = "side_by_side TRACEMESH OTELCOL [SPANS] [ROUNDS]";
    let binaries = Binaries {
        tracemesh: PathBuf::from(arguments.next().ok_or(usage)?),
        otelcol: PathBuf::from(arguments.next().ok_or(usage)?),
    };
    let mut number = |default| match arguments.next() {
        Some(text) => text.parse::<usize>(),
        None => Ok(default),
    };
    let (spans, rounds) = (number(524_288)?, number(3)?);
    stay_on(CLIENT_CORE)?;
    println!("settings of the OpenTelemetry Collector, generous and as shipped:");
    for contender in [Contender::Generous, Contender::AsShipped] {
        println!("{}", contender::settings(contender));
    }
    if rounds > 0 {
        at_once(&binaries, spans, rounds)?;
    }
    paced(&binaries)
}

/// Everything as fast as it is taken; servers take turns.
fn at_once(binaries: &Binaries, spans: usize, rounds: usize) -> Result<(), Fault> {
    let company = Company { spans, ..PACED };
    let (recording, world, truth) = Recording::of_company(company, Delivery::AtOnce, now_ns());
    table::heading("sent at once", &recording);
    let mut graphs = Vec::new();
    for protocol in [Protocol::Grpc, Protocol::GrpcGzip] {
        let load = Arc::new(Load::new(&recording, protocol)?);
        let mut runs: Vec<(Contender, Vec<Outcome>)> = Contender::ALL
            .map(|contender| (contender, Vec::new()))
            .into();
        for _ in 0..rounds {
            for (contender, outcomes) in &mut runs {
                let stage = Stage {
                    core: Some(SERVER_CORE),
                    connections: CONNECTIONS,
                    pace: Pace::AtOnce,
                };
                outcomes.push(contender::run(*contender, binaries, &load, stage)?);
            }
        }
        table::costs(protocol, &runs);
        if protocol == Protocol::Grpc {
            let last = |(contender, mut outcomes): (Contender, Vec<Outcome>)| {
                outcomes.pop().map(|outcome| (contender, outcome))
            };
            graphs = runs.into_iter().filter_map(last).collect();
        }
    }
    table::graphs(&world, &truth, &graphs)
}

/// As exporters deliver; the servers run at the same time.
fn paced(binaries: &Binaries) -> Result<(), Fault> {
    let delivery = Delivery::Spread {
        max_delay_ms: MAX_DELAY_MS,
    };
    let (recording, world, truth) = Recording::of_company(PACED, delivery, now_ns());
    table::heading("sent at the pace of exporters", &recording);
    let load = Arc::new(Load::new(&recording, Protocol::Grpc)?);
    let stage = Stage {
        core: None,
        connections: CONNECTIONS,
        pace: Pace::WhenDue,
    };
    let graphs = thread::scope(|scope| {
        let started = Contender::ALL.map(|contender| {
            let load = &load;
            let run = move || contender::run(contender, binaries, load, stage);
            (contender, scope.spawn(run))
        });
        let ended = started.map(|(contender, run)| match run.join() {
            Ok(outcome) => outcome.map(|outcome| (contender, outcome)),
            Err(_) => Err("a client panicked".into()),
        });
        ended.into_iter().collect::<Result<Vec<_>, Fault>>()
    })?;
    table::graphs(&world, &truth, &graphs)
}
