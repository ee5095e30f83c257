//! One cluster: what it is for, where its endpoints are and which HTTP version they get.

use std::collections::BTreeSet;
use std::net::IpAddr;

use tracemesh_graph::egress::{
    Destination, EgressTarget, Phase, TargetMatch, TargetProtocol, Tuning,
};
use tracemesh_graph::inventory::{Addressing, Endpoint};

use super::{is_opaque, resolved_host};
use crate::render::envoy::EnvoyOptions;

/// One cluster.
pub(in crate::render::envoy) struct ClusterPlan<'a> {
    pub name: String,
    pub destination: &'a Destination,
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
    /// What the inventory knows behind its names; in use only with [`Discovery::Endpoints`].
    pub endpoints: BTreeSet<&'a Endpoint>,
    /// Whether it has addresses of IPv6 besides its names.
    pub ipv6: bool,
}

/// Where a cluster finds its endpoints.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::render::envoy) enum Discovery {
    /// A Kubernetes service: every address it resolves to.
    KubeDns {
        /// Name to resolve.
        name: String,
        /// Whether the name is complete.
        absolute: bool,
        /// How the name leads to pods, when that is known of every target and the same.
        addressing: Option<Addressing>,
    },
    /// Any other name: one address at a time, the last one kept when resolution fails.
    OtherDns {
        /// Name to resolve.
        name: String,
        /// Whether the name is complete.
        absolute: bool,
    },
    /// A file of addresses that an agent keeps fresh.
    Endpoints,
    /// A literal address.
    Static(IpAddr),
    /// The address that the application dialled.
    OriginalDst,
}

/// HTTP version towards a destination.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::render::envoy) enum Upstream {
    Http1,
    Http2,
    /// The version that the client speaks.
    Mirror,
}

impl<'a> ClusterPlan<'a> {
    pub(super) fn new(
        name: String,
        destination: &'a Destination,
        port: u16,
        targets: &[&'a EgressTarget],
        options: &EnvoyOptions,
    ) -> Self {
        let addresses = targets
            .iter()
            .map(|target| match target.host.parse::<IpAddr>() {
                Ok(IpAddr::V6(ip)) => format!("[{ip}]:{port}"),
                _ => format!("{}:{port}", target.host),
            });
        let endpoints: BTreeSet<&Endpoint> = targets
            .iter()
            .flat_map(|target| &target.endpoints)
            .collect();
        let discovery = match discovery(targets) {
            Discovery::KubeDns { .. }
                if options.endpoint_files
                    && destination.tuning.phase == Phase::Tuned
                    && targets.iter().all(|target| !target.endpoints.is_empty()) =>
            {
                Discovery::Endpoints
            }
            other => other,
        };
        Self {
            name,
            destination,
            discovery,
            port,
            upstream: upstream(targets),
            addresses: addresses.collect(),
            protocols: targets.iter().map(|target| target.protocol).collect(),
            assumed: targets.iter().any(|target| target.assumed),
            by_port_only: targets
                .iter()
                .any(|target| target.matches == TargetMatch::WholePort),
            ipv6: endpoints.iter().any(|endpoint| endpoint.address.is_ipv6())
                || destination.targets.iter().any(is_ipv6),
            endpoints,
        }
    }

    pub(in crate::render::envoy) const fn tuning(&self) -> &'a Tuning {
        &self.destination.tuning
    }

    /// Whether HTTP/2 may keep all requests on one connection to a virtual address, and so to one pod.
    pub(in crate::render::envoy) fn pins_connections(&self) -> bool {
        let http2 = matches!(self.upstream, Some(Upstream::Http2 | Upstream::Mirror));
        let virtual_address = match &self.discovery {
            Discovery::KubeDns { addressing, .. } => *addressing != Some(Addressing::Headless),
            _ => false,
        };
        http2 && virtual_address
    }

    /// Whether the name to resolve stays as it was dialled.
    pub(in crate::render::envoy) const fn is_as_dialled(&self) -> bool {
        matches!(
            &self.discovery,
            Discovery::KubeDns {
                absolute: false,
                ..
            } | Discovery::OtherDns {
                absolute: false,
                ..
            }
        )
    }
}

fn is_ipv6(target: &EgressTarget) -> bool {
    let dialled = target.host.parse().is_ok_and(|ip: IpAddr| ip.is_ipv6());
    let seen = match &target.matches {
        TargetMatch::Addresses(ips) => ips.iter().any(IpAddr::is_ipv6),
        _ => false,
    };
    dialled || seen
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
    let addressing = common(targets.iter().map(|target| target.addressing));
    let leads_outside = addressing == Some(Addressing::ExternalName);
    if targets.iter().all(|target| target.kubernetes) && !leads_outside {
        Discovery::KubeDns {
            name,
            absolute,
            addressing,
        }
    } else {
        Discovery::OtherDns { name, absolute }
    }
}

/// The value of all, when they agree.
fn common(mut values: impl Iterator<Item = Option<Addressing>>) -> Option<Addressing> {
    let first = values.next()??;
    values.all(|value| value == Some(first)).then_some(first)
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
