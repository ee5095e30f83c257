use std::sync::atomic::AtomicU64;

use tracemesh_graph::attribute::AttributeSet;
use tracemesh_graph::span::{SpanEvents, SpanId, SpanKind, SpanSink, SpanView, TraceId};

use super::*;

fn records(pipeline: &Pipeline, traces: std::ops::Range<u64>) -> Vec<SpanRecord> {
    let mut recorder = pipeline.recorder();
    let attributes = AttributeSet::default();
    recorder.resource(&attributes);
    for trace in traces {
        recorder.span(&SpanView {
            trace_id: TraceId(u128::from(trace + 1).to_be_bytes()),
            span_id: SpanId((trace + 1).to_be_bytes()),
            parent_id: None,
            kind: SpanKind::Server,
            start_ns: 1,
            end_ns: 2,
            is_error: false,
            flags: 0,
            trace_state: "",
            name: "GET",
            attributes: &attributes,
            events: SpanEvents::default(),
            links: &[],
        });
    }
    recorder.take_records()
}

fn start(shards: usize, capacity: usize) -> Pipeline {
    let shards = NonZeroUsize::new(shards).unwrap();
    Pipeline::start(&Settings::default(), shards, capacity).unwrap()
}

#[test]
fn everything_submitted_is_processed_before_a_flush_answers() {
    let pipeline = start(3, 100_000);
    let rejected = BTreeMap::from([(RejectReason::Utf8, 2)]);
    for _ in 0..20 {
        let records = records(&pipeline, 0..50);
        pipeline.submit(records, &rejected).unwrap();
    }
    let mut expected = Segment::default();
    expected.count_rejected(&BTreeMap::from([(RejectReason::Utf8, 40)]));
    let mut seen = pipeline.flush().settled;
    assert_eq!(pipeline.queued_records(), 0);
    seen.merge(pipeline.drain());
    assert!(!seen.is_empty());
}

#[test]
fn a_full_queue_refuses_whole_requests_and_takes_them_later() {
    let pipeline = start(1, 10);
    pipeline.pretend_queued(8);
    let rejected = BTreeMap::from([(RejectReason::Utf8, 1)]);
    let three = records(&pipeline, 0..3);
    assert_eq!(
        pipeline.submit(three.clone(), &rejected),
        Err(Refused::Overloaded)
    );
    assert_eq!(pipeline.queued_records(), 8);
    assert!(pipeline.rejected.lock().unwrap().is_empty());
    pipeline.pretend_queued(7);
    assert_eq!(pipeline.submit(three, &rejected), Ok(()));
    let _rest = pipeline.drain();
    assert_eq!(pipeline.queued_records(), 7);
}

#[test]
fn a_request_larger_than_the_queue_is_taken_when_nothing_waits() {
    let pipeline = start(2, 10);
    let many = records(&pipeline, 0..100);
    assert_eq!(pipeline.submit(many, &BTreeMap::new()), Ok(()));
    let _rest = pipeline.drain();
}

#[test]
fn a_drained_pipeline_refuses() {
    let pipeline = start(2, 10);
    let _rest = pipeline.drain();
    let one = records(&pipeline, 0..1);
    assert_eq!(
        pipeline.submit(one, &BTreeMap::new()),
        Err(Refused::Stopped)
    );
}

#[test]
fn the_records_of_a_trace_stay_together_and_in_order() {
    let pipeline = start(4, 10);
    let mut all = records(&pipeline, 0..40);
    all.extend(records(&pipeline, 0..40));
    let parts = pipeline.partition(all);
    assert_eq!(parts.iter().map(Vec::len).sum::<usize>(), 80);
    for (shard, part) in parts.iter().enumerate() {
        for record in part {
            assert_eq!(shard_of(record.slice_key(), 4), shard);
        }
        let (first, second) = part.split_at(part.len() / 2);
        let ids = |part: &[SpanRecord]| part.iter().map(SpanRecord::slice_key).collect::<Vec<_>>();
        assert_eq!(ids(first), ids(second));
    }
}

#[test]
fn shards_are_even_for_random_keys_and_counters() {
    for key in [
        |n: u64| n,
        |n: u64| n << 40,
        |n: u64| n.wrapping_mul(0x0123_4567_89ab_cdef),
    ] {
        let mut counts = [0_u32; 8];
        for number in 1..=8_000 {
            counts[shard_of(key(number), 8)] += 1;
        }
        assert!(
            counts.iter().all(|count| (800..1_200).contains(count)),
            "{counts:?}"
        );
    }
}

#[test]
fn time_is_stamped_once_per_request_by_the_given_clock() {
    let now = Arc::new(AtomicU64::new(7));
    let reads = Arc::clone(&now);
    let clock: MonotonicMs = Arc::new(move || reads.fetch_add(1, Ordering::SeqCst));
    let shards = NonZeroUsize::new(1).unwrap();
    let pipeline = Pipeline::start_with_clock(&Settings::default(), shards, 10, clock).unwrap();
    let one = records(&pipeline, 0..1);
    pipeline.submit(one, &BTreeMap::new()).unwrap();
    assert!(now.load(Ordering::SeqCst) >= 8);
    let _rest = pipeline.drain();
}

mod affinity;
