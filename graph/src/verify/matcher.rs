//! Where a sidecar sends a connection: the rules of a real one, on tables in memory.
//!
//! ```text
//! original address and port -> listener (exact, any address, else the capture listener itself)
//!   -> what its inspectors see -> filter chain -> cluster, or virtual host -> route -> cluster
//! ```
//! Checked against a real Envoy case by case. It refuses to guess an original address: where one decides and none is
//! known, the answer is that it cannot be told.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::chains::{self, Failure, Seen};
use super::hosts;
use super::tables::{ChainAction, FilterChain, HttpAction, Listener, SidecarTables};

/// A connection as an application opens it, before it is captured.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Connection<'a> {
    /// Address that it dials; `None` when that is not known.
    pub ip: Option<IpAddr>,
    /// Port that it dials.
    pub port: u16,
    /// What the client says first.
    pub speech: Speech<'a>,
}

/// What a client says first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Speech<'a> {
    /// A request in clear text.
    Http(Request<'a>),
    /// A TLS handshake.
    Tls {
        /// Server name, if it sends one.
        server_name: Option<&'a str>,
        /// Application protocols that it offers, best first.
        protocols: &'a [&'a str],
    },
    /// Bytes of no protocol that an inspector knows.
    Opaque,
    /// Nothing: the server speaks first.
    Silent,
}

/// A request in clear text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Request<'a> {
    /// Whether it is HTTP/2 with prior knowledge.
    pub is_http2: bool,
    /// Whether its content type is that of gRPC.
    pub is_grpc: bool,
    /// Host header or `:authority`, as sent.
    pub authority: &'a str,
    /// Method.
    pub method: &'a str,
    /// Path with query.
    pub path: &'a str,
}

/// Where a connection ends up, and by which way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery<'t> {
    /// Listener that decided.
    pub listener: &'t str,
    /// Whether that is the listener of the port or the address, not the one that captures everything.
    pub is_listed: bool,
    /// Filter chain that decided, empty when it has no name or none did.
    pub chain: &'t str,
    /// Virtual host that took the request.
    pub virtual_host: Option<&'t str>,
    /// Whether inspectors waited for a client that says nothing.
    pub stalls: bool,
    /// The end.
    pub end: End<'t>,
}

/// The end of a connection's way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End<'t> {
    /// A cluster of this name, which may not exist.
    Cluster(&'t str),
    /// A route answers without asking anybody.
    Answered,
    /// No virtual host or no route takes the request: 404.
    NoRoute,
    /// The routes that the listener asks for are not there: 404.
    NoRouteTable,
    /// No filter chain takes the connection: it is closed.
    NoChain,
    /// The chain parses HTTP and gets something else.
    NotHttp,
    /// The kernel does not redirect such an address.
    NotCaptured,
    /// It depends on the original address, which is not known.
    AddressNeeded,
}

/// Routes one connection.
#[must_use]
pub fn deliver<'t>(tables: &'t SidecarTables, connection: &Connection<'_>) -> Delivery<'t> {
    let (listener, is_listed) = match listener(tables, connection) {
        Ok(found) => found,
        Err(end) => return delivery(&tables.capture, false, end),
    };
    let stalls = connection.speech == Speech::Silent && listener.inspectors.any();
    let mut delivery = match chains::choose(listener, &seen(listener, connection)) {
        Ok(chain) => through(tables, listener, chain, &connection.speech),
        Err(Failure::NoChain) => delivery(listener, is_listed, End::NoChain),
        Err(Failure::AddressNeeded) => delivery(listener, is_listed, End::AddressNeeded),
    };
    delivery.is_listed = is_listed;
    delivery.stalls = stalls;
    delivery
}

const fn delivery<'t>(listener: &'t Listener, is_listed: bool, end: End<'t>) -> Delivery<'t> {
    Delivery {
        listener: listener.name.as_str(),
        is_listed,
        chain: "",
        virtual_host: None,
        stalls: false,
        end,
    }
}

/// The listener of an original destination; the flag tells that it is not the capture listener.
fn listener<'t>(
    tables: &'t SidecarTables,
    connection: &Connection<'_>,
) -> Result<(&'t Listener, bool), End<'t>> {
    let port = connection.port;
    let listed = |ip: IpAddr| tables.listeners.get(&(ip, port));
    let any: IpAddr = match connection.ip {
        Some(IpAddr::V6(_)) => Ipv6Addr::UNSPECIFIED.into(),
        _ => Ipv4Addr::UNSPECIFIED.into(),
    };
    let found = match connection.ip {
        Some(ip) if ip.is_ipv6() && tables.capture.address.is_ipv4() => {
            return Err(End::NotCaptured);
        }
        Some(ip) => listed(ip).or_else(|| listed(any)),
        None => {
            if needs_address(tables, connection) {
                return Err(End::AddressNeeded);
            }
            listed(any)
        }
    };
    Ok(found.map_or((&tables.capture, false), |listener| (listener, true)))
}

/// Whether a connection without a name in its stream goes different ways for different addresses.
fn needs_address(tables: &SidecarTables, connection: &Connection<'_>) -> bool {
    let named = match &connection.speech {
        Speech::Http(_) => true,
        Speech::Tls { server_name, .. } => server_name.is_some(),
        Speech::Opaque | Speech::Silent => false,
    };
    let mut exact = tables.listeners.keys();
    !named && exact.any(|(ip, port)| *port == connection.port && !ip.is_unspecified())
}

fn seen<'a>(listener: &Listener, connection: &Connection<'a>) -> Seen<'a> {
    let mut seen = Seen {
        ip: connection.ip,
        port: connection.port,
        server_name: String::new(),
        transport: "raw_buffer",
        applications: Vec::new(),
    };
    match &connection.speech {
        Speech::Tls {
            server_name,
            protocols,
        } if listener.inspectors.tls => {
            seen.transport = "tls";
            seen.server_name = server_name.unwrap_or_default().to_ascii_lowercase();
            seen.applications = protocols.to_vec();
        }
        Speech::Http(request) if listener.inspectors.http => {
            let version = if request.is_http2 { "h2c" } else { "http/1.1" };
            seen.applications = vec![version];
        }
        _ => {}
    }
    seen
}

fn through<'t>(
    tables: &'t SidecarTables,
    listener: &'t Listener,
    chain: &'t FilterChain,
    speech: &Speech<'_>,
) -> Delivery<'t> {
    let mut delivery = delivery(listener, true, End::NotHttp);
    delivery.chain = chain.name.as_str();
    match (&chain.action, speech) {
        (ChainAction::Tcp(cluster), _) => delivery.end = End::Cluster(cluster),
        (ChainAction::Http(action), Speech::Http(request)) => {
            requested(tables, action, request, &mut delivery);
        }
        (ChainAction::Http(_), _) => {}
    }
    delivery
}

fn requested<'t>(
    tables: &'t SidecarTables,
    action: &HttpAction,
    request: &Request<'_>,
    delivery: &mut Delivery<'t>,
) {
    let Some(table) = tables.routes.get(&action.routes) else {
        delivery.end = End::NoRouteTable;
        return;
    };
    let host = hosts::find(table, action, request.authority);
    delivery.virtual_host = host.map(|host| host.name.as_str());
    let route = host.and_then(|host| hosts::route(host, request));
    delivery.end = match route {
        Some(route) => route.cluster.as_deref().map_or(End::Answered, End::Cluster),
        None => End::NoRoute,
    };
}
