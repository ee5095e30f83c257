//! What becomes of one connection: where it is delivered, held against whom it was for.

use std::net::IpAddr;

use super::known::Known;
use super::matcher::{Connection, Delivery, End, Speech, deliver};
use super::probe::Dial;
use super::report::{Basis, Finding, Reason};
use super::tables::{Cluster, Endpoints, SidecarTables};

/// Where a call was seen to go.
#[derive(Debug, Clone, Copy)]
pub(super) struct Intent<'a> {
    /// Node id of the callee.
    pub callee: &'a str,
    pub known: &'a Known<'a>,
}

/// A verdict with the way that led to it, not yet tied to calls.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Fate {
    pub reason: Reason,
    pub basis: Basis,
    pub sent: String,
    pub address: Option<IpAddr>,
    pub listener: Option<String>,
    pub virtual_host: Option<String>,
    pub cluster: Option<String>,
    pub made_for: Option<String>,
}

impl Fate {
    /// Nothing was routed.
    pub(super) const fn unrouted(reason: Reason) -> Self {
        Self {
            reason,
            basis: Basis::None,
            sent: String::new(),
            address: None,
            listener: None,
            virtual_host: None,
            cluster: None,
            made_for: None,
        }
    }

    /// Copies the way into a finding.
    pub(super) fn describe(self, finding: &mut Finding) {
        finding.verdict = self.reason.verdict();
        finding.reason = self.reason;
        finding.harm = self.reason.is_harm();
        finding.basis = self.basis;
        finding.sent = self.sent;
        finding.address = self.address.map(|ip| ip.to_string());
        finding.listener = self.listener;
        finding.virtual_host = self.virtual_host;
        finding.cluster = self.cluster;
        finding.made_for = self.made_for;
    }
}

/// The worst that can become of a dial, over every form in which it may be sent. `ip` is what the name led to, if known.
pub(super) fn worst(
    tables: &SidecarTables,
    dial: &Dial,
    ip: Option<IpAddr>,
    intent: Intent<'_>,
) -> Fate {
    let literal = dial.literal();
    let basis = match (literal, ip) {
        (Some(_), _) => Basis::DialledAddress,
        (None, Some(_)) => Basis::SocketAddress,
        (None, None) => Basis::PortOnly,
    };
    let ip = literal.or(ip);
    let fates = dial.connections(ip).map(|(connection, sent)| {
        let delivery = deliver(tables, &connection);
        let place = Place {
            host: dial.host.to_string(),
            ip,
            port: dial.port,
        };
        let mut fate = fate(tables, &connection, &delivery, &place, intent);
        fate.basis = basis;
        fate.sent = sent;
        fate
    });
    let worse = |worst: Fate, next: Fate| {
        let key = |fate: &Fate| (fate.reason.verdict(), fate.reason);
        if key(&next) > key(&worst) {
            next
        } else {
            worst
        }
    };
    let found = fates.reduce(worse);
    found.unwrap_or_else(|| Fate::unrouted(Reason::UnknownProtocol))
}

/// What was dialled.
struct Place {
    host: String,
    ip: Option<IpAddr>,
    port: u16,
}

fn fate(
    tables: &SidecarTables,
    connection: &Connection<'_>,
    delivery: &Delivery<'_>,
    place: &Place,
    intent: Intent<'_>,
) -> Fate {
    let mut fate = Fate::unrouted(Reason::NoChain);
    fate.address = place.ip;
    fate.listener = Some(delivery.listener.to_owned());
    fate.virtual_host = delivery.virtual_host.map(str::to_owned);
    fate.reason = match delivery.end {
        End::Cluster(name) => {
            fate.cluster = Some(name.to_owned());
            match tables.clusters.get(name) {
                Some(cluster) => {
                    let other = cluster.made_for.as_deref();
                    let other = other.filter(|node| *node != intent.callee);
                    fate.made_for = other.map(str::to_owned);
                    reached(cluster, connection, delivery, place, intent)
                }
                None => Reason::NoCluster,
            }
        }
        End::Answered | End::NoRoute | End::NoRouteTable => Reason::NoRoute,
        End::NoChain => Reason::NoChain,
        End::NotHttp => Reason::NotHttp,
        End::NotCaptured => Reason::NotCaptured,
        End::AddressNeeded => Reason::AddressUnknown,
    };
    if delivery.stalls && fate.reason.verdict() < Reason::Stalls.verdict() {
        fate.reason = Reason::Stalls;
    }
    fate
}

fn reached(
    cluster: &Cluster,
    connection: &Connection<'_>,
    delivery: &Delivery<'_>,
    place: &Place,
    intent: Intent<'_>,
) -> Reason {
    let hosts = match &cluster.endpoints {
        Endpoints::OriginalDestination => {
            return match &cluster.made_for {
                Some(_) => owner(cluster, intent, Reason::OtherDestination),
                None => unobserved(connection, delivery),
            };
        }
        Endpoints::Discovered(0) => return Reason::NoEndpoint,
        // Addresses of pods: nothing in traces must tie them to a name.
        Endpoints::Discovered(_) => return owner(cluster, intent, Reason::OtherDestination),
        Endpoints::Hosts(hosts) => hosts,
    };
    if hosts.is_empty() {
        return Reason::NoEndpoint;
    }
    if hosts.iter().any(|(_, port)| *port != place.port) {
        return Reason::OtherPort;
    }
    if !hosts.iter().all(|(host, _)| is_same(host, place, intent)) {
        return Reason::OtherHost;
    }
    owner(cluster, intent, Reason::OtherDestination)
}

/// Whether a cluster says that it was made for the callee. A node that the traces do not have is an older or poorer name of
/// something that they do have: where the address is the same, that is no conflict.
fn owner(cluster: &Cluster, intent: Intent<'_>, otherwise: Reason) -> Reason {
    match cluster.made_for.as_deref() {
        Some(node) if node == intent.callee => Reason::MadeForIt,
        Some(node) if intent.known.has_node(node) => otherwise,
        _ => Reason::SameAddress,
    }
}

/// Whether an endpoint is what was dialled: the same host, more or fewer labels of the same name, the address behind it, or
/// another host that leads to the callee.
fn is_same(endpoint: &str, place: &Place, intent: Intent<'_>) -> bool {
    let completes = |long: &str, short: &str| {
        long.strip_prefix(short)
            .is_some_and(|rest| rest.starts_with('.'))
    };
    let dialled = place.host.as_str();
    let is_name = endpoint.parse::<IpAddr>().is_err() && dialled.parse::<IpAddr>().is_err();
    endpoint == dialled
        || is_name && (completes(endpoint, dialled) || completes(dialled, endpoint))
        || place.ip.is_some_and(|ip| endpoint.parse() == Ok(ip))
        || intent.known.leads_to(endpoint, intent.callee)
}

/// Which of its marks was not among the observed ones.
fn unobserved(connection: &Connection<'_>, delivery: &Delivery<'_>) -> Reason {
    match &connection.speech {
        _ if !delivery.is_listed => Reason::UnobservedPort,
        Speech::Http(_) if delivery.virtual_host.is_some() => Reason::UnobservedAuthority,
        Speech::Tls {
            server_name: Some(_),
            ..
        } => Reason::UnobservedServerName,
        _ => Reason::UnobservedAddress,
    }
}
