//! Where an address or a name means one thing (inference rule 1.7): environment and cluster; short names also by the
//! caller's namespace, and peer names by environment and the caller's namespace alone.

use super::super::kube;
use super::super::services::Services;
use crate::identity::NodeKey;
use crate::peer::{Address, Peer, is_loopback};

/// Something that callers dial, within its scope.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Place {
    pub(super) environment: String,
    pub(super) cluster: String,
    /// Of the caller; empty unless the name is short.
    pub(super) namespace: String,
    pub(super) what: What,
}

/// What is dialled.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum What {
    Address(Address),
    /// Namespace and name that callers give, in lower case.
    Name(String, String),
}

impl Place {
    /// An address as this caller dials it. Every form of a Kubernetes name is one name.
    pub(super) fn of_address(services: &Services<'_>, caller: &NodeKey, address: &Address) -> Self {
        let namespace = services.kube_namespace(caller);
        let kube = kube::parse(&address.host, namespace, services.known_namespaces());
        let is_short = kube.is_none() && !address.host.contains(['.', ':']);
        let host = match kube {
            Some(kube) => format!("{}.{}", kube.name, kube.namespace),
            None => address.host.clone(),
        };
        Self {
            environment: caller.environment.clone(),
            cluster: services.cluster(caller).to_owned(),
            namespace: match is_short {
                true => caller.namespace.clone(),
                false => String::new(),
            },
            what: What::Address(Address {
                host,
                port: address.port,
            }),
        }
    }

    /// A name that this caller gives its peer.
    pub(super) fn of_name(caller: &NodeKey, (namespace, name): &(String, String)) -> Self {
        Self {
            environment: caller.environment.clone(),
            cluster: String::new(),
            namespace: caller.namespace.clone(),
            what: What::Name(namespace.clone(), name.to_lowercase()),
        }
    }

    /// The same in any cluster.
    pub(super) fn anywhere(mut self) -> Self {
        self.cluster.clear();
        self
    }

    /// True when an IP address is dialled.
    pub(super) fn is_ip(&self) -> bool {
        matches!(&self.what, What::Address(address) if address.ip().is_some())
    }
}

/// What an address can be learnt by: the dialled name; the socket only when there is no name at all. Loopback, link-local
/// and unspecified addresses tell nothing.
pub(super) fn learnable(peer: &Peer) -> Option<&Address> {
    peer.best_address()
        .filter(|address| !is_loopback(&address.host))
}
