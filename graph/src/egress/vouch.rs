//! Settles observed claims and then those that only the policy makes, so that no word in a file takes away what was seen.

use super::address::Candidate;
use super::claim::{Claim, Outcome, settle};
use super::model::{Conflict, UnresolvedReason};

/// Decides every claim of one service. An address that nobody was seen to dial is defined only where that leaves every
/// other decision as it was: it must not, for example, make a port ambiguous that was not.
pub(super) fn settle_all<'a>(
    mut observed: Vec<Claim<'a>>,
    vouched: Vec<Claim<'a>>,
) -> (Vec<Claim<'a>>, Vec<Conflict>) {
    let pending = observed.clone();
    let mut conflicts = settle(&mut observed);
    if vouched.is_empty() {
        return (observed, conflicts);
    }
    let mut all = pending.clone();
    all.extend(vouched.iter().cloned());
    let all_conflicts = settle(&mut all);
    if all_are_kept(&all, &observed) {
        return (all, all_conflicts);
    }
    // One by one, in the order of the file: those that disturb nothing stay.
    let mut accepted = pending;
    let mut refused = Vec::new();
    for claim in vouched {
        let mut tried = accepted.clone();
        tried.push(claim.clone());
        let found = settle(&mut tried);
        if all_are_kept(&tried, &observed) {
            (accepted, observed, conflicts) = (reopened(&tried), tried, found);
        } else {
            refused.push(refusal(claim, tried.pop()));
        }
    }
    observed.extend(refused);
    (observed, conflicts)
}

/// Whether further claims are kept and those before them decided as without them.
fn all_are_kept(all: &[Claim<'_>], before: &[Claim<'_>]) -> bool {
    let (same, further) = all.split_at(before.len());
    let undisturbed = same
        .iter()
        .zip(before)
        .all(|(now, then)| now.outcome == then.outcome);
    undisturbed
        && further
            .iter()
            .all(|claim| matches!(claim.outcome, Outcome::Kept(_)))
}

fn reopened<'a>(claims: &[Claim<'a>]) -> Vec<Claim<'a>> {
    let mut claims = claims.to_vec();
    for claim in &mut claims {
        claim.outcome = Outcome::Pending;
    }
    claims
}

fn refusal<'a>(claim: Claim<'a>, tried: Option<Claim<'a>>) -> Claim<'a> {
    let reason = match tried.map(|tried| tried.outcome) {
        Some(Outcome::Refused(reason)) => reason,
        _ if claim.candidate.is_opaque() => UnresolvedReason::SharedPortWithoutAddresses,
        _ => UnresolvedReason::LostConflict,
    };
    Claim {
        outcome: Outcome::Refused(reason),
        ..claim
    }
}

/// A claim that is still open.
pub(super) const fn open(node: &str, candidate: Candidate, excluded: bool) -> Claim<'_> {
    Claim {
        node,
        candidate,
        excluded,
        outcome: Outcome::Pending,
    }
}
