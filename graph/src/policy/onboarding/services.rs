//! The services of a graph, to be asked by pattern.

use std::collections::{BTreeMap, BTreeSet};

use crate::onboarding::PlanOptions;
use crate::policy::ServicePattern;
use crate::snapshot::{GraphSnapshot, Node, NodeKind};

/// Services by what names them.
pub(crate) struct Services<'a> {
    nodes: Vec<&'a Node>,
    /// Id, `namespace/name` or name -> the services that it names, as places in `nodes`.
    named: BTreeMap<String, BTreeSet<usize>>,
}

impl<'a> Services<'a> {
    pub(crate) fn of(snapshot: &'a GraphSnapshot) -> Self {
        let nodes = snapshot.nodes.iter();
        let nodes: Vec<&Node> = nodes
            .filter(|node| node.kind == NodeKind::Service)
            .collect();
        let mut named: BTreeMap<String, BTreeSet<usize>> = BTreeMap::new();
        for (place, node) in nodes.iter().enumerate() {
            let whole = format!("{}/{}", node.namespace, node.name);
            for name in [node.id.clone(), node.name.clone(), whole] {
                named.entry(name).or_default().insert(place);
            }
        }
        Self { nodes, named }
    }

    /// Services in the order of the graph, which is that of ids.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &'a Node> {
        self.nodes.iter().copied()
    }

    /// Ids of the services that a pattern means, sorted.
    pub(crate) fn meant_by(&self, pattern: &ServicePattern) -> Vec<String> {
        if pattern.is_exact() {
            return self.called(&pattern.0);
        }
        let nodes = self.iter();
        let meant = nodes.filter(|n| pattern.matches(&n.id, &n.namespace, &n.name));
        let mut ids: Vec<String> = meant.map(|node| node.id.clone()).collect();
        ids.sort();
        ids
    }

    /// Ids of the services of which this is the id, `namespace/name` or the name, sorted.
    pub(crate) fn called(&self, name: &str) -> Vec<String> {
        let places = self.named.get(name).into_iter().flatten();
        let mut ids: Vec<String> = places.map(|place| self.nodes[*place].id.clone()).collect();
        ids.sort();
        ids
    }

    /// Whether some service belongs to a team, by the policy or by what its spans say.
    pub(crate) fn has_team(&self, team: &str, options: &PlanOptions) -> bool {
        let mut facts = options.facts.values();
        let attribute = options.team_attribute.as_ref();
        let is_own = |node: &Node| {
            let own = attribute.and_then(|key| node.attributes.get(key));
            own.is_some_and(|own| own == team)
        };
        facts.any(|facts| facts.team.as_deref() == Some(team)) || self.iter().any(is_own)
    }
}
