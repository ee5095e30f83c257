//! The drift report: what Envoy saw and tracing did not, one JSON object per connection or request.
//!
//! Every way into a passthrough cluster has such a log, and so has every destination known by its port alone. The values come from clients; Envoy escapes them.

use super::yaml::{Node, map};
use super::{route, typed};

/// Log of raw connections to destinations that were not observed.
pub(super) fn connections() -> Node {
    log(UNOBSERVED, "tcp", "-")
}

/// Log of connections to ports of the service itself that were not observed.
pub(super) fn inbound() -> Node {
    log(UNOBSERVED, "inbound", "-")
}

/// Log of connections that count for a cluster because of their port alone: each may be to another destination.
pub(super) fn whole_port() -> Node {
    log("attributed_by_port", "tcp_whole_port", "-")
}

/// Log of connections to a port of the sidecar itself, the only ones that are not passed on.
pub(super) fn refused() -> Node {
    log("refused", "loop_guard", "-")
}

/// Node id of the service, from the bootstrap: logs of many pods can be read together.
const SERVICE: &str = "%CEL(xds.node.metadata['service'])%";

const UNOBSERVED: &str = "unobserved";

fn log(what: &str, kind: &str, authority: &str) -> Node {
    let fields = map([
        ("tracemesh", what.into()),
        ("service", SERVICE.into()),
        ("where", kind.into()),
        ("dst", "%DOWNSTREAM_LOCAL_ADDRESS%".into()),
        ("authority", authority.into()),
        ("sni", "%REQUESTED_SERVER_NAME%".into()),
        ("upstream", "%UPSTREAM_HOST%".into()),
        ("flags", "%RESPONSE_FLAGS%".into()),
    ]);
    map([
        ("name", "drift".into()),
        (
            "typed_config",
            typed(
                "envoy.extensions.access_loggers.stream.v3.StdoutAccessLog",
                map([("log_format", map([("json_format", fields)]))]),
            ),
        ),
    ])
}

/// Log of requests: those of the unobserved virtual host only, the others are the observed ones.
pub(super) fn requests() -> Node {
    let expression = format!("xds.virtual_host_name == '{}'", route::UNOBSERVED);
    let filter = map([(
        "extension_filter",
        map([
            ("name", "envoy.access_loggers.extension_filters.cel".into()),
            (
                "typed_config",
                typed(
                    "envoy.extensions.access_loggers.filters.cel.v3.ExpressionFilter",
                    map([("expression", expression.into())]),
                ),
            ),
        ]),
    )]);
    log(UNOBSERVED, "http", "%REQ(:AUTHORITY)%").with("filter", filter)
}
