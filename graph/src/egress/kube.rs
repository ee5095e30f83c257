//! From a node of the graph to its workload and services in an inventory.
//!
//! ```text
//! node -- Kubernetes attributes, else name --> workload -- selectors --> services -- protocol, served ports --> port
//! ```
//! Every arrow must lead to exactly one thing: where two fit, the answer is that it is ambiguous, with what fits.

use std::collections::BTreeSet;

use super::model::{RawTarget, TargetProtocol};
use super::names::{KubeNames, own_namespaces};
use super::protocol;
use crate::inventory::{
    Addressing, Inventory, KubeService, KubeWorkload, ServicePort, TargetPort, declared_protocol,
};
use crate::snapshot::{Edge, Node};

/// Attributes that name the workload of a service, and its kind. The job of a cron job is one run of it.
const WORKLOADS: [(&str, &str); 5] = [
    ("k8s.deployment.name", "Deployment"),
    ("k8s.statefulset.name", "StatefulSet"),
    ("k8s.daemonset.name", "DaemonSet"),
    ("k8s.cronjob.name", "CronJob"),
    ("k8s.job.name", "Job"),
];

/// What an inventory says of the workload of a node.
pub(super) enum WorkloadMatch<'a> {
    /// Nothing: no attributes, or a namespace that the inventory does not cover.
    Unknown,
    /// The attributes name a workload that is not there.
    Missing {
        kind: &'static str,
        namespace: String,
        name: String,
    },
    /// Several workloads bear the name of the service.
    Ambiguous(Vec<&'a KubeWorkload>),
    /// The one.
    Found {
        workload: &'a KubeWorkload,
        /// Whether attributes name it; else it bears the name of the service.
        by_attributes: bool,
    },
}

/// The port of a service that a callee without addresses answers on.
pub(super) enum PortMatch<'a> {
    /// Nothing is known.
    Unknown,
    /// Several would do.
    Ambiguous(Vec<RawTarget>),
    /// The one.
    Found(&'a KubeService, &'a ServicePort),
}

/// Kind and name of the workload that the attributes of a node name.
pub(crate) fn named_workload(node: &Node) -> Option<(&'static str, &str)> {
    let mut named = WORKLOADS.iter().filter_map(|(attribute, kind)| {
        let name = node.attributes.get(*attribute)?;
        Some((*kind, name.as_str()))
    });
    let first = named.next()?;
    match named.next() {
        None => Some(first),
        Some((kind, _)) if first.0 == "CronJob" && kind == "Job" => Some(first),
        Some(_) => None,
    }
}

/// The namespace of a node, by its attributes or by what is known of names.
pub(super) fn namespace_of(node: &Node, names: &KubeNames) -> Option<String> {
    let own = own_namespaces(node);
    match own.len() {
        1 => own.into_iter().next(),
        0 => names.namespace_of(node),
        _ => None,
    }
}

/// The workload of a node.
pub(super) fn workload_of<'a>(
    node: &Node,
    names: &KubeNames,
    inventory: &'a Inventory,
) -> WorkloadMatch<'a> {
    let Some(namespace) = namespace_of(node, names) else {
        return WorkloadMatch::Unknown;
    };
    if !inventory.lists_workloads_of(&namespace) {
        return WorkloadMatch::Unknown;
    }
    if let Some((kind, name)) = named_workload(node) {
        return match inventory.workload(kind, &namespace, name) {
            Some(workload) => WorkloadMatch::Found {
                workload,
                by_attributes: true,
            },
            None => WorkloadMatch::Missing {
                kind,
                namespace,
                name: name.to_owned(),
            },
        };
    }
    let named = inventory.workloads_named(&namespace, &node.name);
    match named.as_slice() {
        [] => WorkloadMatch::Unknown,
        [workload] => WorkloadMatch::Found {
            workload,
            by_attributes: false,
        },
        _ => WorkloadMatch::Ambiguous(named),
    }
}

/// Service and port at which the callee of an edge is reached.
pub(super) fn port_of<'a>(
    edge: &Edge,
    callee: &Node,
    names: &KubeNames,
    inventory: &'a Inventory,
) -> PortMatch<'a> {
    let WorkloadMatch::Found { workload, .. } = workload_of(callee, names, inventory) else {
        return PortMatch::Unknown;
    };
    let services = inventory.services_of(workload);
    let with_pods = services
        .into_iter()
        .filter(|service| service.addressing != Addressing::ExternalName)
        .filter(|service| !service.ports.is_empty());
    let services: Vec<&KubeService> = with_pods.collect();
    let [service] = services.as_slice() else {
        return if services.is_empty() {
            PortMatch::Unknown
        } else {
            PortMatch::Ambiguous(raw_targets(&services))
        };
    };
    match choose_port(edge, callee, service) {
        Some(port) => PortMatch::Found(service, port),
        None => PortMatch::Ambiguous(raw_targets(&services)),
    }
}

/// The only port of a service that can carry what was seen on an edge.
fn choose_port<'a>(
    edge: &Edge,
    callee: &Node,
    service: &'a KubeService,
) -> Option<&'a ServicePort> {
    if let [port] = service.ports.as_slice() {
        return Some(port);
    }
    let agrees = |port: &ServicePort| {
        let declared = declared_protocol(port);
        declared.is_none_or(|declared| protocol::agrees(&edge.protocols, declared))
    };
    let fitting: Vec<&ServicePort> = service.ports.iter().filter(|port| agrees(port)).collect();
    if let [port] = fitting.as_slice() {
        return Some(port);
    }
    let served: BTreeSet<u16> = callee
        .served
        .iter()
        .filter_map(|target| target.port)
        .collect();
    let mut served = fitting.into_iter().filter(|port| {
        let pods = match &port.target {
            Some(TargetPort::Number(number)) => *number,
            Some(TargetPort::Name(_)) | None => port.port,
        };
        served.contains(&port.port) || served.contains(&pods)
    });
    let port = served.next()?;
    served.next().is_none().then_some(port)
}

fn raw_targets(services: &[&KubeService]) -> Vec<RawTarget> {
    let each = services.iter().flat_map(|service| {
        service.ports.iter().map(|port| RawTarget {
            scheme: String::new(),
            host: service_name(service),
            port: Some(port.port),
        })
    });
    each.collect()
}

/// The name of a service that pods of every namespace resolve.
pub(super) fn service_name(service: &KubeService) -> String {
    format!("{}.{}.svc", service.name, service.namespace)
}

/// Scheme for a port that nobody was seen to dial, from what was seen on the edge and what the port declares. Spans say
/// nothing of TLS below HTTP, so a port that declares TLS has it.
pub(super) fn scheme_of(edge: &Edge, port: u16, declared: Option<TargetProtocol>) -> String {
    if declared == Some(TargetProtocol::Tls) {
        return "https".to_owned();
    }
    let seen = protocol::classify("", port, &edge.protocols);
    let scheme = match seen.or(declared) {
        None => "",
        Some(TargetProtocol::Tls) => "https",
        Some(TargetProtocol::Grpc) => "grpc",
        Some(TargetProtocol::Tcp) => match edge.protocols.len() {
            1 => return edge.protocols.keys().next().cloned().unwrap_or_default(),
            _ => "tcp",
        },
        Some(TargetProtocol::Http1 | TargetProtocol::Http2 | TargetProtocol::Http) => "http",
    };
    scheme.to_owned()
}

#[cfg(test)]
mod tests;
