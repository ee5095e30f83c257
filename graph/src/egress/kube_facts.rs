//! Writes into a model what is known of Kubernetes beside addresses: workloads, zones, virtual or headless, endpoints.
//!
//! It changes no address and no protocol: where an inventory contradicts what was seen, a note says so.

use std::collections::{BTreeMap, BTreeSet};

use super::EgressOptions;
use super::address::{AddressBook, kube_clusters};
use super::kube::{WorkloadMatch, named_workload, namespace_of, workload_of};
use super::model::{EgressTarget, ServiceEgress, TargetProtocol};
use crate::inventory::{
    Addressing, Inventory, InventoryNote, InventoryNoteKind, KubeService, KubeWorkload,
    ServicePort, Workload, declared_protocol,
};
use crate::snapshot::{GraphSnapshot, Node};

/// Labels that tell one rollout, pod or place of a workload from another: a selector with them would miss the next.
const PASSING_LABELS: [&str; 8] = [
    "pod-template-hash",
    "controller-revision-hash",
    "controller-uid",
    "batch.kubernetes.io/controller-uid",
    "statefulset.kubernetes.io/pod-name",
    "apps.kubernetes.io/pod-index",
    "topology.kubernetes.io/zone",
    "topology.kubernetes.io/region",
];

/// Adds what is known of Kubernetes to every service.
pub(super) fn add_kube_facts(
    services: &mut [ServiceEgress],
    snapshot: &GraphSnapshot,
    book: &AddressBook<'_>,
) {
    let clusters = kube_clusters(snapshot);
    for service in services {
        let node = book.nodes().get(service.id.as_str()).copied();
        let Some(inventory) = &book.options().inventory else {
            if let Some(node) = node {
                service.workload = workload_by_attributes(node, book);
            }
            forget_names(service);
            continue;
        };
        let mut notes = Notes::default();
        if clusters.len() > 1 {
            let clusters = clusters.iter().map(|cluster| (*cluster).to_owned());
            notes.add(&service.id, InventoryNoteKind::SeveralClusters, clusters);
        }
        if let Some(node) = node {
            add_workload(service, node, inventory, book, &mut notes);
        }
        for destination in &mut service.destinations {
            let single_cluster = clusters.len() < 2;
            for target in &mut destination.targets {
                let mut about = About {
                    node: &destination.node,
                    inventory,
                    notes: &mut notes,
                };
                about.target(target, single_cluster);
            }
        }
        service.inventory_notes = notes.0.into_iter().collect();
    }
}

/// Without an inventory, that a name looks like one of a service does not mean that there is one.
fn forget_names(service: &mut ServiceEgress) {
    let destinations = service.destinations.iter_mut();
    for target in destinations.flat_map(|destination| &mut destination.targets) {
        target.kube_service = None;
    }
}

#[derive(Default)]
struct Notes(BTreeSet<InventoryNote>);

impl Notes {
    fn add(
        &mut self,
        about: &str,
        note: InventoryNoteKind,
        detail: impl IntoIterator<Item = String>,
    ) {
        self.0.insert(InventoryNote {
            about: about.to_owned(),
            note,
            detail: detail.into_iter().collect(),
        });
    }
}

/// The workload that spans name, with no word of an inventory.
fn workload_by_attributes(node: &Node, book: &AddressBook<'_>) -> Option<Workload> {
    let (kind, name) = named_workload(node)?;
    Some(Workload {
        kind: kind.to_owned(),
        namespace: namespace_of(node, book.names())?,
        name: name.to_owned(),
        selector: BTreeMap::new(),
        confirmed: false,
    })
}

fn add_workload(
    service: &mut ServiceEgress,
    node: &Node,
    inventory: &Inventory,
    book: &AddressBook<'_>,
    notes: &mut Notes,
) {
    match workload_of(node, book.names(), inventory) {
        WorkloadMatch::Unknown => service.workload = workload_by_attributes(node, book),
        WorkloadMatch::Missing {
            kind,
            namespace,
            name,
        } => {
            let detail = [kind.to_owned(), format!("{namespace}/{name}")];
            notes.add(&node.id, InventoryNoteKind::UnknownWorkload, detail);
            service.workload = workload_by_attributes(node, book);
        }
        WorkloadMatch::Ambiguous(found) => {
            let detail = found.into_iter().map(qualified);
            notes.add(&node.id, InventoryNoteKind::AmbiguousWorkload, detail);
        }
        WorkloadMatch::Found {
            workload,
            by_attributes,
        } => {
            let selector = lasting(workload);
            check_selector(&node.id, workload, &selector, inventory, notes);
            if service.zone.is_none() && !node.facets.contains_key("zone") {
                service.zone = zone_of(workload, &selector, inventory);
            }
            service.workload = Some(Workload {
                kind: workload.kind.clone(),
                namespace: workload.namespace.clone(),
                name: workload.name.clone(),
                selector,
                confirmed: by_attributes,
            });
        }
    }
}

fn qualified(found: &KubeWorkload) -> String {
    format!("{} {}/{}", found.kind, found.namespace, found.name)
}

fn check_selector(
    about: &str,
    workload: &KubeWorkload,
    selector: &BTreeMap<String, String>,
    inventory: &Inventory,
    notes: &mut Notes,
) {
    let whole_name = || [format!("{}/{}", workload.namespace, workload.name)];
    if workload.has_expressions {
        let note = InventoryNoteKind::SelectorHasExpressions;
        notes.add(about, note, whole_name());
    }
    let others = inventory.others_selected(selector, workload);
    if !others.is_empty() {
        let detail = others.into_iter().map(qualified);
        notes.add(about, InventoryNoteKind::SharedSelector, detail);
    }
    let wants_pods = workload.replicas.is_some_and(|replicas| replicas > 0);
    let mut pods = inventory.pods_selected(&workload.namespace, selector);
    if wants_pods && inventory.lists_pods_of(&workload.namespace) && pods.next().is_none() {
        let note = InventoryNoteKind::SelectorMatchesNothing;
        notes.add(about, note, whole_name());
    }
}

/// The zone of all pods of a workload, when they share one and nothing else shares the pods.
fn zone_of(
    workload: &KubeWorkload,
    selector: &BTreeMap<String, String>,
    inventory: &Inventory,
) -> Option<String> {
    if !inventory.others_selected(selector, workload).is_empty() {
        return None;
    }
    let mut pods = inventory.pods_selected(&workload.namespace, selector);
    let first = inventory.zone_of(pods.next()?)?;
    let same = pods.all(|pod| inventory.zone_of(pod) == Some(first));
    same.then(|| first.to_owned())
}

/// The labels of a workload's pods that select it for good: those of its own selector; where it names none, as cron jobs do,
/// all that last.
fn lasting(workload: &KubeWorkload) -> BTreeMap<String, String> {
    let labels = if workload.selector.is_empty() {
        &workload.pod_labels
    } else {
        &workload.selector
    };
    let lasts = |(key, _): &(&String, &String)| !PASSING_LABELS.contains(&key.as_str());
    let labels = labels.iter().filter(lasts);
    labels
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect()
}

/// One destination, seen against the inventory.
struct About<'a> {
    node: &'a str,
    inventory: &'a Inventory,
    notes: &'a mut Notes,
}

impl About<'_> {
    fn target(&mut self, target: &mut EgressTarget, single_cluster: bool) {
        let Some(name) = target.kube_service.take() else {
            return;
        };
        let Some((namespace, short)) = name.split_once('/') else {
            return;
        };
        let Some(service) = self.inventory.service(namespace, short) else {
            if self.inventory.lists_services_of(namespace) {
                self.note(InventoryNoteKind::UnknownService, [target.host.clone()]);
            }
            return;
        };
        target.addressing = Some(service.addressing);
        target.kube_service = Some(name);
        let place = format!("{}.{}:{}", service.name, service.namespace, target.port);
        self.check_port(service, target, &place);
        if service.addressing == Addressing::Headless
            && single_cluster
            && !names_a_pod(target, service)
        {
            target.endpoints = self.endpoints(service, target.port, place);
        }
    }

    fn check_port(&mut self, service: &KubeService, target: &EgressTarget, place: &str) {
        if service.addressing == Addressing::ExternalName {
            return;
        }
        let declared = service.ports.iter().find(|port| port.port == target.port);
        let Some(port) = declared else {
            self.note(InventoryNoteKind::UndeclaredPort, [place.to_owned()]);
            return;
        };
        let Some(declared) = declared_protocol(port) else {
            return;
        };
        if contradicts(declared, target.protocol) {
            let detail = [place.to_owned(), spelt(port), seen(target.protocol)];
            self.note(InventoryNoteKind::OtherProtocol, detail);
        }
    }

    fn endpoints(
        &mut self,
        service: &KubeService,
        port: u16,
        place: String,
    ) -> Vec<crate::inventory::Endpoint> {
        match self.inventory.headless_endpoints(service, port) {
            None => {
                self.note(InventoryNoteKind::InconsistentEndpoints, [place]);
                Vec::new()
            }
            Some(endpoints) => {
                if endpoints.is_empty() && self.inventory.lists_endpoints_of(&service.namespace) {
                    self.note(InventoryNoteKind::NoReadyEndpoints, [place]);
                }
                endpoints
            }
        }
    }

    fn note<const N: usize>(&mut self, note: InventoryNoteKind, detail: [String; N]) {
        self.notes.add(self.node, note, detail);
    }
}

/// Whether a name leads to one pod of a service, and not to all.
fn names_a_pod(target: &EgressTarget, service: &KubeService) -> bool {
    let Some(dns) = &target.dns else {
        return false;
    };
    let qualified = format!("{}.{}", service.name, service.namespace);
    let rest = dns.strip_prefix(&qualified);
    let is_service = *dns == service.name
        || rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(".svc"));
    !is_service
}

/// What a port declares, in its own words.
fn spelt(port: &ServicePort) -> String {
    let declared = port.app_protocol.as_ref().or(port.name.as_ref());
    declared.cloned().unwrap_or_default()
}

fn seen(protocol: TargetProtocol) -> String {
    match protocol {
        TargetProtocol::Http1 => "http/1",
        TargetProtocol::Http2 => "http/2",
        TargetProtocol::Grpc => "grpc",
        TargetProtocol::Http => "http",
        TargetProtocol::Tls => "tls",
        TargetProtocol::Tcp => "tcp",
    }
    .to_owned()
}

/// Whether a port cannot be what was seen there. `http` says nothing of the version, and gRPC is HTTP/2.
fn contradicts(declared: TargetProtocol, seen: TargetProtocol) -> bool {
    use TargetProtocol::{Grpc, Http, Http1, Http2, Tcp, Tls};
    match (declared, seen) {
        (Tls, Tls) | (Tcp, Tcp) => false,
        (Tls | Tcp, _) | (_, Tls | Tcp) => true,
        (Http2 | Grpc, Http1) => true,
        (Http1, Http2 | Grpc) => true,
        (Http | Http1 | Http2 | Grpc, Http | Http1 | Http2 | Grpc) => false,
    }
}

/// Whether an inventory was given, for what tells people about it.
pub(super) fn counts_of(options: &EgressOptions) -> Option<crate::inventory::InventoryCounts> {
    options
        .inventory
        .as_ref()
        .map(|inventory| inventory.counts().clone())
}
