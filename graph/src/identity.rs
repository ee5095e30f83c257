//! Who emitted a span: the identity of a node, from its resource (inference rule 1.1).
//!
//! Never drops a span for lack of a name: a missing or default `service.name` falls back to the workload, and then to
//! a flagged node per distinct resource. It does not guess from parents, hosts or span names.

use serde::{Deserialize, Serialize};

use crate::attribute::{AttributeSet, Key};
use crate::text::{clip, stable_hash};

/// Identity of a node that emits spans: (environment, namespace, name).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct NodeKey {
    /// `deployment.environment.name`, empty when absent.
    pub environment: String,
    /// `service.namespace`, or the Kubernetes namespace of a workload fallback; empty when absent.
    pub namespace: String,
    /// The name and where it came from.
    pub name: NodeName,
}

/// The name of a node, by how far it can be trusted.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NodeName {
    /// `service.name`.
    Service(String),
    /// The workload's name, because `service.name` is missing or a default of the SDK; flagged in the graph.
    Workload {
        /// The attribute it was read from.
        source: String,
        /// Its value.
        name: String,
    },
    /// No usable name: the hash of the resource, the same for equal resources in every process.
    Unidentified(String),
    /// Everything past the node cap.
    Other,
}

impl NodeKey {
    /// The node that everything past the cap folds into.
    #[must_use]
    pub const fn other() -> Self {
        Self {
            environment: String::new(),
            namespace: String::new(),
            name: NodeName::Other,
        }
    }

    /// The identity that a resource gives. Names are cut at `max_chars` characters.
    #[must_use]
    pub fn from_resource(resource: &AttributeSet<'_>, max_chars: usize) -> Self {
        let clipped = |text: &str| clip(text, max_chars);
        let environment = resource
            .first_text(&[Key::DeploymentEnvironmentName, Key::DeploymentEnvironment])
            .map(clipped)
            .unwrap_or_default();
        let own_namespace = resource.text(Key::ServiceNamespace).map(clipped);
        if let Some(name) = resource.text(Key::ServiceName).filter(is_real_name) {
            return Self {
                environment,
                namespace: own_namespace.unwrap_or_default(),
                name: NodeName::Service(clipped(name)),
            };
        }
        let workload = WORKLOAD_KEYS
            .iter()
            .find_map(|key| resource.text(*key).map(|name| (*key, name)));
        match workload {
            Some((key, name)) => Self {
                environment,
                namespace: resource
                    .text(Key::K8sNamespaceName)
                    .map(clipped)
                    .or(own_namespace)
                    .unwrap_or_default(),
                name: NodeName::Workload {
                    source: key.name().to_owned(),
                    name: clipped(name),
                },
            },
            None => Self {
                environment,
                namespace: own_namespace.unwrap_or_default(),
                name: NodeName::Unidentified(resource_hash(resource)),
            },
        }
    }

    /// True when a part of the name, between dashes, dots or underscores, is a word for gateways or the name of a common one.
    pub(crate) fn is_called_gateway(&self) -> bool {
        const WORDS: [&str; 13] = [
            "apigateway",
            "apigw",
            "envoy",
            "gateway",
            "gw",
            "haproxy",
            "ingress",
            "ingressgateway",
            "kong",
            "nginx",
            "proxy",
            "traefik",
            "zuul",
        ];
        let mut parts = self.display_name().split(['-', '.', '_']);
        parts.any(|part| WORDS.iter().any(|word| part.eq_ignore_ascii_case(word)))
    }

    /// The readable name.
    #[must_use]
    pub fn display_name(&self) -> &str {
        match &self.name {
            NodeName::Service(name) | NodeName::Workload { name, .. } => name,
            NodeName::Unidentified(hash) => hash,
            NodeName::Other => "other",
        }
    }
}

/// Fallbacks for a missing service name, best first.
const WORKLOAD_KEYS: [Key; 9] = [
    Key::K8sDeploymentName,
    Key::K8sStatefulsetName,
    Key::K8sDaemonsetName,
    Key::K8sCronjobName,
    Key::K8sJobName,
    Key::K8sContainerName,
    Key::FaasName,
    Key::ContainerName,
    Key::ProcessExecutableName,
];

/// SDKs fill in `unknown_service` or `unknown_service:<process>` when nobody set a name.
fn is_real_name(name: &&str) -> bool {
    *name != "unknown_service" && !name.starts_with("unknown_service:")
}

/// Attributes that differ between instances of one workload must not split the unidentified node.
fn resource_hash(resource: &AttributeSet<'_>) -> String {
    const PER_INSTANCE: [Key; 7] = [
        Key::ServiceInstanceId,
        Key::K8sPodName,
        Key::K8sPodUid,
        Key::K8sPodIp,
        Key::ContainerId,
        Key::ProcessPid,
        Key::HostIp,
    ];
    let mut parts = Vec::new();
    for key in Key::ALL {
        if let (false, Some(text)) = (PER_INSTANCE.contains(key), resource.text(*key)) {
            parts.push(key.name());
            parts.push(text);
        }
    }
    format!("{:08x}", stable_hash(&parts) >> 32)
}

/// The instance that emitted a span, as far as the resource tells.
#[must_use]
pub fn instance_of<'a>(resource: &AttributeSet<'a>) -> Option<&'a str> {
    resource.first_text(&[
        Key::ServiceInstanceId,
        Key::K8sPodUid,
        Key::K8sPodName,
        Key::ContainerId,
    ])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attribute::Value;

    fn key(attributes: &[(Key, &'static str)]) -> NodeKey {
        let mut resource = AttributeSet::default();
        for (key, text) in attributes {
            resource.insert(*key, Value::Text(text));
        }
        NodeKey::from_resource(&resource, 200)
    }

    #[test]
    fn a_default_service_name_falls_back_to_the_workload() {
        let java = key(&[
            (Key::ServiceName, "unknown_service:java"),
            (Key::K8sNamespaceName, "shop"),
            (Key::K8sDeploymentName, "cart"),
        ]);
        assert_eq!(java.namespace, "shop");
        assert_eq!(java.display_name(), "cart");
        assert!(matches!(java.name, NodeName::Workload { .. }));
    }

    #[test]
    fn nameless_resources_are_told_apart_by_content_but_not_by_instance() {
        let one = key(&[(Key::K8sPodIp, "10.0.0.1"), (Key::CloudRegion, "eu")]);
        let two = key(&[(Key::K8sPodIp, "10.0.0.2"), (Key::CloudRegion, "eu")]);
        let three = key(&[(Key::CloudRegion, "us")]);
        assert_eq!(one, two);
        assert_ne!(one, three);
    }

    #[test]
    fn empty_names_count_as_absent_and_the_old_environment_key_is_read() {
        let node = key(&[
            (Key::ServiceName, ""),
            (Key::ContainerName, "web"),
            (Key::DeploymentEnvironment, "prod"),
        ]);
        assert_eq!(node.display_name(), "web");
        assert_eq!(node.environment, "prod");
    }
}
