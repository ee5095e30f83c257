//! Splits of a small graph, and what plans make of them.

use jiff::civil::date;

use super::*;
use crate::onboarding::{Evidence, PlanEdge, PlanService, plan};

fn edge(caller: &str, callee: &str) -> PlanEdge {
    PlanEdge {
        caller: caller.to_owned(),
        callee: callee.to_owned(),
        rate: 10.0,
        attempts: None,
        hit_ratio: None,
        confidence: 1.0,
    }
}

/// `a -> b -> c -> store`, and `d`, which is in no mesh.
fn graph() -> PlanInput {
    let service = |id: &str| {
        let known = PlanService {
            evidence: Evidence::FULL,
            ..PlanService::unknown()
        };
        (id.to_owned(), known)
    };
    PlanInput {
        services: ["a", "b", "c", "d"].map(service).into(),
        edges: vec![
            edge("a", "b"),
            edge("b", "c"),
            edge("c", "store"),
            edge("d", "c"),
        ],
        ..PlanInput::default()
    }
}

fn mesh(name: &str, services: &[&str], start_lag_days: u32) -> Mesh {
    Mesh {
        name: name.to_owned(),
        services: services.iter().map(|id| (*id).to_owned()).collect(),
        start_lag_days,
    }
}

fn two() -> Meshes {
    Meshes {
        meshes: vec![
            mesh("one", &["a", "b"], 0),
            mesh("two", &["c"], 28),
            mesh("gone", &["x"], 0),
        ],
        ..Meshes::default()
    }
}

fn ends(input: &PlanInput) -> Vec<(&str, &str)> {
    let edges = input.edges.iter();
    edges
        .map(|edge| (edge.caller.as_str(), edge.callee.as_str()))
        .collect()
}

#[test]
fn each_mesh_gets_its_services_and_every_call_that_touches_them() {
    let mut options = PlanOptions::default();
    options.calendar.start = Some(date(2027, 1, 4));
    let split = two().split(&graph(), &options);
    assert_eq!(split.len(), 2, "a mesh without a service has no plan");
    assert_eq!(ends(&split[0].input), [("a", "b"), ("b", "c")]);
    assert_eq!(
        ends(&split[1].input),
        [("b", "c"), ("c", "store"), ("d", "c")]
    );
    let across = |number: usize| split[number].input.left_out.values().sum::<u64>();
    assert_eq!((across(0), across(1)), (1, 2));
    let starts = split
        .iter()
        .map(|mesh| mesh.options.calendar.start.unwrap());
    assert!(starts.eq([date(2027, 1, 4), date(2027, 2, 1)]));
}

/// Across meshes the caller gets client features and nobody mTLS; a callee with callers elsewhere is never strict.
#[test]
fn calls_across_meshes_are_calls_to_the_outside() {
    let split = two().split(&graph(), &PlanOptions::default());
    let one = plan(&split[0].input, &split[0].options, None).unwrap();
    assert!((one.maximum.client - 1.0).abs() < 1e-9, "{:?}", one.maximum);
    assert!((one.maximum.both - 0.5).abs() < 1e-9, "{:?}", one.maximum);
    let two = plan(&split[1].input, &split[1].options, None).unwrap();
    assert_eq!((two.maximum.both, two.maximum.strict), (0.0, 0.0));
    assert_eq!(two.waves.len(), 1);
}

#[test]
fn a_start_beyond_the_end_of_time_is_no_panic() {
    let mut options = PlanOptions::default();
    options.calendar.start = Some(date(9999, 12, 1));
    let mut meshes = two();
    meshes.meshes[0].start_lag_days = u32::MAX;
    let split = meshes.split(&graph(), &options);
    assert_eq!(split[0].options.calendar.start, Some(Date::MAX));
}
