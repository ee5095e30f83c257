//! One destination of a caller, from the targets that were settled for it and the edges that lead there.

use std::collections::{BTreeMap, BTreeSet};

use super::EgressOptions;
use super::address::AddressBook;
use super::model::{
    AddressSource, Confidence, Destination, DestinationKind, DestinationState, EgressTarget,
    EvidenceClass,
};
use super::pins::{Gathered, note};
use super::protocol;
use super::settings::Tuning;
use crate::snapshot::{Edge, EvidenceCounts, NodeKind};

/// What makes an edge trusted.
pub(super) struct Trust<'a> {
    /// Attempts that it needs.
    attempts: u64,
    /// Caller -> callees that the previous model trusts.
    before: BTreeMap<&'a str, BTreeSet<&'a str>>,
}

impl<'a> Trust<'a> {
    pub(super) fn new(options: &'a EgressOptions) -> Self {
        let previous = options.previous.iter().flat_map(|model| &model.services);
        let before = previous.map(|service| {
            let all = service.destinations.iter();
            let trusted = all.filter(|destination| destination.confidence == Confidence::High);
            let nodes = trusted.map(|destination| destination.node.as_str());
            (service.id.as_str(), nodes.collect())
        });
        Self {
            attempts: options.policy.thresholds.low_evidence_calls,
            before: before.collect(),
        }
    }

    /// A label and no more: what is not trusted is generated all the same. An edge that had enough attempts once is not
    /// doubted again because a window has fewer.
    fn confidence(&self, caller: &str, callee: &str, edges: &[&Edge]) -> Confidence {
        let sure = edges
            .iter()
            .any(|edge| edge.evidence.paired > 0 || edge.confidence >= 0.9);
        let attempts = edges
            .iter()
            .fold(0_u64, |sum, edge| sum.saturating_add(edge.attempts));
        let trusted = self.before.get(caller);
        let was_high = trusted.is_some_and(|callees| callees.contains(callee));
        if sure && (attempts >= self.attempts || was_high) {
            Confidence::High
        } else {
            Confidence::Low
        }
    }
}

/// Describes a destination; `targets` has at least one.
pub(super) fn destination(
    caller: &str,
    (id, mut targets): (&str, Vec<EgressTarget>),
    gathered: &Gathered<'_>,
    trust: &Trust<'_>,
    book: &AddressBook<'_>,
) -> Destination {
    // Two protocols of one address, from two callers, are both kept: together they say `mixed`.
    let key = |target: &EgressTarget| {
        let EgressTarget {
            port,
            host,
            scheme,
            protocol,
            ..
        } = target;
        (*port, host.clone(), scheme.clone(), *protocol)
    };
    targets.sort_by_key(key);
    targets.dedup_by_key(|target| key(target));
    let edges = gathered.edges_to(id);
    let classes = edges
        .iter()
        .flat_map(|edge| evidence_classes(edge.evidence));
    let source = gathered.sources.get(id).copied();
    Destination {
        node: id.to_owned(),
        name: name(id, book),
        kind: kind(id, &targets, book),
        protocol: protocol::combine(targets.iter().map(|target| target.protocol)),
        targets,
        evidence: classes.collect::<BTreeSet<_>>().into_iter().collect(),
        confidence: trust.confidence(caller, id, edges),
        state: DestinationState::Active,
        address_source: source.unwrap_or(AddressSource::Unresolved),
        pinned: gathered.pinned.get(id).map(|pin| note(pin)),
        tuning: Tuning::default(),
    }
}

/// Name of a node; of what only the policy names, what follows the kind in its id.
fn name(id: &str, book: &AddressBook<'_>) -> String {
    let node = book.nodes().get(id);
    let own = || id.split_once('/').map_or(id, |(_, name)| name).to_owned();
    node.map_or_else(own, |node| node.name.clone())
}

fn kind(id: &str, targets: &[EgressTarget], book: &AddressBook<'_>) -> DestinationKind {
    match book.nodes().get(id).map(|node| node.kind) {
        Some(NodeKind::Service) => DestinationKind::Mesh,
        Some(NodeKind::External | NodeKind::Function | NodeKind::Genai | NodeKind::ObjectStore) => {
            DestinationKind::External
        }
        Some(NodeKind::Database | NodeKind::Broker | NodeKind::Metadata) => DestinationKind::Infra,
        Some(NodeKind::SharedHost | NodeKind::Unidentified | NodeKind::Group) => {
            DestinationKind::Unresolved
        }
        None if id.starts_with("infra/") => DestinationKind::Infra,
        // A pinned address that nobody was seen to dial: inside a cluster it may be any of its services.
        None if targets.iter().any(|target| target.kubernetes) => DestinationKind::Unresolved,
        None if id.starts_with("pinned/") => DestinationKind::External,
        None => DestinationKind::Unresolved,
    }
}

fn evidence_classes(counts: EvidenceCounts) -> Vec<EvidenceClass> {
    [
        (counts.paired, EvidenceClass::Paired),
        (counts.parent, EvidenceClass::Parent),
        (counts.address, EvidenceClass::Address),
        (counts.alias, EvidenceClass::Alias),
        (counts.named, EvidenceClass::Named),
        (counts.link, EvidenceClass::Link),
    ]
    .into_iter()
    .filter(|(count, _)| *count > 0)
    .map(|(_, class)| class)
    .collect()
}
