//! Settles who owns which authority, server name and address among the destinations of one service.
//!
//! A sidecar sees a port and what the client says on it; two destinations must never be told apart by a guess. The
//! destination with more attempts keeps a contested value, the other is reported. Opaque TCP is recognised by its
//! addresses; without them, by its port if it has that for itself, and else it stays on the passthrough.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use super::address::Candidate;
use super::host::Host;
use super::model::{Conflict, ConflictReason, TargetMatch, UnresolvedReason};

/// A candidate of one destination and what becomes of it.
#[derive(Clone)]
pub(super) struct Claim<'a> {
    /// Node id of the destination.
    pub node: &'a str,
    pub candidate: Candidate,
    /// Left to the passthrough by a pin: it is dialled all the same, so it takes part, and gets nothing.
    pub excluded: bool,
    pub outcome: Outcome,
}

/// What becomes of a candidate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Outcome {
    Pending,
    Kept(TargetMatch),
    Refused(UnresolvedReason),
}

/// Decides every pending claim of one service.
pub(super) fn settle(claims: &mut [Claim<'_>]) -> Vec<Conflict> {
    let mut conflicts = BTreeSet::new();
    separate_protocols(claims, &mut conflicts);
    assign_names(claims, &mut conflicts);
    assign_opaque(claims, &mut conflicts);
    spare_server_first(claims, &mut conflicts);
    conflicts.into_iter().collect()
}

/// Best claimant of each value: attempts decide, then the smaller node id.
struct Contest<'a, K>(BTreeMap<K, (bool, u64, Reverse<&'a str>)>);

impl<'a, K: Ord> Contest<'a, K> {
    const fn new() -> Self {
        Self(BTreeMap::new())
    }

    /// `dialled` outranks any number of attempts: a name form that nobody used must not displace a used one.
    fn enter(&mut self, key: K, dialled: bool, calls: u64, node: &'a str) {
        let rank = (dialled, calls, Reverse(node));
        let best = self.0.entry(key).or_insert(rank);
        *best = (*best).max(rank);
    }

    fn winner(&self, key: &K) -> Option<&'a str> {
        self.0.get(key).map(|(_, _, Reverse(node))| *node)
    }
}

/// One host and port cannot be both opaque and not: the class with more attempts stays.
fn separate_protocols(claims: &mut [Claim<'_>], conflicts: &mut BTreeSet<Conflict>) {
    let mut calls: BTreeMap<(String, u16), [u128; 2]> = BTreeMap::new();
    let mut leaders: BTreeMap<(String, u16, bool), (u64, Reverse<&str>)> = BTreeMap::new();
    for claim in claims.iter() {
        let (host, port) = (claim.candidate.identity.clone(), claim.candidate.port);
        let opaque = claim.candidate.is_opaque();
        let class = calls.entry((host.clone(), port)).or_default();
        class[usize::from(opaque)] += u128::from(claim.candidate.calls.max(1));
        let rank = (claim.candidate.calls, Reverse(claim.node));
        let leader = leaders.entry((host, port, opaque)).or_insert(rank);
        *leader = (*leader).max(rank);
    }
    for claim in claims.iter_mut() {
        let key = (claim.candidate.identity.clone(), claim.candidate.port);
        let [named, opaque] = calls[&key];
        let opaque_wins = opaque > named;
        if named == 0 || opaque == 0 || claim.candidate.is_opaque() == opaque_wins {
            continue;
        }
        let (_, Reverse(kept)) = leaders[&(key.0.clone(), key.1, opaque_wins)];
        conflicts.insert(Conflict {
            port: key.1,
            value: key.0,
            kept: kept.to_owned(),
            lost: claim.node.to_owned(),
            reason: ConflictReason::TwoProtocols,
        });
        claim.outcome = Outcome::Refused(UnresolvedReason::LostConflict);
    }
}

fn assign_names(claims: &mut [Claim<'_>], conflicts: &mut BTreeSet<Conflict>) {
    let mut contest = Contest::new();
    for claim in claims.iter().filter(|claim| is_named(claim)) {
        for (index, form) in claim.candidate.forms.iter().enumerate() {
            let calls = claim.candidate.calls;
            contest.enter(name_key(claim, form), index == 0, calls, claim.node);
        }
    }
    for claim in claims.iter_mut().filter(|claim| is_named(claim)) {
        let mut kept = Vec::new();
        for form in &claim.candidate.forms {
            let key = name_key(claim, form);
            match contest.winner(&key) {
                Some(winner) if winner != claim.node => {
                    conflicts.insert(name_conflict(claim, form, winner));
                }
                _ => kept.push(form.clone()),
            }
        }
        claim.outcome = if kept.first() != claim.candidate.forms.first() {
            Outcome::Refused(UnresolvedReason::LostConflict)
        } else if claim.candidate.protocol.is_http() {
            Outcome::Kept(TargetMatch::Authority(kept))
        } else {
            Outcome::Kept(TargetMatch::Sni(kept))
        };
    }
}

/// Looking for names on a port makes every connection wait for its client to speak. Where a server that speaks first
/// cannot be told by its address, its clients would stall, so nothing on that port is looked into.
fn spare_server_first(claims: &mut [Claim<'_>], conflicts: &mut BTreeSet<Conflict>) {
    let waiting = claims.iter().filter(|claim| {
        let undefined = claim.excluded || matches!(claim.outcome, Outcome::Refused(_));
        undefined && claim.candidate.speaks_second()
    });
    let mut spared: BTreeMap<u16, &str> = BTreeMap::new();
    for claim in waiting {
        let first = spared.entry(claim.candidate.port).or_insert(claim.node);
        *first = claim.node.min(first);
    }
    for claim in claims.iter_mut() {
        let looked_into = !claim.candidate.is_opaque() && matches!(claim.outcome, Outcome::Kept(_));
        let Some(kept) = spared.get(&claim.candidate.port).filter(|_| looked_into) else {
            continue;
        };
        conflicts.insert(Conflict {
            port: claim.candidate.port,
            value: claim.candidate.host.to_string(),
            kept: (*kept).to_owned(),
            lost: claim.node.to_owned(),
            reason: ConflictReason::ServerSpeaksFirst,
        });
        claim.outcome = Outcome::Refused(UnresolvedReason::PortNotInspected);
    }
}

fn is_named(claim: &Claim<'_>) -> bool {
    claim.outcome == Outcome::Pending && !claim.candidate.is_opaque()
}

fn name_key(claim: &Claim<'_>, form: &str) -> (u16, bool, String) {
    let http = claim.candidate.protocol.is_http();
    (claim.candidate.port, http, form.to_owned())
}

fn name_conflict(claim: &Claim<'_>, form: &str, kept: &str) -> Conflict {
    Conflict {
        port: claim.candidate.port,
        value: form.to_owned(),
        kept: kept.to_owned(),
        lost: claim.node.to_owned(),
        reason: if claim.candidate.protocol.is_http() {
            ConflictReason::SameAuthority
        } else {
            ConflictReason::SameServerName
        },
    }
}

/// Opaque destinations of one port by node.
type OpaquePort<'a> = BTreeMap<&'a str, OpaqueDestination>;

#[derive(Default)]
struct OpaqueDestination {
    /// Whether a name of it was dialled of which no address is known.
    unlocated: bool,
    addresses: BTreeSet<IpAddr>,
    calls: u64,
}

fn assign_opaque(claims: &mut [Claim<'_>], conflicts: &mut BTreeSet<Conflict>) {
    let parsed: BTreeSet<u16> = claims
        .iter()
        .filter(|claim| matches!(claim.outcome, Outcome::Kept(_)))
        .map(|claim| claim.candidate.port)
        .collect();
    let mut ports: BTreeMap<u16, OpaquePort<'_>> = BTreeMap::new();
    for claim in claims
        .iter()
        .filter(|claim| claim.outcome == Outcome::Pending)
    {
        let port = ports.entry(claim.candidate.port).or_default();
        let destination = port.entry(claim.node).or_default();
        destination.calls = destination.calls.saturating_add(claim.candidate.calls);
        match claim.candidate.host {
            Host::Ip(ip) => {
                destination.addresses.insert(ip);
            }
            Host::Name(_) => {
                // Capture is IPv4: other addresses never arrive.
                destination.unlocated |= !claim.candidate.sockets.iter().any(IpAddr::is_ipv4);
                destination.addresses.extend(&claim.candidate.sockets);
            }
        }
    }
    let mut decisions = BTreeMap::new();
    for (port, destinations) in &ports {
        let shared = destinations.len() > 1 || parsed.contains(port);
        for (node, outcome) in decide_port(*port, destinations, shared, conflicts) {
            decisions.insert((*port, node.to_owned()), outcome);
        }
    }
    for claim in claims
        .iter_mut()
        .filter(|claim| claim.outcome == Outcome::Pending)
    {
        let key = (claim.candidate.port, claim.node.to_owned());
        if let Some(outcome) = decisions.get(&key) {
            claim.outcome = outcome.clone();
        }
    }
}

fn decide_port<'a>(
    port: u16,
    destinations: &OpaquePort<'a>,
    shared: bool,
    conflicts: &mut BTreeSet<Conflict>,
) -> Vec<(&'a str, Outcome)> {
    let mut contest = Contest::new();
    for (node, destination) in destinations {
        for address in &destination.addresses {
            contest.enter(*address, true, destination.calls, node);
        }
    }
    let mut outcomes = Vec::new();
    for (node, destination) in destinations {
        if destination.unlocated && !shared {
            outcomes.push((*node, Outcome::Kept(TargetMatch::WholePort)));
            continue;
        }
        let mut kept = Vec::new();
        for address in &destination.addresses {
            match contest.winner(address) {
                Some(winner) if winner != *node => {
                    conflicts.insert(Conflict {
                        port,
                        value: address.to_string(),
                        kept: winner.to_owned(),
                        lost: (*node).to_owned(),
                        reason: ConflictReason::SameAddress,
                    });
                }
                _ => kept.push(*address),
            }
        }
        outcomes.push((*node, addresses_outcome(kept, destination)));
    }
    outcomes
}

fn addresses_outcome(kept: Vec<IpAddr>, destination: &OpaqueDestination) -> Outcome {
    if !kept.is_empty() {
        Outcome::Kept(TargetMatch::Addresses(kept))
    } else if destination.addresses.is_empty() {
        Outcome::Refused(UnresolvedReason::SharedPortWithoutAddresses)
    } else {
        Outcome::Refused(UnresolvedReason::LostConflict)
    }
}
