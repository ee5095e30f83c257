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

impl Tree<'_> {
    /// The spans of a sidecar belong to the workload next to it in the tree: app, sidecar, sidecar, app is one hop (X8).
    pub(super) fn fold_sidecars(&mut self, names: &Tables, sink: &mut impl SliceSink) {
        if !self.has_any(Marks::PROXY) {
            return;
        }
        let beside = self.beside_their_workload(names);
        let mut workloads: BTreeMap<NodeId, BTreeSet<NodeId>> = BTreeMap::new();
        for (proxy, app) in &beside {
            let found = workloads.entry(self.node(*proxy)).or_default();
            found.insert(*app);
        }
        // A sidecar may have several spans in a row; those farther off follow unless it is beside two workloads.
        for proxy in 0..self.len() {
            if !self.is_proxy(proxy) {
                continue;
            }
            let found = workloads.get(&self.node(proxy));
            let only = found
                .filter(|apps| apps.len() == 1)
                .and_then(BTreeSet::first);
            if let Some(app) = beside.get(&proxy).or(only) {
                sink.fold(self.node(proxy), *app);
                self.parts.spans[proxy].node = *app;
            }
        }
        self.find_inner_halves();
        self.find_speakers();
    }

    /// Spans of sidecars that have a span of their application as parent or child, with its node.
    fn beside_their_workload(&self, names: &Tables) -> BTreeMap<usize, NodeId> {
        let next_to = (0..self.len()).filter_map(|span| Some((span, self.parent(span)?)));
        let both_ways = next_to.flat_map(|(a, b)| [(a, b), (b, a)]);
        let folds = both_ways.filter(|(proxy, app)| {
            let (inner, outer) = (self.node(*proxy), self.node(*app));
            self.is_proxy(*proxy)
                && !self.is_proxy(*app)
                && inner != outer
                && is_sidecar_of(names.node(inner), names.node(outer))
        });
        folds.map(|(proxy, app)| (proxy, self.node(app))).collect()
    }

    /// Proxies with a span for each side of a hop, in a mesh whose cluster names tell no direction: what lies between a
    /// workload's span and the other half of its own sidecar faces the workload.
    fn find_inner_halves(&mut self) {
        let mut children: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        for span in 0..self.len() {
            if let Some(parent) = self.parent(span) {
                children.entry(parent).or_default().push(span);
            }
        }
        for index in 0..self.len() {
            let span = self.parts.parents.order[index];
            let Some(parent) = self.parent(span) else {
                continue;
            };
            let below = children.get(&span).map_or(&[][..], Vec::as_slice);
            if let Some(side) = self.inner_half(span, parent, below) {
                self.parts.spans[span].side = side;
            }
        }
    }

    /// What the half of a hop that faces the workload really is: part of its call, or of the request to it.
    fn inner_half(&self, span: usize, parent: usize, below: &[usize]) -> Option<Side> {
        if !self.is_proxy(span) || self.node(parent) != self.node(span) {
            return None;
        }
        let has = |side: Side, proxy: bool| {
            below.iter().any(|child| {
                let is_own = self.node(*child) == self.node(span);
                is_own && self.side(*child) == side && self.is_proxy(*child) == proxy
            })
        };
        match (self.side(span), self.side(parent)) {
            (Side::In, Side::Out) if !self.is_proxy(parent) && has(Side::Out, true) => {
                Some(Side::Out)
            }
            (Side::Out, Side::In) if self.is_proxy(parent) && has(Side::In, false) => {
                Some(Side::Any)
            }
            _ => None,
        }
    }
}

/// A sidecar makes a few spans in a row at most.
const MAX_IN_A_ROW: usize = 4;

impl Tree<'_> {
    /// A sidecar's resource knows neither zone nor instance, and its span no route: the application beside it does.
    fn find_speakers(&mut self) {
        for index in 0..self.len() {
            let span = self.parts.parents.order[index];
            let is_proxy = self.is_proxy(span);
            match self.side(span) {
                Side::Out if is_proxy => {
                    let outer = self
                        .inside_sidecar(span)
                        .find(|above| !self.is_proxy(*above));
                    let speaker = outer.filter(|above| self.side(*above) == Side::Out);
                    self.parts
                        .speakers
                        .extend(speaker.map(|speaker| (span, speaker)));
                }
                Side::In if !is_proxy => {
                    let above = self.inside_sidecar(span);
                    let served: Vec<usize> = above
                        .take_while(|above| self.is_proxy(*above))
                        .filter(|above| self.side(*above) == Side::In)
                        .collect();
                    for sidecar in served {
                        self.parts.speakers.entry(sidecar).or_insert(span);
                    }
                }
                _ => {}
            }
        }
    }

    /// The nearest spans above one, as far as they are of the same node.
    fn inside_sidecar(&self, span: usize) -> impl Iterator<Item = usize> {
        let above = std::iter::successors(self.parent(span), |above| self.parent(*above));
        let node = self.node(span);
        above
            .take_while(move |above| self.node(*above) == node)
            .take(MAX_IN_A_ROW)
    }

    fn is_proxy(&self, span: usize) -> bool {
        self.record(span).marks.has(Marks::PROXY)
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
