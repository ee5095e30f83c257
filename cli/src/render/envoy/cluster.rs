//! Clusters: one per observed host and port, and the fixed ones that every sidecar has.

mod metadata;

use std::collections::BTreeSet;

use tracemesh_graph::egress::{ServiceEgress, SettingName, TargetProtocol, Tuning};
use tracemesh_graph::inventory::{Addressing, Endpoint};

use super::http::{self, Life, RENEWAL};
use super::listener::watched_file;
use super::plan::{ClusterPlan, Discovery, ServicePlan, Upstream};
use super::route::RoutePlan;
use super::yaml::{Node, list, map};
use super::{balance, settings, typed, zones};
use metadata::metadata;

/// Where an unmanaged call had no limit, neither has the passthrough, nor a cluster of its own: Envoy's default of 1024
/// would refuse calls that pass as long as nobody defines their destination.
const NO_LIMIT: u64 = 1_000_000;
/// That of the passthrough too: an observed call must not fail where an unobserved one would not.
const CONNECT_TIMEOUT: &str = "10s";

/// How a cluster without a budget caps its retries: Envoy's own default, which did not let a storm sustain itself.
const FEW_RETRIES: u64 = 3;

/// Where a cluster with an endpoint file has its endpoints.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum EndpointForm {
    /// In the file.
    Files,
    /// In place, to be checked.
    Inline,
}

/// All clusters of a service, without their type.
pub(super) fn clusters(
    service: &ServiceEgress,
    plan: &ServicePlan<'_>,
    form: EndpointForm,
) -> Vec<Node> {
    let observed = plan
        .clusters
        .iter()
        .map(|cluster| observed_cluster(service, plan, cluster, form));
    let mirror = || http::upstream(Upstream::Mirror, &Life::default());
    let fixed = [
        endpoints_cluster("blackhole", None),
        passthrough("passthrough"),
        // Apart from the outbound one, or its counters would mix what comes in with what goes out.
        passthrough("inbound_passthrough"),
        passthrough("passthrough_http").with("typed_extension_protocol_options", mirror()),
    ];
    let inbound = plan
        .inbound
        .iter()
        .map(|(port, protocol)| inbound_cluster(plan, *port, *protocol));
    observed.chain(fixed).chain(inbound).collect()
}

/// The cluster of the service's own endpoints; it carries no calls.
pub(super) fn local(plan: &ServicePlan<'_>, form: EndpointForm) -> Option<Node> {
    let own = plan.local.as_ref()?;
    Some(endpoint_file_cluster(zones::LOCAL_CLUSTER, own, form))
}

fn observed_cluster(
    service: &ServiceEgress,
    plan: &ServicePlan<'_>,
    cluster: &ClusterPlan<'_>,
    form: EndpointForm,
) -> Node {
    let tuning = cluster.tuning();
    let connect = settings::duration(tuning, SettingName::ConnectTimeout);
    let mut node = discovered(cluster, form)
        .with(
            "connect_timeout",
            connect.as_deref().unwrap_or(CONNECT_TIMEOUT),
        )
        .with("circuit_breakers", limits(tuning))
        .with("upstream_connection_options", keepalive());
    for (key, value) in balance::entries(plan, cluster) {
        node = node.with(key, value);
    }
    if let Some(upstream) = cluster.upstream {
        let options = http::upstream(upstream, &life(cluster));
        node = node.with("typed_extension_protocol_options", options);
    }
    let facts = metadata(service, plan, cluster);
    node.with(
        "metadata",
        map([("filter_metadata", map([("tracemesh", facts)]))]),
    )
}

fn life(cluster: &ClusterPlan<'_>) -> Life {
    let tuning = cluster.tuning();
    let renewal = || cluster.pins_connections().then(|| RENEWAL.to_owned());
    let whole = settings::duration(tuning, SettingName::MaxConnectionDuration).or_else(renewal);
    Life {
        idle: settings::duration(tuning, SettingName::UpstreamIdle),
        whole,
    }
}

/// Long-lived connections cross firewalls that forget idle ones.
fn keepalive() -> Node {
    map([("tcp_keepalive", map([("keepalive_time", 300_u64.into())]))])
}

/// The part of a cluster that says where its endpoints are.
fn discovered(cluster: &ClusterPlan<'_>, form: EndpointForm) -> Node {
    let name = cluster.name.as_str();
    match &cluster.discovery {
        Discovery::KubeDns { name, absolute, .. } => dns(cluster, &query(name, *absolute), false),
        Discovery::OtherDns { name, absolute } => dns(cluster, &query(name, *absolute), true),
        Discovery::Endpoints => endpoint_file_cluster(name, &cluster.endpoints, form),
        Discovery::Static(ip) => static_cluster(
            name,
            load_assignment(name, Some((&ip.to_string(), cluster.port))),
        ),
        Discovery::OriginalDst => map([
            ("name", name.into()),
            ("type", "ORIGINAL_DST".into()),
            ("lb_policy", "CLUSTER_PROVIDED".into()),
        ]),
    }
}

fn endpoint_file_cluster(name: &str, endpoints: &BTreeSet<&Endpoint>, form: EndpointForm) -> Node {
    if form == EndpointForm::Inline {
        return static_cluster(name, zones::assignment(name, endpoints));
    }
    let source = watched_file(&zones::file(name), zones::DIRECTORY);
    map([
        ("name", name.into()),
        ("type", "EDS".into()),
        ("eds_cluster_config", map([("eds_config", source)])),
    ])
}

/// A complete name ends in a dot: without it, the resolver walks the search list of the pod.
fn query(name: &str, absolute: bool) -> String {
    let dot = if absolute { "." } else { "" };
    format!("{name}{dot}")
}

/// `outside`: a name that Kubernetes does not serve. It keeps its last address when resolution fails and never delays
/// the start of the sidecar.
fn dns(cluster: &ClusterPlan<'_>, host: &str, outside: bool) -> Node {
    let family = if cluster.ipv6 {
        "V4_PREFERRED"
    } else {
        "V4_ONLY"
    };
    let config = typed(
        "envoy.extensions.clusters.dns.v3.DnsCluster",
        map([
            ("dns_lookup_family", family.into()),
            ("dns_refresh_rate", refresh_rate(cluster).into()),
            ("respect_dns_ttl", outside.into()),
            ("all_addresses_in_single_endpoint", outside.into()),
            ("dns_jitter", "0.5s".into()),
        ]),
    );
    map([
        ("name", cluster.name.as_str().into()),
        (
            "cluster_type",
            map([
                ("name", "envoy.cluster.dns".into()),
                ("typed_config", config),
            ]),
        ),
        ("wait_for_warm_on_init", (!outside).into()),
        (
            "load_assignment",
            load_assignment(&cluster.name, Some((host, cluster.port))),
        ),
    ])
}

/// A virtual address outlives its pods; the addresses of a headless service are those of pods.
const fn refresh_rate(cluster: &ClusterPlan<'_>) -> &'static str {
    match &cluster.discovery {
        Discovery::KubeDns { addressing, .. } => match addressing {
            Some(Addressing::Headless) => "5s",
            Some(Addressing::VirtualIp | Addressing::ExternalName) => "30s",
            None => "10s",
        },
        _ => "30s",
    }
}

fn static_cluster(name: &str, assignment: Node) -> Node {
    map([
        ("name", name.into()),
        ("type", "STATIC".into()),
        ("load_assignment", assignment),
    ])
}

fn endpoints_cluster(name: &str, endpoint: Option<(&str, u16)>) -> Node {
    static_cluster(name, load_assignment(name, endpoint)).with("connect_timeout", CONNECT_TIMEOUT)
}

fn load_assignment(name: &str, endpoint: Option<(&str, u16)>) -> Node {
    let endpoints: Vec<Node> = endpoint
        .into_iter()
        .map(|(host, port)| {
            let address = map([("address", socket_address(host, port))]);
            map([("lb_endpoints", list([map([("endpoint", address)])]))])
        })
        .collect();
    map([
        ("cluster_name", name.into()),
        ("endpoints", Node::List(endpoints)),
    ])
}

/// Envoy's `Address` of a host and port.
pub(super) fn socket_address(host: &str, port: u16) -> Node {
    map([(
        "socket_address",
        map([("address", host.into()), ("port_value", port.into())]),
    )])
}

fn passthrough(name: &str) -> Node {
    map([
        ("name", name.into()),
        ("type", "ORIGINAL_DST".into()),
        ("lb_policy", "CLUSTER_PROVIDED".into()),
        ("connect_timeout", CONNECT_TIMEOUT.into()),
        ("circuit_breakers", limits(&Tuning::default())),
        ("upstream_connection_options", keepalive()),
    ])
}

fn inbound_cluster(plan: &ServicePlan<'_>, port: u16, protocol: TargetProtocol) -> Node {
    let version = match protocol {
        TargetProtocol::Grpc | TargetProtocol::Http2 => Upstream::Http2,
        _ => Upstream::Mirror,
    };
    let life = Life {
        idle: settings::duration(plan.inbound_tuning, SettingName::UpstreamIdle),
        whole: None,
    };
    endpoints_cluster(&format!("inbound_{port}"), Some(("127.0.0.1", port)))
        .with("circuit_breakers", limits(&Tuning::default()))
        .with(
            "typed_extension_protocol_options",
            http::upstream(version, &life),
        )
}

/// Circuit breakers; those of the passthrough where the model has no limit.
fn limits(tuning: &Tuning) -> Node {
    let limit = |name| Node::from(settings::number(tuning, name).unwrap_or(NO_LIMIT));
    let threshold = map([
        ("max_connections", limit(SettingName::MaxConnections)),
        (
            "max_pending_requests",
            limit(SettingName::MaxPendingRequests),
        ),
        ("max_requests", limit(SettingName::MaxRequests)),
        retry_limit(tuning),
    ]);
    map([("thresholds", list([threshold]))])
}

/// The entry that caps retries. Without retries of ours there are only those that a client asks for in a header.
fn retry_limit(tuning: &Tuning) -> (&'static str, Node) {
    let Some(percent) = settings::number(tuning, SettingName::RetryBudget) else {
        let retries = RoutePlan::new(tuning, false).retries();
        let most = if retries { FEW_RETRIES } else { NO_LIMIT };
        return ("max_retries", most.into());
    };
    let least = settings::number(tuning, SettingName::RetryMinConcurrency);
    let budget = map([
        ("budget_percent", map([("value", percent.into())])),
        ("min_retry_concurrency", least.unwrap_or(FEW_RETRIES).into()),
    ]);
    ("retry_budget", budget)
}
