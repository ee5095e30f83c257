//! Properties of plans over random and degenerate graphs, judged by the independent checker, and the reference graph.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

mod basics;
mod bounds;
mod degenerate;
mod laws;
mod limits;
mod mutations;
mod propagation;
mod reference;
mod replanning;
mod snapshot;
mod strategies;

use strategies::{any_input, any_options, any_wishes};

fn service() -> PlanService {
    PlanService {
        entry_rate: 0.0,
        team: None,
        tier: Some(2),
        hazards: Vec::new(),
        status: Status::Pending,
        pins: Pins::NONE,
        effort: 1,
        health: Health::UNKNOWN,
        criticality: None,
        evidence: Evidence::FULL,
        requests: 1000,
        orphans: 0,
    }
}

fn edge(caller: &str, callee: &str, rate: f64) -> PlanEdge {
    PlanEdge {
        caller: caller.to_owned(),
        callee: callee.to_owned(),
        rate,
        attempts: None,
        hit_ratio: None,
        confidence: 0.9,
    }
}

/// A graph of services with default facts.
fn graph(ids: &[String], edges: Vec<PlanEdge>) -> PlanInput {
    PlanInput {
        services: ids.iter().map(|id| (id.clone(), service())).collect(),
        edges,
        ..PlanInput::default()
    }
}

fn id(number: usize) -> String {
    format!("service/s{number:04}")
}

fn ids(count: usize) -> Vec<String> {
    (0..count).map(id).collect()
}

/// The defaults with a search that ends soon.
fn quick() -> PlanOptions {
    PlanOptions {
        search: Search { tries: 2_000 },
        ..PlanOptions::default()
    }
}

fn members(plan: &Plan) -> Vec<Vec<String>> {
    let names = |wave: &Wave| wave.services.iter().map(|s| s.service.clone()).collect();
    plan.waves.iter().map(names).collect()
}

fn codes(found: &[Violation]) -> Vec<&'static str> {
    let mut codes: Vec<&str> = found.iter().map(Violation::code).collect();
    codes.dedup();
    codes
}

/// Plans with the defaults, and lets the checker judge.
fn checked(input: &PlanInput) -> Plan {
    let plan = plan(input, &PlanOptions::default(), None).unwrap();
    assert_eq!(check(input, &plan), []);
    plan
}
