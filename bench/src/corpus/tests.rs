use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::trace::v1::Span as OtlpSpan;
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use prost::Message;

use super::*;

fn decoded(corpus: &Corpus) -> Vec<ExportTraceServiceRequest> {
    let requests = corpus.requests.iter();
    requests
        .map(|request| ExportTraceServiceRequest::decode(&**request).unwrap())
        .collect()
}

fn spans(requests: &[ExportTraceServiceRequest]) -> Vec<&OtlpSpan> {
    let resources = requests.iter().flat_map(|request| &request.resource_spans);
    let scopes = resources.flat_map(|resource| &resource.scope_spans);
    scopes.flat_map(|scope| &scope.spans).collect()
}

fn permille(part: usize, whole: usize) -> usize {
    part * 1_000 / whole
}

/// What was measured on real systems: see the head of `corpus.rs`.
#[test]
fn spans_are_as_large_and_as_mixed_as_real_ones() {
    let corpus = Corpus::usual(20, 12_000);
    let requests = decoded(&corpus);
    let all = spans(&requests);
    assert_eq!(all.len() as u64, corpus.spans);
    let per_span = corpus.bytes() / corpus.spans;
    assert!((408..=448).contains(&per_span), "{per_span} B per span");
    let attributes = 100 * corpus.attributes / corpus.spans;
    assert!((860..=930).contains(&attributes), "{attributes} per 100");
    let share = |kind: SpanKind| {
        let of_kind = all.iter().filter(|span| span.kind() == kind);
        permille(of_kind.count(), all.len())
    };
    let shares = [
        SpanKind::Internal,
        SpanKind::Server,
        SpanKind::Client,
        SpanKind::Producer,
        SpanKind::Consumer,
    ]
    .map(share);
    let [internal, server, client, producer, consumer] = shares;
    assert!((110..=170).contains(&internal), "{shares:?}");
    assert!((240..=320).contains(&server), "{shares:?}");
    assert!((500..=600).contains(&client), "{shares:?}");
    assert!((8..=25).contains(&producer), "{shares:?}");
    assert!((8..=25).contains(&consumer), "{shares:?}");
    let queries = all.iter().filter(|span| {
        let mut keys = span.attributes.iter().map(|attribute| &*attribute.key);
        span.kind() == SpanKind::Client && keys.any(|key| key.starts_with("db."))
    });
    let queries = permille(queries.count(), all.len());
    assert!((220..=310).contains(&queries), "{queries} queries");
    let events = |name: &str| {
        let has = |span: &&&OtlpSpan| span.events.iter().any(|event| event.name == name);
        permille(all.iter().filter(has).count(), all.len())
    };
    assert!((2..=8).contains(&events("exception")));
    assert!(events("rpc.message") > 5);
}

#[test]
fn a_request_is_that_of_one_pod_and_its_sdk() {
    let batch = 128;
    let corpus = Corpus::usual_in_batches(20, 20_000, batch);
    assert!(corpus.arrivals_ms.is_sorted());
    assert_eq!(corpus.arrivals_ms.len(), corpus.requests.len());
    let mut full = 0;
    for request in decoded(&corpus) {
        let [resource_spans] = &request.resource_spans[..] else {
            panic!("{} resources", request.resource_spans.len());
        };
        let resource = resource_spans.resource.as_ref().unwrap();
        assert_eq!(resource.attributes.len(), 15);
        assert!(resource_spans.scope_spans.len() <= 5);
        let scopes = resource_spans.scope_spans.iter();
        let spans: usize = scopes.map(|scope| scope.spans.len()).sum();
        assert!((1..=batch).contains(&spans));
        full += usize::from(spans == batch);
    }
    assert!(full * 3 > corpus.requests.len(), "{full} full requests");
}

#[test]
fn the_two_sides_of_a_call_arrive_in_different_requests() {
    let corpus = Corpus::usual(20, 4_000);
    let (mut together, mut apart) = (0, 0);
    let requests = decoded(&corpus);
    let mut asked = BTreeMap::new();
    for (nth, request) in requests.iter().enumerate() {
        for span in spans(std::slice::from_ref(request)) {
            if span.kind() == SpanKind::Client {
                asked.insert(span.span_id.clone(), nth);
            }
        }
    }
    for (nth, request) in requests.iter().enumerate() {
        for span in spans(std::slice::from_ref(request)) {
            let answered = asked.get(&span.parent_span_id);
            match answered.filter(|_| span.kind() == SpanKind::Server) {
                Some(at) if *at == nth => together += 1,
                Some(_) => apart += 1,
                None => {}
            }
        }
    }
    assert_eq!(together, 0);
    assert!(apart > 500);
}

#[test]
fn a_seed_makes_the_same_bytes() {
    let (one, other) = (Corpus::of(3, 20, 1_000), Corpus::of(3, 20, 1_000));
    assert_eq!(one.requests, other.requests);
    assert_eq!(one.expected, other.expected);
    assert_ne!(one.requests, Corpus::of(4, 20, 1_000).requests);
}

#[test]
fn smaller_requests_hold_the_same_traffic() {
    let usual = Corpus::usual(20, 4_000);
    let small = Corpus::usual_in_batches(20, 4_000, 16);
    assert_eq!(usual.expected, small.expected);
    assert!(usual.requests.len() < small.requests.len());
}

#[test]
fn moved_traffic_is_the_same_but_for_ids_and_times() {
    let mut corpus = Corpus::usual(20, 1_000);
    let before = decoded(&corpus);
    let length_ms = corpus.length_ms();
    corpus.move_on();
    assert_eq!(corpus.length_ms(), length_ms);
    let after = decoded(&corpus);
    let step_ns = (length_ms + 60_000) * 1_000_000;
    for (old, new) in spans(&before).into_iter().zip(spans(&after)) {
        assert_ne!(old.trace_id, new.trace_id);
        assert_eq!(old.end_time_unix_nano + step_ns, new.end_time_unix_nano);
        let moved = OtlpSpan {
            trace_id: old.trace_id.clone(),
            start_time_unix_nano: old.start_time_unix_nano,
            end_time_unix_nano: old.end_time_unix_nano,
            links: old.links.clone(),
            ..new.clone()
        };
        assert_eq!(*old, moved);
        for (old, new) in old.links.iter().zip(&new.links) {
            assert_ne!(old.trace_id, new.trace_id);
            assert_eq!(old.span_id, new.span_id);
        }
    }
}
