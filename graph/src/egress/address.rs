//! Where the addresses of a destination come from: the caller, other callers, the callee itself, or nowhere.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use super::EgressOptions;
use super::host::{Host, HostFault, socket_address};
use super::kube::{self, PortMatch};
use super::model::{AddressSource, RawTarget, TargetProtocol, UnresolvedReason};
use super::names::{KubeNames, KubeRef, ResolvedName};
use super::protocol;
use super::template;
use crate::inventory::declared_protocol;
use crate::snapshot::{Edge, GraphSnapshot, Node, NodeKind, Relation, Target};

mod revived;
mod vouched;

pub(super) use vouched::vouched_target;

/// A usable address, before claims on it are settled.
#[derive(Debug, Clone)]
pub(super) struct Candidate {
    pub raw: RawTarget,
    pub host: Host,
    pub port: u16,
    pub protocol: TargetProtocol,
    /// Name to resolve; absent for a literal address.
    pub dns: Option<String>,
    /// The same for every name form of one destination; the address itself for a literal one.
    pub identity: String,
    pub absolute: bool,
    pub kubernetes: bool,
    pub assumed: bool,
    /// Name forms, the dialled one first.
    pub forms: Vec<String>,
    /// Socket peers seen behind the host.
    pub sockets: BTreeSet<IpAddr>,
    /// Attempts that speak for it.
    pub calls: u64,
    /// Whether nobody was seen to dial it: it comes from an inventory, a template or an earlier model.
    pub supposed: bool,
    /// Whether only an earlier model has it.
    pub earlier: bool,
    /// The Kubernetes service that is meant.
    pub kube: Option<KubeRef>,
}

impl Candidate {
    /// Whether its bytes cannot be told from others by a name inside the stream.
    pub(super) fn is_opaque(&self) -> bool {
        let nameless_tls = self.protocol == TargetProtocol::Tls && matches!(self.host, Host::Ip(_));
        self.protocol == TargetProtocol::Tcp || nameless_tls
    }

    /// Whether its client waits for the server to speak first.
    pub(super) fn speaks_second(&self) -> bool {
        self.is_opaque() && protocol::is_server_first(&self.raw.scheme)
    }

    fn understood(mut self, resolved: ResolvedName) -> Self {
        self.identity = resolved.identity;
        self.dns = Some(resolved.dns);
        self.absolute = resolved.absolute;
        self.kubernetes = resolved.kubernetes;
        self.assumed = resolved.assumed;
        self.forms = resolved.forms;
        self.kube = resolved.kube;
        self
    }
}

/// What was found for one edge.
pub(super) struct Addresses {
    pub source: AddressSource,
    pub usable: Vec<Candidate>,
    pub refused: Vec<(UnresolvedReason, RawTarget)>,
}

/// The snapshot, indexed for the search.
pub(super) struct AddressBook<'a> {
    options: &'a EgressOptions,
    names: KubeNames,
    nodes: BTreeMap<&'a str, &'a Node>,
    dials: BTreeMap<&'a str, Vec<&'a Edge>>,
    /// Whether an inventory speaks for all nodes: addresses of one cluster mean something else in another.
    single_kube_cluster: bool,
}

impl<'a> AddressBook<'a> {
    pub(super) fn new(snapshot: &'a GraphSnapshot, options: &'a EgressOptions) -> Self {
        let mut dials: BTreeMap<&str, Vec<&Edge>> = BTreeMap::new();
        for edge in &snapshot.edges {
            if edge.relation == Relation::Sync && !is_suspect(edge) {
                dials.entry(&edge.callee).or_default().push(edge);
            }
        }
        Self {
            options,
            names: KubeNames::from_snapshot(snapshot, options),
            nodes: snapshot
                .nodes
                .iter()
                .map(|node| (node.id.as_str(), node))
                .collect(),
            dials,
            single_kube_cluster: kube_clusters(snapshot).len() < 2,
        }
    }

    pub(super) const fn options(&self) -> &'a EgressOptions {
        self.options
    }

    pub(super) const fn names(&self) -> &KubeNames {
        &self.names
    }

    pub(super) fn nodes(&self) -> &BTreeMap<&'a str, &'a Node> {
        &self.nodes
    }

    /// The addresses of an edge, from the best source that has any.
    pub(super) fn find(&self, edge: &Edge) -> Addresses {
        let own = self.dialled_by_caller(edge);
        if !own.usable.is_empty() {
            return own;
        }
        let mut refused = own.refused;
        let others = self.dialled_by_others(edge);
        if !others.is_empty() {
            return found(AddressSource::DialledByOthers, others, refused);
        }
        let (served, only_instances) = self.served_by_callee(edge);
        if !served.is_empty() {
            return found(AddressSource::ServedByCallee, served, refused);
        }
        match self.inventory_address(edge) {
            Ok(Some(candidate)) => {
                return found(AddressSource::Inventory, vec![candidate], refused);
            }
            Ok(None) => {}
            Err(ambiguous) => {
                let each = ambiguous.into_iter();
                refused.extend(each.map(|target| (UnresolvedReason::AmbiguousInventory, target)));
            }
        }
        if let Some(candidate) = self.template_address(edge) {
            return found(AddressSource::Assumed, vec![candidate], refused);
        }
        if only_instances {
            let callee = self.nodes.get(edge.callee.as_str());
            let served = callee.iter().flat_map(|node| &node.served);
            refused.extend(
                served.map(|target| (UnresolvedReason::OnlyInstanceAddresses, raw(target))),
            );
        }
        found(AddressSource::Unresolved, Vec::new(), refused)
    }

    /// The usable addresses that an edge was seen to dial.
    pub(super) fn dialled(&self, edge: &Edge) -> Vec<Candidate> {
        self.dialled_by_caller(edge).usable
    }

    fn dialled_by_caller(&self, edge: &Edge) -> Addresses {
        let namespace = self.namespace(&edge.caller);
        let (mut usable, mut refused) = (Vec::new(), Vec::new());
        for target in &edge.targets {
            match self.read(target, edge, namespace.as_deref()) {
                Ok(candidate) => usable.push(candidate),
                Err(reason) => refused.push((reason, raw(target))),
            }
        }
        share_most_qualified(&mut usable);
        found(AddressSource::DialledByCaller, usable, refused)
    }

    fn dialled_by_others(&self, edge: &Edge) -> Vec<Candidate> {
        let same_callee = self.dials.get(edge.callee.as_str());
        let others = same_callee
            .into_iter()
            .flatten()
            .filter(|other| other.caller != edge.caller);
        let mut usable = Vec::new();
        for other in others {
            let namespace = self.namespace(&other.caller);
            let namespace = namespace.as_deref();
            let read = |target| self.read(target, other, namespace).ok();
            let candidates = other.targets.iter().filter_map(read);
            usable.extend(candidates.filter_map(|found| self.adopt(&found, namespace, edge)));
        }
        share_most_qualified(&mut usable);
        usable
    }

    /// Names of the callee's own; the flag tells that it has addresses, but only of instances.
    fn served_by_callee(&self, edge: &Edge) -> (Vec<Candidate>, bool) {
        let Some(callee) = self.nodes.get(edge.callee.as_str()) else {
            return (Vec::new(), false);
        };
        let namespace = self.names.namespace_of(callee);
        let namespace = namespace.as_deref();
        let all: Vec<Candidate> = callee
            .served
            .iter()
            .filter_map(|target| self.read(target, edge, namespace).ok())
            .collect();
        let named = all
            .iter()
            .filter(|candidate| matches!(candidate.host, Host::Name(_)));
        let usable: Vec<Candidate> = named
            .filter_map(|candidate| self.adopt(candidate, namespace, edge))
            .collect();
        let only_instances = usable.is_empty() && !all.is_empty();
        (usable, only_instances)
    }

    /// Another party's address in the words of this edge's caller: a short name means something else in another
    /// namespace, so there only a complete name can be taken over.
    fn adopt(
        &self,
        candidate: &Candidate,
        namespace: Option<&str>,
        edge: &Edge,
    ) -> Option<Candidate> {
        if !protocol::agrees(&edge.protocols, candidate.protocol) {
            return None;
        }
        let own_namespace = self.namespace(&edge.caller);
        let mut adopted = candidate.clone();
        adopted.calls = edge.attempts;
        let Some(dns) = &candidate.dns else {
            return Some(adopted);
        };
        let qualified = candidate.kubernetes && dns.contains('.');
        let namespace_tells = !candidate.absolute && !qualified;
        if namespace_tells && own_namespace.as_deref() != namespace {
            return None;
        }
        if candidate.absolute || qualified {
            let traced = self.is_service(&edge.callee);
            let resolved = self.names.resolve(dns, own_namespace.as_deref(), traced);
            adopted.host = Host::Name(dns.clone());
            let assumed = candidate.assumed;
            adopted = adopted.understood(resolved);
            adopted.assumed |= assumed;
        }
        Some(adopted)
    }

    /// The only service of the inventory that leads to the callee; the services where there are several.
    fn inventory_address(&self, edge: &Edge) -> Result<Option<Candidate>, Vec<RawTarget>> {
        let callee = self.nodes.get(edge.callee.as_str());
        let callee = callee.filter(|callee| callee.kind == NodeKind::Service);
        let (Some(callee), Some(inventory)) = (callee, &self.options.inventory) else {
            return Ok(None);
        };
        let (service, port) = match kube::port_of(edge, callee, &self.names, inventory) {
            PortMatch::Found(service, port) => (service, port),
            PortMatch::Ambiguous(targets) => return Err(targets),
            PortMatch::Unknown => return Ok(None),
        };
        let declared = declared_protocol(port);
        let scheme = kube::scheme_of(edge, port.port, declared);
        let target = supposed(scheme, kube::service_name(service), port.port, edge);
        let own_namespace = self.namespace(&edge.caller);
        let read = self.read(&target, edge, own_namespace.as_deref());
        let mut candidate = match read {
            Ok(candidate) => candidate,
            Err(_) => return Ok(None),
        };
        candidate.supposed = true;
        let mut forms = vec![format!("{}.{}", service.name, service.namespace)];
        if own_namespace.as_ref() == Some(&service.namespace) {
            forms.push(service.name.clone());
        }
        forms.retain(|form| !candidate.forms.contains(form));
        candidate.forms.extend(forms);
        Ok(Some(candidate))
    }

    /// The address that the policy's naming template gives a traced service.
    fn template_address(&self, edge: &Edge) -> Option<Candidate> {
        let template = self.options.policy.naming.as_ref()?;
        let callee = self.nodes.get(edge.callee.as_str())?;
        let callee = Some(callee).filter(|callee| callee.kind == NodeKind::Service)?;
        let host = template::fill(&template.host, callee, &self.names)?;
        let scheme = kube::scheme_of(edge, template.port, template.protocol);
        let target = supposed(scheme, host, template.port, edge);
        let own_namespace = self.namespace(&edge.caller);
        let mut candidate = self.read(&target, edge, own_namespace.as_deref()).ok()?;
        candidate.supposed = true;
        candidate.assumed = true;
        Some(candidate)
    }

    fn is_service(&self, node: &str) -> bool {
        self.nodes
            .get(node)
            .is_some_and(|node| node.kind == NodeKind::Service)
    }

    fn namespace(&self, node: &str) -> Option<String> {
        self.nodes
            .get(node)
            .and_then(|node| self.names.namespace_of(node))
    }

    fn read(
        &self,
        target: &Target,
        edge: &Edge,
        namespace: Option<&str>,
    ) -> Result<Candidate, UnresolvedReason> {
        let accept_loopback = self.options.accept_loopback;
        let host = Host::parse(&target.host, accept_loopback).map_err(UnresolvedReason::from)?;
        let port = self.port(target)?;
        let protocol = protocol::classify(&target.scheme, port, &edge.protocols)
            .ok_or(UnresolvedReason::UnknownProtocol)?;
        let sockets = target.sockets.keys();
        let literal = Candidate {
            raw: raw(target),
            port,
            protocol,
            dns: None,
            identity: host.to_string(),
            absolute: true,
            kubernetes: false,
            assumed: false,
            forms: vec![host.to_string()],
            sockets: sockets
                .filter_map(|socket| socket_address(socket, accept_loopback))
                .collect(),
            calls: target.calls,
            supposed: false,
            earlier: false,
            kube: None,
            host,
        };
        let Host::Name(name) = &literal.host else {
            return Ok(self.located(literal));
        };
        let traced = self.is_service(&edge.callee);
        let resolved = self.names.resolve(name, namespace, traced);
        Ok(self.located(literal.understood(resolved)))
    }

    /// Adds what an inventory says of where a name leads and of whom an address is.
    fn located(&self, mut candidate: Candidate) -> Candidate {
        let inventory = self.options.inventory.as_ref();
        let Some(inventory) = inventory.filter(|_| self.single_kube_cluster) else {
            return candidate;
        };
        if let Host::Ip(ip) = candidate.host {
            candidate.kube = inventory.service_at(ip).map(|service| KubeRef {
                namespace: service.namespace.clone(),
                service: service.name.clone(),
                pod: None,
            });
        } else if let Some(kube) = candidate.kube.as_ref().filter(|kube| kube.pod.is_none())
            && let Some(service) = inventory.service(&kube.namespace, &kube.service)
        {
            candidate.sockets.extend(&service.cluster_ips);
        }
        candidate
    }

    fn port(&self, target: &Target) -> Result<u16, UnresolvedReason> {
        match target.port {
            None | Some(0) => Err(UnresolvedReason::NoPort),
            Some(port) if self.options.reserved_ports.contains(&port) => {
                Err(UnresolvedReason::ReservedPort)
            }
            Some(port) => Ok(port),
        }
    }
}

impl From<HostFault> for UnresolvedReason {
    fn from(fault: HostFault) -> Self {
        match fault {
            HostFault::Empty => Self::EmptyHost,
            HostFault::Invalid => Self::InvalidHost,
            HostFault::Loopback => Self::Loopback,
            HostFault::NotDialable => Self::NotDialable,
        }
    }
}

/// Whether nothing ever succeeded on an edge and nobody was seen to answer.
pub(super) fn is_suspect(edge: &Edge) -> bool {
    edge.attempts > 0
        && edge.failed_attempts >= edge.attempts
        && edge.evidence.paired == 0
        && edge.evidence.parent == 0
        && edge.latency.server.is_none()
}

/// Lets the forms of one name that cannot be completed resolve as the most qualified of them that was dialled, so that
/// they stay one destination.
fn share_most_qualified(candidates: &mut [Candidate]) {
    let mut best: BTreeMap<String, (usize, String)> = BTreeMap::new();
    let relative = |candidate: &Candidate| candidate.kubernetes && !candidate.absolute;
    for candidate in candidates.iter().filter(|candidate| relative(candidate)) {
        let name = candidate.host.to_string();
        let rank = (name.split('.').count(), name);
        let shared = best.entry(candidate.identity.clone());
        let shared = shared.or_insert_with(|| rank.clone());
        *shared = rank.max(shared.clone());
    }
    for candidate in candidates
        .iter_mut()
        .filter(|candidate| relative(candidate))
    {
        candidate.dns = best.get(&candidate.identity).map(|(_, name)| name.clone());
    }
}

/// The clusters that nodes say they are in.
pub(super) fn kube_clusters(snapshot: &GraphSnapshot) -> BTreeSet<&str> {
    let facets = snapshot
        .nodes
        .iter()
        .filter_map(|node| node.facets.get("cluster"));
    facets
        .flat_map(|facet| facet.keys().map(String::as_str))
        .collect()
}

/// An address that nobody was seen to dial, for the calls of an edge.
fn supposed(scheme: String, host: String, port: u16, edge: &Edge) -> Target {
    Target {
        scheme,
        host,
        port: Some(port),
        calls: edge.attempts,
        attempts: edge.attempts,
        last_seen: edge.last_seen,
        sockets: BTreeMap::new(),
    }
}

/// The target as the snapshot has it.
pub(super) fn raw(target: &Target) -> RawTarget {
    RawTarget {
        scheme: target.scheme.clone(),
        host: target.host.clone(),
        port: target.port,
    }
}

const fn found(
    source: AddressSource,
    usable: Vec<Candidate>,
    refused: Vec<(UnresolvedReason, RawTarget)>,
) -> Addresses {
    Addresses {
        source,
        usable,
        refused,
    }
}
