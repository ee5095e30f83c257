//! Settles observed claims and then all others, so that no word in a file takes away what was seen.
//!
//! The others are addresses from an inventory or a template, those of the policy, and those that an earlier model had.

use std::collections::BTreeMap;

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
    let vouched = settled.without_hopeless(vouched);
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
    /// Refuses what asks for a name that another destination has: whoever of the two won, one would lose it. Where thousands
    /// of destinations have new names in the graph, trying each would take minutes.
    fn without_hopeless(&mut self, claims: Vec<Claim<'a>>) -> Vec<Claim<'a>> {
        let mut held: BTreeMap<(u16, bool, &str), &str> = BTreeMap::new();
        for claim in &self.decided {
            if let Outcome::Kept(TargetMatch::Authority(names) | TargetMatch::Sni(names)) =
                &claim.outcome
            {
                let key = |name| name_key(&claim.candidate, name);
                held.extend(names.iter().map(|name| (key(name), claim.node)));
            }
        }
        let is_hopeless = |claim: &Claim<'_>| {
            let name = claim.candidate.forms.first();
            let holder = name.and_then(|name| held.get(&name_key(&claim.candidate, name)));
            !claim.candidate.is_opaque() && holder.is_some_and(|node| *node != claim.node)
        };
        let (hopeless, others) = claims.into_iter().partition(is_hopeless);
        let refused = Vec::into_iter(hopeless).map(|claim| refusal(claim, None));
        self.refused.extend(refused);
        others
    }

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

/// What a name is unique for: a port and the kind of the traffic there.
fn name_key<'n>(candidate: &Candidate, name: &'n str) -> (u16, bool, &'n str) {
    (candidate.port, candidate.protocol.is_http(), name)
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

#[cfg(test)]
mod tests;
