//! Services that have to keep to each other: one before the other, together, apart.

use tracemesh_graph::policy::onboarding::{BeforeRule, GroupRule};

use super::super::{MAX_ITEMS, pattern};
use crate::policy::faults::Faults;
use crate::policy::fields::{Fields, list};
use crate::policy::tree::Node;
use crate::policy::values::At;

/// Reads `{first: .., then: ..}`.
pub(super) fn before(node: &Node, faults: &mut Faults) -> Option<BeforeRule> {
    let place = "an item of `before`";
    let fields = Fields::read(node, place, &["first", "then"], faults)?;
    let first = pattern(&fields, "first", faults);
    let then = pattern(&fields, "then", faults);
    Some(BeforeRule {
        first: first?,
        then: then?,
        line: node.line,
    })
}

/// Reads a list of services, which are two at least or one pattern that means several.
pub(super) fn group(node: &Node, faults: &mut Faults) -> Option<GroupRule> {
    let nodes = list(node, "a group of services", faults);
    if let Some(first) = nodes.get(MAX_ITEMS) {
        let message = format!(
            "a group has {} services; {MAX_ITEMS} are allowed",
            nodes.len()
        );
        faults.add(first.line, message);
    }
    let place = "a service of a group";
    let nodes = nodes.iter().take(MAX_ITEMS);
    let services: Vec<_> = nodes
        .clone()
        .filter_map(|node| At { node, place }.pattern(faults))
        .collect();
    if nodes.len() < 2
        && services
            .iter()
            .all(tracemesh_graph::policy::ServicePattern::is_exact)
    {
        faults
            .add(node.line, "a group needs two services")
            .hint("write `- [cart, checkout]`");
        return None;
    }
    let line = node.line;
    Some(GroupRule { services, line })
}
