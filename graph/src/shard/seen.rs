//! What settled slices held, as hashes: enough to know a span again, and a parent whose slice is gone.
//!
//! Two sets take turns, each for one window, so that a span is remembered for at least one and at most two of them. A
//! full set turns early: then the memory is bounded, and the window shorter. Hashes are keyed at random: nobody can
//! make spans that look like those of others. Sets are in parts that grow each for itself, so that none pauses long.

use std::collections::HashMap;
use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, BuildHasherDefault, Hasher};

use crate::record::SpanRecord;
use crate::settings::Settings;
use crate::slice::{Event, SliceSink};
use crate::span::SpanId;

/// Parts of a set: one of a million hashes then grows by some thousands at a time.
const PARTS: usize = 256;

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
    slices: Parts<bool>,
    /// Span ids, each with its slice.
    ids: Parts<()>,
    /// Whole spans: id, kind, node, instance and times.
    spans: Parts<()>,
}

/// Hashes of the spans of a slice.
#[derive(Debug)]
pub(super) struct SliceHashes {
    slice: u64,
    /// Of the id, and of the whole span.
    spans: Vec<(u64, u64)>,
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

    /// What is to be remembered of a slice.
    pub(super) fn hashes(&self, key: u64, records: &[SpanRecord]) -> SliceHashes {
        let spans = records.iter();
        let spans = spans.map(|record| (self.id(key, record.span_id), self.span(key, record)));
        SliceHashes {
            slice: self.slice(key),
            spans: spans.collect(),
        }
    }

    /// Notes the spans of a slice that settled.
    pub(super) fn remember(&mut self, hashes: &SliceHashes, was_cut: bool, now_ms: u64) {
        let is_over = now_ms.saturating_sub(self.turned_ms) >= self.window_ms;
        if is_over || self.current.spans.len >= self.max_spans {
            self.previous = std::mem::take(&mut self.current);
            self.turned_ms = now_ms;
        }
        *self.current.slices.entry(hashes.slice) |= was_cut;
        for (id, span) in &hashes.spans {
            self.current.ids.entry(*id);
            self.current.spans.entry(*span);
        }
    }

    /// Whether a settled slice of this key was cut; `None` when none has settled.
    pub(super) fn was_cut(&self, key: u64) -> Option<bool> {
        let hash = self.slice(key);
        let sets = [&self.current, &self.previous];
        let cut = sets.into_iter().filter_map(|set| set.slices.get(hash));
        cut.reduce(|a, b| a || b)
    }

    /// True when a settled slice of this key held a span of this id.
    pub(super) fn has(&self, key: u64, id: SpanId) -> bool {
        let sets = self.sets_of(key);
        let id = self.id(key, id);
        sets.into_iter().flatten().any(|set| set.ids.has(id))
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
            let is_repeat = sets.iter().flatten().any(|set| set.spans.has(span));
            if is_repeat {
                sink.event(record.node, Event::Duplicate);
            }
            !is_repeat
        });
    }

    /// The sets that know this slice: few traces come back, so most look-ups end here.
    fn sets_of(&self, key: u64) -> [Option<&Hashes>; 2] {
        let hash = self.slice(key);
        [&self.current, &self.previous].map(|set| set.slices.has(hash).then_some(set))
    }

    fn slice(&self, key: u64) -> u64 {
        self.hasher.hash_one(key)
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

/// A map from hashes, in parts.
#[derive(Debug)]
struct Parts<V> {
    parts: Vec<HashMap<u64, V, BuildHasherDefault<Hashed>>>,
    len: usize,
}

impl<V> Default for Parts<V> {
    fn default() -> Self {
        Self {
            parts: Vec::new(),
            len: 0,
        }
    }
}

impl<V: Copy + Default> Parts<V> {
    fn get(&self, hash: u64) -> Option<V> {
        self.parts.get(part_of(hash))?.get(&hash).copied()
    }

    fn has(&self, hash: u64) -> bool {
        self.get(hash).is_some()
    }

    fn entry(&mut self, hash: u64) -> &mut V {
        if self.parts.is_empty() {
            self.parts.resize_with(PARTS, HashMap::default);
        }
        let part = &mut self.parts[part_of(hash)];
        let before = part.len();
        part.entry(hash).or_default();
        self.len += part.len() - before;
        part.entry(hash).or_default()
    }
}

/// Neither of the highest nor of the lowest bits, which a map goes by.
const fn part_of(hash: u64) -> usize {
    ((hash >> 32) % PARTS as u64) as usize
}

/// Takes what is a hash already.
#[derive(Default)]
struct Hashed(u64);

impl Hasher for Hashed {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        debug_assert!(false, "only hashes are keys: {bytes:?}");
    }

    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }
}
