//! Parameters of inference and the bounds on its memory. All times are milliseconds of arrival time.

use crate::sampling::SamplingRules;

/// Parameters shared by recorders, shards and segments.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// A trace slice closes when no span of it arrived for this long.
    pub slice_idle_ms: u64,
    /// A trace slice closes at this age, idle or not.
    pub slice_max_ms: u64,
    /// Open span records per shard; above it the longest idle slices close first.
    pub max_open_records: usize,
    /// A closed slice in which something is missing waits this long for late spans.
    pub late_wait_ms: u64,
    /// Span records per shard that wait for late spans; above it the longest waiting slices settle first. About 40 MB
    /// when full; 0 settles every slice as it closes.
    pub max_waiting_records: usize,
    /// Bytes per shard of open and waiting slices with their records; above it the longest waiting slices settle first, and
    /// when none waits the longest idle ones close.
    pub max_buffered_bytes: usize,
    /// A span that comes again this long after its slice settled, or less, is known again. As long waits a slice in
    /// which nothing is missing, while the room for waiting ones is less than half full.
    pub dedupe_window_ms: u64,
    /// Settled spans per shard that are remembered, at most twice as many; above it the window shrinks. About 50 MB when
    /// full.
    pub max_seen_spans: usize,
    /// Distinct nodes; further ones fold into `other`.
    pub max_nodes: usize,
    /// Distinct dialled peers; further ones fold into `other`.
    pub max_peers: usize,
    /// Distinct edges in a segment; further ones fold into `other`.
    pub max_edges: usize,
    /// Values per facet and targets per edge; further ones fold into `other`.
    pub max_facet_values: usize,
    /// How far the start of a span may be from its arrival, where that is known, before it is moved there.
    pub max_start_off_ms: u64,
    /// Sources of sampling weights beside the built-in ones.
    pub sampling: SamplingRules,
    /// Calls that must have been seen on an edge before settings are derived from its rates.
    pub min_sampled_calls: u64,
    /// Message halves kept for correlation by link; the oldest go first.
    pub max_open_messages: usize,
    /// Halves of calls of each kind that a shard keeps between two flushes, so that a reader may pair them with those that
    /// other instances saw. About 7 MB per thousand when full.
    pub max_open_halves: usize,
    /// Longest name kept from a span, in characters; longer ones are cut and marked.
    pub max_name_chars: usize,
}

impl Settings {
    /// Open records when trace files are read: slices stay open to the end, because files come in any order.
    /// About 400 MB when full.
    pub const FILE_OPEN_RECORDS: usize = 5_000_000;

    /// Open halves when trace files are read: as many as a merged segment keeps, so that it makes no difference whether files are
    /// read in one piece or window by window.
    pub const FILE_OPEN_HALVES: usize = crate::segment::halves::MAX_HALVES;
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            slice_idle_ms: 10_000,
            slice_max_ms: 60_000,
            max_open_records: 500_000,
            late_wait_ms: 900_000,
            max_waiting_records: 500_000,
            max_buffered_bytes: 1 << 30,
            dedupe_window_ms: 120_000,
            max_seen_spans: 1_000_000,
            max_nodes: 10_000,
            max_peers: 100_000,
            max_edges: 100_000,
            max_facet_values: 32,
            max_start_off_ms: 7 * 24 * 3_600 * 1000,
            sampling: SamplingRules::default(),
            min_sampled_calls: 30,
            max_open_messages: 500_000,
            max_open_halves: 4_000,
            max_name_chars: 200,
        }
    }
}
