//! Replanning: how much moves when rates change by a tenth, and what keeping still costs.

use tracemesh_generator::plan_graphs::{PlanGraph, power_law, ticket_shop};
use tracemesh_graph::onboarding::{PlanOptions, plan};

use crate::glue::{self, as_f64};
use crate::table::Report;

pub(crate) fn run(report: &mut Report) {
    report.heading("Replanning after 10 % noise on every rate");
    let mut rows = Vec::new();
    for seed in 1..=4 {
        rows.extend(one(
            report,
            &format!("ticket shop {seed}"),
            &ticket_shop(seed),
            0.15,
        ));
    }
    for seed in 1..=2 {
        let graph = power_law(seed, 300, 825);
        rows.extend(one(
            report,
            &format!("300 services, seed {seed}"),
            &graph,
            0.08,
        ));
    }
    for seed in 1..=2 {
        let graph = power_law(seed, 1000, 2750);
        rows.extend(one(
            report,
            &format!("1000 services, seed {seed}"),
            &graph,
            0.08,
        ));
    }
    report.table(&["graph", "moved", "share", "J", "fresh J", "ratio"], &rows);
}

fn one(report: &mut Report, name: &str, graph: &PlanGraph, most: f64) -> Option<Vec<String>> {
    let options = PlanOptions::default();
    let before = plan(&glue::input(graph), &options, None).expect("there are no pins");
    let noisy = glue::input(&graph.noisy(99, 100));
    let after = plan(&noisy, &options, Some(&before)).expect("there are no pins");
    let fresh = plan(&noisy, &options, None).expect("there are no pins");
    let Some(replan) = &after.replan else {
        report.at_most(
            &format!("{name}: a plan that knows the one before"),
            f64::NAN,
            0.0,
        );
        return None;
    };
    let moved = as_f64(replan.moves.len()) / as_f64(replan.common.max(1));
    let ratio = after.summary.objective / fresh.summary.objective;
    report.at_most(&format!("{name}: share moved"), moved, most);
    report.at_most(&format!("{name}: J to fresh J"), ratio, 1.08);
    Some(vec![
        name.to_owned(),
        replan.moves.len().to_string(),
        format!("{:.1} %", 100.0 * moved),
        format!("{:.3}", after.summary.objective),
        format!("{:.3}", fresh.summary.objective),
        format!("{ratio:.3}"),
    ])
}
