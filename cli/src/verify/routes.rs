//! Route configurations.

use std::collections::BTreeSet;

use tracemesh_graph::verify::{MethodMatch, PathMatch, Route, RouteTable, VirtualHost};

use super::field::{Field, NOT_UNDERSTOOD, ReadFault};

/// Fields of a route configuration that decide nothing about where calls go.
const TABLE_HARMLESS: [&str; 10] = [
    "@type",
    "name",
    "validate_clusters",
    "internal_only_headers",
    "response_headers_to_add",
    "response_headers_to_remove",
    "request_headers_to_add",
    "request_headers_to_remove",
    "max_direct_response_body_size_bytes",
    "metadata",
];

/// The same of a virtual host.
const HOST_HARMLESS: [&str; 13] = [
    "retry_policy",
    "hedge_policy",
    "rate_limits",
    "virtual_clusters",
    "request_headers_to_add",
    "request_headers_to_remove",
    "response_headers_to_add",
    "response_headers_to_remove",
    "include_request_attempt_count",
    "include_attempt_count_in_response",
    "include_is_timeout_retry_header",
    "per_request_buffer_limit_bytes",
    "metadata",
];

/// The same of a route.
const ROUTE_HARMLESS: [&str; 10] = [
    "name",
    "metadata",
    "decorator",
    "tracing",
    "stat_prefix",
    "per_request_buffer_limit_bytes",
    "request_headers_to_add",
    "request_headers_to_remove",
    "response_headers_to_add",
    "response_headers_to_remove",
];

/// The same of what a route does.
const ACTION_HARMLESS: [&str; 14] = [
    "timeout",
    "idle_timeout",
    "flush_timeout",
    "retry_policy",
    "hedge_policy",
    "priority",
    "rate_limits",
    "include_vh_rate_limits",
    "hash_policy",
    "upgrade_configs",
    "max_grpc_timeout",
    "grpc_timeout_offset",
    "max_stream_duration",
    "early_data_policy",
];

/// Reads a route configuration.
pub(super) fn table(field: &Field<'_>) -> Result<RouteTable, ReadFault> {
    field.only(
        &["virtual_hosts", "ignore_port_in_host_matching"],
        &TABLE_HARMLESS,
    )?;
    let mut taken = BTreeSet::new();
    let mut virtual_hosts = Vec::new();
    for host in field.list_of("virtual_hosts")? {
        let read = virtual_host(&host)?;
        for domain in &read.domains {
            if !taken.insert(domain.to_ascii_lowercase()) {
                return Err(host.fault(format!(
                    "the domain `{domain}` stands there twice: Envoy refuses the whole file"
                )));
            }
        }
        virtual_hosts.push(read);
    }
    Ok(RouteTable {
        ignore_port_in_host_matching: field.flag_of("ignore_port_in_host_matching", false)?,
        virtual_hosts,
    })
}

fn virtual_host(field: &Field<'_>) -> Result<VirtualHost, ReadFault> {
    field.only(&["name", "domains", "routes"], &HOST_HARMLESS)?;
    let routes = field.list_of("routes")?;
    Ok(VirtualHost {
        name: field.text_of("name")?.to_owned(),
        domains: field.texts_of("domains")?,
        routes: routes.iter().map(route).collect::<Result<_, _>>()?,
    })
}

fn route(field: &Field<'_>) -> Result<Route, ReadFault> {
    field.only(
        &["match", "route", "direct_response", "redirect"],
        &ROUTE_HARMLESS,
    )?;
    let matches = field.need("match")?;
    matches.only(&["prefix", "path", "headers", "grpc"], &["case_sensitive"])?;
    if !matches.flag_of("case_sensitive", true)? {
        return Err(matches.fault(NOT_UNDERSTOOD));
    }
    let path = match (matches.get("prefix"), matches.get("path")) {
        (Some(prefix), None) => PathMatch::Prefix(prefix.text()?.to_owned()),
        (None, Some(path)) => PathMatch::Exact(path.text()?.to_owned()),
        _ => return Err(matches.fault(NOT_UNDERSTOOD)),
    };
    let headers = matches.list_of("headers")?;
    let cluster = match field.get("route") {
        Some(action) => {
            action.only(&["cluster"], &ACTION_HARMLESS)?;
            Some(action.need("cluster")?.text()?.to_owned())
        }
        None => None,
    };
    Ok(Route {
        path,
        grpc_only: matches.get("grpc").is_some(),
        methods: headers.iter().map(method).collect::<Result<_, _>>()?,
        cluster,
    })
}

/// A condition on a header; spans tell the method and no other.
fn method(field: &Field<'_>) -> Result<MethodMatch, ReadFault> {
    field.only(
        &["name", "string_match", "exact_match", "invert_match"],
        &[],
    )?;
    let name = field.need("name")?;
    if name.text()? != ":method" {
        return Err(name.fault(NOT_UNDERSTOOD));
    }
    let any_of = match (field.get("exact_match"), field.get("string_match")) {
        (Some(exact), None) => vec![exact.text()?.to_owned()],
        (None, Some(text)) => {
            text.only(&["exact", "safe_regex"], &[])?;
            match (text.get("exact"), text.get("safe_regex")) {
                (Some(exact), None) => vec![exact.text()?.to_owned()],
                (None, Some(regex)) => alternatives(&regex)?,
                _ => return Err(text.fault(NOT_UNDERSTOOD)),
            }
        }
        _ => return Err(field.fault(NOT_UNDERSTOOD)),
    };
    Ok(MethodMatch {
        any_of,
        inverted: field.flag_of("invert_match", false)?,
    })
}

/// A regular expression that is a choice between words, which Envoy matches as a whole.
fn alternatives(field: &Field<'_>) -> Result<Vec<String>, ReadFault> {
    field.only(&["regex"], &["google_re2"])?;
    let regex = field.need("regex")?;
    let words: Vec<String> = regex.text()?.split('|').map(str::to_owned).collect();
    let is_word = |word: &String| {
        !word.is_empty()
            && word
                .bytes()
                .all(|byte| byte.is_ascii_uppercase() || byte == b'-')
    };
    if words.iter().all(is_word) {
        Ok(words)
    } else {
        Err(regex.fault(NOT_UNDERSTOOD))
    }
}
