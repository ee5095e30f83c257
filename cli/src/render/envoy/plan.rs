//! Which clusters and which port listeners one service gets.
//!
//! The step between the target-neutral model and Envoy's resources: targets are grouped into clusters, clusters get
//! names, and every port gets its ways to recognise traffic. What cannot be expressed is listed in `withheld`.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr};

use tracemesh_graph::egress::{
    Destination, EgressTarget, ServiceEgress, TargetMatch, TargetProtocol,
};

use super::EnvoyOptions;
use super::names::{ClusterSubject, cluster_names};

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
}

/// Where a cluster finds its endpoints.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Discovery {
    /// A Kubernetes service: every address it resolves to.
    KubeDns(String),
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

/// How traffic is recognised on one port: values in pairs of (cluster name, names or addresses).
pub(super) struct PortPlan {
    pub port: u16,
    pub authorities: Vec<(String, Vec<String>)>,
    pub server_names: Vec<(String, Vec<String>)>,
    pub addresses: Vec<(String, Vec<Ipv4Addr>)>,
    pub whole_port: Option<String>,
}

impl PortPlan {
    /// Name of the listener and of the route configuration.
    pub(super) fn listener_name(&self) -> String {
        format!("outbound_{}", self.port)
    }

    /// Whether HTTP is routed on this port.
    pub(super) fn has_routes(&self) -> bool {
        !self.authorities.is_empty()
    }

    /// Whether the first bytes of a connection are looked at.
    pub(super) fn is_inspected(&self) -> bool {
        self.has_routes() || !self.server_names.is_empty()
    }
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
        let subjects: Vec<ClusterSubject> = groups.iter().map(subject).collect();
        let mut clusters = Vec::new();
        let mut ports: BTreeMap<u16, PortBuilder> = BTreeMap::new();
        for (((node, _, port), targets), name) in groups.iter().zip(cluster_names(&subjects)) {
            let builder = ports.entry(*port).or_default();
            if builder.claim(&name, targets) {
                clusters.push(cluster_plan(name, node, *port, targets));
            } else {
                withheld.insert(format!(
                    "nothing tells {} apart on port {port}",
                    targets[0].host
                ));
            }
        }
        Self {
            clusters,
            ports: ports
                .into_iter()
                .filter_map(|(port, builder)| builder.finish(port))
                .collect(),
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

fn subject((key, targets): (&ClusterKey<'_>, &Vec<&EgressTarget>)) -> ClusterSubject {
    let shown = targets.iter().map(|target| resolved_host(target)).min();
    ClusterSubject {
        node: key.0.to_owned(),
        host: key.1.clone().or(shown).unwrap_or_default(),
        port: key.2,
    }
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
    let absolute = targets[0].dns_is_absolute;
    if absolute && name.contains(".svc.") {
        Discovery::KubeDns(name)
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

/// Collects one port; a value is given to one cluster only, because Envoy rejects the whole file otherwise.
#[derive(Default)]
struct PortBuilder {
    authorities: Vec<(String, Vec<String>)>,
    server_names: Vec<(String, Vec<String>)>,
    addresses: Vec<(String, Vec<Ipv4Addr>)>,
    whole_port: Option<String>,
    taken: BTreeSet<(u8, String)>,
}

impl PortBuilder {
    /// Whether the cluster got any way to be reached.
    fn claim(&mut self, cluster: &str, targets: &[&EgressTarget]) -> bool {
        let (mut authorities, mut server_names, mut addresses) = (vec![], vec![], vec![]);
        let mut whole_port = false;
        for target in targets {
            match &target.matches {
                TargetMatch::Authority(names) => authorities.extend(self.take(0, names)),
                TargetMatch::Sni(names) => server_names.extend(self.take(1, names)),
                TargetMatch::Addresses(ips) => {
                    let texts: Vec<String> = ips.iter().map(ToString::to_string).collect();
                    let free = self.take(2, &texts);
                    // Capture is IPv4: other addresses never arrive.
                    addresses.extend(free.iter().filter_map(|text| text.parse::<Ipv4Addr>().ok()));
                }
                TargetMatch::WholePort => whole_port |= self.whole_port.is_none(),
            }
        }
        let any = whole_port
            || !(authorities.is_empty() && server_names.is_empty() && addresses.is_empty());
        if whole_port {
            self.whole_port = Some(cluster.to_owned());
        }
        push(&mut self.authorities, cluster, authorities);
        push(&mut self.server_names, cluster, server_names);
        push(&mut self.addresses, cluster, addresses);
        any
    }

    fn take(&mut self, kind: u8, values: &[String]) -> Vec<String> {
        values
            .iter()
            .map(|value| value.to_ascii_lowercase())
            .filter(|value| self.taken.insert((kind, value.clone())))
            .collect()
    }

    fn finish(self, port: u16) -> Option<PortPlan> {
        let plan = PortPlan {
            port,
            authorities: self.authorities,
            server_names: self.server_names,
            addresses: self.addresses,
            whole_port: self.whole_port,
        };
        let any = plan.is_inspected() || !plan.addresses.is_empty() || plan.whole_port.is_some();
        any.then_some(plan)
    }
}

fn push<T: Ord>(list: &mut Vec<(String, Vec<T>)>, cluster: &str, mut values: Vec<T>) {
    if !values.is_empty() {
        values.sort();
        list.push((cluster.to_owned(), values));
    }
}
