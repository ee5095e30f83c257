//! The tables that are printed.

use tracemesh_bench::wire::Fault;
use tracemesh_bench::wire::load::Protocol;
use tracemesh_bench::wire::recording::Recording;
use tracemesh_bench::wire::score::{Group, Score, Tally, otelcol, tracemesh};
use tracemesh_generator::truth::Truth;
use tracemesh_generator::world::World;

use super::contender::{Contender, Graph, Outcome};

/// Groups that both kinds of graph have a place for.
const COMMON: [Group; 3] = [Group::Calls, Group::Messages, Group::Entries];

/// Wrong edges that are named.
const FAULTS: usize = 5;

/// What is sent.
pub(crate) fn heading(title: &str, recording: &Recording) {
    let last_ms = recording.requests.last().map_or(0, |last| last.due_ms);
    println!(
        "{title}: {} spans in {} requests over {} s, {:.0} B and {:.2} attributes per span",
        recording.spans,
        recording.requests.len(),
        last_ms / 1_000,
        recording.bytes as f64 / recording.spans as f64,
        recording.attributes as f64 / recording.spans as f64,
    );
}

/// Processor time and memory, the median of the rounds.
pub(crate) fn costs(protocol: Protocol, runs: &[(Contender, Vec<Outcome>)]) {
    println!(
        "{:10} {:24} {:>10} {:>11} {:>11} {:>16} {:>22} {:>9} {:>7}",
        "protocol",
        "server",
        "M spans/s",
        "CPU ns/span",
        "until quiet",
        "M spans/CPU s",
        "tracemesh: times less",
        "peak MiB",
        "refused"
    );
    let own: Vec<f64> = runs
        .iter()
        .filter(|(contender, _)| *contender == Contender::Tracemesh)
        .flat_map(|(_, outcomes)| outcomes.iter().map(all_ns))
        .collect();
    for (contender, outcomes) in runs {
        let all = median(outcomes.iter().map(all_ns));
        let peak = outcomes.iter().map(|outcome| outcome.usage[2].peak_bytes);
        let refused: u64 = outcomes
            .iter()
            .map(|outcome| outcome.sent.turned_away)
            .sum();
        // Until quiet leaves out what the Collector does when edges expire: the smallest ratio that can be told.
        let quiet = outcomes.iter().zip(&own);
        let least = quiet.map(|(outcome, own)| quiet_ns(outcome) / own);
        let least = least.fold(f64::INFINITY, f64::min);
        let ratio = median(
            outcomes
                .iter()
                .zip(&own)
                .map(|(outcome, own)| all_ns(outcome) / own),
        );
        let ratio = match contender {
            Contender::Tracemesh => "1".to_owned(),
            _ => format!("{ratio:.1} (at least {least:.1})"),
        };
        println!(
            "{:10} {:24} {:>10.2} {:>11.0} {:>11.0} {:>16.3} {:>22} {:>9} {refused:>7}",
            protocol.name(),
            contender.name(),
            1e3 / median(outcomes.iter().map(wall_ns)),
            all,
            median(outcomes.iter().map(quiet_ns)),
            1e3 / all,
            ratio,
            peak.max().unwrap_or_default() >> 20,
        );
    }
}

fn wall_ns(outcome: &Outcome) -> f64 {
    outcome.sent.wall.as_nanos() as f64 / outcome.sent.spans as f64
}

fn all_ns(outcome: &Outcome) -> f64 {
    let [began, _, ended] = outcome.usage;
    (ended.cpu - began.cpu).as_nanos() as f64 / outcome.sent.spans as f64
}

fn quiet_ns(outcome: &Outcome) -> f64 {
    let [began, quiet, _] = outcome.usage;
    (quiet.cpu - began.cpu).as_nanos() as f64 / outcome.sent.spans as f64
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

/// Precision and recall, group by group.
pub(crate) fn graphs(
    world: &World,
    truth: &Truth,
    graphs: &[(Contender, Outcome)],
) -> Result<(), Fault> {
    println!(
        "{:32} {:24} {:>6} {:>6} {:>10} {:>6} {:>6} {:>7} {:>9}",
        "edges", "graph", "told", "wrong", "precision", "true", "found", "recall", "attempts"
    );
    let mut scores = Vec::new();
    for (contender, outcome) in graphs {
        let (claims, unnamed) = match &outcome.graph {
            Graph::Snapshot(snapshot) => tracemesh::claims(world, snapshot)?,
            Graph::Metrics(samples) => otelcol::claims(world, samples),
        };
        scores.push((
            contender.name(),
            Score::of(world, truth, (&claims, unnamed)),
        ));
    }
    for group in Group::ALL {
        for (name, score) in &scores {
            line(group.name(), name, &score.sum(&[group]));
        }
    }
    for (name, score) in &scores {
        line("that both can tell", name, &score.sum(&COMMON));
    }
    for (name, score) in &scores {
        line("all", name, &score.sum(&Group::ALL));
    }
    for (name, score) in &scores {
        let sum = score.sum(&Group::ALL);
        println!(
            "{name}: {} of {} true edges between nodes that it tells apart, {} edges to something unknown",
            sum.exact, sum.true_edges, score.unnamed
        );
        for fault in sum.wrong.iter().take(FAULTS) {
            println!("  wrong: {fault}");
        }
    }
    Ok(())
}

fn line(group: &str, name: &str, tally: &Tally) {
    let percent = |share: Option<f64>| {
        share.map_or_else(|| "-".to_owned(), |share| format!("{:.1} %", share * 100.0))
    };
    let attempts = (tally.true_attempts > 0.0).then(|| tally.attempts / tally.true_attempts);
    println!(
        "{group:32} {name:24} {:>6} {:>6} {:>10} {:>6} {:>6} {:>7} {:>9}",
        tally.claimed,
        tally.wrong.len(),
        percent(tally.precision()),
        tally.true_edges,
        tally.found,
        percent(tally.recall()),
        percent(attempts),
    );
}
