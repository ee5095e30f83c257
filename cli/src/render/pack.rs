//! The onboarding pack of a service: patches that give it a sidecar, and a page for its owner.
//!
//! ```text
//! EgressModel + labels of the policy -> <service directory>/onboarding/{README.md, kustomization.yaml, *-patch.yaml, ...}
//! ```
//! The pack changes only when the egress does: it has no counts and no times. It refuses to patch a workload that nobody
//! named: without one, in spans or in an inventory, there is the page alone, and it says what is missing.

mod patches;
mod readme;
pub mod waves;
pub(in crate::render) mod words;

use std::collections::BTreeMap;

use tracemesh_graph::egress::EgressModel;
use tracemesh_graph::policy::Labels;

use crate::output_dir::{Entry, FileSet, RelativePath};

/// Packs of every service of a model that has a directory. `owners`: node id -> who answers for the service.
///
/// Pure: the same model gives the same bytes. Names from spans appear only escaped, or where they are valid names of
/// Kubernetes.
#[must_use]
pub fn render(
    model: &EgressModel,
    directories: &BTreeMap<String, String>,
    labels: &Labels,
    owners: &BTreeMap<String, String>,
) -> FileSet {
    let mut set = FileSet::new();
    for service in &model.services {
        let Some(directory) = directories.get(&service.id) else {
            continue;
        };
        let patches = patches::of(service.workload.as_ref(), labels);
        let page = readme::render(
            service,
            &patches,
            owners.get(&service.id).map(String::as_str),
        );
        let files = patches.files.into_iter().chain([("README.md", page)]);
        for (name, text) in files {
            let path = RelativePath::new(&format!("{directory}/onboarding/{name}"));
            let path = path.expect("directories are escaped, the other parts are constants");
            set.insert(path, Entry::File(text));
        }
    }
    set
}

#[cfg(test)]
mod tests;
