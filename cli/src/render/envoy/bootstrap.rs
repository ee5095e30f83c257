//! The bootstrap: who the sidecar is, where its resources come from, and how it keeps itself small.

use tracemesh_graph::egress::ServiceEgress;

use super::cluster::socket_address;
use super::listener::watched_file;
use super::yaml::{Node, list, map};
use super::{EnvoyOptions, stats, typed, zones};
use crate::render::observability::SERVICE_LABEL;

/// The bootstrap that pods run with: clusters and listeners from files. `local` is the cluster of the service's own
/// endpoints: Envoy does not start when it is named and not here.
pub(super) fn dynamic(
    service: &ServiceEgress,
    options: &EnvoyOptions,
    local: Option<Node>,
) -> Node {
    let resources = map([
        ("cds_config", watched_file("xds/current/cds.yaml", "xds")),
        ("lds_config", watched_file("xds/current/lds.yaml", "xds")),
    ]);
    let node = identity(service, options, local.is_some()).with("dynamic_resources", resources);
    let node = with_process(node, service, options);
    match local {
        Some(local) => node.with("static_resources", map([("clusters", list([local]))])),
        None => node,
    }
}

/// The bootstrap that is checked and never shipped: `--mode validate` does not open the files of dynamic resources.
pub(super) fn inlined(
    service: &ServiceEgress,
    options: &EnvoyOptions,
    local: Option<Node>,
    clusters: Vec<Node>,
    listeners: Vec<Node>,
) -> Node {
    let node = identity(service, options, local.is_some());
    let node = with_process(node, service, options);
    let resources = map([
        ("clusters", list(local.into_iter().chain(clusters))),
        ("listeners", list(listeners)),
    ]);
    node.with("static_resources", resources)
}

fn identity(service: &ServiceEgress, options: &EnvoyOptions, zone_aware: bool) -> Node {
    let cluster = if service.namespace.is_empty() {
        service.name.clone()
    } else {
        format!("{}/{}", service.namespace, service.name)
    };
    // The pod's own name belongs on the command line (`--service-node`), and so does its zone (`--service-zone`), unless
    // all pods share it.
    let mut node = map([
        ("id", service.name.as_str().into()),
        ("cluster", cluster.into()),
    ]);
    if let Some(zone) = &service.zone {
        node = node.with("locality", map([("zone", zone.as_str().into())]));
    }
    let metadata = map([
        ("service", service.id.as_str().into()),
        ("namespace", service.namespace.as_str().into()),
        ("environment", service.environment.as_str().into()),
        (
            "tracemesh_phase",
            super::index::spelling(&super::index::phase(service)).into(),
        ),
        (
            "tracemesh_egress",
            super::index::spelling(&service.knowledge).into(),
        ),
    ]);
    let identity = map([
        ("node", node.with("metadata", metadata)),
        (
            "admin",
            map([("address", socket_address("127.0.0.1", options.admin_port))]),
        ),
    ]);
    if zone_aware {
        let local = map([("local_cluster_name", zones::LOCAL_CLUSTER.into())]);
        return identity.with("cluster_manager", local);
    }
    identity
}

fn with_process(node: Node, service: &ServiceEgress, options: &EnvoyOptions) -> Node {
    node.with("typed_dns_resolver_config", dns_resolver(options))
        .with("stats_config", statistics(service))
        .with(
            "deferred_stat_options",
            map([("enable_deferred_creation_stats", true.into())]),
        )
        .with("overload_manager", overload_manager())
        .with("layered_runtime", runtime())
}

/// Few statistics, and each with the service it is of: whoever scrapes need not know how pods are named.
fn statistics(service: &ServiceEgress) -> Node {
    let patterns = stats::patterns()
        .into_iter()
        .map(|regex| map([("safe_regex", map([("regex", regex.into())]))]));
    let name = service.id.strip_prefix("service/").unwrap_or(&service.id);
    let tag = map([
        ("tag_name", SERVICE_LABEL.into()),
        ("fixed_value", name.into()),
    ]);
    map([
        (
            "stats_matcher",
            map([("inclusion_list", map([("patterns", list(patterns))]))]),
        ),
        ("stats_tags", list([tag])),
    ])
}

/// Short timeouts: with the defaults, one name that nobody answers holds back the start for 50 s.
fn dns_resolver(options: &EnvoyOptions) -> Node {
    let mut config = map([
        ("query_timeout_seconds", 1_u64.into()),
        ("query_tries", 2_u64.into()),
    ]);
    if !options.dns_resolvers.is_empty() {
        let resolvers = options
            .dns_resolvers
            .iter()
            .map(|resolver| socket_address(&resolver.ip().to_string(), resolver.port()));
        config = config.with("resolvers", list(resolvers));
    }
    map([
        ("name", "envoy.network.dns_resolver.cares".into()),
        (
            "typed_config",
            typed(
                "envoy.extensions.network.dns_resolver.cares.v3.CaresDnsResolverConfig",
                config,
            ),
        ),
    ])
}

/// Envoy warns at start when nothing bounds its client connections.
fn overload_manager() -> Node {
    let config = typed(
        "envoy.extensions.resource_monitors.downstream_connections.v3.DownstreamConnectionsConfig",
        map([("max_active_downstream_connections", 50_000_u64.into())]),
    );
    map([(
        "resource_monitors",
        list([map([
            (
                "name",
                "envoy.resource_monitors.global_downstream_max_connections".into(),
            ),
            ("typed_config", config),
        ])]),
    )])
}

fn runtime() -> Node {
    map([(
        "layers",
        list([
            map([("name", "static".into()), ("static_layer", map([]))]),
            map([("name", "admin".into()), ("admin_layer", map([]))]),
        ]),
    )])
}
