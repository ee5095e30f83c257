//! Which virtual host takes an authority, and which of its routes a request.
//!
//! Domains win in this order, whatever their order in the file: exact, the longest `*suffix`, the longest `prefix*`, `*`.

use super::matcher::Request;
use super::tables::{HttpAction, MethodMatch, PathMatch, Route, RouteTable, VirtualHost};

/// The virtual host of an authority.
pub(super) fn find<'t>(
    table: &'t RouteTable,
    action: &HttpAction,
    authority: &str,
) -> Option<&'t VirtualHost> {
    let host = compared(table, action, authority);
    let ranked = table.virtual_hosts.iter().filter_map(|virtual_host| {
        let ranks = virtual_host.domains.iter();
        let best = ranks.filter_map(|domain| rank(domain, &host)).max()?;
        Some((best, virtual_host))
    });
    // The first of equals, though a file with equals is refused before it gets here.
    ranked
        .reduce(|best, next| if next.0 > best.0 { next } else { best })
        .map(|(_, virtual_host)| virtual_host)
}

/// The authority as domains are compared with it.
fn compared(table: &RouteTable, action: &HttpAction, authority: &str) -> String {
    let mut host = authority.to_owned();
    if action.strip_trailing_host_dot {
        host = without_trailing_dot(&host);
    }
    if action.strip_any_host_port || table.ignore_port_in_host_matching {
        host = without_port(&host).to_owned();
    }
    host.to_ascii_lowercase()
}

/// Removes the last dot if it stands at the end or in front of a port.
fn without_trailing_dot(host: &str) -> String {
    match host.rsplit_once('.') {
        Some((before, "")) => before.to_owned(),
        Some((before, after)) if after.starts_with(':') => format!("{before}{after}"),
        _ => host.to_owned(),
    }
}

/// Removes what stands behind the last colon, unless that is inside of brackets.
fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((before, after)) if !after.contains(']') => before,
        _ => host,
    }
}

/// How well a domain fits a host: kind and length; `None` when it does not.
fn rank(domain: &str, host: &str) -> Option<(u8, usize)> {
    let domain = domain.to_ascii_lowercase();
    if domain == "*" {
        return Some((0, 0));
    }
    // A `*` stands for one character at least.
    if let Some(suffix) = domain.strip_prefix('*') {
        let fits = host.len() > suffix.len() && host.ends_with(suffix);
        return fits.then_some((2, suffix.len()));
    }
    if let Some(prefix) = domain.strip_suffix('*') {
        let fits = host.len() > prefix.len() && host.starts_with(prefix);
        return fits.then_some((1, prefix.len()));
    }
    (domain == host).then_some((3, domain.len()))
}

/// The first route of a virtual host that takes a request.
pub(super) fn route<'t>(host: &'t VirtualHost, request: &Request<'_>) -> Option<&'t Route> {
    host.routes.iter().find(|route| takes(route, request))
}

fn takes(route: &Route, request: &Request<'_>) -> bool {
    let path = match &route.path {
        PathMatch::Prefix(prefix) => request.path.starts_with(prefix.as_str()),
        PathMatch::Exact(path) => request.path.split(['?', '#']).next() == Some(path.as_str()),
    };
    let method = |condition: &MethodMatch| {
        let listed = condition.any_of.iter().any(|one| one == request.method);
        listed != condition.inverted
    };
    path && (!route.grpc_only || request.is_grpc) && route.methods.iter().all(method)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(domains: &[&str], ignore_port: bool) -> RouteTable {
        let hosts = domains.iter().map(|domain| VirtualHost {
            name: (*domain).to_owned(),
            domains: vec![(*domain).to_owned()],
            routes: Vec::new(),
        });
        RouteTable {
            ignore_port_in_host_matching: ignore_port,
            virtual_hosts: hosts.collect(),
        }
    }

    fn action(dot: bool, port: bool) -> HttpAction {
        HttpAction {
            routes: String::new(),
            strip_trailing_host_dot: dot,
            strip_any_host_port: port,
        }
    }

    #[test]
    fn domains_win_by_kind_then_by_length_whatever_their_order() {
        let domains = [
            "*",
            "ca*",
            "*.shop",
            "car*",
            "*.a.shop",
            "Cart.Shop",
            "[2001:db8::1]",
            "*-b.shop",
        ];
        let table = table(&domains, true);
        let found = |authority: &str| {
            find(&table, &action(true, false), authority).map(|host| host.name.as_str())
        };
        for (authority, domain) in [
            ("cart.shop", "Cart.Shop"),
            ("CART.shop:8080", "Cart.Shop"),
            ("cart.shop.", "Cart.Shop"),
            ("cart.shop.:8080", "Cart.Shop"),
            ("x.shop", "*.shop"),
            ("x.a.shop", "*.a.shop"),
            ("a-b.shop", "*-b.shop"),
            (".shop", "*"),
            ("cart", "car*"),
            ("cab", "ca*"),
            ("ca", "*"),
            ("[2001:DB8::1]:80", "[2001:db8::1]"),
            ("[2001:db8::1]", "[2001:db8::1]"),
            ("2001:db8::1", "*"),
            ("", "*"),
            (":80", "*"),
        ] {
            assert_eq!(found(authority), Some(domain), "{authority}");
        }
    }

    #[test]
    fn ports_and_dots_count_unless_told_otherwise() {
        let plain = table(&["cart.shop"], false);
        let fits = |action: &HttpAction, authority: &str| find(&plain, action, authority).is_some();
        assert!(!fits(&action(true, false), "cart.shop:8080"));
        assert!(fits(&action(true, true), "cart.shop.:8080"));
        assert!(!fits(&action(false, true), "cart.shop."));
        assert!(fits(&action(false, false), "cart.shop"));
    }
}
