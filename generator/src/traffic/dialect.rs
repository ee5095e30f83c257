//! What spans say about calls, in the spellings of several SDKs and of Envoy.

use std::borrow::Cow;

use crate::span::Span;
use crate::world::{GRPC_PORT, HTTP_PORT, PUBLIC_HOST, Sdk, Service};

/// What a client tells of the address that it dialled.
#[derive(Debug, Clone, Copy)]
pub(super) enum Dialled<'w> {
    /// A name inside the company.
    Name(&'w str),
    /// A public name.
    Public(&'static str),
    /// The socket alone.
    Socket,
    /// Nothing.
    Nothing,
}

pub(super) fn http_client<'w>(
    span: &mut Span<'w>,
    dialled: Dialled<'w>,
    sdk: Sdk,
    socket: &'w str,
) {
    let method = match sdk {
        Sdk::Stable => "http.request.method",
        Sdk::Old | Sdk::Older => "http.method",
    };
    span.describe(&[(method, "GET")]);
    let (host, scheme, port) = match dialled {
        Dialled::Name(host) => (host, "http", HTTP_PORT),
        Dialled::Public(host) => (host, "https", "443"),
        Dialled::Socket => {
            span.describe(&[
                ("network.peer.address", socket),
                ("network.peer.port", HTTP_PORT),
            ]);
            return;
        }
        Dialled::Nothing => return,
    };
    let url = || match port {
        "443" => format!("{scheme}://{host}/items/{}", span.id % 10_000),
        port => format!("{scheme}://{host}:{port}/items/{}", span.id % 10_000),
    };
    match sdk {
        Sdk::Stable => {
            let url = url();
            span.tell("url.full", url);
            span.describe(&[("server.address", host), ("server.port", port)]);
            if let Dialled::Name(_) = dialled {
                span.describe(&[("network.peer.address", socket)]);
            }
        }
        Sdk::Old => {
            let url = url();
            span.tell("http.url", url);
        }
        Sdk::Older => span.describe(&[
            ("net.peer.name", host),
            ("net.peer.port", port),
            ("http.scheme", scheme),
        ]),
    }
}

pub(super) fn status(span: &mut Span<'_>, sdk: Sdk, status: &'static str) {
    let key = match sdk {
        Sdk::Stable => "http.response.status_code",
        Sdk::Old | Sdk::Older => "http.status_code",
    };
    span.describe(&[(key, status)]);
}

pub(super) fn grpc_client<'w>(
    span: &mut Span<'w>,
    dialled: Dialled<'w>,
    (service, sdk): (&'w str, Sdk),
    socket: &'w str,
) {
    let system = match sdk {
        Sdk::Stable => "rpc.system.name",
        Sdk::Old | Sdk::Older => "rpc.system",
    };
    span.describe(&[
        (system, "grpc"),
        ("rpc.service", service),
        ("rpc.method", "Get"),
    ]);
    match (dialled, sdk) {
        (Dialled::Name(host), Sdk::Stable | Sdk::Old) => {
            span.describe(&[("server.address", host), ("server.port", GRPC_PORT)]);
        }
        (Dialled::Name(host), Sdk::Older) => {
            span.describe(&[("net.peer.name", host), ("net.peer.port", GRPC_PORT)]);
        }
        (Dialled::Socket, _) => span.describe(&[
            ("network.peer.address", socket),
            ("network.peer.port", GRPC_PORT),
        ]),
        (Dialled::Public(_) | Dialled::Nothing, _) => {}
    }
}

pub(super) fn server<'w>(span: &mut Span<'w>, own: &'w Service, is_grpc: bool) {
    if is_grpc {
        span.describe(&[
            ("rpc.system", "grpc"),
            ("rpc.service", &own.rpc_service),
            ("rpc.method", "Get"),
        ]);
        return;
    }
    match own.sdk {
        Sdk::Stable => span.describe(&[
            ("http.request.method", "GET"),
            ("http.route", "/items/{id}"),
            ("server.address", &own.hosts[1]),
            ("server.port", HTTP_PORT),
        ]),
        Sdk::Old | Sdk::Older => {
            span.describe(&[("http.method", "GET"), ("http.route", "/items/{id}")]);
            // Flask puts the port inside the host.
            let host = format!("{}:{HTTP_PORT}", own.hosts[1]);
            span.attributes.push(("net.host.name", Cow::Owned(host)));
        }
    }
}

/// Envoy beside the caller: its peer is the downstream, its upstream cluster the callee.
pub(super) fn sidecar_client<'w>(span: &mut Span<'w>, callee: &'w Service, downstream: &'w str) {
    span.describe(&[("component", "proxy"), ("peer.address", downstream)]);
    let host = &callee.hosts[2];
    span.tell(
        "upstream_cluster.name",
        format!("outbound|{HTTP_PORT}||{host}"),
    );
}

/// Envoy beside the callee.
pub(super) fn sidecar_server<'w>(span: &mut Span<'w>, downstream: &'w str) {
    span.describe(&[
        ("component", "proxy"),
        ("peer.address", downstream),
        ("upstream_cluster.name", "inbound|8080||"),
    ]);
}

pub(super) fn gateway_server(span: &mut Span<'_>) {
    span.describe(&[
        ("component", "proxy"),
        ("http.method", "GET"),
        ("http.host", PUBLIC_HOST),
    ]);
}
