//! What sidecars saw and traces did not: lines of the drift log summed up, and who may be meant.
//!
//! Place in the flow: access log -> (cli) [`DriftLine`] -> [`DriftLog`] -> [`DriftReport`]. Lines come from Envoy, their
//! values from whoever sent the traffic. It names a node only where traces tie the very host or address to it, and says by
//! which of the two.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

use super::known::Known;
use crate::snapshot::GraphSnapshot;

/// Value of the `schema` field.
pub const SCHEMA: &str = "tracemesh.drift/v1";

/// Different edges kept; the rest is added up.
const MAX_EDGES: usize = 100_000;

/// What a line of the log is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DriftKind {
    /// A connection out that nothing defines.
    Connection,
    /// A request out that nothing defines.
    Request,
    /// A connection that counts for a destination because of its port alone.
    AttributedByPort,
    /// A connection in, to a port that the service's spans do not name.
    Inbound,
    /// A connection to a port of the sidecar itself, which is refused.
    Refused,
}

/// One line.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct DriftLine {
    /// Node id of the service that dialled; empty when the line does not say.
    pub service: String,
    /// What it is about.
    pub kind: DriftKind,
    /// Original destination, `ip:port`.
    pub destination: String,
    /// Authority of a request; empty for anything else.
    pub authority: String,
    /// Server name of a TLS handshake; empty when none was seen.
    pub server_name: String,
}

/// Lines summed up.
#[derive(Debug, Default)]
pub struct DriftLog {
    lines: BTreeMap<DriftLine, u64>,
    folded: u64,
}

impl DriftLog {
    /// Counts a line.
    pub fn add(&mut self, line: DriftLine) {
        let is_full = self.lines.len() >= MAX_EDGES;
        match self.lines.get_mut(&line) {
            Some(count) => *count = count.saturating_add(1),
            None if is_full => self.folded = self.folded.saturating_add(1),
            None => {
                self.lines.insert(line, 1);
            }
        }
    }

    /// The report, with names from the graph if there is one.
    #[must_use]
    pub fn report(self, read: DriftInput, snapshot: Option<&GraphSnapshot>) -> DriftReport {
        let known = snapshot.map(Known::new).unwrap_or_default();
        let mut missing: Vec<DriftEdge> = self
            .lines
            .into_iter()
            .map(|(line, count)| edge(line, count, &known))
            .collect();
        missing.sort_by(|a, b| {
            let key = |edge: &DriftEdge| (edge.kind, std::cmp::Reverse(edge.count));
            key(a)
                .cmp(&key(b))
                .then_with(|| (&a.service, &a.authority).cmp(&(&b.service, &b.authority)))
                .then_with(|| {
                    (&a.server_name, &a.destination).cmp(&(&b.server_name, &b.destination))
                })
        });
        DriftReport {
            schema: SCHEMA.to_owned(),
            input: DriftInput {
                folded: self.folded,
                ..read
            },
            edges: missing,
        }
    }
}

/// What was read. Every line is in exactly one of `drift`, `other` and the two after it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct DriftInput {
    /// Lines, empty ones left out.
    pub lines: u64,
    /// Lines of the drift log.
    pub drift: u64,
    /// Lines of something else.
    pub other: u64,
    /// Lines of the drift log of which a part is missing or is none that is known.
    pub damaged: u64,
    /// Lines that are too long to be any.
    pub too_long: u64,
    /// Lines of the drift log that `edges` leaves out, because there were too many different ones.
    pub folded: u64,
}

/// What the log says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DriftReport {
    /// Always [`SCHEMA`].
    pub schema: String,
    /// What was read.
    pub input: DriftInput,
    /// What was seen, by kind, the most frequent first.
    pub edges: Vec<DriftEdge>,
}

impl DriftReport {
    /// Edges that are missing in the configuration: outgoing, and refused or passed on undefined.
    pub fn missing(&self) -> impl Iterator<Item = &DriftEdge> {
        let is_missing = |edge: &&DriftEdge| {
            matches!(
                edge.kind,
                DriftKind::Connection | DriftKind::Request | DriftKind::Refused
            )
        };
        self.edges.iter().filter(is_missing)
    }
}

/// Connections or requests of one service to one place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DriftEdge {
    /// What it is about.
    pub kind: DriftKind,
    /// Node id of the service; empty when unknown.
    pub service: String,
    /// Original destination, `ip:port`.
    pub destination: String,
    /// Authority of the request, if any.
    pub authority: String,
    /// Server name of the TLS handshake, if any.
    pub server_name: String,
    /// Lines.
    pub count: u64,
    /// Nodes that the traces tie to it; one is an answer, several are candidates.
    pub nodes: Vec<String>,
    /// What ties them to it; absent without nodes.
    pub named_by: Option<NamedBy>,
    /// Host and port to pin, when the line has any that can be pinned.
    pub pin: Option<PinAdvice>,
}

/// What ties a node to a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NamedBy {
    /// Others dial it by this authority.
    Authority,
    /// Others dial it by this server name.
    ServerName,
    /// Spans name this address and port behind a name of it, or others dial the address.
    Address,
}

/// A destination as a policy pins it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PinAdvice {
    /// A valid DNS name, or an IP address.
    pub host: String,
    /// Port.
    pub port: u16,
    /// What is spoken: `http`, `tls` or `tcp`.
    pub protocol: String,
}

fn edge(line: DriftLine, count: u64, known: &Known<'_>) -> DriftEdge {
    let address: Option<SocketAddr> = line.destination.parse().ok();
    let port = address.map(|address| address.port());
    let by = |kind: NamedBy, host: &str| {
        let nodes = known.at_host(host_of(host), port?);
        (!nodes.is_empty()).then_some((kind, nodes))
    };
    let named = by(NamedBy::Authority, &line.authority)
        .or_else(|| by(NamedBy::ServerName, &line.server_name))
        .or_else(|| {
            let nodes = known.at_address(address?);
            (!nodes.is_empty()).then_some((NamedBy::Address, nodes))
        });
    let (named_by, nodes) = match named {
        Some((kind, nodes)) => (Some(kind), nodes),
        None => (None, Default::default()),
    };
    DriftEdge {
        pin: pin(&line, address),
        kind: line.kind,
        service: line.service,
        destination: line.destination,
        authority: line.authority,
        server_name: line.server_name,
        count,
        nodes: nodes.into_iter().map(str::to_owned).collect(),
        named_by,
    }
}

/// The host of an authority, without its port and without a dot at its end.
fn host_of(authority: &str) -> &str {
    let host = match authority.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => host,
        _ => authority,
    };
    host.strip_suffix('.').unwrap_or(host)
}

fn pin(line: &DriftLine, address: Option<SocketAddr>) -> Option<PinAdvice> {
    let address = address?;
    if line.kind == DriftKind::Inbound {
        return None;
    }
    let named = [
        (host_of(&line.authority), "http"),
        (line.server_name.as_str(), "tls"),
    ];
    let named = named
        .into_iter()
        .find(|(host, _)| crate::egress::Host::parse(host, false).is_ok());
    let nameless = match line.kind {
        DriftKind::Request => "http",
        _ => "tcp",
    };
    let (host, protocol) = named.map_or_else(
        || (address.ip().to_string(), nameless),
        |(host, protocol)| (host.to_ascii_lowercase(), protocol),
    );
    let host = host.trim_matches(['[', ']']).to_owned();
    Some(PinAdvice {
        host,
        port: address.port(),
        protocol: protocol.to_owned(),
    })
}
