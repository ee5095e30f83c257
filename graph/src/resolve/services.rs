//! Services by name: which node a peer name, a Kubernetes name or an RPC service stands for.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use super::NodeRef;
use crate::identity::{NodeKey, NodeName};
use crate::peer::Category;
use crate::segment::{Caller, Segment};
use crate::snapshot::Relation;

/// An index of the nodes that emit spans.
#[derive(Debug)]
pub(super) struct Services<'a> {
    by_name: BTreeMap<String, Vec<&'a NodeKey>>,
    /// (environment, Kubernetes namespace, workload or service name) -> nodes.
    by_workload: BTreeMap<(String, String, String), BTreeSet<&'a NodeKey>>,
    /// (environment, RPC service) -> nodes that serve it.
    by_rpc_service: BTreeMap<(&'a str, &'a str), BTreeSet<&'a NodeKey>>,
    kube_namespaces: HashMap<&'a NodeKey, &'a str>,
    clusters: HashMap<&'a NodeKey, &'a str>,
    /// Clusters named in each environment.
    all_clusters: BTreeMap<&'a str, BTreeSet<&'a str>>,
    /// Every Kubernetes namespace seen.
    known_namespaces: BTreeSet<String>,
    /// Callers and the gateways that passed their calls on to a service.
    passed_on: BTreeSet<(&'a NodeKey, &'a NodeKey)>,
    /// Browsers: they run in no cluster.
    browsers: BTreeSet<&'a NodeKey>,
}

/// What a name stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Match {
    /// Exactly this node.
    One(NodeRef),
    /// Several nodes; choosing would be guessing.
    Ambiguous(Vec<NodeRef>),
    /// No node that emits spans.
    Unknown,
}

impl<'a> Services<'a> {
    pub(super) fn new(segment: &'a Segment) -> Self {
        let mut services = Self {
            by_name: BTreeMap::new(),
            by_workload: BTreeMap::new(),
            by_rpc_service: BTreeMap::new(),
            kube_namespaces: HashMap::new(),
            clusters: HashMap::new(),
            all_clusters: BTreeMap::new(),
            known_namespaces: BTreeSet::new(),
            passed_on: passed_on(segment),
            browsers: BTreeSet::new(),
        };
        for (key, stats) in &segment.nodes {
            let named = stats.facets.get("cluster").into_iter();
            let named = named.flat_map(BTreeMap::keys).map(String::as_str);
            let all = services.all_clusters.entry(key.environment.as_str());
            all.or_default().extend(named);
            if matches!(key.name, NodeName::Unidentified(_) | NodeName::Other) {
                continue;
            }
            if stats.facets.get("language").and_then(only) == Some("webjs") {
                services.browsers.insert(key);
            }
            let name = key.display_name();
            services
                .by_name
                .entry(name.to_lowercase())
                .or_default()
                .push(key);
            if let Some(cluster) = stats.facets.get("cluster").and_then(only) {
                services.clusters.insert(key, cluster);
            }
            let Some(namespace) = stats.facets.get("kube_namespace").and_then(only) else {
                continue;
            };
            services.kube_namespaces.insert(key, namespace);
            services.known_namespaces.insert(namespace.to_owned());
            let workloads = stats.attributes.values().filter_map(only);
            for workload in workloads.chain([name]) {
                let place = (
                    key.environment.clone(),
                    namespace.to_owned(),
                    workload.to_lowercase(),
                );
                services.by_workload.entry(place).or_default().insert(key);
            }
        }
        services.learn_rpc_services(segment);
        services
    }

    /// Who serves an RPC service: those whose server spans name it, and those that answered callers that named it. Of the
    /// latter, one that calls the service itself is a proxy that passes calls on.
    fn learn_rpc_services(&mut self, segment: &'a Segment) {
        let mut passed_on: HashSet<(&NodeKey, &str)> = HashSet::new();
        for (key, stats) in &segment.edges {
            if let (Caller::Node(caller), Category::Rpc { service, .. }) =
                (&key.caller, &key.peer.category)
                && key.callee.as_ref() != Some(caller)
                && stats.attempts > 0
            {
                passed_on.insert((caller, service));
            }
        }
        let voted = segment.votes.keys().map(|key| {
            let environment = key.caller.environment.as_str();
            (environment, &key.callee, key.rpc_service.as_str())
        });
        let voted = voted.filter(|(_, node, service)| {
            !service.is_empty() && !passed_on.contains(&(*node, *service))
        });
        for (environment, node, service) in voted {
            let nodes = self.by_rpc_service.entry((environment, service));
            nodes.or_default().insert(node);
        }
        for (key, peer) in segment.served.keys() {
            if let Category::Rpc { service, .. } = &peer.category
                && !service.is_empty()
            {
                let place = (key.environment.as_str(), service.as_str());
                self.by_rpc_service.entry(place).or_default().insert(key);
            }
        }
    }

    /// The Kubernetes namespace of a node, if all its spans agree on one.
    pub(super) fn kube_namespace(&self, node: &NodeKey) -> Option<&'a str> {
        self.kube_namespaces.get(node).copied()
    }

    /// The cluster of a node, if all its spans agree on one; or the only one that its environment names at all, because
    /// services that do not name it will hardly run elsewhere; else empty.
    pub(super) fn cluster(&self, node: &NodeKey) -> &'a str {
        if let Some(cluster) = self.clusters.get(node) {
            return cluster;
        }
        let all = self.all_clusters.get(node.environment.as_str());
        let only = all.filter(|all| all.len() == 1);
        only.and_then(|all| all.first().copied())
            .unwrap_or_default()
    }

    /// True when both nodes run in one cluster: by its name, or by Kubernetes namespaces where no cluster is named at all. Where
    /// neither tells where it runs, a gateway that passes the calls on to a service stands for the cluster (X11).
    pub(super) fn share_cluster(&self, a: &NodeKey, b: &NodeKey) -> bool {
        match (self.clusters.get(a), self.clusters.get(b)) {
            (Some(a), Some(b)) => a == b,
            (None, None) => {
                let has_namespace = |node| self.kube_namespaces.contains_key(node);
                let is_known = has_namespace(a) && has_namespace(b);
                let is_unknown = !has_namespace(a) && !has_namespace(b);
                let is_passed_on = self.passed_on.contains(&(a, b)) && !self.browsers.contains(a);
                a.environment == b.environment && (is_known || (is_unknown && is_passed_on))
            }
            _ => false,
        }
    }

    pub(super) fn known_namespaces(&self) -> &BTreeSet<String> {
        &self.known_namespaces
    }

    /// A service by the name that a span gives its peer (rule 1.1.4): the given or the caller's own namespace first,
    /// then unique over all namespaces; never another environment.
    pub(super) fn by_peer_name(
        &self,
        environment: &str,
        own_namespace: &str,
        peer: (&str, &str),
    ) -> Match {
        let (namespace, name) = peer;
        let homonyms = self.by_name.get(&name.to_lowercase());
        let here: Vec<&NodeKey> = homonyms
            .into_iter()
            .flatten()
            .copied()
            .filter(|key| key.environment == environment)
            .filter(|key| namespace.is_empty() || key.namespace == namespace)
            .collect();
        let near: Vec<&NodeKey> = here
            .iter()
            .copied()
            .filter(|key| key.namespace == own_namespace)
            .collect();
        let exact = |keys: &[&NodeKey]| -> Vec<NodeRef> {
            let same = keys.iter().filter(|key| key.display_name() == name);
            same.map(|key| NodeRef::of_key(key)).collect()
        };
        for candidates in [&near, &here] {
            match (candidates.as_slice(), exact(candidates).as_slice()) {
                ([], _) => {}
                ([only], _) => return Match::One(NodeRef::of_key(only)),
                (_, [only]) => return Match::One(only.clone()),
                _ => return ambiguous(candidates.iter().copied()),
            }
        }
        Match::Unknown
    }

    /// The node whose workload or service has this name in this Kubernetes namespace.
    pub(super) fn by_kube_name(&self, environment: &str, namespace: &str, name: &str) -> Match {
        let place = (
            environment.to_owned(),
            namespace.to_owned(),
            name.to_lowercase(),
        );
        one_of(self.by_workload.get(&place))
    }

    /// The only node seen serving this RPC service.
    pub(super) fn by_rpc_service(&self, environment: &str, service: &str) -> Match {
        // Every server has these, so the one that was seen with them is nobody special.
        let is_everywhere = ["grpc.health.", "grpc.reflection.", "grpc.channelz."]
            .iter()
            .any(|package| service.starts_with(package));
        if is_everywhere {
            return Match::Unknown;
        }
        one_of(self.by_rpc_service.get(&(environment, service)))
    }
}

fn one_of(nodes: Option<&BTreeSet<&NodeKey>>) -> Match {
    match nodes.map(|nodes| (nodes.len(), nodes.first(), nodes)) {
        Some((1, Some(node), _)) => Match::One(NodeRef::of_key(node)),
        Some((count, _, nodes)) if count > 1 => ambiguous(nodes.iter().copied()),
        _ => Match::Unknown,
    }
}

fn ambiguous<'a>(nodes: impl Iterator<Item = &'a NodeKey>) -> Match {
    Match::Ambiguous(nodes.map(NodeRef::of_key).collect())
}

/// The only value of a facet.
fn only(values: &BTreeMap<String, u64>) -> Option<&str> {
    match values.len() {
        1 => values.keys().next().map(String::as_str),
        _ => None,
    }
}

/// Callers with a logical edge to a service, and the nodes between the two.
fn passed_on(segment: &Segment) -> BTreeSet<(&NodeKey, &NodeKey)> {
    let edges = segment.edges.keys().filter_map(|key| match &key.caller {
        Caller::Node(caller) => Some((caller, key.callee.as_ref()?, key.relation)),
        Caller::Named { .. } => None,
    });
    let edges: Vec<_> = edges.collect();
    let logical = edges.iter().filter(|edge| edge.2 == Relation::Proxied);
    let logical: BTreeSet<(&NodeKey, &NodeKey)> = logical.map(|(a, b, _)| (*a, *b)).collect();
    if logical.is_empty() {
        return BTreeSet::new();
    }
    let is_sync = |edge: &&(&NodeKey, &NodeKey, Relation)| edge.2 == Relation::Sync;
    let mut callers: HashMap<&NodeKey, BTreeSet<&NodeKey>> = HashMap::new();
    for (caller, callee, _) in edges.iter().filter(is_sync) {
        callers.entry(callee).or_default().insert(caller);
    }
    let between = logical.into_iter().flat_map(|(caller, callee)| {
        let gateways = callers.get(callee).into_iter().flatten();
        gateways.map(move |gateway| (caller, *gateway))
    });
    let calls = |(caller, gateway): &(&NodeKey, &NodeKey)| {
        callers.get(gateway).is_some_and(|all| all.contains(caller))
    };
    between.filter(calls).collect()
}
