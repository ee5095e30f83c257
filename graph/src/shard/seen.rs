//! What settled slices held, as hashes: enough to know a span again, and a parent whose slice is gone.
//!
//! Two sets take turns, each for one window, so that a span is remembered for at least one and at most two of them. A
//! full set turns early: then the memory is bounded, and the window shorter. Hashes are keyed at random: nobody can
//! make spans that look like those of others.

use std::collections::hash_map::RandomState;
use std::collections::{HashMap, HashSet};
use std::hash::BuildHasher;

use crate::record::SpanRecord;
use crate::settings::Settings;
use crate::slice::{Event, SliceSink};
use crate::span::SpanId;

/// Hashes of settled slices and their spans.
#[derive(Debug)]
pub(super) struct Seen {
    window_ms: u64,
    max_spans: usize,
    turned_ms: u64,
    current: Hashes,
    previous: Hashes,
    hasher: RandomState,
}

#[derive(Debug, Default)]
struct Hashes {
    /// Slices, and whether they settled before all of their spans can have come.
    slices: HashMap<u64, bool>,
    /// Span ids, each with its slice.
    ids: HashSet<u64>,
    /// Whole spans: id, kind, node, instance and times.
    spans: HashSet<u64>,
}

impl Seen {
    pub(super) fn new(settings: &Settings) -> Self {
        Self {
            window_ms: settings.dedupe_window_ms,
            max_spans: settings.max_seen_spans,
            turned_ms: 0,
            current: Hashes::default(),
            previous: Hashes::default(),
            hasher: RandomState::new(),
        }
    }

    /// Notes the spans of a slice that settled.
    pub(super) fn remember(
        &mut self,
        key: u64,
        records: &[SpanRecord],
        was_cut: bool,
        now_ms: u64,
    ) {
        let is_over = now_ms.saturating_sub(self.turned_ms) >= self.window_ms;
        if is_over || self.current.spans.len() >= self.max_spans {
            self.previous = std::mem::take(&mut self.current);
            self.turned_ms = now_ms;
        }
        *self.current.slices.entry(key).or_default() |= was_cut;
        for record in records {
            let id = self.id(key, record.span_id);
            self.current.ids.insert(id);
            let span = self.span(key, record);
            self.current.spans.insert(span);
        }
    }

    /// Whether a settled slice of this key was cut; `None` when none has settled.
    pub(super) fn was_cut(&self, key: u64) -> Option<bool> {
        let sets = self.sets_of(key).into_iter().flatten();
        let cut = sets.filter_map(|set| set.slices.get(&key).copied());
        cut.reduce(|a, b| a || b)
    }

    /// True when a settled slice of this key held a span of this id.
    pub(super) fn has(&self, key: u64, id: SpanId) -> bool {
        let sets = self.sets_of(key);
        let id = self.id(key, id);
        sets.into_iter().flatten().any(|set| set.ids.contains(&id))
    }

    /// Drops and counts the spans that a settled slice of this key held already.
    pub(super) fn drop_repeats(
        &self,
        key: u64,
        records: &mut Vec<SpanRecord>,
        sink: &mut impl SliceSink,
    ) {
        let sets = self.sets_of(key);
        if sets.iter().flatten().next().is_none() {
            return;
        }
        records.retain(|record| {
            let span = self.span(key, record);
            let is_repeat = sets.iter().flatten().any(|set| set.spans.contains(&span));
            if is_repeat {
                sink.event(record.node, Event::Duplicate);
            }
            !is_repeat
        });
    }

    /// The sets that know this slice: few traces come back, so most look-ups end here.
    fn sets_of(&self, key: u64) -> [Option<&Hashes>; 2] {
        [&self.current, &self.previous].map(|set| set.slices.contains_key(&key).then_some(set))
    }

    fn id(&self, key: u64, id: SpanId) -> u64 {
        self.hasher.hash_one((key, id))
    }

    fn span(&self, key: u64, record: &SpanRecord) -> u64 {
        let times = (record.start_ns, record.duration_ns);
        let emitter = (record.node, record.instance, record.kind);
        self.hasher.hash_one((key, record.span_id, emitter, times))
    }
}
