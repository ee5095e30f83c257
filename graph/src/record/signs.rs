//! Which hazards a single span shows: from its time, status, method, headers and events.
//!
//! Reads a span view once, while it is there; everything that needs neighbours, or the peer as a whole, comes later
//! (`slice/calls.rs`, `resolve/hazards.rs`). Failure mode: error types are free text, so they are recognised by the words
//! that the common runtimes use.

use crate::attribute::{AttributeSet, Headers, Key, KeySet};
use crate::egress::is_server_first;
use crate::hazards::{Sign, Signs};
use crate::peer::{Category, Peer, is_loopback, parse_authority};
use crate::span::{SpanKind, SpanView};

/// Near Envoy's route timeout of 15 s: another slow day would cut the call.
const LONG_NS: u64 = 12_000_000_000;
/// Near Envoy's idle timeout of streams, 5 minutes.
const SILENT_NS: u64 = 240_000_000_000;
/// A request and its answer.
const UNARY_MESSAGES: u32 = 2;
/// A connection that was closed before anything was sent fails at once.
const AT_ONCE_NS: u64 = 10_000_000;
/// Envoy's limit of header lines.
const MAX_LINES: u32 = 100;
/// Four fifths of Envoy's limit of 60 KiB.
const MANY_BYTES: u64 = 48 * 1024;
/// From about here on clients ask before they send the body.
const LARGE_BODY: i64 = 1 << 20;
/// DEADLINE_EXCEEDED, INTERNAL, UNAVAILABLE.
const GRPC_FAILURES: [(i64, &str); 3] = [
    (4, "DEADLINE_EXCEEDED"),
    (13, "INTERNAL"),
    (14, "UNAVAILABLE"),
];

/// The signs that attributes and peer give, whatever else the span says, and what decides the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Lasting {
    signs: Signs,
    /// Its duration means something: an exchange of a request and an answer.
    is_exchange: bool,
    /// Its events may be messages of a remote procedure.
    is_rpc: bool,
}

impl Lasting {
    /// `status` is the HTTP status.
    pub(super) fn of(
        kind: SpanKind,
        attributes: &AttributeSet<'_>,
        peer: &Peer,
        status: Option<i64>,
    ) -> Self {
        let moves_messages = matches!(kind, SpanKind::Producer | SpanKind::Consumer);
        let is_exchange = !moves_messages && is_http(kind, peer);
        let mut signs = Signs::NONE;
        if is_exchange {
            signs = of_exchange(attributes, peer, status);
            if !attributes.headers().is_empty() {
                signs = of_headers(attributes.headers(), peer, signs);
            }
            if kind != SpanKind::Server {
                signs = of_name(attributes, peer, signs);
            }
        }
        if kind != SpanKind::Server {
            signs = of_target(peer, signs);
        }
        Self {
            signs,
            is_exchange,
            is_rpc: matches!(peer.category, Category::Rpc { .. }),
        }
    }

    /// With those of the span's time, events and failure.
    pub(super) fn with(self, span: &SpanView<'_>) -> Signs {
        let mut signs = self.signs;
        if self.is_exchange {
            let messages = if self.is_rpc { span.events.messages } else { 0 };
            signs = of_time(span, messages, signs);
        }
        match span.kind {
            SpanKind::Server => signs,
            _ => of_failure(span, signs),
        }
    }
}

/// True for a body whose client may ask before it sends.
pub(super) fn has_large_body(attributes: &AttributeSet<'_>) -> bool {
    const SIZES: [Key; 2] = [Key::HttpRequestBodySize, Key::HttpRequestContentLength];
    attributes.has_any(KeySet::of(&SIZES))
        && attributes
            .first_int(&SIZES)
            .is_some_and(|size| size >= LARGE_BODY)
}

/// True for what an HTTP route would carry. A span that says neither method nor protocol is taken for none, and what the
/// client encrypts itself is no HTTP to its sidecar. What a server says of its scheme is often that of a load balancer.
fn is_http(kind: SpanKind, peer: &Peer) -> bool {
    let is_tls = matches!(peer.scheme.as_str(), "https" | "wss" | "grpcs")
        || peer.address.as_ref().and_then(|at| at.port) == Some(443);
    if is_tls && kind != SpanKind::Server {
        return false;
    }
    match &peer.category {
        Category::Rpc { system, .. } => system == "grpc" || !peer.method.is_empty(),
        Category::None => !peer.method.is_empty() || peer.protocol.starts_with("http"),
        Category::Aws { .. } | Category::Genai { .. } => peer.scheme == "http",
        _ => false,
    }
}

fn of_exchange(attributes: &AttributeSet<'_>, peer: &Peer, status: Option<i64>) -> Signs {
    let mut signs = Signs::NONE;
    let url = attributes.first_text(&[Key::UrlFull, Key::HttpUrl]);
    let scheme = attributes.first_text(&[Key::UrlScheme, Key::HttpScheme]);
    let is_websocket = matches!(peer.scheme.as_str(), "ws" | "wss")
        || matches!(scheme, Some("ws" | "wss"))
        || url.is_some_and(|url| url.starts_with("ws://") || url.starts_with("wss://"))
        || attributes.text(Key::NetworkProtocolName) == Some("websocket");
    signs.add_if(Sign::WebSocket, is_websocket || status == Some(101));
    signs.add_if(Sign::Upgraded, status == Some(101));
    signs.add_if(Sign::Connect, peer.method == "CONNECT");
    signs.add_if(Sign::UnknownMethod, peer.method == "_OTHER");
    signs.add_if(Sign::RefusedRequest, status == Some(400));
    signs.add_if(Sign::RefusedHeaders, status == Some(431));
    signs.add_if(Sign::Http10, peer.protocol == "http/1.0");
    signs.add_if(Sign::UnsafeMethod, is_unsafe(attributes, peer));
    let is_upload = matches!(peer.method.as_str(), "PUT" | "POST");
    signs.add_if(Sign::LargeUpload, is_upload && has_large_body(attributes));
    signs.add_if(Sign::GrpcFailure, is_grpc_failure(attributes, peer, status));
    signs
}

/// POST and PATCH are not idempotent; of a remote procedure only the name tells, and it counts as safe when it begins with
/// a word for reading.
fn is_unsafe(attributes: &AttributeSet<'_>, peer: &Peer) -> bool {
    const READS: [&str; 12] = [
        "batchget", "check", "count", "describe", "exists", "fetch", "find", "get", "list",
        "lookup", "read", "search",
    ];
    let Category::Rpc { .. } = peer.category else {
        return matches!(peer.method.as_str(), "POST" | "PATCH");
    };
    let Some(method) = attributes.text(Key::RpcMethod) else {
        return true;
    };
    let name = method.rsplit('/').next().unwrap_or(method);
    !READS.iter().any(|word| {
        let start = name.get(..word.len());
        start.is_some_and(|start| start.eq_ignore_ascii_case(word))
            && !name
                .get(word.len()..)
                .is_some_and(|rest| rest.starts_with(|next: char| next.is_ascii_lowercase()))
    })
}

fn is_grpc_failure(attributes: &AttributeSet<'_>, peer: &Peer, status: Option<i64>) -> bool {
    let is_grpc = matches!(&peer.category, Category::Rpc { system, .. } if system == "grpc");
    if !is_grpc || status.is_some_and(|status| status != 200) {
        return false;
    }
    let keys = [Key::RpcResponseStatusCode, Key::RpcGrpcStatusCode];
    let number = attributes.first_int(&keys);
    let name = attributes.first_text(&keys);
    GRPC_FAILURES
        .iter()
        .any(|(code, failure)| number == Some(*code) || name == Some(failure))
}

fn of_time(span: &SpanView<'_>, messages: u32, mut signs: Signs) -> Signs {
    let took_ns = span.end_ns.saturating_sub(span.start_ns);
    let is_stream = messages > UNARY_MESSAGES || span.attributes.headers().is_event_stream;
    signs.add_if(Sign::Long, took_ns >= LONG_NS);
    signs.add_if(Sign::Stream, is_stream);
    let needed = took_ns / SILENT_NS;
    signs.add_if(Sign::Silent, needed > 0 && u64::from(messages) <= needed);
    signs
}

fn of_headers(headers: &Headers, peer: &Peer, mut signs: Signs) -> Signs {
    let is_two = matches!(peer.protocol.as_str(), "http/2" | "http/3" | "grpc");
    signs.add_if(Sign::MixedCase, headers.has_mixed_case && !is_two);
    let lines = headers.request_lines.max(headers.response_lines);
    signs.add_if(
        Sign::ManyHeaders,
        lines > MAX_LINES || headers.request_bytes > MANY_BYTES,
    );
    signs.add_if(Sign::Signed, headers.is_signed);
    signs.add_if(Sign::Expect, headers.expects_continue);
    let host = headers.host.as_deref().and_then(parse_authority);
    if let (Some(host), Some(dialled)) = (host, &peer.address) {
        let is_ip = dialled.ip().is_some();
        signs.add_if(Sign::OtherHost, host.host != dialled.host && !is_ip);
    }
    signs
}

/// How the name was written, before it was normalised.
fn of_name(attributes: &AttributeSet<'_>, peer: &Peer, mut signs: Signs) -> Signs {
    if peer.address.as_ref().is_none_or(|at| at.ip().is_some()) {
        return signs;
    }
    let names = [
        Key::ServerAddress,
        Key::NetPeerName,
        Key::HttpHost,
        Key::PeerHostname,
    ];
    let host = match attributes.first_text(&names) {
        Some(host) => host,
        None => attributes
            .first_text(&[Key::UrlFull, Key::HttpUrl])
            .map_or("", authority),
    };
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    };
    signs.add_if(
        Sign::UpperCase,
        name.bytes().any(|byte| byte.is_ascii_uppercase()),
    );
    signs.add_if(Sign::TrailingDot, name.ends_with('.'));
    let port = peer.address.as_ref().and_then(|address| address.port);
    signs.add_if(Sign::PortInHost, port.is_some_and(|port| port != 80));
    signs
}

/// What was dialled, whatever it speaks.
fn of_target(peer: &Peer, mut signs: Signs) -> Signs {
    let system = peer.category.system().unwrap_or_default();
    signs.add_if(Sign::Sharded, SHARDED.contains(&system));
    signs.add_if(Sign::SpeaksFirst, is_server_first(&peer.scheme));
    let is_database = matches!(peer.category, Category::Database { .. });
    signs.add_if(Sign::HostList, is_database && !peer.also.is_empty());
    if let Some(address) = &peer.address {
        let is_ip = address.ip().is_some() && !is_loopback(&address.host);
        signs.add_if(Sign::IpAddress, is_ip);
        signs.add_if(Sign::Ordinal, is_member(&address.host));
    }
    signs
}

/// Systems whose clients learn the members of a cluster and dial the one that has the data.
const SHARDED: [&str; 9] = [
    "aerospike",
    "cassandra",
    "couchbase",
    "hbase",
    "kafka",
    "mongodb",
    "pulsar",
    "rocketmq",
    "scylladb",
];

/// True for `db-0.db` and the like: a stateful set gives its pods such names, and people their machines. Regions of clouds,
/// such as `us-east-1.example.com`, look alike.
fn is_member(host: &str) -> bool {
    let Some((first, _)) = host.split_once('.') else {
        return false;
    };
    let Some((set, ordinal)) = first.rsplit_once('-') else {
        return false;
    };
    let direction = set.rsplit('-').next().unwrap_or_default();
    let is_region = ["north", "south", "east", "west", "central"]
        .iter()
        .any(|part| direction.starts_with(part) || direction.ends_with(part));
    let is_ordinal = matches!(ordinal.len(), 1..=4) && ordinal.bytes().all(|b| b.is_ascii_digit());
    is_ordinal && !is_region
}

/// Host and port of a URL, as written.
fn authority(url: &str) -> &str {
    let rest = url.split_once("://").map_or("", |(_, rest)| rest);
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    authority.rsplit('@').next().unwrap_or_default()
}

fn of_failure(span: &SpanView<'_>, mut signs: Signs) -> Signs {
    let kind = span.attributes.text(Key::ErrorType).unwrap_or_default();
    let has_failed = span.is_error || !kind.is_empty();
    if !has_failed {
        return signs;
    }
    let tells = |words: &[&str]| {
        [kind, span.events.exception]
            .iter()
            .any(|text| words.iter().any(|word| contains(text, word)))
    };
    signs.add_if(Sign::Refused, tells(&REFUSED));
    signs.add_if(Sign::Unresolved, tells(&UNRESOLVED));
    let status = [Key::HttpResponseStatusCode, Key::HttpStatusCode];
    let is_unavailable = span.attributes.first_int(&status) == Some(503);
    let took_ns = span.end_ns.saturating_sub(span.start_ns);
    let is_request =
        span.attributes.has(Key::HttpRequestMethod) || span.attributes.has(Key::HttpMethod);
    signs.add_if(
        Sign::ClosedUnanswered,
        is_request && took_ns < AT_ONCE_NS && (is_unavailable || tells(&CLOSED)),
    );
    signs
}

/// Python, Java, Node, .NET, Go and the conventions.
const REFUSED: [&str; 6] = [
    "connectionrefused",
    "connection refused",
    "connection_refused",
    "econnrefused",
    "java.net.connectexception",
    "httphostconnectexception",
];

const UNRESOLVED: [&str; 12] = [
    "eai_again",
    "eai_noname",
    "eai_nodata",
    "enotfound",
    "gaierror",
    "unknownhost",
    "unresolvedaddress",
    "nameresolution",
    "name_resolution",
    "no such host",
    "dnserror",
    "nxdomain",
];

const CLOSED: [&str; 14] = [
    "econnreset",
    "epipe",
    "connectionreset",
    "connection reset",
    "connection_reset",
    "brokenpipe",
    "remotedisconnected",
    "serverdisconnected",
    "nohttpresponse",
    "socket hang up",
    "eofexception",
    "eoferror",
    "io.eof",
    "unexpected eof",
];

/// True when `text` has the lower-case `word` in any case.
fn contains(text: &str, word: &str) -> bool {
    let (text, word) = (text.as_bytes(), word.as_bytes());
    text.windows(word.len())
        .any(|window| window.eq_ignore_ascii_case(word))
}

#[cfg(test)]
mod tests;
