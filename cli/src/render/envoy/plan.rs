//! Which clusters and which port listeners one service gets.
//!
//! The step between the target-neutral model and Envoy's resources: targets are grouped into clusters, clusters get
//! names, and every port gets its ways to recognise traffic. What cannot be expressed is listed in `withheld`.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use tracemesh_graph::egress::{
    Destination, EgressTarget, ServiceEgress, TargetMatch, TargetProtocol,
};

use super::EnvoyOptions;
use super::names::{ClusterSubject, cluster_names};
use super::port::{PortBuilder, PortPlan};

/// Everything that is generated for one service.
pub(super) struct ServicePlan {
    /// Clusters of observed destinations, sorted by destination, host and port.
    pub clusters: Vec<ClusterPlan>,
    /// Observed ports in order.
    pub ports: Vec<PortPlan>,
    /// Ports on which the service itself speaks clear-text HTTP.
    pub inbound: Vec<(u16, TargetProtocol)>,
    /// What the model has and Envoy does not get, with reasons.
    pub withheld: Vec<String>,
}

/// One cluster.
pub(super) struct ClusterPlan {
    pub name: String,
    pub node: String,
    pub discovery: Discovery,
    pub port: u16,
    /// HTTP version towards the destination; absent when the cluster carries no clear-text HTTP.
    pub upstream: Option<Upstream>,
    /// Addresses, `host:port`, as the model has them.
    pub addresses: BTreeSet<String>,
    /// Protocols seen.
    pub protocols: BTreeSet<TargetProtocol>,
    /// Whether the name to resolve rests on an option alone.
    pub assumed: bool,
    /// Whether connections count for it because of their port alone.
    pub by_port_only: bool,
}

impl ClusterPlan {
    /// Whether HTTP/2 may keep all requests on one connection to a virtual address, and so to one pod.
    pub(super) fn pins_connections(&self) -> bool {
        let http2 = matches!(self.upstream, Some(Upstream::Http2 | Upstream::Mirror));
        http2 && matches!(self.discovery, Discovery::KubeDns { .. })
    }
}

/// Where a cluster finds its endpoints.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Discovery {
    /// A Kubernetes service: every address it resolves to.
    KubeDns {
        /// Name to resolve.
        name: String,
        /// Whether the name is complete.
        absolute: bool,
    },
    /// Any other name: one address at a time, the last one kept when resolution fails.
    OtherDns {
        /// Name to resolve.
        name: String,
        /// Whether the name is complete.
        absolute: bool,
    },
    /// A literal address.
    Static(IpAddr),
    /// The address that the application dialled.
    OriginalDst,
}

/// HTTP version towards a destination.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Upstream {
    Http1,
    Http2,
    /// The version that the client speaks.
    Mirror,
}

/// Identity of a cluster before it has a name: destination, host when the stream names one, port.
type ClusterKey<'a> = (&'a str, Option<String>, u16);

impl ServicePlan {
    pub(super) fn new(service: &ServiceEgress, options: &EnvoyOptions) -> Self {
        let mut groups: BTreeMap<ClusterKey<'_>, Vec<&EgressTarget>> = BTreeMap::new();
        let mut withheld = BTreeSet::new();
        for destination in &service.destinations {
            for target in &destination.targets {
                if options.owns_port(target.port) {
                    withheld.insert(format!("port {} belongs to the sidecar", target.port));
                    continue;
                }
                let key = cluster_key(destination, target);
                groups.entry(key).or_default().push(target);
            }
        }
        let callees: BTreeMap<&str, &str> = service
            .destinations
            .iter()
            .map(|destination| (destination.node.as_str(), destination.name.as_str()))
            .collect();
        let subjects: Vec<ClusterSubject> = groups
            .iter()
            .map(|(key, targets)| subject(key, targets, callees[key.0]))
            .collect();
        let mut clusters = Vec::new();
        let mut ports: BTreeMap<u16, PortBuilder> = BTreeMap::new();
        for (((node, _, port), targets), name) in groups.iter().zip(cluster_names(&subjects)) {
            let builder = ports.entry(*port).or_default();
            if builder.claim(&name, targets) {
                clusters.push(cluster_plan(name, node, *port, targets));
            } else {
                let host = &targets[0].host;
                withheld.insert(format!("{host} port {port}: {}", why_nothing(targets)));
            }
        }
        let mut planned = Vec::new();
        for (port, builder) in ports {
            let Some((plan, excess)) = builder.finish(port) else {
                continue;
            };
            if excess > 0 {
                withheld.insert(format!(
                    "{excess} addresses on port {port}: recognised by authority alone, too many for listeners"
                ));
            }
            planned.push(plan);
        }
        Self {
            clusters,
            ports: planned,
            inbound: service
                .inbound
                .iter()
                .filter(|inbound| inbound.protocol.is_http() && !options.owns_port(inbound.port))
                .map(|inbound| (inbound.port, inbound.protocol))
                .collect(),
            withheld: withheld.into_iter().collect(),
        }
    }
}

fn why_nothing(targets: &[&EgressTarget]) -> &'static str {
    let only_ipv6 = |target: &EgressTarget| matches!(&target.matches, TargetMatch::Addresses(ips) if ips.iter().all(IpAddr::is_ipv6));
    if targets.iter().all(|target| only_ipv6(target)) {
        "only IPv6 addresses, and capture is IPv4"
    } else {
        "another destination has all its names and addresses"
    }
}

fn is_opaque(target: &EgressTarget) -> bool {
    matches!(
        target.matches,
        TargetMatch::Addresses(_) | TargetMatch::WholePort
    )
}

fn resolved_host(target: &EgressTarget) -> String {
    target.dns.clone().unwrap_or_else(|| target.host.clone())
}

/// Opaque targets of one destination share a cluster per port: brokers of one Kafka, replicas of one database.
fn cluster_key<'a>(destination: &'a Destination, target: &EgressTarget) -> ClusterKey<'a> {
    let host = (!is_opaque(target)).then(|| resolved_host(target));
    (&destination.node, host, target.port)
}

/// Named after the host, or after the callee where several hosts share the cluster: brokers come and go.
fn subject(key: &ClusterKey<'_>, targets: &[&EgressTarget], callee: &str) -> ClusterSubject {
    let hosts: BTreeSet<String> = targets.iter().map(|target| resolved_host(target)).collect();
    let (shown, owns_host) = match hosts.first() {
        Some(host) if hosts.len() == 1 => (host.as_str(), owns(targets, host)),
        _ => (callee, false),
    };
    ClusterSubject {
        node: key.0.to_owned(),
        host: shown.to_owned(),
        port: key.2,
        owns_host,
    }
}

/// Whether connections to a host are this cluster's: another destination may have been seen under its names.
fn owns(targets: &[&EgressTarget], host: &str) -> bool {
    targets.iter().any(|target| match &target.matches {
        TargetMatch::Authority(names) | TargetMatch::Sni(names) => {
            names.iter().any(|name| name == host)
        }
        TargetMatch::Addresses(_) | TargetMatch::WholePort => true,
    })
}

fn cluster_plan(name: String, node: &str, port: u16, targets: &[&EgressTarget]) -> ClusterPlan {
    let addresses = targets
        .iter()
        .map(|target| match target.host.parse::<IpAddr>() {
            Ok(IpAddr::V6(ip)) => format!("[{ip}]:{port}"),
            _ => format!("{}:{port}", target.host),
        })
        .collect();
    ClusterPlan {
        name,
        node: node.to_owned(),
        discovery: discovery(targets),
        port,
        upstream: upstream(targets),
        addresses,
        protocols: targets.iter().map(|target| target.protocol).collect(),
        assumed: targets.iter().any(|target| target.assumed),
        by_port_only: targets
            .iter()
            .any(|target| target.matches == TargetMatch::WholePort),
    }
}

/// Opaque connections keep the dialled address, because a name resolved here could lead to another member of a sharded
/// store, or an address given to a new pod could lead to the wrong store. A single literal address is the same either
/// way.
fn discovery(targets: &[&EgressTarget]) -> Discovery {
    let hosts: BTreeSet<&str> = targets.iter().map(|target| target.host.as_str()).collect();
    let literal = hosts.first().and_then(|host| host.parse::<IpAddr>().ok());
    match literal {
        Some(ip) if hosts.len() == 1 => return Discovery::Static(ip),
        _ if targets.iter().any(|target| is_opaque(target)) => return Discovery::OriginalDst,
        _ => {}
    }
    let name = resolved_host(targets[0]);
    let absolute = targets.iter().all(|target| target.dns_is_absolute);
    if targets.iter().all(|target| target.kubernetes) {
        Discovery::KubeDns { name, absolute }
    } else {
        Discovery::OtherDns { name, absolute }
    }
}

fn upstream(targets: &[&EgressTarget]) -> Option<Upstream> {
    let versions: BTreeSet<TargetProtocol> = targets
        .iter()
        .map(|target| target.protocol)
        .filter(|protocol| protocol.is_http())
        .collect();
    let all = |wanted: &[TargetProtocol]| versions.iter().all(|version| wanted.contains(version));
    if versions.is_empty() {
        None
    } else if all(&[TargetProtocol::Http1]) {
        Some(Upstream::Http1)
    } else if all(&[TargetProtocol::Http2, TargetProtocol::Grpc]) {
        Some(Upstream::Http2)
    } else {
        Some(Upstream::Mirror)
    }
}
