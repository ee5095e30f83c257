//! Generated companies with a known true graph: exact when everything arrives, never false when things are lost.
//!
//! The generator is a crate of its own and independent of inference: it only knows what SDKs, proxies and exporters emit.
//! `docs/accuracy.md` shows what these tests measure, and is rewritten by them with `TRACEMESH_BLESS=1`.

#[path = "generated/cases.rs"]
mod cases;
#[path = "generated/exact.rs"]
mod exact;
#[path = "generated/feed.rs"]
mod feed;
#[cfg(test)]
#[path = "generated/instances.rs"]
mod instances;
#[path = "generated/run.rs"]
mod run;
#[cfg(test)]
#[path = "generated/sampling.rs"]
mod sampling;
#[path = "generated/score.rs"]
mod score;
#[cfg(test)]
#[path = "generated/table.rs"]
mod table;
#[path = "generated/who.rs"]
mod who;
#[cfg(test)]
#[path = "generated/windows.rs"]
mod windows;

use tracemesh_generator::world::{Options, World};

use cases::{Case, HARMFUL, HARMLESS};
use exact::assert_exact;
use run::{Run, run};
use score::Score;

/// Spans = used + seen before + fragments + rejected: none is lost without a reason.
#[track_caller]
fn assert_conserved(run: &Run, setup: &str) {
    let diagnostics = &run.graph.diagnostics;
    let fragments = diagnostics.counters.get("fragment").copied();
    let rejected: u64 = diagnostics.rejected.values().sum();
    let told = diagnostics.used + diagnostics.duplicates + fragments.unwrap_or_default() + rejected;
    assert_eq!(diagnostics.spans, run.sent, "{setup}: spans");
    assert_eq!(told, run.sent, "{setup}: {diagnostics:?}");
    assert!(diagnostics.dropped.is_empty(), "{setup}: {diagnostics:?}");
}

/// Every edge of class *paired* exists, and claims no more calls than there were attempts.
#[track_caller]
fn assert_pairs_are_true(world: &World, run: &Run, setup: &str) {
    let score = Score::of(world, &run.truth, &run.graph);
    let paired = &score.claims[0];
    assert!(
        paired.faults.is_empty() && score.overclaimed.is_empty(),
        "{setup}: {} of {} paired edges are wrong\n{}\n{}",
        paired.wrong,
        paired.edges,
        paired.faults.join("\n"),
        score.overclaimed.join("\n")
    );
}

fn check_harmful(case: &Case, seeds: std::ops::Range<u64>) {
    for seed in seeds {
        let world = World::new(&Options::full(seed, 100));
        let run = run(&world, seed, 150, case);
        let setup = format!("seed {seed}, {}", case.name);
        assert_pairs_are_true(&world, &run, &setup);
        assert_conserved(&run, &setup);
    }
}

#[test]
fn with_everything_there_the_graph_is_exact() {
    for seed in 1..=4 {
        for options in [Options::plain(seed, 60), Options::full(seed, 120)] {
            let world = World::new(&options);
            let run = run(&world, seed, 150, &HARMLESS[0]);
            let setup = format!("{options:?}");
            assert_exact(&world, &run.truth, &run.graph, &setup);
            assert_conserved(&run, &setup);
        }
    }
}

#[test]
fn late_and_repeated_spans_clocks_and_shared_or_short_ids_change_nothing() {
    let world = World::new(&Options::full(21, 100));
    for case in &HARMLESS[1..] {
        let run = run(&world, 21, 150, case);
        assert_exact(&world, &run.truth, &run.graph, case.name);
        assert_conserved(&run, case.name);
    }
}

#[test]
fn a_paired_edge_is_never_false_and_no_span_is_lost_without_a_reason() {
    for case in &HARMFUL {
        check_harmful(case, 31..33);
    }
}

#[test]
fn a_company_of_5000_services_is_exact() {
    let world = World::new(&Options::full(51, 5_000));
    assert!(world.services.len() > 5_000);
    let run = run(&world, 51, 250, &HARMLESS[0]);
    assert_exact(&world, &run.truth, &run.graph, "5,000 services");
    assert_conserved(&run, "5,000 services");
}

/// `cargo test --release -p tracemesh-graph --test generated -- --ignored full_size --nocapture`
#[test]
#[ignore = "minutes: a company of 5,000 services in full traffic, and every loss over many seeds"]
fn full_size() {
    let world = World::new(&Options::full(61, 5_000));
    let run = run(&world, 61, 60_000, &HARMLESS[0]);
    println!("{} spans, {} edges", run.sent, run.truth.edges.len());
    assert_exact(&world, &run.truth, &run.graph, "full size");
    assert_conserved(&run, "full size");
    for case in &HARMFUL {
        check_harmful(case, 200..240);
        println!("{}: never a false pair", case.name);
    }
}
