//! Routes of one port: by authority, and everything else to the passthrough.

use super::port::{PortPlan, RouteSet};
use super::yaml::{Node, list, map};

/// Name of the virtual host that takes what was not observed; the drift log selects by it.
pub(super) const UNOBSERVED: &str = "unobserved";

/// The route configuration of one listener of a port.
pub(super) fn configuration(port: &PortPlan, set: &RouteSet<'_>) -> Node {
    let observed = port.authorities.iter().map(|(cluster, names)| {
        virtual_host(cluster, names.iter().map(|name| domain(name)), cluster)
    });
    let (name, cluster) = match set.rest {
        Some(cluster) => ("destination", cluster),
        None => (UNOBSERVED, "passthrough_http"),
    };
    let rest = virtual_host(name, ["*".to_owned()].into_iter(), cluster);
    map([
        ("name", set.name.as_str().into()),
        // Clients send the authority with or without port; the header itself stays as it is.
        ("ignore_port_in_host_matching", true.into()),
        ("virtual_hosts", list(observed.chain([rest]))),
    ])
}

/// A route configuration that sends everything to one cluster.
pub(super) fn everything_to(name: &str, cluster: &str) -> Node {
    map([
        ("name", name.into()),
        (
            "virtual_hosts",
            list([virtual_host(name, ["*".to_owned()].into_iter(), cluster)]),
        ),
    ])
}

fn virtual_host(name: &str, domains: impl Iterator<Item = String>, cluster: &str) -> Node {
    let route = map([
        ("name", "all".into()),
        ("match", map([("prefix", "/".into())])),
        (
            "route",
            // Without it Envoy cuts every call after 15 s.
            map([("cluster", cluster.into()), ("timeout", "0s".into())]),
        ),
    ]);
    map([
        ("name", name.into()),
        ("domains", list(domains)),
        ("routes", list([route])),
    ])
}

/// IPv6 literals stand in brackets in a Host header.
fn domain(name: &str) -> String {
    if name.contains(':') {
        format!("[{name}]")
    } else {
        name.to_owned()
    }
}
