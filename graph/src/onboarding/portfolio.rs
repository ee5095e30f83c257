//! The portfolio: several rules schedule the same problem, the best plans are improved, and the best of all wins.
//!
//! Best is fewest waves with an exception, then the least cost, then the first rule. The cost is the objective; with the goal of
//! strict mTLS the mean wave of strictness counts beside it, among plans whose objective is not much above the best.

use super::board::Board;
use super::bounds;
use super::greedy::{self, Baseline, Rule, Score, Stuck};
use super::options::{Goal, Ranking};
use super::outcome::CandidatePlan;
use super::problem::{self, PlanError, Problem};
use super::search::{self, Aim};

/// What the goal of strict mTLS pays for a wave of delay of all strictness, in waves of delay of all protection.
const STRICT_WEIGHT: f64 = 1.0;
/// How far above the best objective of all rules that goal may go.
const STRICT_PRICE: f64 = 1.45;
/// Plans up to this size are improved from several beginnings.
const SMALL: usize = 100;
/// Beginnings then.
const STARTS: usize = 3;

/// What a rule came to.
#[derive(Clone)]
struct Pass<'a> {
    board: Board<'a>,
    candidate: CandidatePlan,
    cost: f64,
}

/// The best plan found, and what every rule came to.
///
/// # Errors
/// Pins leave no wave for some service.
pub(super) fn best<'a>(
    problem: &'a Problem<'a>,
) -> Result<(Board<'a>, Vec<CandidatePlan>), PlanError> {
    let aim = Aim {
        strict: match problem.options.goal {
            Goal::StrictMtls => STRICT_WEIGHT,
            Goal::Balanced | Goal::RiskAverse => 0.0,
        },
    };
    let mut passes = scheduled(problem, aim).map_err(|stuck| problem::stuck(problem, stuck))?;
    for start in starts(&passes, aim) {
        let board = search::improve(&passes[start].board, aim);
        let rule = format!("{} + search", passes[start].candidate.rule);
        if board.wave_of != passes[start].board.wave_of {
            passes.push(Pass::new(board, rule, aim));
        }
    }
    let chosen = ranked(&passes, aim)[0];
    passes[chosen].candidate.chosen = true;
    let board = passes[chosen].board.clone();
    let candidates = passes.into_iter().map(|pass| pass.candidate);
    Ok((board, candidates.collect()))
}

/// One board for every rule that found a wave for everything: at least one.
fn scheduled<'a>(problem: &'a Problem<'a>, aim: Aim) -> Result<Vec<Pass<'a>>, Stuck> {
    let target = u32::try_from(bounds::waves(problem)).unwrap_or(u32::MAX);
    let mut passes = Vec::new();
    let mut stuck: Option<Stuck> = None;
    for rule in rules(problem.options.goal) {
        match greedy::schedule(problem, &rule, target) {
            Ok(board) => passes.push(Pass::new(board, rule.name(), aim)),
            Err(found) => stuck = stuck.or(Some(found)),
        }
    }
    match stuck {
        Some(stuck) if passes.is_empty() => Err(stuck),
        _ => Ok(passes),
    }
}

/// Passes by number, the best first; different plans only.
fn ranked(passes: &[Pass<'_>], aim: Aim) -> Vec<usize> {
    let objectives = passes.iter().map(|pass| pass.candidate.objective);
    let affordable = STRICT_PRICE * objectives.fold(f64::INFINITY, f64::min);
    let is_dear = |pass: &Pass<'_>| aim.strict > 0.0 && pass.candidate.objective > affordable;
    let mut ranking: Vec<usize> = (0..passes.len()).collect();
    ranking.sort_by(|a, b| {
        let (a, b) = (&passes[*a], &passes[*b]);
        let exceptions = a.candidate.exceptions.cmp(&b.candidate.exceptions);
        let by_price = is_dear(a).cmp(&is_dear(b));
        exceptions.then(by_price).then(a.cost.total_cmp(&b.cost))
    });
    ranking.dedup_by(|a, b| passes[*a].board.wave_of == passes[*b].board.wave_of);
    ranking
}

/// Where searches begin: at the best plans, and at the best of those with the fewest waves, which no search gets to from longer ones.
fn starts(passes: &[Pass<'_>], aim: Aim) -> Vec<usize> {
    let ranking = ranked(passes, aim);
    let waves = |pass: &usize| {
        let candidate = &passes[*pass].candidate;
        (candidate.exceptions, candidate.waves)
    };
    let shortest = ranking.iter().copied().min_by_key(waves);
    let is_small = passes[ranking[0]].board.wave_of.len() <= SMALL;
    let count = if is_small { STARTS } else { 1 };
    let mut starts: Vec<usize> = ranking.into_iter().take(count).collect();
    starts.extend(shortest.filter(|pass| !starts.contains(pass)));
    starts
}

impl<'a> Pass<'a> {
    fn new(board: Board<'a>, rule: String, aim: Aim) -> Self {
        let candidate = CandidatePlan {
            rule,
            waves: usize::try_from(board.waves()).unwrap_or(usize::MAX),
            exceptions: board.exceptional().len(),
            objective: board.objective(),
            chosen: false,
        };
        let cost = aim.cost(&board);
        Self {
            board,
            candidate,
            cost,
        }
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
            for percent in [100, 80, 50, 20] {
                let score = Score::Closure {
                    by_traffic,
                    percent,
                };
                rules.extend(LAXITY.map(|laxity| Rule { score, laxity }));
            }
        }
    }
    rules
}
