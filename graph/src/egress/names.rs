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
use crate::inventory::Addressing;
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
    /// Namespace and name of every service that an inventory lists.
    listed: BTreeMap<(String, String), Addressing>,
}

/// A service of Kubernetes that a name stands for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct KubeRef {
    pub namespace: String,
    pub service: String,
    /// The one pod of a headless service that is meant.
    pub pod: Option<String>,
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
    /// The service that is meant, when it is one of Kubernetes.
    pub kube: Option<KubeRef>,
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

    fn reference(&self) -> KubeRef {
        let (pod, service) = match self.service.split_once('.') {
            Some((pod, service)) => (Some(pod.to_owned()), service),
            None => (None, self.service.as_str()),
        };
        KubeRef {
            namespace: self.namespace.clone(),
            service: service.to_owned(),
            pod,
        }
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
            listed: BTreeMap::new(),
        };
        names.learn_inventory(options);
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
        let seen_now = names.seen_domains.clone();
        names.learn_previous(options);
        // What was learnt before must not be forgotten with a quiet caller, nor outlive a new domain.
        if !seen_now.is_empty() {
            names.seen_domains = seen_now;
        }
        if names.domain.is_none() && names.seen_domains.len() == 1 {
            names.domain = names.seen_domains.first().cloned();
        }
        names
    }

    fn learn_inventory(&mut self, options: &EgressOptions) {
        let Some(inventory) = &options.inventory else {
            return;
        };
        let namespaces = inventory.namespaces().into_iter();
        let namespaces = namespaces.filter(|namespace| is_namespace(namespace));
        self.namespaces.extend(namespaces.map(str::to_owned));
        for service in inventory.services() {
            let key = (service.namespace.clone(), service.name.clone());
            self.listed.insert(key, service.addressing);
        }
    }

    fn learn_previous(&mut self, options: &EgressOptions) {
        let services = options.previous.iter().flat_map(|model| &model.services);
        let destinations = services.flat_map(|service| &service.destinations);
        for target in destinations.flat_map(|destination| &destination.targets) {
            if target.kubernetes && target.dns_is_absolute && !target.assumed {
                self.learn(target.dns.as_deref().unwrap_or_default());
            }
        }
    }

    /// The domain that completes names, when there is one.
    pub(super) fn domain(&self) -> Option<&str> {
        self.domain.as_deref()
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
                kube: None,
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
        if let Some(name) = caller_namespace.and_then(|own| self.find_listed(host, own)) {
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

    /// Walks the search list of a pod over the services that an inventory lists: its own namespace first, then all.
    fn find_listed(&self, host: &str, own_namespace: &str) -> Option<KubeName> {
        let listed = |namespace: &str, service: &str| {
            let key = (namespace.to_owned(), service.to_owned());
            self.listed.get(&key).copied()
        };
        let Some((front, last)) = host.rsplit_once('.') else {
            listed(own_namespace, host)?;
            return KubeName::new(host, own_namespace, None);
        };
        let in_own = listed(own_namespace, last) == Some(Addressing::Headless);
        let service = front.rsplit('.').next().unwrap_or(front);
        let in_other = match listed(last, service) {
            Some(addressing) => service == front || addressing == Addressing::Headless,
            None => false,
        };
        match (in_own && !front.contains('.'), in_other) {
            (true, false) => KubeName::new(host, own_namespace, None),
            (false, true) => KubeName::new(front, last, None),
            // A pod of the own namespace wins only if it exists, which nothing here tells.
            (true, true) | (false, false) => None,
        }
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
            kube: Some(name.reference()),
        }
    }
}

/// RFC 1123; Kubernetes wants no more of a namespace.
pub(super) fn is_namespace(label: &str) -> bool {
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

/// The namespaces of Kubernetes that the spans of a node name.
pub(crate) fn own_namespaces(node: &Node) -> BTreeSet<String> {
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
