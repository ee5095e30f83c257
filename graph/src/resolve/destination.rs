//! Where a call went whose server half was not seen; first hit wins (inference rule 1.5).

use std::borrow::Cow;

use super::NodeRef;
use super::book::{Book, Entry, Question};
use super::brokers::Brokers;
use super::kube;
use super::place::{Place, is_metadata, is_public_name, owned_database};
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
    /// By a name that paired calls lead to another service than it spells.
    Alias,
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
            Self::Alias => 0.7,
            Self::Named => 0.6,
        }
    }
}

/// A node, how it is known, and what else it could have been.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Known {
    pub(super) node: NodeRef,
    pub(super) evidence: Evidence,
    /// True for a name that several nodes could own.
    pub(super) is_ambiguous: bool,
    /// Nodes that a name or a shared host could stand for.
    pub(super) candidates: Vec<NodeRef>,
}

impl Known {
    pub(super) fn new(node: NodeRef, evidence: Evidence) -> Self {
        Self {
            node,
            evidence,
            is_ambiguous: false,
            candidates: Vec::new(),
        }
    }
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
        Self::Known(Known::new(node, evidence))
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
    book: Book<'a>,
    brokers: Brokers,
    ports: Ports<'a>,
}

impl<'a> Resolver<'a> {
    pub(super) fn new(segment: &'a Segment) -> Self {
        let services = Services::new(segment);
        let ports = Ports::learn(segment);
        Self {
            brokers: Brokers::learn(segment, &services),
            book: Book::learn(segment, &ports, &services),
            services,
            ports,
        }
    }

    /// The caller that a root server span names (Z13), and the nodes that an ambiguous name could stand for.
    pub(super) fn named_caller(
        &self,
        environment: &str,
        namespace: &str,
        name: &str,
    ) -> (NodeRef, Vec<NodeRef>) {
        let found = self
            .services
            .by_peer_name(environment, namespace, (namespace, name));
        let candidates = match found {
            Match::One(node) => return (node, Vec::new()),
            Match::Ambiguous(candidates) => candidates,
            Match::Unknown => Vec::new(),
        };
        let node = NodeRef {
            kind: NodeKind::External,
            environment: environment.to_owned(),
            namespace: namespace.to_owned(),
            name: name.to_owned(),
            source: String::new(),
            address: None,
            system: None,
        };
        (node, candidates)
    }

    /// The broker of a message half, if anything names one.
    pub(super) fn broker(&self, node: &NodeKey, peer: &Peer) -> Option<NodeRef> {
        self.brokers.resolve(node, peer, &self.services)
    }

    /// What was dialled, with the port that the host is known by.
    pub(super) fn complete<'p>(&self, caller: &NodeKey, peer: &'p Peer) -> Cow<'p, Peer> {
        self.ports.complete(caller, peer)
    }

    /// Where an unanswered call went.
    pub(super) fn resolve(&self, asked: Question<'_>) -> Destination {
        let (caller, peer) = (asked.caller, asked.peer);
        self.by_name(asked)
            .or_else(|| self.by_book(asked))
            .or_else(|| self.by_category(caller, peer))
            .or_else(|| self.by_host(caller, peer))
            .or_else(|| self.by_socket(caller, peer))
            .or_else(|| self.by_rpc_service(caller, peer))
            .unwrap_or(Destination::Unresolved)
    }

    /// Rule 1.5.1: the name that the caller gives its peer, through the alias book. Some drivers give the keyspace, which
    /// may be called as the service itself: that is no self call.
    fn by_name(&self, asked: Question<'_>) -> Option<Destination> {
        let (caller, peer) = (asked.caller, asked.peer);
        let name = peer.name.as_ref()?;
        let spelled =
            self.services
                .by_peer_name(&caller.environment, &caller.namespace, (&name.0, &name.1));
        let is_keyspace = |node: &NodeRef| {
            matches!(peer.category, Category::Database { .. }) && *node == NodeRef::of_key(caller)
        };
        let is_message = matches!(peer.category, Category::Messaging { .. });
        let learnt = match is_message {
            true => None,
            false => self.book.alias(caller, name, asked.when),
        };
        let mut candidates = Vec::new();
        let mut is_ambiguous = false;
        match learnt {
            Some(Entry::Single { node, .. }) if !is_keyspace(&node) => {
                let evidence = match spelled == Match::One(node.clone()) {
                    true => Evidence::Named,
                    false => Evidence::Alias,
                };
                return Some(Destination::known(node, evidence));
            }
            Some(Entry::Shared { candidates: found }) => {
                is_ambiguous = true;
                candidates = found;
            }
            _ => {}
        }
        let node = match spelled {
            Match::One(node) if is_keyspace(&node) => return None,
            Match::One(node) => node,
            Match::Ambiguous(found) => {
                is_ambiguous = true;
                candidates.extend(found);
                named_node(caller, peer, name)
            }
            Match::Unknown => named_node(caller, peer, name),
        };
        Some(Destination::Known(Known {
            is_ambiguous,
            candidates,
            ..Known::new(node, Evidence::Named)
        }))
    }

    /// Rule 1.5.2: the address book. Nothing is known about a private address that is between two owners.
    fn by_book(&self, asked: Question<'_>) -> Option<Destination> {
        if matches!(asked.peer.category, Category::Messaging { .. }) {
            return None;
        }
        let address = asked.peer.best_address()?;
        let shared = |candidates| {
            let node = self.place(asked.caller, address);
            let node = node.into_node(NodeKind::SharedHost, None);
            Destination::Known(Known {
                candidates,
                ..Known::new(node, Evidence::Dialled)
            })
        };
        Some(match self.book.look_up(&self.services, asked)? {
            Entry::Single { node, votes } => Destination::known(node, Evidence::Book(votes)),
            Entry::Shared { candidates } => shared(candidates),
            Entry::Unclear if address.ip().is_some_and(is_private) => Destination::Unresolved,
            Entry::Unclear => shared(Vec::new()),
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
            Match::Ambiguous(_) | Match::Unknown => None,
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

/// The virtual node of a name that no node owns, or that several do.
fn named_node(caller: &NodeKey, peer: &Peer, (namespace, name): &(String, String)) -> NodeRef {
    let kind = match peer.category {
        Category::Database { .. } => NodeKind::Database,
        Category::Messaging { .. } => NodeKind::Broker,
        Category::Genai { .. } => NodeKind::Genai,
        Category::Function { .. } => NodeKind::Function,
        _ => NodeKind::External,
    };
    NodeRef {
        kind,
        environment: caller.environment.clone(),
        namespace: namespace.clone(),
        name: name.clone(),
        source: String::new(),
        address: peer.address.as_ref().map(Address::to_string),
        system: peer.category.system().map(str::to_owned),
    }
}
