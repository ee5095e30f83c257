//! Patches for Kubernetes: labels on a workload and its namespace, and the way back.
//!
//! Strategic merge patches, for `kubectl patch` and for kustomize alike; going back takes the label away with a JSON patch,
//! because another value of it may mean anything to the injector.

use serde_json::json;
use tracemesh_graph::inventory::Workload;
use tracemesh_graph::policy::{Label, Labels};

use crate::kube_name;
use crate::render::envoy::yaml::{Node, list, map};

/// What there is to apply, and why not where there is nothing.
pub(super) struct Patches {
    /// File name -> content.
    pub files: Vec<(&'static str, String)>,
    /// The workload that is patched.
    pub workload: Result<Patched, Unpatched>,
    /// Namespace whose label is set.
    pub namespace: Option<String>,
}

/// A workload that gets its label.
pub(super) struct Patched {
    /// As `kubectl` names its kind: `deployment`.
    pub resource: String,
    /// Name; valid in Kubernetes.
    pub name: String,
    /// Namespace; valid in Kubernetes.
    pub namespace: String,
    /// The label.
    pub label: Label,
    /// Whether an inventory has it.
    pub confirmed: bool,
    /// What selects its pods, as `kubectl -l` takes it.
    pub selector: String,
}

/// Why a workload gets none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unpatched {
    /// Nothing names it.
    Unknown,
    /// Its name or namespace is none of Kubernetes.
    InvalidName,
    /// Pods of its kind cannot be labelled by patching it.
    Kind,
}

pub(super) fn of(workload: Option<&Workload>, labels: &Labels) -> Patches {
    let workload = workload.ok_or(Unpatched::Unknown).and_then(|workload| {
        let valid =
            kube_name::is_subdomain(&workload.name) && kube_name::is_label(&workload.namespace);
        let form = Form::of(&workload.kind).ok_or(Unpatched::Kind)?;
        valid
            .then_some((form, workload))
            .ok_or(Unpatched::InvalidName)
    });
    let (form, workload) = match workload {
        Ok(found) => found,
        Err(why) => {
            return Patches {
                files: Vec::new(),
                workload: Err(why),
                namespace: None,
            };
        }
    };
    let mut files = vec![
        (
            "workload-patch.yaml",
            form.patch(workload, &labels.workload),
        ),
        ("workload-rollback.json", form.rollback(&labels.workload)),
    ];
    let namespace = labels.namespace.as_ref().map(|label| {
        files.push((
            "namespace-patch.yaml",
            namespace_patch(&workload.namespace, label),
        ));
        workload.namespace.clone()
    });
    files.push(("kustomization.yaml", component(namespace.as_deref())));
    Patches {
        files,
        workload: Ok(Patched {
            resource: workload.kind.to_ascii_lowercase(),
            name: workload.name.clone(),
            namespace: workload.namespace.clone(),
            label: labels.workload.clone(),
            confirmed: workload.confirmed,
            selector: selector(workload, &labels.selector_key),
        }),
        namespace,
    }
}

/// The labels of the inventory, or the one that the company puts on every pod. Labels that are none of Kubernetes could be a
/// command of a shell.
fn selector(workload: &Workload, key: &str) -> String {
    let is_label = |text: &str| {
        let part = |byte: u8| byte.is_ascii_alphanumeric() || b"-_./".contains(&byte);
        !text.is_empty() && text.bytes().all(part)
    };
    let known: Vec<String> = workload
        .selector
        .iter()
        .filter(|(key, value)| is_label(key) && is_label(value))
        .map(|(key, value)| format!("{key}={value}"))
        .collect();
    if known.is_empty() {
        return format!("{key}={}", workload.name);
    }
    known.join(",")
}

/// How a kind of workload carries the labels of its pods.
struct Form {
    version: &'static str,
    /// Keys from the top to the labels.
    path: &'static [&'static str],
}

impl Form {
    /// A job's template cannot be changed, other kinds are not known to have one.
    fn of(kind: &str) -> Option<Self> {
        match kind {
            "Deployment" | "StatefulSet" | "DaemonSet" => Some(Self {
                version: "apps/v1",
                path: &["spec", "template", "metadata", "labels"],
            }),
            "CronJob" => Some(Self {
                version: "batch/v1",
                path: &[
                    "spec",
                    "jobTemplate",
                    "spec",
                    "template",
                    "metadata",
                    "labels",
                ],
            }),
            _ => None,
        }
    }

    fn patch(&self, workload: &Workload, label: &Label) -> String {
        let labels = Node::Map(vec![(
            label.key.clone().into(),
            label.value.as_str().into(),
        )]);
        let inner = self
            .path
            .iter()
            .skip(1)
            .rev()
            .fold(labels, |node, key| map([(key, node)]));
        let identity = map([
            ("name", workload.name.as_str().into()),
            ("namespace", workload.namespace.as_str().into()),
        ]);
        map([
            ("apiVersion", self.version.into()),
            ("kind", workload.kind.as_str().into()),
            ("metadata", identity),
            ("spec", inner),
        ])
        .to_yaml()
    }

    fn rollback(&self, label: &Label) -> String {
        // RFC 6901: `~` and `/` are escaped in a pointer.
        let key = label.key.replace('~', "~0").replace('/', "~1");
        let path = format!("/{}/{key}", self.path.join("/"));
        let patch = json!([{"op": "remove", "path": path}]);
        format!("{patch}\n")
    }
}

fn namespace_patch(namespace: &str, label: &Label) -> String {
    let labels = Node::Map(vec![(
        label.key.clone().into(),
        label.value.as_str().into(),
    )]);
    map([
        ("apiVersion", "v1".into()),
        ("kind", "Namespace".into()),
        (
            "metadata",
            map([("name", namespace.into()), ("labels", labels)]),
        ),
    ])
    .to_yaml()
}

/// A component, so that it can be added to the kustomization that has the workload. That has to be there; the namespace is
/// often kept elsewhere, and is patched if it is there too.
fn component(namespace: Option<&str>) -> String {
    let workload = map([("path", "workload-patch.yaml".into())]);
    let namespace = namespace.map(|name| {
        let target = map([("kind", "Namespace".into()), ("name", name.into())]);
        map([("path", "namespace-patch.yaml".into()), ("target", target)])
    });
    map([
        ("apiVersion", "kustomize.config.k8s.io/v1alpha1".into()),
        ("kind", "Component".into()),
        ("patches", list([workload].into_iter().chain(namespace))),
    ])
    .to_yaml()
}
