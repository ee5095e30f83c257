//! Kubernetes name forms: which names mean one service, and which name to resolve.
//!
//! A name is taken for a Kubernetes one only when the namespace in it is known to exist: from resource attributes or
//! from a host that ends in `.svc`. A wrong completion would resolve to nothing and break calls, while a name left as
//! dialled resolves as it did for the application. Failure mode: names in namespaces never seen stay single forms.

use std::collections::{BTreeMap, BTreeSet};

use super::EgressOptions;
use super::host::is_label;
use crate::snapshot::{GraphSnapshot, Node};

/// What is known about Kubernetes namespaces.
pub(super) struct KubeNames {
    cluster_domain: String,
    assume: bool,
    namespaces: BTreeSet<String>,
}

/// A dialled name, understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ResolvedName {
    /// Name to resolve, without trailing dot.
    pub dns: String,
    /// Whether `dns` is complete.
    pub absolute: bool,
    /// Every form under which the same service may be addressed, the dialled one first.
    pub forms: Vec<String>,
}

impl KubeNames {
    /// Collects the namespaces that the snapshot shows.
    pub(super) fn from_snapshot(snapshot: &GraphSnapshot, options: &EgressOptions) -> Self {
        let mut names = Self {
            cluster_domain: options.cluster_domain.to_ascii_lowercase(),
            assume: options.assume_kubernetes,
            namespaces: BTreeSet::new(),
        };
        for node in &snapshot.nodes {
            names.namespaces.extend(own_namespaces(node));
            if options.assume_kubernetes {
                names.learn(&node.namespace);
            }
            for target in &node.served {
                names.learn_from_host(&target.host);
            }
        }
        for target in snapshot.edges.iter().flat_map(|edge| &edge.targets) {
            names.learn_from_host(&target.host);
        }
        names
    }

    fn learn(&mut self, namespace: &str) {
        let namespace = namespace.to_ascii_lowercase();
        if is_label(&namespace) {
            self.namespaces.insert(namespace);
        }
    }

    fn learn_from_host(&mut self, host: &str) {
        let host = host.trim_end_matches('.').to_ascii_lowercase();
        let Some(service) = self.strip_suffix(&host) else {
            return;
        };
        if let Some((_, namespace)) = service.rsplit_once('.') {
            self.learn(namespace);
        }
    }

    /// `cart.shop` of `cart.shop.svc.cluster.local` and of `cart.shop.svc`.
    fn strip_suffix<'a>(&self, host: &'a str) -> Option<&'a str> {
        host.strip_suffix(self.cluster_domain.as_str())
            .and_then(|rest| rest.strip_suffix(".svc."))
            .or_else(|| host.strip_suffix(".svc"))
    }

    /// The Kubernetes namespace of a service, when it is known.
    pub(super) fn namespace_of(&self, node: &Node) -> Option<String> {
        let own = own_namespaces(node);
        if own.len() == 1 {
            return own.into_iter().next();
        }
        let declared = node.namespace.to_ascii_lowercase();
        let trusted = self.assume || self.namespaces.contains(&declared);
        // Several namespaces under one identity: a short name means a different service in each.
        let agrees = own.is_empty() || own.contains(&declared);
        (trusted && agrees && is_label(&declared)).then_some(declared)
    }

    /// Understands a valid DNS name dialled from a namespace.
    pub(super) fn resolve(&self, host: &str, caller_namespace: Option<&str>) -> ResolvedName {
        match self.service_and_namespace(host, caller_namespace) {
            Some((service, namespace)) => {
                self.kube_name(host, &service, &namespace, caller_namespace)
            }
            None => ResolvedName {
                dns: host.to_owned(),
                absolute: !self.needs_search_list(host),
                forms: vec![host.to_owned()],
            },
        }
    }

    fn service_and_namespace(
        &self,
        host: &str,
        caller_namespace: Option<&str>,
    ) -> Option<(String, String)> {
        let (service, namespace) = if let Some(qualified) = self.strip_suffix(host) {
            qualified.rsplit_once('.')?
        } else if host.contains('.') {
            let (service, namespace) = host.rsplit_once('.')?;
            // `pod-0.redis.shop` is a pod of a headless service; `api.shop.example` ends in no known namespace.
            self.namespaces
                .contains(namespace)
                .then_some((service, namespace))?
        } else {
            (host, caller_namespace?)
        };
        Some((service.to_owned(), namespace.to_owned()))
    }

    fn kube_name(
        &self,
        host: &str,
        service: &str,
        namespace: &str,
        caller_namespace: Option<&str>,
    ) -> ResolvedName {
        let svc = format!("{service}.{namespace}.svc");
        let full = format!("{svc}.{}", self.cluster_domain);
        let mut forms = vec![host.to_owned()];
        if caller_namespace == Some(namespace) {
            forms.push(service.to_owned());
        }
        forms.extend([format!("{service}.{namespace}"), svc, full.clone()]);
        let mut seen = BTreeSet::new();
        forms.retain(|form| form.len() <= 253 && seen.insert(form.clone()));
        if full.len() > 253 {
            return ResolvedName {
                dns: host.to_owned(),
                absolute: false,
                forms,
            };
        }
        ResolvedName {
            dns: full,
            absolute: true,
            forms,
        }
    }

    /// One or two labels may be completed by the search list of the pod (`cart`, `cart.shop`), and so may a longer
    /// name under `.svc` of another cluster domain.
    fn needs_search_list(&self, host: &str) -> bool {
        host.split('.').count() < 3 || host.ends_with(".svc")
    }
}

fn own_namespaces(node: &Node) -> BTreeSet<String> {
    let empty = BTreeMap::new();
    let facet = node.facets.get("kube_namespace").unwrap_or(&empty);
    node.attributes
        .get("k8s.namespace.name")
        .into_iter()
        .chain(facet.keys())
        .map(|namespace| namespace.to_ascii_lowercase())
        .filter(|namespace| is_label(namespace))
        .collect()
}
