//! How much traffic the planner cuts to break cycles, against the least possible.

use tracemesh_generator::plan_graphs::{Circle, Weighing};
use tracemesh_graph::onboarding::{PlanOptions, Search, plan};

use crate::glue::{self, as_f64};
use crate::table::Report;

const GRAPHS: u64 = 200;

pub(crate) fn run(report: &mut Report) {
    report.heading("Cycles: rate of the calls cut, against the exact minimum");
    let mut rows = Vec::new();
    for (weighing, name, most) in [
        (Weighing::Pareto, "Pareto", 1.03),
        (Weighing::Uniform, "uniform", 1.05),
    ] {
        let ratios: Vec<f64> = (0..GRAPHS).map(|seed| ratio(seed, weighing)).collect();
        let mean = ratios.iter().sum::<f64>() / as_f64(ratios.len());
        let worst = ratios.iter().copied().fold(1.0, f64::max);
        let optimal = ratios.iter().filter(|ratio| **ratio < 1.0 + 1e-9).count();
        report.at_most(
            &format!("cycles, {name}: mean cut to least cut"),
            mean,
            most,
        );
        rows.push(vec![
            name.to_owned(),
            GRAPHS.to_string(),
            optimal.to_string(),
            format!("{mean:.4}"),
            format!("{worst:.4}"),
        ]);
    }
    report.line("Strongly connected graphs of 10 services and 30 calls.\n");
    report.table(&["weights", "graphs", "optimal", "mean", "worst"], &rows);
}

fn ratio(seed: u64, weighing: Weighing) -> f64 {
    let circle = Circle::new(seed, 10, 20, weighing);
    let all: f64 = circle.graph.calls.iter().map(|call| call.rate).sum();
    let options = PlanOptions {
        search: Search { tries: 0 },
        ..PlanOptions::default()
    };
    let plan = plan(&glue::input(&circle.graph), &options, None).expect("there are no pins");
    let cut: f64 = plan.cut_arcs.iter().map(|arc| arc.share).sum();
    cut * all / circle.least_cut()
}
