//! Services that are elsewhere, have other hazards, or can refuse plaintext at another time.

use std::collections::{BTreeMap, BTreeSet};

use super::super::outcome::{MoveReason, Plan};
use super::super::replan::Before;
use super::{Direction, HazardChange, ServiceChange, StrictChange};

pub(super) fn changes(before: &Plan, after: &Plan) -> Vec<ServiceChange> {
    let (old, new) = (Before::new(before), Before::new(after));
    let moves = after.replan.iter().flat_map(|replan| &replan.moves);
    let reasons: BTreeMap<&str, (Option<u32>, Option<u32>, &MoveReason)> = moves
        .map(|change| {
            (
                change.service.as_str(),
                (change.from, change.to, &change.reason),
            )
        })
        .collect();
    let mut ids: BTreeSet<&str> = old.planned.keys().chain(&old.done).copied().collect();
    ids.extend(new.planned.keys().chain(&new.done));
    let change = |id: &str| {
        let (from, to) = (old.standing(id), new.standing(id));
        let change = direction(from, to)?;
        // A reason says something about these two plans only if it speaks of the same waves.
        let reason = reasons
            .get(id)
            .filter(|known| (known.0, known.1) == (from, to));
        Some(ServiceChange {
            service: id.to_owned(),
            change,
            from,
            to,
            reason: reason.map(|(_, _, reason)| (*reason).clone()),
        })
    };
    ids.into_iter().filter_map(change).collect()
}

fn direction(from: Option<u32>, to: Option<u32>) -> Option<Direction> {
    match (from, to) {
        (from, to) if from == to => None,
        (_, Some(0)) => Some(Direction::Joined),
        (Some(0), Some(_)) => Some(Direction::RolledBack),
        (None, _) => Some(Direction::New),
        (_, None) => Some(Direction::Gone),
        (Some(from), Some(to)) if to < from => Some(Direction::Earlier),
        _ => Some(Direction::Later),
    }
}

/// Codes of the hazards of a service, and whether they block it.
type Hazards<'a> = (BTreeSet<&'a str>, bool);

fn known_hazards(plan: &Plan) -> BTreeMap<&str, Hazards<'_>> {
    let mut known = BTreeMap::new();
    for service in plan.waves.iter().flat_map(|wave| &wave.services) {
        let codes = service.hazards.iter().map(|hazard| hazard.code.as_str());
        let entry = known.entry(service.service.as_str());
        entry.or_insert_with(|| (codes.collect(), false));
    }
    for service in plan
        .unplanned
        .iter()
        .filter(|service| !service.blockers.is_empty())
    {
        let codes = service.blockers.iter().map(String::as_str);
        let entry = known.entry(service.service.as_str());
        entry.or_insert_with(|| (codes.collect(), true));
    }
    known
}

pub(super) fn hazards(before: &Plan, after: &Plan) -> Vec<HazardChange> {
    let (old, new) = (known_hazards(before), known_hazards(after));
    let in_both = old
        .iter()
        .filter_map(|(id, old)| Some((id, old, new.get(id)?)));
    let change = |(id, old, new): (&&str, &Hazards<'_>, &Hazards<'_>)| {
        let only = |a: &BTreeSet<&str>, b: &BTreeSet<&str>| -> Vec<String> {
            a.difference(b).map(|code| (*code).to_owned()).collect()
        };
        (old != new).then(|| HazardChange {
            service: (*id).to_owned(),
            came: only(&new.0, &old.0),
            went: only(&old.0, &new.0),
            blocked: (old.1, new.1),
        })
    };
    in_both.filter_map(change).collect()
}

pub(super) fn strict(before: &Plan, after: &Plan) -> Vec<StrictChange> {
    let ready = |plan: &'_ Plan| -> BTreeMap<String, u32> {
        let mut ready = BTreeMap::new();
        for wave in &plan.waves {
            for service in &wave.strict_ready {
                ready.entry(service.clone()).or_insert(wave.wave);
            }
        }
        ready
    };
    let (old, new) = (ready(before), ready(after));
    let ids: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
    let done = after.options.waves_done;
    let change = |id: &String| {
        let (from, to) = (old.get(id).copied(), new.get(id).copied());
        // What a wave brought that is over by now is no difference.
        let is_over = to.is_none() && from.is_some_and(|from| from <= done);
        (from != to && !is_over).then(|| StrictChange {
            service: id.clone(),
            from,
            to,
        })
    };
    ids.into_iter().filter_map(change).collect()
}
