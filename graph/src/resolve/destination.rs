//! Where a call went whose server half was not seen; first hit wins (inference rule 1.5).

use std::borrow::Cow;

use super::NodeRef;
use super::book::{Book, Entry};
use super::brokers::Brokers;
use super::kube;
use super::ports::Ports;
use super::services::{Match, Services};
use crate::identity::NodeKey;
use crate::peer::{Address, Category, Peer, is_private};
use crate::segment::Segment;
use crate::snapshot::NodeKind;

/// How a destination is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Evidence {
    /// Both halves were seen: paired, or parent and child without kinds.
    Answered,
    /// By the dialled address of a node that emits no spans.
    Dialled,
    /// By an address that the book maps to a service, with so many votes.
    Book(u64),
    /// By a name that the spans give.
    Named,
    /// By a span link.
    Link,
}

impl Evidence {
    /// Confidence of one call (inference.md 1.2); an answered call is split by the class it was found in.
    pub(super) fn confidence(self) -> f64 {
        match self {
            Self::Answered => 1.0,
            Self::Link => 0.95,
            Self::Dialled => 0.9,
            Self::Book(votes) => {
                let votes = u32::try_from(votes.clamp(1, 20)).unwrap_or(20);
                0.5 + 0.4 * f64::from(votes - 1) / 19.0
            }
            Self::Named => 0.6,
        }
    }
}

/// A node, how it is known, and what else it could have been.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Known {
    pub(super) node: NodeRef,
    pub(super) evidence: Evidence,
    pub(super) is_ambiguous: bool,
}

/// The end of a call.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Destination {
    Known(Known),
    /// Nothing says where it went.
    Unresolved,
}

impl Destination {
    fn known(node: NodeRef, evidence: Evidence) -> Self {
        Self::Known(Known {
            node,
            evidence,
            is_ambiguous: false,
        })
    }

    pub(super) fn answered(node: NodeRef) -> Self {
        Self::known(node, Evidence::Answered)
    }

    pub(super) fn named(node: NodeRef) -> Self {
        Self::known(node, Evidence::Named)
    }
}

/// Everything that names destinations, learnt from one segment.
#[derive(Debug)]
pub(super) struct Resolver<'a> {
    services: Services<'a>,
    book: Book,
    brokers: Brokers,
    ports: Ports,
}

impl<'a> Resolver<'a> {
    pub(super) fn new(segment: &'a Segment) -> Self {
        let services = Services::new(segment);
        let ports = Ports::learn(segment);
        Self {
            brokers: Brokers::learn(segment, &services),
            book: Book::learn(segment, &ports),
            services,
            ports,
        }
    }

    /// The caller that a root server span names (Z13).
    pub(super) fn named_caller(&self, environment: &str, namespace: &str, name: &str) -> NodeRef {
        match self
            .services
            .by_peer_name(environment, namespace, (namespace, name))
        {
            Match::One(node) => node,
            Match::Ambiguous | Match::Unknown => NodeRef {
                kind: NodeKind::External,
                environment: environment.to_owned(),
                namespace: namespace.to_owned(),
                name: name.to_owned(),
                source: String::new(),
                address: None,
                system: None,
            },
        }
    }

    /// The broker of a message half, if anything names one.
    pub(super) fn broker(&self, node: &NodeKey, peer: &Peer) -> Option<NodeRef> {
        self.brokers.resolve(node, peer, &self.services)
    }

    /// What was dialled, with the port that the host is known by.
    pub(super) fn complete<'p>(&self, caller: &NodeKey, peer: &'p Peer) -> Cow<'p, Peer> {
        self.ports.complete(caller, peer)
    }

    pub(super) fn resolve(&self, caller: &NodeKey, peer: &Peer) -> Destination {
        self.by_name(caller, peer)
            .or_else(|| self.by_book(caller, peer))
            .or_else(|| self.by_category(caller, peer))
            .or_else(|| self.by_host(caller, peer))
            .or_else(|| self.by_socket(caller, peer))
            .or_else(|| self.by_rpc_service(caller, peer))
            .unwrap_or(Destination::Unresolved)
    }

    /// Rule 1.5.1: the name that the caller gives its peer. Some drivers give the keyspace, which may be called as the
    /// service itself: that is no self call.
    fn by_name(&self, caller: &NodeKey, peer: &Peer) -> Option<Destination> {
        let (namespace, name) = peer.name.as_ref()?;
        let found =
            self.services
                .by_peer_name(&caller.environment, &caller.namespace, (namespace, name));
        if let Match::One(node) = found {
            let is_keyspace = matches!(peer.category, Category::Database { .. })
                && node == NodeRef::of_key(caller);
            return (!is_keyspace).then(|| Destination::named(node));
        }
        let kind = match peer.category {
            Category::Database { .. } => NodeKind::Database,
            Category::Messaging { .. } => NodeKind::Broker,
            Category::Genai { .. } => NodeKind::Genai,
            Category::Function { .. } => NodeKind::Function,
            _ => NodeKind::External,
        };
        Some(Destination::Known(Known {
            node: NodeRef {
                kind,
                environment: caller.environment.clone(),
                namespace: namespace.clone(),
                name: name.clone(),
                source: String::new(),
                address: peer.address.as_ref().map(Address::to_string),
                system: peer.category.system().map(str::to_owned),
            },
            evidence: Evidence::Named,
            is_ambiguous: found == Match::Ambiguous,
        }))
    }

    /// Rule 1.5.2: the address book.
    fn by_book(&self, caller: &NodeKey, peer: &Peer) -> Option<Destination> {
        if matches!(peer.category, Category::Messaging { .. }) {
            return None;
        }
        Some(match self.book.look_up(caller, peer)? {
            Entry::Single { node, votes } => Destination::known(node, Evidence::Book(votes)),
            Entry::Shared => {
                let place = self.place(caller, peer.best_address()?);
                let node = place.into_node(NodeKind::SharedHost, None);
                Destination::known(node, Evidence::Dialled)
            }
        })
    }

    /// Rule 1.5.3: databases, brokers, providers and functions.
    fn by_category(&self, caller: &NodeKey, peer: &Peer) -> Option<Destination> {
        let place = || Some(self.place(caller, peer.best_address()?));
        let dialled = |kind, system: &str| {
            let node = place()?.into_node(kind, Some(system));
            Some(Destination::known(node, Evidence::Dialled))
        };
        match &peer.category {
            Category::Database { system, .. } => Some(match place() {
                Some(place) => {
                    let node = place.into_system_node(NodeKind::Database, system);
                    Destination::known(node, Evidence::Dialled)
                }
                None => Destination::named(owned_database(caller, system)),
            }),
            Category::Messaging { .. } => {
                let broker = self.brokers.resolve(caller, peer, &self.services)?;
                let evidence = match broker.address {
                    Some(_) => Evidence::Dialled,
                    None => Evidence::Named,
                };
                Some(Destination::known(broker, evidence))
            }
            Category::Genai { provider } => dialled(NodeKind::Genai, provider),
            Category::Function { name } => Some(Destination::named(NodeRef {
                kind: NodeKind::Function,
                environment: caller.environment.clone(),
                namespace: String::new(),
                name: name.clone(),
                source: String::new(),
                address: None,
                system: None,
            })),
            Category::Aws {
                service,
                is_object_store,
            } => {
                let kind = if *is_object_store {
                    NodeKind::ObjectStore
                } else {
                    NodeKind::External
                };
                dialled(kind, &format!("aws-api {service}"))
            }
            Category::None | Category::Rpc { .. } => None,
        }
    }

    /// Rules 1.5.4 and 1.5.5: a Kubernetes name, else the host as dialled.
    fn by_host(&self, caller: &NodeKey, peer: &Peer) -> Option<Destination> {
        let address = peer.address.as_ref()?;
        if let Some(kube) = self.kube_name(caller, &address.host) {
            let found =
                self.services
                    .by_kube_name(&caller.environment, &kube.namespace, &kube.name);
            if let Match::One(node) = found {
                return Some(Destination::named(node));
            }
        }
        let kind = if is_metadata(&address.host) {
            NodeKind::Metadata
        } else {
            NodeKind::External
        };
        let node = self.place(caller, address).into_node(kind, None);
        Some(Destination::known(node, Evidence::Dialled))
    }

    /// Rule 1.5.6: a public socket peer is a destination; a private one could be any pod.
    fn by_socket(&self, caller: &NodeKey, peer: &Peer) -> Option<Destination> {
        let socket = peer.socket.as_ref()?;
        if socket.ip().is_none_or(is_private) {
            return None;
        }
        let node = self
            .place(caller, socket)
            .into_node(NodeKind::External, None);
        Some(Destination::known(node, Evidence::Dialled))
    }

    /// Rule 1.5.7: the only service seen serving this RPC service.
    fn by_rpc_service(&self, caller: &NodeKey, peer: &Peer) -> Option<Destination> {
        let Category::Rpc { service, .. } = &peer.category else {
            return None;
        };
        match self.services.by_rpc_service(&caller.environment, service) {
            Match::One(node) => Some(Destination::named(node)),
            Match::Ambiguous | Match::Unknown => None,
        }
    }

    /// A call that leaves the cluster by a public name and comes back in (rule 1.9): caller and callee share a cluster,
    /// and the dialled name is neither a Kubernetes name nor in a private zone.
    pub(super) fn is_hairpin(&self, caller: &NodeKey, callee: &NodeKey, peer: &Peer) -> bool {
        let Some(address) = &peer.address else {
            return false;
        };
        caller != callee
            && address.ip().is_none()
            && is_public_name(&address.host)
            && self.kube_name(caller, &address.host).is_none()
            && self.services.share_cluster(caller, callee)
    }

    fn kube_name(&self, caller: &NodeKey, host: &str) -> Option<kube::KubeName> {
        let namespace = self.services.kube_namespace(caller);
        kube::parse(host, namespace, self.services.known_namespaces())
    }

    fn place(&self, caller: &NodeKey, address: &Address) -> Place {
        Place::new(&self.services, caller, address)
    }
}

/// A dialled address as the name of a node: every form of a Kubernetes name is one name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    environment: String,
    pub(super) address: String,
}

impl Place {
    pub(super) fn new(services: &Services<'_>, caller: &NodeKey, address: &Address) -> Self {
        let namespace = services.kube_namespace(caller);
        let kube = kube::parse(&address.host, namespace, services.known_namespaces());
        let is_local = kube.is_some()
            || !address.host.contains(['.', ':'])
            || address.ip().is_some_and(is_private);
        let address = match kube {
            Some(kube) => Address {
                host: format!("{}.{}", kube.name, kube.namespace),
                port: address.port,
            },
            None => address.clone(),
        };
        Self {
            // The same private name in another environment is another thing.
            environment: if is_local {
                caller.environment.clone()
            } else {
                String::new()
            },
            address: address.to_string(),
        }
    }

    fn into_node(self, kind: NodeKind, system: Option<&str>) -> NodeRef {
        NodeRef {
            kind,
            environment: self.environment,
            namespace: String::new(),
            name: self.address.clone(),
            source: String::new(),
            address: Some(self.address),
            system: system.map(str::to_owned),
        }
    }

    /// `system@host:port`.
    pub(super) fn into_system_node(self, kind: NodeKind, system: &str) -> NodeRef {
        NodeRef {
            name: format!("{system}@{}", self.address),
            ..self.into_node(kind, Some(system))
        }
    }
}

/// A database without a host belongs to its caller: there is no global `postgresql` (rule 1.5.3).
fn owned_database(caller: &NodeKey, system: &str) -> NodeRef {
    NodeRef {
        kind: NodeKind::Database,
        environment: caller.environment.clone(),
        namespace: caller.namespace.clone(),
        name: system.to_owned(),
        source: caller.display_name().to_owned(),
        address: None,
        system: Some(system.to_owned()),
    }
}

/// Names with a dot outside the zones that are never delegated in public DNS.
fn is_public_name(host: &str) -> bool {
    const PRIVATE_ZONES: [&str; 8] = [
        "local",
        "localhost",
        "internal",
        "intranet",
        "lan",
        "corp",
        "svc",
        "arpa",
    ];
    host.rsplit_once('.')
        .is_some_and(|(_, zone)| !PRIVATE_ZONES.contains(&zone))
}

fn is_metadata(host: &str) -> bool {
    matches!(
        host,
        "169.254.169.254" | "fd00:ec2::254" | "metadata.google.internal" | "metadata.goog"
    )
}
