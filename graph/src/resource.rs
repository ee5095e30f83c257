//! What a resource tells beside identity: place, language, version. Facets of a node, never part of its identity.

use crate::attribute::{AttributeSet, Key};
use crate::identity::{NodeKey, instance_of};
use crate::peer::{Address, is_loopback, parse_authority};
use crate::text::clip;

/// The facets of one resource, together with the identity that they belong to.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub(crate) struct ResourceFacts {
    node: Option<NodeKey>,
    pub(crate) instance: String,
    /// Addresses that are its own: of the pod, of the machine, or as its instance id. Absent for pods that share the
    /// address of their host.
    pub(crate) addresses: Vec<Address>,
    values: Vec<(Facet, String)>,
}

/// A facet of a node: many values, each with the number of spans that had it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
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
            addresses: addresses(resource),
            values: values.collect(),
        }
    }

    /// The availability zone, if the resource names one.
    pub(crate) fn zone(&self) -> Option<&str> {
        self.values()
            .find_map(|(facet, value)| (facet == Facet::Counted("zone")).then_some(value))
    }

    pub(crate) fn values(&self) -> impl Iterator<Item = (Facet, &str)> {
        self.values
            .iter()
            .map(|(facet, value)| (*facet, value.as_str()))
    }
}

/// A pod's own address; an instance id that is an address with a port; and the address of a machine, but not the one of a
/// Kubernetes node, which all pods there share.
fn addresses(resource: &AttributeSet<'_>) -> Vec<Address> {
    const KUBERNETES: [Key; 5] = [
        Key::K8sPodName,
        Key::K8sPodUid,
        Key::K8sPodIp,
        Key::K8sNamespaceName,
        Key::K8sClusterName,
    ];
    let address = |key| {
        let found = parse_authority(resource.text(key)?)?;
        (found.ip().is_some() && !is_loopback(&found.host)).then_some(found)
    };
    let host = address(Key::HostIp);
    let pod = address(Key::K8sPodIp).filter(|pod| {
        let host = host.as_ref();
        host.is_none_or(|host| host.host != pod.host)
    });
    let instance = address(Key::ServiceInstanceId).filter(|found| found.port.is_some());
    let is_pod = KUBERNETES.iter().any(|key| resource.has(*key));
    let machine = host.filter(|_| !is_pod);
    let whole = |found: Address| Address {
        port: None,
        ..found
    };
    let whole = [pod, machine].into_iter().flatten().map(whole);
    whole.chain(instance).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attribute::Value;

    fn own(attributes: &[(Key, &'static str)]) -> Vec<String> {
        let mut set = AttributeSet::default();
        for (key, text) in attributes {
            set.insert(*key, Value::Text(text));
        }
        let own = addresses(&set);
        own.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_pod_has_its_own_address_unless_it_is_that_of_its_node() {
        let pod = (Key::K8sPodIp, "10.0.0.1");
        assert_eq!(own(&[pod, (Key::HostIp, "192.168.0.1")]), ["10.0.0.1"]);
        assert!(own(&[pod, (Key::HostIp, "10.0.0.1")]).is_empty());
        assert!(own(&[(Key::K8sPodName, "x"), (Key::HostIp, "10.0.0.1")]).is_empty());
    }

    #[test]
    fn a_machine_and_an_instance_id_with_a_port_are_addresses() {
        let machine = (Key::HostIp, "10.0.0.1");
        let instance = (Key::ServiceInstanceId, "10.0.0.1:8080");
        assert_eq!(own(&[machine, instance]), ["10.0.0.1", "10.0.0.1:8080"]);
    }

    #[test]
    fn loopback_names_and_ids_are_no_addresses() {
        for id in ["127.0.0.1:80", "cart:80", "10.0.0.1", "0.0.0.0:80", "a-b-c"] {
            assert!(own(&[(Key::ServiceInstanceId, id)]).is_empty(), "{id}");
        }
        assert!(own(&[(Key::HostIp, "169.254.1.1")]).is_empty());
    }
}
