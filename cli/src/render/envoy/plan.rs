//! Which clusters and which port listeners one service gets.
//!
//! The step between the target-neutral model and Envoy's resources: targets are grouped into clusters, clusters get
//! names, and every port gets its ways to recognise traffic. What cannot be expressed is listed in `left_out`.

mod cluster;

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use tracemesh_graph::egress::{
    Destination, EgressTarget, ServiceEgress, TargetMatch, TargetProtocol, Tuning,
};
use tracemesh_graph::inventory::Endpoint;

pub(super) use self::cluster::{ClusterPlan, Discovery, Upstream};
use super::names::{ClusterSubject, cluster_names};
use super::port::{PortBuilder, PortPlan};
use super::{EnvoyOptions, zones};

/// Everything that is generated for one service.
pub(super) struct ServicePlan<'a> {
    /// Clusters of observed destinations, sorted by destination, host and port.
    pub clusters: Vec<ClusterPlan<'a>>,
    /// Observed ports in order.
    pub ports: Vec<PortPlan>,
    /// Ports on which the service itself speaks clear-text HTTP.
    pub inbound: Vec<(u16, TargetProtocol)>,
    /// The service's own endpoints by zone, where calls are to stay in their zone.
    pub local: Option<BTreeSet<&'a Endpoint>>,
    /// Settings of the service's inbound traffic.
    pub inbound_tuning: &'a Tuning,
    /// What the model has and Envoy does not get, with reasons.
    pub left_out: Vec<String>,
    /// Name of a cluster -> its place in `clusters`.
    places: BTreeMap<String, usize>,
}

/// Identity of a cluster before it has a name: destination, host when the stream names one, port.
type ClusterKey<'a> = (&'a str, Option<String>, u16);

impl<'a> ServicePlan<'a> {
    /// `own`: the service's own endpoints, as far as they are known.
    pub(super) fn new(
        service: &'a ServiceEgress,
        own: Option<&BTreeSet<&'a Endpoint>>,
        options: &EnvoyOptions,
    ) -> Self {
        let mut left_out = BTreeSet::new();
        let groups = groups(service, options, &mut left_out);
        let subjects: Vec<ClusterSubject> = groups
            .iter()
            .map(|(key, (destination, targets))| subject(key, targets, &destination.name))
            .collect();
        let mut clusters = Vec::new();
        let mut ports: BTreeMap<u16, PortBuilder> = BTreeMap::new();
        for ((key, (destination, targets)), name) in groups.iter().zip(cluster_names(&subjects)) {
            let port = key.2;
            if ports.entry(port).or_default().claim(&name, targets) {
                clusters.push(ClusterPlan::new(name, destination, port, targets, options));
            } else {
                let host = &targets[0].host;
                left_out.insert(format!("{host} port {port}: {}", why_nothing(targets)));
            }
        }
        let mut planned = Vec::new();
        for (port, builder) in ports {
            let Some((plan, excess)) = builder.finish(port) else {
                continue;
            };
            if excess > 0 {
                left_out.insert(format!(
                    "{excess} addresses on port {port}: recognised by authority alone, too many for listeners"
                ));
            }
            planned.push(plan);
        }
        let inbound = service.inbound.iter();
        let inbound =
            inbound.filter(|port| port.protocol.is_http() && !options.owns_port(port.port));
        let places = clusters.iter().enumerate();
        Self {
            places: places
                .map(|(place, cluster)| (cluster.name.clone(), place))
                .collect(),
            local: zones::local(&clusters, own),
            clusters,
            ports: planned,
            inbound: inbound.map(|port| (port.port, port.protocol)).collect(),
            inbound_tuning: &service.inbound_tuning,
            left_out: left_out.into_iter().collect(),
        }
    }

    /// The cluster of a name that this plan gave.
    pub(super) fn cluster(&self, name: &str) -> Option<&ClusterPlan<'a>> {
        self.clusters.get(*self.places.get(name)?)
    }
}

/// Targets that become one cluster, with their destination.
type Group<'a> = (&'a Destination, Vec<&'a EgressTarget>);

fn groups<'a>(
    service: &'a ServiceEgress,
    options: &EnvoyOptions,
    left_out: &mut BTreeSet<String>,
) -> BTreeMap<ClusterKey<'a>, Group<'a>> {
    let mut groups: BTreeMap<ClusterKey<'_>, Group<'_>> = BTreeMap::new();
    for destination in &service.destinations {
        for target in &destination.targets {
            if options.owns_port(target.port) {
                left_out.insert(format!("port {} belongs to the sidecar", target.port));
                continue;
            }
            let key = cluster_key(destination, target);
            let group = groups.entry(key).or_insert((destination, Vec::new()));
            group.1.push(target);
        }
    }
    groups
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
