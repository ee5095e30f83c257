//! A snapshot seen from its services: diagnostics, node and edges of each, side by side.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use crate::peer::is_private;
use crate::resolve::is_public_name;
use crate::snapshot::{Edge, GraphSnapshot, Node, NodeKind, Relation, ServiceDiagnostics};

/// Sums without overflow: a snapshot may come from anywhere.
pub(super) fn sum(counts: impl Iterator<Item = u64>) -> u64 {
    counts.fold(0, u64::saturating_add)
}

/// An indexed snapshot.
#[derive(Debug)]
pub(super) struct Graph<'a> {
    pub(super) snapshot: &'a GraphSnapshot,
    out: BTreeMap<&'a str, Vec<&'a Edge>>,
    into: BTreeMap<&'a str, Vec<&'a Edge>>,
    /// Namespaces of services: `cart.shop` is internal when `shop` is one.
    namespaces: BTreeSet<&'a str>,
    /// True when some span says how many it stands for.
    pub(super) is_weight_known_somewhere: bool,
}

/// One service that emits spans.
#[derive(Debug)]
pub(super) struct Service<'a> {
    pub(super) diagnostics: &'a ServiceDiagnostics,
    pub(super) node: Option<&'a Node>,
    /// Edges from it, itself excluded.
    pub(super) out: Vec<&'a Edge>,
    /// Edges to it, itself excluded.
    pub(super) into: Vec<&'a Edge>,
}

impl<'a> Graph<'a> {
    pub(super) fn new(snapshot: &'a GraphSnapshot) -> Self {
        let (mut out, mut into) = (BTreeMap::new(), BTreeMap::new());
        for edge in snapshot
            .edges
            .iter()
            .filter(|edge| edge.caller != edge.callee)
        {
            let own: &mut Vec<&Edge> = out.entry(edge.caller.as_str()).or_default();
            own.push(edge);
            let own: &mut Vec<&Edge> = into.entry(edge.callee.as_str()).or_default();
            own.push(edge);
        }
        let namespaces = snapshot.nodes.iter().flat_map(|node| {
            let facet = node.facets.get("kube_namespace").into_iter();
            let seen = facet.flat_map(|values| values.keys().map(String::as_str));
            seen.chain([node.namespace.as_str()])
        });
        let known = |service: &ServiceDiagnostics| {
            service.weight_unknown.is_some_and(|n| n < service.spans)
        };
        Self {
            snapshot,
            out,
            into,
            namespaces: namespaces.filter(|name| !name.is_empty()).collect(),
            is_weight_known_somewhere: snapshot.diagnostics.per_service.iter().any(known),
        }
    }

    /// Every service that emits spans, by node id.
    pub(super) fn services(&self) -> impl Iterator<Item = Service<'a>> {
        let mut all: Vec<&'a ServiceDiagnostics> =
            self.snapshot.diagnostics.per_service.iter().collect();
        all.sort_by(|a, b| a.service.cmp(&b.service));
        let edges =
            |of: &BTreeMap<&str, Vec<&'a Edge>>, id: &str| of.get(id).cloned().unwrap_or_default();
        all.into_iter().map(move |diagnostics| Service {
            diagnostics,
            node: self.snapshot.node(&diagnostics.service),
            out: edges(&self.out, &diagnostics.service),
            into: edges(&self.into, &diagnostics.service),
        })
    }

    pub(super) fn kind(&self, id: &str) -> Option<NodeKind> {
        self.snapshot.node(id).map(|node| node.kind)
    }

    /// A callee without spans, dialled by a name or address that is only of use inside.
    pub(super) fn is_silent_inside(&self, edge: &Edge) -> bool {
        let is_inside = |host: &str| match host.parse::<IpAddr>() {
            Ok(ip) => is_private(ip),
            Err(_) => {
                let zone = host.rsplit_once('.').map(|(_, zone)| zone);
                !is_public_name(host) || zone.is_some_and(|zone| self.namespaces.contains(zone))
            }
        };
        self.kind(&edge.callee) == Some(NodeKind::External)
            && edge.relation == Relation::Sync
            && !edge.targets.is_empty()
            && edge.targets.iter().all(|target| is_inside(&target.host))
    }
}

impl Service<'_> {
    pub(super) fn id(&self) -> &str {
        &self.diagnostics.service
    }

    /// Spans of a kind.
    pub(super) fn spans(&self, kind: &str) -> u64 {
        self.diagnostics
            .kinds
            .get(kind)
            .copied()
            .unwrap_or_default()
    }

    /// Calls made: with destination, and without.
    pub(super) fn outgoing(&self) -> u64 {
        let dialled = self
            .out
            .iter()
            .filter(|edge| edge.relation == Relation::Sync);
        sum(dialled.map(|edge| edge.calls)).saturating_add(self.diagnostics.unresolved)
    }

    /// Sync edges from others.
    pub(super) fn callers(&self) -> impl Iterator<Item = &Edge> {
        self.into
            .iter()
            .copied()
            .filter(|edge| edge.relation == Relation::Sync)
    }
}
