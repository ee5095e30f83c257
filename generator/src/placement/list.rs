//! List scheduling by a fixed order: what a team does that has a sorted list and the limits.

use super::{Placement, ROUNDING};

/// Wave by wave, pieces in this order as far as the limits allow, and how many waves had nothing that was allowed: there the least
/// risky piece goes alone.
#[must_use]
pub fn by_order(placement: &Placement, order: &[usize]) -> (Vec<usize>, usize) {
    let mut waves = vec![0; placement.pieces.len()];
    let mut waiting = order.to_vec();
    let (mut wave, mut exceptions) = (0, 0);
    while !waiting.is_empty() {
        wave += 1;
        let mut members = Vec::new();
        for piece in waiting.iter().copied() {
            members.push(piece);
            let known = &placement.pieces[piece];
            let in_time = known
                .before
                .iter()
                .all(|first| (1..wave).contains(&waves[*first]));
            if !in_time || !fits_last(placement, &members, wave) {
                members.pop();
            }
        }
        if members.is_empty() {
            exceptions += 1;
            members.extend(least_risky(placement, &waiting, &waves));
        }
        if members.is_empty() {
            // Only an order that contradicts itself comes here: what is left goes together, so that it ends.
            members.clone_from(&waiting);
        }
        for piece in &members {
            waves[*piece] = wave;
        }
        waiting.retain(|piece| waves[*piece] == 0);
    }
    (waves, exceptions)
}

/// Whether the last of these can join the others, which fit.
fn fits_last(placement: &Placement, members: &[usize], wave: usize) -> bool {
    let limits = placement.limits(wave);
    let Some((piece, others)) = members.split_last() else {
        return true;
    };
    let known = &placement.pieces[*piece];
    if members.len() > limits.size || known.risk > limits.risk + ROUNDING {
        return false;
    }
    let touched = |pieces: &[usize]| -> f64 {
        let pieces = pieces.iter().map(|piece| placement.pieces[*piece].touched);
        pieces.sum()
    };
    let alone = others.is_empty() && !limits.ramp;
    if touched(members) > limits.traffic + ROUNDING && !alone {
        return false;
    }
    let mates = others
        .iter()
        .filter(|other| placement.pieces[**other].team == known.team);
    let crowded = known.team.is_some() && mates.count() >= limits.team;
    !crowded && !others.iter().any(|other| known.neighbours.contains(other))
}

fn least_risky(placement: &Placement, waiting: &[usize], waves: &[usize]) -> Option<usize> {
    let ready = |piece: &usize| {
        let mut before = placement.pieces[*piece].before.iter();
        before.all(|first| waves[*first] > 0)
    };
    let risk = |piece: &usize| placement.pieces[*piece].risk;
    let ready = waiting.iter().copied().filter(ready);
    ready.min_by(|a, b| risk(a).total_cmp(&risk(b)).then(a.cmp(b)))
}
