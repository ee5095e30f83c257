//! What is spoken to a target, from its scheme and the protocols of its edge.

use std::collections::BTreeMap;

use super::model::{DestinationProtocol, TargetProtocol};

/// Systems whose client protocol is HTTP although the scheme names the system.
const HTTP_SYSTEMS: &[&str] = &[
    "aws.dynamodb",
    "aws_sns",
    "aws_sqs",
    "azure.cosmosdb",
    "cosmosdb",
    "couchdb",
    "dynamodb",
    "elasticsearch",
    "influxdb",
    "opensearch",
    "s3",
    "spanner",
];

/// Schemes whose client says nothing before the server has greeted it. Failure mode: a system that is not listed stalls
/// for the time that its port is looked into, where its addresses are unknown.
const SERVER_FIRST: &[&str] = &[
    "ftp", "imap", "mariadb", "mysql", "nats", "pop3", "rfb", "smtp", "ssh", "telnet", "vnc",
];

/// Whether the clients of a system speak HTTP with it.
pub(crate) fn is_http_system(scheme: &str) -> bool {
    HTTP_SYSTEMS.contains(&scheme)
}

/// Whether the server of a scheme speaks first.
pub(crate) fn is_server_first(scheme: &str) -> bool {
    SERVER_FIRST.contains(&scheme)
}

/// Protocol of a target, or `None` when nothing tells it.
///
/// Port 443 under a name that does not say clear text is TLS: cloud APIs are dialled by gRPC or by the name of their
/// system, and spans rarely say that TLS is in between. Failure mode: clear text there stays on the passthrough.
pub(crate) fn classify(
    scheme: &str,
    port: u16,
    protocols: &BTreeMap<String, u64>,
) -> Option<TargetProtocol> {
    match scheme {
        "https" | "wss" | "tls" | "grpcs" => Some(TargetProtocol::Tls),
        "http" | "ws" => Some(http_version(protocols)),
        "grpc" if port != 443 => Some(grpc_version(protocols)),
        "tcp" => Some(TargetProtocol::Tcp),
        _ if port == 443 => Some(TargetProtocol::Tls),
        "" => from_edge(port, protocols),
        system if is_http_system(system) => Some(http_version(protocols)),
        _ => Some(TargetProtocol::Tcp),
    }
}

fn from_edge(port: u16, protocols: &BTreeMap<String, u64>) -> Option<TargetProtocol> {
    let http = protocols.keys().filter(|name| is_http(name)).count();
    match (protocols.len(), http) {
        (0, _) => (port == 80).then_some(TargetProtocol::Http),
        (all, http) if all == http => Some(http_version(protocols)),
        (_, 0) => Some(TargetProtocol::Tcp),
        _ => None,
    }
}

fn is_http(protocol: &str) -> bool {
    protocol == "http" || protocol == "grpc" || protocol.starts_with("http/")
}

/// Version of clear-text HTTP: explicit only where the numbers leave no doubt, because a wrong version answers 502.
fn http_version(protocols: &BTreeMap<String, u64>) -> TargetProtocol {
    let sum = |wanted: &dyn Fn(&str) -> bool| -> u128 {
        protocols
            .iter()
            .filter(|(name, _)| wanted(name))
            .map(|(_, count)| u128::from(*count))
            .sum()
    };
    let all = sum(&is_http);
    let grpc = sum(&|name| name == "grpc");
    let two = grpc + sum(&|name| matches!(name, "http/2" | "http/2.0"));
    let one = sum(&|name| name.starts_with("http/1"));
    let nearly_all = |part: u128| all > 0 && part * 1000 >= all * 999;
    if all > 0 && one == all {
        TargetProtocol::Http1
    } else if nearly_all(grpc) {
        TargetProtocol::Grpc
    } else if nearly_all(two) {
        TargetProtocol::Http2
    } else {
        TargetProtocol::Http
    }
}

/// gRPC needs HTTP/2, so only other versions on the same edge cast doubt.
fn grpc_version(protocols: &BTreeMap<String, u64>) -> TargetProtocol {
    match http_version(protocols) {
        TargetProtocol::Grpc | TargetProtocol::Http2 => TargetProtocol::Grpc,
        _ if !protocols.keys().any(|name| is_http(name)) => TargetProtocol::Grpc,
        _ => TargetProtocol::Http,
    }
}

/// Protocol of a port that several server spans describe. Only a port on which nothing but clear-text HTTP was seen
/// may be parsed.
pub(super) fn combine_inbound(one: TargetProtocol, other: TargetProtocol) -> TargetProtocol {
    if one == other {
        one
    } else if one.is_http() && other.is_http() {
        TargetProtocol::Http
    } else if one == TargetProtocol::Tls || other == TargetProtocol::Tls {
        TargetProtocol::Tls
    } else {
        TargetProtocol::Tcp
    }
}

/// Whether a target dialled by someone else can be what this edge speaks.
pub(super) fn agrees(protocols: &BTreeMap<String, u64>, target: TargetProtocol) -> bool {
    if protocols.is_empty() || target == TargetProtocol::Tls {
        return true;
    }
    let only_grpc = protocols.keys().all(|name| name == "grpc");
    let any_http = protocols.keys().any(|name| is_http(name));
    match target {
        TargetProtocol::Http1 => any_http && !only_grpc,
        TargetProtocol::Grpc => protocols
            .keys()
            .any(|name| matches!(name.as_str(), "grpc" | "http" | "http/2" | "http/2.0")),
        TargetProtocol::Tcp => protocols.keys().any(|name| !is_http(name)),
        _ => any_http,
    }
}

/// Protocol over several targets.
pub(super) fn combine(mut protocols: impl Iterator<Item = TargetProtocol>) -> DestinationProtocol {
    let Some(first) = protocols.next() else {
        return DestinationProtocol::Mixed;
    };
    if protocols.any(|other| other != first) {
        return DestinationProtocol::Mixed;
    }
    match first {
        TargetProtocol::Http1 => DestinationProtocol::Http1,
        TargetProtocol::Http2 => DestinationProtocol::Http2,
        TargetProtocol::Grpc => DestinationProtocol::Grpc,
        TargetProtocol::Tls => DestinationProtocol::Tls,
        TargetProtocol::Tcp => DestinationProtocol::Tcp,
        TargetProtocol::Http => DestinationProtocol::Http,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn http_of_unknown_version_is_not_called_a_mix() {
        use TargetProtocol::{Grpc, Http, Http1};
        assert_eq!(combine([Http, Http].into_iter()), DestinationProtocol::Http);
        let mixed = combine([Http1, Grpc].into_iter());
        assert_eq!(mixed, DestinationProtocol::Mixed);
    }

    #[test]
    fn a_protocol_is_explicit_only_where_the_numbers_leave_no_doubt() {
        use TargetProtocol::{Grpc, Http, Http1, Http2, Tcp, Tls};
        type Case = (
            &'static str,
            u16,
            &'static [(&'static str, u64)],
            Option<TargetProtocol>,
        );
        let cases: [Case; 17] = [
            ("http", 8080, &[("http/1.1", 10)], Some(Http1)),
            ("http", 8080, &[("http/1.1", 10), ("http/2", 1)], Some(Http)),
            (
                "http",
                8080,
                &[("http/1.1", 1), ("http/2", 999)],
                Some(Http2),
            ),
            (
                "http",
                8080,
                &[("http/1.1", 1), ("http/2", 998)],
                Some(Http),
            ),
            ("http", 8080, &[("http", 5)], Some(Http)),
            ("http", 443, &[("http/1.1", 5)], Some(Http1)),
            ("grpc", 50051, &[("grpc", 7)], Some(Grpc)),
            ("grpc", 50051, &[("grpc", 7), ("http/1.1", 7)], Some(Http)),
            ("grpc", 50051, &[], Some(Grpc)),
            ("grpc", 443, &[("grpc", 7)], Some(Tls)),
            ("https", 8443, &[("http/1.1", 7)], Some(Tls)),
            ("redis", 6379, &[("redis", 7)], Some(Tcp)),
            ("elasticsearch", 9200, &[("elasticsearch", 7)], Some(Http)),
            ("dynamodb", 443, &[], Some(Tls)),
            ("", 9000, &[("thrift", 7)], Some(Tcp)),
            ("", 9000, &[], None),
            ("", 9000, &[("thrift", 7), ("http/1.1", 1)], None),
        ];
        for (scheme, port, protocols, expected) in cases {
            let protocols = protocols
                .iter()
                .map(|(name, count)| ((*name).to_owned(), *count))
                .collect();
            assert_eq!(
                classify(scheme, port, &protocols),
                expected,
                "{scheme}:{port} {protocols:?}"
            );
        }
    }
}
