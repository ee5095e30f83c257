//! The way of a span stage by stage, on one thread, against prost and against a simple service graph, in turn.
//!
//! ```text
//! cargo run --release -p tracemesh-bench --bin replay -- [SERVICES] [SPANS] [ROUNDS]
//! cargo run --release -p tracemesh-bench --bin replay -- stage NAME [SERVICES] [SPANS]
//! ```
//! `stage` runs one stage once, or with `load` none, and says no times: for whoever counts instructions.
#![expect(clippy::print_stdout, reason = "a benchmark prints what it measured")]

use std::process::ExitCode;

use tracemesh_bench::ab::Times;
use tracemesh_bench::corpus::Corpus;
use tracemesh_bench::numbers;
use tracemesh_bench::stages::STAGES;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let ran = match arguments.split_first() {
        Some((word, rest)) if word == "stage" => run_stage(rest),
        _ => compare(&arguments),
    };
    match ran {
        Ok(()) => ExitCode::SUCCESS,
        Err(fault) => {
            println!("{fault}\nreplay [SERVICES] [SPANS] [ROUNDS] | stage NAME [SERVICES] [SPANS]");
            ExitCode::from(2)
        }
    }
}

fn compare(arguments: &[String]) -> Result<(), String> {
    let [services, spans, rounds] = numbers(arguments, [20, 262_144, 9])?;
    let corpus = Corpus::usual(services, spans);
    println!("{services} services: {}", corpus.told());
    println!("mimalloc, one thread, {rounds} rounds of all rows in turn, processor time per span");
    let times = Times::of(&STAGES, &corpus, rounds);
    print!("{}", times.table(&["prost", "naive"]));
    if let Some(ratio) = times.ratio("scan", "floor") {
        println!("scan / floor {ratio}");
    }
    Ok(())
}

fn run_stage(arguments: &[String]) -> Result<(), String> {
    let Some((name, rest)) = arguments.split_first() else {
        return Err("a stage is missing".to_owned());
    };
    let [services, spans] = numbers(rest, [20, 65_536])?;
    let stage = STAGES.iter().find(|stage| stage.name == name);
    if stage.is_none() && name != "load" {
        let names = STAGES.map(|stage| stage.name).join(", ");
        return Err(format!("no stage `{name}`; there are load, {names}"));
    }
    let corpus = Corpus::usual(services, spans);
    println!("{}", corpus.told());
    if let Some(stage) = stage {
        println!("{}", (stage.run)(&corpus).checked(&corpus));
    }
    Ok(())
}
