//! Spans to fixed-size records with interned names.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::attribute::AttributeSet;
use crate::settings::Settings;
use crate::span::{RejectReason, SpanSink, SpanView, TraceId};

/// Interned nodes, instances and peers, shared by all recorders and shards of a process.
#[derive(Debug, Default)]
pub struct Names {}

/// One span, reduced to what inference needs.
#[derive(Debug, Clone)]
pub struct SpanRecord {
    trace_id: TraceId,
}

impl SpanRecord {
    /// The trace that decides the shard.
    #[must_use]
    pub const fn trace_id(&self) -> TraceId {
        self.trace_id
    }
}

/// Turns span views into records. One per decoding thread.
#[derive(Debug)]
pub struct Recorder {
    records: Vec<SpanRecord>,
    rejected: BTreeMap<RejectReason, u64>,
}

impl Recorder {
    /// A recorder over shared names.
    #[must_use]
    pub fn new(_names: Arc<Names>, _settings: &Settings) -> Self {
        Self {
            records: Vec::new(),
            rejected: BTreeMap::new(),
        }
    }

    /// Takes the records made since the last call, in arrival order.
    pub fn take_records(&mut self) -> Vec<SpanRecord> {
        std::mem::take(&mut self.records)
    }

    /// Takes the counts of rejected spans since the last call.
    pub fn take_rejected(&mut self) -> BTreeMap<RejectReason, u64> {
        std::mem::take(&mut self.rejected)
    }
}

impl SpanSink for Recorder {
    fn resource(&mut self, _attributes: &AttributeSet<'_>) {}

    fn span(&mut self, span: &SpanView<'_>) {
        self.records.push(SpanRecord {
            trace_id: span.trace_id,
        });
    }

    fn rejected(&mut self, reason: RejectReason) {
        *self.rejected.entry(reason).or_default() += 1;
    }
}
