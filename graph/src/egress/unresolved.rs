//! What gets no egress, gathered by callee and reason.

use std::collections::BTreeMap;

use super::address::raw;
use super::model::{RawTarget, Unresolved, UnresolvedReason};
use crate::snapshot::Edge;

/// Collects what gets no egress, one entry per (callee, reason).
#[derive(Default)]
pub(super) struct UnresolvedList(BTreeMap<(String, UnresolvedReason), Vec<RawTarget>>);

impl UnresolvedList {
    pub(super) fn add(&mut self, node: &str, reason: UnresolvedReason, target: RawTarget) {
        let entry = self.0.entry((node.to_owned(), reason)).or_default();
        entry.push(target);
    }

    pub(super) fn add_all(&mut self, edge: &Edge, reason: UnresolvedReason) {
        let entry = self.0.entry((edge.callee.clone(), reason)).or_default();
        entry.extend(edge.targets.iter().map(raw));
    }

    /// Without addresses: none is known.
    pub(super) fn add_none(&mut self, node: &str, reason: UnresolvedReason) {
        self.0.entry((node.to_owned(), reason)).or_default();
    }

    pub(super) fn has(&self, node: &str, reason: UnresolvedReason) -> bool {
        self.0.contains_key(&(node.to_owned(), reason))
    }

    pub(super) fn has_any(&self, node: &str) -> bool {
        UnresolvedReason::ALL
            .iter()
            .any(|reason| self.has(node, *reason))
    }

    pub(super) fn into_sorted(self) -> Vec<Unresolved> {
        self.0
            .into_iter()
            .map(|((node, reason), mut targets)| {
                targets.sort();
                targets.dedup();
                Unresolved {
                    node,
                    reason,
                    targets,
                }
            })
            .collect()
    }
}
