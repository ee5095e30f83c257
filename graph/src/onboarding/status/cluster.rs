//! What the cluster says: labels and annotations that switch sidecars on, and containers that prove that they run.
//!
//! A switch without a container is a promise: the pods were not restarted since. A container in some pods is a rolling update under way.
//! Only pods count where pods are known; where none are, the switch is believed.

use std::collections::BTreeMap;

use super::opinion::Opinion;
use super::{Status, StatusSource};
use crate::egress::{named_workload, own_namespaces};
use crate::inventory::{Inventory, KubeWorkload};
use crate::policy::{Label, Policy};
use crate::snapshot::Node;

/// Keys of labels and annotations that common meshes read, on namespaces and on pods.
const KEYS: [&str; 7] = [
    "consul.hashicorp.com/connect-inject",
    "envoy-sidecar-injector.doordash.com/enabled",
    "istio-injection",
    "kuma.io/sidecar-injection",
    "linkerd.io/inject",
    "openservicemesh.io/sidecar-injection",
    "sidecar.istio.io/inject",
];
const ON: [&str; 4] = ["enabled", "ingress", "true", "yes"];
const OFF: [&str; 3] = ["disabled", "false", "no"];
/// Any revision switches it on.
const REVISION: &str = "istio.io/rev";

/// Names that common meshes give their container.
const CONTAINERS: [&str; 7] = [
    "consul-connect-envoy-sidecar",
    "consul-dataplane",
    "envoy",
    "envoy-sidecar",
    "istio-proxy",
    "kuma-sidecar",
    "linkerd-proxy",
];

/// A cluster, to be asked about services.
pub(super) struct Cluster<'a> {
    inventory: &'a Inventory,
    labels: Vec<&'a Label>,
    containers: Vec<&'a str>,
}

/// A switch that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Switch {
    is_on: bool,
    /// `label sidecar.istio.io/inject=true of its pods`.
    words: String,
}

impl<'a> Cluster<'a> {
    pub(super) fn new(inventory: &'a Inventory, policy: &'a Policy) -> Self {
        let rule = &policy.onboarding.sidecars;
        let own = [
            Some(&policy.labels.workload),
            policy.labels.namespace.as_ref(),
        ];
        let containers = rule.containers.iter().map(String::as_str);
        Self {
            inventory,
            labels: own.into_iter().flatten().chain(&rule.labels).collect(),
            containers: CONTAINERS.into_iter().chain(containers).collect(),
        }
    }

    /// What the cluster says; nothing where it does not know the workload, or says nothing of sidecars.
    pub(super) fn opinion(&self, node: &Node) -> Option<Opinion> {
        let workload = self.workload_of(node)?;
        let switch = self.switch(workload);
        let pods: Vec<bool> = self
            .inventory
            .pods_selected(&workload.namespace, &workload.selector)
            .filter(|pod| !pod.is_terminating && !pod.containers.is_empty())
            .map(|pod| self.has_sidecar(&pod.containers))
            .collect();
        let with = pods.iter().filter(|has| **has).count();
        let is_on = switch.as_ref().is_some_and(|switch| switch.is_on);
        let is_off = switch.as_ref().is_some_and(|switch| !switch.is_on);
        let told = switch.map_or_else(|| "no switch".to_owned(), |switch| switch.words);
        let running = match (with, pods.len()) {
            (_, 0) => String::new(),
            (with, all) => format!(", {with} of {all} pods run a sidecar"),
        };
        let (status, is_torn) = match (with, pods.len()) {
            (_, 0) if self.has_sidecar(&workload.containers) => (Status::Done, false),
            (_, 0) if !is_on && !is_off => return None,
            (_, 0) => (if is_on { Status::Done } else { Status::Pending }, false),
            (0, _) => (Status::Pending, is_on),
            (with, all) if with == all => (Status::Done, is_off),
            _ => (Status::Pending, true),
        };
        // One inventory is one cluster: of the others it says nothing.
        let clusters = node.facets.get("cluster").map_or(1, BTreeMap::len);
        let elsewhere = match clusters {
            0 | 1 => String::new(),
            many => format!(", in one of {many} clusters"),
        };
        let is_partial = clusters > 1 && status == Status::Done;
        Some(Opinion {
            source: StatusSource::Inventory,
            status,
            words: format!("inventory: {told}{running}{elsewhere}"),
            is_torn: is_torn || is_partial,
        })
    }

    /// The workload that the attributes of a node name, else the only one of its namespace that bears its name.
    fn workload_of(&self, node: &Node) -> Option<&'a KubeWorkload> {
        let own = own_namespaces(node);
        let namespace = match own.len() {
            0 => node.namespace.to_ascii_lowercase(),
            1 => own.into_iter().next()?,
            _ => return None,
        };
        if let Some((kind, name)) = named_workload(node) {
            return self.inventory.workload(kind, &namespace, name);
        }
        match self
            .inventory
            .workloads_named(&namespace, &node.name)
            .as_slice()
        {
            [workload] => Some(workload),
            _ => None,
        }
    }

    /// A container beside others: a pod whose only container is a proxy is a gateway.
    fn has_sidecar(&self, containers: &[String]) -> bool {
        let is_proxy = |name: &String| self.containers.contains(&name.as_str());
        containers.len() > 1 && containers.iter().any(is_proxy)
    }

    /// What is said closest to the pods decides; on one object, off wins over on, as injectors have it.
    fn switch(&self, workload: &KubeWorkload) -> Option<Switch> {
        let namespace = self.inventory.namespace(&workload.namespace);
        let on_pods = [
            ("label", &workload.pod_labels),
            ("annotation", &workload.pod_annotations),
        ];
        let on_namespace = namespace.map(|namespace| {
            [
                ("label", &namespace.labels),
                ("annotation", &namespace.annotations),
            ]
        });
        let found = self.found(&on_pods, "its pods");
        found.or_else(|| self.found(&on_namespace?, "its namespace"))
    }

    fn found(&self, places: &[(&str, &BTreeMap<String, String>); 2], of: &str) -> Option<Switch> {
        let all = places.iter().flat_map(|(what, pairs)| {
            let pairs = pairs.iter();
            pairs.map(move |(key, value)| (*what, key.as_str(), value.as_str()))
        });
        let switches = all.filter_map(|(what, key, value)| {
            let is_on = self.is_on(key, value)?;
            let words = format!("{what} {key}={value} of {of}");
            Some(Switch { is_on, words })
        });
        switches.min_by_key(|switch| switch.is_on)
    }

    /// What a label or annotation says; nothing when it is about something else.
    fn is_on(&self, key: &str, value: &str) -> Option<bool> {
        if self
            .labels
            .iter()
            .any(|label| label.key == key && label.value == value)
        {
            return Some(true);
        }
        let is_ours = self.labels.iter().any(|label| label.key == key);
        if key == REVISION {
            return (!value.is_empty()).then_some(true);
        }
        if KEYS.contains(&key) {
            let is_on = ON.contains(&value);
            return (is_on || OFF.contains(&value)).then_some(is_on);
        }
        // A key of the policy with another value than the one that switches on.
        is_ours.then_some(false)
    }
}
