//! The portfolio: several rules schedule the same problem, the best plan wins and is improved.
//!
//! Best is fewest waves with an exception, then the least objective, then the first rule.

use super::board::Board;
use super::bounds;
use super::greedy::{self, Baseline, Rule, Score, Stuck};
use super::options::{Goal, Ranking};
use super::outcome::CandidatePlan;
use super::problem::{PlanError, Problem};

/// What a rule came to.
struct Pass<'a> {
    board: Board<'a>,
    candidate: CandidatePlan,
}

/// The best plan found, and what every rule came to.
///
/// # Errors
/// Pins leave no wave for some service.
pub(super) fn best<'a>(
    problem: &'a Problem<'a>,
) -> Result<(Board<'a>, Vec<CandidatePlan>), PlanError> {
    let target = u32::try_from(bounds::bounds(problem).waves).unwrap_or(u32::MAX);
    let mut passes = Vec::new();
    let mut stuck: Option<Stuck> = None;
    for rule in rules(problem.options.goal) {
        match greedy::schedule(problem, &rule, target) {
            Ok(board) => passes.push(Pass::new(board, &rule)),
            Err(found) => stuck = stuck.or(Some(found)),
        }
    }
    let order = |a: &&Pass<'_>, b: &&Pass<'_>| {
        let by_objective = a.candidate.objective.total_cmp(&b.candidate.objective);
        a.candidate
            .exceptions
            .cmp(&b.candidate.exceptions)
            .then(by_objective)
    };
    let chosen = (0..passes.len()).min_by(|a, b| order(&&passes[*a], &&passes[*b]));
    let Some(chosen) = chosen else {
        let stuck = stuck.expect("there are rules, and each one ends or is stuck");
        return Err(super::problem::stuck(problem, stuck));
    };
    passes[chosen].candidate.chosen = true;
    let board = passes[chosen].board.clone();
    Ok((
        board,
        passes.into_iter().map(|pass| pass.candidate).collect(),
    ))
}

impl<'a> Pass<'a> {
    fn new(board: Board<'a>, rule: &Rule) -> Self {
        let candidate = CandidatePlan {
            rule: rule.name(),
            waves: usize::try_from(board.waves()).unwrap_or(usize::MAX),
            exceptions: board.exceptional().len(),
            objective: board.objective(),
            chosen: false,
        };
        Self { board, candidate }
    }
}

fn rules(goal: Goal) -> Vec<Rule> {
    const LAXITY: [bool; 2] = [false, true];
    let mut rules = Vec::new();
    for laxity in LAXITY {
        for share_exponent in [0.25, 0.0, 0.5, 0.75] {
            for risk_exponent in [0.0, 0.5, 1.0] {
                let ranking = Ranking {
                    share_exponent,
                    risk_exponent,
                };
                let score = Score::Value(ranking);
                rules.push(Rule { score, laxity });
            }
        }
    }
    let baselines = [
        Baseline::Traffic,
        Baseline::FanIn,
        Baseline::LowRisk,
        Baseline::HighRisk,
        Baseline::CalleeLevel,
        Baseline::CallerLevel,
        Baseline::Team,
    ];
    rules.extend(baselines.map(|baseline| Rule {
        score: Score::Fixed(baseline),
        laxity: false,
    }));
    if goal == Goal::StrictMtls {
        for by_traffic in [false, true] {
            let score = Score::Closure { by_traffic };
            rules.extend(LAXITY.map(|laxity| Rule { score, laxity }));
        }
    }
    rules
}
