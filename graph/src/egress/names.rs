//! Kubernetes name forms: which names mean one service, and which name to resolve.
//!
//! A name is taken for a Kubernetes one only when it says so (`cart.shop.svc`), or when the namespace in it is known to
//! exist and a traced service answers to it. It is completed only with the cluster domain that was dialled somewhere,
//! or that an option gives: a wrong completion resolves to nothing and breaks calls, while a name left as dialled
//! resolves as it did for the application. Failure mode: names that are not completed cost lookups of the search list.

use std::collections::{BTreeMap, BTreeSet};

use super::EgressOptions;
use super::address::is_suspect;
use super::host::{Host, is_label};
use crate::snapshot::{GraphSnapshot, Node};

/// What is known about Kubernetes names.
pub(super) struct KubeNames {
    /// What completes names: the given domain, else the only one that was dialled.
    domain: Option<String>,
    /// Domains seen in complete names.
    seen_domains: BTreeSet<String>,
    /// `service.namespace` of every service, when an option says that these are namespaces of Kubernetes.
    assumed: BTreeSet<String>,
    /// Namespaces that the snapshot shows.
    namespaces: BTreeSet<String>,
    /// `service.namespace` of names dialled with `.svc`.
    qualified: BTreeSet<String>,
}

/// A dialled name, understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ResolvedName {
    /// The same for every form of one name.
    pub identity: String,
    /// Name to resolve, without trailing dot.
    pub dns: String,
    /// Whether `dns` is complete.
    pub absolute: bool,
    /// Whether Kubernetes serves it.
    pub kubernetes: bool,
    /// Whether `dns` rests on an option and not on what was seen.
    pub assumed: bool,
    /// Every form under which the same service may be addressed, the dialled one first.
    pub forms: Vec<String>,
}

/// `<service>.<namespace>[.svc[.<domain>]]`, taken apart; a pod of a headless service is part of `service`.
struct KubeName {
    service: String,
    namespace: String,
    domain: Option<String>,
}

impl KubeName {
    fn new(service: &str, namespace: &str, domain: Option<&str>) -> Option<Self> {
        is_service(service).then_some(())?;
        is_namespace(namespace).then_some(())?;
        Some(Self {
            service: service.to_owned(),
            namespace: namespace.to_owned(),
            domain: domain.map(str::to_owned),
        })
    }

    /// Reads a name that says that it is one of Kubernetes.
    fn read(host: &str) -> Option<Self> {
        let (qualified, domain) = match host.split_once(".svc.") {
            Some((qualified, domain)) => (qualified, Some(domain)),
            None => (host.strip_suffix(".svc")?, None),
        };
        let (service, namespace) = qualified.rsplit_once('.')?;
        Self::new(service, namespace, domain)
    }

    fn qualified(&self) -> String {
        format!("{}.{}", self.service, self.namespace)
    }
}

impl KubeNames {
    /// Collects the domains and namespaces that the snapshot shows.
    pub(super) fn from_snapshot(snapshot: &GraphSnapshot, options: &EgressOptions) -> Self {
        let mut names = Self {
            domain: options.cluster_domain.clone(),
            seen_domains: BTreeSet::new(),
            assumed: BTreeSet::new(),
            namespaces: BTreeSet::new(),
            qualified: BTreeSet::new(),
        };
        for node in &snapshot.nodes {
            names.namespaces.extend(own_namespaces(node));
            if options.assume_kubernetes {
                names.assumed.insert(node.namespace.to_ascii_lowercase());
            }
            for target in &node.served {
                names.learn(&target.host);
            }
        }
        // A name under which nobody ever answered may be one that does not exist.
        for edge in snapshot.edges.iter().filter(|edge| !is_suspect(edge)) {
            for target in &edge.targets {
                names.learn(&target.host);
            }
        }
        if names.domain.is_none() && names.seen_domains.len() == 1 {
            names.domain = names.seen_domains.first().cloned();
        }
        names
    }

    fn learn(&mut self, host: &str) {
        let Ok(Host::Name(host)) = Host::parse(host, true) else {
            return;
        };
        if let Some(name) = KubeName::read(&host) {
            self.qualified.insert(name.qualified());
            self.namespaces.insert(name.namespace);
            self.seen_domains.extend(name.domain);
        }
    }

    /// The Kubernetes namespace of a service, when it is known.
    pub(super) fn namespace_of(&self, node: &Node) -> Option<String> {
        let own = own_namespaces(node);
        if own.len() == 1 {
            return own.into_iter().next();
        }
        let declared = node.namespace.to_ascii_lowercase();
        let trusted = self.is_known(&declared);
        // Several namespaces under one identity: a short name means a different service in each.
        let agrees = own.is_empty() || own.contains(&declared);
        (trusted && agrees && is_namespace(&declared)).then_some(declared)
    }

    /// Understands a valid DNS name dialled from a namespace; `traced` tells that a traced service answered.
    pub(super) fn resolve(
        &self,
        host: &str,
        caller_namespace: Option<&str>,
        traced: bool,
    ) -> ResolvedName {
        match self.understand(host, caller_namespace, traced) {
            Some(name) => self.kube_name(host, &name, caller_namespace),
            None => ResolvedName {
                identity: host.to_owned(),
                dns: host.to_owned(),
                absolute: false,
                kubernetes: false,
                assumed: false,
                forms: vec![host.to_owned()],
            },
        }
    }

    fn understand(
        &self,
        host: &str,
        caller_namespace: Option<&str>,
        traced: bool,
    ) -> Option<KubeName> {
        if let Some(name) = KubeName::read(host) {
            return Some(name);
        }
        let (service, namespace) = match host.rsplit_once('.') {
            // `shop` is a namespace here and a top-level domain elsewhere: without a traced service behind it,
            // `www.shop` is one of ours only if it was also dialled with `.svc`.
            Some(parts) if traced || self.qualified.contains(host) => parts,
            // A bare name that no traced service answers may come from any entry of the search list.
            None if traced => (host, caller_namespace?),
            _ => return None,
        };
        let known = self.is_known(namespace);
        known.then(|| KubeName::new(service, namespace, None))?
    }

    fn is_known(&self, namespace: &str) -> bool {
        self.namespaces.contains(namespace) || self.assumed.contains(namespace)
    }

    fn kube_name(
        &self,
        host: &str,
        name: &KubeName,
        caller_namespace: Option<&str>,
    ) -> ResolvedName {
        let qualified = name.qualified();
        let svc = format!("{qualified}.svc");
        let domain = name.domain.as_ref().or(self.domain.as_ref());
        let full = domain
            .map(|domain| format!("{svc}.{domain}"))
            .filter(|full| full.len() <= 253);
        let mut forms = vec![host.to_owned()];
        // The short forms mean the service of the one known domain; of another domain, perhaps not.
        if let Some(full) = &full
            && domain == self.domain.as_ref()
        {
            if caller_namespace == Some(name.namespace.as_str()) {
                forms.push(name.service.clone());
            }
            forms.extend([qualified.clone(), svc.clone(), full.clone()]);
            let mut seen = BTreeSet::new();
            forms.retain(|form| seen.insert(form.clone()));
        }
        let assumed = full.as_ref().is_some_and(|full| {
            let known_domain = domain.is_some_and(|domain| self.seen_domains.contains(domain));
            full != host && !(known_domain && self.namespaces.contains(&name.namespace))
        });
        ResolvedName {
            identity: full.clone().unwrap_or(svc),
            absolute: full.is_some(),
            dns: full.unwrap_or_else(|| host.to_owned()),
            kubernetes: true,
            assumed,
            forms,
        }
    }
}

/// RFC 1123; Kubernetes wants no more of a namespace.
fn is_namespace(label: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    is_label(label) && label.bytes().all(plain)
}

/// A service, or a pod in front of a headless service. A service is an RFC 1035 label: it starts with a letter.
fn is_service(name: &str) -> bool {
    let (pod, service) = match name.split_once('.') {
        Some((pod, service)) => (Some(pod), service),
        None => (None, name),
    };
    pod.is_none_or(is_namespace)
        && is_namespace(service)
        && service.starts_with(|first: char| first.is_ascii_lowercase())
}

fn own_namespaces(node: &Node) -> BTreeSet<String> {
    let empty = BTreeMap::new();
    let facet = node.facets.get("kube_namespace").unwrap_or(&empty);
    node.attributes
        .get("k8s.namespace.name")
        .into_iter()
        .chain(facet.keys())
        .map(|namespace| namespace.to_ascii_lowercase())
        .filter(|namespace| is_namespace(namespace))
        .collect()
}
