//! The graph of tracemesh, from its snapshot in JSON.

use std::collections::BTreeMap;

use serde_json::Value;
use tracemesh_generator::truth::{NodeIndex, Relation};
use tracemesh_generator::world::World;

use super::Claim;
use crate::wire::Fault;

/// The edges of a snapshot, and how many of them lead to something unknown.
///
/// # Errors
/// When it is no snapshot.
pub fn claims(world: &World, snapshot: &str) -> Result<(Vec<Claim>, u64), Fault> {
    let snapshot: Value = serde_json::from_str(snapshot)?;
    let nodes = list(&snapshot, "nodes")?;
    let meanings: BTreeMap<&str, Vec<NodeIndex>> = nodes
        .iter()
        .map(|node| (text(node, "id"), meaning(world, node)))
        .collect();
    let mut claims = Vec::new();
    let mut unnamed = 0;
    for edge in list(&snapshot, "edges")? {
        let (caller, callee) = (text(edge, "caller"), text(edge, "callee"));
        if callee.starts_with("unidentified/") {
            unnamed += 1;
            continue;
        }
        let callers = meanings.get(caller).cloned().unwrap_or_default();
        if callers.is_empty() {
            return Err(format!("the caller `{caller}` does not exist").into());
        }
        claims.push(Claim {
            callers,
            callees: meanings.get(callee).cloned().unwrap_or_default(),
            relation: match text(edge, "relation") {
                "async" => Relation::Async,
                "proxied" => Relation::Proxied,
                _ => Relation::Sync,
            },
            attempts: number(edge, "attempts"),
            text: format!("{caller} -> {callee}"),
        });
    }
    for node in nodes {
        let calls = number(node, "entry_calls");
        if calls > 0.0 {
            let id = text(node, "id");
            claims.push(Claim {
                callers: Vec::new(),
                callees: meanings.get(id).cloned().unwrap_or_default(),
                relation: Relation::Sync,
                attempts: calls,
                text: format!("outside -> {id}"),
            });
        }
    }
    Ok((claims, unnamed))
}

fn list<'j>(of: &'j Value, name: &str) -> Result<&'j Vec<Value>, Fault> {
    let list = of.get(name).and_then(Value::as_array);
    list.ok_or_else(|| format!("the snapshot has no `{name}`").into())
}

fn text<'j>(of: &'j Value, name: &str) -> &'j str {
    of.get(name).and_then(Value::as_str).unwrap_or_default()
}

fn number(of: &Value, name: &str) -> f64 {
    of.get(name).and_then(Value::as_f64).unwrap_or_default()
}

/// The node itself, or else whoever stands behind the address that is all the graph knows.
fn meaning(world: &World, node: &Value) -> Vec<NodeIndex> {
    let kind = text(node, "kind");
    let is_it = |known: &tracemesh_generator::world::Node| {
        known.kind == kind
            && known.name == text(node, "name")
            && known.namespace == text(node, "namespace")
            && (kind != "service" || known.environment == text(node, "environment"))
    };
    if let Some(at) = world.nodes.iter().position(is_it) {
        return vec![at];
    }
    let address = text(node, "address");
    let host = address.rsplit_once(':').map_or(address, |(host, _)| host);
    world.behind(text(node, "environment"), host).collect()
}
