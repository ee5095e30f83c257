//! Words for the boxes of drawings, and for nodes that stand for several.

use tracemesh_graph::collapse::{INTERNAL_CALLS, MEMBERS};
use tracemesh_graph::snapshot::{Node, NodeKind, Relation};

use crate::text::{clip, counted, short};

/// The lines of a box: a name of at most `width` characters, and what the node is when it is no service.
pub(super) fn caption(node: &Node, width: usize) -> Vec<String> {
    // A virtual node's name repeats its system: the address alone reads better beside it.
    let name = node.address.as_ref().unwrap_or(&node.name);
    let mut lines = vec![clip(name, width)];
    let mut second = Vec::new();
    if let Some(words) = words(node) {
        second.push(words);
    } else if node.kind != NodeKind::Service {
        let kind = node.kind.as_str().replace('_', " ");
        let system = node.system.as_deref().filter(|name| !name.is_empty());
        second.push(system.map_or(kind, |name| clip(name, width)));
    }
    if node.entry_calls > 0 {
        second.push(format!("{} entry calls", short(node.entry_calls)));
    }
    if !second.is_empty() {
        lines.push(second.join(", "));
    }
    lines
}

/// `8 nodes, 1.2k calls inside`; `None` for any other node.
pub(super) fn words(node: &Node) -> Option<String> {
    if node.kind != NodeKind::Group {
        return None;
    }
    let members = node.facets.get(MEMBERS).into_iter().flatten();
    let members = members.fold(0, |sum: u64, (_, count)| sum.saturating_add(*count));
    let members = counted(members, "node", "nodes");
    Some(match internal_calls(node) {
        None | Some(0) => members,
        Some(calls) => format!("{members}, {} calls inside", short(calls)),
    })
}

/// Calls between the members of a group; `None` when there are none. Logical calls through a proxy, which repeat the calls to
/// and from it, are left out.
pub(super) fn internal_calls(node: &Node) -> Option<u64> {
    let calls = node.facets.get(INTERNAL_CALLS)?.iter();
    let calls = calls.filter(|(relation, _)| relation.as_str() != Relation::Proxied.as_str());
    Some(calls.fold(0, |sum: u64, (_, calls)| sum.saturating_add(*calls)))
}
