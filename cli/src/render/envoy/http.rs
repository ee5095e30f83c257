//! HTTP settings: the connection manager and the upstream protocol of clusters.
//!
//! Nearly every field here removes one way in which a proxy changes what passes through it: header case, size limits,
//! added headers, upgrades, idle cuts.

use super::plan::Upstream;
use super::typed;
use super::yaml::{Node, list, map};

/// Most headers of a message: with the default of 100, Envoy answers larger ones with 431 and 502.
const MAX_HEADERS: u64 = 1000;

/// Most calls at once on one HTTP/2 connection, the most there can be: clients hold back what is above the limit, so that
/// with Envoy's 1024 the calls behind as many open streams would wait for ever.
const MAX_STREAMS: u64 = 2_147_483_647;

/// A connection manager; `routes` is its `rds` or `route_config` entry, `filters` come before the router.
pub(super) fn connection_manager(
    stat_prefix: &str,
    routes: (&'static str, Node),
    filters: Vec<Node>,
    drift: Option<Node>,
) -> Node {
    let router = filter(
        "router",
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
            "http2_protocol_options",
            map([("max_concurrent_streams", MAX_STREAMS.into())]),
        ),
        (
            "common_http_protocol_options",
            map([("max_headers_count", MAX_HEADERS.into())]),
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
        ("http_filters", list(filters.into_iter().chain([router]))),
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

/// An HTTP filter.
pub(super) fn filter(name: &str, kind: &str, config: Node) -> Node {
    map([
        ("name", format!("envoy.filters.http.{name}").into()),
        ("typed_config", typed(kind, config)),
    ])
}

/// How long a connection lives that could pin a client to one pod; requests in flight end in peace.
pub(super) const RENEWAL: &str = "60s";

/// How long the connections of a cluster live; Envoy's defaults when absent.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Life {
    /// Without a call.
    pub idle: Option<String>,
    /// At all.
    pub whole: Option<String>,
}

/// Upstream options of a cluster.
pub(super) fn upstream(version: Upstream, life: &Life) -> Node {
    const NAME: &str = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions";
    let http1 = || {
        map([
            ("header_key_format", preserve_case()),
            ("enable_trailers", true.into()),
        ])
    };
    let protocol = match version {
        Upstream::Http1 => (
            "explicit_http_config",
            map([("http_protocol_options", http1())]),
        ),
        Upstream::Http2 => (
            "explicit_http_config",
            map([("http2_protocol_options", map([]))]),
        ),
        Upstream::Mirror => (
            "use_downstream_protocol_config",
            map([
                ("http_protocol_options", http1()),
                ("http2_protocol_options", map([])),
            ]),
        ),
    };
    let mut common = map([("max_headers_count", MAX_HEADERS.into())]);
    if let Some(idle) = &life.idle {
        common = common.with("idle_timeout", idle.as_str());
    }
    if let Some(whole) = &life.whole {
        common = common.with("max_connection_duration", whole.as_str());
    }
    let options = map([("common_http_protocol_options", common), protocol]);
    map([(NAME, typed(NAME, options))])
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
