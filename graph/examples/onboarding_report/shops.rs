//! Medium graphs against a long random search: how far a plan is from the best that is known.

use tracemesh_generator::placement::{Annealing, anneal};
use tracemesh_generator::plan_graphs::ticket_shop;
use tracemesh_graph::onboarding::{Order, PlanOptions, plan};

use crate::glue::{self, Judge, as_f64};
use crate::table::Report;

const SHOPS: u64 = 12;

pub(crate) fn run(report: &mut Report) {
    report.heading("Ticket shops (28 services, 55 calls) against the best plan known");
    for (order, name, most) in [
        (Order::Soft, "soft order", 1.025),
        (Order::CalleeFirst, "callee first", 1.02),
    ] {
        let options = PlanOptions {
            order,
            ..PlanOptions::default()
        };
        let mut rows = Vec::new();
        let (mut sum, mut worst) = (0.0, 1.0_f64);
        for seed in 1..=SHOPS {
            let input = glue::input(&ticket_shop(seed));
            let plan = plan(&input, &options, None).expect("there are no pins");
            let judge = Judge::new(&input, &plan);
            let effort = Annealing {
                seed,
                moves: 400_000,
                rounds: 9,
            };
            let start = judge.waves(&plan);
            let best = anneal(&judge.placement, &start, effort);
            let objective = plan.summary.objective;
            let best_objective = best
                .as_ref()
                .map_or(f64::NAN, |w| judge.placement.objective(w));
            let ratio = objective / best_objective;
            (sum, worst) = (sum + ratio, worst.max(ratio));
            rows.push(vec![
                seed.to_string(),
                plan.summary.waves.to_string(),
                plan.summary.exceptions.to_string(),
                format!("{objective:.4}"),
                format!("{best_objective:.4}"),
                best.map_or(0, |w| w.into_iter().max().unwrap_or(0))
                    .to_string(),
                format!("{ratio:.4}"),
            ]);
            report.at_most(
                &format!("shop {seed}, {name}, J to best known"),
                ratio,
                most,
            );
        }
        report.line(&format!(
            "{name}: mean {:.4}, worst {worst:.4} of the best known objective.\n",
            sum / as_f64(rows.len())
        ));
        report.table(
            &[
                "seed",
                "T",
                "exceptions",
                "J",
                "best known J",
                "its T",
                "ratio",
            ],
            &rows,
        );
    }
}
