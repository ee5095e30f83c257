//! The naming template of the policy: how the address of a service is assumed where nothing tells it.
//!
//! Names of services come from spans: a name that is no single DNS label in lower case fills no template, or it could reach
//! into the rest of the host.

use super::kube::namespace_of;
use super::names::{KubeNames, is_namespace};
use crate::snapshot::Node;

/// The host of a callee; `None` when the template asks for something that is not known.
pub(super) fn fill(template: &str, callee: &Node, names: &KubeNames) -> Option<String> {
    let namespace = || {
        let known = namespace_of(callee, names);
        known.unwrap_or_else(|| callee.namespace.to_ascii_lowercase())
    };
    let mut host = String::new();
    let mut rest = template;
    while let Some((before, after)) = rest.split_once('{') {
        host.push_str(before);
        let (placeholder, after) = after.split_once('}')?;
        let value = match placeholder {
            "service" => label(callee.name.to_ascii_lowercase())?,
            "namespace" => label(namespace())?,
            "environment" => label(callee.environment.to_ascii_lowercase())?,
            "cluster_domain" => names.domain()?.to_owned(),
            _ => return None,
        };
        host.push_str(&value);
        rest = after;
    }
    host.push_str(rest);
    Some(host)
}

fn label(value: String) -> Option<String> {
    is_namespace(&value).then_some(value)
}
