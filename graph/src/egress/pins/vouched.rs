//! Destinations that one caller was not seen to dial: pinned in, or infrastructure.

use super::{CallerDecisions, Gathered, PinInForce};
use crate::egress::address::vouched_target;
use crate::egress::claim::Claim;
use crate::egress::model::{AddressSource, UnresolvedReason};
use crate::egress::unresolved::UnresolvedList;
use crate::egress::vouch::open;
use crate::policy::{PinDestination, PinnedAddress, ServicePattern};

/// Claims that only the policy makes, in the order of the file: pins, then infrastructure.
#[derive(Default)]
pub(in crate::egress) struct Vouched<'a> {
    pub claims: Vec<Claim<'a>>,
}

/// Adds what the policy asks for beside what was gathered.
pub(in crate::egress) fn vouch<'a>(
    decided: &CallerDecisions<'a>,
    gathered: &mut Gathered<'a>,
    unresolved: &mut UnresolvedList,
) -> Vouched<'a> {
    let mut vouched = Vouched::default();
    let mut ask = Ask {
        decided,
        gathered,
        unresolved,
        vouched: &mut vouched,
    };
    for held in &decided.included {
        match &held.pin.destination {
            PinDestination::Address(address) => ask.pinned_address(held, address),
            PinDestination::Node(pattern) if pattern.is_exact() => ask.pinned_node(held, pattern),
            PinDestination::Node(_) => {}
        }
    }
    for (id, infra) in &decided.infra {
        if !ask.is_claimed(&infra.address) {
            ask.address(id, &infra.address);
        }
    }
    vouched
}

struct Ask<'x, 'a> {
    decided: &'x CallerDecisions<'a>,
    gathered: &'x mut Gathered<'a>,
    unresolved: &'x mut UnresolvedList,
    vouched: &'x mut Vouched<'a>,
}

impl<'a> Ask<'_, 'a> {
    fn pinned_address(&mut self, held: &'a PinInForce<'a>, address: &PinnedAddress) {
        if self.is_claimed(address) {
            return;
        }
        self.gathered.pinned.entry(&held.node).or_insert(held.pin);
        self.address(&held.node, address);
    }

    /// Defines a node for a caller that was never seen to call it.
    fn pinned_node(&mut self, held: &'a PinInForce<'a>, pattern: &ServicePattern) {
        let decided = self.decided;
        let caller = decided.caller.id.as_str();
        for (id, node) in decided.book.nodes() {
            let is_meant = super::fits(pattern, id, Some(node));
            let is_called = self.gathered.sources.contains_key(id);
            if !is_meant || is_called || *id == caller || decided.excludes_node(id).is_some() {
                continue;
            }
            let found = decided.book.of_unseen(caller, id);
            for (reason, target) in found.refused {
                self.unresolved.add(id, reason, target);
            }
            let usable = found.usable.into_iter();
            let usable: Vec<_> = usable
                .filter(|candidate| decided.excludes(candidate).is_none())
                .collect();
            if usable.is_empty() && !self.unresolved.has_any(id) {
                self.unresolved.add_none(id, UnresolvedReason::NoAddress);
            }
            self.gathered.sources.insert(id, found.source);
            self.gathered.pinned.entry(id).or_insert(held.pin);
            let claims = usable
                .into_iter()
                .map(|candidate| open(id, candidate, false));
            self.vouched.claims.extend(claims);
        }
    }

    fn address(&mut self, node: &'a str, address: &PinnedAddress) {
        let decided = self.decided;
        if let Some(pin) = decided.excludes_node(node) {
            let target = vouched_target(address);
            self.gathered.out.add(node, pin, [target]);
            return;
        }
        let made = match address.protocol {
            Some(protocol) => decided.book.vouched(address, protocol, &decided.caller.id),
            None => Err(UnresolvedReason::UnknownProtocol),
        };
        match made {
            Ok(candidate) => match decided.excludes(&candidate) {
                Some(pin) => self.gathered.out.add(node, pin, [candidate.raw]),
                None => {
                    let sources = &mut self.gathered.sources;
                    sources.entry(node).or_insert(AddressSource::Policy);
                    self.vouched.claims.push(open(node, candidate, false));
                }
            },
            Err(reason) => self.unresolved.add(node, reason, vouched_target(address)),
        }
    }

    /// Whether this caller dials it, or another decision already asks for it.
    fn is_claimed(&self, address: &PinnedAddress) -> bool {
        let mut claims = self.gathered.claims.iter().chain(&self.vouched.claims);
        claims.any(|claim| self.decided.is_at(&claim.candidate, address))
    }
}
