//! Every difference between two plans, with its reason.

use std::collections::{BTreeMap, BTreeSet};

use super::super::board::Board;
use super::super::explain::places_after;
use super::super::outcome::{Move, MoveReason};
use super::before::Before;

/// Why items are not where they were: what the repair noted, or that there was none.
#[derive(Debug)]
pub(super) enum Causes {
    /// By item.
    Repaired(BTreeMap<usize, MoveReason>),
    /// The plan is a fresh one.
    Fresh,
}

/// Services that are in other waves than before, new, or gone; sorted by service.
pub(super) fn moves(board: &Board<'_>, before: &Before<'_>, causes: &Causes) -> Vec<Move> {
    let model = board.problem.model;
    let places = places_after(board);
    let mut ids: BTreeSet<&str> = model.ids.iter().map(String::as_str).collect();
    ids.extend(before.planned.keys().chain(&before.done));
    let difference = |id: &str| {
        let number = model.index(id);
        let from = before.standing(id);
        let to = number.and_then(|number| places[number].wave());
        (from != to).then(|| Move {
            service: id.to_owned(),
            from,
            to,
            reason: match (from, to) {
                (_, None) => MoveReason::NotPlanned,
                (_, Some(0)) => MoveReason::Done,
                (None, Some(_)) => MoveReason::New,
                (Some(0), Some(_)) => MoveReason::RolledBack,
                (Some(from), Some(_)) => reason(board, before, (number, from), causes),
            },
        })
    };
    ids.into_iter().filter_map(difference).collect()
}

/// Why a service is in another wave than before.
fn reason(
    board: &Board<'_>,
    before: &Before<'_>,
    (number, from): (Option<usize>, u32),
    causes: &Causes,
) -> MoveReason {
    let problem = board.problem;
    if from < problem.first_wave() {
        return MoveReason::Slipped;
    }
    let item = number.and_then(|number| problem.item_of[number]);
    let reasons = match causes {
        Causes::Fresh => return MoveReason::Replanned,
        Causes::Repaired(reasons) => reasons,
    };
    if let Some(reason) = item.and_then(|item| reasons.get(&item)) {
        return reason.clone();
    }
    let members = item.map_or(&[] as &[usize], |item| &problem.items[item].members);
    let together = members
        .iter()
        .filter_map(|service| before.wave_of(&problem.model.ids[*service]));
    if together.max().is_some_and(|last| last != from) {
        // It joins with services that were planned for another wave.
        return MoveReason::Pin;
    }
    MoveReason::Renumbered
}
