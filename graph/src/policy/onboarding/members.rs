//! Which service belongs to which mesh.

use std::collections::{BTreeMap, BTreeSet};

use super::services::Services;
use super::{OnboardingPolicy, Unmatched, Unmet};
use crate::onboarding::{Mesh, Meshes};
use crate::policy::ServicePattern;
use crate::snapshot::{GraphSnapshot, Node};

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
    /// Days by which its calendar starts later.
    pub start_lag_days: u32,
    /// Line in the policy file, for messages.
    pub line: usize,
}

impl OnboardingPolicy {
    /// The meshes of a graph; none when the policy has none, and the whole graph is planned as one.
    ///
    /// A service that a pattern of one mesh means, and only the namespace or cluster of another, belongs to the first.
    #[must_use]
    pub fn meshes(&self, snapshot: &GraphSnapshot) -> Option<Meshes> {
        let services = Services::of(snapshot);
        (!self.meshes.is_empty()).then(|| self.meshes_with(&services).0)
    }

    /// The meshes, and what in their rules means no service.
    pub(super) fn meshes_with(&self, services: &Services<'_>) -> (Meshes, Vec<Unmatched>) {
        let mut unmatched = Vec::new();
        let members: Vec<Members> = self
            .meshes
            .iter()
            .map(|rule| Members::new(rule, services, &mut unmatched))
            .collect();
        let mut meshes = Meshes::default();
        for (rule, _) in self.meshes.iter().zip(&members) {
            meshes.meshes.push(Mesh {
                name: rule.name.clone(),
                services: BTreeSet::new(),
                start_lag_days: rule.start_lag_days,
            });
        }
        for node in services.iter() {
            let by = |place: fn(&Members) -> &BTreeSet<String>| -> Vec<usize> {
                let claims = members.iter().enumerate();
                let claims = claims.filter(|(_, members)| place(members).contains(&node.id));
                claims.map(|(mesh, _)| mesh).collect()
            };
            let named = by(|members| &members.by_pattern);
            let claims = if named.is_empty() {
                by(|members| &members.by_place)
            } else {
                named
            };
            match claims.as_slice() {
                [] => _ = meshes.nowhere.insert(node.id.clone()),
                [first, others @ ..] => {
                    meshes.meshes[*first].services.insert(node.id.clone());
                    if !others.is_empty() {
                        let names = claims.iter().map(|mesh| self.meshes[*mesh].name.clone());
                        meshes.claimed.insert(node.id.clone(), names.collect());
                    }
                }
            }
        }
        let empty = meshes.meshes.iter().filter(|mesh| mesh.services.is_empty());
        meshes.empty = empty.map(|mesh| mesh.name.clone()).collect();
        (meshes, unmatched)
    }
}

/// Services of one mesh by how they are known.
struct Members {
    by_pattern: BTreeSet<String>,
    by_place: BTreeSet<String>,
}

impl Members {
    fn new(rule: &MeshRule, services: &Services<'_>, unmatched: &mut Vec<Unmatched>) -> Self {
        let mut unmet = |what: &str, why: Unmet| {
            unmatched.push(Unmatched {
                line: rule.line,
                pattern: what.to_owned(),
                why,
            });
        };
        let mut by_pattern = BTreeSet::new();
        for pattern in &rule.services {
            let ids = services.meant_by(pattern);
            if ids.is_empty() {
                unmet(&pattern.0, Unmet::NoService);
            }
            by_pattern.extend(ids);
        }
        let mut by_place = BTreeSet::new();
        let mut met: BTreeMap<(bool, &str), bool> = BTreeMap::new();
        for node in services.iter() {
            for (is_cluster, name) in rule.places() {
                let is_there = is_in(node, is_cluster, name);
                *met.entry((is_cluster, name)).or_default() |= is_there;
                if is_there {
                    by_place.insert(node.id.clone());
                }
            }
        }
        for ((is_cluster, name), _) in met.into_iter().filter(|(_, met)| !met) {
            let why = if is_cluster {
                Unmet::NoCluster
            } else {
                Unmet::NoNamespace
            };
            unmet(name, why);
        }
        Self {
            by_pattern,
            by_place,
        }
    }
}

impl MeshRule {
    /// Namespaces, and clusters: whether it is one, and the name.
    fn places(&self) -> impl Iterator<Item = (bool, &str)> {
        let namespaces = self.namespaces.iter().map(|name| (false, name.as_str()));
        namespaces.chain(self.clusters.iter().map(|name| (true, name.as_str())))
    }
}

fn is_in(node: &Node, is_cluster: bool, name: &str) -> bool {
    let (facet, attribute) = if is_cluster {
        ("cluster", "k8s.cluster.name")
    } else {
        ("kube_namespace", "k8s.namespace.name")
    };
    let in_facet = node.facets.get(facet);
    in_facet.is_some_and(|values| values.contains_key(name))
        || node
            .attributes
            .get(attribute)
            .is_some_and(|own| own == name)
        || (!is_cluster && node.namespace == name)
}
