//! What an application sends when it dials a target: every form that the spans leave open.
//!
//! Spans say which host and port were dialled and what was spoken, not the bytes. So a call counts as served only if all
//! forms are: the authority with and without port, HTTP/1.1 and HTTP/2 where the version is unknown, TLS with and without
//! application protocols, every method that was seen. The snapshot has no trailing dots and no upper case; the sidecar's
//! treatment of those is no question of the traces.

use std::net::IpAddr;

use super::matcher::{Connection, Request, Speech};
use super::report::Reason;
use crate::egress::{Host, HostFault, TargetProtocol, is_server_first, protocol_of};
use crate::snapshot::{Edge, Target};

/// Methods and paths tried for one target.
const MAX_METHODS: usize = 16;

/// What clients of HTTPS offer.
const OFFERED: [&[&str]; 2] = [&["h2", "http/1.1"], &[]];

/// A target that can be dialled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Dial {
    pub host: Host,
    pub port: u16,
    speeches: Vec<Spoken>,
}

/// One form of what is said, with its own strings.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Spoken {
    Http {
        is_http2: bool,
        is_grpc: bool,
        authority: String,
        method: String,
        path: String,
    },
    Tls {
        server_name: Option<String>,
        offer: usize,
    },
    Opaque,
    Silent,
}

impl Dial {
    /// Reads a target of an edge.
    ///
    /// # Errors
    /// The reason why nothing can be sent there.
    pub(super) fn new(edge: &Edge, target: &Target, accept_loopback: bool) -> Result<Self, Reason> {
        if target.host.is_empty() {
            return Err(Reason::NoAddress);
        }
        let host = Host::parse(&target.host, accept_loopback).map_err(|fault| match fault {
            HostFault::Empty => Reason::NoAddress,
            HostFault::Loopback => Reason::NotCaptured,
            HostFault::Invalid | HostFault::NotDialable => Reason::InvalidHost,
        })?;
        let port = target
            .port
            .filter(|port| *port != 0)
            .ok_or(Reason::NoPort)?;
        let protocol =
            protocol_of(&target.scheme, port, &edge.protocols).ok_or(Reason::UnknownProtocol)?;
        let speeches = match protocol {
            TargetProtocol::Tls => tls(&host),
            TargetProtocol::Tcp if is_server_first(&target.scheme) => vec![Spoken::Silent],
            TargetProtocol::Tcp => vec![Spoken::Opaque],
            http => requests(edge, &host, port, http),
        };
        Ok(Self {
            host,
            port,
            speeches,
        })
    }

    /// The address that was dialled, when it was one.
    pub(super) const fn literal(&self) -> Option<IpAddr> {
        match self.host {
            Host::Ip(ip) => Some(ip),
            Host::Name(_) => None,
        }
    }

    /// Every form of the connection, each with a word for people.
    pub(super) fn connections(
        &self,
        ip: Option<IpAddr>,
    ) -> impl Iterator<Item = (Connection<'_>, String)> {
        self.speeches.iter().map(move |spoken| {
            let connection = Connection {
                ip,
                port: self.port,
                speech: spoken.speech(),
            };
            (connection, spoken.to_string())
        })
    }
}

impl Spoken {
    fn speech(&self) -> Speech<'_> {
        match self {
            Self::Http {
                is_http2,
                is_grpc,
                authority,
                method,
                path,
            } => Speech::Http(Request {
                is_http2: *is_http2,
                is_grpc: *is_grpc,
                authority,
                method,
                path,
            }),
            Self::Tls { server_name, offer } => Speech::Tls {
                server_name: server_name.as_deref(),
                protocols: OFFERED.get(*offer).copied().unwrap_or_default(),
            },
            Self::Opaque => Speech::Opaque,
            Self::Silent => Speech::Silent,
        }
    }
}

impl std::fmt::Display for Spoken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Http {
                is_http2,
                authority,
                method,
                path,
                ..
            } => {
                let version = if *is_http2 { "HTTP/2" } else { "HTTP/1.1" };
                write!(f, "{version} {method} {path} to host {authority}")
            }
            Self::Tls {
                server_name: Some(name),
                ..
            } => write!(f, "TLS for {name}"),
            Self::Tls { .. } => f.write_str("TLS without server name"),
            Self::Opaque => f.write_str("TCP"),
            Self::Silent => f.write_str("TCP, the server speaks first"),
        }
    }
}

fn tls(host: &Host) -> Vec<Spoken> {
    let server_name = match host {
        Host::Name(name) => Some(name.clone()),
        // RFC 6066: no literal addresses.
        Host::Ip(_) => None,
    };
    (0..OFFERED.len())
        .map(|offer| Spoken::Tls {
            server_name: server_name.clone(),
            offer,
        })
        .collect()
}

fn requests(edge: &Edge, host: &Host, port: u16, protocol: TargetProtocol) -> Vec<Spoken> {
    let bare = match host {
        Host::Ip(IpAddr::V6(ip)) => format!("[{ip}]"),
        other => other.to_string(),
    };
    let authorities = [format!("{bare}:{port}"), bare];
    let is_grpc = protocol == TargetProtocol::Grpc;
    let versions: &[bool] = match protocol {
        TargetProtocol::Http1 => &[false],
        TargetProtocol::Http2 | TargetProtocol::Grpc => &[true],
        _ => &[false, true],
    };
    let mut requests = Vec::new();
    for (method, path) in lines(edge, is_grpc) {
        for authority in &authorities {
            requests.extend(versions.iter().map(|is_http2| Spoken::Http {
                is_http2: *is_http2,
                is_grpc,
                authority: authority.clone(),
                method: method.clone(),
                path: path.clone(),
            }));
        }
    }
    requests
}

/// Methods and paths to try. A span names a template instead of the path, and its variables stand for anything.
fn lines(edge: &Edge, is_grpc: bool) -> Vec<(String, String)> {
    let seen = edge.facts.methods.keys().filter(|name| *name != "other");
    if is_grpc {
        let procedures = seen.filter(|name| name.contains('/')).take(MAX_METHODS);
        let mut lines: Vec<(String, String)> = procedures
            .map(|name| {
                (
                    "POST".to_owned(),
                    format!("/{}", name.trim_start_matches('/')),
                )
            })
            .collect();
        if lines.is_empty() {
            lines.push(("POST".to_owned(), "/".to_owned()));
        }
        return lines;
    }
    let is_token = |name: &&String| {
        !name.is_empty()
            && name
                .bytes()
                .all(|byte| byte.is_ascii_uppercase() || byte == b'-')
    };
    let mut methods: Vec<String> = seen.filter(is_token).take(MAX_METHODS).cloned().collect();
    if methods.is_empty() {
        methods = vec!["GET".to_owned(), "POST".to_owned()];
    }
    let routes = edge.facts.routes.keys();
    let mut paths: Vec<&str> = routes
        .map(String::as_str)
        .filter(|route| route.starts_with('/'))
        .take(MAX_METHODS)
        .collect();
    if paths.is_empty() {
        paths.push("/");
    }
    let lines = methods.iter().flat_map(|method| {
        let with = |path: &&str| (method.clone(), (*path).to_owned());
        paths.iter().map(with).collect::<Vec<_>>()
    });
    lines.collect()
}
