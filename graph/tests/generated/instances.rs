//! Instances without trace affinity: what they saw, merged in any order and joined at any time, is one graph.

use std::collections::BTreeSet;

use tracemesh_generator::span::Kind;
use tracemesh_generator::traffic::Traffic;
use tracemesh_generator::world::{Options, World};
use tracemesh_graph::segment::Segment;
use tracemesh_graph::settings::Settings;
use tracemesh_graph::snapshot::{Edge, GraphSnapshot};

use super::feed::Feeder;

/// Segments of so many instances, each of which was sent every so-manieth span.
fn segments(world: &World, seed: u64, requests: usize, instances: usize) -> Vec<Segment> {
    let mut feeders: Vec<Feeder<'_>> = (0..instances).map(|_| Feeder::new(world)).collect();
    let mut turn = 0;
    for request in Traffic::new(world, seed, requests) {
        let mut answered = BTreeSet::new();
        for span in &request.spans {
            // Of several server spans that name one call, which answers depends on what came first.
            let is_server = matches!(span.kind, Kind::Server);
            if is_server && !span.parent.is_none_or(|parent| answered.insert(parent)) {
                continue;
            }
            feeders[turn % instances].take(std::slice::from_ref(span), 0);
            turn += 1;
        }
    }
    feeders.into_iter().map(Feeder::finish_segment).collect()
}

fn graph(segment: &Segment) -> GraphSnapshot {
    segment.snapshot(&Settings::default())
}

fn merged<'a>(parts: impl IntoIterator<Item = &'a Segment>) -> Segment {
    let mut all = Segment::default();
    parts.into_iter().for_each(|part| all.merge(part.clone()));
    all
}

/// Tells the first lines that differ.
#[track_caller]
fn assert_same(expected: &str, found: &str, setup: &str) {
    let lines = expected.lines().zip(found.lines()).zip(1..);
    let different = lines.filter(|((a, b), _)| a != b);
    let told: Vec<String> = different
        .take(10)
        .map(|((a, b), line)| format!("{line}: {b} where {a} is expected"))
        .collect();
    assert!(expected == found, "{setup}\n{}", told.join("\n"));
}

#[test]
fn halves_joined_early_or_late_in_any_order_give_the_same_bytes() {
    let json = |segment: &Segment| serde_json::to_string_pretty(&graph(segment)).expect("JSON");
    for seed in 1..=3 {
        let world = World::new(&Options::plain(seed, 40));
        let parts = segments(&world, seed, 120, 5);
        let late = json(&merged(&parts));
        assert_same(&late, &json(&merged(parts.iter().rev())), "reversed");
        let mut early = Segment::default();
        for part in [3, 0, 4, 1, 2] {
            early.merge(parts[part].clone());
            early.join_halves();
        }
        assert_same(&late, &json(&early), "after every merge");
        let (mut left, mut right) = (merged(&parts[..2]), merged(&parts[2..]));
        left.join_halves();
        right.join_halves();
        right.merge(left);
        assert_same(&late, &json(&right), "in two parts");
    }
}

/// A call and its resends at different instances are calls of their own: that they are one takes a trace as a whole. So is a
/// span that wraps another, which for databases may show a destination of its own.
#[test]
fn the_calls_between_services_of_one_instance_are_those_of_many_but_for_resends() {
    for seed in 7..=9 {
        let world = World::new(&Options::plain(seed, 60));
        let whole = graph(&segments(&world, seed, 200, 1)[0]);
        let parts = graph(&merged(&segments(&world, seed, 200, 2)));
        let between = |graph: &GraphSnapshot| -> Vec<Edge> {
            let edges = graph.edges.iter();
            let between = edges.filter(|edge| {
                let ends = [&edge.caller, &edge.callee];
                ends.iter().all(|end| end.starts_with("service/"))
            });
            between.cloned().collect()
        };
        let (whole, parts) = (between(&whole), between(&parts));
        for (one, many) in whole.iter().zip(&parts) {
            let told = format!("{seed}: {} {}", one.caller, one.callee);
            let ends = |edge: &Edge| (edge.caller.clone(), edge.callee.clone(), edge.relation);
            assert_eq!(ends(one), ends(many), "{told}");
            assert!((one.calls..=one.attempts).contains(&many.calls), "{told}");
            assert_eq!(one.evidence.address, 0, "{told}");
            assert_eq!(many.evidence.address, 0, "{told}");
            if one.calls == one.attempts {
                assert_eq!((one.calls, one.failed), (many.calls, many.failed), "{told}");
            }
        }
        assert_eq!(whole.len(), parts.len(), "{seed}");
    }
}
