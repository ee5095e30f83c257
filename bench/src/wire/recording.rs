//! The corpus as traffic of today: its times moved to now, every request with the time at which it is due, and the truth beside it.
//!
//! Receivers judge spans by their age, so what was made for 2025 cannot be sent as it is. Only times are changed; ids, names and
//! sizes are those of the corpus.

use std::collections::BTreeMap;
use std::time::{SystemTime, UNIX_EPOCH};

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::trace::v1::{ScopeSpans, Span};
use prost::Message;
use tracemesh_generator::random::mix;
use tracemesh_generator::traffic::Traffic;
use tracemesh_generator::truth::Truth;
use tracemesh_generator::world::{Options, World};

use super::Fault;
use crate::corpus::Corpus;

/// Spans of a full request, the default of the SDKs' batch processors.
const BATCH: usize = 512;

/// How requests leave their exporters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Delivery {
    /// Everything is due at once; the last span ends now. Requests are as full as busy exporters make them: the spans of a pod wait for
    /// each other until there are 512.
    AtOnce,
    /// At the pace of the traffic, which begins now. A request is due so long after its last span at most, by chance. With the
    /// five seconds that exporters gather, the two sides of a call arrive up to five seconds more apart.
    Spread {
        /// The longest delay.
        max_delay_ms: u64,
    },
}

/// One request.
#[derive(Debug, Clone)]
pub struct TimedRequest {
    /// Milliseconds after the first.
    pub due_ms: u64,
    /// Spans in it.
    pub spans: u64,
    /// Encoded `ExportTraceServiceRequest`.
    pub bytes: Vec<u8>,
}

/// Requests in the order of their due times.
#[derive(Debug)]
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

/// Nanoseconds since the epoch.
#[must_use]
pub fn wall_ns() -> u64 {
    #[expect(
        clippy::disallowed_methods,
        reason = "spans are to look as if made today"
    )]
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| u64::try_from(since.as_nanos()).unwrap_or(0))
}

impl Recording {
    /// Moves a corpus to now.
    ///
    /// # Errors
    /// When the corpus is empty or cannot be read.
    pub fn new(corpus: &Corpus, delivery: Delivery, now_ns: u64) -> Result<Self, Fault> {
        let mut requests = Vec::with_capacity(corpus.requests.len());
        for bytes in &corpus.requests {
            requests.push(ExportTraceServiceRequest::decode(bytes.as_slice())?);
        }
        if delivery == Delivery::AtOnce {
            requests = filled(requests);
        }
        let starts = requests.iter_mut().flat_map(spans_of);
        let first_ns = starts.map(|span| span.start_time_unix_nano).min();
        let first_ns = first_ns.ok_or("the corpus has no spans")?;
        let last_ns = requests.iter_mut().map(last_end).max().unwrap_or(first_ns);
        let begins_at = match delivery {
            Delivery::AtOnce => now_ns - (last_ns - first_ns),
            Delivery::Spread { .. } => now_ns,
        };
        let mut timed: Vec<TimedRequest> = requests
            .into_iter()
            .enumerate()
            .map(|(number, mut request)| {
                let ends_after_ns = last_end(&mut request).saturating_sub(first_ns);
                for span in spans_of(&mut request) {
                    shift(span, first_ns, begins_at);
                }
                TimedRequest {
                    due_ms: match delivery {
                        Delivery::AtOnce => 0,
                        Delivery::Spread { max_delay_ms } => {
                            ends_after_ns / 1_000_000 + mix(&[number as u64]) % (max_delay_ms + 1)
                        }
                    },
                    spans: spans_of(&mut request).count() as u64,
                    bytes: request.encode_to_vec(),
                }
            })
            .collect();
        timed.sort_by_key(|request| request.due_ms);
        Ok(Self {
            spans: corpus.spans,
            attributes: corpus.attributes,
            bytes: timed.iter().map(|request| request.bytes.len() as u64).sum(),
            requests: timed,
        })
    }
}

/// Puts the spans of each pod into requests of a full batch.
fn filled(requests: Vec<ExportTraceServiceRequest>) -> Vec<ExportTraceServiceRequest> {
    let mut full = Vec::new();
    let mut filling: BTreeMap<Vec<u8>, ExportTraceServiceRequest> = BTreeMap::new();
    for mut request in requests {
        let resources = request.resource_spans.iter();
        let pods = resources.filter_map(|spans| spans.resource.as_ref());
        let pod = pods.flat_map(Message::encode_to_vec).collect();
        let waiting = filling.entry(pod).or_default();
        let Some(scope) = scope_of(waiting) else {
            *waiting = request;
            continue;
        };
        scope
            .spans
            .extend(spans_of(&mut request).map(std::mem::take));
        if scope.spans.len() >= BATCH {
            let rest = scope.spans.split_off(BATCH);
            let mut next = waiting.clone();
            if let Some(scope) = scope_of(&mut next) {
                scope.spans = rest;
            }
            full.push(std::mem::replace(waiting, next));
        }
    }
    let mut rest: Vec<_> = filling.into_values().collect();
    rest.retain_mut(|request| spans_of(request).next().is_some());
    full.append(&mut rest);
    full
}

fn scope_of(request: &mut ExportTraceServiceRequest) -> Option<&mut ScopeSpans> {
    request.resource_spans.first_mut()?.scope_spans.first_mut()
}

fn spans_of(request: &mut ExportTraceServiceRequest) -> impl Iterator<Item = &mut Span> {
    let resources = request.resource_spans.iter_mut();
    let scopes = resources.flat_map(|resource| &mut resource.scope_spans);
    scopes.flat_map(|scope| &mut scope.spans)
}

fn last_end(request: &mut ExportTraceServiceRequest) -> u64 {
    let ends = spans_of(request).map(|span| span.end_time_unix_nano);
    ends.max().unwrap_or_default()
}

fn shift(span: &mut Span, from_ns: u64, to_ns: u64) {
    let times = [&mut span.start_time_unix_nano, &mut span.end_time_unix_nano];
    let events = span
        .events
        .iter_mut()
        .map(|event| &mut event.time_unix_nano);
    for time in times.into_iter().chain(events) {
        *time = to_ns + time.saturating_sub(from_ns);
    }
}

/// What really happened in the corpus of the same parameters.
#[must_use]
pub fn truth_of(seed: u64, services: usize, spans: usize) -> (World, Truth) {
    let world = World::new(&Options::plain(seed, services));
    let mut truth = Truth::default();
    let mut made = 0;
    for request in Traffic::new(&world, seed, usize::MAX) {
        truth.add(&request);
        made += request.spans.len();
        if made >= spans {
            break;
        }
    }
    (world, truth)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn times(recording: &Recording) -> (u64, u64) {
        let decode = |request: &TimedRequest| {
            ExportTraceServiceRequest::decode(request.bytes.as_slice()).unwrap()
        };
        let mut requests: Vec<_> = recording.requests.iter().map(decode).collect();
        let starts = requests.iter_mut().flat_map(spans_of);
        let first = starts.map(|span| span.start_time_unix_nano).min().unwrap();
        (first, requests.iter_mut().map(last_end).max().unwrap())
    }

    #[test]
    fn only_times_change_and_they_end_or_begin_now() {
        const NOW: u64 = 1_800_000_000_000_000_000;
        let corpus = Corpus::of(3, 10, 40_000);
        let at_once = Recording::new(&corpus, Delivery::AtOnce, NOW).unwrap();
        assert_eq!(at_once.spans, corpus.spans);
        assert!(at_once.bytes < corpus.bytes());
        assert!(at_once.requests.iter().any(|request| request.spans == 512));
        assert!(at_once.requests.iter().all(|request| request.spans <= 512));
        let sum: u64 = at_once.requests.iter().map(|request| request.spans).sum();
        assert_eq!(sum, corpus.spans);
        assert_eq!(times(&at_once).1, NOW);
        assert!(at_once.requests.iter().all(|request| request.due_ms == 0));
        let spread = Delivery::Spread {
            max_delay_ms: 5_000,
        };
        let spread = Recording::new(&corpus, spread, NOW).unwrap();
        assert_eq!(times(&spread).0, NOW);
        assert!(spread.requests.is_sorted_by_key(|request| request.due_ms));
        let sum: u64 = spread.requests.iter().map(|request| request.spans).sum();
        assert_eq!(sum, corpus.spans);
    }

    #[test]
    fn the_truth_is_that_of_the_corpus() {
        let corpus = Corpus::of(3, 10, 2_000);
        let (world, truth) = truth_of(3, 10, 2_000);
        let traffic = Traffic::new(&world, 3, usize::MAX);
        let mut made = 0;
        let taken = traffic.take_while(|request| {
            let is_wanted = made < 2_000;
            made += request.spans.len();
            is_wanted
        });
        let spans: usize = taken.map(|request| request.spans.len()).sum();
        assert_eq!(corpus.spans, spans as u64);
        assert!(truth.calls() > 0);
    }
}
