//! Thousands of subdomains of one domain as one node (B47): tenants, buckets, generated names.
//!
//! Only hosts outside that nothing else explains are folded, and only where two things hold for a domain: many direct
//! subdomains, and one caller that dials many hosts below it. A company's own hundred services in one zone have many
//! callers of a few hosts each, and stay apart. Fails for a caller that dials them all, such as a prober.

use std::collections::{BTreeMap, BTreeSet};

use super::NodeRef;
use super::policy::{MIN_WILDCARD_CHILDREN, MIN_WILDCARD_HOSTS_OF_ONE_CALLER};
use crate::peer::{parent_domain, parse_authority};
use crate::snapshot::NodeKind;

/// Kind, environment, domain.
type Domain = (NodeKind, String, String);

/// Domains whose subdomains are one node.
#[derive(Debug, Default)]
pub(super) struct Wildcards {
    /// With the hosts that folded, and the port if all have the same.
    domains: BTreeMap<Domain, Folded>,
}

#[derive(Debug, Default)]
struct Folded {
    hosts: BTreeSet<String>,
    ports: BTreeSet<Option<u16>>,
}

/// What is counted per domain.
#[derive(Debug, Default)]
struct Below {
    children: BTreeSet<String>,
    /// Hosts below the domain by caller.
    callers: BTreeMap<NodeRef, u64>,
}

impl Wildcards {
    /// Looks for wide domains among callers and the outside hosts that they dial.
    pub(super) fn learn<'a>(dialled: impl Iterator<Item = (&'a NodeRef, &'a NodeRef)>) -> Self {
        let dialled: BTreeSet<(&NodeRef, &NodeRef)> = dialled.collect();
        let mut below: BTreeMap<Domain, Below> = BTreeMap::new();
        for (caller, node) in &dialled {
            let Some((host, _)) = host_of(node) else {
                continue;
            };
            for (child, domain) in ancestors(&host) {
                let domain = (node.kind, node.environment.clone(), domain.to_owned());
                let below = below.entry(domain).or_default();
                if !below.children.contains(child) {
                    below.children.insert(child.to_owned());
                }
                *below.callers.entry((*caller).clone()).or_default() += 1;
            }
        }
        let is_wide = |below: &Below| {
            let most = below.callers.values().max().copied().unwrap_or_default();
            below.children.len() >= MIN_WILDCARD_CHILDREN
                && most >= MIN_WILDCARD_HOSTS_OF_ONE_CALLER as u64
        };
        below.retain(|_, below| is_wide(below));
        let domains = below.into_keys().map(|domain| (domain, Folded::default()));
        let mut wildcards = Self {
            domains: domains.collect(),
        };
        let nodes: BTreeSet<&NodeRef> = dialled.into_iter().map(|(_, node)| node).collect();
        for node in &nodes {
            // A host that was widened because a table of names was full.
            if let Some((host, _)) = host_of(node)
                && let Some(domain) = host.strip_prefix("*.")
            {
                let domain = (node.kind, node.environment.clone(), domain.to_owned());
                wildcards.domains.entry(domain).or_default();
            }
        }
        for node in nodes {
            wildcards.count(node);
        }
        wildcards
    }

    fn count(&mut self, node: &NodeRef) {
        if let Some((host, port)) = host_of(node)
            && let Some(domain) = self.domain_of(node, &host)
        {
            let folded = self.domains.entry(domain).or_default();
            folded.hosts.insert(host);
            folded.ports.insert(port);
        }
    }

    /// The nearest wide domain above a host.
    fn domain_of(&self, node: &NodeRef, host: &str) -> Option<Domain> {
        let mut domains = ancestors(host).map(|(_, domain)| {
            let domain = domain.to_owned();
            (node.kind, node.environment.clone(), domain)
        });
        domains.find(|domain| self.domains.contains_key(domain))
    }

    /// The node that stands for this one, if it was folded.
    pub(super) fn fold(&self, node: &NodeRef) -> Option<NodeRef> {
        let (host, _) = host_of(node)?;
        let domain = self.domain_of(node, &host)?;
        let folded = self.domains.get(&domain)?;
        let name = format!("*.{}", domain.2);
        let address = match (folded.ports.len(), folded.ports.first()) {
            (1, Some(Some(port))) => format!("{name}:{port}"),
            _ => name.clone(),
        };
        Some(NodeRef {
            name,
            address: Some(address),
            ..node.clone()
        })
    }

    /// How many hosts a node stands for.
    pub(super) fn hosts(&self, node: &NodeRef) -> Option<u64> {
        let domain = node.name.strip_prefix("*.")?;
        let domain = (node.kind, node.environment.clone(), domain.to_owned());
        let folded = self.domains.get(&domain)?;
        Some(folded.hosts.len() as u64)
    }
}

/// Host and port of a node that stands for one host outside.
fn host_of(node: &NodeRef) -> Option<(String, Option<u16>)> {
    let is_outside = matches!(node.kind, NodeKind::External | NodeKind::ObjectStore);
    let address = node.address.as_ref().filter(|_| is_outside)?;
    let (prefix, rest) = match address.strip_prefix("*.") {
        Some(rest) => ("*.", rest),
        None => ("", address.as_str()),
    };
    let found = parse_authority(rest)?;
    let is_public = found.ip().is_none() && super::is_public_name(&found.host);
    is_public.then(|| (format!("{prefix}{}", found.host), found.port))
}

/// Deeper domains are not looked at: labels cost nothing to make up.
const MAX_ANCESTORS: usize = 4;

/// Domains above a host, nearest first, each with the label of the host's branch.
fn ancestors(host: &str) -> impl Iterator<Item = (&str, &str)> {
    let mut rest = host;
    let above = std::iter::from_fn(move || {
        let parent = parent_domain(rest)?;
        let (child, _) = rest.split_once('.')?;
        rest = parent;
        Some((child, parent))
    });
    above.take(MAX_ANCESTORS)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(kind: NodeKind, address: &str) -> NodeRef {
        NodeRef {
            kind,
            environment: String::new(),
            namespace: String::new(),
            name: address.to_owned(),
            source: String::new(),
            address: Some(address.to_owned()),
            system: None,
        }
    }

    fn learn(callers: usize, hosts: &[String]) -> Wildcards {
        let callers: Vec<NodeRef> = (0..callers)
            .map(|caller| node(NodeKind::Service, &format!("caller{caller}")))
            .collect();
        let nodes: Vec<NodeRef> = hosts
            .iter()
            .map(|host| node(NodeKind::External, host))
            .collect();
        let pairs = nodes.iter().enumerate();
        Wildcards::learn(pairs.map(|(index, node)| (&callers[index % callers.len()], node)))
    }

    fn fold(wildcards: &Wildcards, address: &str) -> Option<String> {
        let folded = wildcards.fold(&node(NodeKind::External, address))?;
        folded.address
    }

    fn tenants(count: usize, domain: &str) -> Vec<String> {
        (0..count)
            .map(|tenant| format!("t{tenant}.{domain}:443"))
            .collect()
    }

    #[test]
    fn tenants_of_one_domain_are_one_node_with_their_number() {
        let wildcards = learn(1, &tenants(150, "x.example"));
        let folded = fold(&wildcards, "t7.x.example:443");
        assert_eq!(folded.as_deref(), Some("*.x.example:443"));
        let star = wildcards.fold(&node(NodeKind::External, "t7.x.example:443"));
        assert_eq!(wildcards.hosts(&star.unwrap()), Some(150));
        assert_eq!(fold(&wildcards, "x.example:443"), None);
        assert_eq!(fold(&wildcards, "api.stripe.com:443"), None);
    }

    #[test]
    fn names_below_generated_names_fold_into_the_same_domain() {
        let deep: Vec<String> = (0..150)
            .map(|n| format!("api.t{n}.x.example:443"))
            .collect();
        let wildcards = learn(1, &deep);
        let folded = fold(&wildcards, "api.t7.x.example:443");
        assert_eq!(folded.as_deref(), Some("*.x.example:443"));
    }

    #[test]
    fn services_of_one_zone_with_a_few_hosts_per_caller_stay_apart() {
        let wildcards = learn(20, &tenants(300, "svc.company.com"));
        assert_eq!(fold(&wildcards, "t7.svc.company.com:443"), None);
    }

    #[test]
    fn few_hosts_private_zones_addresses_and_suffixes_stay_apart() {
        for hosts in [
            tenants(99, "x.example"),
            tenants(300, "shop.internal"),
            tenants(300, "co.uk"),
            tenants(300, "com"),
            (0..250).map(|n| format!("93.184.216.{n}:443")).collect(),
        ] {
            let wildcards = learn(1, &hosts);
            assert_eq!(fold(&wildcards, &hosts[7]), None, "{}", hosts[7]);
        }
    }

    #[test]
    fn several_ports_leave_the_address_without_one() {
        let mut hosts = tenants(150, "x.example");
        hosts.push("t151.x.example:8443".to_owned());
        let wildcards = learn(1, &hosts);
        let folded = fold(&wildcards, "t7.x.example:443");
        assert_eq!(folded.as_deref(), Some("*.x.example"));
    }

    #[test]
    fn a_host_that_was_widened_when_a_table_was_full_joins_the_wildcard() {
        let wildcards = learn(1, &["*.x.example:443".to_owned()]);
        let folded = wildcards.fold(&node(NodeKind::External, "*.x.example:443"));
        assert_eq!(folded.unwrap().name, "*.x.example");
    }
}
