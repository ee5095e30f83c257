//! What a Kubernetes cluster says of its services and workloads, for the addresses and labels that spans do not give.
//!
//! The CLI reads it from the JSON of `kubectl get services,endpointslices,deployments,pods -A -o json`; nothing here talks
//! to a cluster.

use std::collections::BTreeMap;
use std::net::IpAddr;

use serde::{Deserialize, Serialize};

/// Services and workloads of one cluster.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Inventory {}

/// How a name of Kubernetes leads to pods.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Addressing {
    /// One virtual address for all of them.
    VirtualIp,
    /// The addresses of all pods.
    Headless,
    /// Another name.
    ExternalName,
}

/// An address that serves, from an endpoint slice.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Endpoint {
    /// Address of the pod.
    pub address: IpAddr,
    /// Port on it.
    pub port: u16,
    /// Zone, when one is known.
    pub zone: Option<String>,
}

/// What runs a service.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Workload {
    /// `Deployment`, `StatefulSet`, `DaemonSet`, ...
    pub kind: String,
    /// Namespace.
    pub namespace: String,
    /// Name.
    pub name: String,
    /// Labels that select its pods; empty when unknown.
    pub selector: BTreeMap<String, String>,
    /// Whether the inventory says so; otherwise it is read from attributes of spans.
    pub confirmed: bool,
}
