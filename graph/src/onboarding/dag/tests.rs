//! What is cut to break circles.

use super::super::input::{PlanEdge, PlanInput, PlanService};
use super::super::model::Model;
use super::*;

fn circle(rates: &[(usize, usize, f64)]) -> Model {
    let id = |number: usize| format!("service/s{number}");
    let edges = rates.iter().map(|(caller, callee, rate)| PlanEdge {
        caller: id(*caller),
        callee: id(*callee),
        rate: *rate,
        attempts: None,
        hit_ratio: None,
        confidence: 1.0,
    });
    let services = rates.iter().flat_map(|(a, b, _)| [id(*a), id(*b)]);
    Model::new(&PlanInput {
        services: services.map(|id| (id, PlanService::unknown())).collect(),
        edges: edges.collect(),
        ..PlanInput::default()
    })
}

/// Heavy-first keeps 0 -> 1 (5) and then has to cut both calls of 4 that make circles with it; without it only 5 is cut.
#[test]
fn a_service_is_inserted_where_less_is_cut() {
    let model = circle(&[
        (0, 1, 5.0),
        (1, 2, 4.0),
        (2, 0, 4.0),
        (1, 3, 4.0),
        (3, 0, 4.0),
    ]);
    let dag = Dag::new(&model);
    let cut: f64 = dag.cut.iter().map(|arc| model.arcs[*arc].calls.rate).sum();
    assert_eq!(cut, 5.0);
    let rank = |service: usize| dag.order.iter().position(|s| *s == service);
    for (arc, kept) in model.arcs.iter().zip(&dag.kept) {
        assert!(!kept || rank(arc.caller) < rank(arc.callee));
    }
}
