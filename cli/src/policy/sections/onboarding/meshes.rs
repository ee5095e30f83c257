//! Meshes that are planned apart.

use tracemesh_graph::policy::onboarding::MeshRule;

use super::super::required;
use super::{MAX_DAYS, count, patterns, texts};
use crate::policy::faults::{Faults, one_of};
use crate::policy::fields::Fields;
use crate::policy::tree::Node;

/// Reads a mesh.
pub(super) fn mesh(node: &Node, faults: &mut Faults) -> Option<MeshRule> {
    let keys = [
        "name",
        "services",
        "namespaces",
        "clusters",
        "start_lag_days",
    ];
    let fields = Fields::read(node, "a mesh", &keys, faults)?;
    let name = required(&fields, "name", faults);
    let members = &keys[1..4];
    if !members.iter().any(|key| fields.has(key)) {
        faults
            .add(fields.line, "a mesh has no services")
            .hint(format!("give {}", one_of(members)));
    }
    let services = patterns(&fields, "services", faults);
    let namespaces = texts(&fields, "namespaces", faults);
    let clusters = texts(&fields, "clusters", faults);
    let mut start_lag_days = 0;
    count(
        &fields,
        "start_lag_days",
        (0, MAX_DAYS),
        &mut start_lag_days,
        faults,
    );
    Some(MeshRule {
        name: name?,
        services,
        namespaces,
        clusters,
        start_lag_days,
        line: node.line,
    })
}
