//! Snapshot -> egress model: every edge is classified once, every address is emitted or listed with a reason.

use std::collections::{BTreeMap, BTreeSet};

use super::EgressOptions;
use super::address::{AddressBook, Candidate};
use super::claim::{Claim, Outcome};
use super::destination::destination;
use super::evidence::{EVIDENCE_SCHEMA, EdgeEvidence, EgressEvidence, ServiceEvidence};
use super::inbound::inbound_ports;
use super::kube_facts::{add_kube_facts, counts_of};
use super::lifecycle::{History, age};
use super::model::{
    Conservation, Destination, DestinationState, EgressKnowledge, EgressModel, EgressTarget,
    SCHEMA, ServiceEgress, TargetMatch, UnresolvedReason,
};
use super::pins::{Decisions, Gathered, gather, vouch};
use super::settings::Tuning;
use super::tune::tune;
use super::unresolved::UnresolvedList;
use super::vouch::settle_all;
use crate::hazards::note_hazards;
use crate::snapshot::{Edge, GraphSnapshot, Node, NodeKind, Relation, ServiceDiagnostics};

/// Derives the egress of every service of a snapshot.
///
/// Pure and deterministic: the same snapshot and options give the same model. Runs in O(n log n) of edges and targets,
/// except that an edge without addresses looks at all edges to its callee.
#[must_use]
pub fn derive(snapshot: &GraphSnapshot, options: &EgressOptions) -> EgressModel {
    let book = AddressBook::new(snapshot, options);
    let mut conservation = Conservation::default();
    let decisions = Decisions::new(snapshot, options, &book);
    let history = History::new(options);
    let knowing = Knowing {
        book: &book,
        decisions: &decisions,
        history: &history,
    };
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
        let mut service = knowing.service_egress(node, edges, &mut conservation);
        service.knowledge = knowledge(!edges.is_empty(), diagnostics);
        service.inbound = inbound_ports(node, options);
        evidence
            .services
            .insert((*id).to_owned(), service_evidence(edges, diagnostics));
        services.push(service);
    }
    let gone = history.gone(&book);
    for node in &gone {
        let mut service = knowing.service_egress(node, &[], &mut conservation);
        history.restore_service(&mut service);
        services.push(service);
    }
    services.sort_by(|a, b| a.id.cmp(&b.id));
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
    age(&mut model, snapshot, options);
    tune(&mut model, snapshot, options);
    note_hazards(&mut model, snapshot, options.previous.as_deref());
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

/// All that the egress of one service is made from, beside its own edges.
struct Knowing<'a> {
    book: &'a AddressBook<'a>,
    decisions: &'a Decisions<'a>,
    history: &'a History<'a>,
}

impl<'a> Knowing<'a> {
    fn service_egress(
        &self,
        node: &'a Node,
        edges: &[&'a Edge],
        conservation: &mut Conservation,
    ) -> ServiceEgress {
        let mut unresolved = UnresolvedList::default();
        let decided = self.decisions.of(node, self.book);
        let known = self.history.without_removed(edges);
        conservation.expired += (edges.len() - known.len()) as u64;
        let mut gathered = gather(&decided, &known, &mut unresolved);
        let vouched = vouch(&decided, &mut gathered, &mut unresolved);
        let history = self.history;
        let kept = history.claims(&decided, &mut gathered, &vouched.claims, &mut unresolved);
        let claims = std::mem::take(&mut gathered.claims).into_iter();
        let (mut further, observed): (Vec<_>, Vec<_>) =
            claims.partition(|claim| claim.candidate.supposed && !claim.excluded);
        further.extend(vouched.claims);
        further.extend(kept);
        let (claims, conflicts) = settle_all(observed, further);
        let displaced = history.displaced(&node.id, &claims);
        let targets = settled_targets(claims, &mut unresolved);
        count(&gathered, &targets, &mut unresolved, conservation);
        let described = targets.into_iter().map(|settled| {
            let mut found = destination(&node.id, settled, &gathered, decided.trust, self.book);
            let has_edges = !gathered.edges_to(&found.node).is_empty();
            history.restore(&node.id, &mut found, has_edges);
            found
        });
        let destinations: Vec<Destination> = described.collect();
        ServiceEgress {
            id: node.id.clone(),
            name: node.name.clone(),
            namespace: node.namespace.clone(),
            environment: node.environment.clone(),
            zone: single_zone(node),
            knowledge: EgressKnowledge::Unknown,
            removed: history.removed(&node.id, edges, &destinations),
            destinations,
            displaced,
            unresolved: unresolved.into_sorted(),
            pinned_out: gathered.out.into_sorted(),
            conflicts,
            inbound: Vec::new(),
            inbound_tuning: Tuning::default(),
            hazards: Vec::new(),
            workload: None,
            inventory_notes: Vec::new(),
            state: DestinationState::Active,
        }
    }
}

/// The targets of each destination; what was refused is listed.
fn settled_targets<'a>(
    claims: Vec<Claim<'a>>,
    unresolved: &mut UnresolvedList,
) -> BTreeMap<&'a str, Vec<EgressTarget>> {
    let mut targets: BTreeMap<&str, Vec<EgressTarget>> = BTreeMap::new();
    for claim in claims.into_iter().filter(|claim| !claim.excluded) {
        match claim.outcome {
            Outcome::Kept(matches) => {
                let target = egress_target(claim.candidate, matches);
                targets.entry(claim.node).or_default().push(target);
            }
            Outcome::Refused(reason) => unresolved.add(claim.node, reason, claim.candidate.raw),
            Outcome::Pending => unreachable!("`settle` decides every claim"),
        }
    }
    targets
}

/// Puts every edge of a caller into its class.
fn count(
    gathered: &Gathered<'_>,
    targets: &BTreeMap<&str, Vec<EgressTarget>>,
    unresolved: &mut UnresolvedList,
    conservation: &mut Conservation,
) {
    conservation.suspect += gathered.suspect;
    conservation.pinned_out += gathered.pinned_out;
    for edge in &gathered.edges {
        let callee = edge.callee.as_str();
        let infra = gathered.renamed.get(callee);
        if targets.contains_key(callee) {
            conservation.emitted += 1;
        } else if infra.is_some_and(|ids| ids.iter().any(|id| targets.contains_key(id))) {
            conservation.infra += 1;
        } else if gathered.partly_out.contains(callee) {
            conservation.pinned_out += 1;
        } else {
            count_without_targets(edge, infra, unresolved, conservation);
        }
    }
}

fn count_without_targets(
    edge: &Edge,
    infra: Option<&BTreeSet<&str>>,
    unresolved: &mut UnresolvedList,
    conservation: &mut Conservation,
) {
    let renamed = infra.into_iter().flatten().copied();
    let ids: Vec<&str> = renamed.chain([edge.callee.as_str()]).collect();
    let lost = UnresolvedReason::LostConflict;
    if ids.iter().any(|id| unresolved.has(id, lost)) {
        conservation.lost_conflict += 1;
        return;
    }
    conservation.unresolved += 1;
    if !ids.iter().any(|id| unresolved.has_any(id)) {
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
