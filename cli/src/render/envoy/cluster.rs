//! Clusters: one per observed host and port, and the fixed ones that every sidecar has.

use std::collections::BTreeMap;

use tracemesh_graph::egress::{Destination, ServiceEgress, TargetProtocol};

use super::http;
use super::plan::{ClusterPlan, Discovery, ServicePlan, Upstream};
use super::typed;
use super::yaml::{Node, list, map};

/// Where an unmanaged call had no limit, neither has the passthrough, nor a cluster of its own: Envoy's default of 1024
/// would refuse calls that pass as long as nobody defines their destination.
const NO_LIMIT: u64 = 1_000_000;
/// That of the passthrough too: an observed call must not fail where an unobserved one would not.
const CONNECT_TIMEOUT: &str = "10s";

/// What waits for the tuned phase, whatever the cluster.
const WITHHELD: [&str; 5] = [
    "timeouts",
    "retries and retry budget",
    "outlier detection",
    "limits from observed concurrency; 1000000 until then, as on the passthrough",
    "least-request load balancing and slow start",
];

/// Said where HTTP/2 may stay on one connection: behind a virtual address that is one pod.
const HEADLESS: &str =
    "spreading HTTP/2 over pods while the name has one address: ask for a headless service";

/// Said where a name could not be completed.
const AS_DIALLED: &str =
    "name as dialled, not completed: each lookup costs one query per entry of the search list";

/// All clusters of a service, without their type.
pub(super) fn clusters(service: &ServiceEgress, plan: &ServicePlan) -> Vec<Node> {
    let destinations: BTreeMap<&str, &Destination> = service
        .destinations
        .iter()
        .map(|destination| (destination.node.as_str(), destination))
        .collect();
    let observed = plan.clusters.iter().map(|cluster| {
        let destination = destinations.get(cluster.node.as_str()).copied();
        observed_cluster(service, destination, cluster)
    });
    let fixed = [
        endpoints_cluster("blackhole", None),
        passthrough("passthrough"),
        // Apart from the outbound one, or its counters would mix what comes in with what goes out.
        passthrough("inbound_passthrough"),
        passthrough("passthrough_http")
            .with("typed_extension_protocol_options", http::mirror(None)),
    ];
    let inbound = plan
        .inbound
        .iter()
        .map(|(port, protocol)| inbound_cluster(*port, *protocol));
    observed.chain(fixed).chain(inbound).collect()
}

fn observed_cluster(
    service: &ServiceEgress,
    destination: Option<&Destination>,
    cluster: &ClusterPlan,
) -> Node {
    let mut node = discovered(cluster)
        .with("circuit_breakers", limits(true))
        .with(
            "upstream_connection_options",
            map([("tcp_keepalive", map([("keepalive_time", 300_u64.into())]))]),
        );
    if let Some(upstream) = cluster.upstream {
        let renewal = cluster.pins_connections().then_some(http::RENEWAL);
        let options = match upstream {
            Upstream::Http1 => http::explicit_http1(),
            Upstream::Http2 => http::explicit_http2(renewal),
            Upstream::Mirror => http::mirror(renewal),
        };
        node = node.with("typed_extension_protocol_options", options);
    }
    let facts = metadata(service, destination, cluster);
    node.with(
        "metadata",
        map([("filter_metadata", map([("tracemesh", facts)]))]),
    )
}

/// The part of a cluster that says where its endpoints are.
fn discovered(cluster: &ClusterPlan) -> Node {
    let name = cluster.name.as_str();
    match &cluster.discovery {
        Discovery::KubeDns { name, absolute } => dns(cluster, &query(name, *absolute), false),
        Discovery::OtherDns { name, absolute } => dns(cluster, &query(name, *absolute), true),
        Discovery::Static(ip) => endpoints_cluster(name, Some((&ip.to_string(), cluster.port))),
        Discovery::OriginalDst => map([
            ("name", name.into()),
            ("type", "ORIGINAL_DST".into()),
            ("lb_policy", "CLUSTER_PROVIDED".into()),
            ("connect_timeout", CONNECT_TIMEOUT.into()),
        ]),
    }
}

/// A complete name ends in a dot: without it, the resolver walks the search list of the pod.
fn query(name: &str, absolute: bool) -> String {
    let dot = if absolute { "." } else { "" };
    format!("{name}{dot}")
}

/// `outside`: a name that Kubernetes does not serve. It keeps its last address when resolution fails and never delays
/// the start of the sidecar.
fn dns(cluster: &ClusterPlan, host: &str, outside: bool) -> Node {
    let config = typed(
        "envoy.extensions.clusters.dns.v3.DnsCluster",
        map([
            ("dns_lookup_family", "V4_ONLY".into()),
            ("dns_refresh_rate", "30s".into()),
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
        ("connect_timeout", CONNECT_TIMEOUT.into()),
        ("wait_for_warm_on_init", (!outside).into()),
        (
            "load_assignment",
            load_assignment(&cluster.name, Some((host, cluster.port))),
        ),
    ])
}

fn endpoints_cluster(name: &str, endpoint: Option<(&str, u16)>) -> Node {
    map([
        ("name", name.into()),
        ("type", "STATIC".into()),
        ("connect_timeout", CONNECT_TIMEOUT.into()),
        ("load_assignment", load_assignment(name, endpoint)),
    ])
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
        ("circuit_breakers", limits(false)),
    ])
}

fn inbound_cluster(port: u16, protocol: TargetProtocol) -> Node {
    let options = match protocol {
        TargetProtocol::Grpc | TargetProtocol::Http2 => http::explicit_http2(None),
        _ => http::mirror(None),
    };
    endpoints_cluster(&format!("inbound_{port}"), Some(("127.0.0.1", port)))
        .with("circuit_breakers", limits(false))
        .with("typed_extension_protocol_options", options)
}

/// `track_remaining`: the gauges that tell how much concurrency there is, for the limits of the tuned phase.
fn limits(track_remaining: bool) -> Node {
    let mut threshold = map([
        ("max_connections", NO_LIMIT.into()),
        ("max_pending_requests", NO_LIMIT.into()),
        ("max_requests", NO_LIMIT.into()),
        ("max_retries", NO_LIMIT.into()),
    ]);
    if track_remaining {
        threshold = threshold.with("track_remaining", true);
    }
    map([("thresholds", list([threshold]))])
}

/// Facts for people who read `/config_dump`; no numbers, because those would change the file with every window.
fn metadata(
    service: &ServiceEgress,
    destination: Option<&Destination>,
    cluster: &ClusterPlan,
) -> Node {
    let (inert, how) = match &cluster.discovery {
        Discovery::KubeDns { .. } => (
            "zone-aware routing: names carry no zone; all else while the name has one address",
            "kube_dns",
        ),
        Discovery::OtherDns { .. } => (
            "load balancing and ejection: one address at a time behind one name",
            "dns",
        ),
        Discovery::Static(_) => ("load balancing and ejection: one address", "static"),
        Discovery::OriginalDst => (
            "load balancing and ejection: connections keep the dialled address",
            "original_dst",
        ),
    };
    let mut node = map([
        ("from", service.name.as_str().into()),
        ("to", cluster.node.as_str().into()),
        ("phase", "transparent".into()),
        ("addresses", list(cluster.addresses.iter().cloned())),
        ("discovery", how.into()),
        ("assumed", cluster.assumed.into()),
        (
            "protocols",
            list(cluster.protocols.iter().map(super::index::spelling)),
        ),
    ]);
    if let Discovery::KubeDns { absolute, .. } | Discovery::OtherDns { absolute, .. } =
        &cluster.discovery
        && !absolute
    {
        node = node.with("note", AS_DIALLED);
    }
    if cluster.by_port_only {
        node = node.with("note", "attributed by port only: no address is known");
    }
    if let Some(destination) = destination {
        node = node
            .with("kind", super::index::spelling(&destination.kind))
            .with(
                "address_source",
                super::index::spelling(&destination.address_source),
            )
            .with(
                "confidence",
                super::index::spelling(&destination.confidence),
            )
            .with(
                "evidence",
                list(destination.evidence.iter().map(super::index::spelling)),
            );
    }
    let pinned = cluster.pins_connections().then_some(HEADLESS);
    node.with("inert", list([inert].into_iter().chain(pinned)))
        .with("withheld_until_tuned", list(WITHHELD))
}
