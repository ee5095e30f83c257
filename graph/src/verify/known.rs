//! Which hosts and addresses the traces tie to which node.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};

use crate::egress::Host;
use crate::snapshot::{GraphSnapshot, Relation};

/// Hosts and addresses of nodes, in the words of the snapshot.
#[derive(Debug, Default)]
pub(super) struct Known<'a> {
    /// Every node.
    nodes: BTreeSet<&'a str>,
    /// Host (a name in lower case, or an address) -> nodes dialled by it.
    hosts: BTreeMap<String, BTreeSet<&'a str>>,
    /// Address behind a name -> nodes.
    sockets: BTreeMap<IpAddr, BTreeSet<&'a str>>,
    /// Host and port -> nodes dialled there.
    places: BTreeMap<(String, u16), BTreeSet<&'a str>>,
    /// Address and port behind a name -> nodes.
    socket_places: BTreeMap<(IpAddr, u16), BTreeSet<&'a str>>,
}

impl<'a> Known<'a> {
    /// Reads all that was dialled, and what callees say of themselves.
    pub(super) fn new(snapshot: &'a GraphSnapshot) -> Self {
        let mut known = Self::default();
        for edge in &snapshot.edges {
            if edge.relation != Relation::Sync {
                continue;
            }
            for target in &edge.targets {
                known.host(&target.host, target.port, &edge.callee);
                for socket in target.sockets.keys() {
                    known.socket(socket, target.port, &edge.callee);
                }
            }
        }
        for node in &snapshot.nodes {
            known.nodes.insert(&node.id);
            for target in &node.served {
                known.host(&target.host, target.port, &node.id);
            }
        }
        known
    }

    fn host(&mut self, host: &str, port: Option<u16>, node: &'a str) {
        let Ok(host) = Host::parse(host, true) else {
            return;
        };
        let host = host.to_string();
        if let Some(port) = port {
            let place = self.places.entry((host.clone(), port)).or_default();
            place.insert(node);
        }
        self.hosts.entry(host).or_default().insert(node);
    }

    fn socket(&mut self, socket: &str, port: Option<u16>, node: &'a str) {
        let Some((ip, own_port)) = socket_place(socket) else {
            return;
        };
        self.sockets.entry(ip).or_default().insert(node);
        if let Some(port) = own_port.or(port) {
            let place = self.socket_places.entry((ip, port)).or_default();
            place.insert(node);
        }
    }

    /// Whether the traces have a node of this id.
    pub(super) fn has_node(&self, id: &str) -> bool {
        self.nodes.contains(id)
    }

    /// Whether a host was dialled to reach a node.
    pub(super) fn leads_to(&self, host: &str, node: &str) -> bool {
        let by_host = self.hosts.get(host);
        let by_socket = host
            .parse()
            .ok()
            .and_then(|ip: IpAddr| self.sockets.get(&ip));
        let mut nodes = by_host.into_iter().chain(by_socket).flatten();
        nodes.any(|known| *known == node)
    }

    /// Nodes dialled at a host and port; none when the host is not one.
    pub(super) fn at_host(&self, host: &str, port: u16) -> BTreeSet<&'a str> {
        let Ok(host) = Host::parse(host, true) else {
            return BTreeSet::new();
        };
        let found = self.places.get(&(host.to_string(), port));
        found.cloned().unwrap_or_default()
    }

    /// Nodes seen behind an address and port.
    pub(super) fn at_address(&self, address: SocketAddr) -> BTreeSet<&'a str> {
        let ip = address.ip().to_canonical();
        let behind = self.socket_places.get(&(ip, address.port()));
        let dialled = self.places.get(&(ip.to_string(), address.port()));
        let nodes = behind.into_iter().chain(dialled).flatten();
        nodes.copied().collect()
    }
}

/// Reads `ip` or `ip:port`.
pub(super) fn socket_place(text: &str) -> Option<(IpAddr, Option<u16>)> {
    if let Ok(ip) = text.parse::<IpAddr>() {
        return Some((ip.to_canonical(), None));
    }
    let socket: SocketAddr = text.parse().ok()?;
    Some((socket.ip().to_canonical(), Some(socket.port())))
}
