//! Edges of one caller -> claims on addresses, with what the policy decides about them.

use std::collections::{BTreeMap, BTreeSet};

use super::{CallerDecisions, PinnedOutList};
use crate::egress::address::{Candidate, is_suspect, raw};
use crate::egress::claim::Claim;
use crate::egress::model::{AddressSource, UnresolvedReason};
use crate::egress::unresolved::UnresolvedList;
use crate::egress::vouch::open;
use crate::policy::Pin;
use crate::snapshot::Edge;

/// The claims of one caller, and what was decided before they are settled.
#[derive(Default)]
pub(in crate::egress) struct Gathered<'a> {
    pub claims: Vec<Claim<'a>>,
    /// Callee -> where its addresses come from.
    pub sources: BTreeMap<&'a str, AddressSource>,
    /// Edges that are neither suspect nor pinned out as a whole.
    pub edges: Vec<&'a Edge>,
    /// Destination -> edges that lead there.
    leads: BTreeMap<&'a str, Vec<&'a Edge>>,
    /// Callee -> infrastructure that has addresses of it.
    pub renamed: BTreeMap<&'a str, BTreeSet<&'a str>>,
    /// Callees with an address that is pinned out.
    pub partly_out: BTreeSet<&'a str>,
    /// Node -> the pin that includes it.
    pub pinned: BTreeMap<&'a str, &'a Pin>,
    pub out: PinnedOutList,
    /// Edges that are pinned out as a whole.
    pub pinned_out: u64,
    pub suspect: u64,
}

/// Finds the addresses of every edge and applies the policy to them.
pub(in crate::egress) fn gather<'a>(
    decided: &CallerDecisions<'a>,
    edges: &[&'a Edge],
    unresolved: &mut UnresolvedList,
) -> Gathered<'a> {
    let mut gathered = Gathered::default();
    for edge in edges.iter().copied() {
        let callee = edge.callee.as_str();
        let addresses = decided.book.find(edge);
        if let Some(pin) = decided.excludes_node(callee) {
            gathered.out.add(callee, pin, edge.targets.iter().map(raw));
            gathered.pinned_out += 1;
            let dialled = addresses.usable.into_iter();
            gathered
                .claims
                .extend(dialled.map(|candidate| open(callee, candidate, true)));
            continue;
        }
        let pin = decided.includes(callee, &addresses.usable);
        if is_suspect(edge) && pin.is_none() {
            unresolved.add_all(edge, UnresolvedReason::Suspect);
            gathered.suspect += 1;
            continue;
        }
        if let Some(pin) = pin {
            gathered.pinned.insert(callee, pin);
        }
        for (reason, target) in addresses.refused {
            unresolved.add(callee, reason, target);
        }
        gathered.sources.insert(callee, addresses.source);
        gathered.edges.push(edge);
        gathered.leads.entry(callee).or_default().push(edge);
        for candidate in addresses.usable {
            gathered.claim(decided, edge, candidate);
        }
    }
    gathered
}

impl<'a> Gathered<'a> {
    /// The edges that lead to a destination, those to infrastructure under its other names among them.
    pub(in crate::egress) fn edges_to(&self, id: &str) -> &[&'a Edge] {
        self.leads.get(id).map_or(&[], Vec::as_slice)
    }

    fn claim(&mut self, decided: &CallerDecisions<'a>, edge: &'a Edge, candidate: Candidate) {
        let callee = edge.callee.as_str();
        if let Some(pin) = decided.excludes(&candidate) {
            self.out.add(callee, pin, [candidate.raw.clone()]);
            self.partly_out.insert(callee);
            self.claims.push(open(callee, candidate, true));
            return;
        }
        let infra = decided.infra_at(&candidate);
        if let Some(infra) = infra {
            if self.renamed.entry(callee).or_default().insert(infra) {
                self.leads.entry(infra).or_default().push(edge);
            }
            self.sources.insert(infra, self.sources[callee]);
        }
        self.claims
            .push(open(infra.unwrap_or(callee), candidate, false));
    }
}
