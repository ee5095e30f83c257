//! One observed port and how its clusters are told apart.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;

use tracemesh_graph::egress::{EgressTarget, TargetMatch};

/// How traffic is recognised on one port: values in pairs of (cluster name, names or addresses).
pub(super) struct PortPlan {
    pub port: u16,
    pub authorities: Vec<(String, Vec<String>)>,
    pub server_names: Vec<(String, Vec<String>)>,
    pub addresses: Vec<(String, Vec<Ipv4Addr>)>,
    pub whole_port: Option<String>,
    /// HTTP destinations dialled by address: (cluster name, address).
    pub literals: Vec<(String, Ipv4Addr)>,
}

/// The HTTP routes of one listener.
pub(super) struct RouteSet<'a> {
    /// Name of the listener and of the route configuration.
    pub name: String,
    /// Address of the listener; every address of the port when absent.
    pub address: Option<Ipv4Addr>,
    /// Cluster for authorities that nobody claims; the passthrough when absent.
    pub rest: Option<&'a str>,
}

/// Most listeners of single addresses on one port: each repeats the names of the port.
const MAX_LITERALS: usize = 64;

impl PortPlan {
    /// Name of the listener and of the route configuration.
    pub(super) fn listener_name(&self) -> String {
        format!("outbound_{}", self.port)
    }

    /// The listeners that look into connections: that of the port, then those of single addresses.
    ///
    /// Many clients report the address they connected to instead of the name they dialled (gRPC for Go), so a
    /// destination known by its address is recognised by it, whatever authority the client sends.
    pub(super) fn route_sets(&self) -> Vec<RouteSet<'_>> {
        let whole = RouteSet {
            name: self.listener_name(),
            address: None,
            rest: None,
        };
        let literals = self.literals.iter().map(|(cluster, address)| RouteSet {
            name: self.address_listener_name(*address),
            address: Some(*address),
            rest: Some(cluster),
        });
        [whole].into_iter().chain(literals).collect()
    }

    /// Name of the listener of one address.
    pub(super) fn address_listener_name(&self, address: Ipv4Addr) -> String {
        let address = address.to_string().replace('.', "_");
        format!("{}_{address}", self.listener_name())
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

/// Collects one port; a value is given to one cluster only, because Envoy rejects the whole file otherwise.
#[derive(Default)]
pub(super) struct PortBuilder {
    authorities: Vec<(String, Vec<String>)>,
    server_names: Vec<(String, Vec<String>)>,
    addresses: Vec<(String, Vec<Ipv4Addr>)>,
    whole_port: Option<String>,
    literals: Vec<(String, Ipv4Addr)>,
    taken: BTreeSet<(u8, String)>,
}

impl PortBuilder {
    /// Whether the cluster got any way to be reached.
    pub(super) fn claim(&mut self, cluster: &str, targets: &[&EgressTarget]) -> bool {
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
        for target in targets {
            self.claim_literal(cluster, target);
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

    fn claim_literal(&mut self, cluster: &str, target: &EgressTarget) {
        if let (TargetMatch::Authority(_), Ok(address)) = (&target.matches, target.host.parse())
            && self.taken.insert((3, target.host.clone()))
        {
            self.literals.push((cluster.to_owned(), address));
        }
    }

    fn take(&mut self, kind: u8, values: &[String]) -> Vec<String> {
        values
            .iter()
            .map(|value| value.to_ascii_lowercase())
            .filter(|value| self.taken.insert((kind, value.clone())))
            .collect()
    }

    /// The plan, and how many addresses stay recognised by authority alone because there are too many.
    pub(super) fn finish(mut self, port: u16) -> Option<(PortPlan, usize)> {
        // One address can have one listener; an opaque destination has no other mark.
        let opaque = self.addresses.iter().flat_map(|(_, addresses)| addresses);
        let opaque: BTreeSet<&Ipv4Addr> = opaque.collect();
        self.literals
            .retain(|(_, address)| !opaque.contains(address));
        self.literals.sort_by_key(|(_, address)| *address);
        let excess = self.literals.len().saturating_sub(MAX_LITERALS);
        self.literals.truncate(MAX_LITERALS);
        let plan = PortPlan {
            port,
            authorities: self.authorities,
            server_names: self.server_names,
            addresses: self.addresses,
            whole_port: self.whole_port,
            literals: self.literals,
        };
        let any = plan.is_inspected() || !plan.addresses.is_empty() || plan.whole_port.is_some();
        any.then_some((plan, excess))
    }
}

fn push<T: Ord>(list: &mut Vec<(String, Vec<T>)>, cluster: &str, mut values: Vec<T>) {
    if !values.is_empty() {
        values.sort();
        list.push((cluster.to_owned(), values));
    }
}
