//! Decisions of the policy about destinations: pinned in, pinned out, infrastructure for everyone.
//!
//! ```text
//! Policy + day -> Decisions -> CallerDecisions of one service -> gather (claims) -> settle
//! ```
//! Where decisions contradict each other the one that changes least wins: what is pinned out stays on the passthrough.
//! It refuses to take from a destination that was seen what a pin or infrastructure asks for: see `vouch`.

mod gather;
mod vouched;

use std::collections::{BTreeMap, BTreeSet};

use super::EgressOptions;
use super::address::{AddressBook, Candidate};
use super::destination::Trust;
use super::model::{PinNote, PinnedOut, RawTarget};
use crate::policy::{
    InfraDestination, Pin, PinAction, PinDestination, PinnedAddress, ServicePattern,
};
use crate::snapshot::{GraphSnapshot, Node, Relation};

pub(super) use gather::{Gathered, gather};
pub(super) use vouched::vouch;

/// What the policy decides on a day.
pub(super) struct Decisions<'a> {
    pins: Vec<PinInForce<'a>>,
    infra: Vec<(String, &'a InfraDestination)>,
    trust: Trust<'a>,
}

struct PinInForce<'a> {
    pin: &'a Pin,
    /// Node id of an included address.
    node: String,
}

impl<'a> Decisions<'a> {
    /// Judges the pins by the day of the options, else by the last day of the window.
    pub(super) fn new(
        snapshot: &GraphSnapshot,
        options: &'a EgressOptions,
        book: &AddressBook<'_>,
    ) -> Self {
        let last_day = || Some(snapshot.window.end?.day());
        let today = options.today.or_else(last_day);
        let policy = &options.policy;
        let pins: Vec<&Pin> = policy
            .pins
            .iter()
            .filter(|pin| pin.holds_on(today))
            .collect();
        let nodes = nodes_of_addresses(snapshot, &pins, book);
        let infra = policy.infra.iter();
        Self {
            pins: pins
                .into_iter()
                .zip(nodes)
                .map(|(pin, node)| PinInForce { pin, node })
                .collect(),
            infra: infra
                .map(|infra| (format!("infra/{}", infra.name), infra))
                .collect(),
            trust: Trust::new(options),
        }
    }

    /// Those about the destinations of one service.
    pub(super) fn of<'d>(
        &'d self,
        caller: &'d Node,
        book: &'d AddressBook<'d>,
    ) -> CallerDecisions<'d> {
        let is_caller = |pattern: &ServicePattern| fits(pattern, &caller.id, Some(caller));
        let pins = self.pins.iter().filter(|held| is_caller(&held.pin.caller));
        let (included, excluded): (Vec<_>, Vec<_>) =
            pins.partition(|held| held.pin.action == PinAction::Include);
        let infra = self
            .infra
            .iter()
            .filter(|(_, infra)| infra.callers.is_empty() || infra.callers.iter().any(is_caller));
        CallerDecisions {
            caller,
            book,
            included,
            excluded: excluded.into_iter().map(|held| held.pin).collect(),
            infra: infra.map(|(id, infra)| (id.as_str(), *infra)).collect(),
            trust: &self.trust,
        }
    }
}

/// What the policy decides for one caller.
pub(super) struct CallerDecisions<'d> {
    pub(super) caller: &'d Node,
    pub(super) book: &'d AddressBook<'d>,
    included: Vec<&'d PinInForce<'d>>,
    excluded: Vec<&'d Pin>,
    infra: Vec<(&'d str, &'d InfraDestination)>,
    pub(super) trust: &'d Trust<'d>,
}

impl<'d> CallerDecisions<'d> {
    /// The pin that leaves a whole destination to the passthrough.
    pub(super) fn excludes_node(&self, id: &str) -> Option<&'d Pin> {
        let node = self.book.nodes().get(id).copied();
        let mut pins = self.excluded.iter().copied();
        pins.find(|pin| matches!(&pin.destination, PinDestination::Node(pattern) if fits(pattern, id, node)))
    }

    /// The pin that leaves an address to the passthrough.
    pub(super) fn excludes(&self, candidate: &Candidate) -> Option<&'d Pin> {
        let mut pins = self.excluded.iter().copied();
        pins.find(|pin| matches!(&pin.destination, PinDestination::Address(address) if self.is_at(candidate, address)))
    }

    /// The first pin that includes a destination which is seen at some addresses.
    pub(super) fn includes(&self, id: &str, addresses: &[Candidate]) -> Option<&'d Pin> {
        let node = self.book.nodes().get(id).copied();
        let found = self
            .included
            .iter()
            .find(|held| match &held.pin.destination {
                PinDestination::Node(pattern) => fits(pattern, id, node),
                PinDestination::Address(address) => addresses
                    .iter()
                    .any(|candidate| self.is_at(candidate, address)),
            });
        found.map(|held| held.pin)
    }

    /// Infrastructure that is at an address.
    fn infra_at(&self, candidate: &Candidate) -> Option<&'d str> {
        let mut infra = self.infra.iter();
        let found = infra.find(|(_, infra)| self.is_at(candidate, &infra.address));
        found.map(|(id, _)| *id)
    }

    fn is_at(&self, candidate: &Candidate, address: &PinnedAddress) -> bool {
        self.book.is_at(candidate, address, &self.caller.id)
    }
}

/// Who answers for a pin.
pub(super) fn note(pin: &Pin) -> PinNote {
    PinNote {
        reason: pin.reason.clone(),
        owner: pin.owner.clone(),
        expires: pin.expires.to_string(),
    }
}

/// What pins leave to the passthrough, one entry per callee and pin.
#[derive(Default)]
pub(super) struct PinnedOutList(BTreeMap<(String, PinNote), BTreeSet<RawTarget>>);

impl PinnedOutList {
    pub(super) fn add(
        &mut self,
        node: &str,
        pin: &Pin,
        targets: impl IntoIterator<Item = RawTarget>,
    ) {
        let entry = self.0.entry((node.to_owned(), note(pin))).or_default();
        entry.extend(targets);
    }

    pub(super) fn into_sorted(self) -> Vec<PinnedOut> {
        self.0
            .into_iter()
            .map(|((node, pin), targets)| PinnedOut {
                node,
                targets: targets.into_iter().collect(),
                pin,
            })
            .collect()
    }
}

fn fits(pattern: &ServicePattern, id: &str, node: Option<&Node>) -> bool {
    match node {
        Some(node) => pattern.matches(id, &node.namespace, &node.name),
        None => pattern.matches(id, "", ""),
    }
}

/// The node that each included address belongs to: the only one that others were seen to reach there, else one of its own.
fn nodes_of_addresses(
    snapshot: &GraphSnapshot,
    pins: &[&Pin],
    book: &AddressBook<'_>,
) -> Vec<String> {
    let mut callees: Vec<BTreeSet<&str>> = vec![BTreeSet::new(); pins.len()];
    let included: Vec<(usize, &PinnedAddress)> = pins
        .iter()
        .enumerate()
        .filter_map(|(index, pin)| match (&pin.destination, pin.action) {
            (PinDestination::Address(address), PinAction::Include) => Some((index, address)),
            _ => None,
        })
        .collect();
    let dials = snapshot
        .edges
        .iter()
        .filter(|edge| edge.relation == Relation::Sync);
    for edge in dials.take_while(|_| !included.is_empty()) {
        for candidate in book.dialled(edge) {
            for (index, address) in &included {
                if book.is_at(&candidate, address, &edge.caller) {
                    callees[*index].insert(&edge.callee);
                }
            }
        }
    }
    let own = |pin: &Pin| match &pin.destination {
        PinDestination::Address(address) => format!("pinned/{}:{}", address.host, address.port),
        PinDestination::Node(pattern) => pattern.0.clone(),
    };
    let choose = |(pin, callees): (&&Pin, BTreeSet<&str>)| match callees.first() {
        Some(only) if callees.len() == 1 => (*only).to_owned(),
        _ => own(pin),
    };
    pins.iter().zip(callees).map(choose).collect()
}

#[cfg(test)]
mod tests;
