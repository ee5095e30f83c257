//! Listeners: the catch-all, one per observed port, and the inbound one.
//!
//! Only the catch-all and the inbound listener have sockets. The kernel redirects every outgoing connection to the
//! catch-all, which hands it to the listener of its original port, or passes it through untouched.

use std::net::Ipv4Addr;

use super::cluster::socket_address;
use super::plan::ServicePlan;
use super::port::{PortPlan, RouteSet};
use super::yaml::{Node, list, map};
use super::{Capture, EnvoyOptions, drift, http, route, shedding, typed};

/// How a connection manager gets its routes: the entry of its configuration.
pub(super) type RouteSource =
    dyn Fn(&ServicePlan<'_>, &PortPlan, &RouteSet<'_>) -> (&'static str, Node);

/// Routes from the file of the listener.
pub(super) fn file_routes(
    _: &ServicePlan<'_>,
    _: &PortPlan,
    set: &RouteSet<'_>,
) -> (&'static str, Node) {
    let path = format!("xds/current/rds/{}.yaml", set.name);
    let source = map([
        ("route_config_name", set.name.as_str().into()),
        ("config_source", watched_file(&path, "xds")),
    ]);
    ("rds", source)
}

/// Routes in place, with their clusters checked.
pub(super) fn inline_routes(
    plan: &ServicePlan<'_>,
    port: &PortPlan,
    set: &RouteSet<'_>,
) -> (&'static str, Node) {
    let routes = route::configuration(plan, port, set).with("validate_clusters", true);
    ("route_config", routes)
}

/// A resource file that is read again at a rename in the directory; writing in place is not noticed. Where the directory
/// is `xds`, that is the switch of `current`.
pub(super) fn watched_file(path: &str, directory: &str) -> Node {
    map([
        (
            "path_config_source",
            map([
                ("path", path.into()),
                ("watched_directory", map([("path", directory.into())])),
            ]),
        ),
        ("resource_api_version", "V3".into()),
    ])
}

/// All listeners of a service, without their type.
pub(super) fn listeners(
    plan: &ServicePlan<'_>,
    options: &EnvoyOptions,
    routes: &RouteSource,
) -> Vec<Node> {
    let ports = plan.ports.iter().flat_map(|port| {
        let mut own = Vec::new();
        if port.is_inspected() {
            let inspected = port.route_sets();
            own.extend(
                inspected
                    .iter()
                    .map(|set| inspected_port(plan, port, set, routes)),
            );
            own.extend(exact_addresses(port));
        } else {
            own.push(opaque_port(port));
        }
        own
    });
    [catch_all(options)]
        .into_iter()
        .chain(ports)
        .chain([inbound(plan, options)])
        .collect()
}

fn catch_all(options: &EnvoyOptions) -> Node {
    let filters = match options.capture {
        // `use_original_dst` does it.
        Capture::OriginalDst => Node::List(Vec::new()),
        Capture::ProxyProtocol => list([listener_filter("proxy_protocol", "ProxyProtocol")]),
    };
    map([
        ("name", "outbound".into()),
        ("address", socket_address("0.0.0.0", options.outbound_port)),
        ("traffic_direction", "OUTBOUND".into()),
        ("use_original_dst", true.into()),
        // No inspectors: they would stall protocols in which the server speaks first.
        ("listener_filters", filters),
        ("filter_chains", list([loop_guard(options.outbound_port)])),
        ("default_filter_chain", unobserved_chain("unobserved")),
    ])
}

/// Connections to the capture port itself would make the passthrough connect to itself until its limits stop it.
fn loop_guard(port: u16) -> Node {
    chain(
        "loop-guard",
        Some(map([("destination_port", port.into())])),
        tcp_proxy("loop_guard", "blackhole", Some(drift::refused())),
    )
}

fn virtual_listener(name: &str, address: &str, port: u16) -> Node {
    map([
        ("name", name.into()),
        ("address", socket_address(address, port)),
        ("bind_to_port", false.into()),
        ("traffic_direction", "OUTBOUND".into()),
    ])
}

/// A port with names inside the stream: HTTP authorities, TLS server names or both.
fn inspected_port(
    plan: &ServicePlan<'_>,
    port: &PortPlan,
    set: &RouteSet<'_>,
    routes: &RouteSource,
) -> Node {
    let with_tls = !port.server_names.is_empty();
    let mut inspectors = Vec::new();
    if with_tls {
        inspectors.push(listener_filter("tls_inspector", "TlsInspector"));
    }
    if port.has_routes() {
        inspectors.push(listener_filter("http_inspector", "HttpInspector"));
    }
    let mut chains: Vec<Node> = port
        .server_names
        .iter()
        .map(|(cluster, names)| {
            let matches = map([
                ("transport_protocol", "tls".into()),
                ("server_names", list(names.iter().cloned())),
            ]);
            chain(cluster, Some(matches), tcp_proxy(cluster, cluster, None))
        })
        .collect();
    if port.has_routes() {
        let manager = http::connection_manager(
            &set.name,
            routes(plan, port, set),
            Vec::new(),
            Some(drift::requests()),
        );
        chains.push(http_chain(port, manager));
    }
    let address = set.address.unwrap_or(Ipv4Addr::UNSPECIFIED).to_string();
    virtual_listener(&set.name, &address, port.port)
        .with("listener_filters", Node::List(inspectors))
        .with("filter_chains", Node::List(chains))
        .with("listener_filters_timeout", "1s")
        .with("continue_on_listener_filters_timeout", true)
        .with(
            "default_filter_chain",
            unobserved_chain(&format!("unobserved_{}", port.port)),
        )
}

fn http_chain(port: &PortPlan, manager: Node) -> Node {
    let protocols = (
        "application_protocols",
        list(["http/1.0", "http/1.1", "h2c"]),
    );
    // The TLS inspector reports ALPN as application protocol too: without this, TLS with an unknown server name that
    // offers `http/1.1` would be parsed as clear text.
    let matches = if !port.server_names.is_empty() {
        map([("transport_protocol", "raw_buffer".into()), protocols])
    } else {
        map([protocols])
    };
    chain("http", Some(matches), manager)
}

/// A port without names inside the stream.
fn opaque_port(port: &PortPlan) -> Node {
    let by_address = port.addresses.iter().map(|(cluster, addresses)| {
        let ranges = addresses.iter().map(|address| {
            map([
                ("address_prefix", address.to_string().into()),
                ("prefix_len", 32_u64.into()),
            ])
        });
        let matches = map([("prefix_ranges", list(ranges))]);
        chain(cluster, Some(matches), tcp_proxy(cluster, cluster, None))
    });
    let whole = port.whole_port.iter().map(|cluster| {
        let log = Some(drift::whole_port());
        chain(cluster, None, tcp_proxy(cluster, cluster, log))
    });
    let listener = virtual_listener(&port.listener_name(), "0.0.0.0", port.port)
        .with("filter_chains", list(by_address.chain(whole)));
    if port.whole_port.is_some() {
        return listener;
    }
    listener.with(
        "default_filter_chain",
        unobserved_chain(&format!("unobserved_{}", port.port)),
    )
}

/// Opaque destinations on an inspected port get listeners of their own, so that no inspector waits for their client to
/// speak first.
fn exact_addresses(port: &PortPlan) -> Vec<Node> {
    let mut listeners = Vec::new();
    for (cluster, addresses) in &port.addresses {
        for address in addresses {
            let name = port.address_listener_name(*address);
            listeners.push(
                virtual_listener(&name, &address.to_string(), port.port).with(
                    "filter_chains",
                    list([chain(cluster, None, tcp_proxy(cluster, cluster, None))]),
                ),
            );
        }
    }
    listeners
}

/// One listener for all ports of the service. It must not hand connections over by their original port: they would
/// end in the outbound listener of that port.
fn inbound(plan: &ServicePlan<'_>, options: &EnvoyOptions) -> Node {
    let shedding = shedding::filter(plan.inbound_tuning);
    let app = plan.inbound.iter().map(|(port, _)| {
        let name = format!("inbound_{port}");
        let routes = ("route_config", route::everything_to(&name, &name));
        chain(
            &name,
            Some(map([("destination_port", (*port).into())])),
            http::connection_manager(&name, routes, shedding.iter().cloned().collect(), None),
        )
    });
    let chains = [loop_guard(options.inbound_port)].into_iter().chain(app);
    let capture = match options.capture {
        Capture::OriginalDst => listener_filter("original_dst", "OriginalDst"),
        Capture::ProxyProtocol => listener_filter("proxy_protocol", "ProxyProtocol"),
    };
    let other = tcp_proxy(
        "inbound_other",
        "inbound_passthrough",
        Some(drift::inbound()),
    );
    map([
        ("name", "inbound".into()),
        ("address", socket_address("0.0.0.0", options.inbound_port)),
        ("traffic_direction", "INBOUND".into()),
        ("listener_filters", list([capture])),
        ("filter_chains", list(chains)),
        ("default_filter_chain", chain("other", None, other)),
    ])
}

fn unobserved_chain(stat_prefix: &str) -> Node {
    let filter = tcp_proxy(stat_prefix, "passthrough", Some(drift::connections()));
    chain("unobserved", None, filter)
}

fn chain(name: &str, matches: Option<Node>, filter: Node) -> Node {
    let named = map([("name", name.into())]);
    let matched = match matches {
        Some(matches) => named.with("filter_chain_match", matches),
        None => named,
    };
    matched.with("filters", list([filter]))
}

fn tcp_proxy(stat_prefix: &str, cluster: &str, log: Option<Node>) -> Node {
    let mut config = map([
        ("stat_prefix", stat_prefix.into()),
        ("cluster", cluster.into()),
        // The default of one hour kills the idle connections of pools.
        ("idle_timeout", "0s".into()),
    ]);
    if let Some(log) = log {
        config = config.with("access_log", list([log]));
    }
    map([
        ("name", "envoy.filters.network.tcp_proxy".into()),
        (
            "typed_config",
            typed(
                "envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy",
                config,
            ),
        ),
    ])
}

fn listener_filter(name: &str, message: &str) -> Node {
    let kind = format!("envoy.extensions.filters.listener.{name}.v3.{message}");
    map([
        ("name", format!("envoy.filters.listener.{name}").into()),
        ("typed_config", typed(&kind, map([]))),
    ])
}
