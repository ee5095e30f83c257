//! Requests of today, every one with the time at which it is due.
//!
//! Receivers judge spans by their age, so what was made for 2025 cannot be sent as it is: times are moved to now, and nothing else
//! is changed. Either the corpus of all benchmarks, or traffic of a company of which everything is known that happened.

use std::collections::BTreeMap;
use std::time::{SystemTime, UNIX_EPOCH};

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message;
use tracemesh_generator::export::Exporters;
use tracemesh_generator::random::mix;
use tracemesh_generator::span::Span as MadeSpan;
use tracemesh_generator::traffic::Traffic;
use tracemesh_generator::truth::Truth;
use tracemesh_generator::world::{Options, World};

use super::Fault;
use crate::corpus::{Corpus, encoded};

/// Spans of a full request, the default of the SDKs' batch processors.
const BATCH: usize = 512;

/// How requests leave their exporters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Delivery {
    /// Everything is due at once, in full batches; the last span ends now.
    AtOnce,
    /// At the pace of the traffic, which begins now. Each pod exports every five seconds, and each of its requests comes so much later
    /// at most, by chance: the two sides of a call come up to five seconds more apart.
    Spread {
        /// The longest delay.
        max_delay_ms: u64,
    },
}

/// One request.
#[derive(Debug, Clone)]
pub struct TimedRequest {
    /// Milliseconds after the first could be due.
    pub due_ms: u64,
    /// Spans in it.
    pub spans: u64,
    /// Encoded `ExportTraceServiceRequest`.
    pub bytes: Vec<u8>,
}

/// Requests in the order of their due times.
#[derive(Debug, Default)]
pub struct Recording {
    /// All of them.
    pub requests: Vec<TimedRequest>,
    /// Spans in all of them.
    pub spans: u64,
    /// Attributes of all spans.
    pub attributes: u64,
    /// Encoded bytes of all of them.
    pub bytes: u64,
}

/// What is to be made.
#[derive(Debug, Clone, Copy)]
pub struct Company {
    /// Everything else follows from it.
    pub seed: u64,
    /// Services.
    pub services: usize,
    /// Spans, at least.
    pub spans: usize,
}

/// Nanoseconds since the epoch.
#[must_use]
pub fn now_ns() -> u64 {
    #[expect(
        clippy::disallowed_methods,
        reason = "spans are to look as if made today"
    )]
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| u64::try_from(since.as_nanos()).unwrap_or(0))
}

impl Recording {
    /// A corpus, due at once; its last span ends now.
    ///
    /// # Errors
    /// When the corpus cannot be read.
    pub fn of_corpus(corpus: &Corpus, now_ns: u64) -> Result<Self, Fault> {
        let mut requests = Vec::with_capacity(corpus.requests.len());
        for bytes in &corpus.requests {
            requests.push(ExportTraceServiceRequest::decode(bytes.as_slice())?);
        }
        let all = requests.iter_mut().flat_map(spans_of);
        let last_ns = all.map(|span| span.end_time_unix_nano).max();
        let last_ns = last_ns.unwrap_or_default();
        let mut recording = Self::default();
        for mut request in requests {
            for span in spans_of(&mut request) {
                shift(span, last_ns, now_ns);
            }
            let spans = spans_of(&mut request).count() as u64;
            recording.add(0, spans, request.encode_to_vec());
        }
        recording.attributes = corpus.attributes;
        Ok(recording)
    }

    /// The traffic of a company, with what really happened.
    #[must_use]
    pub fn of_company(company: Company, delivery: Delivery, now_ns: u64) -> (Self, World, Truth) {
        let world = World::new(&Options::plain(company.seed, company.services));
        let mut truth = Truth::default();
        let mut spans = Vec::new();
        for request in Traffic::new(&world, company.seed, usize::MAX) {
            truth.add(&request);
            spans.extend(request.spans);
            if spans.len() >= company.spans {
                break;
            }
        }
        move_to(&mut spans, delivery, now_ns / 1_000);
        let mut recording = Self::default();
        for (due_ms, resource, batch) in batches(spans, company.seed, delivery) {
            let (bytes, attributes) = encoded(&world, resource, &batch);
            recording.add(due_ms, batch.len() as u64, bytes);
            recording.attributes += attributes;
        }
        recording.requests.sort_by_key(|request| request.due_ms);
        let first_ms = recording.requests.first().map_or(0, |first| first.due_ms);
        for request in &mut recording.requests {
            request.due_ms -= first_ms;
        }
        (recording, world, truth)
    }

    fn add(&mut self, due_ms: u64, spans: u64, bytes: Vec<u8>) {
        self.spans += spans;
        self.bytes += bytes.len() as u64;
        self.requests.push(TimedRequest {
            due_ms,
            spans,
            bytes,
        });
    }
}

fn spans_of(request: &mut ExportTraceServiceRequest) -> impl Iterator<Item = &mut Span> {
    let resources = request.resource_spans.iter_mut();
    let scopes = resources.flat_map(|resource| &mut resource.scope_spans);
    scopes.flat_map(|scope| &mut scope.spans)
}

/// Moves all times of a span as one moment moves; both are far from zero.
fn shift(span: &mut Span, from_ns: u64, to_ns: u64) {
    let times = [&mut span.start_time_unix_nano, &mut span.end_time_unix_nano];
    let events = span
        .events
        .iter_mut()
        .map(|event| &mut event.time_unix_nano);
    for time in times.into_iter().chain(events) {
        *time = (to_ns + *time).saturating_sub(from_ns);
    }
}

/// The first span begins now, or the last ends now.
fn move_to(spans: &mut [MadeSpan<'_>], delivery: Delivery, now_us: u64) {
    let moment_us = match delivery {
        Delivery::AtOnce => spans.iter().map(|span| span.end_us).max(),
        Delivery::Spread { .. } => spans.iter().map(|span| span.start_us).min(),
    };
    let moment_us = moment_us.unwrap_or_default();
    for span in spans {
        span.start_us = (now_us + span.start_us).saturating_sub(moment_us);
        span.end_us = (now_us + span.end_us).saturating_sub(moment_us);
    }
}

/// A request to be: when it is due, whose spans, and which.
type Batch<'w> = (u64, usize, Vec<MadeSpan<'w>>);

fn batches(spans: Vec<MadeSpan<'_>>, seed: u64, delivery: Delivery) -> Vec<Batch<'_>> {
    let mut done = Vec::new();
    let mut waiting: BTreeMap<(u64, usize), Vec<MadeSpan<'_>>> = BTreeMap::new();
    let exporters = Exporters {
        seed,
        late_permille: 0,
        late_ms: 0,
    };
    for (tick_ms, span) in exporters.deliver(spans) {
        let tick_ms = match delivery {
            Delivery::AtOnce => 0,
            Delivery::Spread { .. } => tick_ms,
        };
        let resource = span.resource;
        let batch = waiting.entry((tick_ms, resource)).or_default();
        batch.push(span);
        if batch.len() == BATCH {
            done.push((tick_ms, resource, std::mem::take(batch)));
        }
    }
    let rest = waiting.into_iter();
    let rest = rest.map(|((tick_ms, resource), batch)| (tick_ms, resource, batch));
    done.extend(rest.filter(|(_, _, batch)| !batch.is_empty()));
    if let Delivery::Spread { max_delay_ms } = delivery {
        for (number, (due_ms, _, _)) in done.iter_mut().enumerate() {
            *due_ms += mix(&[seed, number as u64]) % (max_delay_ms + 1);
        }
    }
    done
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: u64 = 1_800_000_000_000_000_000;
    const COMPANY: Company = Company {
        seed: 3,
        services: 10,
        spans: 20_000,
    };

    fn times(recording: &Recording) -> (u64, u64) {
        let decode = |request: &TimedRequest| {
            ExportTraceServiceRequest::decode(request.bytes.as_slice()).unwrap()
        };
        let mut requests: Vec<_> = recording.requests.iter().map(decode).collect();
        let spans = requests.iter_mut().flat_map(spans_of);
        let times = spans.map(|span| (span.start_time_unix_nano, span.end_time_unix_nano));
        times.fold((u64::MAX, 0), |(first, last), (start, end)| {
            (first.min(start), last.max(end))
        })
    }

    #[test]
    fn a_corpus_keeps_its_sizes_and_ends_now() {
        let corpus = Corpus::of(3, 10, 2_000);
        let recording = Recording::of_corpus(&corpus, NOW).unwrap();
        assert_eq!(recording.spans, corpus.spans);
        assert_eq!(recording.bytes, corpus.bytes());
        assert_eq!(times(&recording).1, NOW);
    }

    #[test]
    fn all_spans_of_a_company_are_delivered_once_now_or_at_their_pace() {
        let spread = Delivery::Spread {
            max_delay_ms: 5_000,
        };
        let (at_once, _, truth) = Recording::of_company(COMPANY, Delivery::AtOnce, NOW);
        let (paced, _, same) = Recording::of_company(COMPANY, spread, NOW);
        assert_eq!(truth, same);
        assert_eq!(at_once.spans, paced.spans);
        assert_eq!(times(&at_once).1, NOW);
        assert_eq!(times(&paced).0, NOW);
        assert!(at_once.requests.iter().any(|request| request.spans == 512));
        assert!(at_once.requests.iter().all(|request| request.due_ms == 0));
        assert!(paced.requests.is_sorted_by_key(|request| request.due_ms));
        for recording in [at_once, paced] {
            let spans = recording.requests.iter().map(|request| request.spans);
            assert_eq!(spans.sum::<u64>(), recording.spans);
        }
    }
}
