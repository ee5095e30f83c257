//! The bytes that decide a derivation: what it reads of a span's attributes, and no more.
//!
//! Values with one entry per request are left out, or reduced to what is read of them: of a URL the part before the path,
//! of a body size whether it is large, of a proxy's node whether it is a sidecar. A key that a derivation reads and that
//! is missing here would give a span the peer of another: `derived/tests.rs` changes every key in turn.

use super::super::bytes::MAX_KEY;
use super::super::signs;
use crate::attribute::{AttributeSet, Kept, Key, KeySet};
use crate::peer::{is_sidecar_node, url_head};
use crate::span::SpanKind;

/// Read with their values on any span.
const COMMON: KeySet = KeySet::of(&[
    Key::ServicePeerName,
    Key::ServicePeerNamespace,
    Key::PeerService,
    Key::NetPeerService,
    Key::ServerAddress,
    Key::ServerPort,
    Key::HttpHost,
    Key::NetworkProtocolName,
    Key::NetworkProtocolVersion,
    Key::HttpFlavor,
    Key::UrlScheme,
    Key::HttpScheme,
    Key::HttpRequestMethod,
    Key::HttpMethod,
    Key::HttpResponseStatusCode,
    Key::HttpStatusCode,
    Key::RpcSystemName,
    Key::RpcSystem,
    Key::RpcService,
    Key::RpcMethod,
    Key::RpcResponseStatusCode,
    Key::RpcGrpcStatusCode,
    Key::DbSystemName,
    Key::DbSystem,
    Key::DbNamespace,
    Key::DbName,
    Key::MessagingSystem,
    Key::MessagingDestinationName,
    Key::MessagingDestinationTemplate,
    Key::MessagingDestinationTemporary,
    Key::MessagingDestinationAnonymous,
    Key::MessagingDestination,
    Key::MessagingOperationType,
    Key::MessagingOperationName,
    Key::MessagingOperation,
    Key::MessagingKafkaClusterId,
    Key::MessagingRabbitmqRoutingKey,
    Key::MessagingRabbitmqDestinationRoutingKey,
    Key::GenAiProviderName,
    Key::GenAiSystem,
    Key::FaasInvokedName,
    Key::FaasInvokedProvider,
    Key::FaasInvokedRegion,
    Key::Component,
    Key::UpstreamCluster,
    Key::UpstreamClusterName,
]);

/// Read with their values on server spans only.
const SERVED: KeySet = KeySet::of(&[
    Key::NetHostName,
    Key::NetHostPort,
    Key::HttpServerName,
    Key::HttpRoute,
    Key::UrlTemplate,
]);

/// Read with their values on all but server spans.
const DIALLED: KeySet = KeySet::of(&[
    Key::NetPeerName,
    Key::NetPeerPort,
    Key::PeerHostname,
    Key::PeerAddress,
    Key::PeerPort,
    Key::OutHost,
    Key::NetworkPeerAddress,
    Key::NetworkPeerPort,
    Key::NetSockPeerAddr,
    Key::NetSockPeerPort,
    Key::NetPeerIp,
    Key::PeerIpv4,
    Key::PeerIpv6,
    Key::DbConnectionString,
    Key::MessagingUrl,
]);

/// Only asked whether they are there, or reduced.
const PRESENT: KeySet = KeySet::of(&[
    Key::DbOperationName,
    Key::DbOperation,
    Key::AwsS3Bucket,
    Key::UrlFull,
    Key::HttpUrl,
    Key::NodeId,
]);

const OF_SERVERS: KeySet = COMMON.with(SERVED);
const OF_OTHERS: KeySet = COMMON.with(DIALLED);

/// Writes the key of a span over what is in `key`. A key longer than [`MAX_KEY`] may be cut: it is never kept.
pub(super) fn write(kind: SpanKind, attributes: &AttributeSet<'_>, key: &mut Vec<u8>) {
    let valued = match kind {
        SpanKind::Server => OF_SERVERS,
        _ => OF_OTHERS,
    };
    let mut head = kind as u8;
    head |= u8::from(signs::has_large_body(attributes)) << 4;
    head |= u8::from(is_sidecar_node(attributes)) << 5;
    key.clear();
    key.push(head);
    key.extend_from_slice(&attributes.present(valued.with(PRESENT)).to_le_bytes());
    // Which values follow is told by the bits above, and each tells its own length: no two sets have one key.
    for value in attributes.values(valued) {
        write_value(value, key);
        if key.len() > MAX_KEY {
            return;
        }
    }
    if let Some(url) = attributes.first_text(&[Key::UrlFull, Key::HttpUrl]) {
        key.extend_from_slice(url_head(url).as_bytes());
    }
}

fn write_value(value: Kept<'_>, key: &mut Vec<u8>) {
    match value {
        Kept::Text(text) => {
            // A longer text makes the key too long to be kept.
            let length = u16::try_from(text.len()).unwrap_or(u16::MAX);
            let [low, high] = length.to_le_bytes();
            key.extend_from_slice(&[0, low, high]);
            key.extend_from_slice(text);
        }
        Kept::Int(number) => {
            key.push(1);
            key.extend_from_slice(&number.to_le_bytes());
        }
        Kept::Double(number) => {
            key.push(2);
            key.extend_from_slice(&number.to_bits().to_le_bytes());
        }
        Kept::Bool(claim) => key.push(3 + u8::from(claim)),
    }
}
