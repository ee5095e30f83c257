//! What a Kubernetes cluster says of its services and workloads, for the addresses and labels that spans do not give.
//!
//! ```text
//! kubectl get ... -o json -> (cli) KubeObjects -> Inventory -> egress: addresses, endpoints, workloads, notes
//! ```
//! One inventory is one cluster. Nothing here talks to a cluster, and nothing is guessed: a question with two answers has none.

mod notes;
mod objects;
mod protocol;

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use serde::{Deserialize, Serialize};

pub use notes::{InventoryNote, InventoryNoteKind};
pub use objects::{
    KubeEndpoint, KubeNamespace, KubeNode, KubeObjects, KubePod, KubeService, KubeSlice,
    KubeWorkload, ServicePort, SlicePort, TargetPort,
};
pub use protocol::declared_protocol;

/// Key of an object with a namespace: namespace, name.
type ObjectKey = (String, String);

/// Services and workloads of one cluster, to be asked by name, by address and by label.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Inventory {
    services: BTreeMap<ObjectKey, KubeService>,
    slices: BTreeMap<ObjectKey, Vec<KubeSlice>>,
    workloads: BTreeMap<String, Vec<KubeWorkload>>,
    pods: BTreeMap<String, Vec<KubePod>>,
    zones: BTreeMap<String, String>,
    named_namespaces: BTreeMap<String, KubeNamespace>,
    /// Virtual address -> its service; `None` where two claim it.
    virtual_ips: BTreeMap<IpAddr, Option<ObjectKey>>,
    counts: InventoryCounts,
}

/// How much an inventory was made from.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct InventoryCounts {
    /// Kind -> objects of it that were read.
    pub read: BTreeMap<String, u64>,
    /// Kind -> objects of it that are of no use here and were passed over.
    pub passed_over: BTreeMap<String, u64>,
}

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
    /// Whether the inventory has the workload that spans name by its Kubernetes attributes. Otherwise it rests on those
    /// attributes alone, or on a workload that merely bears the service's name.
    pub confirmed: bool,
}

impl Inventory {
    /// Indexes what was read. Of two objects with one name the later one stays.
    #[must_use]
    pub fn new(objects: KubeObjects) -> Self {
        let mut inventory = Self {
            counts: InventoryCounts {
                read: objects.read,
                passed_over: objects.passed_over,
            },
            ..Self::default()
        };
        for service in objects.services {
            let key = (service.namespace.clone(), service.name.clone());
            inventory.services.insert(key, service);
        }
        for (key, service) in &inventory.services {
            for ip in &service.cluster_ips {
                let holder = inventory.virtual_ips.entry(*ip);
                let holder = holder.or_insert_with(|| Some(key.clone()));
                if holder.as_ref() != Some(key) {
                    *holder = None;
                }
            }
        }
        let mut slices = BTreeMap::new();
        for slice in objects.slices {
            slices.insert((slice.namespace.clone(), slice.name.clone()), slice);
        }
        for slice in slices.into_values() {
            let key = (slice.namespace.clone(), slice.service.clone());
            inventory.slices.entry(key).or_default().push(slice);
        }
        let mut workloads = BTreeMap::new();
        for found in objects.workloads {
            let key = (
                found.namespace.clone(),
                found.kind.clone(),
                found.name.clone(),
            );
            workloads.insert(key, found);
        }
        for found in workloads.into_values() {
            let same = inventory.workloads.entry(found.namespace.clone());
            same.or_default().push(found);
        }
        let mut pods = BTreeMap::new();
        for pod in objects.pods {
            pods.insert((pod.namespace.clone(), pod.name.clone()), pod);
        }
        for pod in pods.into_values() {
            let same = inventory.pods.entry(pod.namespace.clone());
            same.or_default().push(pod);
        }
        for found in objects.namespaces {
            inventory.named_namespaces.insert(found.name.clone(), found);
        }
        let named_zone = |node: KubeNode| node.zone.map(|zone| (node.name, zone));
        inventory.zones = objects.nodes.into_iter().filter_map(named_zone).collect();
        inventory
    }

    /// How much it was made from.
    #[must_use]
    pub const fn counts(&self) -> &InventoryCounts {
        &self.counts
    }

    /// Namespaces of which anything is known, in order.
    #[must_use]
    pub fn namespaces(&self) -> BTreeSet<&str> {
        let services = self.services.keys().map(|(namespace, _)| namespace);
        let others = self.workloads.keys().chain(self.pods.keys());
        services.chain(others).map(String::as_str).collect()
    }

    /// A namespace with its labels, where they are known.
    #[must_use]
    pub fn namespace(&self, name: &str) -> Option<&KubeNamespace> {
        self.named_namespaces.get(name)
    }

    /// Every service, by namespace and name.
    pub fn services(&self) -> impl Iterator<Item = &KubeService> {
        self.services.values()
    }

    /// Whether services of a namespace are known, so that an unknown name in it means something.
    #[must_use]
    pub fn lists_services_of(&self, namespace: &str) -> bool {
        let first = (namespace.to_owned(), String::new());
        let next = self.services.range(first..).next();
        next.is_some_and(|((found, _), _)| found == namespace)
    }

    /// A service by name.
    #[must_use]
    pub fn service(&self, namespace: &str, name: &str) -> Option<&KubeService> {
        self.services.get(&(namespace.to_owned(), name.to_owned()))
    }

    /// The service that a virtual address belongs to.
    #[must_use]
    pub fn service_at(&self, ip: IpAddr) -> Option<&KubeService> {
        let key = self.virtual_ips.get(&ip)?.as_ref()?;
        self.services.get(key)
    }

    /// A workload by kind and name.
    #[must_use]
    pub fn workload(&self, kind: &str, namespace: &str, name: &str) -> Option<&KubeWorkload> {
        let same = self.workloads.get(namespace).into_iter().flatten();
        let mut named = same.filter(|found| found.name == name);
        named.find(|found| found.kind == kind)
    }

    /// Workloads of one name, of any kind.
    #[must_use]
    pub fn workloads_named(&self, namespace: &str, name: &str) -> Vec<&KubeWorkload> {
        let same = self.workloads.get(namespace).into_iter().flatten();
        same.filter(|found| found.name == name).collect()
    }

    /// Whether anything at all is known of workloads in a namespace.
    #[must_use]
    pub fn lists_workloads_of(&self, namespace: &str) -> bool {
        self.workloads.contains_key(namespace)
    }

    /// Whether anything at all is known of pods in a namespace.
    #[must_use]
    pub fn lists_pods_of(&self, namespace: &str) -> bool {
        self.pods.contains_key(namespace)
    }

    /// Whether anything at all is known of endpoints in a namespace.
    #[must_use]
    pub fn lists_endpoints_of(&self, namespace: &str) -> bool {
        let first = (namespace.to_owned(), String::new());
        let next = self.slices.range(first..).next();
        next.is_some_and(|((found, _), _)| found == namespace)
    }

    /// Services whose selector fits the pods of a workload, by name. A service that selects nothing is none of them.
    #[must_use]
    pub fn services_of(&self, workload: &KubeWorkload) -> Vec<&KubeService> {
        let first = (workload.namespace.clone(), String::new());
        let same_namespace = self.services.range(first..);
        same_namespace
            .take_while(|((namespace, _), _)| *namespace == workload.namespace)
            .map(|(_, service)| service)
            .filter(|service| selects(&service.selector, &workload.pod_labels))
            .collect()
    }

    /// Other workloads of the same namespace whose pods a selector fits too.
    #[must_use]
    pub fn others_selected(
        &self,
        selector: &BTreeMap<String, String>,
        workload: &KubeWorkload,
    ) -> Vec<&KubeWorkload> {
        let same = self
            .workloads
            .get(&workload.namespace)
            .into_iter()
            .flatten();
        same.filter(|other| (&other.kind, &other.name) != (&workload.kind, &workload.name))
            .filter(|other| selects(selector, &other.pod_labels))
            .collect()
    }

    /// Pods that a selector fits.
    pub fn pods_selected<'a>(
        &'a self,
        namespace: &str,
        selector: &'a BTreeMap<String, String>,
    ) -> impl Iterator<Item = &'a KubePod> {
        let same = self.pods.get(namespace).into_iter().flatten();
        same.filter(move |pod| selects(selector, &pod.labels))
    }

    /// Zone of a pod: its own label, else that of its node.
    #[must_use]
    pub fn zone_of<'a>(&'a self, pod: &'a KubePod) -> Option<&'a str> {
        let of_node = || self.zones.get(pod.node.as_deref()?);
        let zone = pod.zone.as_ref().or_else(of_node)?;
        Some(zone)
    }

    /// The endpoints that serve a port of a headless service, sorted; empty when nothing is known or nothing is ready.
    ///
    /// Clients of a headless service dial the port on the pod itself, so only endpoints with this very port count, and
    /// where ready endpoints of another port exist beside them the set is not consistent: `None`.
    #[must_use]
    pub fn headless_endpoints(&self, service: &KubeService, port: u16) -> Option<Vec<Endpoint>> {
        let key = (service.namespace.clone(), service.name.clone());
        let declared = service.ports.iter().find(|found| found.port == port);
        let name = declared.and_then(|found| found.name.as_deref());
        let mut found = BTreeSet::new();
        for slice in self.slices.get(&key).into_iter().flatten() {
            let mut of_name = slice.ports.iter().filter(|sliced| {
                sliced.is_tcp && sliced.name.as_deref().unwrap_or_default() == name.unwrap_or("")
            });
            let ready = slice.endpoints.iter().filter(|endpoint| endpoint.ready);
            let ready: Vec<&KubeEndpoint> = ready.collect();
            if ready.is_empty() {
                continue;
            }
            if of_name.next().and_then(|sliced| sliced.port) != Some(port) {
                return None;
            }
            found.extend(ready.iter().flat_map(|endpoint| {
                endpoint.addresses.iter().map(|address| Endpoint {
                    address: *address,
                    port,
                    zone: self.zone_at(endpoint),
                })
            }));
        }
        Some(found.into_iter().collect())
    }

    fn zone_at(&self, endpoint: &KubeEndpoint) -> Option<String> {
        let of_node = || self.zones.get(endpoint.node.as_deref()?).cloned();
        endpoint.zone.clone().or_else(of_node)
    }
}

/// Whether a selector fits labels. An empty selector fits nothing: Kubernetes gives such a service no pods.
fn selects(selector: &BTreeMap<String, String>, labels: &BTreeMap<String, String>) -> bool {
    !selector.is_empty()
        && selector
            .iter()
            .all(|(key, value)| labels.get(key) == Some(value))
}

#[cfg(test)]
mod tests;
