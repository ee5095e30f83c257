//! Settles observed claims and then all others, so that no word in a file takes away what was seen.
//!
//! The others are addresses from an inventory or a template, those of the policy, and those that an earlier model had.

use super::address::Candidate;
use super::claim::{Claim, Outcome, settle};
use super::model::{Conflict, TargetMatch, UnresolvedReason};

/// Decides every claim of one service. An address that nobody was seen to dial is defined only where that leaves every
/// other decision as it was: it must not, for example, make a port ambiguous that was not.
pub(super) fn settle_all<'a>(
    mut observed: Vec<Claim<'a>>,
    vouched: Vec<Claim<'a>>,
) -> (Vec<Claim<'a>>, Vec<Conflict>) {
    let pending = observed.clone();
    let conflicts = settle(&mut observed);
    if vouched.is_empty() {
        return (observed, conflicts);
    }
    let mut settled = Settled {
        accepted: pending,
        decided: observed,
        conflicts,
        refused: Vec::new(),
    };
    settled.admit(vouched);
    settled.decided.extend(settled.refused);
    (settled.decided, settled.conflicts)
}

/// What was decided so far.
struct Settled<'a> {
    /// Claims that stay, still open.
    accepted: Vec<Claim<'a>>,
    /// The same, decided.
    decided: Vec<Claim<'a>>,
    conflicts: Vec<Conflict>,
    refused: Vec<Claim<'a>>,
}

impl<'a> Settled<'a> {
    /// Lets claims in, in their order, unless they disturb something. Halves are tried before single ones: few disturb, and
    /// settling all anew for each would take quadratic time.
    fn admit(&mut self, mut claims: Vec<Claim<'a>>) {
        let mut tried = self.accepted.clone();
        tried.extend(claims.iter().cloned());
        let conflicts = settle(&mut tried);
        if all_are_kept(&tried, &self.decided) {
            self.accepted.extend(claims);
            self.decided = tried;
            self.conflicts = conflicts;
        } else if claims.len() > 1 {
            let second = claims.split_off(claims.len() / 2);
            self.admit(claims);
            self.admit(second);
        } else if let Some(claim) = claims.pop() {
            self.refused.push(refusal(claim, tried.pop()));
        }
    }
}

/// Whether further claims are kept and those before them decided as without them.
fn all_are_kept(all: &[Claim<'_>], before: &[Claim<'_>]) -> bool {
    let (same, further) = all.split_at(before.len());
    let undisturbed = same
        .iter()
        .zip(before)
        .all(|(now, then)| is_as_good(&now.outcome, &then.outcome));
    undisturbed
        && further
            .iter()
            .all(|claim| matches!(claim.outcome, Outcome::Kept(_)))
}

/// Whether a claim has at least what it had. Addresses are pooled by destination: a further one of the same is no harm.
fn is_as_good(now: &Outcome, then: &Outcome) -> bool {
    match (now, then) {
        (
            Outcome::Kept(TargetMatch::Addresses(now)),
            Outcome::Kept(TargetMatch::Addresses(then)),
        ) => then.iter().all(|address| now.contains(address)),
        _ => now == then,
    }
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
