//! What a sidecar knows of its way out, as plain tables: listeners, filter chains, routes, clusters.
//!
//! Place in the flow: configuration files -> (cli) -> [`SidecarTables`] -> [`deliver`](super::deliver). Words are Envoy's. It
//! holds only what decides where a connection goes; whoever fills it must refuse what it cannot hold.

use std::collections::BTreeMap;
use std::net::IpAddr;

/// Everything that decides where outgoing connections of one service go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SidecarTables {
    /// The listener that every outgoing connection is redirected to; it hands each over to the listener of its original
    /// destination, if there is one.
    pub capture: Listener,
    /// All other listeners, with sockets or without, by address and port.
    pub listeners: BTreeMap<(IpAddr, u16), Listener>,
    /// Route configurations by name.
    pub routes: BTreeMap<String, RouteTable>,
    /// Clusters by name.
    pub clusters: BTreeMap<String, Cluster>,
}

/// One listener.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listener {
    /// Name.
    pub name: String,
    /// Address, unspecified for any.
    pub address: IpAddr,
    /// Port.
    pub port: u16,
    /// What looks into the first bytes of a connection.
    pub inspectors: Inspectors,
    /// Filter chains with conditions, or the only one without.
    pub chains: Vec<FilterChain>,
    /// What takes connections that no chain matches.
    pub default_chain: Option<FilterChain>,
}

/// Listener filters that wait for the client to speak.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Inspectors {
    /// Server name and application protocols of TLS.
    pub tls: bool,
    /// Version of clear-text HTTP.
    pub http: bool,
}

impl Inspectors {
    /// Whether a connection waits until its client has said something.
    #[must_use]
    pub const fn any(self) -> bool {
        self.tls || self.http
    }
}

/// One filter chain: when it applies and what it does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FilterChain {
    /// Name, empty when it has none.
    pub name: String,
    /// Conditions, all of which must hold.
    pub matches: ChainMatch,
    /// Where connections go.
    pub action: ChainAction,
}

/// Conditions of a filter chain; an empty one always holds.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ChainMatch {
    /// Original port.
    pub destination_port: Option<u16>,
    /// Networks of the original address: base and length.
    pub prefix_ranges: Vec<(IpAddr, u8)>,
    /// Server names in any case: exact, or `*.` and a suffix of whole labels.
    pub server_names: Vec<String>,
    /// `tls`, `raw_buffer` or empty for any.
    pub transport_protocol: String,
    /// Application protocols, such as `h2c`.
    pub application_protocols: Vec<String>,
}

/// Where the connections of a filter chain go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ChainAction {
    /// To one cluster, byte by byte.
    Tcp(String),
    /// Request by request.
    Http(HttpAction),
}

/// How requests find their route.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpAction {
    /// Name of the route configuration.
    pub routes: String,
    /// Whether a dot at the end of the authority is removed first.
    pub strip_trailing_host_dot: bool,
    /// Whether any port is removed from the authority first.
    pub strip_any_host_port: bool,
}

/// A route configuration.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RouteTable {
    /// Whether a port in the authority is left out of the comparison with domains.
    pub ignore_port_in_host_matching: bool,
    /// Virtual hosts in the order of the file.
    pub virtual_hosts: Vec<VirtualHost>,
}

/// Domains and their routes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VirtualHost {
    /// Name.
    pub name: String,
    /// `*`, `*suffix`, `prefix*` or exact; in any case.
    pub domains: Vec<String>,
    /// Routes; the first that matches counts.
    pub routes: Vec<Route>,
}

/// One route.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    /// Condition on the path.
    pub path: PathMatch,
    /// Whether only gRPC requests match.
    pub grpc_only: bool,
    /// Conditions on the method; other headers cannot be judged.
    pub methods: Vec<MethodMatch>,
    /// Cluster, or `None` when the route answers itself.
    pub cluster: Option<String>,
}

/// Condition on the path of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PathMatch {
    /// The path begins so.
    Prefix(String),
    /// The path without its query is this.
    Exact(String),
}

/// Condition on the method of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MethodMatch {
    /// The methods that match.
    pub any_of: Vec<String>,
    /// Whether the others match instead.
    pub inverted: bool,
}

/// A cluster, as far as it tells who is behind it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cluster {
    /// Node id of the destination that it was made for, if it says so.
    pub made_for: Option<String>,
    /// Where its connections go.
    pub endpoints: Endpoints,
}

/// Where the connections of a cluster go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Endpoints {
    /// To the address that the application dialled.
    OriginalDestination,
    /// To these hosts: names without trailing dot in lower case, or addresses.
    Hosts(Vec<(String, u16)>),
    /// To addresses that something else keeps fresh; so many were written.
    Discovered(usize),
}
