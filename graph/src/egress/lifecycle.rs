//! The life of a destination: seen, quiet, proposed for removal; never removed here.
//!
//! ```text
//! previous model -> History -> claims for what is no longer seen -> settle -> age: states, from the time unseen
//! ```
//! Gains apply at once, losses wait: whatever the previous model had stays until a person accepts its removal. What was seen
//! in this snapshot is never displaced by it. Time counts against a destination only while its caller was observed and its
//! spans did not become fewer; it adds up in the evidence, so the model holds states and no dates.

mod age;

use std::collections::{BTreeMap, BTreeSet};

use super::EgressOptions;
use super::address::{AddressBook, Candidate};
use super::claim::{Claim, Outcome};
use super::evidence::ServiceEvidence;
use super::model::{
    AddressSource, Destination, DestinationState, EgressTarget, RawTarget, ServiceEgress,
};
use super::pins::{CallerDecisions, Gathered};
use super::unresolved::UnresolvedList;
use super::vouch::open;
use crate::policy::Pin;
use crate::snapshot::{Edge, Exposed, Node, NodeKind, TraceCounts};

pub(super) use age::age;

/// What earlier runs knew.
pub(super) struct History<'a> {
    services: BTreeMap<&'a str, Past<'a>>,
    accept_removals: bool,
}

/// What they knew of one service.
struct Past<'a> {
    service: &'a ServiceEgress,
    destinations: BTreeMap<&'a str, PastDestination<'a>>,
    removed: BTreeSet<&'a str>,
    evidence: Option<&'a ServiceEvidence>,
}

/// A destination, those of its addresses that were displaced among them.
struct PastDestination<'a> {
    described: &'a Destination,
    targets: Vec<&'a EgressTarget>,
}

impl<'a> History<'a> {
    /// Indexes the previous model of the options.
    pub(super) fn new(options: &'a EgressOptions) -> Self {
        let previous = options.previous.as_deref();
        let services = previous.into_iter().flat_map(|model| {
            let past = |service: &'a ServiceEgress| Past {
                service,
                destinations: by_node(service),
                removed: service.removed.iter().map(String::as_str).collect(),
                evidence: model.evidence.services.get(&service.id),
            };
            model
                .services
                .iter()
                .map(move |service| (service.id.as_str(), past(service)))
        });
        Self {
            services: services.collect(),
            accept_removals: options.accept_removals,
        }
    }

    /// The edges of a caller, without those whose removal was accepted and that were not seen since.
    pub(super) fn without_removed<'e>(&self, edges: &[&'e Edge]) -> Vec<&'e Edge> {
        let edges = edges.iter().copied();
        edges.filter(|edge| !self.is_removed(edge)).collect()
    }

    fn is_removed(&self, edge: &Edge) -> bool {
        let callee = edge.callee.as_str();
        let Some(past) = self.services.get(edge.caller.as_str()) else {
            return false;
        };
        let last_seen = || Some(past.evidence?.destinations.get(callee)?.last_seen);
        let unseen_since = || last_seen().is_some_and(|before| edge.last_seen <= before);
        (past.removed.contains(callee) || self.lets_go(past, callee)) && unseen_since()
    }

    /// Whether the removal of a destination was proposed and is now accepted.
    fn lets_go(&self, past: &Past<'_>, callee: &str) -> bool {
        let destination = past.destinations.get(callee);
        let proposed = destination.is_some_and(|found| is_proposed(found.described.state));
        self.accept_removals && proposed
    }

    /// Claims on the addresses of a caller that the previous model had and this snapshot has not.
    pub(super) fn claims(
        &self,
        decided: &CallerDecisions<'a>,
        gathered: &mut Gathered<'a>,
        claimed: &[Claim<'a>],
        unresolved: &mut UnresolvedList,
    ) -> Vec<Claim<'a>> {
        let Some(past) = self.services.get(decided.caller.id.as_str()) else {
            return Vec::new();
        };
        let mut present: BTreeMap<&str, Vec<&Candidate>> = BTreeMap::new();
        for claim in gathered.claims.iter().chain(claimed) {
            let of_node = present.entry(claim.node).or_default();
            of_node.push(&claim.candidate);
        }
        let mut revival = Revival {
            decided,
            unresolved,
            out: Vec::new(),
            claims: Vec::new(),
        };
        for (node, destination) in &past.destinations {
            let source = gathered.sources.get(node).copied();
            let renamed = gathered.renamed.contains_key(node);
            if renamed || !is_kept(destination.described.address_source, source) {
                continue;
            }
            let present = present.get(node).map_or(&[][..], Vec::as_slice);
            let lets_go = self.lets_go(past, node);
            let kept = destination.targets.iter().copied().filter(|target| {
                let accepted = lets_go || (self.accept_removals && is_proposed(target.state));
                !accepted && !is_covered(target, present)
            });
            if let Some(pin) = revival.revive(node, kept) {
                gathered.pinned.entry(node).or_insert(pin);
            }
        }
        let Revival { out, claims, .. } = revival;
        for (node, pin, target) in out {
            gathered.out.add(node, pin, [target]);
        }
        claims
    }

    /// Destinations that lost addresses of earlier runs to something seen since, with these addresses.
    pub(super) fn displaced(&self, caller: &str, claims: &[Claim<'_>]) -> Vec<Destination> {
        let Some(past) = self.services.get(caller) else {
            return Vec::new();
        };
        let mut displaced: BTreeMap<&str, Destination> = BTreeMap::new();
        let refused = claims.iter().filter(|claim| {
            claim.candidate.earlier && matches!(claim.outcome, Outcome::Refused(_))
        });
        for claim in refused {
            let Some(before) = past.destinations.get(claim.node) else {
                continue;
            };
            let entry = displaced.entry(claim.node).or_insert_with(|| Destination {
                targets: Vec::new(),
                pinned: None,
                ..before.described.clone()
            });
            let raw = &claim.candidate.raw;
            let lost = before.targets.iter().find(|target| {
                (
                    &target.scheme,
                    &target.host,
                    Some(target.port),
                    target.protocol,
                ) == (&raw.scheme, &raw.host, raw.port, claim.candidate.protocol)
            });
            entry.targets.extend(lost.map(|target| (*target).clone()));
        }
        displaced.into_values().collect()
    }

    /// Gives a destination that rests on the previous model alone what that knew of it.
    pub(super) fn restore(&self, caller: &str, destination: &mut Destination, has_edges: bool) {
        let past = self.services.get(caller);
        let past = past.and_then(|past| past.destinations.get(destination.node.as_str()));
        let Some(past) = past.map(|past| past.described) else {
            return;
        };
        if destination.address_source == AddressSource::Unresolved {
            destination.address_source = past.address_source;
        }
        if !has_edges && destination.address_source != AddressSource::Policy {
            destination.name.clone_from(&past.name);
            destination.kind = past.kind;
            destination.evidence.clone_from(&past.evidence);
            destination.confidence = past.confidence;
            destination.tuning = past.tuning.clone();
        }
    }

    /// Destinations whose removal was accepted, and that were not seen since.
    pub(super) fn removed(
        &self,
        caller: &str,
        edges: &[&Edge],
        destinations: &[Destination],
    ) -> Vec<String> {
        let Some(past) = self.services.get(caller) else {
            return Vec::new();
        };
        let returned: BTreeSet<&str> = edges
            .iter()
            .filter(|edge| !self.is_removed(edge))
            .map(|edge| edge.callee.as_str())
            .chain(destinations.iter().map(|found| found.node.as_str()))
            .collect();
        let accepted = past.destinations.keys();
        let accepted = accepted.filter(|callee| self.lets_go(past, callee));
        let all: BTreeSet<&str> = past.removed.iter().chain(accepted).copied().collect();
        let all = all.difference(&returned);
        all.map(|callee| (*callee).to_owned()).collect()
    }

    /// Services of the previous model that the snapshot has not, as nodes without edges.
    pub(super) fn gone(&self, book: &AddressBook<'_>) -> Vec<Node> {
        let services = self.services.values().map(|past| past.service);
        let kept = services.filter(|service| {
            let accepted = self.accept_removals && is_proposed(service.state);
            !accepted && !book.nodes().contains_key(service.id.as_str())
        });
        kept.map(node_of).collect()
    }

    /// Gives a service that is not in the snapshot what the previous model knew of it, beside its destinations.
    pub(super) fn restore_service(&self, service: &mut ServiceEgress) {
        let Some(past) = self.services.get(service.id.as_str()) else {
            return;
        };
        let past = past.service;
        service.zone.clone_from(&past.zone);
        service.knowledge = past.knowledge;
        service.inbound.clone_from(&past.inbound);
        service.inbound_tuning = past.inbound_tuning.clone();
        service.hazards.clone_from(&past.hazards);
        service.workload.clone_from(&past.workload);
        let known: BTreeSet<_> = service.unresolved.iter().cloned().collect();
        let all = known.into_iter().chain(past.unresolved.iter().cloned());
        let all: BTreeSet<_> = all.collect();
        service.unresolved = all.into_iter().collect();
    }
}

struct Revival<'x, 'a> {
    decided: &'x CallerDecisions<'a>,
    unresolved: &'x mut UnresolvedList,
    out: Vec<(&'a str, &'a Pin, RawTarget)>,
    claims: Vec<Claim<'a>>,
}

impl<'a> Revival<'_, 'a> {
    /// Claims addresses again; returns the pin that includes them.
    fn revive<'t>(
        &mut self,
        node: &'a str,
        targets: impl Iterator<Item = &'t EgressTarget>,
    ) -> Option<&'a Pin> {
        let decided = self.decided;
        let mut revived = Vec::new();
        for target in targets {
            let raw = RawTarget {
                scheme: target.scheme.clone(),
                host: target.host.clone(),
                port: Some(target.port),
            };
            if let Some(pin) = decided.excludes_node(node) {
                self.out.push((node, pin, raw));
                continue;
            }
            match decided.book.revived(target, decided.caller, node) {
                Err(reason) => self.unresolved.add(node, reason, raw),
                Ok(candidate) => match decided.excludes(&candidate) {
                    Some(pin) => self.out.push((node, pin, raw)),
                    None => revived.push(candidate),
                },
            }
        }
        let pin = decided.includes(node, &revived);
        let pin = pin.filter(|_| !revived.is_empty());
        let claims = revived.into_iter();
        self.claims
            .extend(claims.map(|candidate| open(node, candidate, false)));
        pin
    }
}

fn by_node(service: &ServiceEgress) -> BTreeMap<&str, PastDestination<'_>> {
    let mut found: BTreeMap<&str, PastDestination<'_>> = BTreeMap::new();
    for described in service.destinations.iter().chain(&service.displaced) {
        let past = found.entry(&described.node);
        let past = past.or_insert_with(|| PastDestination {
            described,
            targets: Vec::new(),
        });
        past.targets.extend(&described.targets);
    }
    found
}

fn is_proposed(state: DestinationState) -> bool {
    state == DestinationState::ProposedRemoval
}

/// Whether the addresses that a destination had stay beside those that it has now. What only the policy asked for goes with
/// it, and what an inventory, a template or others suggested gives way to better knowledge.
fn is_kept(before: AddressSource, now: Option<AddressSource>) -> bool {
    let seen = matches!(
        before,
        AddressSource::DialledByCaller
            | AddressSource::DialledByOthers
            | AddressSource::ServedByCallee
    );
    match now {
        None | Some(AddressSource::Unresolved) => before != AddressSource::Policy,
        Some(now) => seen && before <= now,
    }
}

/// Whether an address of earlier is there now, or is one of those that change with every restart.
fn is_covered(target: &EgressTarget, present: &[&Candidate]) -> bool {
    let is_same = |candidate: &&Candidate| {
        let host = candidate.host.to_string();
        (candidate.port, &candidate.raw.scheme, &host)
            == (target.port, &target.scheme, &target.host)
    };
    let of_instance = target.host.parse::<std::net::IpAddr>().is_ok();
    (of_instance && !present.is_empty()) || present.iter().any(is_same)
}

fn node_of(service: &ServiceEgress) -> Node {
    let namespace = service.workload.as_ref();
    let namespace = namespace.map(|found| found.namespace.clone());
    let key = |namespace| ("k8s.namespace.name".to_owned(), namespace);
    Node {
        id: service.id.clone(),
        kind: NodeKind::Service,
        name: service.name.clone(),
        namespace: service.namespace.clone(),
        environment: service.environment.clone(),
        address: None,
        system: None,
        entry_calls: 0,
        requests: 0,
        traces: TraceCounts::default(),
        instances: 0,
        facets: BTreeMap::new(),
        attributes: namespace.map(key).into_iter().collect(),
        inbound: None,
        sidecar_spans: 0,
        hazards: Exposed::default(),
        served: Vec::new(),
    }
}

#[cfg(test)]
mod tests;
