//! How good plans are, against reference answers that share no code with the planner: the exact best of small graphs, a long random
//! search on larger ones, bounds and simple orders on the largest. Graphs are made up from seeds. The long version with all numbers is
//! the example `onboarding_report`; what is here is fast enough for a debug build.

#[path = "onboarding_quality/glue.rs"]
mod glue;

use tracemesh_generator::placement::{by_order, exact};
use tracemesh_generator::plan_graphs::{Circle, Weighing, power_law, small, ticket_shop};
use tracemesh_generator::random::mix;
use tracemesh_graph::onboarding::{Goal, Plan, PlanOptions, Search, plan};

use glue::Judge;

#[test]
fn the_judge_agrees_with_the_plan() {
    for seed in 0..20 {
        let input = glue::input(&small(seed, 9));
        let plan = plan(&input, &PlanOptions::default(), None).unwrap();
        let judge = Judge::new(&input, &plan);
        let waves = judge.waves(&plan);
        let objective = judge.placement.objective(&waves);
        assert!(
            (objective - plan.summary.objective).abs() < 1e-9,
            "seed {seed}"
        );
        let first = judge
            .inbound
            .iter()
            .zip(&waves)
            .filter(|(_, wave)| **wave == 1);
        let shed: f64 = first.map(|(share, _)| share).sum();
        assert!(
            (shed - plan.curves[1].curves.shed).abs() < 1e-9,
            "seed {seed}"
        );
    }
}

#[test]
fn small_plans_are_near_the_best_of_all() {
    let (mut sum, mut worst, mut count, mut needless) = (0.0, 1.0_f64, 0.0, 0);
    for seed in 0..150 {
        let input = glue::input(&small(seed, 9));
        let plan = plan(&input, &PlanOptions::default(), None).unwrap();
        let judge = Judge::new(&input, &plan);
        let Some(best) = exact(&judge.placement) else {
            continue;
        };
        assert!(glue::bounds_hold(&judge, &plan), "seed {seed}");
        if plan.summary.exceptions > 0 {
            needless += 1;
            continue;
        }
        let gap = plan.summary.objective / judge.placement.objective(&best);
        assert!(gap > 1.0 - 1e-9, "seed {seed}: {gap}");
        (sum, worst, count) = (sum + gap, worst.max(gap), count + 1.0);
    }
    // Holding a service back so that a later wave is not empty is found in all cases but one in a hundred.
    assert!(count > 40.0 && needless <= 1, "{count} {needless}");
    assert!(
        sum / count < 1.002 && worst < 1.03,
        "{} {worst}",
        sum / count
    );
}

/// Objectives of the best plans known for the ticket shops with seeds 1 to 16, from the long random search of the report.
const BEST_KNOWN: [f64; 16] = [
    6.7768, 6.0053, 6.3295, 6.1144, 6.5207, 5.9584, 6.0224, 6.2628, 5.2053, 5.8602, 5.7965, 6.0238,
    5.3206, 6.3807, 5.6035, 5.7372,
];

#[test]
fn ticket_shops_are_planned_near_the_best_known() {
    let (mut sum, mut seed) = (0.0, 0);
    for best in BEST_KNOWN {
        seed += 1;
        let plan = plan(&glue::input(&ticket_shop(seed)), &short_search(), None).unwrap();
        assert_eq!(plan.summary.exceptions, 0, "seed {seed}");
        let ratio = plan.summary.objective / best;
        assert!((0.999..=1.025).contains(&ratio), "seed {seed}: {ratio}");
        sum += ratio;
    }
    assert!(sum / 16.0 <= 1.013, "{}", sum / 16.0);
}

/// 300 services: the thresholds of 1000, as far as they do not depend on the size.
#[test]
fn a_company_is_planned_much_better_than_by_chance() {
    let input = glue::input(&power_law(1, 300, 825));
    let chosen = plan(&input, &short_search(), None).unwrap();
    let judge = Judge::new(&input, &chosen);
    let mut random = 0.0;
    for seed in 0..10 {
        let mut order: Vec<usize> = (0..judge.ids.len()).collect();
        order.sort_by_key(|service| mix(&[seed, *service as u64]));
        let (waves, _) = by_order(&judge.placement, &order);
        random += judge.placement.objective(&waves) / 10.0;
    }
    let ratio = chosen.summary.objective / random;
    assert!(ratio <= 0.55, "{ratio}");
    let bound = chosen.summary.objective / chosen.bounds.objective;
    assert!((1.0..=1.30).contains(&bound), "{bound}");
    assert!(chosen.summary.waves * 100 <= chosen.bounds.waves * 115);

    let goal = PlanOptions {
        goal: Goal::StrictMtls,
        ..short_search()
    };
    let strict = plan(&input, &goal, None).unwrap();
    let mean = |plan: &Plan| judge.strict_mean(&judge.waves(plan));
    // 0.65 is asked for at 1,000 services, which the report plans; with the short search of a test it is a little more.
    let ratio = mean(&strict) / mean(&chosen);
    assert!(ratio <= 0.70, "{ratio}");
    assert!(strict.summary.objective <= 1.5 * chosen.summary.objective);
}

/// The calls that are cut to break cycles weigh little more than the least possible.
#[test]
fn cycles_are_cut_where_it_costs_least() {
    for (weighing, most) in [(Weighing::Pareto, 1.03), (Weighing::Uniform, 1.05)] {
        let ratio = |seed: u64| {
            let circle = Circle::new(seed, 10, 20, weighing);
            let all: f64 = circle.graph.calls.iter().map(|call| call.rate).sum();
            let plan = plan(&glue::input(&circle.graph), &without_search(), None).unwrap();
            let cut: f64 = plan.cut_arcs.iter().map(|arc| arc.share).sum();
            cut * all / circle.least_cut()
        };
        let mean = (0..40).map(ratio).sum::<f64>() / 40.0;
        assert!((1.0 - 1e-9..=most).contains(&mean), "{weighing:?}: {mean}");
    }
}

/// A tenth of noise on every rate moves few services, and keeping still costs little.
#[test]
fn a_replan_moves_few_services() {
    for (graph, most) in [(ticket_shop(1), 0.15), (power_law(1, 120, 330), 0.12)] {
        let before = plan(&glue::input(&graph), &short_search(), None).unwrap();
        let noisy = glue::input(&graph.noisy(99, 100));
        let after = plan(&noisy, &short_search(), Some(&before)).unwrap();
        let fresh = plan(&noisy, &short_search(), None).unwrap();
        let replan = after.replan.unwrap();
        let moved = replan.moves.len() as f64 / replan.common as f64;
        assert!(moved <= most, "{moved}");
        assert!(after.summary.objective <= 1.08 * fresh.summary.objective);
    }
}

fn without_search() -> PlanOptions {
    PlanOptions {
        search: Search { tries: 0 },
        ..PlanOptions::default()
    }
}

/// Enough for a small graph, and fast in a debug build.
fn short_search() -> PlanOptions {
    PlanOptions {
        search: Search { tries: 100_000 },
        ..PlanOptions::default()
    }
}
