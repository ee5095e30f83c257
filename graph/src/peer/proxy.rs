//! Spans of proxies: how Envoy and Istio mark them, and where such a span sent its request (inference rule 1.9).
//!
//! On these spans `peer.address` names the *downstream*, and `http.url` carries the Host header as it came in: neither is
//! what the proxy dialled. The upstream cluster is.

use super::address::{Address, parse_authority};
use crate::attribute::{AttributeSet, Key};

/// True when the attributes say that a proxy emitted the span.
#[must_use]
pub fn is_proxy(attributes: &AttributeSet<'_>) -> bool {
    attributes.text(Key::Component) == Some("proxy")
        || attributes.has(Key::UpstreamCluster)
        || attributes.has(Key::UpstreamClusterName)
}

/// True when the proxy stands before the service that was called, not on the way to another.
#[must_use]
pub fn is_inbound(attributes: &AttributeSet<'_>) -> bool {
    let name = attributes.first_text(&[Key::UpstreamClusterName, Key::UpstreamCluster]);
    name.is_some_and(|name| name.starts_with("inbound|"))
}

/// The host and port in Istio's name of an outbound cluster: `outbound|9080|v1|details.bookinfo.svc.cluster.local`.
pub(super) fn upstream(attributes: &AttributeSet<'_>) -> Option<Address> {
    let name = attributes.first_text(&[Key::UpstreamClusterName, Key::UpstreamCluster])?;
    let mut parts = name.split('|');
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
