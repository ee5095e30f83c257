//! Plans against simple orders under the same limits: the orders that people propose, scheduled as a list.

use tracemesh_generator::placement::by_order;
use tracemesh_generator::plan_graphs::power_law;
use tracemesh_generator::random::Random;
use tracemesh_graph::onboarding::{Goal, Order, Plan, PlanInput, PlanOptions, Search, plan};

use crate::glue::{self, Judge, as_f64};
use crate::measures::{HEAD, Measures};
use crate::table::Report;

/// Seeds of the graphs with 1000 services.
const SEEDS: u64 = 5;

pub(crate) fn run(report: &mut Report) {
    report.heading("Plans against simple orders");
    report.line(
        "T waves, J objective, S50 first wave after which half of the inbound traffic can be shed, B mean wave at which calls have both\n\
         ends in, X the same for callees that can refuse plaintext, inv share of calls whose caller came first, win mean waves for which\n\
         such a callee cannot shed, r10 mean risk of the first tenth of the services, exc waves in which nothing was eligible. All keep\n\
         to the same limits. A plan with exceptions may be below the bound.",
    );
    let text = include_str!("../../../fixtures/onboarding/online-boutique.json");
    let boutique: PlanInput = serde_json::from_str(text).expect("the fixture is an input");
    let best = compare(report, "Online Boutique (10 services)", &boutique);
    report.at_most("Online Boutique, J", best.objective, 5.13);
    report.at_most("Online Boutique, T", best.waves, 7.0);
    let medium = glue::input(&power_law(1, 300, 825));
    compare(report, "300 services, 825 calls", &medium);
    for seed in 1..=SEEDS {
        let input = glue::input(&power_law(seed, 1000, 2750));
        compare(
            report,
            &format!("1000 services, 2750 calls, seed {seed}"),
            &input,
        );
    }
}

struct Planned {
    plan: Plan,
    judge: Judge,
    measures: Measures,
}

fn planned(input: &PlanInput, options: &PlanOptions) -> Planned {
    let plan = plan(input, options, None).expect("there are no pins");
    let judge = Judge::new(input, &plan);
    let waves = judge.waves(&plan);
    Planned {
        measures: Measures::new(&judge, &waves, plan.summary.exceptions),
        plan,
        judge,
    }
}

/// The numbers of the default plan, after a table of all strategies and the thresholds of large graphs.
fn compare(report: &mut Report, title: &str, input: &PlanInput) -> Measures {
    let case = Case::new(input);
    let bounds = case.chosen.plan.bounds;
    report.heading(title);
    report.line(&format!(
        "No plan without an exception has fewer than {} waves or an objective below {:.3}.\n",
        bounds.waves, bounds.objective
    ));
    report.table(&HEAD, &case.rows(bounds.objective));
    if input.services.len() >= 1000 {
        case.hold(report, title);
    }
    case.chosen.measures
}

/// One graph, planned in several ways.
struct Case {
    chosen: Planned,
    callee_first: Planned,
    caller_first: Planned,
    strict: Planned,
    unsearched: Planned,
    random: Measures,
    callee_list: Measures,
}

impl Case {
    fn new(input: &PlanInput) -> Self {
        let default = PlanOptions::default();
        let chosen = planned(input, &default);
        let ordered = |order| {
            let options = PlanOptions {
                order,
                ..default.clone()
            };
            planned(input, &options)
        };
        let callee_first = ordered(Order::CalleeFirst);
        let strict = PlanOptions {
            goal: Goal::StrictMtls,
            ..default.clone()
        };
        let search = Search { tries: 0 };
        let random: Vec<Measures> = (0..10).map(|seed| shuffled(&chosen.judge, seed)).collect();
        Self {
            random: Measures::mean(&random),
            callee_list: listed(&callee_first.judge, &levels(&callee_first.judge)),
            caller_first: ordered(Order::CallerFirst),
            strict: planned(input, &strict),
            unsearched: planned(input, &PlanOptions { search, ..default }),
            callee_first,
            chosen,
        }
    }

    fn rows(&self, bound: f64) -> Vec<Vec<String>> {
        let mut rows = vec![self.random.row("random, mean of 10", bound)];
        let callee_levels = levels(&self.callee_first.judge);
        let caller_levels = levels(&self.caller_first.judge);
        for (name, rank) in lists(&self.chosen.judge, &callee_levels, &caller_levels) {
            rows.push(listed(&self.chosen.judge, &rank).row(name, bound));
        }
        let caller_list = listed(&self.caller_first.judge, &caller_levels);
        rows.push(caller_list.row("caller first, hard level list", bound));
        rows.push(self.callee_list.row("callee first, hard level list", bound));
        rows.extend(self.greedy(bound));
        for (name, planned) in [
            ("plan, caller first", &self.caller_first),
            ("plan, callee first", &self.callee_first),
            ("plan, goal strict mTLS", &self.strict),
            ("plan without search", &self.unsearched),
            ("plan", &self.chosen),
        ] {
            rows.push(planned.measures.row(name, bound));
        }
        rows
    }

    /// One pass of the portfolio, of which the plan keeps the sum only.
    fn greedy(&self, bound: f64) -> Option<Vec<String>> {
        let mut candidates = self.chosen.plan.candidates.iter();
        let greedy = candidates.find(|pass| pass.rule.starts_with("value share=0.25 risk=0"))?;
        let mut row = vec!["value greedy, one rule".to_owned()];
        row.push(format!("{:.1}", as_f64(greedy.waves)));
        row.push(format!("{:.3}", greedy.objective));
        row.push(format!("{:.3}", greedy.objective / bound));
        row.resize(HEAD.len() - 1, String::new());
        row.push(format!("{:.1}", as_f64(greedy.exceptions)));
        Some(row)
    }

    fn hold(&self, report: &mut Report, title: &str) {
        let (best, bounds) = (self.chosen.measures, self.chosen.plan.bounds);
        let strict = self.strict.measures;
        for (what, number, most) in [
            ("J to bound", best.objective / bounds.objective, 1.30),
            ("T to bound", best.waves / as_f64(bounds.waves), 1.15),
            ("J to random", best.objective / self.random.objective, 0.55),
            (
                "J to callee-first list",
                best.objective / self.callee_list.objective,
                0.80,
            ),
            (
                "X of the strict goal to that of the plan",
                strict.strict / best.strict,
                0.65,
            ),
            (
                "J of the strict goal to that of the plan",
                strict.objective / best.objective,
                1.5,
            ),
        ] {
            report.at_most(&format!("{title}: {what}"), number, most);
        }
    }
}

/// Services by ascending rank, of equals the one with most traffic first.
fn listed(judge: &Judge, rank: &[f64]) -> Measures {
    let mut order: Vec<usize> = (0..rank.len()).collect();
    let touched = |service: usize| judge.placement.pieces[service].touched;
    order.sort_by(|a, b| {
        let by_traffic = touched(*b).total_cmp(&touched(*a));
        rank[*a].total_cmp(&rank[*b]).then(by_traffic)
    });
    let (waves, exceptions) = by_order(&judge.placement, &order);
    Measures::new(judge, &waves, exceptions)
}

fn shuffled(judge: &Judge, seed: u64) -> Measures {
    let mut random = Random::new(seed);
    let rank = |_| as_f64(random.below(1 << 30));
    let rank: Vec<f64> = (0..judge.ids.len()).map(rank).collect();
    listed(judge, &rank)
}

/// Name of the strategy and rank of each service.
fn lists(
    judge: &Judge,
    callee_levels: &[f64],
    caller_levels: &[f64],
) -> Vec<(&'static str, Vec<f64>)> {
    let pieces = &judge.placement.pieces;
    let by = |rank: &dyn Fn(usize) -> f64| (0..pieces.len()).map(rank).collect::<Vec<f64>>();
    let mut callers = vec![0_usize; pieces.len()];
    for (_, callee, _) in &judge.calls {
        callers[*callee] += 1;
    }
    vec![
        (
            "team by team",
            by(&|s| as_f64(pieces[s].team.unwrap_or_default())),
        ),
        ("lowest risk first", by(&|s| pieces[s].risk)),
        ("caller first, soft levels", caller_levels.to_vec()),
        ("callee first, soft levels", callee_levels.to_vec()),
        ("highest fan-in first", by(&|s| -as_f64(callers[s]))),
        ("highest risk first", by(&|s| -pieces[s].risk)),
        ("highest traffic first", by(&|s| -pieces[s].touched)),
    ]
}

/// For each service how many others have to come before it, one after the other, in a hard order.
fn levels(judge: &Judge) -> Vec<f64> {
    let pieces = &judge.placement.pieces;
    let mut level = vec![0_usize; pieces.len()];
    // As often as there are levels; the order has no cycle.
    loop {
        let next = |piece: usize| {
            let before = pieces[piece].before.iter();
            before.map(|first| level[*first] + 1).max().unwrap_or(0)
        };
        let changed: Vec<usize> = (0..pieces.len()).map(next).collect();
        if changed == level {
            return level.into_iter().map(as_f64).collect();
        }
        level = changed;
    }
}
