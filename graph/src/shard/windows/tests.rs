use super::*;
use crate::attribute::AttributeSet;
use crate::record::Recorder;
use crate::span::{SpanEvents, SpanId, SpanKind, SpanSink, SpanView, TraceId};

/// A shard with a server span for each (trace, start in hours).
fn shard(spans: &[(u64, u64)], settings: &Settings) -> Shard {
    let names = Arc::new(Names::new(settings));
    let mut recorder = Recorder::new(Arc::clone(&names), settings);
    let mut shard = Shard::windowed(names, settings.clone());
    let attributes = AttributeSet::default();
    for (number, (trace, hour)) in (1_u64..).zip(spans) {
        recorder.resource(&attributes);
        recorder.span(&SpanView {
            trace_id: TraceId(u128::from(*trace).to_be_bytes()),
            span_id: SpanId(number.to_be_bytes()),
            parent_id: None,
            kind: SpanKind::Server,
            start_ns: hour * HOUR_NS + number,
            end_ns: hour * HOUR_NS + number + 1,
            is_error: false,
            flags: 0,
            trace_state: "",
            name: "GET",
            attributes: &attributes,
            events: SpanEvents::default(),
            links: &[],
        });
        for record in recorder.take_records() {
            shard.push(record, number);
        }
    }
    shard
}

/// Start and width of each window in hours, and the spans in it.
fn windows(shard: &mut Shard) -> Vec<(u64, u64, u64)> {
    let windows = shard.windows();
    let counted = windows.into_iter().map(|window| {
        let segment = shard.take_window(&window);
        let spans = segment.nodes.values().map(|node| node.spans).sum();
        let (start, end) = (window.start.unwrap().0, window.end.unwrap().0);
        (start / HOUR_NS, (end - start) / HOUR_NS, spans)
    });
    counted.collect()
}

#[test]
fn a_trace_counts_as_a_whole_in_the_hour_of_its_earliest_span() {
    let settings = Settings::default();
    let mut shard = shard(&[(1, 10), (2, 12), (1, 11), (3, 12), (2, 500)], &settings);
    assert_eq!(windows(&mut shard), [(10, 1, 2), (12, 1, 3)]);
    assert_eq!(windows(&mut shard), []);
}

#[test]
fn windows_grow_all_at_once_to_the_smallest_that_keeps_the_bound_cut_or_not() {
    let spans: Vec<(u64, u64)> = (0..1_500).map(|n| (n + 1, n * 3)).collect();
    for max_open_records in [1, 100, 10_000] {
        let settings = Settings {
            max_open_records,
            ..Settings::default()
        };
        let found = windows(&mut shard(&spans, &settings));
        assert_eq!(found.len(), 750, "{max_open_records}");
        assert!(
            found
                .iter()
                .all(|(start, width, spans)| { (start % 6, *width, *spans) == (0, 6, 2) })
        );
    }
}

#[test]
fn times_from_1970_to_2554_fit() {
    let last = u64::MAX / HOUR_NS - 1;
    let spans: Vec<(u64, u64)> = (0..3_000).map(|n| (n + 1, last / 2_999 * n)).collect();
    let found = windows(&mut shard(&spans, &Settings::default()));
    assert!(found.len() <= MAX_WINDOWS, "{}", found.len());
    assert_eq!(found.iter().map(|(_, _, spans)| spans).sum::<u64>(), 3_000);
}

#[test]
fn a_shard_without_windows_has_none() {
    let settings = Settings::default();
    let mut shard = Shard::new(Arc::new(Names::new(&settings)), settings);
    assert_eq!(windows(&mut shard), []);
}
