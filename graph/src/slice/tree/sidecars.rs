//! Sidecars in one trace: their spans are their workload's, and the half of a hop that faces it is no call (inference
//! rule 1.9).
//!
//! Looks at this trace only. A sidecar that stands alone here is folded later, into the workload that other traces show
//! beside it.

use std::collections::{BTreeMap, BTreeSet};

use super::{Side, SliceSink, Tree};
use crate::identity::NodeKey;
use crate::names::{NodeId, Tables};
use crate::record::Marks;

impl Tree {
    /// The spans of a sidecar belong to the workload next to it in the tree: app, sidecar, sidecar, app is one hop (X8).
    pub(super) fn fold_sidecars(&mut self, names: &Tables, sink: &mut impl SliceSink) {
        if !self.records.iter().any(|r| r.marks.has(Marks::PROXY)) {
            return;
        }
        let beside = self.beside_their_workload(names);
        let mut workloads: BTreeMap<NodeId, BTreeSet<NodeId>> = BTreeMap::new();
        for (proxy, app) in &beside {
            let found = workloads.entry(self.nodes[*proxy]).or_default();
            found.insert(*app);
        }
        // A sidecar may have several spans in a row; those farther off follow unless it is beside two workloads.
        for proxy in 0..self.records.len() {
            if !self.records[proxy].marks.has(Marks::PROXY) {
                continue;
            }
            let found = workloads.get(&self.nodes[proxy]);
            let only = found
                .filter(|apps| apps.len() == 1)
                .and_then(BTreeSet::first);
            if let Some(app) = beside.get(&proxy).or(only) {
                sink.fold(self.nodes[proxy], *app);
                self.nodes[proxy] = *app;
            }
        }
        self.find_inner_halves();
    }

    /// Spans of sidecars that have a span of their application as parent or child, with its node.
    fn beside_their_workload(&self, names: &Tables) -> BTreeMap<usize, NodeId> {
        let next_to = (0..self.records.len()).filter_map(|span| Some((span, self.parents[span]?)));
        let both_ways = next_to.flat_map(|(a, b)| [(a, b), (b, a)]);
        let is_proxy = |span: usize| self.records[span].marks.has(Marks::PROXY);
        let folds = both_ways.filter(|(proxy, app)| {
            let (inner, outer) = (self.nodes[*proxy], self.nodes[*app]);
            is_proxy(*proxy)
                && !is_proxy(*app)
                && inner != outer
                && is_sidecar_of(names.node(inner), names.node(outer))
        });
        folds.map(|(proxy, app)| (proxy, self.nodes[app])).collect()
    }

    /// Proxies with a span for each side of a hop, in a mesh whose cluster names tell no direction: what lies between a
    /// workload's span and the other half of its own sidecar faces the workload.
    fn find_inner_halves(&mut self) {
        let mut children: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        for span in 0..self.records.len() {
            if let Some(parent) = self.parents[span] {
                children.entry(parent).or_default().push(span);
            }
        }
        for index in 0..self.order.len() {
            let span = self.order[index];
            let Some(parent) = self.parents[span] else {
                continue;
            };
            let below = children.get(&span).map_or(&[][..], Vec::as_slice);
            if self.is_inner_half(span, parent, below) {
                self.sides[span] = Side::Any;
            }
        }
    }

    fn is_inner_half(&self, span: usize, parent: usize, below: &[usize]) -> bool {
        let is_proxy = |span: usize| self.records[span].marks.has(Marks::PROXY);
        if !is_proxy(span) || self.nodes[parent] != self.nodes[span] {
            return false;
        }
        let has = |side: Side, proxy: bool| {
            below.iter().any(|child| {
                let is_own = self.nodes[*child] == self.nodes[span];
                is_own && self.sides[*child] == side && is_proxy(*child) == proxy
            })
        };
        match (self.sides[span], self.sides[parent]) {
            (Side::In, Side::Out) => !is_proxy(parent) && has(Side::Out, true),
            (Side::Out, Side::In) => is_proxy(parent) && has(Side::In, false),
            _ => false,
        }
    }
}

/// Istio names the service of a sidecar `app.namespace`; other proxies repeat the application's name without its
/// namespace.
fn is_sidecar_of(proxy: &NodeKey, app: &NodeKey) -> bool {
    let (proxy_name, app_name) = (proxy.display_name(), app.display_name());
    let Some(rest) = proxy_name.strip_prefix(app_name) else {
        return false;
    };
    let is_bare = rest.is_empty() && proxy.namespace.is_empty();
    let is_qualified = rest.strip_prefix('.').is_some_and(|namespace| {
        !namespace.is_empty() && (app.namespace.is_empty() || app.namespace == namespace)
    });
    is_bare || is_qualified
}
