//! One core of a receiver without its network: scanner, recorder, and a shard by whose clock slices close.
//!
//! Time is that of the corpus, so that minutes of traffic take seconds. Bounds on memory are off: what a full buffer does to the
//! result is for tests, what it costs to hold for the `buffer` benchmark.

use std::sync::Arc;

use tracemesh_collector::decode::decode_protobuf;
use tracemesh_graph::record::{Names, Recorder};
use tracemesh_graph::segment::Segment;
use tracemesh_graph::settings::Settings;
use tracemesh_graph::shard::Shard;

use crate::corpus::Corpus;
use crate::cpu_ns;
use crate::stages::checked_graph;

/// Recorder, shard, and what settled so far.
#[derive(Debug)]
pub struct Receiver {
    recorder: Recorder,
    shard: Shard,
    settled: Segment,
    fed: u64,
}

/// Nanoseconds of processor time per span of one feed.
#[derive(Debug, Clone, Copy)]
pub struct Cost {
    /// From bytes to closed slices.
    pub feed_ns: f64,
    /// The flush behind it: what a receiver does once a minute.
    pub flush_ns: f64,
}

impl Default for Receiver {
    fn default() -> Self {
        let settings = Settings {
            max_open_records: usize::MAX,
            max_waiting_records: usize::MAX,
            max_buffered_bytes: usize::MAX,
            ..Settings::default()
        };
        let names = Arc::new(Names::new(&settings));
        Self {
            recorder: Recorder::new(Arc::clone(&names), &settings),
            shard: Shard::new(names, settings),
            settled: Segment::default(),
            fed: 0,
        }
    }
}

impl Receiver {
    /// Feeds a corpus, lets time pass until its slices are closed, flushes, and moves the corpus on for the next feed.
    ///
    /// # Panics
    /// When a request is not sound.
    pub fn feed(&mut self, corpus: &mut Corpus) -> Cost {
        let began = cpu_ns();
        for (request, at_ms) in corpus.requests.iter().zip(&corpus.arrivals_ms) {
            decode_protobuf(request, &mut self.recorder).expect("the corpus is sound");
            for record in self.recorder.take_records() {
                self.shard.push(record, *at_ms);
            }
            self.shard.tick(*at_ms);
        }
        let last_ms = corpus.arrivals_ms.last().copied().unwrap_or_default();
        self.shard
            .tick(last_ms + Settings::default().slice_idle_ms + 1);
        let fed = cpu_ns();
        let flush = self.shard.flush();
        let flushed = cpu_ns();
        self.settled.merge(flush.settled);
        self.fed += 1;
        corpus.move_on();
        let per_span = |ns: u64| ns as f64 / corpus.spans.max(1) as f64;
        Cost {
            feed_ns: per_span(fed - began),
            flush_ns: per_span(flushed - fed),
        }
    }

    /// What all feeds of a corpus came to, in words.
    ///
    /// # Panics
    /// When it is not what happened.
    #[must_use]
    pub fn checked(mut self, corpus: &Corpus) -> String {
        self.shard.close_all();
        self.settled.merge(self.shard.take_segment());
        let graph = self.settled.snapshot(&Settings::default());
        checked_graph(&graph, &corpus.expected, self.fed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_feed_counts_the_same_calls_again() {
        let mut corpus = Corpus::usual(20, 1_000);
        let mut receiver = Receiver::default();
        for _ in 0..3 {
            receiver.feed(&mut corpus);
        }
        assert!(!receiver.checked(&corpus).is_empty());
    }
}
