use std::sync::atomic::AtomicU64;

use tracemesh_graph::attribute::AttributeSet;
use tracemesh_graph::span::{SpanEvents, SpanId, SpanKind, SpanSink, SpanView, TraceId};

use super::batch::list_of;
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
fn the_records_of_a_trace_go_to_one_shard_and_stay_in_order() {
    let pipeline = start(4, 10);
    let mut all = records(&pipeline, 0..40);
    all.extend(records(&pipeline, 0..40));
    let desk = Arc::<Desk>::default();
    desk.queued.store(80, Ordering::Release);
    let request = Request::new(all, 4, Arc::clone(&desk));
    let batches: Vec<_> = request.batches(7).collect();
    let mut seen = 0;
    for (shard, batch) in &batches {
        assert_eq!(batch.now_ms, 7);
        let mut places: BTreeMap<u64, Vec<*const SpanRecord>> = BTreeMap::new();
        for record in batch.records() {
            let key = record.slice_key();
            assert_eq!(list_of(key, 4), *shard);
            places.entry(key).or_default().push(record);
            seen += 1;
        }
        let places = places.values();
        assert!(
            places
                .into_iter()
                .all(|places| places.len() == 2 && places.is_sorted())
        );
    }
    assert_eq!(seen, 80);
    assert_eq!(desk.queued.load(Ordering::Acquire), 80);
    drop(batches);
    assert_eq!(desk.queued.load(Ordering::Acquire), 0);
    assert!(desk.has_spare(80));
}

/// As a sender sends them: spans of many traces in turn.
#[test]
fn the_records_of_a_trace_stand_side_by_side() {
    let pipeline = start(1, 10);
    let mut all = records(&pipeline, 0..100);
    all.extend(records(&pipeline, 0..100));
    let desk = Arc::<Desk>::default();
    desk.queued.store(200, Ordering::Release);
    let request = Request::new(all, 1, desk);
    let (_, batch) = request.batches(0).next().unwrap();
    let keys: Vec<u64> = batch.records().map(SpanRecord::slice_key).collect();
    let repeats = keys.windows(2).filter(|pair| pair[0] == pair[1]);
    assert!(repeats.count() >= 50, "{keys:?}");
}

#[test]
fn gauges_say_what_is_buffered_and_nothing_after_a_stop() {
    let pipeline = start(2, 1_000);
    let spans = records(&pipeline, 0..100);
    pipeline.submit(spans, &BTreeMap::new()).unwrap();
    let _flush = pipeline.flush();
    // A shard answers before it sets its gauges; the second answer comes after them.
    let _flush = pipeline.flush();
    let usage = pipeline.usage();
    assert_eq!((usage.open_records, usage.open_slices), (100, 100));
    assert!((6_400..25_600).contains(&usage.open_bytes), "{usage:?}");
    assert!(usage.held_bytes >= usage.open_bytes + usage.waiting_bytes);
    let _rest = pipeline.drain();
    let usage = pipeline.usage();
    let none = Usage {
        held_bytes: usage.held_bytes,
        ..Usage::default()
    };
    assert_eq!(usage, none);
}

/// Flushes are made in steps between requests: whatever came before one was asked for is in it, once.
#[test]
fn flushes_between_requests_hold_each_span_once() {
    let pipeline = start(2, 1_000_000);
    for round in 0..10_u64 {
        let traces = round * 2_000..(round + 1) * 2_000;
        let spans = records(&pipeline, traces);
        pipeline.submit(spans, &BTreeMap::new()).unwrap();
        let mut flush = pipeline.flush();
        flush.settled.merge(flush.waiting);
        let spans = flush
            .settled
            .snapshot(&Settings::default())
            .diagnostics
            .spans;
        assert_eq!(spans, (round + 1) * 2_000);
    }
    let rest = pipeline.drain().snapshot(&Settings::default());
    assert_eq!(rest.diagnostics.spans, 20_000);
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
            counts[list_of(key(number), 8)] += 1;
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
