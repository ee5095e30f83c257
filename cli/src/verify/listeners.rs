//! Listeners and their filter chains.

use std::collections::BTreeMap;
use std::net::IpAddr;

use tracemesh_graph::verify::{ChainMatch, FilterChain, Inspectors, Listener, RouteTable};

use super::clusters::socket_address;
use super::field::{Field, NOT_UNDERSTOOD, ReadFault};
use super::filters;
use super::resources::Sources;

/// Listeners as the tables want them, with the routes that they ask for.
pub(super) struct Read {
    pub capture: Listener,
    pub listeners: BTreeMap<(IpAddr, u16), Listener>,
    pub routes: BTreeMap<String, RouteTable>,
}

/// Fields of a listener that decide nothing about where connections go.
const HARMLESS: [&str; 19] = [
    "@type",
    "stat_prefix",
    "per_connection_buffer_limit_bytes",
    "metadata",
    "listener_filters_timeout",
    "drain_type",
    "socket_options",
    "tcp_fast_open_queue_length",
    "traffic_direction",
    "bind_to_port",
    "access_log",
    "enable_reuse_port",
    "reuse_port",
    "tcp_backlog_size",
    "max_connections_to_accept_per_socket_event",
    "ignore_global_conn_limit",
    "bypass_overload_manager",
    "connection_balance_config",
    "enable_mptcp",
];

/// Reads all listeners and their routes.
pub(super) fn read(sources: &Sources) -> Result<Read, ReadFault> {
    let mut capture = None;
    let mut listeners = BTreeMap::new();
    let mut routes = BTreeMap::new();
    let fields = sources.listeners()?;
    for field in &fields {
        let listener = listener(sources, field, &mut routes)?;
        if field.flag_of("use_original_dst", false)? {
            if capture.replace(listener).is_some() {
                return Err(field.fault("a second listener that captures connections"));
            }
            continue;
        }
        let place = (listener.address, listener.port);
        if listeners.insert(place, listener).is_some() {
            return Err(field.fault("a second listener at the same address and port"));
        }
    }
    let file = sources.listener_file();
    let capture = capture.ok_or_else(|| {
        file.fault("no listener has `use_original_dst`, so none captures connections")
    })?;
    Ok(Read {
        capture,
        listeners,
        routes,
    })
}

fn listener(
    sources: &Sources,
    field: &Field<'_>,
    routes: &mut BTreeMap<String, RouteTable>,
) -> Result<Listener, ReadFault> {
    let read = [
        "name",
        "address",
        "use_original_dst",
        "listener_filters",
        "continue_on_listener_filters_timeout",
        "filter_chains",
        "default_filter_chain",
    ];
    field.only(&read, &HARMLESS)?;
    let (host, port) = socket_address(&field.need("address")?)?;
    let address = host
        .parse()
        .map_err(|_| field.fault(format!("`{host}` is no address to listen on")));
    let mut chains: Vec<FilterChain> = Vec::new();
    for chain in field.list_of("filter_chains")? {
        let read = filter_chain(sources, &chain, routes)?;
        if chains.iter().any(|other| other.matches == read.matches) {
            return Err(chain.fault("the same conditions as another filter chain"));
        }
        chains.push(read);
    }
    let default_chain = match field.get("default_filter_chain") {
        Some(chain) => Some(filter_chain(sources, &chain, routes)?),
        None => None,
    };
    Ok(Listener {
        name: field.text_of("name")?.to_owned(),
        address: address?,
        port,
        inspectors: inspectors(field)?,
        chains,
        default_chain,
    })
}

fn inspectors(listener: &Field<'_>) -> Result<Inspectors, ReadFault> {
    let mut inspectors = Inspectors::default();
    for filter in listener.list_of("listener_filters")? {
        filter.only(&["typed_config"], &["name"])?;
        let config = filter.need("typed_config")?;
        match config.kind()? {
            "envoy.extensions.filters.listener.tls_inspector.v3.TlsInspector" => {
                inspectors.tls = true;
            }
            "envoy.extensions.filters.listener.http_inspector.v3.HttpInspector" => {
                inspectors.http = true;
            }
            // They restore the original address, which is where a verification starts.
            "envoy.extensions.filters.listener.original_dst.v3.OriginalDst"
            | "envoy.extensions.filters.listener.proxy_protocol.v3.ProxyProtocol" => {}
            _ => return Err(config.fault(NOT_UNDERSTOOD)),
        }
    }
    if inspectors.any() && !listener.flag_of("continue_on_listener_filters_timeout", false)? {
        return Err(listener.fault(
            "it closes connections whose client says nothing in time: set `continue_on_listener_filters_timeout`",
        ));
    }
    Ok(inspectors)
}

fn filter_chain(
    sources: &Sources,
    field: &Field<'_>,
    routes: &mut BTreeMap<String, RouteTable>,
) -> Result<FilterChain, ReadFault> {
    field.only(
        &["name", "filter_chain_match", "filters"],
        &["metadata", "transport_socket_connect_timeout"],
    )?;
    let matches = match field.get("filter_chain_match") {
        Some(matches) => chain_match(&matches)?,
        None => ChainMatch::default(),
    };
    Ok(FilterChain {
        name: field.text_of("name")?.to_owned(),
        matches,
        action: filters::action(sources, field, routes)?,
    })
}

fn chain_match(field: &Field<'_>) -> Result<ChainMatch, ReadFault> {
    let read = [
        "destination_port",
        "prefix_ranges",
        "server_names",
        "transport_protocol",
        "application_protocols",
    ];
    field.only(&read, &[])?;
    let destination_port = field.get("destination_port");
    let mut prefix_ranges = Vec::new();
    for range in field.list_of("prefix_ranges")? {
        range.only(&["address_prefix", "prefix_len"], &[])?;
        let base: IpAddr = range
            .need("address_prefix")?
            .text()?
            .parse()
            .map_err(|_| range.fault("no address"))?;
        let length = range.get("prefix_len").map(|length| length.number::<u8>());
        prefix_ranges.push((base, length.transpose()?.unwrap_or(0)));
    }
    let server_names = field.texts_of("server_names")?;
    for name in &server_names {
        let rest = name.strip_prefix("*.").unwrap_or(name);
        if rest.contains('*') {
            return Err(field.fault(format!("Envoy refuses the server name `{name}`")));
        }
    }
    Ok(ChainMatch {
        destination_port: destination_port.map(|port| port.number()).transpose()?,
        prefix_ranges,
        server_names,
        transport_protocol: field.text_of("transport_protocol")?.to_owned(),
        application_protocols: field.texts_of("application_protocols")?,
    })
}
