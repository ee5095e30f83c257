//! What settled slices held, in short: enough to know a span again, and a parent whose slice is gone.
//!
//! Two sets take turns, each for one window, so that a span is remembered for at least one and at most two of them. A
//! full set turns early: then the memory is bounded, and the window shorter. Spans lie in a log, those of a slice side by side: to
//! remember a slice is one look-up and some sequential writes, and to ask for a span of it is another look-up and a
//! search among its own spans. Slices are found by hashes that are keyed at random, in parts that grow each for itself, and the log
//! grows by chunks, so that nothing here pauses long.

use std::collections::HashMap;
use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, BuildHasherDefault, Hasher};

use crate::record::SpanRecord;
use crate::settings::Settings;
use crate::slice::{Event, SliceSink};
use crate::span::SpanId;

/// Parts of the index of a set: one of a million slices then grows by some thousands at a time.
const PARTS: usize = 256;

/// Spans in a chunk of the log, unless a slice has more: one MiB.
const CHUNK: usize = 1 << 16;

/// Spans of a slice that are looked through one by one; those of larger slices are sorted, because nothing that senders choose may
/// make a search long.
const FEW: usize = 32;

/// Settled slices and their spans.
#[derive(Debug)]
pub(super) struct Seen {
    window_ms: u64,
    max_spans: usize,
    turned_ms: u64,
    current: Set,
    previous: Set,
    seeds: [u64; 2],
}

/// A span: its id, and a hash of node, instance, kind and times.
type Known = (u64, u64);

/// Slices that are about to be remembered: all of them are judged by what had settled before.
#[derive(Debug, Default)]
pub(super) struct Settled {
    /// Hash of each slice, whether it settled before all of its spans can have come, and where its spans end.
    slices: Vec<(u64, bool, usize)>,
    spans: Vec<Known>,
}

impl Seen {
    pub(super) fn new(settings: &Settings) -> Self {
        let random = RandomState::new();
        Self {
            window_ms: settings.dedupe_window_ms,
            max_spans: settings.max_seen_spans,
            turned_ms: 0,
            current: Set::default(),
            previous: Set::default(),
            seeds: [0_u8, 1].map(|number| random.hash_one(number) | 1),
        }
    }

    /// Notes what is to be remembered of a slice.
    pub(super) fn note(
        &self,
        (key, was_cut): (u64, bool),
        records: &[SpanRecord],
        settled: &mut Settled,
    ) {
        let spans = records.iter().map(|record| self.known(record));
        settled.spans.extend(spans);
        let slice = (self.slice(key), was_cut, settled.spans.len());
        settled.slices.push(slice);
    }

    /// Remembers the slices that were noted, and forgets the notes.
    pub(super) fn remember(&mut self, settled: &mut Settled, now_ms: u64) {
        let mut start = 0;
        for (slice, was_cut, end) in settled.slices.drain(..) {
            let is_over = now_ms.saturating_sub(self.turned_ms) >= self.window_ms;
            if is_over || self.current.spans >= self.max_spans {
                self.previous = std::mem::take(&mut self.current);
                self.turned_ms = now_ms;
            }
            let spans = &settled.spans[start..end];
            self.current.add(slice, was_cut, spans);
            start = end;
        }
        settled.spans.clear();
    }

    /// Whether a settled slice of this key was cut; `None` when none has settled.
    pub(super) fn was_cut(&self, key: u64) -> Option<bool> {
        let cut = self.runs_of(key).map(|(_, run)| run.was_cut);
        cut.reduce(|a, b| a || b)
    }

    /// True when a settled slice of this key held a span of this id.
    pub(super) fn has(&self, key: u64, id: SpanId) -> bool {
        let id = id.as_u64();
        let mut runs = self.runs_of(key);
        runs.any(|(set, run)| set.with_id(run, id).next().is_some())
    }

    /// Drops and counts the spans that a settled slice of this key held already.
    pub(super) fn drop_repeats(
        &self,
        key: u64,
        records: &mut Vec<SpanRecord>,
        sink: &mut impl SliceSink,
    ) {
        // Few traces come back, so this is nearly always all.
        if self.runs_of(key).next().is_none() {
            return;
        }
        records.retain(|record| {
            let span = self.known(record);
            let mut runs = self.runs_of(key);
            let is_repeat = runs.any(|(set, run)| set.with_id(run, span.0).any(|s| *s == span));
            if is_repeat {
                sink.event(record.node, Event::Duplicate);
            }
            !is_repeat
        });
    }

    /// What both sets know of a slice.
    fn runs_of(&self, key: u64) -> impl Iterator<Item = (&Set, Run)> {
        let slice = self.slice(key);
        let sets = [&self.current, &self.previous].into_iter();
        sets.filter_map(move |set| Some((set, set.run(slice)?)))
    }

    fn slice(&self, key: u64) -> u64 {
        mixed(mixed(key, self.seeds[0]), self.seeds[1])
    }

    fn known(&self, record: &SpanRecord) -> Known {
        let node = u64::from(u32::from(record.node)) << 32;
        let emitter = node | u64::from(u32::from(record.instance));
        let [first, second] = self.seeds;
        let hash = mixed(emitter ^ record.start_ns.rotate_left(32), first);
        let hash = mixed(hash ^ record.duration_ns, second);
        let hash = mixed(hash ^ record.start_ns ^ record.kind as u64, first);
        (record.span_id.as_u64(), hash)
    }
}

/// Both halves of a product, which spreads every bit of a word over the hash. Seeds are odd and secret, and no hash is ever told, so
/// nobody outside can choose words that collide.
#[expect(
    clippy::cast_possible_truncation,
    reason = "both halves go into the hash"
)]
const fn mixed(word: u64, seed: u64) -> u64 {
    let product = (word ^ seed.rotate_left(32)) as u128 * seed as u128;
    (product >> 64) as u64 ^ product as u64
}

/// What settled in one window.
#[derive(Debug, Default)]
struct Set {
    /// By hash of the slice. Empty, or [`PARTS`] of them.
    runs: Vec<HashMap<u64, Run, BuildHasherDefault<Hashed>>>,
    log: Vec<Vec<Known>>,
    /// Spans in the log.
    spans: usize,
}

/// Where the spans of a slice lie in the log, in one piece.
#[derive(Debug, Clone, Copy)]
struct Run {
    chunk: u32,
    start: u32,
    len: u32,
    was_cut: bool,
}

impl Set {
    fn run(&self, slice: u64) -> Option<Run> {
        self.runs.get(part_of(slice))?.get(&slice).copied()
    }

    /// Adds the spans of a slice. What settled of it earlier is written again, to be in one piece with them, and fills the set as new
    /// spans do.
    fn add(&mut self, slice: u64, was_cut: bool, spans: &[Known]) {
        if self.runs.is_empty() {
            self.runs.resize_with(PARTS, HashMap::default);
        }
        let earlier = self.run(slice);
        let repeated = earlier.map_or(0, |run| run.len as usize);
        let len = repeated + spans.len();
        let chunk = self.chunk_for(len);
        let start = self.log[chunk].len();
        if let Some(run) = earlier {
            let mut all = self.spans_of(run).to_vec();
            all.extend_from_slice(spans);
            self.log[chunk].extend_from_slice(&all);
        } else {
            self.log[chunk].extend_from_slice(spans);
        }
        if len > FEW {
            self.log[chunk][start..].sort_unstable();
        }
        self.spans += len;
        let run = Run {
            chunk: small(chunk),
            start: small(start),
            len: small(len),
            was_cut: was_cut || earlier.is_some_and(|run| run.was_cut),
        };
        self.runs[part_of(slice)].insert(slice, run);
    }

    /// The chunk that has room for so many spans more.
    fn chunk_for(&mut self, spans: usize) -> usize {
        let has_room = |chunk: &Vec<Known>| chunk.capacity() - chunk.len() >= spans;
        if !self.log.last().is_some_and(has_room) {
            self.log.push(Vec::with_capacity(spans.max(CHUNK)));
        }
        self.log.len() - 1
    }

    fn spans_of(&self, run: Run) -> &[Known] {
        let start = run.start as usize;
        &self.log[run.chunk as usize][start..start + run.len as usize]
    }

    /// The spans of a slice that bear an id.
    fn with_id(&self, run: Run, id: u64) -> impl Iterator<Item = &Known> {
        let spans = self.spans_of(run);
        let (from, to) = match spans.len() > FEW {
            true => (
                spans.partition_point(|span| span.0 < id),
                spans.partition_point(|span| span.0 <= id),
            ),
            false => (0, spans.len()),
        };
        spans[from..to].iter().filter(move |span| span.0 == id)
    }
}

fn small(number: usize) -> u32 {
    u32::try_from(number).expect("memory ends before a chunk has four billion spans")
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

#[cfg(test)]
mod tests;
