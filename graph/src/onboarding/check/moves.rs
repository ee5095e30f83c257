//! Two plans side by side: every difference has to be among the moves.

use std::collections::{BTreeMap, BTreeSet};

use super::super::outcome::{Move, MoveReason, Plan};
use super::{Violation, ViolationCode};

/// Differences between two plans that the later one does not list among its moves, and moves that are none; sorted.
///
/// A service that is in the mesh is in wave 0; one that is in several waves of a plan counts where it is first.
#[must_use]
pub fn check_moves(previous: &Plan, plan: &Plan) -> Vec<Violation> {
    let (before, now) = (waves(previous), waves(plan));
    let moves = plan.replan.as_ref().map_or(&[][..], |replan| &replan.moves);
    let mut listed: BTreeMap<&str, Vec<&Move>> = BTreeMap::new();
    for one in moves {
        listed.entry(&one.service).or_default().push(one);
    }
    let services: BTreeSet<&str> = before
        .keys()
        .chain(now.keys())
        .chain(listed.keys())
        .copied()
        .collect();
    let mut found = BTreeSet::new();
    for service in services {
        let (from, to) = (before.get(service).copied(), now.get(service).copied());
        let moves = listed.get(service).map_or(&[][..], Vec::as_slice);
        let complaint = match moves {
            [] if from != to => Some(format!("{}, and is not among the moves", words(from, to))),
            [only] if (only.from, only.to) != (from, to) => Some(format!(
                "{}, and is listed as {}",
                words(from, to),
                words(only.from, only.to)
            )),
            [only] if from == to => Some(format!(
                "{}, and is listed as moved",
                words(only.from, only.to)
            )),
            [only] => false_reason(only).map(str::to_owned),
            [] => None,
            _ => Some("is among the moves more than once".to_owned()),
        };
        if let Some(text) = complaint {
            found.insert(Violation {
                wave: None,
                code: ViolationCode::Moves,
                services: vec![service.to_owned()],
                found: text,
            });
        }
    }
    found.into_iter().collect()
}

/// Reasons that only fit a service that came, or one that went.
fn false_reason(one: &Move) -> Option<&'static str> {
    let fits = match one.reason {
        MoveReason::New => one.from.is_none(),
        MoveReason::RolledBack => one.from == Some(0),
        MoveReason::Done => one.to == Some(0),
        MoveReason::NotPlanned => one.to.is_none(),
        _ => one.from > Some(0) && one.to > Some(0),
    };
    (!fits).then_some("has a reason that does not fit its move")
}

fn words(from: Option<u32>, to: Option<u32>) -> String {
    match (from, to) {
        (None, None) => "is in neither plan".to_owned(),
        (None, Some(to)) => format!("came into wave {to}"),
        (Some(from), None) => format!("left wave {from}"),
        (Some(from), Some(to)) => format!("went from wave {from} to wave {to}"),
    }
}

fn waves(plan: &Plan) -> BTreeMap<&str, u32> {
    let mut waves: BTreeMap<&str, u32> = plan.done.iter().map(|id| (id.as_str(), 0)).collect();
    for wave in &plan.waves {
        for service in &wave.services {
            waves.entry(service.service.as_str()).or_insert(wave.wave);
        }
    }
    waves
}
