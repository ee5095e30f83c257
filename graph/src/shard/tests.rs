use super::*;
use crate::attribute::{AttributeSet, Key, Value};
use crate::record::Recorder;
use crate::span::{SpanEvents, SpanId, SpanKind, SpanSink, SpanView};

struct Instance {
    recorder: Recorder,
    shard: Shard,
    settings: Settings,
    spans: u64,
}

impl Instance {
    fn new(settings: Settings) -> Self {
        let names = Arc::new(Names::new(&settings));
        Self {
            recorder: Recorder::new(Arc::clone(&names), &settings),
            shard: Shard::new(names, settings.clone()),
            settings,
            spans: 0,
        }
    }

    /// A call that lacks its other half, so that its slice waits for it.
    fn receive(&mut self, trace: u64, now_ms: u64) {
        self.receive_child(trace, None, now_ms);
    }

    fn receive_child(&mut self, trace: u64, parent: Option<u64>, now_ms: u64) {
        self.spans += 1;
        let mut attributes = AttributeSet::default();
        attributes.insert(Key::ServiceName, Value::Text("a"));
        attributes.insert(Key::ServerAddress, Value::Text("b.example"));
        self.recorder.resource(&attributes);
        self.recorder.span(&SpanView {
            trace_id: TraceId(u128::from(trace).to_be_bytes()),
            span_id: SpanId((self.spans + 1_000_000).to_be_bytes()),
            parent_id: parent.map(|id| SpanId(id.to_be_bytes())),
            kind: SpanKind::Client,
            start_ns: 1_000 + self.spans,
            end_ns: 2_000 + self.spans,
            is_error: false,
            flags: 0,
            trace_state: "",
            name: "GET",
            attributes: &attributes,
            events: SpanEvents::default(),
            links: &[],
        });
        for record in self.recorder.take_records() {
            self.shard.push(record, now_ms);
        }
    }

    /// Takes the records of a slice that waits.
    fn leave(&mut self, key: u64) -> Vec<SpanRecord> {
        let chains = &self.shard.chains;
        let (_, chain) = self.shard.waiting.leave(key, chains).unwrap();
        let mut records = Vec::new();
        chains.read(&Slice { key, chain }, &mut records);
        records
    }

    fn open(&self) -> usize {
        self.shard.usage().open_slices
    }

    /// Spans that flushes so far and what is left account for.
    fn spans_told(&self, mut settled: Segment, waiting: Segment) -> u64 {
        settled.merge(waiting);
        settled.snapshot(&self.settings).diagnostics.spans
    }
}

#[test]
fn a_slice_closes_when_it_was_idle_for_the_time_set_and_not_a_millisecond_before() {
    let mut instance = Instance::new(Settings::default());
    for now_ms in [5, 9_000, 18_999] {
        instance.receive(1, now_ms);
    }
    instance.shard.tick(28_998);
    assert_eq!(instance.open(), 1);
    instance.shard.tick(28_999);
    assert_eq!((instance.open(), instance.shard.waiting_records()), (0, 3));
}

#[test]
fn a_slice_that_is_never_idle_closes_at_the_age_set() {
    let mut instance = Instance::new(Settings::default());
    for now_ms in (7..60_007).step_by(1_000) {
        instance.shard.tick(now_ms);
        instance.receive(1, now_ms);
    }
    instance.shard.tick(60_006);
    assert_eq!(instance.open(), 1);
    instance.shard.tick(60_007);
    assert_eq!((instance.open(), instance.shard.waiting_records()), (0, 60));
}

#[test]
fn the_longest_idle_slice_closes_first_when_there_are_too_many_records() {
    let mut instance = Instance::new(Settings {
        max_open_records: 3,
        ..Settings::default()
    });
    for (trace, now_ms) in [(1, 0), (2, 10), (1, 20), (3, 30)] {
        instance.receive(trace, now_ms);
    }
    let open = |trace: u64| instance.shard.open.slice(trace).is_some();
    assert_eq!([1, 2, 3].map(open), [true, false, true]);
}

#[test]
fn a_late_slice_waits_on_with_what_came_before_it() {
    let mut instance = Instance::new(Settings::default());
    instance.receive(1, 0);
    instance.shard.tick(20_000);
    for trace in [1, 2] {
        instance.receive(trace, 30_000);
    }
    instance.shard.tick(60_000);
    let usage = instance.shard.usage();
    assert_eq!((usage.waiting_slices, usage.waiting_records), (2, 3));
    assert_eq!(instance.shard.counters["late_slices"], 1);
    instance.shard.close_all();
    let settled = instance.shard.take_segment();
    assert_eq!(instance.spans_told(settled, Segment::default()), 3);
    assert_eq!(instance.shard.usage().open_bytes, 0);
    assert_eq!(instance.shard.usage().waiting_bytes, 0);
}

/// Waiting slices give way first, then open ones; each span is counted, and what was cut is told.
#[test]
fn bytes_stay_within_the_budget_and_every_span_is_counted() {
    const BUDGET: usize = 20_000;
    let mut instance = Instance::new(Settings {
        max_buffered_bytes: BUDGET,
        ..Settings::default()
    });
    for trace in 1..=150 {
        instance.receive(trace, trace);
    }
    instance.shard.tick(20_000);
    assert_eq!(instance.shard.usage().waiting_slices, 150);
    for trace in 1_001..=2_000 {
        instance.receive(trace, 30_000 + trace);
        let usage = instance.shard.usage();
        assert!(usage.open_bytes + usage.waiting_bytes <= BUDGET);
    }
    let usage = instance.shard.usage();
    assert_eq!(usage.waiting_slices, 0);
    assert!(usage.open_slices > 100, "{usage:?}");
    instance.shard.close_all();
    let settled = instance.shard.take_segment();
    assert!(settled.counters["slices_closed_early"] > 500);
    assert_eq!(instance.spans_told(settled, Segment::default()), 1_150);
}

#[test]
fn memory_is_given_back_when_load_is_over() {
    let mut instance = Instance::new(Settings {
        max_waiting_records: 0,
        ..Settings::default()
    });
    let idle = instance.shard.usage().held_bytes;
    for trace in 1..=40_000 {
        instance.receive(trace, trace / 10);
    }
    let busy = instance.shard.usage();
    let per_slice = busy.open_bytes / busy.open_slices;
    assert!(
        per_slice <= 128,
        "{per_slice} bytes for a slice of one span"
    );
    instance.shard.tick(100_000);
    let after = instance.shard.usage();
    assert_eq!((after.open_bytes, after.waiting_bytes), (0, 0));
    assert!(after.held_bytes <= idle, "{after:?}");
    assert!(busy.held_bytes > 2 * after.held_bytes);
}

/// Spans come between the steps of a flush: for slices that it counted, for others, and late ones.
#[test]
fn a_flush_in_steps_holds_each_span_at_most_once_and_all_from_before_it() {
    let mut instance = Instance::new(Settings::default());
    for trace in 1..=40 {
        instance.receive(trace, trace);
    }
    instance.shard.tick(30_000);
    for trace in 30..=60 {
        instance.receive(trace, 31_000);
    }
    let (mut settled, mut now_ms) = (Segment::default(), 32_000);
    for _ in 0..3 {
        let before = instance.spans;
        instance.shard.begin_flush();
        let flush = loop {
            now_ms += 2_000;
            instance.receive(1 + now_ms / 1_000 % 80, now_ms);
            instance.shard.tick(now_ms);
            if let Some(flush) = instance.shard.step_flush(3) {
                break flush;
            }
        };
        assert!(!instance.shard.is_flushing());
        settled.merge(flush.settled);
        let told = instance.spans_told(settled.clone(), flush.waiting);
        assert!((before..=instance.spans).contains(&told), "{told}");
        instance.shard.tick(now_ms);
    }
    let last = instance.shard.flush();
    settled.merge(last.settled);
    assert_eq!(
        instance.spans_told(settled.clone(), last.waiting),
        instance.spans
    );
    instance.shard.close_all();
    settled.merge(instance.shard.take_segment());
    assert_eq!(
        instance.spans_told(settled, Segment::default()),
        instance.spans
    );
}

/// Want of room ends a flush before its time; it is still given once, and a stop loses nothing of it.
#[test]
fn a_flush_that_was_finished_for_want_of_room_is_given_at_the_next_step() {
    for stops in [false, true] {
        let mut instance = Instance::new(Settings {
            max_open_records: 10,
            max_waiting_records: 0,
            ..Settings::default()
        });
        for trace in 1..=10 {
            instance.receive(trace, trace);
        }
        instance.shard.begin_flush();
        assert!(instance.shard.step_flush(1).is_none());
        for trace in 11..=15 {
            instance.receive(trace, trace);
        }
        assert!(instance.shard.is_flushing());
        if stops {
            instance.shard.close_all();
            assert!(instance.shard.step_flush(1).is_none());
        } else {
            let flush = instance.shard.step_flush(1).unwrap();
            assert_eq!(instance.spans_told(flush.settled, flush.waiting), 11);
            instance.shard.close_all();
        }
        let rest = instance.shard.take_segment();
        assert_eq!(instance.spans_told(rest, Segment::default()), 15);
    }
}

#[test]
fn a_trace_that_lost_half_of_its_id_stays_one_with_the_rest_when_it_is_late() {
    let mut instance = Instance::new(Settings::default());
    instance.receive(7, 0);
    instance.shard.tick(20_000);
    let whole = u128::from(9_u64) << 64 | 7;
    instance.receive(8, 21_000);
    instance.shard.tick(40_000);
    let mut late = instance.leave(8);
    late[0].trace_id = TraceId(whole.to_be_bytes());
    instance.shard.push(late.remove(0), 41_000);
    instance.shard.tick(60_000);
    let records = instance.leave(7);
    let mut highs: Vec<u64> = records
        .iter()
        .map(|record| record.trace_id.high())
        .collect();
    highs.sort_unstable();
    assert_eq!(highs, [0, 9]);
    assert_eq!(split_by_trace(records).len(), 1);
}
