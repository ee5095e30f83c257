//! The generator against itself: the same everywhere, whole, and never more than one request in memory.

use std::collections::{BTreeMap, BTreeSet};

use super::*;
use crate::degrade::{Degradation, Step};
use crate::export::Exporters;
use crate::span::Kind;
use crate::truth::Truth;
use crate::world::Options;

fn world() -> World {
    World::new(&Options::full(3, 60))
}

#[test]
fn the_same_seed_gives_the_same_spans_and_another_gives_others() {
    let world = world();
    let spans = |seed| -> Vec<Span<'_>> {
        let traffic = Traffic::new(&world, seed, 20);
        traffic.flat_map(|request| request.spans).collect()
    };
    assert_eq!(spans(1), spans(1));
    assert_ne!(spans(1), spans(2));
}

#[test]
fn ids_are_unique_parents_come_first_and_every_trace_has_one_beginning() {
    let world = world();
    let mut ids = BTreeSet::new();
    let mut roots: BTreeMap<u128, usize> = BTreeMap::new();
    for request in Traffic::new(&world, 5, 60) {
        for span in &request.spans {
            assert!(span.start_us < span.end_us, "{span:?}");
            assert!(span.parent.is_none_or(|parent| ids.contains(&parent)));
            assert!(span.links.iter().all(|(_, linked)| ids.contains(linked)));
            assert!(ids.insert(span.id), "{span:?}");
            *roots.entry(span.trace).or_default() += usize::from(span.parent.is_none());
        }
    }
    assert!(roots.len() > 60, "consumers begin traces of their own");
    assert!(roots.values().all(|count| *count == 1));
}

#[test]
fn a_company_of_5000_services_streams_its_requests() {
    let world = World::new(&Options::full(1, 5_000));
    let mut traffic = Traffic::new(&world, 1, usize::MAX);
    let mut truth = Truth::default();
    for request in traffic.by_ref().take(200) {
        truth.add(&request);
    }
    assert!(truth.edges.len() > 500, "{} edges", truth.edges.len());
    assert!(truth.calls() > 2_000, "{} calls", truth.calls());
}

#[test]
fn shared_ids_join_client_and_server_and_leave_no_parent_behind() {
    let world = world();
    let mut degradation = Degradation::new(&world, 1, &[Step::ShareIds(1000)]);
    let mut shared = 0;
    for request in Traffic::new(&world, 5, 60) {
        let spans = degradation.apply(request).spans;
        let ids: BTreeMap<u64, Vec<Kind>> = spans.iter().fold(BTreeMap::new(), |mut ids, span| {
            ids.entry(span.id).or_default().push(span.kind);
            ids
        });
        assert!(
            spans
                .iter()
                .all(|s| s.parent.is_none_or(|p| ids.contains_key(&p)))
        );
        shared += ids
            .values()
            .filter(|kinds| kinds.contains(&Kind::Client) && kinds.contains(&Kind::Server))
            .count();
    }
    assert!(shared > 100, "{shared} shared ids");
}

#[test]
fn silence_that_loses_context_begins_traces_and_silence_that_passes_it_leaves_no_orphan() {
    let world = world();
    let apply = |step| -> Vec<Request<'_>> {
        let mut degradation = Degradation::new(&world, 1, &[step]);
        let traffic = Traffic::new(&world, 5, 60);
        traffic.map(|request| degradation.apply(request)).collect()
    };
    for step in [
        Step::SilenceLosingContext(300),
        Step::SilencePassingContext(300),
    ] {
        let requests = apply(step);
        let ids: BTreeSet<(u128, u64)> = requests
            .iter()
            .flat_map(|request| request.spans.iter().map(|span| (span.trace, span.id)))
            .collect();
        for span in requests.iter().flat_map(|request| &request.spans) {
            let parent = span.parent.map(|parent| (span.trace, parent));
            assert!(
                parent.is_none_or(|parent| ids.contains(&parent)),
                "{span:?}"
            );
        }
    }
    let through = |step| {
        apply(step)
            .iter()
            .map(|request| request.through.len())
            .sum::<usize>()
    };
    assert_eq!(through(Step::SilenceLosingContext(300)), 0);
    assert!(through(Step::SilencePassingContext(300)) > 0);
}

#[test]
fn exporters_deliver_within_their_period_or_late() {
    let world = world();
    let spans: Vec<_> = Traffic::new(&world, 5, 60)
        .flat_map(|request| request.spans)
        .collect();
    let exporters = Exporters {
        seed: 1,
        late_permille: 200,
        late_ms: 120_000,
    };
    let count = spans.len();
    let delivered = exporters.deliver(spans);
    assert_eq!(delivered.len(), count);
    assert!(delivered.is_sorted_by_key(|(at, _)| *at));
    let mut late = 0;
    for (at, span) in &delivered {
        let wait = at - span.end_us / 1000;
        late += usize::from(wait > 5_000);
        assert!(
            wait <= 5_001 || (120_000..=125_001).contains(&wait),
            "{wait} ms"
        );
    }
    assert!(late > 0 && late < count);
}
