//! The way of a span from its beginning to some place, and what the same request costs others.
//!
//! ```text
//! ours:     floor (read every byte) < scan (wire scanner) < record (scan, records) < infer (scan, records, slices, segment)
//! theirs:   prost (owned messages, then dropped) < naive (prost and a simple join)
//! ```
//! Each runs over a whole corpus on one thread, and its [`Outcome`] is checked against what the corpus says must come out, so that
//! a broken fast path cannot look fast.

use std::sync::Arc;

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use prost::Message;
use tracemesh_collector::decode::decode_protobuf;
use tracemesh_graph::attribute::AttributeSet;
use tracemesh_graph::record::{Names, Recorder};
use tracemesh_graph::segment::Segment;
use tracemesh_graph::settings::Settings;
use tracemesh_graph::shard::Shard;
use tracemesh_graph::snapshot::GraphSnapshot;
use tracemesh_graph::span::{RejectReason, SpanSink, SpanView};

use crate::corpus::{Corpus, Expected};
use crate::naive::Naive;

/// One of the ways.
#[derive(Debug, Clone, Copy)]
pub struct Stage {
    /// How it is called in tables and on command lines.
    pub name: &'static str,
    /// Runs over a corpus.
    pub run: fn(&Corpus) -> Outcome,
}

/// All of them.
pub const STAGES: [Stage; 6] = [
    Stage {
        name: "floor",
        run: floor,
    },
    Stage {
        name: "scan",
        run: scan,
    },
    Stage {
        name: "record",
        run: record,
    },
    Stage {
        name: "infer",
        run: infer,
    },
    Stage {
        name: "prost",
        run: prost,
    },
    Stage {
        name: "naive",
        run: naive,
    },
];

/// What came out, before anybody looked at it.
#[derive(Debug)]
pub enum Outcome {
    /// Of all bytes, word by word.
    Sum(u64),
    /// Spans and rejected spans.
    Scanned(u64, u64),
    /// Records.
    Recorded(u64),
    /// Everything inferred.
    Inferred(Box<Segment>),
    /// Spans and their attributes.
    Decoded(u64, u64),
    /// Everything joined.
    Joined(Box<Naive>),
}

impl Outcome {
    /// What came out, in words.
    ///
    /// # Panics
    /// When it is not what the corpus must make.
    #[must_use]
    pub fn checked(&self, corpus: &Corpus) -> String {
        match self {
            Self::Sum(sum) => format!("sum {sum:016x}"),
            Self::Scanned(spans, rejected) => {
                assert_eq!((*spans, *rejected), (corpus.spans, 0));
                format!("{spans} spans, none rejected")
            }
            Self::Recorded(records) => {
                assert_eq!(*records, corpus.spans);
                format!("{records} records")
            }
            Self::Inferred(segment) => {
                let graph = segment.snapshot(&Settings::default());
                checked_graph(&graph, &corpus.expected, 1)
            }
            Self::Decoded(spans, attributes) => {
                assert_eq!((*spans, *attributes), (corpus.spans, corpus.attributes));
                format!("{spans} spans, {attributes} attributes")
            }
            Self::Joined(naive) => naive.checked(&corpus.expected),
        }
    }
}

/// Edges, calls and pairs of a graph, in words, of traffic that was fed so many times.
///
/// # Panics
/// When they are not those that happened.
#[must_use]
pub fn checked_graph(graph: &GraphSnapshot, expected: &Expected, times: u64) -> String {
    let calls: u64 = graph.edges.iter().map(|edge| edge.calls).sum();
    let paired: u64 = graph.edges.iter().map(|edge| edge.evidence.paired).sum();
    let found = (graph.edges.len() as u64, calls, paired);
    let (calls, paired) = (expected.calls * times, expected.paired * times);
    assert_eq!(found, (expected.edges, calls, paired));
    format!("{} edges, {calls} calls, {paired} pairs", expected.edges)
}

/// The memory floor: nothing that looks at a request can be faster.
#[must_use]
#[inline(never)]
pub fn floor(corpus: &Corpus) -> Outcome {
    let sums = corpus.requests.iter().map(|request| {
        let words = request.chunks_exact(8);
        words.fold(0_u64, |sum, word| {
            sum.wrapping_add(u64::from_le_bytes(word.try_into().unwrap_or_default()))
        })
    });
    Outcome::Sum(sums.fold(0, u64::wrapping_add))
}

/// The wire scanner, in front of somebody who only counts.
#[must_use]
#[inline(never)]
pub fn scan(corpus: &Corpus) -> Outcome {
    let mut sink = Counting::default();
    for request in &corpus.requests {
        decode_protobuf(request, &mut sink).expect("the corpus is sound");
    }
    Outcome::Scanned(sink.spans, sink.rejected)
}

#[derive(Default)]
struct Counting {
    spans: u64,
    rejected: u64,
}

impl SpanSink for Counting {
    fn resource(&mut self, _attributes: &AttributeSet<'_>) {}

    fn span(&mut self, span: &SpanView<'_>) {
        self.spans += 1;
        std::hint::black_box(span);
    }

    fn rejected(&mut self, _reason: RejectReason) {
        self.rejected += 1;
    }
}

/// Scanner and recorder.
#[must_use]
#[inline(never)]
pub fn record(corpus: &Corpus) -> Outcome {
    let settings = Settings::default();
    let mut recorder = Recorder::new(Arc::new(Names::new(&settings)), &settings);
    let mut records = 0;
    for request in &corpus.requests {
        decode_protobuf(request, &mut recorder).expect("the corpus is sound");
        records += recorder.take_records().len() as u64;
    }
    Outcome::Recorded(records)
}

/// The full inference, as trace files are read: slices stay open to the end.
#[must_use]
#[inline(never)]
pub fn infer(corpus: &Corpus) -> Outcome {
    let settings = Settings {
        max_open_records: Settings::FILE_OPEN_RECORDS,
        max_open_halves: Settings::FILE_OPEN_HALVES,
        max_waiting_records: 0,
        max_buffered_bytes: usize::MAX,
        ..Settings::default()
    };
    let names = Arc::new(Names::new(&settings));
    let mut recorder = Recorder::new(Arc::clone(&names), &settings);
    let mut shard = Shard::new(names, settings);
    for (nth, request) in (1..).zip(&corpus.requests) {
        decode_protobuf(request, &mut recorder).expect("the corpus is sound");
        for record in recorder.take_records() {
            shard.push(record, nth);
        }
    }
    shard.close_all();
    Outcome::Inferred(Box::new(shard.take_segment()))
}

/// What every receiver built on generated code does first.
#[must_use]
#[inline(never)]
pub fn prost(corpus: &Corpus) -> Outcome {
    let (mut spans, mut attributes) = (0, 0);
    for request in &corpus.requests {
        let request = decoded(request);
        let scopes = request.resource_spans.iter();
        for scope in scopes.flat_map(|resource| &resource.scope_spans) {
            spans += scope.spans.len() as u64;
            let lengths = scope.spans.iter().map(|span| span.attributes.len() as u64);
            attributes += lengths.sum::<u64>();
        }
    }
    Outcome::Decoded(spans, attributes)
}

/// See [`Naive`].
#[must_use]
#[inline(never)]
pub fn naive(corpus: &Corpus) -> Outcome {
    let mut naive = Naive::default();
    for request in &corpus.requests {
        naive.take(decoded(request));
    }
    naive.finish();
    Outcome::Joined(Box::new(naive))
}

fn decoded(request: &[u8]) -> ExportTraceServiceRequest {
    ExportTraceServiceRequest::decode(request).expect("the corpus is sound")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_stage_finds_what_the_corpus_holds() {
        let corpus = Corpus::usual(20, 2_000);
        for stage in STAGES {
            let told = (stage.run)(&corpus).checked(&corpus);
            assert!(!told.is_empty(), "{}", stage.name);
        }
    }

    #[test]
    #[should_panic(expected = "assertion")]
    fn a_lost_span_is_noticed() {
        let mut corpus = Corpus::usual(20, 1_000);
        corpus.requests.pop();
        drop(scan(&corpus).checked(&corpus));
    }

    #[test]
    #[should_panic(expected = "assertion")]
    fn a_lost_call_is_noticed() {
        let mut corpus = Corpus::usual(20, 1_000);
        corpus.requests.truncate(corpus.requests.len() / 2);
        drop(infer(&corpus).checked(&corpus));
    }
}
