//! HTTP settings: the connection manager and the upstream protocol of clusters.
//!
//! Every field here removes one way in which a proxy changes what passes through it: header case, size limits, added
//! headers, upgrades, idle cuts.

use super::typed;
use super::yaml::{Node, list, map};

/// A connection manager; `routes` is its `rds` or `route_config` entry.
pub(super) fn connection_manager(
    stat_prefix: &str,
    routes: (&str, Node),
    drift: Option<Node>,
) -> Node {
    let router = typed(
        "envoy.extensions.filters.http.router.v3.Router",
        map([("suppress_envoy_headers", true.into())]),
    );
    let mut config = map([
        ("stat_prefix", stat_prefix.into()),
        ("codec_type", "AUTO".into()),
        routes,
        (
            "http_protocol_options",
            map([
                ("accept_http_10", true.into()),
                ("enable_trailers", true.into()),
                ("header_key_format", preserve_case()),
            ]),
        ),
        (
            "common_http_protocol_options",
            map([("max_headers_count", 1000_u64.into())]),
        ),
        ("max_request_headers_kb", 96_u64.into()),
        ("generate_request_id", false.into()),
        ("preserve_external_request_id", true.into()),
        ("server_header_transformation", "PASS_THROUGH".into()),
        ("skip_xff_append", true.into()),
        ("strip_trailing_host_dot", true.into()),
        ("stream_idle_timeout", "0s".into()),
        (
            "upgrade_configs",
            list([map([("upgrade_type", "websocket".into())])]),
        ),
        (
            "http_filters",
            list([map([
                ("name", "envoy.filters.http.router".into()),
                ("typed_config", router),
            ])]),
        ),
    ]);
    if let Some(drift) = drift {
        config = config.with("access_log", list([drift]));
    }
    map([
        (
            "name",
            "envoy.filters.network.http_connection_manager".into(),
        ),
        (
            "typed_config",
            typed(
                "envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
                config,
            ),
        ),
    ])
}

/// How long a connection lives that could pin a client to one pod; requests in flight end in peace.
pub(super) const RENEWAL: &str = "60s";

/// Upstream options: HTTP/1.x only.
pub(super) fn explicit_http1() -> Node {
    let protocol = map([("http_protocol_options", http1_options())]);
    upstream(map([("explicit_http_config", protocol)]), None)
}

/// Upstream options: HTTP/2 only, on connections that live this long.
pub(super) fn explicit_http2(renewal: Option<&str>) -> Node {
    let protocol = map([("http2_protocol_options", map([]))]);
    upstream(map([("explicit_http_config", protocol)]), renewal)
}

/// Upstream options: whatever the client speaks, on connections that live this long.
pub(super) fn mirror(renewal: Option<&str>) -> Node {
    let protocols = map([
        ("http_protocol_options", http1_options()),
        ("http2_protocol_options", map([])),
    ]);
    upstream(
        map([("use_downstream_protocol_config", protocols)]),
        renewal,
    )
}

fn upstream(options: Node, renewal: Option<&str>) -> Node {
    const NAME: &str = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions";
    let mut options = typed(NAME, options);
    if let Some(renewal) = renewal {
        let common = map([("max_connection_duration", renewal.into())]);
        options = options.with("common_http_protocol_options", common);
    }
    map([(NAME, options)])
}

fn http1_options() -> Node {
    map([
        ("header_key_format", preserve_case()),
        ("enable_trailers", true.into()),
    ])
}

fn preserve_case() -> Node {
    let config = typed(
        "envoy.extensions.http.header_formatters.preserve_case.v3.PreserveCaseFormatterConfig",
        map([]),
    );
    map([(
        "stateful_formatter",
        map([("name", "preserve_case".into()), ("typed_config", config)]),
    )])
}
