//! Why a service moved, in the codes of the plan.

use super::super::board::Obstacle;
use super::super::outcome::{LimitName, MoveReason};
use super::super::problem::Problem;
use super::repair::Repair;

/// Growth that counts: numbers of a plan come back from its file with their last digit in doubt.
const CLOSE: f64 = 1e-9;

/// Whether only a limit that widens, or the ceiling of risk, stands against an item.
pub(super) const fn is_ramp(obstacle: Obstacle) -> bool {
    matches!(
        obstacle,
        Obstacle::RiskCeiling(_) | Obstacle::TrafficRamp(_) | Obstacle::SizeRamp(_)
    )
}

/// The first service of an item stands for it.
pub(super) fn name(problem: &Problem<'_>, item: usize) -> String {
    problem.model.ids[problem.items[item].members[0]].clone()
}

/// Why an item left the wave where it was planned.
pub(super) fn left(repair: &Repair<'_, '_>, item: usize, obstacle: Obstacle) -> MoveReason {
    let limit = |limit, has_grown: bool| {
        if has_grown {
            MoveReason::RateChanged { limit }
        } else {
            MoveReason::Cap { limit }
        }
    };
    match obstacle {
        Obstacle::RiskCeiling(_) => limit(LimitName::Risk, is_riskier(repair, item)),
        Obstacle::TrafficRamp(_) | Obstacle::NeedsOwnWave | Obstacle::TrafficCap(_) => {
            limit(LimitName::Traffic, is_busier(repair, item))
        }
        Obstacle::WaveTaken(_) => limit(LimitName::Traffic, false),
        Obstacle::SizeRamp(_) | Obstacle::WaveFull => limit(LimitName::Size, false),
        Obstacle::TeamFull(_) => limit(LimitName::Team, false),
        Obstacle::Adjacent(other) => adjacent(repair, item, other),
        Obstacle::TooEarly(_)
        | Obstacle::TooLate(_)
        | Obstacle::Frozen(_)
        | Obstacle::After(_)
        | Obstacle::Before(_)
        | Obstacle::Apart(_) => MoveReason::Pin,
    }
}

fn is_riskier(repair: &Repair<'_, '_>, item: usize) -> bool {
    let problem = repair.board.problem;
    let mut members = problem.items[item].members.iter();
    members.any(|service| {
        let old = repair.before.service(&problem.model.ids[*service]);
        old.is_none_or(|old| problem.risks[*service] > old.risk.score + CLOSE)
    })
}

fn is_busier(repair: &Repair<'_, '_>, item: usize) -> bool {
    let problem = repair.board.problem;
    let mut members = problem.items[item].members.iter();
    members.any(|service| {
        let old = repair.before.service(&problem.model.ids[*service]);
        old.is_none_or(|old| problem.model.touched(*service) > old.touched + CLOSE)
    })
}

/// Two items that call each other: a call that the earlier plan did not know, or waves that change at the same time only now.
fn adjacent(repair: &Repair<'_, '_>, item: usize, other: usize) -> MoveReason {
    let (problem, before) = (repair.board.problem, repair.before);
    let (items, ids) = (&problem.items, &problem.model.ids);
    let pairs = items[item].members.iter().flat_map(|service| {
        let neighbours = problem.model.neighbours[*service].iter();
        let inside = neighbours.filter(|n| items[other].members.contains(n));
        inside.map(move |neighbour| (*service, *neighbour))
    });
    let mut new = pairs.filter(|(a, b)| !before.knew_call(&ids[*a], &ids[*b]));
    new.next().map_or(
        MoveReason::Cap {
            limit: LimitName::Adjacent,
        },
        |(_, service)| MoveReason::NewEdge {
            service: ids[service].clone(),
        },
    )
}
