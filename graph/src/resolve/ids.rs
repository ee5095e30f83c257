//! Node ids: stable, readable, escaped.
//!
//! `service/shop/cart`, `service/cart` without namespace, `database/postgresql@pg:5432`, `external/api.example.com:443`. An
//! environment is appended (`@prod`) only to ids that two environments would share, and the naming attribute
//! (`~k8s.deployment.name`) only to a workload that would share the id of a service.

use std::collections::BTreeMap;

use super::NodeRef;
use crate::snapshot::NodeKind;

/// The id of every node; ids are unique.
pub(super) fn assign(nodes: &[NodeRef]) -> BTreeMap<NodeRef, String> {
    let plain_ids = count(nodes.iter().map(plain));
    let with_environment = |node: &NodeRef| {
        let id = plain(node);
        if plain_ids[&id] > 1 && !node.environment.is_empty() {
            format!("{id}@{}", escape(&node.environment))
        } else {
            id
        }
    };
    let environment_ids = count(nodes.iter().map(with_environment));
    let id = |node: &NodeRef| {
        let id = with_environment(node);
        let is_workload = node.kind == NodeKind::Service && !node.source.is_empty();
        if environment_ids[&id] > 1 && is_workload {
            format!("{id}~{}", escape(&node.source))
        } else {
            id
        }
    };
    nodes.iter().map(|node| (node.clone(), id(node))).collect()
}

fn count(ids: impl Iterator<Item = String>) -> BTreeMap<String, u64> {
    let mut counts = BTreeMap::new();
    for id in ids {
        *counts.entry(id).or_default() += 1;
    }
    counts
}

fn plain(node: &NodeRef) -> String {
    let kind = node.kind.as_str();
    let name = match node.kind {
        NodeKind::Service | NodeKind::Unidentified => escape(&node.name),
        _ if node.source.is_empty() => escape_virtual(&node.name),
        _ => format!("{}~{}", escape_virtual(&node.name), escape(&node.source)),
    };
    if node.namespace.is_empty() {
        format!("{kind}/{name}")
    } else {
        format!("{kind}/{}/{name}", escape(&node.namespace))
    }
}

/// Percent-encodes everything but letters, digits and `-._`.
pub(crate) fn escape(text: &str) -> String {
    escape_except(text, "-._")
}

/// Names of virtual nodes are addresses, alone or behind `system@`.
fn escape_virtual(text: &str) -> String {
    escape_except(text, "-._@:,[]*")
}

fn escape_except(text: &str, kept: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_ascii_alphanumeric() || kept.contains(c) {
            escaped.push(c);
        } else {
            let mut bytes = [0; 4];
            for byte in c.encode_utf8(&mut bytes).bytes() {
                escaped.push_str(&format!("%{byte:02X}"));
            }
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    fn service(environment: &str, namespace: &str, name: &str) -> NodeRef {
        NodeRef {
            kind: NodeKind::Service,
            environment: environment.to_owned(),
            namespace: namespace.to_owned(),
            name: name.to_owned(),
            source: String::new(),
            address: None,
            system: None,
        }
    }

    #[test]
    fn ids_are_readable_and_name_the_environment_only_where_two_share_a_name() {
        let nodes = [
            service("prod", "shop", "cart"),
            service("test", "shop", "cart"),
            service("prod", "", "web"),
        ];
        let ids = assign(&nodes);
        assert_eq!(ids[&nodes[0]], "service/shop/cart@prod");
        assert_eq!(ids[&nodes[1]], "service/shop/cart@test");
        assert_eq!(ids[&nodes[2]], "service/web");
    }

    #[test]
    fn hostile_names_cannot_leave_their_place_in_an_id() {
        let node = service("", "a/b", "../x\n\"@é");
        assert_eq!(
            assign(std::slice::from_ref(&node))[&node],
            "service/a%2Fb/..%2Fx%0A%22%40%C3%A9"
        );
    }
}
