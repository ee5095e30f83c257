//! The other end of a span, as its attributes describe it (inference rules 1.5 to 1.8).
//!
//! On an outgoing span this is what was dialled; on a server span it is the Host by which the service was called and,
//! if given, the caller's name. A `Peer` only repeats what the span says, normalised. Which node it stands for is
//! decided in [`resolve`](crate::segment), with everything else that was seen.
//!
//! Values with one entry per request never enter a `Peer`: no path, query, statement, or ephemeral port.

mod address;
mod category;
mod proxy;

use serde::{Deserialize, Serialize};

pub use address::{Address, is_loopback, is_private, parse_authority};
pub(crate) use address::{ip_of, parent_domain, split_scheme, url_head};
pub use category::{Category, MessageRole, message_role};
pub(crate) use proxy::is_sidecar_node;
pub use proxy::{ProxyMarks, proxy_marks};

use crate::attribute::{AttributeSet, Key};
use crate::span::SpanKind;
use crate::text::clip;

/// What a span says about its other end. Ordered and hashable, so that equal descriptions are one peer.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
pub struct Peer {
    /// `http`, `https`, `grpc`, a database or messaging system; empty when unknown.
    pub scheme: String,
    /// The dialled address (server spans: the Host they were called by).
    pub address: Option<Address>,
    /// Further addresses of one client, such as Kafka bootstrap servers; sorted.
    pub also: Vec<Address>,
    /// The socket peer of an outgoing span; a proxy or sidecar when one is in the path.
    pub socket: Option<Address>,
    /// `service.peer.name` or `peer.service`, with its namespace.
    pub name: Option<(String, String)>,
    /// What kind of system is called.
    pub category: Category,
    /// `http/1.1`, `http/2`, `http`, `grpc`, a database or messaging system; empty when unknown.
    pub protocol: String,
    /// HTTP request method, to group resends; empty otherwise.
    pub method: String,
}

impl Peer {
    /// Reads the peer of a span. Names are cut at `max_chars` characters.
    #[must_use]
    pub fn of_span(kind: SpanKind, attributes: &AttributeSet<'_>, max_chars: usize) -> Self {
        let category = Category::of_span(kind, attributes, max_chars);
        let url = attributes
            .first_text(&[Key::UrlFull, Key::HttpUrl])
            .and_then(address::parse_url);
        let scheme = scheme(attributes, &category, url.as_ref());
        let mut addresses = match (kind, proxy::upstream(attributes)) {
            (SpanKind::Server, _) => address::served(attributes),
            (_, Some(upstream)) => vec![upstream],
            (_, None) => address::dialled(attributes, url.as_ref()),
        };
        let default_port = address::default_port(&scheme);
        for address in &mut addresses {
            address.port = address.port.or(default_port);
        }
        addresses.sort();
        addresses.dedup();
        let mut addresses = addresses.into_iter();
        Self {
            address: addresses.next(),
            also: addresses.take(MAX_ALSO).collect(),
            socket: (kind != SpanKind::Server && !proxy::is_proxy(attributes))
                .then(|| address::socket(attributes))
                .flatten(),
            name: peer_name(attributes, max_chars),
            protocol: protocol(attributes, &category),
            method: method(attributes),
            category,
            scheme,
        }
    }

    /// True when the span says nothing at all about its other end.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// True when there is a dialled name or socket to find the other end by.
    #[must_use]
    pub fn has_address(&self) -> bool {
        self.address.is_some() || self.socket.is_some()
    }

    /// The dialled name, else the socket peer.
    #[must_use]
    pub fn best_address(&self) -> Option<&Address> {
        self.address.as_ref().or(self.socket.as_ref())
    }

    /// The same for any host below the parent domain, without what tells requests apart; what a host folds into when there
    /// is no room for it. `None` when the host has no such parent.
    #[must_use]
    pub(crate) fn widened(&self) -> Option<Self> {
        let address = self.address.as_ref()?;
        let parent = parent_domain(&address.host)?;
        Some(Self {
            scheme: self.scheme.clone(),
            address: Some(Address {
                host: format!("*.{parent}"),
                port: address.port,
            }),
            category: self.category.clone(),
            protocol: self.protocol.clone(),
            ..Self::default()
        })
    }

    /// What `base` says about the call, at the address that `dialled` knows (rule 1.6): category from the outermost
    /// span that has one, address from the innermost.
    #[must_use]
    pub fn joined(base: &Self, dialled: &Self) -> Self {
        let mut joined = base.clone();
        if dialled.has_address() {
            joined.address.clone_from(&dialled.address);
            joined.also.clone_from(&dialled.also);
            joined.socket.clone_from(&dialled.socket);
        }
        if joined.scheme.is_empty() {
            joined.scheme.clone_from(&dialled.scheme);
        }
        if joined.protocol.is_empty() {
            joined.protocol.clone_from(&dialled.protocol);
        }
        if joined.name.is_none() {
            joined.name.clone_from(&dialled.name);
        }
        if joined.category == Category::None {
            joined.category.clone_from(&dialled.category);
        }
        joined
    }
}

/// Bootstrap lists are short; a longer one adds nothing to an identity.
const MAX_ALSO: usize = 15;

fn peer_name(attributes: &AttributeSet<'_>, max_chars: usize) -> Option<(String, String)> {
    let name =
        attributes.first_text(&[Key::ServicePeerName, Key::PeerService, Key::NetPeerService])?;
    let namespace = attributes
        .text(Key::ServicePeerNamespace)
        .unwrap_or_default();
    Some((clip(namespace, max_chars), clip(name, max_chars)))
}

fn scheme(
    attributes: &AttributeSet<'_>,
    category: &Category,
    url: Option<&address::Url>,
) -> String {
    if let Some(system) = category.system() {
        return system.to_owned();
    }
    let named = url
        .map(|url| url.scheme.as_str())
        .or_else(|| attributes.first_text(&[Key::UrlScheme, Key::HttpScheme]))
        .map(str::to_ascii_lowercase)
        .filter(|scheme| address::is_known_scheme(scheme));
    match (named, category) {
        (Some(scheme), _) => scheme,
        (None, Category::Rpc { system, .. }) if system == "grpc" => "grpc".to_owned(),
        (None, _) if is_http(attributes) => "http".to_owned(),
        (None, _) => String::new(),
    }
}

fn is_http(attributes: &AttributeSet<'_>) -> bool {
    attributes.has(Key::HttpRequestMethod) || attributes.has(Key::HttpMethod)
}

fn protocol(attributes: &AttributeSet<'_>, category: &Category) -> String {
    if let Some(system) = category.system() {
        return system.to_owned();
    }
    if let Category::Rpc { system, .. } = category {
        return system.clone();
    }
    let version = attributes
        .first_text(&[Key::NetworkProtocolVersion, Key::HttpFlavor])
        .unwrap_or_default();
    let version = version
        .trim_start_matches("HTTP/")
        .trim_start_matches("http/");
    let is_http = is_http(attributes)
        || attributes.has(Key::UrlFull)
        || attributes.has(Key::HttpUrl)
        || attributes.text(Key::NetworkProtocolName) == Some("http");
    let name = match (is_http, version) {
        (false, _) => "",
        (true, "1.0") => "http/1.0",
        (true, "1.1") => "http/1.1",
        (true, "2" | "2.0") => "http/2",
        (true, "3" | "3.0") => "http/3",
        (true, _) => "http",
    };
    name.to_owned()
}

/// Only the methods of RFC 9110 and PATCH: anything else is `_OTHER`, as the conventions say.
fn method(attributes: &AttributeSet<'_>) -> String {
    const KNOWN: [&str; 9] = [
        "CONNECT", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "TRACE",
    ];
    match attributes.first_text(&[Key::HttpRequestMethod, Key::HttpMethod]) {
        None => String::new(),
        Some(method) => KNOWN
            .iter()
            .find(|known| known.eq_ignore_ascii_case(method))
            .map_or("_OTHER", |known| known)
            .to_owned(),
    }
}

#[cfg(test)]
mod tests;
