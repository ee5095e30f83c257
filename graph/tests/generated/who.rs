//! Which true nodes a node of the graph stands for.

use std::collections::BTreeMap;

use tracemesh_generator::truth::{NodeIndex, Relation, Truth};
use tracemesh_generator::world::World;
use tracemesh_graph::snapshot::{Edge, GraphSnapshot, Node, NodeKind, Relation as Found};

/// What a node of the graph says it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Who {
    /// This very node.
    Exactly(NodeIndex),
    /// Whoever stands behind a dialled host, or is of a system that is all the spans name. One of these.
    OneOf(Vec<NodeIndex>),
    /// Nobody that exists.
    Nobody,
}

impl Who {
    pub(crate) fn candidates(&self) -> &[NodeIndex] {
        match self {
            Self::Exactly(node) => std::slice::from_ref(node),
            Self::OneOf(nodes) => nodes,
            Self::Nobody => &[],
        }
    }
}

/// Every node of a graph, by id.
#[derive(Debug)]
pub(crate) struct Directory(BTreeMap<String, Who>);

impl Directory {
    pub(crate) fn new(world: &World, graph: &GraphSnapshot) -> Self {
        let index = index(world);
        let nodes = graph.nodes.iter();
        Self(
            nodes
                .map(|node| (node.id.clone(), who(world, &index, node)))
                .collect(),
        )
    }

    pub(crate) fn who(&self, id: &str) -> &Who {
        &self.0[id]
    }

    /// The true edges that an edge of the graph may mean.
    pub(crate) fn meanings(
        &self,
        truth: &Truth,
        edge: &Edge,
    ) -> Vec<(NodeIndex, NodeIndex, Relation)> {
        let relation = relation(edge.relation);
        let (callers, callees) = (self.who(&edge.caller), self.who(&edge.callee));
        let mut found = Vec::new();
        for caller in callers.candidates() {
            for callee in callees.candidates() {
                let key = (*caller, *callee, relation);
                if truth.edges.contains_key(&key) {
                    found.push(key);
                }
            }
        }
        found
    }

    /// True when the edge leads around a silent service that passed the context on, or around one and through a gateway.
    pub(crate) fn leads_through(&self, truth: &Truth, edge: &Edge) -> bool {
        let (callers, callees) = (self.who(&edge.caller), self.who(&edge.callee));
        let is_around = |caller, callee| truth.through.contains(&(caller, callee));
        let is_true = |caller, callee| {
            let key = (caller, callee, Relation::Sync);
            truth.edges.contains_key(&key)
        };
        let is_reached = |caller, callee| {
            is_around(caller, callee)
                || edge.relation == Found::Proxied
                    && truth.through.iter().any(|(from, to)| {
                        (*from == caller && is_true(*to, callee))
                            || (*to == callee && is_true(caller, *from))
                    })
        };
        let mut callers = callers.candidates().iter();
        callers.any(|caller| {
            let mut callees = callees.candidates().iter();
            callees.any(|callee| is_reached(*caller, *callee))
        })
    }
}

pub(crate) const fn relation(relation: Found) -> Relation {
    match relation {
        Found::Sync => Relation::Sync,
        Found::Async => Relation::Async,
        Found::Proxied => Relation::Proxied,
    }
}

/// Kind, environment of services, namespace, name.
type Identity = (String, String, String, String);

fn index(world: &World) -> BTreeMap<Identity, NodeIndex> {
    let mut index = BTreeMap::new();
    for (number, node) in world.nodes.iter().enumerate() {
        let environment = match node.kind {
            "service" => node.environment.clone(),
            _ => String::new(),
        };
        let (namespace, name) = (node.namespace.clone(), node.name.clone());
        index.insert((node.kind.to_owned(), environment, namespace, name), number);
    }
    // A sidecar that never stood beside its application keeps the name that Istio gives it.
    for service in world.services.iter().filter(|s| !s.sidecars.is_empty()) {
        let name = service.hosts[1].clone();
        let key = ("service".to_owned(), String::new(), String::new(), name);
        index.insert(key, service.node);
    }
    index
}

fn who(world: &World, index: &BTreeMap<Identity, NodeIndex>, node: &Node) -> Who {
    let environment = match node.kind {
        NodeKind::Service => node.environment.clone(),
        _ => String::new(),
    };
    let (namespace, name) = (node.namespace.clone(), node.name.clone());
    let key = (node.kind.as_str().to_owned(), environment, namespace, name);
    if let Some(found) = index.get(&key) {
        return Who::Exactly(*found);
    }
    let candidates: Vec<NodeIndex> = match &node.address {
        Some(address) => {
            let host = address
                .rsplit_once(':')
                .map_or(&**address, |(host, _)| host);
            let named = world.behind(&node.environment, host);
            named.chain(pods(world, host)).collect()
        }
        // Only the system is known.
        None => (0..world.nodes.len())
            .filter(|at| {
                let known = &world.nodes[*at];
                let system = node.system.as_deref().unwrap_or("?");
                known.kind == node.kind.as_str() && known.name.starts_with(&format!("{system}@"))
            })
            .collect(),
    };
    if candidates.is_empty() {
        Who::Nobody
    } else {
        Who::OneOf(candidates)
    }
}

fn pods<'w>(world: &'w World, host: &str) -> impl Iterator<Item = NodeIndex> + use<'w> {
    let own = world.resources.iter().position(|r| r.address == host);
    own.into_iter().map(|resource| world.node_of(resource))
}
