//! Snapshot -> egress model: every edge is classified once, every address is emitted or listed with a reason.

use std::collections::BTreeMap;

use super::EgressOptions;
use super::address::{AddressBook, Candidate, is_suspect};
use super::claim::{Claim, Outcome, settle};
use super::evidence::{EVIDENCE_SCHEMA, EdgeEvidence, EgressEvidence, ServiceEvidence};
use super::inbound::inbound_ports;
use super::kube_facts::{add_kube_facts, counts_of};
use super::lifecycle::age;
use super::model::{
    AddressSource, Confidence, Conservation, Destination, DestinationKind, DestinationState,
    EgressKnowledge, EgressModel, EgressTarget, EvidenceClass, SCHEMA, ServiceEgress, TargetMatch,
    UnresolvedReason,
};
use super::pins::apply_pins;
use super::protocol;
use super::settings::Tuning;
use super::tune::tune;
use super::unresolved::UnresolvedList;
use crate::hazards::note_hazards;
use crate::snapshot::{
    Edge, EvidenceCounts, GraphSnapshot, Node, NodeKind, Relation, ServiceDiagnostics,
};

/// Derives the egress of every service of a snapshot.
///
/// Pure and deterministic: the same snapshot and options give the same model. Runs in O(n log n) of edges and targets,
/// except that an edge without addresses looks at all edges to its callee.
#[must_use]
pub fn derive(snapshot: &GraphSnapshot, options: &EgressOptions) -> EgressModel {
    let book = AddressBook::new(snapshot, options);
    let mut conservation = Conservation::default();
    let dials = classify_edges(snapshot, &book, &mut conservation);
    let diagnostics: BTreeMap<&str, &ServiceDiagnostics> = snapshot
        .diagnostics
        .per_service
        .iter()
        .map(|service| (service.service.as_str(), service))
        .collect();
    let mut services = Vec::new();
    let mut evidence = EgressEvidence {
        schema: EVIDENCE_SCHEMA.to_owned(),
        window: snapshot.window,
        services: BTreeMap::new(),
        inventory: counts_of(options),
    };
    for (id, node) in book.nodes() {
        if node.kind != NodeKind::Service {
            continue;
        }
        let edges = dials.get(id).map_or(&[][..], Vec::as_slice);
        let diagnostics = diagnostics.get(id).copied();
        let mut service = service_egress(node, edges, &book, &mut conservation);
        service.knowledge = knowledge(!edges.is_empty(), diagnostics);
        service.inbound = inbound_ports(node, options);
        evidence
            .services
            .insert((*id).to_owned(), service_evidence(edges, diagnostics));
        services.push(service);
    }
    for edge in &snapshot.edges {
        mark_producers(edge, &mut services);
    }
    add_kube_facts(&mut services, snapshot, &book);
    let mut model = EgressModel {
        schema: SCHEMA.to_owned(),
        services,
        conservation,
        evidence,
    };
    apply_pins(&mut model, snapshot, options);
    age(&mut model, snapshot, options);
    tune(&mut model, snapshot, options);
    note_hazards(&mut model, snapshot);
    model
}

/// Synchronous edges by calling service; everything else is counted here.
fn classify_edges<'a>(
    snapshot: &'a GraphSnapshot,
    book: &AddressBook<'_>,
    conservation: &mut Conservation,
) -> BTreeMap<&'a str, Vec<&'a Edge>> {
    let mut dials: BTreeMap<&str, Vec<&Edge>> = BTreeMap::new();
    for edge in &snapshot.edges {
        conservation.edges += 1;
        let caller = book.nodes().get(edge.caller.as_str());
        match edge.relation {
            Relation::Async => conservation.asynchronous += 1,
            Relation::Proxied => conservation.proxied += 1,
            Relation::Sync if caller.is_none_or(|node| node.kind != NodeKind::Service) => {
                conservation.caller_is_no_service += 1;
            }
            Relation::Sync => dials.entry(&edge.caller).or_default().push(edge),
        }
    }
    dials
}

fn service_egress(
    node: &Node,
    edges: &[&Edge],
    book: &AddressBook<'_>,
    conservation: &mut Conservation,
) -> ServiceEgress {
    let mut unresolved = UnresolvedList::default();
    let mut claims = Vec::new();
    let mut sources = BTreeMap::new();
    for edge in edges {
        if is_suspect(edge) {
            unresolved.add_all(edge, UnresolvedReason::Suspect);
            conservation.suspect += 1;
            continue;
        }
        let addresses = book.find(edge);
        for (reason, target) in addresses.refused {
            unresolved.add(&edge.callee, reason, target);
        }
        sources.insert(edge.callee.as_str(), addresses.source);
        claims.extend(addresses.usable.into_iter().map(|candidate| Claim {
            node: edge.callee.as_str(),
            candidate,
            outcome: Outcome::Pending,
        }));
    }
    let conflicts = settle(&mut claims);
    let mut targets: BTreeMap<&str, Vec<EgressTarget>> = BTreeMap::new();
    for claim in claims {
        match claim.outcome {
            Outcome::Kept(matches) => {
                let target = egress_target(claim.candidate, matches);
                targets.entry(claim.node).or_default().push(target);
            }
            Outcome::Refused(reason) => unresolved.add(claim.node, reason, claim.candidate.raw),
            Outcome::Pending => unreachable!("`settle` decides every claim"),
        }
    }
    let mut destinations = Vec::new();
    for edge in edges.iter().filter(|edge| !is_suspect(edge)) {
        let Some(targets) = targets.remove(edge.callee.as_str()) else {
            count_without_targets(edge, &mut unresolved, conservation);
            continue;
        };
        conservation.emitted += 1;
        let source = sources.get(edge.callee.as_str()).copied();
        destinations.push(destination(edge, targets, source, book));
    }
    destinations.sort_by(|a, b| a.node.cmp(&b.node));
    ServiceEgress {
        id: node.id.clone(),
        name: node.name.clone(),
        namespace: node.namespace.clone(),
        environment: node.environment.clone(),
        zone: single_zone(node),
        knowledge: EgressKnowledge::Unknown,
        destinations,
        unresolved: unresolved.into_sorted(),
        conflicts,
        inbound: Vec::new(),
        inbound_tuning: Tuning::default(),
        hazards: Vec::new(),
        workload: None,
        inventory_notes: Vec::new(),
        state: DestinationState::Active,
    }
}

fn count_without_targets(
    edge: &Edge,
    unresolved: &mut UnresolvedList,
    conservation: &mut Conservation,
) {
    if unresolved.has(&edge.callee, UnresolvedReason::LostConflict) {
        conservation.lost_conflict += 1;
        return;
    }
    conservation.unresolved += 1;
    if !unresolved.has_any(&edge.callee) {
        unresolved.add_all(edge, UnresolvedReason::NoAddress);
    }
}

fn egress_target(candidate: Candidate, matches: TargetMatch) -> EgressTarget {
    EgressTarget {
        scheme: candidate.raw.scheme,
        host: candidate.host.to_string(),
        port: candidate.port,
        protocol: candidate.protocol,
        dns: candidate.dns,
        dns_is_absolute: candidate.absolute,
        kubernetes: candidate.kubernetes,
        assumed: candidate.assumed,
        matches,
        addressing: None,
        endpoints: Vec::new(),
        kube_service: candidate
            .kube
            .map(|kube| format!("{}/{}", kube.namespace, kube.service)),
        state: DestinationState::Active,
    }
}

fn destination(
    edge: &Edge,
    mut targets: Vec<EgressTarget>,
    source: Option<AddressSource>,
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
    let callee = book.nodes().get(edge.callee.as_str());
    let sure = edge.evidence.paired > 0 || edge.confidence >= 0.9;
    Destination {
        node: edge.callee.clone(),
        name: callee.map_or_else(|| edge.callee.clone(), |node| node.name.clone()),
        kind: destination_kind(callee.map(|node| node.kind)),
        protocol: protocol::combine(targets.iter().map(|target| target.protocol)),
        targets,
        evidence: evidence_classes(edge.evidence),
        confidence: if sure {
            Confidence::High
        } else {
            Confidence::Low
        },
        state: DestinationState::Active,
        address_source: source.unwrap_or(AddressSource::Unresolved),
        tuning: Tuning::default(),
    }
}

fn destination_kind(kind: Option<NodeKind>) -> DestinationKind {
    match kind {
        Some(NodeKind::Service) => DestinationKind::Mesh,
        Some(NodeKind::External | NodeKind::Function | NodeKind::Genai | NodeKind::ObjectStore) => {
            DestinationKind::External
        }
        Some(NodeKind::Database | NodeKind::Broker | NodeKind::Metadata) => DestinationKind::Infra,
        Some(NodeKind::SharedHost | NodeKind::Unidentified) | None => DestinationKind::Unresolved,
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

fn single_zone(node: &Node) -> Option<String> {
    let zones = node.facets.get("zone")?;
    match zones.len() {
        1 => zones.keys().next().cloned(),
        _ => None,
    }
}

fn knowledge(has_edges: bool, diagnostics: Option<&ServiceDiagnostics>) -> EgressKnowledge {
    let outgoing = diagnostics.is_some_and(|service| {
        let calls_out = |kind: &str| matches!(kind, "client" | "producer");
        service.unresolved > 0
            || service
                .kinds
                .iter()
                .any(|(kind, count)| *count > 0 && calls_out(&kind.to_ascii_lowercase()))
    });
    if has_edges || outgoing {
        EgressKnowledge::Observed
    } else {
        EgressKnowledge::Unknown
    }
}

/// An asynchronous edge shows outgoing spans too, although it gives no address.
fn mark_producers(edge: &Edge, services: &mut [ServiceEgress]) {
    if edge.relation == Relation::Sync {
        return;
    }
    if let Ok(index) = services.binary_search_by(|service| service.id.cmp(&edge.caller)) {
        services[index].knowledge = EgressKnowledge::Observed;
    }
}

fn service_evidence(edges: &[&Edge], diagnostics: Option<&ServiceDiagnostics>) -> ServiceEvidence {
    ServiceEvidence {
        window: None,
        spans: diagnostics.map_or(0, |service| service.spans),
        unseen_ms: 0,
        unresolved_calls: diagnostics.map_or(0, |service| service.unresolved),
        hazards: BTreeMap::new(),
        inbound_facts: BTreeMap::new(),
        destinations: edges
            .iter()
            .map(|edge| (edge.callee.clone(), EdgeEvidence::from(*edge)))
            .collect(),
    }
}
