//! How good plans are, against reference answers that share no code with the planner: the exact best of small graphs, a long random
//! search on larger ones, bounds and simple orders on the largest. Graphs are made up from seeds. The long version with all numbers is
//! the example `onboarding_report`; what is here is fast enough for a debug build.

#[path = "onboarding_quality/glue.rs"]
mod glue;

use tracemesh_generator::placement::{by_order, exact};
use tracemesh_generator::plan_graphs::{power_law, small};
use tracemesh_generator::random::mix;
use tracemesh_graph::onboarding::{PlanOptions, Search, plan};

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
    let (mut sum, mut worst, mut count) = (0.0, 1.0_f64, 0.0);
    for seed in 0..150 {
        let input = glue::input(&small(seed, 9));
        let plan = plan(&input, &PlanOptions::default(), None).unwrap();
        let judge = Judge::new(&input, &plan);
        let Some(best) = exact(&judge.placement) else {
            continue;
        };
        if plan.summary.exceptions > 0 {
            continue;
        }
        let gap = plan.summary.objective / judge.placement.objective(&best);
        assert!(gap > 1.0 - 1e-9, "seed {seed}: {gap}");
        (sum, worst, count) = (sum + gap, worst.max(gap), count + 1.0);
    }
    assert!(count > 20.0, "{count}");
    assert!(
        sum / count < 1.01 && worst < 1.15,
        "{} {worst}",
        sum / count
    );
}

/// 300 services: the thresholds of 1000, as far as they do not depend on the size.
#[test]
fn a_company_is_planned_much_better_than_by_chance() {
    let input = glue::input(&power_law(1, 300, 825));
    let options = PlanOptions {
        search: Search { tries: 200_000 },
        ..PlanOptions::default()
    };
    let chosen = plan(&input, &options, None).unwrap();
    let judge = Judge::new(&input, &chosen);
    let mut random = 0.0;
    for seed in 0..10 {
        let mut order: Vec<usize> = (0..judge.ids.len()).collect();
        order.sort_by_key(|service| mix(&[seed, *service as u64]));
        let (waves, _) = by_order(&judge.placement, &order);
        random += judge.placement.objective(&waves) / 10.0;
    }
    let ratio = chosen.summary.objective / random;
    assert!(ratio < 0.6, "{ratio}");
    assert!(judge.strict_mean(&judge.waves(&chosen)) > 1.0);
}
