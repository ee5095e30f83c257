//! Dialled addresses: found among the spellings of many instrumentations, and normalised to one form.
//!
//! Real spans put ports inside hosts, quotes around them, names into IP attributes, and whole URLs where a host
//! belongs. Userinfo, path and query are cut before anything is kept.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};

use serde::{Deserialize, Serialize};

use crate::attribute::{AttributeSet, Key};

/// Host and port, normalised: lower case, no brackets, no trailing dot, IPv4-mapped IPv6 as IPv4.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Address {
    /// DNS name or IP address.
    pub host: String,
    /// Port, when known.
    pub port: Option<u16>,
}

impl Address {
    /// The host as an IP address, if it is one.
    #[must_use]
    pub fn ip(&self) -> Option<IpAddr> {
        self.host.parse().ok()
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let is_v6 = self.host.contains(':');
        match (is_v6, self.port) {
            (false, Some(port)) => write!(f, "{}:{port}", self.host),
            (true, Some(port)) => write!(f, "[{}]:{port}", self.host),
            (_, None) => f.write_str(&self.host),
        }
    }
}

/// The parts of a URL that may be kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Url {
    pub(super) scheme: String,
    pub(super) address: Address,
}

/// True for addresses that name no remote peer: loopback, unspecified, link-local. They never enter the address book.
#[must_use]
pub fn is_loopback(host: &str) -> bool {
    match host.parse::<IpAddr>() {
        Ok(IpAddr::V4(ip)) => ip.is_loopback() || ip.is_unspecified() || ip.is_link_local(),
        Ok(IpAddr::V6(ip)) => ip.is_loopback() || ip.is_unspecified() || ip.is_unicast_link_local(),
        Err(_) => host == "localhost" || host.ends_with(".localhost"),
    }
}

/// True for addresses that are not routed on the internet: RFC 1918, RFC 6598, unique local, loopback, link-local.
#[must_use]
pub fn is_private(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => {
            let [first, second, ..] = ip.octets();
            let is_shared = first == 100 && (64..128).contains(&second);
            ip.is_private() || ip.is_loopback() || ip.is_link_local() || is_shared
        }
        IpAddr::V6(ip) => ip.is_loopback() || ip.is_unique_local() || ip.is_unicast_link_local(),
    }
}

pub(super) fn is_known_scheme(scheme: &str) -> bool {
    matches!(
        scheme,
        "http" | "https" | "ws" | "wss" | "grpc" | "grpcs" | "tcp"
    )
}

/// The port that a scheme or system stands for when none is dialled.
pub(super) fn default_port(scheme: &str) -> Option<u16> {
    Some(match scheme {
        "http" | "ws" => 80,
        "https" | "wss" => 443,
        "postgresql" => 5432,
        "mysql" | "mariadb" => 3306,
        "redis" => 6379,
        "microsoft.sql_server" => 1433,
        "oracle.db" => 1521,
        "mongodb" => 27017,
        "cassandra" => 9042,
        "elasticsearch" | "opensearch" => 9200,
        "memcached" => 11211,
        "cockroachdb" => 26257,
        "neo4j" => 7687,
        "influxdb" => 8086,
        "kafka" => 9092,
        "rabbitmq" => 5672,
        "activemq" => 61616,
        "nats" => 4222,
        "pulsar" => 6650,
        "rocketmq" => 9876,
        _ => return None,
    })
}

/// The domain above a host: the rest behind its first label, if that looks like a domain that somebody registered.
///
/// There is no list of public suffixes here: two labels will do, and three where the last two look like `co.uk`. Fails for
/// registries of longer suffixes, whose customers then look like subdomains of one domain.
#[must_use]
pub(crate) fn parent_domain(host: &str) -> Option<&str> {
    const SECOND_LEVEL: [&str; 8] = ["ac", "co", "com", "edu", "gov", "net", "or", "org"];
    let (_, parent) = host.split_once('.')?;
    let mut labels = parent.rsplit('.');
    let (top, second) = (labels.next()?, labels.next()?);
    let is_suffix = top.len() == 2 && SECOND_LEVEL.contains(&second) && labels.next().is_none();
    let is_ip = host.parse::<IpAddr>().is_ok();
    (!is_suffix && !is_ip).then_some(parent)
}

/// Resolver prefixes of gRPC and service registries: what they resolve stands behind the authority.
const RESOLVERS: [&str; 8] = [
    "consul",
    "dns",
    "etcd",
    "ipv4",
    "ipv6",
    "k8s",
    "kubernetes",
    "passthrough",
];

/// Sockets in the file system name no host.
fn is_socket_scheme(scheme: &str) -> bool {
    [
        "unix",
        "unix-abstract",
        "npipe",
        "file",
        "http+unix",
        "vsock",
    ]
    .iter()
    .any(|socket| socket.eq_ignore_ascii_case(scheme))
}

/// What a URL-like text dials: the name behind `dns://authority/`, else the authority.
fn authority<'a>(scheme: &str, rest: &'a str) -> Option<&'a str> {
    if is_socket_scheme(scheme) {
        return None;
    }
    let is_resolver = RESOLVERS
        .iter()
        .any(|resolver| resolver.eq_ignore_ascii_case(scheme));
    let behind = rest.split_once('/').map(|(_, name)| name);
    let rest = match behind.filter(|name| is_resolver && !name.is_empty()) {
        Some(name) => name,
        None if is_known_scheme(&scheme.to_ascii_lowercase()) => rest,
        None => rest.trim_start_matches('/'),
    };
    rest.split(['/', '?', '#', ';']).next()
}

/// What stands before and behind the first `://`. Much quicker than a general search for a string.
pub(crate) fn split_scheme(text: &str) -> Option<(&str, &str)> {
    let mut from = 0;
    loop {
        let at = from + text.get(from..)?.find(':')?;
        if let Some(rest) = text.get(at..)?.strip_prefix("://") {
            return Some((text.get(..at)?, rest));
        }
        from = at + 1;
    }
}

/// The start of a trimmed URL that decides all but its path: everything up to the path where scheme and form are the usual
/// ones, else the whole text.
pub(crate) fn url_head(url: &str) -> &str {
    let rest = ["http://", "https://", "ws://", "wss://"]
        .iter()
        .find_map(|scheme| url.strip_prefix(scheme));
    let Some(rest) = rest else {
        return url;
    };
    let is_end = |byte: &u8| matches!(byte, b'/' | b'?' | b'#');
    let authority = rest.as_bytes().iter().position(is_end);
    let path = authority.map_or(0, |at| rest.len() - at);
    url.get(..url.len() - path).unwrap_or(url)
}

/// The IP address that an authority holds, if its host is one; as [`parse_authority`] finds it.
pub(crate) fn ip_of(text: &str) -> Option<IpAddr> {
    // Nearly always the address alone, which needs no normalising.
    match text.parse::<IpAddr>() {
        Ok(ip) => Some(ip.to_canonical()),
        Err(_) => parse_authority(text)?.ip(),
    }
}

/// Scheme and address of an absolute URL, without userinfo, path and query.
pub(super) fn parse_url(text: &str) -> Option<Url> {
    let text = text.trim().strip_prefix("jdbc:").unwrap_or(text.trim());
    let (scheme, rest) = split_scheme(text)?;
    let address = parse_authority(authority(scheme, rest)?)?;
    Some(Url {
        scheme: scheme.to_ascii_lowercase(),
        address,
    })
}

/// One `host`, `host:port`, `[v6]:port`, quoted or not, with or without userinfo or a resolver prefix such as
/// `dns:///`. `None` for anything that cannot be a host: sockets in the file system, spaces, control characters.
#[must_use]
pub fn parse_authority(text: &str) -> Option<Address> {
    let text = text.trim().trim_matches(['"', '\'']).trim();
    let text = match split_scheme(text) {
        Some((scheme, rest)) => authority(scheme, rest)?,
        None => ["ipv4:", "ipv6:", "dns:"]
            .iter()
            .find_map(|prefix| text.strip_prefix(prefix))
            .unwrap_or(text),
    };
    let text = text.rsplit_once('@').map_or(text, |(_, host)| host);
    let (host, port) = split_port(text)?;
    let host = normalise_host(host)?;
    Some(Address { host, port })
}

fn split_port(text: &str) -> Option<(&str, Option<u16>)> {
    if let Some(rest) = text.strip_prefix('[') {
        let (host, tail) = rest.split_once(']')?;
        return match tail.strip_prefix(':') {
            Some(port) => Some((host, parse_port(port))),
            None => tail.is_empty().then_some((host, None)),
        };
    }
    match text.split_once(':') {
        None => Some((text, None)),
        Some((_, tail)) if tail.contains(':') => Some((text, None)),
        Some((host, port)) => Some((host, Some(parse_port(port)?))),
    }
}

fn parse_port(text: &str) -> Option<u16> {
    text.parse().ok().filter(|port| *port != 0)
}

fn normalise_host(host: &str) -> Option<String> {
    /// The longest DNS name.
    const MAX_HOST: usize = 253;
    let host = host.split('%').next()?.trim_end_matches('.');
    if let Ok(ip) = host.parse::<Ipv6Addr>() {
        return Some(ip.to_canonical().to_string());
    }
    let is_host = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | '.');
    let is_valid = !host.is_empty() && host.len() <= MAX_HOST && host.chars().all(is_host);
    is_valid.then(|| host.to_lowercase())
}

/// Where an outgoing span dialled, best source first (rule 1.5.5); a comma list gives each of its members.
pub(super) fn dialled(attributes: &AttributeSet<'_>, url: Option<&Url>) -> Vec<Address> {
    let named = |host: Key, port: Option<Key>| -> Vec<Address> {
        attributes
            .text(host)
            .map(|text| parse_list(text, port.and_then(|port| attributes.port(port))))
            .unwrap_or_default()
    };
    let mut found = named(Key::ServerAddress, Some(Key::ServerPort));
    if let (Some(url), [only]) = (url, found.as_mut_slice()) {
        // `server.address` without a port, beside a URL that has one.
        if only.port.is_none() && only.host == url.address.host {
            only.port = url.address.port;
        }
    }
    if found.is_empty() {
        found.extend(url.map(|url| url.address.clone()));
    }
    // A proxy's `peer.address` is its downstream.
    let is_proxy = super::proxy::is_proxy(attributes);
    let others = [
        (Key::HttpHost, None),
        (Key::NetPeerName, Some(Key::NetPeerPort)),
        (Key::PeerHostname, Some(Key::PeerPort)),
        (Key::OutHost, Some(Key::PeerPort)),
        (Key::PeerAddress, Some(Key::PeerPort)),
        (Key::DbConnectionString, None),
        (Key::MessagingUrl, None),
    ];
    for (host, port) in others {
        if found.is_empty() && !(is_proxy && host == Key::PeerAddress) {
            found = named(host, port);
        }
    }
    if found.is_empty() {
        // Some clients put the dialled name where the IP belongs.
        found = named(Key::NetworkPeerAddress, Some(Key::NetworkPeerPort));
        found.retain(|address| address.ip().is_none());
    }
    found
}

fn parse_list(text: &str, port: Option<u16>) -> Vec<Address> {
    let parsed = text.split(',').filter_map(|part| match parse_url(part) {
        Some(url) => Some(url.address),
        // The path of a URL follows its last host.
        None => parse_authority(part.split(['/', '?', '#', ';']).next()?),
    });
    parsed
        .map(|address| Address {
            port: address.port.or(port),
            ..address
        })
        .collect()
}

/// The Host by which a server span was called.
pub(super) fn served(attributes: &AttributeSet<'_>) -> Vec<Address> {
    let sources = [
        (Key::ServerAddress, Some(Key::ServerPort)),
        (Key::HttpHost, Some(Key::NetHostPort)),
        (Key::NetHostName, Some(Key::NetHostPort)),
        (Key::HttpServerName, Some(Key::NetHostPort)),
    ];
    let found = sources.iter().find_map(|(host, port)| {
        let address = parse_authority(attributes.text(*host)?)?;
        let port = address.port.or(port.and_then(|port| attributes.port(port)));
        Some(Address { port, ..address })
    });
    found.into_iter().collect()
}

/// The socket peer of an outgoing span; only real IP addresses.
pub(super) fn socket(attributes: &AttributeSet<'_>) -> Option<Address> {
    let sources = [
        (Key::NetworkPeerAddress, Key::NetworkPeerPort),
        (Key::NetSockPeerAddr, Key::NetSockPeerPort),
        (Key::NetPeerIp, Key::NetPeerPort),
        (Key::PeerIpv4, Key::PeerPort),
        (Key::PeerIpv6, Key::PeerPort),
    ];
    sources.iter().find_map(|(host, port)| {
        let address = parse_authority(attributes.text(*host)?)?;
        address.ip()?;
        let port = address.port.or_else(|| attributes.port(*port));
        Some(Address { port, ..address })
    })
}
