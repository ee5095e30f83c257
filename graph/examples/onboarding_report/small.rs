//! Small graphs against the best of all plans.

use tracemesh_generator::placement::exact;
use tracemesh_generator::plan_graphs::small;
use tracemesh_graph::onboarding::{Order, PlanOptions, plan};

use crate::glue::{self, Judge, as_f64};
use crate::table::Report;

const GRAPHS: u64 = 1000;

pub(crate) fn run(report: &mut Report) {
    report.heading("Graphs of 3 to 9 services against the exact optimum");
    report.line(
        "Of 1000 random graphs: those that have a plan without exception, those for which the planner finds none, and how far it is\n\
         from the optimum on the others.\n",
    );
    let mut rows = Vec::new();
    for (order, name) in [
        (Order::Soft, "soft"),
        (Order::CalleeFirst, "callee first"),
        (Order::CallerFirst, "caller first"),
    ] {
        rows.push(one(report, order, name));
    }
    report.table(
        &["order", "possible", "missed", "optimal", "mean", "worst"],
        &rows,
    );
}

fn one(report: &mut Report, order: Order, name: &str) -> Vec<String> {
    let options = PlanOptions {
        order,
        ..PlanOptions::default()
    };
    let (mut missed, mut lies, mut ratios) = (0, 0, Vec::new());
    for seed in 0..GRAPHS {
        let input = glue::input(&small(seed, 9));
        let plan = plan(&input, &options, None).expect("there are no pins");
        let judge = Judge::new(&input, &plan);
        let Some(best) = exact(&judge.placement) else {
            continue;
        };
        lies += usize::from(!glue::bounds_hold(&judge, &plan));
        if plan.summary.exceptions > 0 {
            missed += 1;
        } else {
            ratios.push(plan.summary.objective / judge.placement.objective(&best));
        }
    }
    let mean = ratios.iter().sum::<f64>() / as_f64(ratios.len().max(1));
    let worst = ratios.iter().copied().fold(1.0, f64::max);
    let possible = missed + ratios.len();
    report.at_most(
        &format!("small graphs, {name}: bounds above the optimum"),
        as_f64(lies),
        0.0,
    );
    let share = as_f64(missed) / as_f64(possible.max(1));
    report.at_most(
        &format!("small graphs, {name}: share of needless exceptions"),
        share,
        0.03,
    );
    report.at_most(
        &format!("small graphs, {name}: mean J to optimum"),
        mean,
        1.005,
    );
    report.at_most(
        &format!("small graphs, {name}: worst J to optimum"),
        worst,
        1.05,
    );
    vec![
        name.to_owned(),
        possible.to_string(),
        missed.to_string(),
        ratios
            .iter()
            .filter(|ratio| **ratio < 1.0 + 1e-9)
            .count()
            .to_string(),
        format!("{mean:.4}"),
        format!("{worst:.4}"),
    ]
}
