//! Medium graphs against a long random search: how far a plan is from the best that is known.

use tracemesh_generator::placement::{Annealing, anneal};
use tracemesh_generator::plan_graphs::{PlanGraph, power_law, ticket_shop};
use tracemesh_graph::onboarding::{Order, PlanOptions, plan};

use crate::glue::{self, Judge, as_f64};
use crate::table::Report;

/// Ticket shops.
const SHOPS: u64 = 16;

/// Seconds per graph; twice as much finds the same placements on nearly all of them.
const EFFORT: Annealing = Annealing {
    seed: 1,
    moves: 400_000,
    rounds: 8,
};

pub(crate) fn run(report: &mut Report) {
    report.heading("Medium graphs against the best plan known");
    report.line(
        "Ticket shops have 28 services and 55 calls; the others are power-law companies. The best known objective is that of a random\n\
         search over millions of placements that starts from the plan.\n",
    );
    for (order, name, most) in [
        (Order::Soft, "Soft order", 1.025),
        (Order::CalleeFirst, "Callee first", 1.037),
    ] {
        let options = PlanOptions {
            order,
            ..PlanOptions::default()
        };
        let results: Vec<Known> = graphs().map(|graph| Known::new(graph, &options)).collect();
        let ratios = || results.iter().map(|known| known.ratio);
        let mean = ratios().sum::<f64>() / as_f64(results.len());
        let worst = ratios().fold(1.0, f64::max);
        report.line(&format!(
            "{name}: {mean:.4} of the best known objective in the mean, {worst:.4} at most.\n"
        ));
        let rows: Vec<Vec<String>> = results.iter().map(Known::row).collect();
        report.table(
            &["graph", "T", "exc", "J", "best J", "its T", "ratio"],
            &rows,
        );
        report.at_most(&format!("{name}: mean J to best known"), mean, 1.013);
        for known in results {
            report.at_most(
                &format!("{name}, {}: J to best known", known.name),
                known.ratio,
                most,
            );
        }
    }
}

fn graphs() -> impl Iterator<Item = (String, PlanGraph)> {
    let shops = (1..=SHOPS).map(|seed| (format!("ticket shop {seed}"), ticket_shop(seed)));
    let company = |services: usize| {
        (1..=3).map(move |seed| {
            let name = format!("{services} services, seed {seed}");
            (name, power_law(seed, services, services * 5 / 2))
        })
    };
    shops.chain(company(40)).chain(company(60))
}

/// A plan and the best that is known.
struct Known {
    name: String,
    waves: usize,
    exceptions: usize,
    objective: f64,
    best: f64,
    best_waves: usize,
    ratio: f64,
}

impl Known {
    fn new((name, graph): (String, PlanGraph), options: &PlanOptions) -> Self {
        let input = glue::input(&graph);
        let plan = plan(&input, options, None).expect("there are no pins");
        let judge = Judge::new(&input, &plan);
        let objective = plan.summary.objective;
        // When no placement without exception is known, the plan is the best that is.
        let best = anneal(&judge.placement, &judge.waves(&plan), EFFORT);
        let best = best.unwrap_or_else(|| judge.waves(&plan));
        let best_objective = judge.placement.objective(&best);
        Self {
            name,
            waves: plan.summary.waves,
            exceptions: plan.summary.exceptions,
            objective,
            best: best_objective,
            best_waves: best.into_iter().max().unwrap_or(0),
            ratio: objective / best_objective,
        }
    }

    fn row(&self) -> Vec<String> {
        vec![
            self.name.clone(),
            self.waves.to_string(),
            self.exceptions.to_string(),
            format!("{:.4}", self.objective),
            format!("{:.4}", self.best),
            self.best_waves.to_string(),
            format!("{:.4}", self.ratio),
        ]
    }
}
