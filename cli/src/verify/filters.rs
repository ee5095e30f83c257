//! The network filter at the end of a filter chain: a TCP proxy or a connection manager.

use std::collections::BTreeMap;

use tracemesh_graph::verify::{ChainAction, HttpAction, RouteTable};

use super::field::{Field, NOT_UNDERSTOOD, ReadFault};
use super::resources::{Sources, resources, watched_path};
use super::routes;

const TCP_PROXY: &str = "envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy";
const CONNECTION_MANAGER: &str =
    "envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager";
const ROUTES: &str = "envoy.config.route.v3.RouteConfiguration";

/// Fields of a TCP proxy that decide nothing about where connections go.
const TCP_HARMLESS: [&str; 13] = [
    "@type",
    "stat_prefix",
    "idle_timeout",
    "downstream_idle_timeout",
    "upstream_idle_timeout",
    "access_log",
    "access_log_options",
    "access_log_flush_interval",
    "flush_access_log_on_connected",
    "max_connect_attempts",
    "backoff_options",
    "max_downstream_connection_duration",
    "max_downstream_connection_duration_jitter_percentage",
];

/// The same of a connection manager.
const HTTP_HARMLESS: [&str; 43] = [
    "@type",
    "stat_prefix",
    "codec_type",
    "access_log",
    "access_log_options",
    "http_protocol_options",
    "http2_protocol_options",
    "common_http_protocol_options",
    "max_request_headers_kb",
    "generate_request_id",
    "preserve_external_request_id",
    "always_set_request_id_in_response",
    "server_name",
    "server_header_transformation",
    "scheme_header_transformation",
    "add_user_agent",
    "tracing",
    "use_remote_address",
    "xff_num_trusted_hops",
    "skip_xff_append",
    "via",
    "represent_ipv4_remote_address_as_ipv4_mapped_ipv6",
    "append_x_forwarded_port",
    "proxy_100_continue",
    "stream_idle_timeout",
    "stream_flush_timeout",
    "stream_error_on_invalid_http_message",
    "request_timeout",
    "request_headers_timeout",
    "drain_timeout",
    "delayed_close_timeout",
    "forward_client_cert_details",
    "set_current_client_cert_details",
    "upgrade_configs",
    "normalize_path",
    "merge_slashes",
    "path_with_escaped_slashes_action",
    "request_id_extension",
    "local_reply_config",
    "internal_address_config",
    "http1_safe_max_connection_duration",
    "original_ip_detection_extensions",
    "proxy_status_config",
];

/// HTTP filters that let requests pass to the route, or refuse them for their number.
const HTTP_FILTERS: [&str; 7] = [
    "envoy.extensions.filters.http.router.v3.Router",
    "envoy.extensions.filters.http.adaptive_concurrency.v3.AdaptiveConcurrency",
    "envoy.extensions.filters.http.admission_control.v3.AdmissionControl",
    "envoy.extensions.filters.http.grpc_stats.v3.FilterConfig",
    "envoy.extensions.filters.http.bandwidth_limit.v3.BandwidthLimit",
    "envoy.extensions.filters.http.local_ratelimit.v3.LocalRateLimit",
    "envoy.extensions.filters.http.compressor.v3.Compressor",
];

/// Reads what a filter chain does; its routes go to `tables`.
pub(super) fn action(
    sources: &Sources,
    chain: &Field<'_>,
    tables: &mut BTreeMap<String, RouteTable>,
) -> Result<ChainAction, ReadFault> {
    let filters = chain.list_of("filters")?;
    let [filter] = filters.as_slice() else {
        return Err(chain.fault("one filter is expected: others may change where calls go"));
    };
    filter.only(&["typed_config"], &["name"])?;
    let config = filter.need("typed_config")?;
    match config.kind()? {
        TCP_PROXY => {
            config.only(&["cluster"], &TCP_HARMLESS)?;
            let cluster = config.need("cluster")?.text()?;
            Ok(ChainAction::Tcp(cluster.to_owned()))
        }
        CONNECTION_MANAGER => http(sources, &config, tables).map(ChainAction::Http),
        _ => Err(config.fault(NOT_UNDERSTOOD)),
    }
}

fn http(
    sources: &Sources,
    config: &Field<'_>,
    tables: &mut BTreeMap<String, RouteTable>,
) -> Result<HttpAction, ReadFault> {
    let read = [
        "rds",
        "route_config",
        "http_filters",
        "strip_trailing_host_dot",
        "strip_any_host_port",
    ];
    config.only(&read, &HTTP_HARMLESS)?;
    for filter in config.list_of("http_filters")? {
        filter.only(&["typed_config", "name"], &["is_optional", "disabled"])?;
        let own = filter.need("typed_config")?;
        if !HTTP_FILTERS.contains(&own.kind()?) {
            return Err(own.fault(NOT_UNDERSTOOD));
        }
    }
    let (key, table) = match config.get("rds") {
        Some(rds) => from_file(sources, &rds)?,
        None => {
            let inline = config.need("route_config")?;
            (inline.place(), routes::table(&inline)?)
        }
    };
    tables.insert(key.clone(), table);
    Ok(HttpAction {
        routes: key,
        strip_trailing_host_dot: config.flag_of("strip_trailing_host_dot", false)?,
        strip_any_host_port: config.flag_of("strip_any_host_port", false)?,
    })
}

/// The one route configuration of a file; Envoy refuses files with several, or with one of another name.
fn from_file(sources: &Sources, rds: &Field<'_>) -> Result<(String, RouteTable), ReadFault> {
    rds.only(&["route_config_name", "config_source"], &[])?;
    let name = rds.text_of("route_config_name")?;
    let path = watched_path(&rds.need("config_source")?)?;
    let document = sources.load(&path)?;
    let file = document.field();
    let all = resources(&file, ROUTES)?;
    let [configuration] = all.as_slice() else {
        return Err(file.fault("one route configuration is expected"));
    };
    let own = configuration.text_of("name")?;
    if own != name {
        return Err(configuration.fault(format!("its name is {own:?}, not {name:?}")));
    }
    Ok((configuration.place(), routes::table(configuration)?))
}
