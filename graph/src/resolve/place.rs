//! Dialled addresses as the names of virtual nodes.

use super::NodeRef;
use super::kube;
use super::services::Services;
use crate::identity::NodeKey;
use crate::peer::{Address, is_private};
use crate::snapshot::NodeKind;

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

    pub(super) fn into_node(self, kind: NodeKind, system: Option<&str>) -> NodeRef {
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
pub(super) fn owned_database(caller: &NodeKey, system: &str) -> NodeRef {
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
pub(crate) fn is_public_name(host: &str) -> bool {
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

pub(super) fn is_metadata(host: &str) -> bool {
    matches!(
        host,
        "169.254.169.254" | "fd00:ec2::254" | "metadata.google.internal" | "metadata.goog"
    )
}
