//! How a sidecar is known in an inventory.

use tracemesh_graph::policy::onboarding::SidecarRule;

use super::super::items;
use super::super::labels::label;
use super::texts;
use crate::policy::faults::Faults;
use crate::policy::fields::Fields;
use crate::policy::tree::Node;

/// Reads the mapping.
pub(super) fn sidecars(node: &Node, faults: &mut Faults) -> SidecarRule {
    let keys = ["labels", "containers"];
    let Some(fields) = Fields::read(node, "`sidecars`", &keys, faults) else {
        return SidecarRule::default();
    };
    let labels = items(&fields, "labels", faults, |node, faults| {
        label(node, "a label of sidecars", faults)
    });
    SidecarRule {
        labels: labels.into_iter().map(|label| label.item).collect(),
        containers: texts(&fields, "containers", faults),
    }
}
