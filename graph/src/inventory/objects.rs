//! The parts of Kubernetes objects that the inventory is made from, as plain values.
//!
//! Whoever reads them has checked nothing but their shape: names may be any text.

use std::collections::BTreeMap;
use std::net::IpAddr;

use super::Addressing;

/// Objects of one cluster, in the order in which they were read.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct KubeObjects {
    /// Services.
    pub services: Vec<KubeService>,
    /// Endpoint slices that belong to a service.
    pub slices: Vec<KubeSlice>,
    /// Deployments and other controllers.
    pub workloads: Vec<KubeWorkload>,
    /// Pods.
    pub pods: Vec<KubePod>,
    /// Nodes.
    pub nodes: Vec<KubeNode>,
    /// Namespaces.
    pub namespaces: Vec<KubeNamespace>,
    /// Kind -> objects of it that were read.
    pub read: BTreeMap<String, u64>,
    /// Kind -> objects of it that are of no use here and were passed over.
    pub passed_over: BTreeMap<String, u64>,
}

/// A service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KubeService {
    /// Namespace.
    pub namespace: String,
    /// Name.
    pub name: String,
    /// How its name leads to pods.
    pub addressing: Addressing,
    /// Virtual addresses; empty for headless ones and for names of something else.
    pub cluster_ips: Vec<IpAddr>,
    /// What an external name stands for.
    pub external_name: Option<String>,
    /// Ports, TCP only.
    pub ports: Vec<ServicePort>,
    /// Labels of its pods; empty when it selects none.
    pub selector: BTreeMap<String, String>,
}

/// A TCP port of a service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServicePort {
    /// Name; absent where a service has one port.
    pub name: Option<String>,
    /// The port that clients dial.
    pub port: u16,
    /// `appProtocol`.
    pub app_protocol: Option<String>,
    /// The port of the pods; that of the service when not given.
    pub target: Option<TargetPort>,
}

/// A port of pods.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TargetPort {
    /// By number.
    Number(u16),
    /// By name.
    Name(String),
}

/// A part of the endpoints of a service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KubeSlice {
    /// Namespace.
    pub namespace: String,
    /// Name of the slice.
    pub name: String,
    /// Name of the service (`kubernetes.io/service-name`).
    pub service: String,
    /// Ports of all its endpoints.
    pub ports: Vec<SlicePort>,
    /// Endpoints.
    pub endpoints: Vec<KubeEndpoint>,
}

/// A port of a slice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SlicePort {
    /// Name of the service's port.
    pub name: Option<String>,
    /// The port on the pods.
    pub port: Option<u16>,
    /// Whether TCP is spoken there.
    pub is_tcp: bool,
}

/// An endpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KubeEndpoint {
    /// Addresses, all of the same pod.
    pub addresses: Vec<IpAddr>,
    /// Whether it takes new connections: ready, or not said.
    pub ready: bool,
    /// Zone.
    pub zone: Option<String>,
    /// Name of its node.
    pub node: Option<String>,
}

/// A controller of pods.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct KubeWorkload {
    /// `Deployment`, `StatefulSet`, `DaemonSet`, `Job` or `CronJob`.
    pub kind: String,
    /// Namespace.
    pub namespace: String,
    /// Name.
    pub name: String,
    /// Labels of its pods.
    pub pod_labels: BTreeMap<String, String>,
    /// `matchLabels` of its selector.
    pub selector: BTreeMap<String, String>,
    /// Whether its selector has more than `matchLabels`.
    pub has_expressions: bool,
    /// Pods wanted; absent where the kind or the object does not say.
    pub replicas: Option<u64>,
    /// Annotations of its pods, of which only those that could be labels are kept.
    pub pod_annotations: BTreeMap<String, String>,
    /// Containers of its pods that run as long as they do.
    pub containers: Vec<String>,
}

/// A pod.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct KubePod {
    /// Namespace.
    pub namespace: String,
    /// Name.
    pub name: String,
    /// Labels.
    pub labels: BTreeMap<String, String>,
    /// Addresses.
    pub ips: Vec<IpAddr>,
    /// Name of its node.
    pub node: Option<String>,
    /// Zone by its own labels.
    pub zone: Option<String>,
    /// Containers that run as long as it does.
    pub containers: Vec<String>,
    /// Whether it is being deleted.
    pub is_terminating: bool,
}

/// A namespace.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct KubeNamespace {
    /// Name.
    pub name: String,
    /// Labels.
    pub labels: BTreeMap<String, String>,
    /// Annotations, of which only those that could be labels are kept.
    pub annotations: BTreeMap<String, String>,
}

/// A node of the cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KubeNode {
    /// Name.
    pub name: String,
    /// Zone by its labels.
    pub zone: Option<String>,
}
