//! An endpoint of a Zipkin span: who emitted it, or who is at its other end.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use serde::Deserialize;
use tracemesh_graph::attribute::{AttributeSet, Key, Value};
use tracemesh_graph::identity::instance_of;
use tracemesh_graph::peer::is_loopback;
use tracemesh_graph::span::SpanKind;

use crate::decode::json::scalar::{Text, Whole};

/// The first port that systems choose for clients. Such a port tells connections apart, not instances. Fails for services
/// that listen above it: their instances on one machine are one.
const FIRST_EPHEMERAL_PORT: u16 = 32_768;

#[derive(Deserialize, Default)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Endpoint<'a> {
    #[serde(borrow)]
    pub(super) service_name: Text<'a>,
    #[serde(borrow)]
    ipv4: Text<'a>,
    #[serde(borrow)]
    ipv6: Text<'a>,
    port: Whole,
}

impl Endpoint<'_> {
    /// The address as text, and parsed; IPv4 first. What is no address is none.
    fn ip(&self) -> Option<(&str, IpAddr)> {
        let (v4, v6) = (self.ipv4.0.as_ref(), self.ipv6.0.as_ref());
        let v4 = v4.parse().ok().map(|ip: Ipv4Addr| (v4, IpAddr::V4(ip)));
        v4.or_else(|| v6.parse().ok().map(|ip: Ipv6Addr| (v6, IpAddr::V6(ip))))
    }

    fn port(&self) -> Option<u16> {
        self.port.get().filter(|port| *port != 0)
    }

    /// The name of an instance with this local endpoint.
    pub(super) fn instance(&self) -> Option<String> {
        let (text, ip) = self.ip()?;
        if is_loopback(text) {
            return None;
        }
        Some(match self.port() {
            Some(port) if port < FIRST_EPHEMERAL_PORT => SocketAddr::new(ip, port).to_string(),
            _ => text.to_owned(),
        })
    }

    /// Adds what a local endpoint says about its resource, where the resource does not say it itself.
    pub(super) fn describe<'s>(
        &'s self,
        resource: &mut AttributeSet<'s>,
        instance: Option<&'s str>,
    ) {
        if let Some((text, _)) = self.ip() {
            resource.insert(Key::HostIp, Value::Text(text));
        }
        if let (Some(instance), None) = (instance, instance_of(resource)) {
            resource.insert(Key::ServiceInstanceId, Value::Text(instance));
        }
    }

    /// Adds the port at which a server was called.
    pub(super) fn describe_server(&self, kind: SpanKind, attributes: &mut AttributeSet<'_>) {
        if let (SpanKind::Server, Some(port)) = (kind, self.port()) {
            attributes.insert(Key::NetHostPort, Value::Int(port.into()));
        }
    }

    /// Adds what a remote endpoint says about the other end, unless the tags say it already.
    pub(super) fn describe_peer<'s>(
        &'s self,
        name: &'s str,
        kind: SpanKind,
        attributes: &mut AttributeSet<'s>,
    ) {
        // Exporters fill the endpoint from the best of these attributes: then it is no name that somebody gave.
        let is_repeated = |text: &str| {
            let mut said = REMOTE.iter().filter_map(|key| attributes.text(*key));
            said.any(|said| said.eq_ignore_ascii_case(text))
        };
        let is_named = NAMES.iter().any(|key| attributes.has(*key));
        let name = Some(name).filter(|name| !name.is_empty() && !is_named && !is_repeated(name));
        let ip = self.ip().filter(|(text, _)| !is_repeated(text));
        if let Some(name) = name {
            attributes.insert(Key::PeerService, Value::Text(name));
        }
        let Some((ip, _)) = ip else { return };
        if kind == SpanKind::Server {
            if !attributes.has(Key::HttpClientIp) {
                attributes.insert(Key::ClientAddress, Value::Text(ip));
            }
        } else if !SOCKETS.iter().any(|key| attributes.has(*key)) {
            attributes.insert(Key::NetworkPeerAddress, Value::Text(ip));
            if let Some(port) = self.port() {
                attributes.insert(Key::NetworkPeerPort, Value::Int(port.into()));
            }
        }
    }
}

/// Names of the other end.
const NAMES: [Key; 3] = [Key::ServicePeerName, Key::PeerService, Key::NetPeerService];

/// Addresses of sockets.
const SOCKETS: [Key; 5] = [
    Key::NetworkPeerAddress,
    Key::NetSockPeerAddr,
    Key::NetPeerIp,
    Key::PeerIpv4,
    Key::PeerIpv6,
];

/// What the OpenTelemetry specification lets exporters make a remote endpoint of, beside a name.
const REMOTE: [Key; 7] = [
    Key::ServerAddress,
    Key::NetPeerName,
    Key::NetworkPeerAddress,
    Key::NetSockPeerAddr,
    Key::PeerHostname,
    Key::PeerAddress,
    Key::DbName,
];
