//! Containers of pods and what may have put a sidecar among them.

use std::collections::BTreeMap;

use serde::Deserialize;

/// Characters of the value of a label: an annotation with more is text for other readers, such as a whole object.
const MAX_VALUE: usize = 63;

/// What counts of the specification of a pod.
#[derive(Deserialize, Default)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct PodSpec {
    pub(super) node_name: Option<String>,
    containers: Option<Vec<Container>>,
    init_containers: Option<Vec<Container>>,
}

#[derive(Deserialize, Default)]
#[serde(default, rename_all = "camelCase")]
struct Container {
    name: Option<String>,
    restart_policy: Option<String>,
}

impl PodSpec {
    /// Names of those that run as long as the pod does, in order. Kubernetes calls an init container with `restartPolicy: Always` a
    /// sidecar; every other one ends before the pod begins.
    pub(super) fn lasting(&self) -> Vec<String> {
        let lasts = |container: &Container| container.restart_policy.as_deref() == Some("Always");
        let early = self.init_containers.iter().flatten();
        let early = early.filter(|container| lasts(container));
        let all = early.chain(self.containers.iter().flatten());
        all.filter_map(|container| container.name.clone()).collect()
    }
}

/// Annotations that could be labels: those that switch sidecars on are, and the others can be large.
pub(super) fn switches(annotations: Option<BTreeMap<String, String>>) -> BTreeMap<String, String> {
    let all = annotations.unwrap_or_default().into_iter();
    all.filter(|(_, value)| value.len() <= MAX_VALUE).collect()
}
