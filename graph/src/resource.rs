//! What a resource tells beside identity: place, language, version. Facets of a node, never part of its identity.

use crate::attribute::{AttributeSet, Key};
use crate::identity::{NodeKey, instance_of};
use crate::peer::parse_authority;
use crate::text::clip;

/// The facets of one resource, together with the identity that they belong to.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub(crate) struct ResourceFacts {
    node: Option<NodeKey>,
    pub(crate) instance: String,
    /// The pod's own address; absent for pods that share the address of their host.
    pub(crate) pod_ip: Option<String>,
    values: Vec<(Facet, String)>,
}

/// A facet of a node: many values, each with the number of spans that had it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Facet {
    /// A value that may differ between the spans of a node.
    Counted(&'static str),
    /// A value that should be one per node.
    Attribute(&'static str),
}

const FACETS: [(Key, Facet); 14] = [
    (Key::CloudAvailabilityZone, Facet::Counted("zone")),
    (Key::CloudRegion, Facet::Counted("region")),
    (Key::K8sClusterName, Facet::Counted("cluster")),
    (Key::K8sNamespaceName, Facet::Counted("kube_namespace")),
    (Key::TelemetrySdkLanguage, Facet::Counted("language")),
    (Key::ServiceVersion, Facet::Counted("version")),
    (
        Key::K8sDeploymentName,
        Facet::Attribute("k8s.deployment.name"),
    ),
    (
        Key::K8sStatefulsetName,
        Facet::Attribute("k8s.statefulset.name"),
    ),
    (
        Key::K8sDaemonsetName,
        Facet::Attribute("k8s.daemonset.name"),
    ),
    (Key::K8sCronjobName, Facet::Attribute("k8s.cronjob.name")),
    (Key::K8sJobName, Facet::Attribute("k8s.job.name")),
    (Key::FaasName, Facet::Attribute("faas.name")),
    (
        Key::ServiceCriticality,
        Facet::Attribute("service.criticality"),
    ),
    (
        Key::K8sContainerName,
        Facet::Attribute("k8s.container.name"),
    ),
];

impl ResourceFacts {
    pub(crate) fn of_resource(resource: &AttributeSet<'_>, max_chars: usize) -> Self {
        let values = FACETS.iter().filter_map(|(key, facet)| {
            let text = resource.text(*key)?;
            Some((*facet, clip(text, max_chars)))
        });
        Self {
            node: Some(NodeKey::from_resource(resource, max_chars)),
            instance: clip(instance_of(resource).unwrap_or_default(), max_chars),
            pod_ip: pod_ip(resource),
            values: values.collect(),
        }
    }

    pub(crate) fn values(&self) -> impl Iterator<Item = (Facet, &str)> {
        self.values
            .iter()
            .map(|(facet, value)| (*facet, value.as_str()))
    }
}

fn pod_ip(resource: &AttributeSet<'_>) -> Option<String> {
    let address = |key| parse_authority(resource.text(key)?).filter(|found| found.ip().is_some());
    let pod = address(Key::K8sPodIp)?;
    let is_of_host = address(Key::HostIp).is_some_and(|host| host.host == pod.host);
    (!is_of_host).then_some(pod.host)
}
