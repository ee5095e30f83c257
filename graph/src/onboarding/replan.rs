//! Planning again: an earlier plan is repaired rather than made anew, so that nobody is reshuffled every week.
//!
//! ```text
//! previous Plan -> before (waves, reasons) -> keep -> insert -> settle -> Board -> moves (every difference, with its reason)
//! ```
//! Who is in stays in. Every other service keeps its wave as long as it may stand there; what no longer fits, what slipped, what was
//! rolled back and what is new is inserted. Nobody leaves the next waves, which are frozen, unless staying is not possible. A fresh
//! plan is always made beside it, and the distance to it is told: repairs are near, not best. Where nothing can be kept, or a repair
//! does not come to an end, the fresh plan is taken.

use std::collections::BTreeSet;

use super::board::Board;
use super::outcome::{Plan, Replan};
use super::problem::Problem;

mod before;
mod insert;
mod moves;
mod reason;
mod repair;
mod settle;
#[cfg(test)]
mod tests;

pub(super) use self::before::Before;
use self::moves::{Causes, moves};
use self::repair::Repair;

/// Most waves that an earlier plan can claim to be over: it is a file that anybody may have edited.
const MAX_WAVES_OVER: u32 = 10_000;

/// Waves of an earlier plan that are over, when these services are in the mesh: what
/// [`PlanOptions::waves_done`](super::PlanOptions::waves_done) of the next plan should be.
///
/// A wave is over when at least half of its services are in, and at least half of all services planned up to it. So a wave of which
/// a part was rolled back is over, and that part slips; one that has only begun is not; and a single service that joined early does
/// not carry the ramp forward. It never falls below what was over when the earlier plan was made.
#[must_use]
pub fn waves_over(previous: &Plan, done: &BTreeSet<String>) -> u32 {
    let mut waves: Vec<_> = previous.waves.iter().collect();
    waves.sort_by_key(|wave| wave.wave);
    let (mut over, mut planned, mut joined) = (previous.options.waves_done, 0, 0);
    for wave in waves {
        let services = wave.services.len();
        let own = wave.services.iter().filter(|s| done.contains(&s.service));
        let own = own.count();
        (planned, joined) = (planned + services, joined + own);
        if own > 0 && 2 * own >= services && 2 * joined >= planned {
            over = over.max(wave.wave);
        }
    }
    over.min(MAX_WAVES_OVER)
}

/// Repairs `previous` on the problem of today; `fresh` is what a new plan would be.
pub(super) fn repair<'a>(
    problem: &'a Problem<'a>,
    previous: &Plan,
    fresh: &Board<'a>,
) -> (Board<'a>, Replan) {
    let before = Before::new(previous);
    let mut repair = Repair::new(problem, &before);
    let has_common = before.items(problem).iter().any(Option::is_some);
    // A repair with an idle wave or an exception that nothing asks for is worse than a fresh plan, unless that has one too.
    let is_sound = |board: &Board<'_>| board.is_justified() || !fresh.is_justified();
    let (board, causes) = if has_common && repair.run() && is_sound(&repair.board) {
        (repair.board, Causes::Repaired(repair.reasons))
    } else {
        (fresh.clone(), Causes::Fresh)
    };
    let (objective, fresh_objective) = (board.objective(), fresh.objective());
    let gap = if fresh_objective > 0.0 {
        objective / fresh_objective
    } else {
        1.0
    };
    let replanning = problem.options.replanning;
    let moved = problem.item_of.iter().zip(&problem.model.ids);
    let common =
        moved.filter(|(item, id)| item.is_some() && before.planned.contains_key(id.as_str()));
    let replan = Replan {
        kept_waves: replanning.frozen_waves,
        common: common.count(),
        moves: moves(&board, &before, &causes),
        fresh_objective,
        gap,
        fresh_moves: moves(fresh, &before, &Causes::Fresh).len(),
        advise_full: replanning.is_too_far(gap)
            || board.exceptional().len() > fresh.exceptional().len(),
        replaced: matches!(causes, Causes::Fresh),
    };
    (board, replan)
}

/// What a reader has to know about a repair, as whole sentences.
pub(super) fn notes(replan: &Replan) -> Vec<String> {
    let mut notes = Vec::new();
    if replan.replaced {
        notes.push(
            "nothing of the earlier plan could be kept, so that this is a fresh one: compare the two before you tell owners"
                .to_owned(),
        );
    }
    if replan.advise_full {
        notes.push(format!(
            "a full replan is worth a look: the objective of this repair is {:.2} times that of a fresh plan, which would change {} services where this one changes {}",
            replan.gap,
            replan.fresh_moves,
            replan.moves.len()
        ));
    }
    notes
}
