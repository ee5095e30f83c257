//! Spans of proxies: how Envoy and Istio mark them, and where such a span sent its request (inference rule 1.9).
//!
//! On these spans `peer.address` names the *downstream*, and `http.url` carries the Host header as it came in: neither is
//! what the proxy dialled. The upstream cluster is.
//!
//! Envoy makes one span per listener that a request passes: SERVER, or CLIENT where the listener's traffic direction is
//! outbound. With `spawn_upstream_span`, as Istio's gateways have it, that span is SERVER and has a CLIENT below it, on
//! which `node_id` is missing.

use super::address::{Address, parse_authority};
use crate::attribute::{AttributeSet, Key};
use crate::span::SpanKind;

/// What a proxy's span says about its place on the way of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ProxyMarks {
    /// Emitted by a proxy.
    pub is_proxy: bool,
    /// The proxy stands beside one workload and serves it alone.
    pub is_sidecar: bool,
    /// The half of a sidecar's hop that faces its own workload: the workload's call on its way out, or a request on the
    /// sidecar's way in. Never a call between services.
    pub faces_workload: bool,
    /// Made for a request that came to the proxy, not as the upstream half of another of its spans.
    pub is_received: bool,
}

/// Reads the marks of a span; all false when no proxy emitted it.
#[must_use]
pub fn proxy_marks(kind: SpanKind, attributes: &AttributeSet<'_>) -> ProxyMarks {
    if !is_proxy(attributes) {
        return ProxyMarks::default();
    }
    let direction = cluster(attributes).and_then(direction);
    let is_sidecar = direction == Some(Direction::Inbound) || is_sidecar_node(attributes);
    let faces_workload = match kind {
        SpanKind::Client => direction == Some(Direction::Inbound),
        SpanKind::Server => is_sidecar && direction == Some(Direction::Outbound),
        _ => false,
    };
    ProxyMarks {
        is_proxy: true,
        is_sidecar,
        faces_workload,
        is_received: attributes.has(Key::NodeId),
    }
}

/// True when the proxy's name for itself says that it is a sidecar.
pub(crate) fn is_sidecar_node(attributes: &AttributeSet<'_>) -> bool {
    attributes
        .text(Key::NodeId)
        .is_some_and(|node| node.starts_with("sidecar~"))
}

/// True when the attributes say that a proxy emitted the span.
pub(super) fn is_proxy(attributes: &AttributeSet<'_>) -> bool {
    attributes.text(Key::Component) == Some("proxy")
        || attributes.has(Key::UpstreamCluster)
        || attributes.has(Key::UpstreamClusterName)
}

fn cluster<'a>(attributes: &AttributeSet<'a>) -> Option<&'a str> {
    attributes.first_text(&[Key::UpstreamClusterName, Key::UpstreamCluster])
}

/// Where an Istio cluster leads, seen from its proxy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Direction {
    Inbound,
    Outbound,
}

fn direction(cluster: &str) -> Option<Direction> {
    if cluster.starts_with("inbound|") || cluster.starts_with("InboundPassthroughCluster") {
        Some(Direction::Inbound)
    } else if cluster.starts_with("outbound|")
        || matches!(cluster, "PassthroughCluster" | "BlackHoleCluster")
    {
        Some(Direction::Outbound)
    } else {
        None
    }
}

/// The host and port in Istio's name of an outbound cluster: `outbound|9080|v1|details.bookinfo.svc.cluster.local`.
pub(super) fn upstream(attributes: &AttributeSet<'_>) -> Option<Address> {
    let mut parts = cluster(attributes)?.split('|');
    let (direction, port, _subset, host) =
        (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    if direction != "outbound" || parts.next().is_some() {
        return None;
    }
    let address = parse_authority(host)?;
    Some(Address {
        port: port.parse().ok().filter(|port| *port != 0),
        ..address
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attribute::Value;

    fn upstream_of(name: &'static str) -> Option<String> {
        let mut attributes = AttributeSet::default();
        attributes.insert(Key::UpstreamClusterName, Value::Text(name));
        assert!(is_proxy(&attributes));
        upstream(&attributes).map(|address| address.to_string())
    }

    #[test]
    fn an_outbound_cluster_of_istio_names_its_host_and_port() {
        assert_eq!(
            upstream_of("outbound|9080|v1|details.bookinfo.svc.cluster.local").as_deref(),
            Some("details.bookinfo.svc.cluster.local:9080")
        );
    }

    fn marks_of(kind: SpanKind, cluster: &'static str, node: Option<&'static str>) -> [bool; 4] {
        let mut attributes = AttributeSet::default();
        attributes.insert(Key::UpstreamCluster, Value::Text(cluster));
        if let Some(node) = node {
            attributes.insert(Key::NodeId, Value::Text(node));
        }
        let marks = proxy_marks(kind, &attributes);
        [
            marks.is_proxy,
            marks.is_sidecar,
            marks.faces_workload,
            marks.is_received,
        ]
    }

    #[test]
    fn istio_tells_sidecars_from_gateways_and_the_halves_of_a_hop_apart() {
        let (sidecar, router) = (
            Some("sidecar~1.2.3.4~a.ns~ns"),
            Some("router~1.2.3.4~gw.ns~ns"),
        );
        let (client, server) = (SpanKind::Client, SpanKind::Server);
        for (kind, cluster, node, marks) in [
            (server, "inbound|9080||", sidecar, [true, true, false, true]),
            (client, "inbound|9080||", None, [true, true, true, false]),
            (client, "outbound|80||b", sidecar, [true, true, false, true]),
            (server, "outbound|80||b", sidecar, [true, true, true, true]),
            (
                server,
                "PassthroughCluster",
                sidecar,
                [true, true, true, true],
            ),
            (client, "outbound|80||b", None, [true, false, false, false]),
            (server, "outbound|80||b", router, [true, false, false, true]),
            (server, "frontend", Some(""), [true, false, false, true]),
        ] {
            assert_eq!(
                marks_of(kind, cluster, node),
                marks,
                "{kind:?} {cluster} {node:?}"
            );
        }
    }

    #[test]
    fn other_cluster_names_name_no_host() {
        for name in [
            "inbound|9080||",
            "frontend",
            "outbound|x",
            "outbound|1||a b",
            "outbound|1||a|b",
        ] {
            assert_eq!(upstream_of(name), None, "{name}");
        }
    }
}
